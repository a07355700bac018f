"""Fits a customer-base model by another tool, and says how long that took.

With YEARS, what each customer is worth within so many years as well, by a model of spend: 10 % a year is the discount. Neither
tool has an interval for that without sampling.

Usage: customer_base.py lifetimes|pymc-marketing bg-nbd|pareto-nbd FILE [YEARS]
"""

import logging
import sys
import time
import warnings

import pandas as pd

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)


MONTHLY = 1.1 ** (1 / 12) - 1


def lifetimes(model: str, table: pd.DataFrame, years: int | None) -> dict[str, float]:
    from lifetimes import BetaGeoFitter, GammaGammaFitter, ParetoNBDFitter

    fitter = {"bg-nbd": BetaGeoFitter, "pareto-nbd": ParetoNBDFitter}[model](penalizer_coef=0.0)
    fitter.fit(table.frequency, table.recency, table.age)
    found = {name: float(value) for name, value in fitter.params_.items()}
    if years is not None:
        buyers = table[table.value > 0]
        spend = GammaGammaFitter(penalizer_coef=0.0)
        spend.fit(buyers.frequency, buyers.value)
        columns = (table.frequency, table.recency, table.age, table.value)
        value = spend.customer_lifetime_value(fitter, *columns, time=12 * years, discount_rate=MONTHLY, freq="W")
        found["value of all"] = float(value.sum())
    return found


def pymc_marketing(model: str, table: pd.DataFrame, years: int | None) -> dict[str, float]:
    from pymc_extras.prior import Prior
    from pymc_marketing import clv

    names = {"bg-nbd": ("r", "alpha", "a", "b"), "pareto-nbd": ("r", "alpha", "s", "beta")}[model]
    kind = {"bg-nbd": clv.BetaGeoModel, "pareto-nbd": clv.ParetoNBDModel}[model]
    data = table.rename(columns={"age": "T", "value": "monetary_value"})
    fitted = kind(model_config={name: Prior("HalfFlat") for name in names})
    fitted.fit(data, method="map", progressbar=False)
    found = {name: float(fitted.fit_result[name].mean()) for name in names}
    if years is not None:
        spend = clv.GammaGammaModel(model_config={name: Prior("HalfFlat") for name in ("p", "q", "v")})
        spend.fit(data[data.monetary_value > 0], method="map", progressbar=False)
        value = spend.expected_customer_lifetime_value(
            fitted, data, future_t=12 * years, discount_rate=MONTHLY, time_unit="W"
        )
        found["value of all"] = float(value.sum())
    return found


if __name__ == "__main__":
    tool, model, path = sys.argv[1:4]
    years = int(sys.argv[4]) if len(sys.argv) > 4 else None
    columns = ["frequency", "recency", "age"] + (["value"] if years is not None else [])
    table = pd.read_csv(path, usecols=columns)
    table.insert(0, "customer_id", range(len(table)))
    begin = time.perf_counter()
    found = {"lifetimes": lifetimes, "pymc-marketing": pymc_marketing}[tool](model, table, years)
    print(f"analysis: {time.perf_counter() - begin:.3f} s")
    for name, value in found.items():
        print(f"{name} {value:.6f}")
