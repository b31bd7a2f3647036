"""Numbers of a report as record entries: the raw value, and beside it the string that people are shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lymphoscope.core import shown
from lymphoscope.core.errors import Message, Severity
from lymphoscope.core.measure import Decision, Finding, Measure, Measures, Report, Segmentation
from lymphoscope.core.shown import CutOff

NO_LESION = "no lesion"

UPTAKE_LIMITS = (CutOff(45.0, name="45 min"), CutOff(110.0, inclusive=False, name="110 min"))
ACTIVITY_LIMITS = (CutOff(1.0, name="1 MBq/kg"), CutOff(10.0, inclusive=False, name="10 MBq/kg"))
LIVER_LIMITS = (CutOff(1.3, name="1.3"), CutOff(3.0, inclusive=False, name="3.0"))

_CUTOFFS: Mapping[str, tuple[CutOff, ...]] = {
    "qpet": (CutOff(0.95, name="0.95"), CutOff(1.3, name="1.3"), CutOff(2.0, name="2.0")),
    "max_to_liver_max": (CutOff(1.0, inclusive=False, name="1"), CutOff(2.0, name="2")),
    "max_to_blood_pool_max": (CutOff(1.0, inclusive=False, name="1"),),
}
"""Limits that decisions are taken by, so that no rounded number contradicts a decision."""

LESION_SHOWN = (
    "mtv_ml", "suvmax", "suvpeak", "suvmean", "tlg_g", "tumour_to_liver_peak", "axial_diameter_mm",
)  # fmt: skip
"""Numbers of a lesion that are printed."""

GLYPH = {"confirmed": "●", "drawn": "○", "ai-only": "◐", "doubtful": "?", "removed": "✕"}
WORD = {
    "confirmed": "confirmed", "drawn": "drawn elsewhere", "ai-only": "AI only", "doubtful": "doubtful",
    "removed": "removed",
}  # fmt: skip

_CENTROID = ("centroid_l_mm", "centroid_p_mm", "centroid_s_mm")


def region_id(region: int) -> str:
    """The number printed for people: one numbering for all candidates, in or out, such as ``L02``."""
    return f"L{region:02d}"


_FIXED = re.compile(r"^SUV\s*(≥|>=|>)\s*(\d+(?:\.\d+)?)(?![\d.])(?!\s*(?:×|%|\*))")
"""A threshold that is the same for all lesions, at the beginning of its words; not ``SUV ≥ 0.41 × SUVmax``."""


def fixed_threshold(segmentation: Segmentation) -> CutOff | None:
    """The SUV threshold, g/mL, where the method has one that is the same for all lesions."""
    found = _FIXED.search(segmentation.threshold)
    if not found:
        return None
    at = float(found.group(2))
    return CutOff(at, inclusive=found.group(1) != ">", name=f"the threshold {at:g}")


def entry(measure: Measure, cutoffs: Sequence[CutOff] = (), detail: bool = True) -> dict[str, Any]:
    """One number: value, unit, string, method, status, reason and nearness to a limit."""
    limits = (*cutoffs, *_CUTOFFS.get(measure.name, ()))
    near = []
    if isinstance(measure.value, int | float):
        near = [limit.name for limit in limits if limit.name and limit.near(measure.value)]
    return {
        "value": measure.value,
        "unit": measure.unit,
        "shown": shown.measure(measure, detail=detail, cutoffs=limits),
        "method": measure.method,
        "code": measure.code or None,
        "status": measure.status,
        "why": measure.why or None,
        "near": near,
    }


def flat(
    measures: Iterable[Measure], printed: Iterable[str], cutoffs: Mapping[str, Sequence[CutOff]]
) -> dict[str, Any]:
    """Numbers under their names, with ``shown`` strings of those printed and the reasons of those missing.

    Strings in ``shown`` stand without their unit: the table's head has it.
    """
    items = tuple(measures)
    wanted = set(printed)
    limits = {m.name: (*cutoffs.get(m.name, ()), *_CUTOFFS.get(m.name, ())) for m in items}
    return {
        **{m.name: m.value for m in items},
        "shown": {
            m.name: shown.measure(m, detail=True, cutoffs=limits[m.name], unit=False) for m in items if m.name in wanted
        },
        "missing": {m.name: m.why for m in items if m.value is None},
        "near": [
            f"{m.name} within 5 % of {limit.name}"
            for m in items
            if isinstance(m.value, int | float)
            for limit in limits[m.name]
            if limit.name and limit.near(m.value)
        ],
    }


def definitions(report: Report) -> dict[str, dict[str, str | None]]:
    """Unit, method and code of every number in the report, by name."""
    groups: list[Iterable[Measure]] = [report.patient, report.indices]
    groups += [finding.measures for finding in report.findings]
    groups += list(report.reference.values())
    known: dict[str, dict[str, str | None]] = {}
    for group in groups:
        for m in group:
            known.setdefault(m.name, {"unit": m.unit, "method": m.method or None, "code": m.code or None})
    return known


def lesions(report: Report, segmentation: Segmentation) -> list[dict[str, Any]]:
    """One entry a lesion, in the report's order."""
    threshold = fixed_threshold(segmentation)
    limits = {"mtv_ml": (CutOff(segmentation.min_volume_ml, name=f"the floor {segmentation.min_volume_ml:g} mL"),)}
    if threshold is not None:
        limits["suvmax"] = (threshold,)
    decisions = {decision.region: decision for decision in segmentation.decisions}
    return [_lesion(finding, decisions.get(finding.region), limits) for finding in report.findings]


