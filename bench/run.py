"""Measures `touchstone measure` beside its peers and beside what the hardware allows.

Every contender is a whole process on the same files with the same number of threads. After a warm-up round,
which also brings the files into the page cache, they take turns (A B C, A B C, ...), so that what else the
machine does falls on all of them, and each is compared with the hand-written query of the same round.

    bench/run.py [--touchstone PATH | --peers-only] [--rows N] [--rounds N] [--only TEXT]

The result is printed, and at full size written into docs/benchmarks.md, where it takes the place of the same comparison.
Environment: BENCH_ROWS, BENCH_ROUNDS and BENCH_ONLY (what the titles of comparisons contain), BENCH_LONGEST (seconds), and
BENCH_TOUCHES for the journeys that are built from single touches.
"""

import argparse
import importlib.metadata
import json
import math
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".bench" / "data"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

FULL_SIZE = 10_000_000
TOUCHES = int(os.environ.get("BENCH_TOUCHES", 20_000_000))
# What the engine may use for them: less than they take, so that it spills.
TOUCHES_MEMORY = "1GB"
THREADS = os.cpu_count()
VALUES = [f"{kind}{i}" for kind in "mc" for i in range(10)]

# Else DuckDB answers `max` from the statistics in the Parquet files, without reading a row.
READ_ALL = "SET disabled_optimizers = 'statistics_propagation'"

WIDE_READ = f"{READ_ALL}; SELECT {', '.join(f'max({column})' for column in ['variant', *VALUES])} FROM 'wide.parquet'"

WIDE_SUMS = f"""SELECT variant, count(*), {", ".join(
    f"sum(m{i}), sum(m{i} * m{i}), sum(c{i}), sum(c{i} * c{i}), sum(m{i} * c{i})" for i in range(10)
)} FROM 'wide.parquet' GROUP BY variant"""

WIDE_SEGMENTS = f"""SELECT variant, {", ".join(f"g{i}" for i in range(10))}, count(*), {", ".join(
    f"sum(m{i}), sum(m{i} * m{i})" for i in range(10)
)} FROM 'wide.parquet' GROUP BY GROUPING SETS ({", ".join(f"(variant, g{i})" for i in range(10))})"""

EVENTS_READ = f"""{READ_ALL};
SELECT max(customer), max(time), max(amount) FROM 'events.parquet';
SELECT max(customer), max(arm), max(time) FROM 'assignments.parquet'"""

EVENTS_QUERY = """WITH customers AS (
    SELECT
        any_value(assigned.arm) AS arm,
        coalesce(sum(event.amount), 0) AS revenue,
        count(event.customer) AS orders,
        (count(event.customer) > 0)::INTEGER AS buyer
    FROM 'assignments.parquet' AS assigned
    LEFT JOIN 'events.parquet' AS event
        ON event.customer = assigned.customer
        AND event.time >= assigned.time
        AND event.time < assigned.time + INTERVAL 14 DAY
    GROUP BY assigned.customer
)
SELECT
    arm, count(*),
    avg(revenue), var_samp(revenue), avg(orders), var_samp(orders), avg(buyer), var_samp(buyer)
FROM customers GROUP BY arm"""

# What a model of purchases is fitted to: how often, how long and for how much each customer bought, a day's orders together.
PURCHASES_QUERY = """WITH days AS (
    SELECT customer, CAST(time AS DATE) AS day, sum(amount) AS amount FROM 'events.parquet' GROUP BY ALL
), customers AS (
    SELECT customer, count(*) - 1 AS repeat, max(day) - min(day) AS days, sum(amount) AS amount FROM days GROUP BY ALL
)
SELECT count(*), sum(repeat), avg(days), avg(amount) FROM customers"""


# A contender that takes longer is stopped, and that is what the table says.
LONGEST = float(os.environ.get("BENCH_LONGEST", 180))


@dataclass
class Contender:
    name: str
    command: list[str]
    folder: Path
    longest: float = LONGEST
    """Seconds after which it is stopped."""


# Horizon of the values of customers.
YEARS = "5"


@dataclass
class Sample:
    wall: float
    """Seconds from start to exit."""
    cpu: float
    """Seconds of processor, all threads, user and system."""
    peak: float
    """GiB, the largest resident set."""
    analysis: float | None
    """Seconds that the process itself says its analysis took, without starting the interpreter and reading."""


