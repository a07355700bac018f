"""Back-tests of customer-base models on published data: ours, lifetimes and pymc-marketing on the same split.

One table for all: purchases of a customer on one day are one; x repeat purchases up to the split, the last at t_x, and the
time T from the first purchase to the split, in weeks; what is forecast is the number of purchases after it.

Usage: backtest.py DATA            DATA holds cdnow/cdnow_master.txt and online_retail/online_retail.csv.gz
       backtest.py TOOL FILE WEEKS  one tool on one table (lifetimes, pymc-marketing)
"""

import logging
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pandas as pd

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

ROOT = Path(__file__).resolve().parent.parent
MODELS = {"pareto-nbd": "Pareto/NBD", "bg-nbd": "BG/NBD", "mbg-nbd": "MBG/NBD"}
LONGEST = 600


def cdnow(data: Path) -> tuple[pd.DataFrame, str, str]:
    names = ["customer", "day", "quantity", "spend"]
    log = pd.read_csv(data / "cdnow" / "cdnow_master.txt", sep=r"\s+", skiprows=1, header=None, names=names)
    log["day"] = pd.to_datetime(log.day.astype(str))
    return log, "1997-09-30", "1998-06-30"


def online_retail(data: Path) -> tuple[pd.DataFrame, str, str]:
    log = pd.read_csv(data / "online_retail" / "online_retail.csv.gz")
    sold = (log.Quantity > 0) & (log.UnitPrice > 0) & ~log.InvoiceNo.astype(str).str.startswith("C")
    log = log[log.CustomerID.notna() & sold].rename(columns={"CustomerID": "customer"})
    log["day"] = pd.to_datetime(log.InvoiceDate).dt.normalize()
    return log, "2011-06-30", "2011-12-09"


def split(log: pd.DataFrame, last: str, end: str) -> tuple[pd.DataFrame, float]:
    """The customers up to a day, and what each did later."""
    last, end = pd.Timestamp(last), pd.Timestamp(end)
    days = log[["customer", "day"]].drop_duplicates()
    before = days[days.day <= last].groupby("customer").day.agg(["min", "max", "count"])
    table = pd.DataFrame(
        {
            "frequency": before["count"] - 1,
            "recency": (before["max"] - before["min"]).dt.days / 7,
            "age": (last - before["min"]).dt.days / 7,
        }
    )
    after = days[(days.day > last) & (days.day <= end)].groupby("customer").size()
    table["later"] = after.reindex(table.index, fill_value=0)
    return table, (end - last).days / 7


def scores(forecast, table: pd.DataFrame) -> str:
    error = forecast - table.later
    return f"{forecast.sum():.1f} {error.abs().mean():.4f} {(error**2).mean() ** 0.5:.4f}"


def lifetimes(model: str, table: pd.DataFrame, weeks: float):
    from lifetimes import BetaGeoFitter, ModifiedBetaGeoFitter, ParetoNBDFitter

    kinds = {"bg-nbd": BetaGeoFitter, "mbg-nbd": ModifiedBetaGeoFitter, "pareto-nbd": ParetoNBDFitter}
    fitted = kinds[model](penalizer_coef=0.0)
    fitted.fit(table.frequency, table.recency, table.age)
    return fitted.conditional_expected_number_of_purchases_up_to_time(weeks, table.frequency, table.recency, table.age)


def pymc_marketing(model: str, table: pd.DataFrame, weeks: float):
    """Maximum a posteriori with the tool's own priors."""
    from pymc_marketing import clv

    kinds = {"bg-nbd": clv.BetaGeoModel, "mbg-nbd": clv.ModifiedBetaGeoModel, "pareto-nbd": clv.ParetoNBDModel}
    data = table.rename(columns={"age": "T"})
    fitted = kinds[model]()
    fitted.fit(data, method="map", progressbar=False)
    return fitted.expected_purchases(data, future_t=weeks).mean(("chain", "draw")).values


def one_tool(tool: str, path: str, weeks: float) -> None:
    table = pd.read_csv(path)
    table.insert(0, "customer_id", range(len(table)))
    forecast = {"lifetimes": lifetimes, "pymc-marketing": pymc_marketing}[tool]
    for model in MODELS:
        try:
            print(model, scores(pd.Series(forecast(model, table, weeks)), table))
        except Exception as error:  # a tool's failure is a result
            print(model, f"failed: {type(error).__name__}")


def commands(path: str, weeks: float) -> dict[str, list[str]]:
    def python(environment: str, tool: str) -> list[str]:
        return [str(ROOT / ".bench" / environment / "bin" / "python"), __file__, tool, path, str(weeks)]

    ours = [str(ROOT / "target" / "release" / "examples" / "forecast_customers"), path, str(weeks)]
    return {
        "touchstone": ours,
        "lifetimes": python("lifetimes", "lifetimes"),
        "pymc-marketing": python("pymc", "pymc-marketing"),
    }


def report(title: str, log: pd.DataFrame, last: str, end: str) -> None:
    table, weeks = split(log, last, end)
    print(f"{title}: {len(table):,} customers to {last}, {table.later.sum():,} purchases in the {weeks:.1f} weeks after it\n")
    print("| tool | model | forecast | off by | mean absolute error | root mean square error |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    total = table.later.sum()

    def line(tool: str, model: str, result: str) -> None:
        if result.startswith("failed"):
            print(f"| {tool} | {model} | {result} | | | |")
            return
        forecast, absolute, square = map(float, result.split())
        print(f"| {tool} | {model} | {forecast:,.0f} | {100 * (forecast / total - 1):+.1f} % | {absolute:.4f} | {square:.4f} |")

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "customers.csv")
        table.to_csv(path, index=False)
        for tool, command in commands(path, weeks).items():
            done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST)
            if done.returncode != 0:
                sys.exit(f"back-test: {tool} failed: {done.stderr[-1000:]}")
            for model, name in MODELS.items():
                line(tool, name, re.search(rf"^{model} (.*)$", done.stdout, re.MULTILINE)[1])
    rate = table.frequency / table.age.clip(lower=1 / 7) * weeks
    line("a customer's own rate", "", scores(rate, table))
    everybody = pd.Series(table.frequency.sum() / table.age.sum() * weeks, index=table.index)
    line("one rate for all", "", scores(everybody, table))
    print()


if __name__ == "__main__":
    if len(sys.argv) == 2:
        data = Path(sys.argv[1])
        report("CDNOW", *cdnow(data))
        report("Online Retail", *online_retail(data))
    else:
        one_tool(sys.argv[1], sys.argv[2], float(sys.argv[3]))
