"""Fits a customer-base model by another tool, and says how long the fit took.

Usage: customer_base.py lifetimes|pymc-marketing bg-nbd|pareto-nbd FILE
"""

import logging
import sys
import time
import warnings

import pandas as pd

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)


def lifetimes(model: str, table: pd.DataFrame) -> dict[str, float]:
    from lifetimes import BetaGeoFitter, ParetoNBDFitter

    fitter = {"bg-nbd": BetaGeoFitter, "pareto-nbd": ParetoNBDFitter}[model](penalizer_coef=0.0)
    fitter.fit(table.frequency, table.recency, table.age)
    return {name: float(value) for name, value in fitter.params_.items()}


def pymc_marketing(model: str, table: pd.DataFrame) -> dict[str, float]:
    from pymc_extras.prior import Prior
    from pymc_marketing import clv

    names = {"bg-nbd": ("r", "alpha", "a", "b"), "pareto-nbd": ("r", "alpha", "s", "beta")}[model]
    kind = {"bg-nbd": clv.BetaGeoModel, "pareto-nbd": clv.ParetoNBDModel}[model]
    fitted = kind(model_config={name: Prior("HalfFlat") for name in names})
    fitted.fit(table.rename(columns={"age": "T"}), method="map", progressbar=False)
    return {name: float(fitted.fit_result[name].mean()) for name in names}


if __name__ == "__main__":
    tool, model, path = sys.argv[1:4]
    table = pd.read_csv(path, usecols=["frequency", "recency", "age"])
    table.insert(0, "customer_id", range(len(table)))
    begin = time.perf_counter()
    found = {"lifetimes": lifetimes, "pymc-marketing": pymc_marketing}[tool](model, table)
    print(f"analysis: {time.perf_counter() - begin:.3f} s")
    for name, value in found.items():
        print(f"{name} {value:.6f}")
