"""Figures of an evaluation: box plots, Bland–Altman, recall by size, FROC, reliability, systems side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lymphoscope.app.evaluation.canvas import BLUE, GREEN, GREY, ORANGE, RED, Canvas, house_style
from lymphoscope.app.evaluation.tables import HITS, figure, titled
from lymphoscope.evaluate.case import CaseResult
from lymphoscope.evaluate.catalogue import METRICS
from lymphoscope.evaluate.cohort import column
from lymphoscope.render.pictures import Picture

_SHARES = ("dice", "iou", "sensitivity", "precision", "nsd", "c1_f1", "c2_f1_50", "pq")
_MILLIMETRES = ("hd_mm", "hd95_mm", "assd_mm")
_RATES = (0.125, 0.25, 0.5, 1, 2, 4, 8)


def figures(results: Sequence[CaseResult], summary: Mapping[str, Any]) -> tuple[Picture, ...]:
    """All figures that the results allow, the most asked for first."""
    with house_style():
        made = (
            _spread(results), _bland_altman(results, summary), _recall_by_size(summary), _froc(summary),
            _reliability(summary),
        )  # fmt: skip
    return tuple(picture for picture in made if picture is not None)


def _spread(results: Sequence[CaseResult]) -> Picture | None:
    canvas = Canvas(10.5, 3.6, 2)
    drawn = [
        boxes(axes, {METRICS[n].title: known(results, n) for n in names})
        for axes, names in zip(canvas.axes, (_SHARES, _MILLIMETRES), strict=True)
    ]
    if not any(drawn):
        return None
    canvas.axes[0].set_ylim(-0.03, 1.03)
    canvas.axes[1].set_ylabel("mm")
    words = "Box plots of the cases: median, quartiles, whiskers to 1.5 times their distance; each dot is a case."
    return Picture("box-plots.png", canvas.png(), words, words)


def known(results: Sequence[CaseResult], name: str) -> list[float]:
    """The defined values of a metric."""
    values = column(results, name)
    return [float(v) for v in values[~np.isnan(values)]]


def boxes(axes: Axes, groups: Mapping[str, Sequence[float]]) -> bool:
    """Draw a box and its dots for each group that has values; tell whether any has."""
    full = {name: values for name, values in groups.items() if len(values)}
    if not full:
        axes.set_axis_off()
        return False
    axes.boxplot(
        list(full.values()), widths=0.5, showfliers=False, medianprops={"color": RED, "linewidth": 2},
        boxprops={"color": GREY}, whiskerprops={"color": GREY}, capprops={"color": GREY},
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for place, values in enumerate(full.values(), 1):
        axes.scatter(place + rng.uniform(-0.16, 0.16, len(values)), values, s=9, color=BLUE, alpha=0.55, linewidths=0)
    axes.set_xticks(range(1, len(full) + 1), full, rotation=25, ha="right")
    return True


def _bland_altman(results: Sequence[CaseResult], summary: Mapping[str, Any]) -> Picture | None:
    limits = (summary["volume_agreement"] or {}).get("bland_altman", {}).get("absolute")
    if limits is None:
        return None
    p, r = column(results, "volume_pred_ml"), column(results, "volume_ref_ml")
    canvas = Canvas(10.5, 3.8, 2)
    left, right = canvas.axes
    left.scatter((p + r) / 2, p - r, s=14, color=BLUE, alpha=0.7, linewidths=0)
    for value, style in ((limits["bias"], "-"), (limits["low"], "--"), (limits["high"], "--")):
        left.axhline(value, color=RED, linestyle=style, linewidth=1.2)
        left.annotate(figure(value, "mL"), (1, value), xycoords=("axes fraction", "data"), fontsize=8, color=RED)
    left.axhline(0, color=GREY, linewidth=0.6)
    left.set(xlabel="mean of predicted and reference volume, mL", ylabel="predicted − reference, mL")
    top = 1.05 * float(max(p.max(), r.max(), 1.0))
    right.plot([0, top], [0, top], color=GREY, linewidth=0.8)
    right.scatter(r, p, s=14, color=BLUE, alpha=0.7, linewidths=0)
    right.set(xlabel="reference volume, mL", ylabel="predicted volume, mL", xlim=(0, top), ylim=(0, top))
    bias, low, high = (figure(limits[end], "mL") for end in ("bias", "low", "high"))
    words = (
        f"Bland–Altman plot of the volume: bias {bias} mL, limits of agreement {low} to {high} mL; beside it predicted "
        "against reference volume with the line of identity."
    )
    return Picture("bland-altman.png", canvas.png(), words, words)


def _recall_by_size(summary: Mapping[str, Any]) -> Picture | None:
    if not sum(row["lesions"] for row in summary["strata"]["volume"]):
        return None
    canvas = Canvas(10.5, 3.2, 2)
    for axes, (name, title) in zip(canvas.axes, (("volume", "volume"), ("short_axis", "short axis")), strict=True):
        rows = summary["strata"][name]
        for shift, rule, colour, words in ((-0.18, "c1", GREEN, "any overlap"), (0.18, "c2_50", ORANGE, "IoU ≥ 0.5")):
            heights = [row[rule]["recall"] or 0.0 for row in rows]
            places = np.arange(len(rows)) + shift
            axes.bar(places, heights, 0.34, color=colour, label=words)
            for place, row in zip(places, rows, strict=True):
                if row[rule]["interval"]:
                    axes.plot([place, place], row[rule]["interval"], color="black", linewidth=1)
        axes.set_xticks(range(len(rows)), [f"{row['stratum']}\nn = {row['lesions']}" for row in rows])
        axes.set(ylim=(0, 1.05), ylabel="recall of lesions", title=f"by {title}")
    canvas.axes[0].legend(fontsize=8, frameon=False)
    words = "Recall of reference lesions by size, with Wilson's 95 % intervals."
    return Picture("recall-by-size.png", canvas.png(), words, words)


def _froc(summary: Mapping[str, Any]) -> Picture | None:
    if summary["froc"] is None:
        return None
    canvas = Canvas(6.5, 3.8)
    axes = canvas.axes[0]
    for rule, colour in (("any_overlap", GREY), ("iou_10", GREEN), ("iou_25", BLUE), ("iou_50", ORANGE)):
        curve = summary["froc"]["by_rule"][rule]["curve"]
        x, y = np.asarray(curve["false_positives"], float), np.asarray(curve["sensitivity"], float)
        ends = (
            np.concatenate([[_RATES[0] / 2], x, [_RATES[-1]]]),
            np.concatenate([[0.0], y, [y[-1] if y.size else 0]]),
        )
        axes.step(np.maximum(ends[0], _RATES[0] / 2), ends[1], where="post", color=colour, label=HITS[rule])
    axes.set_xscale("log", base=2)
    axes.set_xticks(_RATES, [f"{rate:g}" for rate in _RATES])
    axes.set(xlabel="false positives a case", ylabel="sensitivity", ylim=(0, 1.03), xlim=(_RATES[0] / 2, _RATES[-1]))
    axes.legend(fontsize=8, frameon=False)
    words = "FROC: sensitivity for lesions against false positives a case, predicted lesions ranked by probability."
    return Picture("froc.png", canvas.png(), words, words)


def _reliability(summary: Mapping[str, Any]) -> Picture | None:
    found = summary["calibration"]
    if found is None or not found["curve"]:
        return None
    canvas = Canvas(4.2, 3.8)
    axes = canvas.axes[0]
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    axes.plot([row[0] for row in found["curve"]], [row[1] for row in found["curve"]], marker="o", color=BLUE)
    axes.set(xlabel="mean probability", ylabel="share of reference voxels", xlim=(0, 1), ylim=(0, 1))
    words = f"Reliability of the voxels' probabilities; expected calibration error {found['ece']:.3f}."
    return Picture("reliability.png", canvas.png(), words, words)


def systems_figure(record: Mapping[str, Any], values: Mapping[str, Mapping[str, Sequence[float]]]) -> Picture:
    """Box plots of systems side by side.

    Args:
        record: The comparison's record; gives the order of the systems.
        values: Values of the cases by metric and system; the first three metrics are drawn.
    """
    names = list(values)[:3]
    with house_style():
        canvas = Canvas(10.5, 4.0, len(names))
        for axes, name in zip(canvas.axes, names, strict=True):
            boxes(axes, {system: values[name][system] for system in record["order"]})
            axes.set_title(titled(name))
        png = canvas.png()
    words = "Box plots of the cases for each system, the first in rank at the left; each dot is a case."
    return Picture("systems.png", png, words, words)
