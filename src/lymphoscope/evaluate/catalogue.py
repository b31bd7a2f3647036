"""Every number of a case: name, unit, definition, which way is better. The reference page is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from lymphoscope.evaluate.matching import IOU_LEVELS
from lymphoscope.io.warn import BODY_SUV

HIGHER, LOWER, NEITHER = 1, -1, 0


class Metric(NamedTuple):
    """What a number of a case means.

    Attributes:
        name: Column in tables and key in records.
        title: For people.
        unit: ``1``, ``mL``, ``mm``, ``%`` or ``g``.
        better: `HIGHER`, `LOWER` or `NEITHER`.
        means: Definition in one line.
        empty: What stands where the reference, the prediction or both are empty.
        group: Heading on the page.
    """

    name: str
    title: str
    unit: str
    better: int
    means: str
    empty: str
    group: str


VOXELS, SURFACES, VOLUMES, LESIONS, PROBABILITIES = (
    "Voxels", "Surfaces", "Volumes", "Lesions", "Probability maps",
)  # fmt: skip

_NO_REFERENCE = "null without reference"
_NO_DISTANCE = "null if either is empty; where systems are compared, the image diagonal if one is"
_F1_EMPTY = "null if both are empty, 0 if one is"


def levelled(stem: str, level: float) -> str:
    """Name of a number at a least IoU, such as ``c2_f1_10`` at 0.1."""
    return f"{stem}_{round(100 * level)}"


def _lesion_rows() -> list[Metric]:
    rules = [
        ("c1", "any overlap", "share a voxel with the other side"),
        *((levelled("c2", t), f"IoU ≥ {t:g}", f"are paired one to one (Hungarian), IoU ≥ {t:g}") for t in IOU_LEVELS),
        ("c3", "hottest voxel", "have their SUVmax voxel predicted; predictions that hold one are true (needs PET)"),
    ]  # fmt: skip
    rows = []
    for key, title, rule in rules:
        stem, _, level = key.partition("_")
        tail = f"_{level}" if level else ""
        rows += [
            Metric(f"{stem}_recall{tail}", f"Lesion recall, {title}", "1", HIGHER,
                   f"share of reference lesions that {rule}", _NO_REFERENCE, LESIONS),
            Metric(f"{stem}_precision{tail}", f"Lesion precision, {title}", "1", HIGHER,
                   "share of predicted lesions that are true by the same rule", "null without prediction", LESIONS),
            Metric(f"{stem}_f1{tail}", f"Lesion F1, {title}", "1", HIGHER,
                   "harmonic mean of recall and precision", _F1_EMPTY, LESIONS),
        ]  # fmt: skip
    return rows


_ROWS = (
    Metric("dice", "Dice", "1", HIGHER, "2TP / (2TP + FP + FN)", _NO_REFERENCE, VOXELS),
    Metric("dice_empty_one", "Dice, nothing for nothing as 1", "1", HIGHER, "Dice, 1 where both are empty",
           "1 if both are empty, 0 if one is", VOXELS),
    Metric("iou", "IoU", "1", HIGHER, "TP / (TP + FP + FN)", _NO_REFERENCE, VOXELS),
    Metric("sensitivity", "Sensitivity", "1", HIGHER, "TP / (TP + FN)", _NO_REFERENCE, VOXELS),
    Metric("precision", "Precision", "1", HIGHER, "TP / (TP + FP)", "null without prediction", VOXELS),
    Metric("specificity", "Specificity", "1", HIGHER, "TN / (TN + FP)", "as defined", VOXELS),
    Metric("accuracy", "Accuracy", "1", HIGHER, "(TP + TN) / all voxels; inflated by background", "as defined", VOXELS),
    Metric("hd_mm", "HD", "mm", LOWER, "Hausdorff distance: the larger of both directed maxima", _NO_DISTANCE,
           SURFACES),
    Metric("hd95_mm", "HD95", "mm", LOWER, "the larger of both directed 95th percentiles (as MONAI)", _NO_DISTANCE,
           SURFACES),
    Metric("hd95_pooled_mm", "HD95 pooled", "mm", LOWER, "95th percentile of both directions together", _NO_DISTANCE,
           SURFACES),
    Metric("assd_mm", "ASSD", "mm", LOWER, "mean of both directions together (mean surface distance)", _NO_DISTANCE,
           SURFACES),
    Metric("ahd_mm", "AHD", "mm", LOWER, "mean of the two directed means (average Hausdorff distance)", _NO_DISTANCE,
           SURFACES),
    Metric("nsd", "NSD", "1", HIGHER, "share of both surfaces within the tolerance (4 mm) of the other", _F1_EMPTY,
           SURFACES),
    Metric("boundary_f1", "Boundary F1", "1", HIGHER,
           "harmonic mean of the shares of either surface within the tolerance (4 mm)", _F1_EMPTY, SURFACES),
    Metric("volume_ref_ml", "Volume, reference", "mL", NEITHER, "foreground of the reference (TMTV)", "0", VOLUMES),
    Metric("volume_pred_ml", "Volume, predicted", "mL", NEITHER, "foreground of the prediction (TMTV)", "0", VOLUMES),
    Metric("avd_ml", "Volume difference", "mL", LOWER, "|Vp − Vr|", "as defined", VOLUMES),
    Metric("avd_percent", "Volume difference, relative", "%", LOWER, "100 · |Vp − Vr| / Vr", _NO_REFERENCE, VOLUMES),
    Metric("rvd", "RVD", "1", NEITHER, "(Vp − Vr) / Vr, signed", _NO_REFERENCE, VOLUMES),
    Metric("fpv_ml", "False positive volume", "mL", LOWER,
           "volume of predicted lesions without any reference voxel (autoPET)", "0 without prediction", VOLUMES),
    Metric("fnv_ml", "False negative volume", "mL", LOWER,
           "volume of reference lesions without any predicted voxel (autoPET)", "0 without reference", VOLUMES),
    Metric("tlg_ref_g", "TLG, reference", "g", NEITHER, "SUVmean · volume of the reference (needs PET)", "0", VOLUMES),
    Metric("tlg_pred_g", "TLG, predicted", "g", NEITHER, "SUVmean · volume of the prediction (needs PET)", "0",
           VOLUMES),
    Metric("lesions_ref", "Lesions, reference", "1", NEITHER, "number of reference lesions", "0", LESIONS),
    Metric("lesions_pred", "Lesions, predicted", "1", NEITHER, "number of predicted lesions", "0", LESIONS),
    *_lesion_rows(),
    Metric("sq", "SQ", "1", HIGHER, "segmentation quality: mean IoU of pairs with IoU ≥ 0.5", "null without a pair",
           LESIONS),
    Metric("rq", "RQ", "1", HIGHER, "recognition quality: TP / (TP + FP/2 + FN/2) at IoU ≥ 0.5", _F1_EMPTY, LESIONS),
    Metric("pq", "PQ", "1", HIGHER, "panoptic quality: SQ · RQ", _F1_EMPTY, LESIONS),
    Metric("probability_mae", "MAE", "1", LOWER,
           f"mean |p − y| over the body (SUV above {BODY_SUV:g}) where PET is given, else over all voxels",
           "as defined", PROBABILITIES),
    Metric("probability_mse", "MSE", "1", LOWER, "mean (p − y)² over the same voxels (Brier score)", "as defined",
           PROBABILITIES),
    Metric("probability_mad", "MAD", "1", NEITHER, "mean |p − mean p|: a dispersion of the map, not an error",
           "as defined", PROBABILITIES),
    Metric("ece", "ECE", "1", LOWER,
           "expected calibration error, 10 bins, over voxels with p ≥ 0.01 or in the reference",
           "null without such voxels", PROBABILITIES),
    Metric("score", "Case score", "1", NEITHER, "highest probability of the case", "as defined", PROBABILITIES),
)  # fmt: skip

METRICS: Mapping[str, Metric] = MappingProxyType({row.name: row for row in _ROWS})

CONVENTIONS = (
    "Empty masks: Dice, IoU and sensitivity are null without reference (a case with neither reference nor prediction "
    "is a true negative case), lesion F1 and NSD are 0 if only one side is empty, distances are null. "
    "Means are over cases with a value; their number stands beside them.",
    "Lesions are 18-connected components of the foreground unless the labels are said to be lesions. "
    "Surfaces are voxels with a 6-neighbour outside; distances run between voxel centres, in mm.",
)
"""What stands above every table."""

EMPTY_RULE = "empty reference: Dice null; one side empty: lesion F1 and NSD 0, distances null"
"""The same in the head of each table."""

_OVER_CASES = (
    ("Mean, SD, median, quartiles", "over the cases with a value; the mean with a bootstrap interval over patients"),
    ("Pooled Dice, sensitivity, precision", "from the sums of TP, FP and FN over all cases"),
    ("Lesion recall and precision", "lesions of all cases together, by C1, C2 and C3, with bootstrap intervals over "
     "patients; recall by volume (1, 3, 10, 30 mL) and by short axis (5, 10, 15 mm) with Wilson's interval"),
    ("FROC", "sensitivity against false positives a case of predicted lesions ranked by their highest probability; a "
     "second candidate on a lesion is ignored; a hit is IoU ≥ 0.1, 0.25 or 0.5, any overlap, or "
        "the centre in the lesion's box; read without interpolation at ⅛–8 (`luna7`), ¼–8 (`cam6`) and ½–4 "
     "(`ln4`) false positives a case"),
    ("AP, mAP", "all-point interpolated precision against recall at IoU 0.1, 0.25 and 0.5 and their mean; a second "
     "candidate on a lesion is a false positive (COCO)"),
    ("Bland–Altman", "bias, ±1.96 SD limits with intervals: difference, percent of the mean, ratio"),
    ("ICC(2,1), ICC(3,1), CCC, Pearson, Spearman, MAPE", "of the volumes; ICC with F intervals"),
    ("Within 10 % or 10 mL", "share of cases whose volume differs by at most 10 % of the reference or by 10 mL"),
    ("Case sensitivity and specificity", "a case with any predicted voxel is positive; Wilson's intervals; with "
     "probability maps the AUC of the case score (DeLong), Youden's threshold and net benefit"),
    ("Calibration", "reliability in 10 bins, ECE and Brier score of voxels; slope and intercept of lesion scores "
     "against C1"),
    ("Bootstrap", "2000 resamplings of patients, each with all its cases and lesions; BCa; the seed is in the record"),
    ("Paired tests", "of the patients' means: Wilcoxon's signed ranks and exchange of signs, p adjusted by Holm over "
     "all pairs of systems"),
)  # fmt: skip


def reference_page() -> str:
    """The reference page of all metrics, Markdown."""
    lines = [
        "# Metrics",
        "",
        "Every number that `lymphoscope evaluate` gives. Made from `lymphoscope.evaluate.catalogue`; do not edit.",
        "How fast they are: [benchmarks](benchmarks-metrics.md).",
        "",
        *(f"- {words}" for words in CONVENTIONS),
    ]
    for group in dict.fromkeys(row.group for row in _ROWS):
        lines += ["", f"## {group}", "", "| name | unit | better | definition | empty masks |", "|---|---|---|---|---|"]
        lines += [_row(row) for row in _ROWS if row.group == group]
    lines += ["", "## Over cases", "", "| number | definition |", "|---|---|"]
    lines += [f"| {name} | {words} |" for name, words in _OVER_CASES]
    return "\n".join(lines) + "\n"


def _row(row: Metric) -> str:
    better = {HIGHER: "higher", LOWER: "lower", NEITHER: ""}[row.better]
    means, empty = (text.replace("|", "\\|") for text in (row.means, row.empty))
    return f"| `{row.name}` | {row.unit} | {better} | {means} | {empty} |"
