"""The pages behind page 1: sections A to J as titles, texts, tables and figures, all strings taken from the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lymphoscope.core import shown
from lymphoscope.render.block import Block, Record, figure, plain, section, table
from lymphoscope.render.gates import quality_gates, series
from lymphoscope.render.pictures import Picture, Pictures
from lymphoscope.render.words import SUV_FOOTNOTE, label, organ


def measured_sections(record: Record, pictures: Pictures) -> list[Block]:
    """Sections A to J of a measured study."""
    return [
        quality_gates(record, pictures),
        _lesions(record, pictures),
        _slices(pictures),
        _removed(record, pictures),
        _sensitivity(record),
        _stages(record),
        _aids(record),
        section("H", "Prognostic calculators", texts=_prognosis(record)),
        messages(record),
        provenance(record),
    ]


def _prognosis(record: Record) -> Sequence[str]:
    """What networks foretell, with their cohort and limits."""
    told = record.get("prognosis")
    risk = told["texts"] if told else ["Risk: not computed, as no prognosis run was given (--prognosis RUN)."]
    return [*risk, "Clinical scores: not computed, as clinical data were not supplied."]


def refused_sections(record: Record) -> list[Block]:
    """What a refused study is shown with: what was looked at, all messages, provenance."""
    return [
        section("A", "Series that were considered", series(record)),
        messages(record),
        provenance(record),
    ]


_LESION_COLUMNS = (
    ("#MTV mL", "mtv_ml"),
    ("#SUVmax", "suvmax"),
    ("#SUVpeak", "suvpeak"),
    ("#SUVmean", "suvmean"),
    ("#TLG g", "tlg_g"),
    ("#Peak / liver", "tumour_to_liver_peak"),
    ("#Diameter mm", "axial_diameter_mm"),
)
_BY_NETWORK = (("#Probability", "ai_probability"),)
_SUMMED = 5
"""How many of these have a total."""


def status(row: Record) -> Block:
    """Glyph and word; the colour repeats what they say."""
    return {"text": f"{row['glyph']} {row['word']}", "mark": row["status"]}


def _lesions(record: Record, pictures: Pictures) -> Block:
    heard = any(row["ai_probability"] is not None for row in record["lesions"])
    columns = [*_LESION_COLUMNS, *(_BY_NETWORK if heard else ())]
    rows = [
        (
            row["id"],
            status(row),
            row["site"] or shown.NONE,
            *(row["shown"].get(key, shown.NONE) for _, key in columns),
            "; ".join(filter(None, (row["origin"], row["why"], *(plain(n) for n in row["near"])))),
        )
        for row in record["lesions"]
    ]
    total = record["patient"]["shown"]
    totals = [total.get("tmtv_ml" if key == "mtv_ml" else key, "") for _, key in _LESION_COLUMNS[:_SUMMED]]
    blank = [""] * (len(columns) - _SUMMED + 1)
    foot = ("Total", f"{total.get('n', shown.NONE)} lesions", "", *totals, *blank)
    head = ("Lesion", "Status", "Suggested site", *(c for c, _ in columns), "Note")
    page_1 = {row["name"]: row["shown"] for row in record["key_numbers"]}
    equal = (
        f"Page 1 rounds the totals to TMTV {page_1['TMTV']} and TLG {page_1['TLG']}. In the totals, SUVmax and SUVpeak "
        "are the highest, SUVmean is TLG / TMTV."
    )
    waiting = [r for r in record["segmentation"]["removed"] if r["status"] == "doubtful"]
    return section(
        "B",
        "Lesions",
        table("Counted, by volume; SUV in SUVbw g/mL", head, rows, foot if rows else ()),
        _out_table("Doubtful, not counted until read", waiting, pictures.removed),
        _patient(record),
        texts=[equal, SUV_FOOTNOTE],
    )


def _patient(record: Record) -> Block:
    block, known = record["patient"], record["quantities"]
    rows = []
    for name, text in block["shown"].items():
        if name == "bulk_lesion":  # a number of the mask file, not the one printed for people
            continue
        facts = known.get("n_lesions" if name == "n" else name, {})
        unit = "" if text == shown.NONE else shown.unit_written(facts.get("unit") or "1")
        note = "; ".join(filter(None, (block["missing"].get(name), *_near(block, name))))
        rows.append((label(name), text, unit, facts.get("method") or "", note))
    rows.sort(key=lambda row: _ORDER.get(row[0], len(_ORDER)))
    return table("The patient", ("Quantity", "#Value", "Unit", "Method", "Note"), rows)


def _near(block: Record, name: str) -> list[str]:
    return [rest for near in block["near"] for key, _, rest in [near.partition(" ")] if key == name]


_ORDER = {label(name): place for place, name in enumerate(("n", "tmtv_ml", "tlg_g", "suvmax", "suvpeak", "suvmean"))}


def _slices(pictures: Pictures) -> Block:
    text = (
        "The largest, the hottest and every doubtful region, at most eight; cross-hair at the hottest voxel. "
        "PET voxels are shown as they are; the CT is interpolated to the PET slice, for display only."
    )
    return section("C", "Key slices", texts=[text], figures=[figure(p) for p in pictures.slices])


def _out_table(
    caption: str, rows: Sequence[Record], thumbnails: Mapping[int, Picture], foot: Sequence[Any] = ()
) -> Block:
    def picture(row: Record) -> Block:
        found = thumbnails.get(row["region"])
        return {"image": found.name, "alt": found.alt} if found else {"text": shown.NONE}

    body = [
        (
            row["id"],
            status(row),
            row["shown"]["volume_ml"],
            row["shown"]["suvmax"],
            organ(row["organ"] or shown.NONE),
            row["shown"]["overlap"],
            row["rule"],
            row["why"] or "",
            row["actor"],
            picture(row),
        )
        for row in rows
    ]
    head = ("Region", "Status", "#mL", "#SUVmax", "Organ", "#In organ", "Rule", "Reason", "By", "Picture")
    return table(caption, head, body, foot)


def _removed(record: Record, pictures: Pictures) -> Block:
    segmentation = record["segmentation"]
    gone = [r for r in segmentation["removed"] if r["status"] == "removed"]
    apart = [r for r in gone if r["organ"] in ("marrow", "spleen")]
    rest = [r for r in gone if r["organ"] not in ("marrow", "spleen")]
    total, marrow = segmentation["removed_total"], segmentation["removed_marrow_spleen"]

    def foot(rows: Sequence[Record], volume: str) -> Sequence[Any]:
        return ("Total", f"{len(rows)} regions", volume, *[""] * 7) if rows else ()

    physiological = segmentation["removed_other"]
    return section(
        "D",
        "Removed uptake",
        _out_table("Physiological uptake", rest, pictures.removed, foot(rest, physiological["shown"]["volume_ml"])),
        _out_table("Marrow and spleen (a separate step, TMTV2)", apart, pictures.removed,
                   foot(apart, marrow["shown"]["volume_ml"])),
        texts=[
            f"Removed in all: {total['n']} regions, {total['shown']['volume_ml']} mL. Every removal is kept and can be "
            "undone: removed.nii.gz holds the voxels."
        ],
    )  # fmt: skip


def _sensitivity(record: Record) -> Block:
    block = record["sensitivity"]
    rows = []
    for method, row in sorted(block["methods"].items(), key=lambda item: (not item[1]["chosen"], item[0])):
        said = row["shown"]
        name = {"text": f"{method} (chosen)" if row["chosen"] else method, "mark": "strong" if row["chosen"] else ""}
        numbers = (said.get("tmtv_ml", shown.NONE), said["percent_of_chosen"], said.get("n_lesions", shown.NONE))
        rows.append((name, *numbers, row["why"] or ""))
    spread = block["shown"]["tmtv_ml_range"]
    doubt = record.get("doubt") or {"volumes": ()}
    ways = [(row["how"], row["shown"]) for row in doubt["volumes"]]
    if rows:
        text = f"From the lowest to the highest: {spread}. Published cut-offs hold for their own method only."
    else:
        text = _DRAWN if _is_drawn(record) else "Only the chosen method was run; --all-methods gives the others."
    return section(
        "E",
        "TMTV by other methods",
        table("Same seeds", ("Method", "#TMTV mL", "#Of the chosen one", "#Lesions", "Note"), rows),
        table("What the network could have drawn as well", ("Taken", "#TMTV mL"), ways),
        texts=[*([_in_words(doubt)] if ways else []), text],
    )


def _in_words(doubt: Record) -> str:
    return (
        f"The network's own interval of TMTV, of what it drew before any reading: {doubt['shown']['tmtv_ml_range']}. "
        "It tells how much the network's answer moves, not how far it is from the truth; its probabilities are as it "
        f"says them, not measured against outcomes on scans like this. Not computed: {doubt['gives_up']}."
    )


_DRAWN = "The lesions were drawn elsewhere and are measured as they are."
_STAGES = (
    "TMTV1 preselection and removal of physiological uptake; TMTV2 reactive marrow and spleen removed; "
    "TMTV3 remaining uptake cut; TMTV4 lesions added."
)


def _is_drawn(record: Record) -> bool:
    return str(record["segmentation"]["method"]) == "drawn"


def _stages(record: Record) -> Block:
    rows = [(s["stage"], s["shown"]["tmtv_ml"], s["shown"]["change_ml"]) for s in record["segmentation"]["stages"]]
    return section(
        "F",
        "Stages of the benchmark workflow",
        table("TMTV1 to TMTV4", ("Stage", "#TMTV mL", "#Change mL"), rows),
        texts=[_DRAWN if _is_drawn(record) else _STAGES],
    )


def _aids(record: Record) -> Block:
    rows = [
        (
            label(name),
            index["shown"],
            index["method"],
            "; ".join(filter(None, (index["why"], *(f"within 5 % of {limit}" for limit in index["near"])))),
        )
        for name, index in record["indices"].items()
    ]
    return section(
        "G",
        "Five-point scale and response: measured aid",
        *_comparison(record),
        table("Ratios and aids", ("Quantity", "#Value", "Method", "Note"), rows),
        texts=["The five-point scale is visual: the reader's score is the result, these numbers are an aid."],
    )


def _comparison(record: Record) -> list[Block]:
    """Earlier scans beside this one: first what makes them comparable, then the numbers."""
    block = record.get("comparison")
    if not block:
        return []
    scans = block["scans"]
    titles = [f"{scan['title']} ({scan['of']})" for scan in scans]
    checks = [[*("; ".join(scan["hard"] + scan["soft"]) or "comparable" for scan in scans), ""]]
    facts = [(fact["name"], *fact["values"]) for fact in block["facts"]]
    rows = []
    for place, row in enumerate(scans[0]["rows"]):
        said = [scan["rows"][place]["shown"] for scan in scans]
        changes = [f"{s['delta']} ({s['delta_percent']})" if s["delta"] != shown.NONE else shown.NONE for s in said]
        rows.append((row["name"], *(s["before"] for s in said), row["shown"]["now"], *changes))
    numbers = ("Quantity", *(f"#{t}" for t in titles), "#This", *(f"#Δ {scan['title']}" for scan in scans))
    return [
        table("Comparability", ("Fact", *titles, "This"), [*facts, ("Check", *checks[0])]),
        table("Earlier scans", numbers, rows),
        *(block for scan in scans for block in _lesions_beside(scan)),
    ]


def _lesions_beside(scan: Mapping[str, Any]) -> list[Block]:
    """Which lesion of an earlier scan is which of this one."""
    if scan.get("apart"):
        return [table(f"Lesions of {scan['title']}", ("Not matched",), [(scan["apart"],)])]
    rows = []
    for row in scan.get("lesions") or []:
        sides = [
            [", ".join(side["id"] for side in row[name]) or shown.NONE]
            + ["; ".join(side["shown"][key] for side in row[name]) or shown.NONE for key in ("volume_ml", "suvmax")]
            for name in ("before", "now")
        ]
        if row["site"]:
            beside = ", ".join(row["site"]["not_counted"])
            sides[1][2] = f"there now {row['site']['shown']}" + (f"; {beside} there, not counted" if beside else "")
        rows.append((row["word"], *sides[0], *sides[1], row["gap_shown"]))
    head = ("Course", "Then", "#MTV then", "#SUVmax then", "Now", "#MTV now", "#SUVmax now", "#Gap")
    return [table(f"Lesions of {scan['title']} and this scan", head, rows)] if rows else []


def messages(record: Record) -> Block:
    """All messages in full."""
    rows = [
        (
            {"text": m["code"], "mark": m["severity"]}, m["severity"], m["what"], m["where"], m["effect"], m["fix"],
            ", ".join(m["tags"]),
        )
        for m in record["messages"]
    ]  # fmt: skip
    head = ("Code", "Severity", "Fact", "Where", "Effect", "Action", "Tags")
    return section("I", "All messages", table("Messages", head, rows), texts=[] if rows else ["None."])


def _looked(said: Record | None) -> str:
    """The network that looked at what the rules decided."""
    if said is None:
        return "none"
    silent = f"not asked: {said['silent']}" if said["silent"] else said["sha256"]
    return f"{said['model']} {said['version']}, {silent}"


def provenance(record: Record) -> Block:
    """What the result comes from and what made it, as hashes."""
    software, given = record["software"], record["input"]
    segmentation = record.get("segmentation") or {}
    rows: list[tuple[str, Any]] = [
        ("Software", " ".join(str(software[k]) for k in ("name", "version", "git") if software.get(k))),
        ("Model", software.get("model_sha256") or "none: rules only"),
        ("Second look", _looked(segmentation.get("second_look"))),
        ("Settings", record["settings_sha256"]),
        *((f"  {label(name)}", value) for name, value in sorted(record["settings"].items())),
        ("Study", given["study_uid_hash"]),
        ("PET series", (given["pet"] or {}).get("series_uid_hash")),
        ("CT series", (given["ct"] or {}).get("series_uid_hash")),
        ("Lesion mask", segmentation.get("lesions_sha256")),
        ("Candidate mask", segmentation.get("candidates_sha256")),
        ("Record", record["schema"]),
    ]
    texts = [f"{entry['actor']}: {entry['action']}" for entry in record["audit"]]
    note = "Studies, series, masks and settings are named by their SHA-256; UIDs by its first 16 digits."
    return section("J", "Provenance", table("Made from and by", ("What", "Value"), rows), texts=[note, *texts])
