"""Tables of an evaluation, as files and as rows of strings for page and terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lymphoscope.core import shown
from lymphoscope.evaluate.catalogue import EMPTY_RULE, METRICS
from lymphoscope.render.table import cell

MAIN = ("dice", "nsd", "hd95_mm", "assd_mm", "sensitivity", "precision", "avd_ml", "avd_percent", "fpv_ml", "fnv_ml",
        "c1_recall", "c1_f1", "c2_f1_10", "c2_f1_50", "pq")  # fmt: skip
"""Metrics shown on the terminal; the page and the files have all."""

_RULES = {
    "c1": "any overlap", "c2_10": "one to one, IoU ≥ 0.1", "c2_25": "one to one, IoU ≥ 0.25",
    "c2_50": "one to one, IoU ≥ 0.5", "c3": "hottest voxel",
}  # fmt: skip


HITS = {"iou_10": "IoU ≥ 0.1", "iou_25": "IoU ≥ 0.25", "iou_50": "IoU ≥ 0.5", "any_overlap": "any overlap",
        "centre_in_box": "centre in box"}  # fmt: skip
"""Rules by which a ranked lesion hits a reference lesion."""


@dataclass(frozen=True)
class Table:
    """A table of strings; a head that ends in ``>`` is set to the right."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def csv_of(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A CSV: commas, CR LF, nine significant digits, no cell that a spreadsheet would take for a formula."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([cell(row.get(name)) for name in columns] for row in rows)
    return stream.getvalue().encode("utf-8", "backslashreplace")


def cases_of(counts: Mapping[str, Any]) -> str:
    """Such as ``36 cases of 34 patients``."""
    cases, patients = int(counts["cases"]), int(counts["patients"])
    return f"{cases} case{'s' * (cases != 1)} of {patients} patient{'s' * (patients != 1)}"


def figure(value: float | None, unit: str = "1") -> str:
    """A number of an evaluation: three decimals without unit, else as everywhere."""
    if unit == "1" and isinstance(value, float):
        return shown.grouped(f"{value:.3f}")
    return shown.number(value, unit, detail=True)


def interval(found: Mapping[str, Any], unit: str = "1") -> str:
    """A value with its interval, such as ``0.712 (0.650–0.771)``."""
    text = figure(found["value"], unit)
    if found.get("low") is None:
        return text
    between = " to " if found["low"] < 0 else "–"
    return f"{text} ({figure(found['low'], unit)}{between}{figure(found['high'], unit)})"


def metric_table(summary: Mapping[str, Any], names: Iterable[str] = METRICS) -> Table:
    """Every metric over the cases."""
    rows = []
    for name in names:
        if name in summary["metrics"]:
            found, metric = summary["metrics"][name], METRICS[name]
            spread = f"{figure(found['median'], metric.unit)} ({figure(found['q1'], metric.unit)}–"
            spread += f"{figure(found['q3'], metric.unit)})"
            rows.append(
                (
                    titled(name), str(found["n"]),
                    interval(found["mean"], metric.unit), figure(found["sd"], metric.unit), spread,
                )
            )  # fmt: skip
    return Table(
        f"Over the cases ({EMPTY_RULE})", ("metric", "n>", "mean (95 %)>", "SD>", "median (quartiles)>"), tuple(rows)
    )


def lesion_table(summary: Mapping[str, Any]) -> Table:
    """Lesions of all cases together."""
    rows = tuple(
        (
            _RULES[rule], f"{found['found']} of {found['lesions_ref']}", interval(found["recall"]),
            f"{found['true']} of {found['lesions_pred']}", interval(found["precision"]), interval(found["f1"]),
        )
        for rule, found in summary["lesions"].items()
    )  # fmt: skip
    heads = ("rule", "found>", "recall (95 %)>", "true>", "precision (95 %)>", "F1 (95 %)>")
    return Table("Lesions of all cases together", heads, rows)


def strata_table(summary: Mapping[str, Any], by: str) -> Table:
    """Recall by size."""
    rules = list(summary["lesions"])
    rows = tuple(
        (row["stratum"], str(row["lesions"]), *(_share(row[rule]) for rule in rules)) for row in summary["strata"][by]
    )
    words = {"volume": "Recall by volume of the lesion", "short_axis": "Recall by short axis of the lesion"}
    return Table(words[by], ("size", "lesions>", *(f"{_RULES[rule]}>" for rule in rules)), rows)


