from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.measure import Report
from lymphoscope.core.study import Identity, SeriesFact
from lymphoscope.render.page import page
from lymphoscope.render.pictures import Pictures, draw, orientation_picture
from lymphoscope.render.record import record, refusal_record
from lymphoscope.render.view import view

Record = dict[str, Any]
NAMES = ("QUIXANO", "ZELDA", "PID-0042", "19610402", "ACC-7718", "REFERRER")
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>{{ 7*7 }}\u202egnp.exe &amp; \x07'


class Parsed(HTMLParser):
    """Tags, attributes and texts of a page; cells of tables by row."""

    VOID = ("meta", "img", "br", "hr", "link")

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.cells: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "td":
            self.cells.append((dict(attrs).get("class") or "", ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if "style" in self.open or not data.strip():
            return
        self.texts.append(data)
        if "td" in self.open:
            kind, before = self.cells[-1]
            self.cells[-1] = (kind, before + data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split(" "))


@pytest.fixture(scope="module")
def written(known: Record, drawn: Pictures) -> str:
    return page(known, drawn)


@pytest.fixture(scope="module")
def parsed(written: str) -> Parsed:
    return Parsed(written)


def strings(part: Any) -> set[str]:
    if isinstance(part, str):
        return {part}
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return {text for item in inner for text in strings(item)}


def test_every_shown_number_of_page_1_stands_on_the_page(known: Record, parsed: Parsed) -> None:
    for row in known["key_numbers"]:
        assert row["shown"] in parsed.texts
    assert "AI only – not read" in parsed.texts
    assert "doubtful out/in 184–224 mL" in parsed.texts


def test_every_number_in_a_table_is_a_string_of_the_record(known: Record, parsed: Parsed) -> None:
    counts = {str(s["n"]) for s in known["series"]}
    allowed = strings(known) | counts | {"–", ""}
    numbers = [text for kind, text in parsed.cells if "number" in kind]
    assert len(numbers) > 60
    assert [text for text in numbers if text not in allowed] == []


def scrambled(part: Any, key: str = "") -> Any:
    """The record with every raw fraction replaced, and every string kept."""
    if isinstance(part, float):
        return part * 1.7 + 1.0
    if isinstance(part, dict):
        return {name: scrambled(inner, name) for name, inner in part.items()}
    return [scrambled(inner, key) for inner in part] if isinstance(part, list) else part


def test_the_page_computes_nothing(known: Record, drawn: Pictures, written: str) -> None:
    other = scrambled(copy.deepcopy(known))
    assert other["patient"]["tmtv_ml"] != known["patient"]["tmtv_ml"]
    other["settings"] = known["settings"]
    assert page(other, drawn) == written


def test_the_record_can_come_back_from_disk(known: Record, drawn: Pictures, written: str) -> None:
    assert page(json.loads(json.dumps(known)), drawn) == written == page(known, drawn)


def test_totals_equal_the_record_and_the_sum_of_rows(known: Record, written: str) -> None:
    foot = re.findall(r"<tfoot>(.*?)</tfoot>", written, re.S)[0]
    total = known["patient"]["shown"]
    for key in ("tmtv_ml", "tlg_g", "suvmax", "suvpeak", "suvmean"):
        assert f"<bdi>{total[key]}</bdi>" in foot
    assert known["patient"]["tmtv_ml"] == pytest.approx(sum(row["mtv_ml"] for row in known["lesions"]))
    assert known["patient"]["tlg_g"] == pytest.approx(sum(row["tlg_g"] for row in known["lesions"]))


def test_warnings_stand_at_the_top_at_most_four(parsed: Parsed) -> None:
    text = parsed.text
    assert text.index("SUV-W-UPTAKE") < text.index("Impression: not entered") < text.index("TLG")
    assert text.index("+1 more: see section I, all messages") < text.index("Impression")
    top = text[: text.index("Impression")]
    assert len(re.findall(r"! [A-Z0-9]+-W-", top)) == 4
    assert "SUV-I-CANDIDATES" not in top and "SUV-I-CANDIDATES" in text
    assert "Uptake time 118 min (limit 110, preferred 55–75). Compare only with scans of similar timing." in text


def test_blocks_and_sections_come_in_their_order(parsed: Parsed) -> None:
    words = ["DRAFT – NOT READ", "Case 8b1a9953", "Impression: not entered", "TLG", "Comparison.", "Signature."]
    words += ["A. Quality gates", "B. Lesions", "C. Key slices", "D. Removed uptake", "E. TMTV by other methods"]
    words += ["F. Stages", "G. Five-point scale", "H. Prognostic", "I. All messages", "J. Provenance"]
    places = [parsed.text.index(word) for word in words]
    assert places == sorted(places)


def test_counted_doubtful_and_removed_are_seen_at_a_glance(known: Record, drawn: Pictures) -> None:
    groups = {g["title"]: [row["name"] for row in g["rows"]] for g in view(known, drawn)["glance"]}
    assert groups == {
        "Counted": ["◐ L02", "◐ L05"],
        "Doubtful": ["? L06", "? L07"],
        "Removed": ["✕ L01", "✕ L03", "✕ L04"],
    }


def test_status_is_a_word_with_a_glyph_and_its_colour(parsed: Parsed) -> None:
    marks = {text: kind.split()[-1] for kind, text in parsed.cells if "mark-" in kind}
    assert marks["◐ AI only"] == "mark-ai-only"
    assert marks["? doubtful"] == "mark-doubtful"
    assert marks["✕ removed"] == "mark-removed"


def test_nobody_is_named_unless_asked(known: Record, drawn: Pictures, written: str, report: Report) -> None:
    for name in NAMES:
        assert name not in written
    named = page(known, drawn, report.study.identity)
    for word in ("QUIXANO, ZELDA", "PID-0042", "19610402", "ACC-7718", "REFERRER, R"):
        assert word in named
    assert "Case 8b1a9953" not in named


def test_a_long_name_in_two_scripts_is_written_whole(known: Record, drawn: Pictures) -> None:
    named = page(known, drawn, Identity("Yamada^Tarou=山田^太郎", "1" * 64))
    assert "Yamada, Tarou / 山田, 太郎" in named and "1" * 64 in named


def test_the_page_fetches_nothing_and_runs_nothing(written: str, parsed: Parsed) -> None:
    assert "script" not in parsed.tags and "link" not in parsed.tags and "iframe" not in parsed.tags
    for _, name, value in parsed.attributes:
        assert not name.startswith("on") and name != "style"
        if name in ("src", "href"):
            assert value.startswith(("data:image/png;base64,", "#"))
    assert "http" not in re.sub(r'http-equiv|base64,[^"]*', "", written)
    policy = next(v for t, n, v in parsed.attributes if t == "meta" and v.startswith("default-src"))
    css = re.search(r"<style>(.*?)</style>", written, re.S)
    assert css is not None
    digest = base64.b64encode(hashlib.sha256(css.group(1).encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:;") and f"'sha256-{digest}'" in policy


def test_it_can_be_read_aloud(parsed: Parsed, drawn: Pictures) -> None:
    assert not parsed.open, "all tags are closed"
    images = [(n, v) for t, n, v in parsed.attributes if t == "img"]
    assert all(v for n, v in images if n == "alt")
    assert sum(n == "alt" for n, v in images) == sum(n == "src" for n, v in images) == len(list(drawn))
    assert {"header", "main", "footer", "h1", "h2", "caption", "thead"} <= set(parsed.tags)
    assert parsed.tags.count("h1") == 1
    assert all(v == "col" for t, n, v in parsed.attributes if t == "th" and n == "scope")
    assert parsed.tags.count("th") == sum(t == "th" and n == "scope" for t, n, v in parsed.attributes)
    ids = [v for _, n, v in parsed.attributes if n == "id"]
    assert len(set(ids)) == len(ids)


def test_hostile_texts_are_inert(make_report: Callable[..., Report], drawn: Pictures) -> None:
    base = make_report()
    findings = tuple(replace(f, site=HOSTILE, why=HOSTILE) for f in base.findings)
    study = {"series": (SeriesFact("1.2", HOSTILE, HOSTILE, 3, "pet", HOSTILE),), "scanner": {HOSTILE: HOSTILE}}
    messages = (Message("SUV-W-UPTAKE", HOSTILE, HOSTILE, HOSTILE, (HOSTILE,)),)
    found = replace(make_report(study=study), findings=findings, messages=messages)
    text = page(record(found, {"version": HOSTILE}, {HOSTILE: HOSTILE}), drawn, Identity(HOSTILE, HOSTILE))
    parsed = Parsed(text)
    assert "script" not in parsed.tags
    assert not any(name.startswith("on") for _, name, _ in parsed.attributes)
    assert all(value.startswith("data:") for tag, name, value in parsed.attributes if name == "src")
    shown = HOSTILE.replace("\u202e", "\ufffd").replace("\x07", "\ufffd")
    assert shown in parsed.texts, "it is shown as it was written, made harmless"
    assert "\u202e" not in text and "\x07" not in text
    assert "49" not in [t.strip() for t in parsed.texts]


def test_a_report_without_lesions_says_what_that_is_not(
    make_report: Callable[..., Report], report: Report, software: Record, settings: Record
) -> None:
    assert report.segmentation is not None
    balls = tuple(
        (f"b{d.region}", (100.0 * d.region, 140, 240), 20, 6.0, "remove", "bowel", "")
        for d in report.segmentation.decisions
    )
    empty = make_report(balls, report={"sensitivity": {}})
    found = record(empty, software, settings)
    parsed = Parsed(page(found, draw(empty, found)))
    rows = {row["name"]: row["shown"] for row in found["key_numbers"]}
    assert rows["TMTV"] == "0 mL" and rows["Lesions"] == "0"
    assert rows["TLG"] == rows["Hottest"] == rows["Largest"] == "–"
    assert found["patient"]["suvmax"] is None and found["patient"]["tlg_g"] == 0
    removed = found["segmentation"]["removed_total"]["shown"]["page_1"]
    sentence = f"No lesion in the final segmentation. 7 candidates ({removed}) were removed, see D."
    assert f"{sentence} This is not a statement of complete metabolic response." in parsed.texts
    assert "Counted" not in parsed.texts


def test_a_refused_study_shows_the_reason_and_no_number(report: Report, software: Record, settings: Record) -> None:
    error = LymphoscopeError("SUV-E-WEIGHT", "Patient's Weight is missing", "the PET series", tags=("(0010,1030)",))
    found = refusal_record(
        error, report.study.series, software=software, settings=settings, study_uid_hash="8b1a9953c4611296"
    )
    parsed = Parsed(page(found, orientation_picture(report.study.pet)))
    text = parsed.text
    for word in ("REFUSED", "NOT QUANTIFIED", "Refused: SUV-E-WEIGHT", "(0010,1030)", "Supply --weight-kg"):
        assert word in text
    for word in ("TMTV", "TLG", "SUVmax", "SUVbw", " mL", "g/mL", "Impression"):
        assert word not in text
    assert "no attenuation correction (IO-W-NAC)" in text
    assert "bar refused" in [v for _, n, v in parsed.attributes if n == "class"]


def test_a_refused_study_without_any_picture_has_a_page(software: Record, settings: Record) -> None:
    found = refusal_record(LymphoscopeError("IO-E-NOTHING", "no image"), software=software, settings=settings)
    parsed = Parsed(page(found, Pictures()))
    assert "img" not in parsed.tags and "Case unknown" in parsed.texts


def test_hashes_stand_at_the_foot(known: Record, drawn: Pictures) -> None:
    text = page(known, drawn, None, "5f2c" + "0" * 56 + "9abc")
    mask = known["segmentation"]["lesions_sha256"]
    assert f"research/decision support · report 5f2c0000…9abc · mask {mask[:8]}…{mask[-4:]}" in text
