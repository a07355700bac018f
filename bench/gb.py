"""One analysis from summaries by gbstats, without reading any data: the microseconds of each as JSON.

The arms are those of crates/stats/benches/analyses.rs.
"""

import json
import timeit

from gbstats.bayesian.tests import EffectBayesianABTest, EffectBayesianConfig
from gbstats.frequentist.tests import (
    FrequentistConfig,
    SequentialConfig,
    SequentialTwoSidedTTest,
    TwoSidedTTest,
)
from gbstats.models.statistics import RegressionAdjustedStatistic, SampleMeanStatistic

N = 5_000_000
REPEATS = 200


def mean(value: float, variance: float = 2.0) -> SampleMeanStatistic:
    return SampleMeanStatistic(n=N, sum=N * value, sum_squares=N * (variance + value * value))


def adjusted(value: float) -> RegressionAdjustedStatistic:
    return RegressionAdjustedStatistic(
        n=N,
        post_statistic=mean(value),
        pre_statistic=mean(1.0, 1.5),
        post_pre_sum_of_products=N * (0.5 + value),
        theta=0.5 / 1.5,
    )


ANALYSES = {
    "t test": lambda: TwoSidedTTest(mean(1.0), mean(1.001), FrequentistConfig()).compute_result(),
    "adjusted for 1": lambda: TwoSidedTTest(adjusted(1.0), adjusted(1.001), FrequentistConfig()).compute_result(),
    "sequential": lambda: SequentialTwoSidedTTest(mean(1.0), mean(1.001), SequentialConfig()).compute_result(),
    "Bayes": lambda: EffectBayesianABTest(mean(1.0), mean(1.001), EffectBayesianConfig()).compute_result(),
}

if __name__ == "__main__":
    microseconds = {}
    for name, analysis in ANALYSES.items():
        analysis()
        microseconds[name] = min(timeit.repeat(analysis, number=REPEATS, repeat=5)) / REPEATS * 1e6
    print(json.dumps(microseconds))
