"""The page in a real browser: what is shown equals what is measured, and a reading goes from opening to signing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.render.record import refusal_record

from .browsing import IDLE, NEEDS, Running, canvas_levels, figures, head, key, until

pytestmark = NEEDS


@pytest.fixture(scope="module")
def running(read_case: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(read_case, tmp_path_factory.mktemp("page"), "<img src=x onerror=window.hurt=1>") as made:
        (made.cases / "refused").mkdir()
        error = LymphoscopeError("SUV-E-WEIGHT", "no weight <i>of the patient</i>")
        refused = refusal_record(error, software={}, settings={})
        (made.cases / "refused" / "report.json").write_text(json.dumps(refused))
        made.index.rebuild()
        yield made


@pytest.fixture(scope="module")
def folder(running: Running) -> Path:
    return running.cases


@pytest.fixture(scope="module")
def page(running: Running) -> Any:
    return running.page(link=True)


@pytest.fixture(scope="module")
def reader(page: Any) -> Any:
    assert page.locator("#cases td").first.text_content().startswith("<img src=x")
    assert "1 to query" in page.locator("#count").text_content()
    page.get_by_role("button", name="Why").click()
    told = page.locator("#ask")
    told.get_by_text("no weight <i>of the patient</i>").wait_for()
    assert "SUV-E-WEIGHT" in told.text_content()
    assert "Remedy" in told.text_content()
    page.screenshot(path=str(page.pictures / "refused.png"))
    page.locator("#askyes").click()
    page.locator("#cases button").first.click()
    page.wait_for_selector(IDLE)
    page.wait_for_function("() => document.body.dataset.complete")
    return page


def test_the_panes_show_something(reader: Any) -> None:
    for name in ("mip", "petview", "ctview"):
        assert canvas_levels(reader, name).std() > 10, f"{name} is empty"
    assert reader.wrong == []


def test_the_readout_is_the_value_that_is_measured(reader: Any, running: Running) -> None:
    case = running.case()
    pet, ct = case.kept.study.pet, case.kept.ct
    assert ct is not None
    for index in ((5, 10, 10), (20, 14, 20), (31, 2, 39), (0, 29, 0), (16, 15, 25)):
        lps = [float(v) for v in pet.geometry.to_lps(index)]
        reader.evaluate("lps => window.reading.views.go(lps)", lps)
        told = reader.locator("#readout").text_content()
        assert f"SUVbw {pet.array[index]:.2f} g/mL" in told
        z, y, x = np.rint(ct.geometry.to_index(lps)).astype(int)
        if all(0 <= v < n for v, n in zip((z, y, x), ct.array.shape, strict=True)):
            assert f"{ct.array[z, y, x]} HU" in told
        assert reader.locator("#readout").get_attribute("data-index") == " ".join(map(str, index))


COUNTED = (
    "() => { window.pictures = 0; for (const nv of [reading.views.pet, reading.views.ct]) {"
    " const draws = nv.drawSceneCore;"
    " nv.drawSceneCore = (...all) => { window.pictures += 1; return draws.apply(nv, all); }; } }"
)


def test_remove_undo_redo_by_keys_changes_the_numbers_with_the_mask(reader: Any) -> None:
    first, before = head(reader), figures(reader)
    reader.wait_for_function("() => reading.row(reading.active).seen")
    reader.wait_for_timeout(300)  # all is drawn
    reader.evaluate(COUNTED)
    asked = len(reader.asked)
    key(reader, "x")
    reader.wait_for_timeout(500)
    assert 1 <= reader.evaluate("() => window.pictures") <= 4, "not a picture for every change of a colour"
    paths = [url.rsplit("/", 1)[1] for url in reader.asked[asked:]]
    assert [p for p in paths if ".png" not in p] == ["ops"], "shadows and labels lie where they lay"
    assert figures(reader)["TMTV"] != before["TMTV"]
    assert reader.locator("#regions li.out").count() == 1
    removed = head(reader)
    key(reader, "Control+z")
    assert head(reader) == first
    assert figures(reader) == before
    key(reader, "Control+Shift+Z")
    assert head(reader) == removed
    key(reader, "Control+z")


def test_a_click_below_the_threshold_says_so_and_changes_nothing(reader: Any) -> None:
    before = head(reader)
    reader.evaluate("() => window.reading.views.go(window.reading.grid.lps([2, 15, 30]))")
    reader.keyboard.press("a")
    reader.wait_for_selector("#banner:not([hidden])")
    assert "below" in reader.locator("#banner").text_content()
    assert head(reader) == before
    assert figures(reader)["TMTV"] != "…"


def test_a_hostile_site_is_text(reader: Any) -> None:
    reader.locator("#regions li").first.click()
    reader.wait_for_timeout(700)
    reader.keyboard.press("g")
    reader.locator("#askbody input").fill("<script>window.hurt=1</script>")
    before = head(reader)
    reader.locator("#askyes").click()
    reader.wait_for_selector(f'body[data-state=idle]:not([data-head="{before}"])')
    assert "<script>" in reader.locator("#regions").text_content()
    assert reader.evaluate("() => window.hurt") is None


def test_a_stale_tab_is_told_and_brought_up_to_date(reader: Any, running: Running) -> None:
    case = running.case()
    version = case.version(case.names()[0])
    number = next(r.number for r in version.now if r.counted)
    words = {"op": "doubt", "words": {"regions": [number], "doubtful": True}, "reason": ""}
    other = version.do("doubt", words, "local", version.tip, {})
    reader.locator("#undo").click()
    reader.wait_for_selector(f'body[data-state=idle][data-head="{other["is"]["head"]}"]')
    assert "in the meantime" in reader.locator("#banner").text_content()


def test_what_a_failing_server_did_none_the_less_is_shown(reader: Any) -> None:
    before, first = head(reader), figures(reader)

    def failing(route: Any) -> None:
        route.fetch()
        route.fulfill(status=503, json={"code": "WEB-E-DATABASE", "what": "the database does not answer"})

    reader.route("**/ops", failing)
    reader.locator("#regions li:not(.out)").first.click()
    key(reader, "x")
    reader.unroute("**/ops")
    assert head(reader) != before
    assert figures(reader)["TMTV"] not in ("…", first["TMTV"])
    assert "does not answer" in reader.locator("#banner").text_content()
    key(reader, "Control+z")
    assert head(reader) == before


def test_everything_is_seen_signed_and_locked_by_keyboard(reader: Any, folder: Path) -> None:
    while int(figures(reader)["Unseen"]):
        reader.keyboard.press("n")
        reader.wait_for_function("() => reading.row(reading.active).seen")
    reader.keyboard.press("Control+Enter")
    reader.locator("#asktitle", has_text="Sign this version").wait_for()
    assert reader.locator("#askyes").is_disabled()
    assert "Credentials" in reader.locator("#askwhy").text_content()
    reader.locator("#signname").fill("L. Reader")
    reader.locator("#impression").fill("Nodal disease.")
    reader.locator("#look").click()
    filed = reader.frame_locator("#filedpage").locator("body")
    filed.get_by_text("Nodal disease.").wait_for()
    assert "READ, NOT SIGNED" in filed.text_content()
    assert figures(reader)["TMTV"] in filed.text_content()
    reader.screenshot(path=str(reader.pictures / "preview.png"))
    reader.locator("#filed button").click()
    reader.locator("#askyes").click()
    until(reader, "#where", "SIGNED")
    signed = json.loads(next(folder.glob("*/reading/v1/report.json")).read_text())
    assert signed["reading"]["head"] == head(reader)
    shown = {k["name"]: k["shown"] for k in signed["key_numbers"]}
    assert figures(reader)["TMTV"] == shown["TMTV"]
    reader.keyboard.press("x")
    assert "never changes" in reader.locator("#banner").text_content()


def test_the_page_asks_nobody_else(reader: Any) -> None:
    hosts = {url.split("/")[2].split(":")[0] for url in reader.asked if url.startswith(("http", "ws"))}
    assert hosts == {"127.0.0.1"}
    assert reader.wrong == []
