"""Tables of a comparison of runs, in the form of Tables 3 and 4 of Liu et al. 2022."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lymphoscope.app.evaluation.tables import Table, figure, interval, p_value
from lymphoscope.app.prognosis.tables import span
from lymphoscope.core.shown import NONE

Record = Mapping[str, Any]

CUT_OFFS = {"half": "risks cut at one half", "youden": "cut-offs by Youden, chosen on training patients"}
_DRAWN = ("dice", "precision", "recall")
_RATES = ("accuracy", "sensitivity", "specificity")
_HEADS = ("method", "DSC (95 %)>", "precision>", "recall>", "AUC (95 %)>", "within folds>", "accuracy (95 %)>",
          "sensitivity (95 %)>", "specificity (95 %)>", "Youden (95 %)>")  # fmt: skip


def main_table(record: Record, cut: str) -> Table | None:
    """Every method: what it drew, and what it foretold by one kind of cut-off."""
    told = {one["name"]: one for one in record.get("outcomes", ())}
    methods = {one["name"]: one for one in record["methods"]}
    if cut == "half" and not any("half" in one["calls"] for one in told.values()):
        return None
    names = [name for name in dict.fromkeys((*methods, *told)) if name in methods or cut in told[name]["calls"]]
    rows = tuple((name, *_drawn(methods.get(name)), *_told(told.get(name), cut)) for name in names)
    end = record.get("endpoint")
    caption = "Drawn and foretold, unseen patients" if end else "Drawn, unseen patients"
    if end:
        caption += f"; {end['name']}: {end['events']} of {end['events'] + end['others']} known; {CUT_OFFS[cut]}"
    return Table(caption, _HEADS, rows)


def _drawn(method: Record | None) -> tuple[str, str, str]:
    if method is None or method["drawn"] is None:
        return NONE, NONE, NONE
    dice, *others = (method["drawn"][name] for name in _DRAWN)
    return interval(dice), figure(others[0]["value"]), figure(others[1]["value"])


def _told(one: Record | None, cut: str) -> tuple[str, ...]:
    if one is None:
        return (NONE,) * 6
    calls, area = one["calls"].get(cut), one["auc"]
    areas = (span(area["value"], area["low"], area["high"]) if area else NONE, figure(one["auc_within_folds"]))
    if calls is None:
        return (*areas, NONE, NONE, NONE, NONE)
    rates = (span(calls[name], *(calls[f"{name}_interval"] or (None, None))) for name in _RATES)
    return (*areas, *rates, span(calls["youden"], *calls["youden_interval"]))


def levels_table(record: Record) -> Table | None:
    """What single levels of a network foretell."""
    rows = tuple(
        (one["name"], span(*(one["auc"][end] for end in ("value", "low", "high"))), figure(one["auc_within_folds"]))
        for one in record.get("levels", ())
        if one["auc"]
    )
    return Table("Single levels, finest 0", ("level", "AUC (95 %)>", "within folds>"), rows) if rows else None


def comparisons_table(record: Record) -> Table | None:
    """The main run against each of the others."""
    rows = []
    for pair in record.get("comparisons", ()):
        areas, calls = pair["delong"], pair["mcnemar"]
        rows.append((f"{pair['first']} − {pair['second']}", str(pair["patients"]),
                     figure(areas["first"] - areas["second"]) if areas else NONE,
                     p_value(areas["p"]) if areas else NONE, p_value(areas["p_holm"]) if areas else NONE,
                     f"{calls['b']} : {calls['c']}", p_value(calls["p"]), p_value(calls["p_holm"]),
                interval(pair["youden_difference"])))  # fmt: skip
    heads = ("pair", "patients>", "ΔAUC>", "DeLong p>", "Holm>", "right alone>", "McNemar p>", "Holm>",
             "ΔYouden (95 %)>")  # fmt: skip
    return Table("The first run against the others, on the same patients", heads, tuple(rows)) if rows else None


def cost_table(record: Record) -> Table:
    """What the training cost."""
    rows = tuple(
        (one["name"], f"{one['recipe']}: {one['title']}", str(one["folds_trained"]), f"{one['cost']['steps']:,}",
         f"{one['cost']['seconds'] / 60:.1f}", f"{one['cost']['peak_memory_gb']:.2f}")
        for one in record["methods"]
    )  # fmt: skip
    heads = ("run", "recipe", "folds>", "steps, all folds>", "minutes, all folds>", "peak memory, GB>")
    return Table("What the training cost", heads, rows)


def methods(record: Record) -> list[dict[str, Any]]:
    """All figures of every method, a row each."""
    drawn = {one["name"]: one["drawn"] or {} for one in record["methods"]}
    told = {one["name"]: one for one in record.get("outcomes", ())}
    found = []
    for name in dict.fromkeys((*drawn, *told)):
        row: dict[str, Any] = {"method": name}
        for metric, value in drawn.get(name, {}).items():
            row |= {metric: value["value"], f"{metric}_low": value["low"], f"{metric}_high": value["high"]}
        one = told.get(name)
        if one is not None and one["auc"]:
            row |= {f"auc_{end}": one["auc"][end] for end in ("value", "low", "high")}
            row["auc_within_folds"] = one["auc_within_folds"]
            for cut, calls in one["calls"].items():
                row |= {f"{rate}_{cut}": calls[rate] for rate in (*_RATES, "youden")}
        found.append(row)
    return found