@dataclass
class Comparison:
    title: str
    contenders: list[Contender]
    reference: str
    """The contender that others are divided by."""
    rounds: int | None = None
    """Fewer than asked for, where peers take minutes."""
    prepare: Callable[[], None] | None = None
    """Makes the files."""


def comparisons(data: Path, touchstone: Path | None) -> list[Comparison]:
    def query(name: str, sql: str) -> Contender:
        settings = f"SET threads = {THREADS}; SET enable_progress_bar = false"
        command = [str(duckdb_cli()), "-init", os.devnull, "-csv", "-c", f"{settings}; {sql}"]
        return Contender(name, command, data)

    def measure(experiment: str) -> list[Contender]:
        if touchstone is None:
            return []
        command = [str(touchstone), "measure", "audience", experiment, "--format", "json"]
        return [Contender(f"`touchstone measure audience {experiment}`", command, ROOT / "bench" / "project")]

    tea_command = [sys.executable, str(ROOT / "bench" / "tea.py"), "wide.parquet", str(THREADS)]
    tea_tasting = f"tea-tasting {importlib.metadata.version('tea-tasting')} on DuckDB, one covariate a metric"
    sums, by_hand = "one query by hand, sums only", "one query by hand"
    rows = int(data.name)
    return [
        Comparison(
            f"A table with a row a customer: {count(rows)} customers, 10 metrics, 10 covariates, 10 segments "
            f"({size(data, 'wide')})",
            [
                query("reading the columns (`max` of each)", WIDE_READ),
                query(sums, WIDE_SUMS),
                *measure("wide"),
                *measure("wide-all"),
                query("one query by hand, sums only, by each of the ten segments", WIDE_SEGMENTS),
                *measure("wide-full"),
                Contender(tea_tasting, tea_command, data),
            ],
            sums,
        ),
        Comparison(
            f"Raw events: {count(5 * rows)} orders ({size(data, 'events')}), {count(rows // 2)} "
            f"assignments ({size(data, 'assignments')}), three metrics over 14 days from assignment",
            [
                query("reading the columns (`max` of each)", EVENTS_READ),
                query(by_hand, EVENTS_QUERY),
                *measure("events"),
            ],
            by_hand,
        ),
        Comparison(
            f"Lifetimes: {count(5 * rows)} orders ({size(data, 'events')}), to the three models, values, cohorts and the "
            "back-test, beside a query that only sums up the customers",
            [query(by_hand, PURCHASES_QUERY), *measure("lives")],
            by_hand,
            rounds=1,
        ),
    ]


# What each analysis is called in crates/stats/benches/analyses.rs (its criterion id) and in bench/gb.py.
ANALYSES = [
    ("Welch's t, absolute and relative", "fixed/Welch's t, absolute and relative", "t test"),
    ("adjusted for one covariate", "fixed/adjusted for 1", "adjusted for 1"),
    ("adjusted for ten covariates", "fixed/adjusted for 10", None),
    ("shares", "fixed/shares, 4.5 against 4.7 per cent", None),
    ("ratio by the delta method", "fixed/ratio by the delta method", None),
    ("sample ratio", "fixed/sample ratio", None),
    ("confidence sequence, look 14 of 28", "sequential, look 14 of 28/anytime", "sequential"),
    ("group sequential, look 14 of 28", "sequential, look 14 of 28/group sequential", None),
    ("calibrated hybrid, look 14 of 28", "sequential, look 14 of 28/calibrated hybrid", None),
    ("normal prior: interval, chance, losses", "Bayes/normal prior on the relative lift", "Bayes"),
    ("exact Beta-Binomial: chance and losses", "Bayes/exact Beta-Binomial: chance and losses", None),
]


ANALYSES_TITLE = "One analysis from summaries: two arms of 5 M customers, microseconds"


