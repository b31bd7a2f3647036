"""Tables of a survival analysis, as rows of strings for page and terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lymphoscope.app.evaluation.tables import Table, figure, interval, p_value
from lymphoscope.core.shown import NONE

Record = Mapping[str, Any]


def amount(value: float | None) -> str:
    """A quantity of the user's own, in three significant digits or more."""
    if value is None:
        return NONE
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def span(value: float | None, low: float | None, high: float | None, write: Any = figure) -> str:
    """A value with its interval; an end that is not reached is a dash."""
    between = "–" if low is not None and high is not None and low >= 0 else " to "
    return f"{write(value)} ({write(low)}{between}{write(high)})"


def curves_table(record: Record) -> Table:
    """Every curve: patients, events, median, survival at the horizon."""
    horizon, unit = record["horizon"], record["unit"]
    rows = [("all patients", *_curve_cells(record["overall"], horizon), "")]
    for name, found in record["curves"].items():
        for number, (group, curve) in enumerate(found["curves"].items()):
            p = f"χ² {found['log_rank']['chi2']:.2f}, p {p_value(found['log_rank']['p'])}" if not number else ""
            rows.append((f"{name}: {group}", *_curve_cells(curve, horizon), p))
    at = f"event-free at {amount(horizon)} {unit}".rstrip()
    heads = ("patients", "n>", "events>", f"median{f', {unit}' if unit else ''} (95 %)>", f"{at} (95 %)>", "log-rank")
    return Table("Kaplan–Meier curves", heads, tuple(rows))


def _curve_cells(curve: Record, horizon: float) -> tuple[str, str, str, str]:
    step = sum(time <= horizon for time in curve["times"]) - 1
    low, high = curve["median_interval"]
    return (
        str(curve["n"]), str(curve["events"]), span(curve["median"], low, high, amount),
        span(curve["survival"][step], curve["low"][step], curve["high"][step]),
    )  # fmt: skip


def variables_table(record: Record) -> Table | None:
    """Variables one by one."""
    if not record["variables"]:
        return None
    rows = []
    for found in record["variables"]:
        cox, chosen, selected = found["cox"], found["youden"], found["maximally_selected"]
        auc, side = found["auc"], "≥" if found["high_is_worse"] else "<"
        rows.append(
            (
                found["name"],
                span(cox["hazard_ratio"], cox["low"], cox["high"]) if cox else NONE,
                p_value(cox["p"]) if cox else NONE,
                p_value(cox["p_holm"]) if cox else NONE,
                p_value(cox["proportional_p"]) if cox else NONE,
                figure(found["harrell"]),
                span(auc["value"], auc["low"], auc["high"]) if auc else NONE,
                f"{side} {_with_ends(chosen['at'], chosen['interval'])}" if chosen else NONE,
                f"{'≥' if selected['cutoff']['high_is_worse'] else '<'} {amount(selected['cutoff']['at'])}"
                if selected else NONE,
                p_value(selected["p"]) if selected else NONE,
            )
        )  # fmt: skip
    heads = ("variable", "hazard ratio (95 %)>", "p>", "Holm>", "PH p>", "C>", "AUC (95 %)>", "Youden cut-off (95 %)>",
             "log-rank cut-off>", "corrected p>")  # fmt: skip
    return Table("Variables one by one (apparent; hazard ratio for one unit more)", heads, tuple(rows))


def _with_ends(value: float, found: Record) -> str:
    return span(value, found["low"], found["high"], amount)


def models_table(record: Record) -> Table | None:
    """Models side by side, on patients they have not seen."""
    if not record["models"]:
        return None
    rows = []
    for model in record["models"]:
        unseen = model["unseen"]
        without = unseen["integrated_brier_without_model"]
        gain = f"{100 * (1 - unseen['integrated_brier'] / without):.1f} %" if without else NONE
        rows.append(
            (
                model["name"], _content(model), NONE if model["aic"] is None else f"{model['aic']:.1f}",
                figure(model["apparent_harrell"]),
                interval(unseen["harrell"]), interval(unseen["uno"]), interval(unseen["auc_at_horizon"]),
                figure(unseen["integrated_brier"]), gain.replace("-", "−"),
            )
        )  # fmt: skip
    heads = ("model", "variables", "AIC>", "apparent C>", "C, unseen (95 %)>", "Uno's C (95 %)>", "AUC(t) (95 %)>",
             "IBS>", "gain>")  # fmt: skip
    caption = f"Models on the same {record['patients']} patients (gain: how much lower the IBS is than without model)"
    return Table(caption, heads, tuple(rows))


