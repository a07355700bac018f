"""Credits channels by ChannelAttribution: heuristics, or a Markov model of order 1.

Usage: credit.py heuristics|markov FILE
"""

import contextlib
import io
import sys
import time

import pandas as pd
from ChannelAttribution import heuristic_models, markov_model

if __name__ == "__main__":
    which, path = sys.argv[1:3]
    table = pd.read_csv(path)
    begin = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        if which == "heuristics":
            found = heuristic_models(table, "path", "conversions", var_value="value", flg_pro=False)
        else:
            found = markov_model(
                table, "path", "conversions", var_value="value", var_null="nulls", order=1, flg_pro=False, ncore=1
            )
    print(f"analysis: {time.perf_counter() - begin:.3f} s")
    print(found)
