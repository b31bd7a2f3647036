"""nnU-Net's ``summary.json``: the same keys and the same conventions, so that its readers read ours and we read its.

There Dice and IoU are NaN only where neither side holds anything, and 0 for false alarms; means leave NaN out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.evaluate.overlap import Confusion

NAMES = ("Dice", "IoU", "FP", "TP", "FN", "TN", "n_pred", "n_ref")


@dataclass(frozen=True)
class CaseCounts:
    """Voxels of one case and label.

    Attributes:
        reference_file: As the summary has it.
        prediction_file: As the summary has it.
        label: A label number, or a region such as ``(1, 2)``.
        counts: Voxels.
    """

    reference_file: str
    prediction_file: str
    label: str
    counts: Confusion


def metrics_of(counts: Confusion) -> dict[str, float]:
    """The numbers of one case and label, as nnU-Net has them: NaN where neither side holds anything."""
    union = counts.tp + counts.fp + counts.fn
    return {
        "Dice": 2 * counts.tp / (union + counts.tp) if union else math.nan,
        "IoU": counts.tp / union if union else math.nan,
        "FP": counts.fp,
        "TP": counts.tp,
        "FN": counts.fn,
        "TN": counts.tn,
        "n_pred": counts.n_pred,
        "n_ref": counts.n_ref,
    }


def write_summary(cases: Iterable[CaseCounts]) -> bytes:
    """The bytes of a ``summary.json`` in nnU-Net's form (with its ``NaN``, which strict readers of JSON refuse)."""
    by_case: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for case in cases:
        by_case.setdefault((case.reference_file, case.prediction_file), {})[case.label] = metrics_of(case.counts)
    mean = _means(by_case.values())
    summary = {
        "metric_per_case": [
            {"reference_file": reference, "prediction_file": prediction, "metrics": metrics}
            for (reference, prediction), metrics in by_case.items()
        ],
        "mean": mean,
        "foreground_mean": _foreground(mean),
    }
    return (json.dumps(summary, indent=4, sort_keys=True) + "\n").encode()


def foreground_means(cases: Iterable[CaseCounts]) -> dict[str, float]:
    """Means over the cases of each label but the background, then over the labels: nnU-Net's ``foreground_mean``."""
    by_case: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for case in cases:
        by_case.setdefault((case.reference_file, case.prediction_file), {})[case.label] = metrics_of(case.counts)
    return _foreground(_means(by_case.values()))


def _means(cases: Collection[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Means over the cases of each label."""
    labels = dict.fromkeys(label for metrics in cases for label in metrics)
    return {label: {n: _mean([m[label][n] for m in cases if label in m]) for n in NAMES} for label in labels}


def _foreground(mean: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    foreground = [numbers for label, numbers in mean.items() if label != "0"]
    return {name: float(np.mean([m[name] for m in foreground])) for name in NAMES}


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def read_summary(data: bytes, where: str = "summary.json") -> tuple[CaseCounts, ...]:
    """Read a ``summary.json`` of nnU-Net or of ours.

    Args:
        data: Its bytes.
        where: What it is called in a message.

    Raises:
        LymphoscopeError: ``EVAL-E-SUMMARY`` when it is not one.
    """
    try:
        cases = json.loads(data)["metric_per_case"]
        return tuple(
            CaseCounts(str(case["reference_file"]), str(case["prediction_file"]), str(label), _counts(metrics))
            for case in cases
            for label, metrics in case["metrics"].items()
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LymphoscopeError("EVAL-E-SUMMARY", "the file is not a summary in nnU-Net's form", where) from None


def _counts(metrics: Mapping[str, Any]) -> Confusion:
    tp, fp, fn, tn = (int(metrics[name]) for name in ("TP", "FP", "FN", "TN"))
    if min(tp, fp, fn, tn) < 0:
        raise ValueError
    return Confusion(tp, fp, fn, tn)
