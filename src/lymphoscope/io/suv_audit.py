"""The SUV audit as lines for a reader."""

from __future__ import annotations

from datetime import datetime

from lymphoscope.core.study import SuvAudit

_BRANCHES = {
    "declared": "values declared to be SUV by the user",
    "CNTS/philips-suv": "counts × Philips' SUV factor (7053,xx00)",
    "GML/BW": "values are SUV by body weight",
}


def audit_lines(audit: SuvAudit) -> list[tuple[str, str]]:
    """Label and value, with its unit, of everything SUV was computed from; what is not known is said to be so."""
    factor = "–" if audit.factor_min is None else f"{audit.factor_min:.8g}"
    if audit.factor_max is not None and audit.factor_max != audit.factor_min:
        factor += f" to {audit.factor_max:.8g} (by slice)"
    fdg = {True: "FDG", False: "not FDG", None: "taken to be FDG"}[audit.fdg]
    lines = [
        ("Formula", _BRANCHES.get(audit.branch, audit.branch)),
        ("Units", audit.units or "–"),
        ("Decay correction", audit.decay_correction or "–"),
        ("Factor to SUVbw", factor),
        ("Tracer", f"{audit.tracer or 'not named'} ({fdg})"),
        ("Nuclide", audit.nuclide or "–"),
        ("Half-life", _number(audit.half_life_s, "s")),
        ("Injected activity", _number(None if audit.dose_bq is None else audit.dose_bq / 1e6, "MBq")),
        ("Weight", _number(audit.weight_kg, "kg")),
        ("Height", _number(audit.height_m, "m")),
        ("Sex", audit.sex or "–"),
        ("Injection", _moment(audit.t_inj, audit.t_inj_source)),
        ("Decay reference", _moment(audit.t_ref, audit.t_ref_source)),
        ("Uptake", "–" if audit.uptake_min is None else f"{audit.uptake_min:.1f} min"),
    ]
    for name, (moment, change) in audit.candidates.items():
        used = "used" if name == audit.t_ref_source else f"SUV {100 * change:+.1f} % if used"
        lines.append((f"  by {name}", f"{_clock(moment)} ({used})"))
    lines += [(f"SUVbw × for {kind}", f"{value:.5g}") for kind, value in sorted(audit.multipliers.items())]
    lines += [("Override", said) for said in audit.overrides]
    return lines


def _number(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:.6g} {unit}"


def _moment(moment: datetime | None, source: str) -> str:
    return "–" if moment is None else f"{_clock(moment)} ({source})"


def _clock(moment: datetime) -> str:
    """Date and time to the tenth of a second."""
    tenths = f".{moment.microsecond // 100000}" if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{tenths}"