def analyses(made: str) -> str:
    """One analysis from summaries, in microseconds, beside gbstats."""
    command = ["cargo", "bench", "--locked", "--quiet", "-p", "touchstone-stats", "--bench", "analyses", "--"]
    environment = os.environ | {"LD_LIBRARY_PATH": str(ROOT / ".duckdb" / "lib")}
    printed = subprocess.run(
        [*command, "--output-format", "bencher"], check=True, capture_output=True, text=True, cwd=ROOT, env=environment
    ).stdout
    found = re.findall(r"^test (.*?) \.\.\. bench: +([\d,]+) ns/iter", printed, re.MULTILINE)
    ours = {name: int(time.replace(",", "")) / 1e3 for name, time in found}
    theirs = json.loads(output([sys.executable, str(ROOT / "bench" / "gb.py")]))
    lines = [
        f"### {ANALYSES_TITLE}",
        "",
        f"{made}.",
        "",
        f"| analysis | touchstone | gbstats {importlib.metadata.version('gbstats')} |",
        "| --- | ---: | ---: |",
    ]
    for title, own, other in ANALYSES:
        beside = f"{theirs[other]:.0f}" if other else ""
        lines.append(f"| {title} | {ours[own]:.2f} | {beside} |")
    return "\n".join(lines)


def models(files: Path) -> list[Comparison]:
    """Customer-base models and attribution, each on one file."""

    def ours(example: str, *arguments: str) -> list[str]:
        return [str(ROOT / "target" / "release" / "examples" / example), *arguments]

    def python(environment: str, script: str, *arguments: str) -> list[str]:
        return [str(ROOT / ".bench" / environment / "bin" / "python"), str(ROOT / "bench" / script), *arguments]

    def fits(title: str, model: str, file: str) -> Comparison:
        path = simulated(files, file, 1_000_000)
        own = f"touchstone, {title}"
        peers = [("lifetimes", "lifetimes"), ("pymc-marketing, maximum a posteriori, flat priors", "pymc-marketing")]
        commands = [
            (name, python("pymc" if tool == "pymc-marketing" else tool, "customer_base.py", tool, model, path))
            for name, tool in peers
        ]
        return Comparison(
            f"{title}: 1 M customers, the fit and what surrounds it",
            [Contender(own, ours("fit_customers", model, path), ROOT)]
            + [Contender(name, command, ROOT) for name, command in commands],
            own,
            1,
        )

    def values(title: str, model: str, file: str) -> Comparison:
        path = simulated(files, file, 1_000_000)
        own = f"touchstone, {title} and Gamma-Gamma, with standard errors"
        peers = [
            ("lifetimes, without", python("lifetimes", "customer_base.py", "lifetimes", model, path, YEARS)),
            ("pymc-marketing, maximum a posteriori, without", python("pymc", "customer_base.py", "pymc-marketing", model, path, YEARS)),
        ]
        return Comparison(
            f"{title}: what each of 1 M customers is worth within {YEARS} years, fits included",
            [Contender(own, ours("value_customers", model, path, YEARS), ROOT)]
            + [Contender(name, command, ROOT) for name, command in peers],
            own,
            1,
        )

    path = simulated(files, "journeys", 10_000_000)
    credit = "touchstone: six rules, Shapley, exact Markov of order 1"
    journeys = Comparison(
        f"Attribution: 10 M journeys ({os.path.getsize(path) / 1e6:.0f} MB of CSV), ten channels",
        [
            Contender(credit, ours("credit_paths", path, str(THREADS)), ROOT),
            Contender("ChannelAttribution: three rules", python("lifetimes", "credit.py", "heuristics", path), ROOT),
            Contender("ChannelAttribution: Markov of order 1, simulated", python("lifetimes", "credit.py", "markov", path), ROOT),
        ],
        credit,
        1,
    )
    return [
        touches(files),
        fits("BG/NBD", "bg-nbd", "customers-bg"),
        fits("Pareto/NBD", "pareto-nbd", "customers-pareto"),
        values("BG/NBD", "bg-nbd", "customers-bg"),
        values("Pareto/NBD", "pareto-nbd", "customers-pareto"),
        journeys,
    ]


NUMBERED = """SELECT max(position), max(channel) FROM (
    SELECT channel, row_number() OVER (PARTITION BY customer ORDER BY time) AS position
    FROM (SELECT customer, time, channel FROM 'touches.parquet' UNION ALL SELECT customer, time, '' FROM 'orders.parquet')
)"""