def _content(model: Record) -> str:
    """What a model is made of, in few words."""
    if model["penalty"] is None:
        return " + ".join(model["variables"])
    return f"{len(model['coefficients'])} of {len(model['variables'])} by lasso"


def signatures_table(record: Record) -> Table | None:
    """What the lasso chose, and how often it did in the folds."""
    rows = []
    for model in record["models"]:
        if model["penalty"] is not None:
            ratios = {found["name"]: figure(found["hazard_ratio"]) for found in model["coefficients"]}
            folds = model["chosen_in_folds"]
            count = len(record["folds"])
            names = dict.fromkeys((*ratios, *folds))
            rows += [(model["name"], n, ratios.get(n, NONE), f"{folds.get(n, 0)} of {count}") for n in names]
    heads = ("signature", "variable", "hazard ratio, shrunk>", "chosen in folds>")
    return Table("Signatures: what the lasso chose", heads, tuple(rows)) if rows else None


def coefficients_table(record: Record) -> Table | None:
    """Hazard ratios of each model with more than one variable, adjusted for one another."""
    rows = tuple(
        (
            model["name"], found["name"], span(found["hazard_ratio"], found["low"], found["high"]),
            p_value(found["p"]), p_value(found["proportional_p"]),
        )
        for model in record["models"]
        if len(model["variables"]) > 1 and model["penalty"] is None
        for found in model["coefficients"]
    )  # fmt: skip
    heads = ("model", "variable", "hazard ratio (95 %)>", "p>", "PH p>")
    return Table("Hazard ratios, adjusted for the other variables of the model", heads, rows) if rows else None


def endpoint_table(record: Record) -> Table | None:
    """Yes or no at the horizon, cut-offs chosen inside training folds."""
    rows = []
    for model in record["models"]:
        found = model["unseen"]["endpoint"]
        if found:
            calls, auc = found["calls"], found["auc"]
            rates = (_rate(calls, name) for name in ("accuracy", "sensitivity", "specificity"))
            rows.append((model["name"], span(auc["value"], auc["low"], auc["high"]), *rates, figure(calls["youden"])))
    if not rows:
        return None
    end = record["endpoint"]
    caption = (
        f"Event by {amount(record['horizon'])} {record['unit']}".rstrip()
        + f": {end['events']} of {end['known']} patients; {end['censored_before']} censored before are left out. "
        "Cut-offs by Youden, chosen inside the training folds"
    )
    heads = ("model", "AUC (95 %)>", "accuracy (95 %)>", "sensitivity (95 %)>", "specificity (95 %)>", "Youden>")
    return Table(caption, heads, tuple(rows))


def _rate(calls: Record, name: str) -> str:
    low, high = calls[f"{name}_interval"] or (None, None)
    return interval({"value": calls[name], "low": low, "high": high})


def calibration_table(record: Record) -> Table | None:
    """Predicted against observed risk."""
    rows = []
    for model in record["models"]:
        found = model["unseen"]["calibration"]
        low, high = found["slope_interval"] or (None, None)
        ratio = figure(found["observed_to_expected"])
        brier = figure(model["unseen"]["brier_at_horizon"])
        rows.append((model["name"], ratio, interval({"value": found["slope"], "low": low, "high": high}), brier))
    heads = ("model", "observed / expected>", "slope (95 %)>", "Brier at the horizon>")
    return Table("Calibration on unseen patients (ideal: 1 and 1)", heads, tuple(rows)) if rows else None


def comparisons_table(record: Record) -> Table | None:
    """Models against one another."""
    rows = []
    for pair in record["comparisons"]:
        delong, calls, ratio = pair["delong"], pair["mcnemar"], pair["likelihood_ratio"]
        rows.append(
            (
                f"{pair['first']} − {pair['second']}", interval(pair["harrell_difference"]),
                figure(delong["first"] - delong["second"]) if delong else NONE,
                p_value(delong["p"]) if delong else NONE, p_value(delong["p_holm"]) if delong else NONE,
                f"{calls['b']} : {calls['c']}", p_value(calls["p"]), p_value(calls["p_holm"]),
                interval(pair["youden_difference"]),
                f"χ² {ratio['chi2']:.2f}, p {p_value(ratio['p'])}" if ratio else "",
            )
        )  # fmt: skip
    heads = ("pair", "ΔC, unseen (95 %)>", "ΔAUC>", "DeLong p>", "Holm>", "right alone>", "McNemar p>", "Holm>",
             "ΔYouden (95 %)>", "likelihood ratio")  # fmt: skip
    return Table("Models compared on the same patients", heads, tuple(rows)) if rows else None
