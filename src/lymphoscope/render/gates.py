"""Section A of a report: the facts of study and scanner that every number rests on, and the series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lymphoscope.core import shown
from lymphoscope.render.block import Block, Record, figure, plain, section, table
from lymphoscope.render.pictures import Pictures
from lymphoscope.render.words import label, organ


def quality_gates(record: Record, pictures: Pictures) -> Block:
    """Section A: what the numbers rest on, each fact beside its normal range."""
    suv, pet, codes = record["suv"], record["input"]["pet"], {m["code"] for m in record["messages"]}
    rows = [*_activity_facts(suv), *_scan_facts(pet)]
    gates = [
        (
            name,
            text,
            limits,
            _flag(codes, prefixes if text != shown.NONE else ()),
            ", ".join(suv["near"]) if name == "Uptake time" else "",
        )
        for name, text, limits, prefixes in rows
    ]
    return section(
        "A",
        "Quality gates",
        table("Acquisition and SUV", ("Fact", "Value", "Normal range", "Check", "Note"), gates),
        _likeness(record),
        _candidates(suv),
        _reference(record, codes),
        series(record),
        figures=[figure(p) for p in pictures.references],
    )


_NOT_FACTS = ("manufacturer", "model", "unit", "series_uid_hash")
_Fact = tuple[str, Any, str, tuple[str, ...]]
"""Name, value, normal range, and what the codes begin with that speak of it."""


def _activity_facts(suv: Record) -> list[_Fact]:
    said = suv["shown"]
    return [
        ("Tracer", " ".join(filter(None, (suv["tracer"], suv["nuclide"]))) or shown.NONE, "FDG", ("TRACER-",)),
        (
            "Injected activity",
            _both(said["dose_mbq"], said["activity_mbq_per_kg"]),
            "1–10 MBq/kg",
            ("SUV-W-ACTIVITY", "SUV-W-DOSE"),
        ),
        ("Uptake time", said["uptake_min"], "45–110 min, preferred 55–75", ("SUV-W-UPTAKE", "SUV-W-INJ")),
        ("Glucose", f"{shown.NONE} (not in the header)", "", ()),
        ("Weight", said["weight_kg"], "", ("SUV-W-WEIGHT", "SUV-W-OVERRIDE")),
        ("Height", said["height_m"], "", ("SUV-W-HEIGHT",)),
        ("Sex used for SUV", suv["sex"] or shown.NONE, "", ("SUV-W-SEX",)),
        ("Injection", _both(_clock(suv["t_inj"]), suv["t_inj_source"]), "", ("SUV-W-INJ",)),
        ("Decay reference", _both(_clock(suv["t_ref"]), suv["t_ref_source"]), "", ("SUV-W-REF", "SUV-W-FRT")),
        ("SUV", _both(suv["branch"], suv["type"]), "", ("SUV-W-INTERCEPT", "SUV-W-PLAUSIBLE")),
        ("Replaced by the user", ", ".join(suv["overrides"]) or "nothing", "", ("SUV-W-OVERRIDE",)),
    ]


def _scan_facts(pet: Record) -> list[_Fact]:
    scanner = ", ".join(str(pet[key]) for key in ("manufacturer", "model") if pet.get(key))
    extra = [(label(k), v) for k, v in sorted(pet.items()) if isinstance(v, str) and v and k not in _NOT_FACTS]
    return [
        ("Scanner", scanner or shown.NONE, "", ()),
        *((name[:1].upper() + name[1:], text, "", ()) for name, text in extra),
        ("PET voxels", f"{pet['shown']['voxel_mm']}, {pet['shown']['shape']}", "", ("IO-W-ANISO", "IO-W-TINY")),
    ]


def _both(first: str | None, second: str | None) -> str:
    if not first or first == shown.NONE:
        return shown.NONE
    return f"{first} ({second})" if second and second != shown.NONE else first


def _clock(time: str | None) -> str | None:
    return time.replace("T", " ") if time else None


def _flag(codes: Iterable[str], prefixes: Sequence[str]) -> Block:
    hits = sorted(code for code in codes if code.startswith(tuple(prefixes)) and "-I-" not in code) if prefixes else []
    return {"text": f"! {', '.join(hits)}", "mark": "warning"} if hits else {"text": "ok" if prefixes else ""}


def _likeness(record: Record) -> Block:
    """The study beside what the networks that drew the lesions were trained on."""
    rows = [
        (row["model"] or "any", row["fact"], row["here"], row["trained"],
         {"text": "! unlike", "mark": "warning"} if row["unlike"] else {"text": "ok"})
        for row in (record.get("doubt") or {}).get("likeness", ())
    ]  # fmt: skip
    head = ("Model", "Fact", "This study", "Trained on, or usual", "Check")
    return table("This study beside the network's training", head, rows)


def _candidates(suv: Record) -> Block:
    rows = [(name, _clock(c["time"]), c["shown"]) for name, c in sorted(suv["candidates"].items())]
    return table("Other decay references found", ("Source", "Time", "#SUV would change by"), rows)


def _reference(record: Record, codes: Iterable[str]) -> Block:
    rows = []
    for name, block in sorted(record["reference"].items()):
        said = block["shown"]
        why = next(iter(block["missing"].values()), "")
        flags = _flag(codes, ("SUV-W-LIVER", "REF-W-")) if name == "liver" else ""
        numbers = [said.get(key, shown.NONE) for key in ("mean", "sd", "max", "n")]
        limits = "mean 1.3–3.0" if name == "liver" else ""
        notes = (block["method"], why, *(plain(n) for n in block["near"]))
        rows.append((organ(name), *numbers, limits, flags, "; ".join(filter(None, notes))))
    head = ("Organ", "#SUVmean", "#SD", "#SUVmax", "#Voxels", "Normal range", "Check", "Note")
    return table("Reference organs, SUVbw g/mL", head, rows)


def series(record: Record) -> Block:
    """All series with what became of them."""
    rows = [
        (
            f"{s['role'].upper()}, chosen" if s["role"] else "not used",
            s["modality"],
            s["description"],
            s["n"],
            f"{s['why']}{' (' + s['code'] + ')' if s['code'] else ''}",
        )
        for s in record["series"]
    ]
    return table("Series", ("Use", "Modality", "Description", "#Images", "Why"), rows)
