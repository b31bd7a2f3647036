"""The page with the scan before, and with a suggestion that comes after the own reading."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lymphoscope.app.reading.case import ReadCase
from lymphoscope.app.reading.signing import MEANINGS, Signature, sign

from .browsing import IDLE, NEEDS, Running, head, without_ct
from .conftest import with_patient

pytestmark = [pytest.mark.long, *NEEDS]


@pytest.fixture(scope="module")
def running(read_case: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(read_case, tmp_path_factory.mktemp("followup"), suggestions="after") as made:
        later = Path(shutil.copytree(read_case, made.cases / "later"))
        record = json.loads((later / "report.json").read_bytes())
        record["input"]["scanned"], record["input"]["study_uid_hash"] = "2999-01-01T00:00:00", "f" * 64
        (later / "report.json").write_text(json.dumps(record))
        first = ReadCase(made.cases / "case")
        version = first.new("local")
        gone = min(r.number for r in version.now if r.counted)
        version.do("remove", {"op": "remove", "words": {"regions": [gone]}, "reason": ""}, "local", version.tip, {})
        sign(version, Signature("local", "L. Reader", MEANINGS[0], version.now.head), version.tip)
        for folder in (later, first.folder):
            with_patient(folder, "77")
        made.index.rebuild()
        yield made


@pytest.fixture(scope="module")
def page(running: Running) -> Any:
    shown = running.page()
    without_ct(shown)
    shown.locator("#cases tr", has_text="later").locator("button").first.click()
    shown.wait_for_selector(IDLE)
    shown.wait_for_selector("#course:not([hidden])")
    return shown


def words(page: Any) -> list[str]:
    return page.locator("#courserows td:first-child").all_text_contents()


def test_a_candidate_is_new_when_the_reader_says_so(page: Any) -> None:
    assert sorted(words(page)) == ["candidate new – confirm", "persisting"]
    page.locator("#courserows tr.new button").click()
    before = head(page)
    page.keyboard.press("y")
    page.wait_for_selector(f'body[data-state=idle]:not([data-head="{before}"])')
    page.wait_for_function(
        "() => [...document.querySelectorAll('#courserows td:first-child')].some(c => c.textContent === 'new')"
    )
    assert page.locator("#regions li[aria-selected=true]", has_text="new").count() == 1
    page.screenshot(path=str(page.pictures / "followup-new.png"))
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#ask[open]")
    assert page.locator("#askbody label", has_text="New lesion").locator("select").input_value() == "yes"
    page.locator("#ask button[value=no]").click()


def test_a_suggestion_is_shown_when_it_is_asked_for_and_not_before(page: Any) -> None:
    assert page.locator("#suggestionwhat").text_content() == "Suggestion never shown to the reader."
    assert page.locator("#filters [data-show=differs]").is_hidden()
    mask = head(page)
    page.locator("#regions li").first.click()
    page.keyboard.press("x")
    page.wait_for_selector(f'body[data-state=idle]:not([data-head="{mask}"])')
    page.locator("#reveal").click()
    page.locator("#askyes").click()
    page.wait_for_function("() => window.reading.table.suggestion.shown")
    page.locator("#filters [data-show=differs]").click()
    assert page.locator("#regions li").count() == 1
    assert "≠ counted" in page.locator("#regions li").text_content()
    assert page.locator("#reveal").is_hidden()
    page.screenshot(path=str(page.pictures / "followup-suggestion.png"))
    assert page.wrong == []
