"""Writes roc_case.json: probabilities made by formula, many of them tied, and scikit-learn's ROC curve of them.

    python tests/data/make_roc_case.py        # needs scikit-learn
"""

import json
from pathlib import Path

import numpy as np
from sklearn import __version__
from sklearn.metrics import roc_auc_score, roc_curve


def case(count, levels):
    """The same formula stands in the test: scores on a grid of `levels`, cracked more often where they are high."""
    index = np.arange(count)
    level = (index * 7919 + 13) % levels
    score = level.astype(np.float32) / np.float32(levels)
    cracked = (index * 104729) % levels < level
    false_positive_rate, true_positive_rate, threshold = roc_curve(cracked, score)
    return {
        "count": count,
        "levels": levels,
        "auroc": roc_auc_score(cracked, score),
        "false_positive_rate": false_positive_rate.tolist(),
        "true_positive_rate": true_positive_rate.tolist(),
        # The first one, above every score, is infinite, which JSON does not know.
        "threshold": [None, *threshold[1:].tolist()],
    }


document = {"scikit-learn": __version__, "cases": [case(60, 23), case(200, 997), case(40, 4)]}
Path(__file__).with_name("roc_case.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