def _lesion(finding: Finding, decision: Decision | None, limits: Mapping[str, Sequence[CutOff]]) -> dict[str, Any]:
    status = "doubtful" if decision is not None and decision.doubtful else finding.status
    numbers = flat((m for m in finding.measures if m.name not in _CENTROID), LESION_SHOWN, limits)
    centroid = {m.name: m.value for m in finding.measures if m.name in _CENTROID}
    by_name = {m.name: m for m in finding.measures}
    probability = decision.probability if decision is not None else None
    if probability is not None:
        numbers["shown"]["ai_probability"] = shown.number(probability)
    return {
        "ai_probability": probability,
        **numbers,
        "id": region_id(finding.region),
        "lesion": finding.lesion,
        "region": finding.region,
        "tracking_uid": None,
        "region_code": None,
        "nodal": decision.nodal if decision is not None else None,
        "centroid_lps_mm": [centroid[name] for name in _CENTROID] if len(centroid) == 3 else None,
        "site": finding.site or None,
        "status": status,
        "word": WORD.get(status, status),
        "glyph": GLYPH.get(status, "?"),
        "why": finding.why or (decision.why if decision is not None and decision.doubtful else "") or None,
        "origin": "drawn" if status == "drawn" else _origin(decision),
        "rule": decision.rule if decision is not None else None,
        "actor": decision.actor if decision is not None else None,
        "organ": decision.organ or None if decision is not None else None,
        "overlap": decision.overlap if decision is not None else None,
        "page_1": {
            name: shown.measure(by_name[name], cutoffs=limits.get(name, ()), unit=name == "mtv_ml")
            for name in ("mtv_ml", "suvmax")
            if name in by_name
        },
    }


def _origin(decision: Decision | None) -> str:
    return "added" if decision is not None and decision.stage == 4 else "preselected"


def excluded(decision: Decision) -> dict[str, Any]:
    """A region that is not counted: removed, or doubtful and left out until it is read."""
    status = "doubtful" if decision.doubtful else "removed"
    return {
        "id": region_id(decision.region),
        "region": decision.region,
        "action": decision.action,
        "status": status,
        "word": WORD[status],
        "glyph": GLYPH[status],
        "stage": decision.stage,
        "organ": decision.organ or None,
        "overlap": decision.overlap,
        "volume_ml": decision.volume_ml,
        "suvmax": decision.suvmax,
        "rule": decision.rule,
        "why": decision.why or None,
        "actor": decision.actor,
        "ai_probability": decision.probability,
        "shown": {
            "volume_ml": shown.number(float(decision.volume_ml), "mL", detail=True),
            "suvmax": shown.number(float(decision.suvmax), "g/mL", detail=True),
            "overlap": shown.percent(decision.overlap, 1.0),
        },
        "page_1": {
            "mtv_ml": shown.with_unit(float(decision.volume_ml), "mL"),
            "suvmax": shown.number(float(decision.suvmax), "g/mL"),
        },
    }


def patient(report: Report) -> dict[str, Any]:
    """The patient's numbers, with the details' digits."""
    block = flat(report.patient, (m.name for m in report.patient), {})
    for holder in (block, block["shown"], block["missing"]):
        if "n_lesions" in holder:
            holder["n"] = holder.pop("n_lesions")
    return block


def reference(report: Report) -> dict[str, Any]:
    """Reference organs by name."""
    limits = {"mean": LIVER_LIMITS}
    return {
        organ: {
            **flat(measures, (m.name for m in measures), limits if organ == "liver" else {}),
            "method": next((m.method for m in measures if m.method), None),
        }
        for organ, measures in report.reference.items()
    }