def touches(files: Path) -> Comparison:
    """Journeys from single touches, with less memory than they take."""
    folder = files / f"touches-{TOUCHES}"

    def make() -> None:
        if not (folder / "complete").exists():
            command = [sys.executable, ROOT / "bench" / "touches.py", str(TOUCHES), folder, TOUCHES_MEMORY]
            subprocess.run(command, check=True)
            (folder / "complete").touch()

    longest = max(LONGEST, TOUCHES / 50_000)
    settings = f"SET threads = {THREADS}; SET memory_limit = '{TOUCHES_MEMORY}'; SET enable_progress_bar = false"
    by_hand = "DuckDB: the rows numbered by customer and time, and nothing else"
    query = [str(duckdb_cli()), "-init", os.devnull, "-csv", "-c", f"{settings}; {NUMBERED}"]
    credit = [str(ROOT / "target" / "release" / "touchstone"), "-C", str(folder), "measure", "content", "--format", "json"]
    return Comparison(
        f"Attribution from raw touches: {count(TOUCHES)} touches and {count(TOUCHES // 10)} orders, {TOUCHES_MEMORY} for the "
        "engine",
        [
            Contender(by_hand, query, folder, longest),
            Contender("`touchstone measure content`: journeys, all models, intervals, checks", credit, folder, longest),
        ],
        by_hand,
        rounds=1,
        prepare=make,
    )


def simulated(files: Path, name: str, rows: int) -> str:
    path = files / f"{name}.csv"
    if not path.exists():
        files.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        subprocess.run([sys.executable, ROOT / "bench" / "simulated.py", name, str(rows), part], check=True)
        part.rename(path)
    return str(path)


def duckdb_cli() -> Path:
    """The command-line client itself, without the Python script around it."""
    return Path(importlib.metadata.distribution("duckdb-cli").locate_file("duckdb_cli/duckdb"))


def count(n: int) -> str:
    return f"{n / 1e6:g} M" if n >= 1_000_000 else f"{n:,}"


def size(data: Path, table: str) -> str:
    return f"{(data / f'{table}.parquet').stat().st_size / 1e6:.0f} MB"


def take_turns(comparison: Comparison, rounds: int, environment: dict[str, str]) -> dict[str, list[Sample]]:
    samples = {contender.name: [] for contender in comparison.contenders}
    for turn in range(-1 if comparison.rounds is None else 0, rounds):
        for contender in comparison.contenders:
            sample = run(contender, environment)
            if turn >= 0:
                samples[contender.name].append(sample)
            print(f"  {'warm-up' if turn < 0 else turn + 1}: {sample.wall:7.2f} s  {contender.name}", file=sys.stderr)
    return samples


