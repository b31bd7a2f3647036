"""Figures of a comparison of runs: ROC curves, and survival by predicted group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lymphoscope.app.evaluation.canvas import BLUE, GREEN, GREY, ORANGE, RED, Canvas, house_style
from lymphoscope.app.joint.tables import CUT_OFFS
from lymphoscope.app.prognosis.figures import survival_picture
from lymphoscope.app.prognosis.tables import span
from lymphoscope.render.pictures import Picture

Record = Mapping[str, Any]

_COLOURS = (BLUE, RED, GREEN, ORANGE, "#CC79A7", "#56B4E9", "#8C564B", GREY)
_MOST_CURVES = 4
"""Methods whose survival curves are drawn: the first run, quantities, then other runs; the record has all."""


def figures(record: Record) -> tuple[Picture, ...]:
    """All figures that the comparison allows."""
    made = [*_roc(record)]
    curves = record.get("curves")
    if curves:
        methods = curves["methods"]
        quantities = [name for name, by_cut in methods.items() if "half" not in by_cut]
        shown = dict.fromkeys([*list(methods)[:1], *quantities, *methods])
        for number, name in enumerate(list(shown)[:_MOST_CURVES], 1):
            for cut, found in methods[name].items():
                made.append(_survival(number, name, cut, found, curves))
    return tuple(made)


def _roc(record: Record) -> list[Picture]:
    shown = [one for one in record.get("outcomes", ()) if one["roc"]]
    if not shown:
        return []
    best = sorted(shown, key=lambda one: -float(one["auc"]["value"]))
    with house_style():
        canvas = Canvas(6.4, 5.6)
        axes = canvas.axes[0]
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.6)
        for one in best:
            number, quantity = shown.index(one), "half" not in one["calls"]
            colour = "black" if number == 0 else _COLOURS[(number - 1) % len(_COLOURS)]
            label = f"{one['name']}: {span(one['auc']['value'], one['auc']['low'], one['auc']['high'])}"
            x = [1 - s for s in one["roc"]["specificity"]]
            style, width = ("--" if quantity else "-"), (2.2 if number == 0 else 1.2)
            axes.plot(x, one["roc"]["sensitivity"], style, color=colour, label=label, lw=width)
        axes.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.01))
        axes.legend(fontsize=7, frameon=False, loc="lower right", title="AUC (95 %)", title_fontsize=7)
        png = canvas.png()
    caption = f"ROC curves for {record['endpoint']['name']}, patients whom the networks had not seen"
    caption += " (dashed: single quantities)." if any("half" not in one["calls"] for one in shown) else "."
    return [Picture("roc.png", png, caption, caption)]


def _survival(number: int, name: str, cut: str, found: Record, curves: Record) -> Picture:
    words = {f"{group} risk": curve for group, curve in sorted(found["curves"].items(), reverse=True)}
    title = f"{curves['event']} by what {name} foretold of unseen patients ({CUT_OFFS[cut]})"
    drawn = {"unit": curves["time"], "horizon": 0.0}
    return survival_picture(f"survival-{number}-{cut}", title, words, found["log_rank"], drawn)
