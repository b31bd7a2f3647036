"""Many cases: means with intervals over patients, lesions by size, FROC, agreement of volumes, calibration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lymphoscope.evaluate.agreement import (
    Difference,
    bland_altman,
    concordance,
    correlation,
    icc,
    mean_absolute_percentage_error,
    within_share,
)
from lymphoscope.evaluate.calibration import net_benefit, recalibration
from lymphoscope.evaluate.case import KINDS, CaseResult
from lymphoscope.evaluate.catalogue import METRICS, levelled
from lymphoscope.evaluate.classification import auc, roc, wilson
from lymphoscope.evaluate.detection import RATES, average_precision, froc
from lymphoscope.evaluate.matching import IOU_LEVELS, f1_score
from lymphoscope.evaluate.overlap import Confusion, pooled, ratio
from lymphoscope.evaluate.size import BY_SHORT_AXIS, BY_VOLUME, Strata
from lymphoscope.evaluate.statistics import Resampling, Rows, Statistic, bootstrap

Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Cohort:
    """Evaluated cases and whose they are.

    Attributes:
        results: One a case.
        patients: The patient of each case; what is resampled.
        how: The bootstrap.
        strata: Classes of lesion volume that the cases were evaluated with.
    """

    results: Sequence[CaseResult]
    patients: Sequence[str]
    how: Resampling
    strata: Strata = BY_VOLUME

    def interval(self, statistic: Statistic) -> Record:
        """A number of the cases with its interval."""
        return asdict(bootstrap(statistic, self.patients, self.how))


def summarise(cohort: Cohort) -> Record:
    """Everything that is said about the cases together, for the record.

    Args:
        cohort: At least one case.
    """
    results = cohort.results
    kinds = Counter(result.kind for result in results)
    whole = pooled(result.counts for result in results)
    return {
        "cases": len(results),
        "patients": len(set(cohort.patients)),
        "kinds": {kind: kinds[kind] for kind in KINDS},
        "metrics": _metrics(cohort),
        "pooled": {name: getattr(whole, name) for name in ("dice", "iou", "sensitivity", "precision")},
        "lesions": {rule: _detection(cohort, rule) for rule in results[0].detections},
        "strata": {
            "volume": _by_size(results, cohort.strata, "stratum"),
            "short_axis": _by_size(results, BY_SHORT_AXIS, "short_axis_stratum"),
        },
        "froc": _froc(cohort),
        "volume_agreement": _agreement(results, "volume_pred_ml", "volume_ref_ml"),
        "tlg_agreement": _agreement(results, "tlg_pred_g", "tlg_ref_g"),
        "case_detection": _case_detection(results),
        "calibration": _calibration(results),
    }


def column(results: Sequence[CaseResult], name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A number of every case, NaN where it is not defined."""
    return np.array([np.nan if (v := r.numbers.get(name)) is None else v for r in results], dtype=np.float64)


def _metrics(cohort: Cohort) -> Record:
    found = {}
    for name in METRICS:
        values = column(cohort.results, name)
        known = values[~np.isnan(values)]
        if not any(name in result.numbers for result in cohort.results):
            continue
        found[name] = {
            "n": known.size,
            "missing": values.size - known.size,
            "sd": float(known.std(ddof=1)) if known.size > 1 else None,
            **dict(zip(("least", "q1", "median", "q3", "greatest"), _five(known), strict=True)),
            "mean": cohort.interval(mean_of(values)),
        }
    return found


def mean_of(values: np.ndarray[Any, np.dtype[np.float64]]) -> Statistic:
    """The mean over some rows of what is defined there."""

    def mean(rows: Rows) -> float | None:
        chosen = values[rows]
        known = chosen[~np.isnan(chosen)]
        return float(known.mean()) if known.size else None

    return mean


def _five(known: np.ndarray[Any, np.dtype[np.float64]]) -> list[float | None]:
    return [float(q) for q in np.quantile(known, (0, 0.25, 0.5, 0.75, 1))] if known.size else [None] * 5


def _detection(cohort: Cohort, rule: str) -> Record:
    """Lesions of all cases together, with intervals over patients."""
    each = [result.detections[rule] for result in cohort.results]
    sums = np.array([(d.found.sum(), d.found.size, d.true.sum(), d.true.size) for d in each], dtype=np.int64)

    def recall(rows: Rows) -> float | None:
        found, of, _, _ = sums[rows].sum(axis=0)
        return ratio(int(found), int(of))

    def precision(rows: Rows) -> float | None:
        _, _, true, of = sums[rows].sum(axis=0)
        return ratio(int(true), int(of))

    def f1(rows: Rows) -> float | None:
        return f1_score(recall(rows), precision(rows))

    found, n_ref, true, n_pred = (int(n) for n in sums.sum(axis=0))
    numbers = {"recall": recall, "precision": precision, "f1": f1}
    counts = {"found": found, "lesions_ref": n_ref, "true": true, "lesions_pred": n_pred}
    return counts | {name: cohort.interval(statistic) for name, statistic in numbers.items()}