def indices(report: Report) -> dict[str, Any]:
    """Clinical indices: measured aids with their limits."""
    return {measure.name: entry(measure) for measure in report.indices}


def sensitivity(report: Report, segmentation: Segmentation) -> dict[str, Any]:
    """TMTV and number of lesions by every method from the same seeds, as a share of the chosen one, and the spread."""
    chosen = _value(report.patient, "tmtv_ml")
    rows: dict[str, Any] = {}
    for method, measures in report.sensitivity.items():
        tmtv, missing = _value(measures, "tmtv_ml"), [m.why for m in measures if m.name == "tmtv_ml" and m.why]
        rows[method] = {
            **flat(measures, ("tmtv_ml", "tlg_g", "n_lesions", "dmax_cm"), {}),
            "chosen": method == segmentation.method,
            "percent_of_chosen": 100.0 * tmtv / chosen if tmtv is not None and chosen else None,
        }
        rows[method]["shown"]["percent_of_chosen"] = shown.percent(tmtv, chosen)
        rows[method]["why"] = missing[0] if missing else None
    volumes = [v for m in report.sensitivity.values() if (v := _value(m, "tmtv_ml")) is not None]
    spread = [min(volumes), max(volumes)] if volumes else None
    return {
        "methods": rows,
        "tmtv_ml_range": spread,
        "shown": {"tmtv_ml_range": shown.interval(spread[0], spread[1], "mL", detail=True) if spread else shown.NONE},
    }


def stages(segmentation: Segmentation) -> list[dict[str, Any]]:
    """The benchmark's stages in order, each with its change from the one before."""
    rows: list[dict[str, Any]] = []
    before: float | None = None
    for name, volume in sorted(segmentation.stages.items()):
        step = None if before is None else volume - before
        rows.append(
            {
                "stage": name,
                "tmtv_ml": float(volume),
                "change_ml": step,
                "shown": {
                    "tmtv_ml": shown.number(float(volume), "mL", detail=True),
                    "change_ml": shown.NONE if step is None else _signed(step),
                },
            }
        )
        before = volume
    return rows


def _signed(step: float) -> str:
    text = shown.number(float(step), "mL", detail=True)
    return f"+{text}" if step > 0 else text


def doubt_range(report: Report, segmentation: Segmentation) -> list[float] | None:
    """TMTV with every doubtful region left out, and with every one taken in, mL; None where nothing is doubtful.

    Counted from the voxels, so that a region of which only a part is counted is not counted twice.
    """
    doubtful = {decision.region for decision in segmentation.decisions if decision.doubtful}
    unsure = {f.lesion for f in report.findings if f.status == "doubtful" or f.region in doubtful}
    waiting = {d.region for d in segmentation.decisions if d.action == "doubt-out"}
    if not unsure and not waiting:
        return None
    lesions, candidates = segmentation.lesions, segmentation.candidates
    voxel_ml = lesions.geometry.voxel_ml
    lesion, candidate = lesions.labels.reshape(-1), candidates.labels.reshape(-1)
    sizes = np.bincount(lesion[lesions.voxels], minlength=1)
    outside = candidates.voxels[lesion[candidates.voxels] == 0]
    left = np.bincount(candidate[outside], minlength=1)
    counted = float(sizes.sum())
    without = counted - sum(float(sizes[number]) for number in unsure if number < sizes.size)
    with_all = counted + sum(float(left[region]) for region in waiting if region < left.size)
    return [without * voxel_ml, with_all * voxel_ml]


def doubt(report: Report, segmentation: Segmentation) -> dict[str, Any] | None:
    """What a network could have said as well, and how like its training the study is; None where none drew.

    The interval is of what the network drew, whatever a reader made of it since.
    """
    known = segmentation.doubt
    if known is None:
        return None
    volumes = list(known.volumes_ml.values())
    span = [min(volumes), max(volumes)]
    return {
        "tmtv_ml_range": span,
        "volumes": [
            {"how": how, "tmtv_ml": ml, "shown": shown.number(ml, "mL", detail=True)}
            for how, ml in known.volumes_ml.items()
        ],
        "likeness": [vars(row) for row in known.likeness],
        "gives_up": known.gives_up,
        "wide": wide(span, _value(report.patient, "tmtv_ml")),
        "shown": {"tmtv_ml_range": shown.interval(span[0], span[1], "mL")},
    }


