"""What a reader sees, in order, as plain strings: the one model that page and paper are laid out from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lymphoscope.core import shown
from lymphoscope.core.study import Identity
from lymphoscope.render.block import figure
from lymphoscope.render.pictures import Pictures
from lymphoscope.render.sections import measured_sections, refused_sections
from lymphoscope.render.words import PURPOSE, organ, safe

ALERTS = 4
"""Warnings on page 1; the rest are counted."""

GLANCE = 7
"""Regions of each kind named on page 1; the rest are counted."""

_SEVERE = ("error", "warning")

Record = Mapping[str, Any]


def view(
    record: Record, pictures: Pictures, identity: Identity | None = None, report_sha256: str = ""
) -> dict[str, Any]:
    """Lay out a record in blocks.

    Args:
        record: A measured study's record or a refused one's.
        pictures: The pictures that go with it.
        identity: Who the patient is, when the user asked for it on the report; a pseudonym stands otherwise.
        report_sha256: Hash of the written record, printed at the foot of each page.

    Returns:
        Strings, lists and dicts for the templates; every text is safe to print.
    """
    refused = record["status"] == "refused"
    blocks = {
        "lang": "en",
        "title": "NOT QUANTIFIED" if refused else _modality(record) + " – LYMPHOMA METABOLIC VOLUME",
        "document": "Lymphoscope report: study refused" if refused else "Lymphoscope report: lymphoma metabolic volume",
        "refused": refused,
        "status": _status(record),
        "identity": _identity(record, identity),
        "alerts": {"rows": [], "more": ""} if refused else _alerts(record),
        "refusal": _refusal(record) if refused else None,
        "impression": record["reading"].get("impression") or "Impression: not entered",
        "key": [] if refused else key_rows(record),
        "statement": "" if refused else _statement(record),
        "glance": [] if refused else _glance(record),
        "figure": figure(pictures.mip) if pictures.mip else None,
        "comparison": (record.get("comparison") or {}).get("line") or "No earlier study supplied.",
        "signature": record["reading"].get("signature") or "Not signed.",
        "sections": refused_sections(record) if refused else measured_sections(record, pictures),
        "footer": _footer(record, report_sha256),
    }
    return {name: safe(block) for name, block in blocks.items()}


def _modality(record: Record) -> str:
    return "FDG PET/CT" if record["input"]["ct"] else "FDG PET"


def _status(record: Record) -> dict[str, str]:
    reading = record["reading"]
    version = f"version {reading['version']} of {reading['versions']}"
    return {"state": reading["state"], "word": reading["word"], "version": version}


def _identity(record: Record, identity: Identity | None) -> list[dict[str, str]]:
    facts = record["input"]
    scanned = (facts["scanned"] or "").replace("T", " ")[:16]
    case = f"Case {(facts['study_uid_hash'] or 'unknown')[:8]}"
    sex = (record.get("suv") or {}).get("sex")
    if identity is None:
        rows = [("Patient", case), ("Sex", sex), ("PET", scanned)]
    else:
        rows = [
            ("Patient", _name(identity.name) or case),
            ("ID", identity.patient_id),
            ("Born", identity.birth_date),
            ("Sex", sex),
            ("Accession", identity.accession),
            ("Referrer", _name(identity.referrer)),
            ("PET", scanned),
        ]
    rows.append(("Indication", "not supplied"))
    return [{"label": name, "value": value or shown.NONE} for name, value in rows]


def _name(written: str) -> str:
    """A DICOM person name as people write it: family name first, other spellings behind a slash."""
    spellings = []
    for spelling in written.split("="):
        parts = [part.strip() for part in spelling.split("^")]
        given = " ".join(part for part in parts[1:3] if part)
        spellings.append(", ".join(part for part in (parts[0], given) if part))
    return " / ".join(spelling for spelling in spellings if spelling)


def _alerts(record: Record) -> dict[str, Any]:
    severe = [m for m in record["messages"] if m["severity"] in _SEVERE]
    rows = [{"code": m["code"], "severity": m["severity"], "text": _sentence(m)} for m in severe[:ALERTS]]
    more = len(severe) - len(rows)
    return {"rows": rows, "more": f"+{more} more: see section I, all messages" if more else ""}


def _sentence(message: Record) -> str:
    """Fact, effect and action, each closed by a full stop."""
    parts = (message["what"], message["effect"], message["fix"])
    return " ".join(part if part.endswith((".", "?")) else f"{part}." for part in parts if part)


def _refusal(record: Record) -> dict[str, Any]:
    refusal = record["refusal"]
    return {
        "code": refusal["code"],
        "rows": [
            {"label": name, "value": value}
            for name, value in (
                ("Found", refusal["what"]),
                ("Where", refusal["where"]),
                ("Tags", ", ".join(refusal["tags"])),
                ("Remedy", refusal["fix"]),
            )
            if value
        ],
    }


def key_rows(record: Record) -> list[dict[str, Any]]:
    """The key numbers with what stands beside and under each."""
    rows = []
    for number in record["key_numbers"]:
        beside = f"({number['note']})" if number["note"] else ""
        under: list[dict[str, Any]] = []
        if number["name"] == "TMTV":
            unread = record["reading"]["word"] == "DRAFT – NOT READ"
            beside = _SETTLED.get(number["status"], "AI only – not read" if unread else "not every lesion is confirmed")
            under = _under_tmtv(number, record.get("doubt"))
        elif number["shown"] == shown.NONE and number["why"]:
            beside = f"({number['why']})"
        rows.append({"name": number["name"], "value": number["shown"], "beside": beside, "under": under})
    answers = record["reading"].get("answers", ())
    return rows + [{"name": a["name"], "value": a["shown"], "beside": "(reader)", "under": []} for a in answers]


_SETTLED = {"confirmed": "confirmed", "drawn": "drawn elsewhere"}


def _under_tmtv(number: Record, doubt: Record | None) -> list[dict[str, Any]]:
    lines = []
    if doubt:
        lines.append({"text": f"network's interval {doubt['shown']['tmtv_ml_range']}", "strong": doubt["wide"]})
    if number["range"]:
        lines.append({"text": f"doubtful out/in {number['range_shown']}", "strong": number["range_wide"]})
    lines.append({"text": f"{number['method'].split('/')[0]}: {number['rule']}", "strong": False})
    if number["stage"]:
        lines.append({"text": f"stage TMTV{number['stage']}", "strong": False})
    return lines


def _glance(record: Record) -> list[dict[str, Any]]:
    """What was counted, what is doubtful and what was removed, the largest of each."""
    out: Sequence[Record] = record["segmentation"]["removed"]
    lesions: Sequence[Record] = record["lesions"]
    doubtful = [row for row in (*lesions, *out) if row["status"] == "doubtful"]
    groups = (
        ("Counted", "ai-only", [row for row in lesions if row["status"] != "doubtful"]),
        ("Doubtful", "doubtful", doubtful),
        ("Removed", "removed", [row for row in out if row["status"] == "removed"]),
    )
    return [
        {
            "title": title,
            "mark": mark,
            "rows": [_brief(row) for row in rows[:GLANCE]],
            "more": f"+{len(rows) - GLANCE} more, see B and D" if len(rows) > GLANCE else "",
        }
        for title, mark, rows in groups
        if rows
    ]


def _brief(row: Record) -> dict[str, str]:
    said = row["page_1"]
    where = row.get("site") or organ(row["organ"])
    words = [said.get("mtv_ml", shown.NONE), f"SUVmax {said.get('suvmax', shown.NONE)}"]
    if row["status"] == "doubtful":
        words.insert(0, "left out" if "action" in row else "counted")
    return {"name": f"{row['glyph']} {row['id']}", "text": ", ".join([where, *words] if where else words)}


def _statement(record: Record) -> str:
    """What is said when nothing was counted."""
    if record["lesions"]:
        return ""
    out: Sequence[Record] = record["segmentation"]["removed"]
    total = record["segmentation"]["removed_total"]
    doubtful = sum(row["status"] == "doubtful" for row in out)
    gone = f"{total['n']} candidates ({total['shown']['page_1']}) were removed, see D."
    words = f"No lesion in the final segmentation. {gone}"
    if doubtful:
        words += f" {doubtful} doubtful, not counted until read, see B."
    return f"{words} This is not a statement of complete metabolic response."


def _footer(record: Record, report_sha256: str) -> str:
    mask = (record.get("segmentation") or {}).get("lesions_sha256") or ""
    parts = [PURPOSE]
    parts += [f"report {_short(report_sha256)}"] if report_sha256 else []
    parts += [f"mask {_short(mask)}"] if mask else []
    software = record["software"]
    return " · ".join([*parts, f"{software['name']} {software['version'] or ''}".strip()])


def _short(digest: str) -> str:
    return f"{digest[:8]}…{digest[-4:]}"
