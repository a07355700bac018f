"""Simulated customers and journeys as CSV, the same bytes for the same size.

customers-bg.csv, customers-pareto.csv
                frequency, recency, age in weeks, by the day, of customers acquired over four and a half years who buy
                as the BG/NBD and the Pareto/NBD model say, and the mean value of an order
journeys.csv    path, conversions, value, nulls: a chain of ten channels, of which some three per cent convert

Usage: simulated.py customers-bg|customers-pareto|journeys ROWS FILE
"""

import sys

import numpy as np

SEED = 11


def age(rng: np.random.Generator, rows: int) -> np.ndarray:
    return np.round(rng.uniform(26, 260, rows) * 7) / 7


def bg(rng: np.random.Generator, ages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = len(ages)
    rate, leaving = rng.gamma(0.45, 1 / 10.0, rows), rng.beta(0.8, 6.0, rows)
    bought, last, clock = np.zeros(rows, int), np.zeros(rows), np.zeros(rows)
    active = np.arange(rows)
    while len(active):
        clock[active] += rng.exponential(1 / np.maximum(rate[active], 1e-12))
        active = active[clock[active] <= ages[active]]
        bought[active] += 1
        last[active] = clock[active]
        active = active[rng.random(len(active)) >= leaving[active]]
    return bought, last


def pareto(rng: np.random.Generator, ages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = len(ages)
    rate, hazard = rng.gamma(0.55, 1 / 10.58, rows), rng.gamma(0.61, 1 / 60.0, rows)
    alive = np.minimum(rng.exponential(1 / np.maximum(hazard, 1e-300)), ages)
    bought = rng.poisson(rate * alive)
    # The last of n uniform times.
    last = np.where(bought > 0, alive * rng.random(rows) ** (1 / np.maximum(bought, 1)), 0.0)
    return bought, last


def customers(kind: str, rows: int, path: str) -> None:
    rng = np.random.default_rng(SEED)
    ages = age(rng, rows)
    bought, last = (bg if kind == "bg" else pareto)(rng, ages)
    last = np.where(bought > 0, np.clip(np.round(last * 7) / 7, 1 / 7, ages), 0.0)
    orders = np.maximum(bought, 1)
    value = rng.gamma(6.25 * orders) / rng.gamma(3.74, 1 / 15.44, rows) / orders
    value = np.where(bought > 0, np.maximum(np.round(value, 2), 0.01), 0.0)
    with open(path, "w") as file:
        file.write("frequency,recency,age,value\n")
        np.savetxt(file, np.column_stack([bought, last, ages, value]), fmt=["%d", "%.6f", "%.6f", "%.2f"], delimiter=",")


CHANNELS = ["email", "web", "app", "paid_search", "display", "social", "store", "call_center", "push", "direct"]
CONVERTS = np.array([0.012, 0.010, 0.015, 0.011, 0.003, 0.004, 0.02, 0.018, 0.006, 0.009])
STOPS = 0.25
LONGEST = 30


def journeys(rows: int, path: str) -> None:
    rng = np.random.default_rng(SEED)
    next_of = np.cumsum(rng.dirichlet(np.ones(10) * 1.5, size=10), axis=1)
    first = np.cumsum(rng.dirichlet(np.ones(10) * 2))
    with open(path, "w") as file:
        file.write("path,conversions,value,nulls\n")
        for start in range(0, rows, 500_000):
            count = min(500_000, rows - start)
            steps = np.full((count, LONGEST), -1, np.int8)
            at = np.searchsorted(first, rng.random(count)).clip(0, 9)
            active, converted = np.ones(count, bool), np.zeros(count, bool)
            for step in range(LONGEST):
                steps[active, step] = at[active]
                chance = rng.random(count)
                converts = active & (chance < CONVERTS[at])
                converted |= converts
                active &= ~converts & (rng.random(count) >= STOPS)
                if not active.any():
                    break
                at = np.where(active, (rng.random(count)[:, None] > next_of[at]).sum(1).clip(0, 9), at)
            value = np.where(converted, np.round(rng.lognormal(4, 0.6, count), 2), 0.0)
            lengths = (steps >= 0).sum(1).tolist()
            rows_of = zip(steps.tolist(), lengths, converted.astype(int).tolist(), value.tolist())
            file.writelines(
                f"{' > '.join(CHANNELS[i] for i in row[:length])},{one},{money},{1 - one}\n"
                for row, length, one, money in rows_of
            )


if __name__ == "__main__":
    kind, rows, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    if kind == "journeys":
        journeys(rows, path)
    else:
        customers(kind.removeprefix("customers-"), rows, path)