def wide(span: Sequence[float] | None, tmtv: float | None) -> bool:
    """True where doubt moves the TMTV by more than 10 % and more than 10 mL, the benchmark's limit of agreement."""
    if span is None or not tmtv:
        return span is not None and span[1] - span[0] > 10.0
    difference = span[1] - span[0]
    return difference > 10.0 and difference > 0.1 * tmtv


def _value(measures: Measures, name: str) -> float | None:
    return next((m.value for m in measures if m.name == name and isinstance(m.value, int | float)), None)


def key_numbers(report: Report, segmentation: Segmentation, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The numbers of page 1, in their order."""
    codes = [m.code for m in messages if m.severity is Severity.WARNING and m.code[:4] in ("SUV-", "FOV-", "SEG-")]
    method = f"{segmentation.method}/{segmentation.connectivity}/{segmentation.min_volume_ml:g}mL"
    empty = not report.findings
    rows = [_tmtv(report, segmentation, method, codes)]
    rows.append(_row("TLG", report.patient, "tlg_g", method, NO_LESION if empty else ""))
    count = _row("Lesions", report.patient, "n_lesions", method)
    count["note"] = _doubts(report, segmentation)
    rows.append(count)
    rows += [_extreme("Largest", report, "mtv_ml", method), _extreme("Hottest", report, "suvmax", method)]
    rows.append(_row("Dmax (centroid)", report.patient, "dmax_cm", "centroid", NO_LESION if empty else ""))
    return [*rows, _removed(segmentation, method)]


def _doubts(report: Report, segmentation: Segmentation) -> str | None:
    """How many of the lesions are doubtful, and how many doubtful regions were left out."""
    inside = sum(lesion["status"] == "doubtful" for lesion in lesions(report, segmentation))
    outside = sum(decision.action == "doubt-out" for decision in segmentation.decisions)
    words = [f"{inside} doubtful"] if inside else []
    words += [f"{outside} doubtful left out"] if outside else []
    return ", ".join(words) or None


def _row(name: str, measures: Measures, key: str, method: str, none_because: str = "") -> dict[str, Any]:
    found = next((m for m in measures if m.name == key), Measure.missing(key, "not measured"))
    row = {**entry(found, detail=False), "name": name, "key": key, "method": method, "stage": None}
    row |= {"range": None, "range_of": None, "warnings": [], "note": None}
    if none_because:
        row |= {"shown": shown.NONE, "why": none_because}
    return row


def _tmtv(report: Report, segmentation: Segmentation, method: str, codes: Sequence[str]) -> dict[str, Any]:
    span = doubt_range(report, segmentation)
    stage = max(segmentation.stages, default="")
    statuses = {f.status for f in report.findings}
    settled = statuses.pop() if len(statuses) == 1 and statuses <= {"confirmed", "drawn"} else ""
    return _row("TMTV", report.patient, "tmtv_ml", method) | {
        "stage": int(stage[-1]) if stage[-1:].isdigit() else None,
        "status": settled if settled and span is None else "ai-only",
        "range": span,
        "range_of": "doubtful" if span else None,
        "range_shown": shown.interval(span[0], span[1], "mL") if span else None,
        "range_wide": wide(span, _value(report.patient, "tmtv_ml")),
        "rule": f"{segmentation.threshold}, conn. {segmentation.connectivity}, ≥ {segmentation.min_volume_ml:g} mL",
        "threshold": segmentation.threshold,
        "connectivity": segmentation.connectivity,
        "min_volume_ml": segmentation.min_volume_ml,
        "warnings": list(codes),
    }


def _extreme(name: str, report: Report, key: str, method: str) -> dict[str, Any]:
    ranked = [(value, f) for f in report.findings if (value := _value(f.measures, key)) is not None]
    if not ranked:
        return _row(name, Measures((Measure.missing(key, NO_LESION),)), key, method)
    _, finding = max(ranked, key=lambda pair: (pair[0], -pair[1].region))
    row = _row(name, finding.measures, key, method)
    label = "SUVmax " if key == "suvmax" else ""
    number = row["shown"].removesuffix(" g/mL")
    return row | {"lesion": region_id(finding.region), "shown": f"{region_id(finding.region)} {label}{number}"}


def _removed(segmentation: Segmentation, method: str) -> dict[str, Any]:
    taken = [d for d in segmentation.decisions if d.action == "remove"]
    volume = Measure("removed_ml", float(sum(d.volume_ml for d in taken)), "mL", method)
    row = _row("Removed", Measures((volume,)), "removed_ml", method)
    words = "1 region" if len(taken) == 1 else f"{shown.number(len(taken))} regions"
    return row | {"n": len(taken), "shown": f"{words}, {row['shown']}"}
