from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.measure import Report
from lymphoscope.core.study import Identity, SeriesFact
from lymphoscope.render import paper as room
from lymphoscope.render.paper import paper
from lymphoscope.render.pictures import Pictures, draw, orientation_picture
from lymphoscope.render.record import record, refusal_record

Record = dict[str, Any]
NAMES = ("QUIXANO", "ZELDA", "PID-0042", "19610402", "ACC-7718", "REFERRER")
HOSTILE = '#panic("x") $1/0$ *bold* @ref <label> \\ #image("/etc/passwd") // comment \u202egnp.exe'

needs_poppler = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext (poppler-utils)")


def texts(pdf: bytes, folder: Path) -> list[str]:
    """Words of each page, in reading order, whitespace as single blanks."""
    (folder / "r.pdf").write_bytes(pdf)
    done = subprocess.run(["pdftotext", "-raw", "r.pdf", "-"], cwd=folder, capture_output=True, check=True)
    pages = done.stdout.decode().split("\f")
    return [" ".join(page.replace("\u200b", "").split()) for page in pages if page.strip()]


def blank(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def written(known: Record, drawn: Pictures) -> bytes:
    return paper(known, drawn)


def test_the_same_record_gives_the_same_bytes(known: Record, drawn: Pictures, written: bytes) -> None:
    assert written.startswith(b"%PDF-")
    assert paper(known, drawn) == written
    assert b"/CreationDate" not in written and b"/ModDate" not in written


def test_it_is_tagged_titled_and_has_alternative_texts(written: bytes) -> None:
    assert b"/MarkInfo" in written and b"/StructTreeRoot" in written
    assert b"/Lang" in written
    assert b"<pdfuaid:part>1</pdfuaid:part>" in written
    assert b"Lymphoscope report" in written


@pytest.mark.system
@needs_poppler
def test_every_shown_string_stands_on_the_paper(known: Record, written: bytes, tmp_path: Path) -> None:
    pages = texts(written, tmp_path)
    for row in known["key_numbers"]:
        assert blank(row["shown"]) in pages[0], row["name"]
    assert "AI only – not read" in pages[0] and "doubtful out/in 184–224 mL" in pages[0]
    whole = " ".join(pages)
    for lesion in known["lesions"]:
        for text in lesion["shown"].values():
            assert blank(text) in whole
    for region in known["segmentation"]["removed"]:
        assert region["id"] in whole and blank(region["shown"]["volume_ml"]) in whole
    assert known["segmentation"]["lesions_sha256"] in whole
    assert f"p 1/{len(pages)}" in pages[0]


@pytest.mark.system
@needs_poppler
def test_page_1_is_one_page_with_warnings_on_top(known: Record, written: bytes, tmp_path: Path) -> None:
    first, second = texts(written, tmp_path)[:2]
    words = [
        "DRAFT – NOT READ",
        "SUV-W-UPTAKE",
        "+1 more",
        "Impression: not entered",
        "TLG",
        "Comparison.",
        "Signature.",
    ]
    assert [first.index(w) for w in words] == sorted(first.index(w) for w in words)
    assert second.startswith("A. Quality gates")


@pytest.mark.system
@needs_poppler
def test_nobody_is_named_unless_asked(
    known: Record, drawn: Pictures, written: bytes, report: Report, tmp_path: Path
) -> None:
    plain = " ".join(texts(written, tmp_path))
    assert not any(name in plain for name in NAMES) and "Case 8b1a9953" in plain
    named = " ".join(texts(paper(known, drawn, report.study.identity), tmp_path))
    assert "QUIXANO, ZELDA" in named and "PID-0042" in named


@pytest.mark.system
@needs_poppler
def test_hostile_texts_are_printed_as_they_are(
    make_report: Callable[..., Report], drawn: Pictures, tmp_path: Path
) -> None:
    base = make_report()
    findings = tuple(replace(f, site=HOSTILE) for f in base.findings)
    study = {"series": (SeriesFact("1.2", "PT", HOSTILE, 3, "pet", HOSTILE),), "scanner": {"model": HOSTILE}}
    found = replace(
        make_report(study=study), findings=findings, messages=(Message("SUV-W-UPTAKE", HOSTILE, HOSTILE, HOSTILE),)
    )
    pages = texts(paper(record(found, {}, {HOSTILE: HOSTILE}), drawn, Identity(HOSTILE)), tmp_path)
    whole = " ".join(pages)
    assert whole.count('#panic("x") $1/0$ *bold* @ref <label> \\ #image("/etc/passwd") // comment \ufffdgnp.exe') >= 2
    assert "root:" not in whole


@pytest.mark.system
@needs_poppler
def test_many_lesions_long_names_and_long_words_fit(
    make_report: Callable[..., Report], software: Record, settings: Record, tmp_path: Path
) -> None:
    base = make_report()
    region = base.segmentation.decisions[0] if base.segmentation else None
    assert base.segmentation is not None and region is not None
    more = tuple(
        replace(region, region=100 + i, organ="bowel", why="x" * 300, volume_ml=3.0 + i, suvmax=5.0) for i in range(250)
    )
    segmentation = replace(base.segmentation, decisions=(*base.segmentation.decisions, *more))
    found = record(replace(base, segmentation=segmentation), software, settings)
    name = Identity("VERYLONGFAMILYNAMEOFFORTYLETTERSALTOGETHER^MAXIMILIAN", "1" * 64)
    pages = texts(paper(found, Pictures(draw(base, found).mip), name), tmp_path)
    assert "VERYLONGFAMILYNAMEOFFORTYLETTERSALTOGETHER, MAXIMILIAN" in pages[0].replace("- ", "")
    assert "Signature. Not signed." in pages[0], "page 1 stays one page"
    assert "more rows are in report.csv and report.json" in " ".join(pages)


@pytest.mark.system
@needs_poppler
def test_a_refused_study_has_one_sheet_without_numbers(
    report: Report, software: Record, settings: Record, tmp_path: Path
) -> None:
    error = LymphoscopeError("SUV-E-WEIGHT", "Patient's Weight is missing", "the PET series", tags=("(0010,1030)",))
    found = refusal_record(error, report.study.series, software=software, settings=settings)
    for pictures in (orientation_picture(report.study.pet), Pictures()):
        pages = texts(paper(found, pictures), tmp_path)
        whole = " ".join(pages)
        assert "NOT QUANTIFIED" in whole and "Refused: SUV-E-WEIGHT" in whole
        assert not any(word in whole for word in ("TMTV", "SUVmax", "SUVbw", " mL"))


def test_paper_that_takes_too_long_is_stopped(known: Record, drawn: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_SETTER", "import time; time.sleep(60)")
    monkeypatch.setattr(room, "SECONDS", 0.5)
    with pytest.raises(LymphoscopeError) as error:
        paper(known, drawn)
    assert error.value.code == "RUN-E-UNEXPECTED" and "took more than" in str(error.value)


@pytest.mark.parametrize("setter", ["raise SystemExit(3)", "pass", "import typst; typst.compile(b'#panic()')"])
def test_paper_that_cannot_be_set_is_an_error_of_ours(
    known: Record, drawn: Pictures, monkeypatch: pytest.MonkeyPatch, setter: str
) -> None:
    monkeypatch.setattr(room, "_SETTER", setter)
    with pytest.raises(LymphoscopeError) as error:
        paper(known, drawn)
    assert error.value.code == "RUN-E-UNEXPECTED"
    assert "panic" not in str(error.value)


def test_a_name_our_font_lacks_is_still_set(known: Record, drawn: Pictures) -> None:
    assert paper(known, drawn, Identity("Yamada^Tarou=山田^太郎")).startswith(b"%PDF-")
