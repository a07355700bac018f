"""Makes touches and orders as Parquet, in order of time, the same bytes for the same size, and a project that credits them.

touches.parquet the customer, when, one of ten channels, seen or clicked on: ten touches a customer over 90 days, some
                customers many and most few
orders.parquet  the customer, when, how much: one for every ten touches

Usage: touches.py TOUCHES FOLDER [MEMORY]    then: /usr/bin/time -v touchstone -C FOLDER measure content
"""

import sys
from pathlib import Path

import duckdb

from generate import DAY, START, uniform

TOUCHES = """
COPY (
    SELECT
        ({customers} * pow({u1}, 1.2))::BIGINT AS customer,
        make_timestamp({start} + i * {step}) AS time,
        ['email', 'web', 'app', 'search', 'display', 'social', 'store', 'call', 'push', 'direct']
            [1 + (10 * {u2} * {u2})::INTEGER % 10] AS channel,
        if({u3} < 0.2, 'click', 'view') AS kind
    FROM range({touches}) t(i)
) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""

ORDERS = """
COPY (
    SELECT
        ({customers} * pow({u4}, 1.2))::BIGINT AS customer,
        make_timestamp({start} + i * {step}) AS time,
        floor(2000 * exp(0.8 * sqrt(-2 * ln({u5})) * cos(2 * pi() * {u6}))) / 100 AS amount
    FROM range({orders}) t(i)
) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""

SETTINGS = """\
name: Touches
currency: EUR
time_zone: UTC
margin: 0.4
engine: {{ memory: {memory}, threads: 2 }}
"""

CATALOG = """\
{ kind: source, name: touches, path: touches.parquet }
---
{ kind: source, name: orders, path: orders.parquet }
---
{ kind: fact, name: orders, source: orders, customer: customer, time: time }
---
{ kind: touch, name: touches, source: touches, customer: customer, time: time, channel: channel, engagement: kind }
---
kind: attribution
name: credit
conversion: { fact: orders, value: amount, unit: money }
touches: [touches]
windows: { display: { view: 1 day, click: 30 days } }
direct: direct
"""


def main() -> None:
    touches, folder = int(sys.argv[1]), Path(sys.argv[2])
    memory = sys.argv[3] if len(sys.argv) > 3 else "2GB"
    (folder / "catalog").mkdir(parents=True, exist_ok=True)
    (folder / "touchstone.yaml").write_text(SETTINGS.format(memory=memory))
    (folder / "catalog" / "credit.yaml").write_text(CATALOG)
    uniforms = {f"u{salt}": uniform(salt) for salt in range(1, 7)}
    duckdb.execute("SET enable_progress_bar = false")
    for query, name, rows in ((TOUCHES, "touches", touches), (ORDERS, "orders", touches // 10)):
        duckdb.execute(
            query.format(
                path=folder / f"{name}.parquet",
                start=START,
                step=90 * DAY // rows,
                customers=touches // 10,
                touches=touches,
                orders=rows,
                **uniforms,
            )
        )


if __name__ == "__main__":
    main()