def run(contender: Contender, environment: dict[str, str]) -> Sample:
    start = time.perf_counter()
    process = subprocess.Popen(
        contender.command,
        cwd=contender.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    stopper = threading.Timer(contender.longest, process.kill)
    stopper.start()
    printed = process.stdout.read()
    # Not `wait`: the usage of this one process, not of all children so far.
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    stopper.cancel()
    if process.returncode == -signal.SIGKILL and wall >= contender.longest:
        return Sample(math.inf, math.inf, usage.ru_maxrss / 2**20, None)
    if process.returncode != 0:
        sys.exit(f"bench: {contender.name} failed with exit code {process.returncode}")
    analysis = re.search(r"^analysis: (.*) s$", printed, re.MULTILINE)
    return Sample(
        wall,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 2**20,
        float(analysis[1]) if analysis else None,
    )


def table(comparison: Comparison, samples: dict[str, list[Sample]], made: str) -> str:
    rounds = len(samples[comparison.reference])
    lines = [
        f"### {comparison.title}",
        "",
        f"{made}, {'one round' if rounds == 1 else f'{rounds} rounds'}.",
        "",
        f"| process | wall, s | CPU, s | peak, GiB | wall ÷ {comparison.reference} |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    reference = [sample.wall for sample in samples[comparison.reference]]
    for name, runs in samples.items():
        wall, cpu, peak = ([getattr(sample, field) for sample in runs] for field in ("wall", "cpu", "peak"))
        ratio = "1" if name == comparison.reference else ratios(wall, reference)
        median = statistics.median
        if math.isinf(median(wall)):
            longest = next(contender.longest for contender in comparison.contenders if contender.name == name)
            lines.append(f"| {name} | over {longest:.0f} | | {median(peak):.2f} | |")
            continue
        lines.append(f"| {name} | {median(wall):.2f} | {median(cpu):.2f} | {median(peak):.2f} | {ratio} |")
        if runs[0].analysis is not None:
            analysis = [sample.analysis for sample in runs]
            lines.append(f"| – its analysis alone | {median(analysis):.2f} | | | {ratios(analysis, reference)} |")
    return "\n".join(lines)


def ratios(own: list[float], reference: list[float]) -> str:
    pairs = [one / other for one, other in zip(own, reference, strict=True)]
    return f"{statistics.median(pairs):.2f} ({min(pairs):.2f} to {max(pairs):.2f})"


def circumstances() -> str:
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ("duckdb-cli", "tea-tasting", "ibis-framework")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    return (
        f"{cpu[1] if cpu else platform.processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; {THREADS} threads. "
        f"{', '.join(versions)}, Python {platform.python_version()}. "
        "Medians of rounds after a warm-up (of one round, without), files in the page cache, whole processes; "
        f"ratios pair by pair, median (least to greatest). `make bench` repeats it."
    )


def commit() -> str:
    """The commit, and whether anything else than the page of results differs from it."""
    git = ["git", "-C", str(ROOT)]
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", ".", f":!{PAGE.relative_to(ROOT)}"]).returncode
    return output([*git, "rev-parse", "--short", "HEAD"]) + ("-dirty" if changed else "")


def output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def parts(results: str) -> dict[str, str]:
    """Results by their titles; what stands before all of them has none."""
    found = {}
    for part in re.split(r"^(?=### )", results, flags=re.MULTILINE):
        title = part.partition("\n")[0] if part.startswith("### ") else ""
        found[title] = part.strip()
    return found


def write_page(results: str) -> None:
    page = PAGE.read_text() if PAGE.exists() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    before, found_begin, rest = page.partition(BEGIN)
    earlier, found_end, after = rest.partition(END)
    if not (found_begin and found_end):
        sys.exit(f"bench: {PAGE} lacks the line {BEGIN} or {END}")
    PAGE.parent.mkdir(exist_ok=True)
    merged = "\n\n".join(part for part in (parts(earlier.strip()) | parts(results)).values() if part)
    PAGE.write_text(f"{before}{BEGIN}\n\n{merged}\n\n{END}{after}")
    print(f"bench: written to {PAGE.relative_to(ROOT)}", file=sys.stderr)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--touchstone", type=Path, default=ROOT / "target" / "release" / "touchstone")
    parser.add_argument("--peers-only", action="store_true", help="leave touchstone out")
    parser.add_argument("--rows", type=int, default=int(os.environ.get("BENCH_ROWS", FULL_SIZE)))
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("BENCH_ROUNDS", 7)))
    parser.add_argument("--only", default=os.environ.get("BENCH_ONLY", ""), help="what the titles of comparisons contain")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    touchstone = None if options.peers_only else options.touchstone.resolve()
    data = DATA / str(options.rows)
    if not (data / "complete").exists():
        print(f"bench: making the tables in {data.relative_to(ROOT)}", file=sys.stderr)
        subprocess.run([sys.executable, ROOT / "bench" / "generate.py", str(options.rows), data], check=True)
        (data / "complete").touch()

    environment = os.environ | {"TOUCHSTONE_BENCH": str(data)}
    made = f"DuckDB {importlib.metadata.version('duckdb-cli')}"
    if touchstone is not None:
        made = f"Commit {commit()}"
    sections = [circumstances()]
    compared = comparisons(data, touchstone)
    if touchstone is not None:
        compared += models(DATA / "models")
    for comparison in compared:
        if options.only.lower() not in comparison.title.lower():
            continue
        print(f"bench: {comparison.title}", file=sys.stderr)
        if comparison.prepare:
            comparison.prepare()
        rounds = comparison.rounds or options.rounds
        sections.append(table(comparison, take_turns(comparison, rounds, environment), made))
    if touchstone is not None and options.only.lower() in ANALYSES_TITLE.lower():
        print("bench: one analysis from summaries", file=sys.stderr)
        sections.append(analyses(made))
    results = "\n\n".join(sections)
    print(results)
    if options.rows == FULL_SIZE and touchstone is not None:
        write_page(results)


if __name__ == "__main__":
    main()
