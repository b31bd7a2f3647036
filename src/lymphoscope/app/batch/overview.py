"""The cohort on one page: how the numbers are spread, who lies far out, what was refused and why."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from lymphoscope.app.batch import plot
from lymphoscope.app.batch.spread import FAR, FEWEST, QUANTITIES, Spread, spread
from lymphoscope.app.batch.table import STATUSES, WAITING, Row
from lymphoscope.app.batch.work import MEASURED, REFUSED
from lymphoscope.core import shown
from lymphoscope.core.codes import CODES
from lymphoscope.render.words import PURPOSE, safe

_HEADS = (
    "case", "TMTV mL>", "doubtful out/in mL>", "TLG g>", "lesions>", "SUVmax>", "Dmax cm>", "liver SUV>",
    "uptake min>", "warnings>",
)  # fmt: skip


def overview(made: Sequence[Row], summary: Mapping[str, Any]) -> str:
    """Render the page.

    Args:
        made: One row a study.
        summary: Counts and settings of the batch.

    Returns:
        A complete HTML document without scripts that fetches nothing; the same input gives the same text.
    """
    here, report = files("lymphoscope.app.batch"), files("lymphoscope.render")
    css = "".join(
        place.joinpath(name).read_text(encoding="utf-8")
        for place, name in ((report, "report.css"), (here, "overview.css"))
    )
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    source = here.joinpath("overview.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        view=_view(made, summary),
        width=plot.WIDTH,
        height=plot.HEIGHT,
        css=Markup(css),  # our own files
        css_hash=base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
    )


def _view(made: Sequence[Row], summary: Mapping[str, Any]) -> dict[str, Any]:
    spreads = [spread(quantity, made) for quantity in QUANTITIES]
    settings = summary["settings"]
    how = f"{settings['method']}, conn. {settings['connectivity']}, ≥ {settings['min_volume_ml']:g} mL"
    view = {
        "how": how,
        "counts": [("studies", str(summary["studies"]))]
        + [(status, str(summary[status])) for status in STATUSES if summary[status] or status != WAITING],
        "alerts": _alerts(made, summary),
        "far": [row for one in spreads for row in _far(one)],
        "far_words": _far_words(spreads),
        "reasons": [
            (code, str(count), CODES[code].means, CODES[code].fix) for code, count in _ranked(summary["codes"])
        ],
        "refused": [_refused(row) for row in made if row.message],
        "warnings": [
            (code, str(count), CODES[code].means, CODES[code].effect) for code, count in _ranked(summary["warnings"])
        ],
        "heads": list(_HEADS),
        "studies": [_study(row) for row in made if row.status == MEASURED],
        "footer": f"{PURPOSE} · lymphoscope {summary['version']} · settings {summary['settings_sha256'][:8]}",
    }
    return {**safe(view), "plots": [_plotted(one) for one in spreads]}


def _ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(((code, n) for code, n in counts.items() if code in CODES), key=lambda pair: (-pair[1], pair[0]))


def _alerts(made: Sequence[Row], summary: Mapping[str, Any]) -> list[str]:
    """What a reader of the tables has to know beside them."""
    twins = sum(bool(row.facts.get("same_study_as")) for row in made)
    told = (
        (summary[WAITING], "studies were not reached before the batch was stopped: run it again"),
        (twins, "cases are of a study that another case has too (column same_study_as)"),
        (summary["copies"], "archives or NIfTI cases were copies of others and left out"),
        (summary["closed_folders"], "folders could not be opened"),
        (summary["other_cases"], "cases in the output are of studies that are not in the tree; they are not counted"),
    )
    return [f"{count} {words}." for count, words in told if count]


def _plotted(found: Spread) -> dict[str, Any]:
    quantity = found.quantity
    written = shown.unit_written(quantity.unit)
    low, median, high = (shown.number(value, quantity.unit) for value in found.quartiles)
    ends = [shown.number(p.value, quantity.unit) for p in (found.points[:1] + found.points[-1:])]
    words = f"median {median} ({low}–{high}), range {'–'.join(ends)} {written}, n = {len(found.points)}"
    rest = [f"{found.zeros} with 0"] if found.zeros else []
    rest += [f"{found.missing} without a value"] if found.missing else []
    return {
        "title": f"{quantity.name}, {written}",
        "plot": plot.plot(found),
        "words": words if found.points else "no study has it",
        "rest": ", ".join(rest),
    }


def _far(found: Spread) -> list[tuple[Any, ...]]:
    unit = found.quantity.unit
    median = shown.with_unit(found.quartiles[1], unit, detail=True)
    return [
        (_case(p.case), found.quantity.name, shown.with_unit(p.value, unit, detail=True), median, f"{p.z:+.1f}")
        for p in sorted(found.points, key=lambda p: (-abs(p.z or 0.0), p.case))
        if p.far
    ]


def _far_words(spreads: Sequence[Spread]) -> str:
    count = sum(point.far for one in spreads for point in one.points)
    rule = (
        f"A value is far out where 0.6745 (x − median) / MAD is beyond ±{FAR:g}; of TMTV, TLG and SUVmax the logarithm "
        f"is taken. With fewer than {FEWEST} values none is."
    )
    return rule if count else f"None. {rule}"


def _case(name: str, linked: bool = True) -> dict[str, Any]:
    return {"case": name, "linked": linked}


def _refused(row: Row) -> tuple[Any, ...]:
    where = f" in {row.message['where']}" if row.message["where"] else ""
    linked = row.status == REFUSED
    return (
        _case(row.case, linked), row.status, row.message["code"], row.message["what"] + where, row.message["fix"],
    )  # fmt: skip


def _study(row: Row) -> tuple[Any, ...]:
    def text(column: str, unit: str) -> str:
        return shown.number(row.number(column), unit)

    low, high = row.number("tmtv_low_ml"), row.number("tmtv_high_ml")
    wide = low is not None and high is not None and low != high
    doubt = shown.interval(low or 0.0, high or 0.0, "mL").removesuffix(" mL") if wide else ""
    return (
        _case(row.case), text("tmtv_ml", "mL"), doubt, text("tlg_g", "g"), str(row.facts.get("n_lesions", "")),
        text("suvmax", "g/mL"), text("dmax_cm", "cm"), text("liver_mean", "g/mL"), text("uptake_min", "min"),
        str(len(row.warnings)),
    )  # fmt: skip