def _by_size(results: Sequence[CaseResult], strata: Strata, key: str) -> list[Record]:
    """Recall of reference lesions in each class of size."""
    rows = [row for result in results for row in result.lesions if row["side"] == "reference"]
    table = []
    for name in strata.names:
        mine = [row for row in rows if row[key] == name]
        entry: Record = {"stratum": name, "lesions": len(mine)}
        for rule in results[0].detections:
            found = sum(int(row[rule] or 0) for row in mine)
            entry[rule] = {"found": found, "recall": ratio(found, len(mine)), "interval": wilson(found, len(mine))}
        table.append(entry)
    return table


def _froc(cohort: Cohort) -> Record | None:
    if not all(result.candidates for result in cohort.results):
        return None
    found: Record = {}
    for rule in cohort.results[0].candidates:
        cases = [result.candidates[rule] for result in cohort.results]
        curve = froc(cases)
        if curve is None:
            return None
        found[rule] = {
            "ap": cohort.interval(lambda rows, cases=cases: average_precision([cases[r] for r in rows])),  # type: ignore[misc]
            "sensitivity": {
                name: {f"{rate:g}": curve.at(rate) for rate in rates} | {"mean": curve.mean(name)}
                for name, rates in RATES.items()
            },
            "curve": {
                "false_positives": curve.false_positives,
                "sensitivity": curve.sensitivity,
                "thresholds": curve.thresholds,
            },
        }
    return {
        "by_rule": found,
        "map": float(np.mean([found[levelled("iou", level)]["ap"]["value"] for level in IOU_LEVELS])),
    }


def _agreement(results: Sequence[CaseResult], measured: str, reference: str) -> Record | None:
    """How two columns agree; None where they are not there."""
    p, r = column(results, measured), column(results, reference)
    if np.isnan(p).any() or np.isnan(r).any():
        return None
    pair = np.stack([p, r], axis=1)
    coefficients = {f"icc_{form.replace(',', '_')}": icc(pair, form) for form in ("2,1", "3,1")}
    limits = {kind.value: bland_altman(p, r, kind) for kind in Difference}
    return {
        "bland_altman": {name: asdict(found) if found else None for name, found in limits.items()},
        **{name: asdict(found) if found else None for name, found in coefficients.items()},
        "ccc": concordance(p, r),
        "pearson": correlation(p, r),
        "spearman": correlation(p, r, rank=True),
        "mape": mean_absolute_percentage_error(p, r),
        "within_10": within_share(p, r),
    }


_ACT_AT = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def _case_detection(results: Sequence[CaseResult]) -> Record:
    """Cases with disease and cases called so."""
    event = np.array([result.counts.n_ref > 0 for result in results])
    called = np.array([result.counts.n_pred > 0 for result in results])
    counts = Confusion.of(called, event)
    found: Record = {
        "counts": asdict(counts),
        "sensitivity": {"value": counts.sensitivity, "interval": wilson(counts.tp, counts.n_ref)},
        "specificity": {"value": counts.specificity, "interval": wilson(counts.tn, counts.tn + counts.fp)},
        "auc": None,
        "youden": None,
        "net_benefit": None,
    }
    score = column(results, "score")
    curve = None if np.isnan(score).any() else roc(event, score)
    if curve is not None:
        area = auc(event, score)
        found |= {"auc": asdict(area) if area else None, "youden": dict(zip(("j", "at"), curve.youden, strict=True))}
        found["net_benefit"] = {f"{t:g}": b for t, b in zip(_ACT_AT, net_benefit(score, event, _ACT_AT), strict=True)}
    return found


def _calibration(results: Sequence[CaseResult]) -> Record | None:
    """Of voxels by bins; of predicted lesions by slope and intercept."""
    parts = [result.reliability for result in results if result.reliability is not None]
    if not parts:
        return None
    whole = sum(parts[1:], parts[0])
    rows = [row for result in results for row in result.lesions if row["side"] == "prediction"]
    fit = recalibration([float(row["probability_max"] or 0) for row in rows], [bool(row["c1"]) for row in rows])
    return {
        "curve": whole.curve,
        "ece": whole.expected_calibration_error,
        "brier": whole.brier,
        "lesion_scores": asdict(fit) if fit else None,
    }