def _share(found: Mapping[str, Any]) -> str:
    low, high = found["interval"] or (None, None)
    return interval({"value": found["recall"], "low": low, "high": high})


def agreement_table(summary: Mapping[str, Any]) -> Table | None:
    """How the volumes agree."""
    found = summary["volume_agreement"]
    if found is None:
        return None
    rows = []
    for kind, unit in (("absolute", "mL"), ("percent", "%"), ("log", "1")):
        limits = found["bland_altman"][kind]
        if limits:
            words = {"absolute": "Difference, mL", "percent": "Difference, % of the mean", "log": "Ratio"}[kind]
            ends = f"{figure(limits['low'], unit)} to {figure(limits['high'], unit)}"
            rows.append((words, figure(limits["bias"], unit), f"limits of agreement {ends}, n = {limits['n']}"))
    for name, title in (("icc_2_1", "ICC(2,1)"), ("icc_3_1", "ICC(3,1)")):
        if found[name]:
            ends = f"{figure(found[name]['low'])} to {figure(found[name]['high'])}"
            rows.append((title, figure(found[name]["value"]), f"95 % interval {ends}"))
    titles = {"ccc": "CCC", "pearson": "Pearson", "spearman": "Spearman", "within_10": "Within 10 % or 10 mL"}
    rows += [(title, figure(found[name]), "") for name, title in titles.items()]
    rows.append(("MAPE, %", figure(found["mape"], "%"), ""))
    return Table("Volume, predicted against reference", ("", "value>", ""), tuple(rows))


def detection_table(summary: Mapping[str, Any]) -> Table | None:
    """AP and FROC by IoU."""
    found = summary["froc"]
    if found is None:
        return None
    rows = [
        (
            HITS[rule], interval(row["ap"]),
            *(figure(value) for value in row["sensitivity"]["luna7"].values()),
        )
        for rule, row in found["by_rule"].items()
    ]  # fmt: skip
    rates = list(next(iter(found["by_rule"].values()))["sensitivity"]["luna7"])[:-1]
    heads = ("match", "AP (95 %)>", *(f"at {rate}>" for rate in rates), "mean>")
    caption = f"Ranked lesions: AP, and sensitivity at false positives a case; mAP {figure(found['map'])}"
    return Table(caption, heads, tuple(rows))


def ranking_table(record: Mapping[str, Any]) -> Table:
    """Systems from first to last by the metric that ranks."""
    metric, means = METRICS[record["by"]], record["metrics"][record["by"]]["means"]
    rows = tuple(
        (str(place), system, interval(means[system], metric.unit), f"{100 * record['first_share'][system]:.0f} %")
        for place, system in enumerate(record["order"], 1)
    )
    heads = ("rank>", "system", f"mean {titled(record['by'])} (95 %)>", "first in resampled cohorts>")
    return Table(f"Systems by mean {metric.title}, {cases_of(record)}", heads, rows)


def means_table(record: Mapping[str, Any]) -> Table:
    """Means of every metric, a column a system."""
    rows = tuple(
        (titled(name), *(interval(found["means"][system], METRICS[name].unit) for system in record["order"]))
        for name, found in record["metrics"].items()
    )
    heads = ("metric", *(f"{system}>" for system in record["order"]))
    return Table(f"Means with 95 % intervals ({EMPTY_RULE}, here the image diagonal)", heads, rows)


def titled(name: str) -> str:
    """A metric's title with its unit."""
    metric = METRICS[name]
    return metric.title + (f", {metric.unit}" if metric.unit != "1" else "")


def pairs_table(record: Mapping[str, Any]) -> Table:
    """Paired tests of the metric that ranks, and of the others."""
    rows = [
        (
            METRICS[name].title, f"{test['first']} − {test['second']}", str(test["n"]),
            interval(test["interval"], METRICS[name].unit),
            *(p_value(test[key]) for key in ("wilcoxon_p", "wilcoxon_p_holm", "permutation_p", "permutation_p_holm")),
        )
        for name, found in record["metrics"].items()
        for test in found["tests"]
    ]  # fmt: skip
    heads = ("metric", "pair", "patients>", "difference (95 %)>", "Wilcoxon p>", "Holm>", "permutation p>", "Holm>")
    return Table("Paired tests", heads, tuple(rows))


def p_value(p: float) -> str:
    """A p value with two significant digits."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
