"""Writes figures_case.json: probabilities made by formula, and what scikit-learn, SciPy and statsmodels say of them.

    python tests/data/make_figures_case.py        # needs scikit-learn, scipy and statsmodels
"""

import json
from pathlib import Path

import numpy as np
import scipy
import sklearn
import statsmodels
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    matthews_corrcoef,
    precision_recall_curve,
    precision_score,
    recall_score,
    roc_auc_score,
)
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

THRESHOLD = 0.4
BINS = 15
DRAWS = 2_000


def photos(count, levels):
    """The same formula stands in the test."""
    index = np.arange(count)
    level = (index * 7919 + 13) % levels
    score = ((level + 0.5) / levels).astype(np.float32)
    return score, (index * 104729) % levels < level


def figures(score, cracked, threshold):
    said = score >= threshold
    return {
        "accuracy": accuracy_score(cracked, said),
        "balanced_accuracy": balanced_accuracy_score(cracked, said),
        "precision": precision_score(cracked, said, zero_division=0),
        "recall": recall_score(cracked, said),
        "f1": f1_score(cracked, said),
        "mcc": matthews_corrcoef(cracked, said),
        "auroc": roc_auc_score(cracked, score),
        "average_precision": average_precision_score(cracked, score),
        "loss": log_loss(cracked, score.astype(np.float64)),
    }


def bootstrap(score, cracked, groups):
    """The middle 95 % of each figure over draws of groups with replacement."""
    random = np.random.default_rng(0)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    values = []
    for _ in range(DRAWS):
        drawn = np.concatenate([members[at] for at in random.integers(0, len(members), len(members))])
        values.append([*figures(score[drawn], cracked[drawn], THRESHOLD).values()][:8])
    low, high = np.percentile(values, [2.5, 97.5], axis=0)
    return {name: [a, b] for name, a, b in zip(figures(score, cracked, THRESHOLD), low, high)}


def temperature(score, cracked):
    x = logit(score.astype(np.float64))
    found = minimize_scalar(
        lambda t: log_loss(cracked, expit(x / np.exp(t))), bounds=(np.log(0.05), np.log(20)), method="bounded",
        options={"xatol": 1e-10},
    )
    return np.exp(found.x), found.fun


def case(count, levels, with_bootstrap):
    score, cracked = photos(count, levels)
    seen, said = calibration_curve(cracked, score, n_bins=BINS)
    edges = np.minimum((score * BINS).astype(int), BINS - 1)
    counts = [int(n) for n in np.bincount(edges, minlength=BINS) if n > 0]
    precision, recall, _ = precision_recall_curve(cracked, score)
    cuts = np.unique(np.append(score, 1.0))
    matrices = [confusion_matrix(cracked, score >= cut, labels=[False, True]) for cut in cuts]
    costs = {n: min(int(n * m[1, 0] + m[0, 1]) for m in matrices) for n in (1, 5, 20)}
    enough = {share: float(max(c for c in cuts if recall_score(cracked, score >= c) >= share)) for share in (0.5, 0.9, 1.0)}
    found, loss = temperature(score, cracked)
    document = {
        "count": count,
        "levels": levels,
        "figures": figures(score, cracked, THRESHOLD),
        "calibration": {"said": said.tolist(), "seen": seen.tolist(), "photos": counts},
        "ece": float(np.sum(np.abs(said - seen) * counts) / count),
        # From the highest threshold down, without the last point, which is of no threshold.
        "recall": recall[:-1][::-1].tolist(),
        "precision": precision[:-1][::-1].tolist(),
        "least_cost": costs,
        "recall_threshold": enough,
        "best_f1": max(f1_score(cracked, score >= cut) for cut in cuts if (score >= cut).any()),
        "temperature": float(found),
        "scaled_loss": float(loss),
    }
    if with_bootstrap:
        index = np.arange(count)
        document["bootstrap"] = bootstrap(score, cracked, index)
        document["bootstrap_of_groups"] = bootstrap(score, cracked, index // 5)
    return document


def wilson(part, whole):
    return [part, whole, *proportion_confint(part, whole, method="wilson")]


def pairs(mended, broken):
    return [mended, broken, float(mcnemar([[10, broken], [mended, 10]], exact=True).pvalue)]


document = {
    "versions": {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__, "statsmodels": statsmodels.__version__},
    "threshold": THRESHOLD,
    "cases": [case(60, 23, True), case(400, 997, False), case(40, 4, False)],
    "wilson": [wilson(*of) for of in [(0, 10), (10, 10), (7, 10), (1417, 1429), (39_990, 40_000)]],
    "mcnemar": [pairs(*of) for of in [(0, 0), (5, 5), (9, 1), (30, 12), (400, 500)]],
}
Path(__file__).with_name("figures_case.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
