"""Makes the benchmark's tables as Parquet, the same bytes for the same size.

wide.parquet        one row a customer: the arm, ten metrics m0..m9, ten covariates c0..c9 known before.
                    All are log-normal and share a latent trait; 5..9 are zero for nine customers in ten.
                    And ten segments g0..g9: texts, small integers and a truth value; g2 follows the trait.
assignments.parquet one row a customer: the arm, and when it was assigned.
events.parquet      one row an order, in order of time: the customer, when, how much. Orders fall before,
                    in and after the experiment, and a sixth of the customers is not in it.

Usage: generate.py ROWS FOLDER    ROWS customers in wide.parquet, 5 x ROWS orders, ROWS / 2 assignments
"""

import sys
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 7
ROW_GROUP = 122_880  # what DuckDB itself writes
START = 1_704_067_200_000_000  # 2024-01-01 in microseconds
DAY = 86_400_000_000
SEGMENT_TEXTS = {1: 3, 2: 4, 3: 10, 5: 20, 6: 50, 8: 5, 9: 100}  # segments that are texts, and how many values each has

EVENTS = """
COPY (
    SELECT
        -- The power: some customers order often, many seldom.
        ({customers} * pow({u1}, 1.2))::BIGINT AS customer,
        make_timestamp({start} + i * {step}) AS time,
        floor(2000 * exp(0.8 * sqrt(-2 * ln({u2})) * cos(2 * pi() * {u3}))) / 100 AS amount
    FROM range({events}) t(i)
) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""

ASSIGNMENTS = """
COPY (
    SELECT
        i AS customer,
        ({u2} < 0.5)::TINYINT AS arm,
        make_timestamp({start} + 30 * {day} + ({u1} * 30 * {day})::BIGINT) AS time
    FROM range({customers}) t(i)
    ORDER BY time
) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""


def uniform(salt: int) -> str:
    """SQL: a number in (0, 1) that depends on the row's `i` alone, whatever the thread count."""
    return f"(((hash(4 * i + {salt}) >> 11)::DOUBLE + 0.5::DOUBLE) / 9007199254740992::DOUBLE)"


def wide(rows: int, path: Path) -> None:
    rng = np.random.default_rng(SEED)
    # Of their own, so that the numbers do not depend on which segments there are.
    segment_rng = np.random.default_rng([SEED, 1])
    texts = [f"g{i}" for i in SEGMENT_TEXTS]
    writer = None
    for first in range(0, rows, ROW_GROUP):
        columns, trait = wide_columns(rng, first, min(ROW_GROUP, rows - first))
        table = pa.table(columns | segment_columns(segment_rng, trait))
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd", use_dictionary=texts)
        writer.write_table(table)
    writer.close()


def segment_columns(rng: np.random.Generator, trait: np.ndarray) -> dict[str, np.ndarray | pa.Array]:
    n = len(trait)
    columns: dict[str, np.ndarray | pa.Array] = {
        "g0": rng.random(n, dtype=np.float32) < 0.3,
        "g4": rng.integers(0, 6, n, dtype=np.int8),
        "g7": rng.integers(2000, 2024, n, dtype=np.int16),
    }
    tiers = np.searchsorted([-1.0, 0.0, 1.0], 0.8 * trait + 0.6 * rng.standard_normal(n, dtype=np.float32))
    for i, number in SEGMENT_TEXTS.items():
        # The square: some values are much more frequent than others.
        codes = tiers if i == 2 else (number * rng.random(n) ** 2)
        missing = rng.random(n, dtype=np.float32) < 0.1 if i == 8 else None
        indices = pa.array(codes.astype(np.int8), mask=missing)
        columns[f"g{i}"] = pa.DictionaryArray.from_arrays(indices, [f"value {k}" for k in range(number)])
    return dict(sorted(columns.items()))


def wide_columns(rng: np.random.Generator, first: int, n: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    def log_normal() -> np.ndarray:
        return np.exp(0.6 * trait + 0.6 * rng.standard_normal(n, dtype=np.float32))

    def rarely(values: np.ndarray) -> np.ndarray:
        return np.where(rng.random(n, dtype=np.float32) < 0.1, 20 * values, 0)

    arm = rng.integers(0, 2, n, dtype=np.int8)
    trait = rng.standard_normal(n, dtype=np.float32)
    columns = {"user": np.arange(first, first + n, dtype=np.int64), "variant": arm}
    for i in range(10):
        before = log_normal()
        after = log_normal() * (1 + 0.002 * i * arm)
        if i >= 5:
            before, after = rarely(before), rarely(after)
        columns[f"m{i}"] = after.astype(np.float64)
        columns[f"c{i}"] = before.astype(np.float64)
    return columns, trait


def events(rows: int, folder: Path) -> None:
    orders, assigned = 5 * rows, rows // 2
    uniforms = {f"u{salt}": uniform(salt) for salt in (1, 2, 3)}
    duckdb.execute(
        EVENTS.format(
            path=folder / "events.parquet",
            events=orders,
            customers=assigned * 6 // 5,
            start=START,
            step=90 * DAY // orders,
            **uniforms,
        )
    )
    duckdb.execute(
        ASSIGNMENTS.format(
            path=folder / "assignments.parquet", customers=assigned, start=START, day=DAY, **uniforms
        )
    )


def main() -> None:
    rows, folder = int(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    duckdb.execute("SET enable_progress_bar = false")
    wide(rows, folder / "wide.parquet")
    events(rows, folder)


if __name__ == "__main__":
    main()
