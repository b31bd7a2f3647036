"""What a hand does on the page: mouse, brush, cuts, keys; colour-blind eyes, rules of accessibility, a dying server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphoscope.app.reading import case as case_module
from lymphoscope.app.reading.case import ReadCase
from lymphoscope.app.reading.faint import Focus
from lymphoscope.app.web import api as api_module

from .browsing import NEEDS, Running, canvas_levels, figures, head, playwright, without_ct

pytestmark = NEEDS
AXE = Path(__file__).parents[3] / "web" / "node_modules" / "axe-core" / "axe.min.js"
LISTENING = """() => {
  const [words, kept] = [window.told = [], CanvasRenderingContext2D.prototype.fillText];
  const heard = function (text, ...at) { words.push(text); return kept.call(this, text, ...at); };
  CanvasRenderingContext2D.prototype.fillText = heard;
}"""
SLOWLY = """() => {
  const kept = window.fetch;
  window.atOnce = () => { window.fetch = kept; };
  const later = () => new Promise((done) => setTimeout(done, 400));
  window.fetch = async (...said) => { if (said[0].includes("/labels/")) await later(); return kept(...said); };
}"""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
BLINDNESS = ("protanopia", "deuteranopia", "tritanopia", "achromatopsia")


@pytest.fixture(scope="module")
def running(read_case: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Running(read_case, tmp_path_factory.mktemp("hand")) as made:
        yield made


@pytest.fixture(scope="module")
def page(running: Running) -> Any:
    shown = running.page()
    without_ct(shown)
    shown.locator("#cases button").first.click()
    shown.wait_for_selector("body[data-state=idle][data-head]")
    shown.wait_for_function("() => document.body.dataset.complete")
    return shown


def place(page: Any, index: list[int]) -> dict[str, float]:
    """Where on the PET pane a voxel of the axial plane is."""
    go = "i => { const r = window.reading; r.views.go(r.grid.lps(i)); }"
    page.evaluate(go, index)
    found = page.wait_for_function(
        "i => { const r = window.reading, nv = r.views.pet, p = r.grid.lps(i);"
        " const at = nv.frac2canvasPosWithTile(nv.mm2frac([-p[0], -p[1], p[2]]), 0);"
        " const k = nv.canvas.clientWidth / nv.canvas.width; return at && [at.pos[0] * k, at.pos[1] * k]; }",
        arg=index,
    ).json_value()  # once the plane is drawn
    return {"x": found[0], "y": found[1]}


def tmtv(page: Any) -> float:
    return float(page.evaluate("() => window.reading.table.key_numbers.find(k => k.name === 'TMTV').value"))


def rows(page: Any) -> list[dict[str, Any]]:
    return page.evaluate("() => window.reading.table.rows")


def go_to_the_middle(page: Any, row: dict[str, Any]) -> None:
    start = ReadCase(page.folder).start
    places = np.stack(np.unravel_index(start[row["region"]].voxels, start.shape), axis=1)
    middle = places.mean(axis=0).round().astype(int).tolist()
    page.evaluate("i => { const r = window.reading; r.views.go(r.grid.lps(i)); }", middle)


def changed(page: Any, do: Callable[[], Any]) -> None:
    before = head(page)
    do()
    try:
        page.wait_for_selector(f'body[data-state=idle]:not([data-head="{before}"])')
    except playwright.TimeoutError:
        pytest.fail(f"nothing changed; the page says: {page.locator('#banner').text_content()}")


def test_a_right_click_on_a_region_removes_it_and_another_restores_it(page: Any) -> None:
    row = next(r for r in rows(page) if r["counted"])
    before, at = tmtv(page), place(page, row["top"])
    changed(page, lambda: page.locator("#petview").click(button="right", position=at))
    assert np.isclose(tmtv(page), before - row["volume_ml"])
    changed(page, lambda: page.locator("#petview").click(button="right", position=at))
    assert tmtv(page) == before
    page.locator("#petview").click(position=at)
    assert page.locator(f"#region-{row['region']}").get_attribute("aria-selected") == "true"


def test_erased_along_the_mouse_then_restored_by_undo(page: Any) -> None:
    row = max((r for r in rows(page) if r["counted"]), key=lambda r: r["volume_ml"])
    first, before, at = head(page), tmtv(page), place(page, row["top"])
    box = page.locator("#petview").bounding_box()

    def draw() -> None:
        page.mouse.move(box["x"] + at["x"] - 15, box["y"] + at["y"])
        page.keyboard.down("e")
        page.mouse.down()
        page.mouse.move(box["x"] + at["x"] + 15, box["y"] + at["y"], steps=4)
        page.mouse.up()
        page.keyboard.up("e")

    changed(page, draw)
    assert tmtv(page) < before
    assert len([r for r in rows(page) if r["word"] == "removed"]) >= 1, "what was erased can be seen and restored"
    changed(page, lambda: page.keyboard.press("Control+z"))
    assert head(page) == first


def test_a_lesion_is_drawn_again_split_cut_and_merged(page: Any) -> None:
    row = max((r for r in rows(page) if r["counted"]), key=lambda r: r["volume_ml"])
    first, before = head(page), tmtv(page)

    def redraw() -> None:
        page.locator(f"#region-{row['region']}").click()
        page.keyboard.press("t")
        page.locator("#askbody select").select_option("max50")
        page.locator("#askyes").click()

    changed(page, redraw)
    assert 0 < tmtv(page) < before or np.isclose(tmtv(page), before)
    changed(page, lambda: page.keyboard.press("Control+z"))
    voxels = ReadCase(page.folder).start[row["region"]].voxels
    shape = page.evaluate("() => window.reading.facts.shape")
    ends = [[int(v) for v in np.unravel_index(voxels[k], shape)] for k in (0, len(voxels) - 1)]

    def split() -> None:
        for end in ends:
            page.evaluate("i => { const r = window.reading; r.views.go(r.grid.lps(i)); }", end)
            page.keyboard.press("c")

    changed(page, split)
    parts = [r for r in rows(page) if r["counted"]]
    assert np.isclose(tmtv(page), before), "splitting moves no volume"
    other = max(parts, key=lambda r: r["region"])

    def merge() -> None:
        page.locator(f"#region-{row['region']}").click()
        page.locator(f"#region-{other['region']}").click(modifiers=["Control"])
        page.keyboard.press("j")

    changed(page, merge)
    assert len([r for r in rows(page) if r["counted"]]) == len(parts) - 1

    def plane() -> None:
        page.locator(f"#region-{row['region']}").click()
        go_to_the_middle(page, row)
        page.keyboard.press("k")
        page.locator("#askyes").click()

    changed(page, plane)
    assert np.isclose(tmtv(page), before)
    for _ in range(3):
        changed(page, lambda: page.keyboard.press("Control+z"))
    assert head(page) == first


@pytest.mark.long
def test_an_answer_that_was_overtaken_by_a_later_one_is_not_shown(page: Any) -> None:
    """A sign of life asks for the state, an act is done, and the state that was asked for comes last."""
    first, edits = head(page), page.evaluate("() => window.reading.table.edits")
    held = "() => { window.old = structuredClone(window.reading.table); }"
    page.evaluate(held)
    changed(page, lambda: page.keyboard.press("x"))
    removed, shown = head(page), figures(page)
    page.evaluate("() => window.reading.take(window.old)")
    assert (head(page), figures(page)) == (removed, shown)
    changed(page, lambda: page.keyboard.press("Control+z"))
    assert head(page) == first

    page.evaluate(SLOWLY)
    row = max((r for r in rows(page) if r["counted"]), key=lambda r: r["volume_ml"])
    page.locator(f"#region-{row['region']}").click()
    go_to_the_middle(page, row)
    page.keyboard.press("k")
    page.locator("#askyes").click()
    page.wait_for_selector("body[data-state=busy]")
    page.keyboard.press("Control+z")
    page.wait_for_function("n => window.reading.table.edits >= n", arg=edits + 4)
    page.wait_for_selector("body[data-state=idle]")
    page.evaluate("() => window.atOnce()")
    assert head(page) == first
    assert page.locator("#banner").is_hidden(), "nothing was in the way of either act"
    drawn = page.evaluate("() => [...new Set(window.reading.slots)].filter(Boolean).sort((a, b) => a - b)")
    assert drawn == sorted(r["slot"] for r in rows(page))


def test_all_that_lies_above_a_slice_is_removed_after_a_question(page: Any) -> None:
    first = head(page)
    page.evaluate("() => { const r = window.reading; r.views.go(r.grid.lps([0, 10, 10])); }")
    page.keyboard.press("h")
    page.locator("#asktitle", has_text="Remove every region wholly above").wait_for()
    changed(page, lambda: page.locator("#askyes").click())
    assert tmtv(page) == 0.0
    assert figures(page)["Lesions"] == "0"
    page.keyboard.press("Control+Enter")
    page.locator("#asktitle", has_text="Sign this version").wait_for()
    page.locator("#signname").fill("L. Reader")
    assert page.locator("#askwhy").text_content() == "Open the list “Removed”."
    page.locator("#askbody summary", has_text="Removed").click()
    page.locator("#askwhy", has_text="say that you searched").wait_for()
    assert page.locator("#askyes").is_disabled(), "with nothing counted the whole volume has to be searched"
    page.locator("#look").click()
    page.frame_locator("#filedpage").get_by_text("No lesion in the final segmentation").wait_for()
    page.locator("#filed button").click()
    page.screenshot(path=str(page.pictures / "sign-nothing-counted.png"))
    page.locator("#ask button[value=no]").click()
    changed(page, lambda: page.keyboard.press("Control+z"))
    assert head(page) == first


def test_an_end_of_the_projection_is_drawn_to_where_the_body_is_cut_off(page: Any) -> None:
    before = rows(page)
    heights = {r["region"]: r["top_lps"][2] for r in before if r["counted"]}
    box, inner = page.locator("#mip").bounding_box(), page.evaluate("() => window.reading.turning.box()")
    x, top, bottom = box["x"] + box["width"] / 3, box["y"] + inner[1], box["y"] + inner[1] + inner[3]
    grid = ReadCase(page.folder).kept.study.pet.geometry
    for start, side in ((top + 2, "above"), (bottom - 2, "below")):
        page.mouse.move(x, start)
        page.mouse.down()
        page.mouse.move(x, (top + bottom) / 2, steps=3)
        page.screenshot(path=str(page.pictures / f"limit-{side}.png"))
        page.mouse.up()
        asked = page.locator("#asktitle", has_text=f"Remove every region wholly {side} z = ")
        asked.wait_for()
        mm = float(asked.text_content().split("z = ")[1].split(" mm")[0])
        middle = float(grid.to_lps([(n - 1) / 2 for n in grid.shape])[2])
        assert abs(mm - middle) < grid.spacing[0], "half way down the picture is half way down the body"
        page.locator("#ask button[value=no]").click()
    assert heights == {r["region"]: r["top_lps"][2] for r in rows(page) if r["counted"]}


def test_a_distance_is_measured_in_millimetres_of_the_patient(page: Any) -> None:
    go = "i => { const r = window.reading; r.views.go(r.grid.lps(i)); }"
    page.locator("#petview").focus()
    page.evaluate(go, [10, 10, 10])
    page.keyboard.press("u")
    page.evaluate(go, [10, 13, 14])
    assert page.locator("#distance").text_content() == "40.0 mm", "3 by 4 voxels of 8 mm"
    page.keyboard.press("u")
    page.evaluate(go, [14, 13, 14])
    assert page.locator("#distance").text_content() == "40.0 mm", "it stays where it was fixed"
    page.keyboard.press("u")
    assert page.locator("#distance").text_content() == ""
    one, other = place(page, [12, 8, 9]), place(page, [12, 8, 29])
    at = page.evaluate("() => window.reading.views.at")
    box = page.locator("#petview").bounding_box()
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + one["x"], box["y"] + one["y"])
    page.mouse.down()
    page.mouse.move(box["x"] + other["x"], box["y"] + other["y"], steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert float(page.locator("#distance").text_content().split()[0]) == pytest.approx(160, abs=3), "20 voxels of 8 mm"
    assert page.evaluate("() => window.reading.views.at") == at, "the cross-hair stays"
    assert page.evaluate("() => [...window.reading.views.pet.scene.pan2Dxyzmm]") == [0, 0, 0, 1], (
        "and so does the plane"
    )
    page.wait_for_timeout(300)
    page.screenshot(path=str(page.pictures / "distance.png"))
    page.locator("#petview").focus()
    page.keyboard.press("u")
    assert page.locator("#distance").text_content() == ""


def test_stages_are_accepted_by_a_key_and_faint_foci_dismissed(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (case_module, api_module):
        monkeypatch.setattr(room, "faint_foci", lambda *_: [Focus((5, 10, 12), 3.1, 1.5)])
    page.locator("#mip").focus()
    for step in (1, 2, 3):
        page.locator("#step", has_text=f"Accept TMTV{step}").wait_for()
        page.keyboard.press("Enter")
    page.locator("#step", has_text="Accept TMTV4").wait_for()
    assert page.locator("#stages dt").all_text_contents() == ["TMTV1 ●", "TMTV2 ●", "TMTV3 ●", "TMTV4"]
    page.locator("#faint summary").click()
    page.locator("#foci button", has_text="dismiss").click()
    page.locator("#foci .dismissed").wait_for()
    page.screenshot(path=str(page.pictures / "stages-and-foci.png"))
    changed(page, lambda: page.keyboard.press("x"))
    assert page.locator("#stages dt").first.text_content() == "TMTV1 ○", "it is another by now"
    changed(page, lambda: page.keyboard.press("Control+z"))
    page.locator("#faint summary").click()
    kinds = [e["kind"] for e in ReadCase(page.folder).version("v1").events]
    assert (kinds.count("step"), kinds.count("dismiss")) == (3, 1)


def test_the_cross_hair_moves_by_keys_voxel_by_voxel(page: Any) -> None:
    page.evaluate("() => { const r = window.reading; r.views.go(r.grid.lps([10, 10, 10])); }")
    page.locator("#petview").focus()
    for keys, by in (
        ("ArrowRight", (0, 0, 1)),
        ("ArrowUp", (0, -1, 0)),
        ("PageUp", (1, 0, 0)),
        ("PageDown", (-1, 0, 0)),
    ):
        before = [int(v) for v in page.locator("#readout").get_attribute("data-index").split()]
        page.keyboard.press(keys)
        after = [int(v) for v in page.locator("#readout").get_attribute("data-index").split()]
        assert np.subtract(after, before).tolist() == list(by), keys


def test_the_projection_is_marked_at_every_angle_as_the_planes_are(page: Any) -> None:
    told = []
    page.evaluate(LISTENING)
    for frame in (0, 3, 6, 9, 12, 18, 27):
        page.evaluate(
            "n => { window.told.length = 0; window.reading.turning.frame = n; window.reading.turning.draw(); }", frame
        )
        told.append(page.evaluate("() => window.told.slice(0, 2)"))
    assert told == [["R", "L"], ["RA", "LP"], ["AR", "PL"], ["A", "P"], ["AL", "PR"], ["L", "R"], ["P", "A"]]
    page.evaluate("() => { window.reading.turning.frame = 0; window.reading.turning.draw(); }")


def test_hiding_shows_the_clean_image_and_status_is_told_to_the_colour_blind(page: Any) -> None:
    drawn = canvas_levels(page, "mip").astype(int)
    page.keyboard.down(" ")
    bare = canvas_levels(page, "mip").astype(int)
    page.keyboard.up(" ")
    assert np.abs(drawn - bare).max() > 50
    assert np.abs(canvas_levels(page, "mip").astype(int) - drawn).max() == 0
    session = page.context.new_cdp_session(page)
    for kind in BLINDNESS:
        session.send("Emulation.setEmulatedVisionDeficiency", {"type": kind})
        page.screenshot(path=str(page.pictures / f"seen-with-{kind}.png"))
    session.send("Emulation.setEmulatedVisionDeficiency", {"type": "none"})
    listed = page.locator("#regions li").all_text_contents()
    assert {text[0] for text in listed} <= {"●", "◐", "?", "✕"}, "a sign says what a colour says"


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core was not fetched: make page")
def test_no_rule_of_accessibility_is_broken(page: Any, running: Running) -> None:
    shown = running.page(login=None)  # another tab of the same session: the worklist

    def broken(where: Any) -> list[str]:
        where.evaluate(AXE.read_text() + ";undefined")
        told = where.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        return [f"{v['id']}: {[n['target'] for n in v['nodes']][:3]}" for v in told["violations"]]

    assert broken(shown) == []
    shown.close()
    assert broken(page) == []
    page.keyboard.press("Control+Enter")
    page.locator("#asktitle", has_text="Sign this version").wait_for()
    assert broken(page) == []
    page.locator("#ask button[value=no]").click()


def test_a_server_that_dies_in_an_act_is_told_and_the_act_is_sent_again_once(page: Any, running: Running) -> None:
    first, before = head(page), tmtv(page)
    number = next(r["region"] for r in rows(page) if r["counted"])
    page.locator(f"#region-{number}").click()
    page.wait_for_function("n => reading.row(n).seen", arg=number)
    events = len(running.case().version("v1").events)
    running.stop()
    page.keyboard.press("x")
    page.wait_for_selector("#banner button")
    assert "NOT SAVED" in page.locator("#banner").text_content()
    assert set(page.locator("#key dd").all_text_contents()) == {"…"}, "no number is shown that may be old"
    assert head(page) == first
    page.screenshot(path=str(page.pictures / "server-gone.png"))
    running.start()
    changed(page, lambda: page.locator("#banner button").click())
    assert tmtv(page) < before
    log = running.case().version("v1").events
    assert [e["op"] for e in log[events:]] == ["remove"]
    changed(page, lambda: page.keyboard.press("Control+z"))


def test_a_session_that_is_over_leads_to_the_log_in(page: Any, running: Running) -> None:
    page.evaluate("() => fetch('/logout', {method: 'POST', redirect: 'manual'})")
    page.wait_for_timeout(300)
    page.keyboard.press("x")
    page.wait_for_url("**/login")
    assert page.locator("#login").is_visible()
    assert json.loads(json.dumps(page.wrong)) == []
