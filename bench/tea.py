"""tea-tasting on DuckDB: ten means, each adjusted for its covariate (it takes one), and the sample ratio.

Usage: tea.py WIDE.parquet THREADS"""

import sys
import time

import ibis
import tea_tasting as tt

path, threads = sys.argv[1:]
start = time.perf_counter()
metrics = {f"m{i}": tt.Mean(f"m{i}", f"c{i}") for i in range(10)}
experiment = tt.Experiment(**metrics, sample_ratio=tt.SampleRatio())
connection = ibis.duckdb.connect(threads=int(threads))
print(experiment.analyze(connection.read_parquet(path)))
print(f"analysis: {time.perf_counter() - start:.3f} s")
