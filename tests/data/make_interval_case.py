"""Writes interval_case.json: quantiles of Student's t and corrected intervals for the mean over folds, by SciPy.

    python tests/data/make_interval_case.py        # needs SciPy
"""

import json
from pathlib import Path

import numpy as np
import scipy
from scipy import stats

LEVELS = [0.5, 0.8, 0.95, 0.99]
FREEDOMS = [1, 2, 3, 4, 5, 7, 8, 9, 19, 20, 49, 99]
FIGURES = [
    ([0.91, 0.93, 0.90, 0.95, 0.92], 0.25),
    ([0.997, 0.994, 0.999, 0.996, 0.998, 0.995, 0.997, 1.0, 0.993, 0.996], 1 / 9),
    ([0.7, 0.8], 1.0),
    ([0.61, 0.58, 0.66], 0.5),
]


def corrected(values, test_to_train, level):
    """Nadeau and Bengio 2003: the variance of the mean over k folds is taken for (1/k + n_test/n_train) s²."""
    scale = np.sqrt((1 / len(values) + test_to_train) * np.var(values, ddof=1))
    low, high = stats.t.interval(level, df=len(values) - 1, loc=np.mean(values), scale=scale)
    return [values, test_to_train, level, float(low), float(high)]


document = {
    "scipy": scipy.__version__,
    "quantiles": [[p, f, float(stats.t.ppf((1 + p) / 2, f))] for p in LEVELS for f in FREEDOMS],
    "intervals": [corrected(*figure, level) for figure in FIGURES for level in (0.9, 0.95)],
}
Path(__file__).with_name("interval_case.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
