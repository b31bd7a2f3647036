"""Figures of a survival analysis: curves with numbers at risk, forest plot, ROC, calibration, decision curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lymphoscope.app.evaluation.canvas import BLUE, GREEN, GREY, ORANGE, RED, Canvas, house_style
from lymphoscope.app.evaluation.tables import p_value
from lymphoscope.app.prognosis.tables import amount
from lymphoscope.render.pictures import Picture

Record = Mapping[str, Any]

_COLOURS = (BLUE, RED, GREEN, ORANGE, GREY, "#CC79A7", "#56B4E9", "#000000")
_MOST = len(_COLOURS)
_TICKS = 6
_RATIOS = (1e-3, 1e3)
"""Hazard ratios beyond are drawn at the edge."""


def figures(record: Record) -> tuple[Picture, ...]:
    """All figures that the analysis allows."""
    made: list[Picture | None] = [
        survival_picture("survival", "All patients", {"all patients": record["overall"]}, None, record)
    ]
    for number, (name, found) in enumerate(record["curves"].items(), 1):
        made.append(survival_picture(f"survival-{number}", f"By {name}", found["curves"], found["log_rank"], record))
    if record["models"]:
        main = record["models"][-1]
        found = main["unseen"]["groups_at_training_median"]
        words = {f"{name} predicted risk": curve for name, curve in sorted(found["curves"].items(), reverse=True)}
        title = f"Unseen patients by the risk that “{main['name']}” predicts (cut at the median of the training folds)"
        made.append(survival_picture("risk-groups", title, words, found["log_rank"], record))
    made += [_forest(record), _roc(record), _auc_over_time(record), _calibration(record), _decision(record)]
    return tuple(picture for picture in made if picture is not None)


def survival_picture(name: str, title: str, curves: Record, test: Record | None, record: Record) -> Picture:
    """Kaplan–Meier curves of groups with numbers at risk; of `record` the unit and the horizon are told."""
    shown = dict(list(curves.items())[:_MOST])
    with house_style():
        below = 0.24 * (len(shown) + 1)
        canvas = Canvas(6.8, 3.4 + below, heights=(3.4, below))
        axes = canvas.axes[0]
        last = max(curve["times"][-1] for curve in shown.values())
        ticks = [tick for tick in axes.xaxis.get_major_locator().tick_values(0, last) if 0 <= tick <= last][
            : 2 * _TICKS
        ]
        for colour, (group, curve) in zip(_COLOURS, shown.items(), strict=False):
            _step(axes, curve, colour, group)
        axes.set(xlim=(0, last), ylim=(0, 1.03), ylabel="event-free", xticks=ticks)
        axes.set_xlabel(f"time, {record['unit']}" if record["unit"] else "time")
        axes.axvline(record["horizon"], color=GREY, linewidth=0.6, linestyle=":")
        if len(shown) > 1:
            axes.legend(fontsize=8, frameon=False, loc="lower left")
        if test:
            axes.text(0.98, 0.95, f"log-rank p {p_value(test['p'])}", transform=axes.transAxes, ha="right", fontsize=8)
        _numbers_at_risk(canvas.axes[1], shown, ticks, last)
        png = canvas.png()
    groups = "; ".join(f"{group}: {curve['events']} events in {curve['n']} patients" for group, curve in shown.items())
    caption = f"{title}. Kaplan–Meier with 95 % intervals, marks at censored patients, numbers at risk. {groups}."
    return Picture(f"{name}.png", png, caption, caption)


def _step(axes: Axes, curve: Record, colour: str, group: str) -> None:
    axes.step(curve["times"], curve["survival"], where="post", color=colour, linewidth=1.5, label=group)
    axes.fill_between(curve["times"], curve["low"], curve["high"], step="post", color=colour, alpha=0.15, linewidth=0)
    places = np.searchsorted(curve["times"], curve["censored"], side="right") - 1
    heights = np.asarray(curve["survival"])[places]
    axes.plot(curve["censored"], heights, "|", color=colour, markersize=5, markeredgewidth=0.8)


def _numbers_at_risk(axes: Axes, curves: Record, ticks: Sequence[float], last: float) -> None:
    axes.set_axis_off()
    axes.set(xlim=(0, last), ylim=(-len(curves) - 0.5, 0.5))
    axes.text(0, 0, "at risk", fontsize=8, va="center", color=GREY)
    for line, (colour, curve) in enumerate(zip(_COLOURS, curves.values(), strict=False), 1):
        for tick in ticks:
            at_risk = sum(end >= tick for end in curve["ends"])
            axes.text(tick, -line, str(at_risk), fontsize=8, ha="center", va="center", color=colour)


def _forest(record: Record) -> Picture | None:
    rows = [(found["name"], found["cox"], BLUE) for found in record["variables"] if found["cox"]]
    main = record["models"][-1] if record["models"] else None
    if main and main["penalty"] is None and len(main["coefficients"]) > 1:
        rows += [(f"{found['name']} ({main['name']})", found, RED) for found in main["coefficients"]]
    if not rows:
        return None
    with house_style():
        canvas = Canvas(6.8, 1.2 + 0.3 * len(rows))
        axes = canvas.axes[0]
        for place, (_, found, colour) in enumerate(reversed(rows)):
            low, middle, high = np.clip([found[end] for end in ("low", "hazard_ratio", "high")], *_RATIOS)
            axes.plot([low, high], [place, place], color=colour, linewidth=1.4)
            axes.plot(middle, place, "s", color=colour, markersize=5)
        axes.axvline(1, color=GREY, linewidth=0.8)
        axes.set_xscale("log")
        _plain_ticks(axes)
        axes.set_yticks(range(len(rows)), [name for name, _, _ in reversed(rows)])
        axes.set_xlabel("hazard ratio for one unit more, 95 % interval")
        png = canvas.png()
    caption = (
        "Forest plot of hazard ratios: each variable alone (blue), adjusted for one another in the main model (red)."
    )
    return Picture("forest.png", png, caption, caption)


def _plain_ticks(axes: Axes) -> None:
    """Ratios at a logarithmic axis written as people write them."""
    low, high = axes.get_xlim()
    steps = (1, 2, 5) if high / low > 8 else (1, 1.5, 2, 3, 5, 7)
    marks = [step * 10.0**power for power in range(-6, 7) for step in steps]
    shown = [mark for mark in marks if low <= mark <= high]
    axes.set_xticks(shown, [f"{mark:g}" for mark in shown])
    axes.set_xticks([], minor=True)


def _roc(record: Record) -> Picture | None:
    found = {m["name"]: m["unseen"]["endpoint"] for m in record["models"] if m["unseen"]["endpoint"]}
    if not found:
        return None
    with house_style():
        canvas = Canvas(4.6, 4.3)
        axes = canvas.axes[0]
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        for colour, (name, curve) in zip(_COLOURS, list(found.items())[-_MOST:], strict=False):
            area = f"{name}: AUC {curve['auc']['value']:.3f}"
            x = [1 - s for s in curve["roc"]["specificity"]]
            axes.plot(x, curve["roc"]["sensitivity"], color=colour, label=area)
        axes.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.01))
        axes.legend(fontsize=8, frameon=False, loc="lower right")
        png = canvas.png()
    at = f"{amount(record['horizon'])} {record['unit']}".rstrip()
    caption = f"ROC curves for the event by {at}, on patients that the models have not seen."
    return Picture("roc.png", png, caption, caption)


def _auc_over_time(record: Record) -> Picture | None:
    shown = {
        model["name"]: [(one["time"], one["auc"]) for one in model["unseen"]["auc_over_time"] if one["auc"] is not None]
        for model in record["models"][-_MOST:]
    }
    if not any(shown.values()):
        return None
    with house_style():
        canvas = Canvas(5.6, 3.6)
        axes = canvas.axes[0]
        axes.axhline(0.5, color=GREY, linewidth=0.8)
        for colour, (name, points) in zip(_COLOURS, shown.items(), strict=False):
            axes.plot([time for time, _ in points], [auc for _, auc in points], "o-", color=colour, label=name, ms=3)
        axes.set(xlabel=f"time, {record['unit']}" if record["unit"] else "time", ylabel="AUC(t)", ylim=(0, 1.01))
        axes.legend(fontsize=8, frameon=False, loc="lower right")
        png = canvas.png()
    caption = (
        "Time-dependent AUC up to the horizon, on patients that the models have not seen; early on events are few."
    )
    return Picture("auc-over-time.png", png, caption, caption)


def _calibration(record: Record) -> Picture | None:
    if not record["models"]:
        return None
    main = record["models"][-1]
    groups = main["unseen"]["calibration"]["groups"]
    with house_style():
        canvas = Canvas(4.6, 4.3)
        axes = canvas.axes[0]
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        for group in groups:
            axes.plot([group["predicted"]] * 2, [group["low"], group["high"]], color=BLUE, linewidth=1)
        axes.plot([g["predicted"] for g in groups], [g["observed"] for g in groups], "o", color=BLUE)
        axes.set(xlabel="predicted risk", ylabel="observed risk (Kaplan–Meier)", xlim=(0, 1), ylim=(0, 1.01))
        png = canvas.png()
    at = f"{amount(record['horizon'])} {record['unit']}".rstrip()
    caption = (
        f"Calibration of “{main['name']}” at {at} on unseen patients: groups of like predicted risk, 95 % intervals."
    )
    return Picture("calibration.png", png, caption, caption)


def _decision(record: Record) -> Picture | None:
    if not record["models"]:
        return None
    main = record["models"][-1]
    with house_style():
        canvas = Canvas(5.6, 3.8)
        axes = canvas.axes[0]
        for colour, model in zip(_COLOURS, record["models"][-_MOST:], strict=False):
            curve = model["unseen"]["decision_curve"]
            axes.plot(curve["thresholds"], curve["model"], color=colour, label=model["name"], linewidth=1.4)
        everyone = main["unseen"]["decision_curve"]
        axes.plot(
            everyone["thresholds"], everyone["everyone"], color="black", linestyle="--", label="treat all", linewidth=1
        )
        axes.axhline(0, color=GREY, linewidth=0.8, label="treat none")
        top = max(0.05, *everyone["model"], everyone["everyone"][0])
        axes.set(xlabel="threshold of risk", ylabel="net benefit", ylim=(-0.25 * top, 1.1 * top), xlim=(0, 1))
        axes.legend(fontsize=8, frameon=False)
        png = canvas.png()
    at = f"{amount(record['horizon'])} {record['unit']}".rstrip()
    caption = (
        f"Decision curves at {at} on unseen patients: what acting from a threshold of risk on gains over treating none."
    )
    return Picture("decision-curve.png", png, caption, caption)
