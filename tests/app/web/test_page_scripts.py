"""Scripted cases of the specification (3.7): oblique images, leak guard, cut, two windows, lost graphics, readers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lymphoscope.app.pipeline import run
from lymphoscope.app.reading.case import ReadCase
from lymphoscope.app.reading.signing import MEANINGS, Signature, sign
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import Volume
from lymphoscope.io.nifti import write_nifti

from .browsing import IDLE, NEEDS, Running, canvas_levels, head, key, without_ct

pytestmark = [pytest.mark.long, *NEEDS]
TURN = np.eye(4)
TURN[:3, :3] = Rotation.from_euler("zx", (14, 9), degrees=True).as_matrix()
LIVER, LESION = (-60.0, -10.0, -50.0), (70.0, -20.0, -40.0)
"""Where the phantom has its liver and its larger lesion before it is turned, LPS mm."""


def laid(image: Volume, order: tuple[int, int, int], flip: tuple[int, ...]) -> Volume:
    """The image turned in space, its axes stored in another order and some of them backwards."""
    affine, array = TURN @ image.geometry.affine, image.array
    for axis in flip:
        affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
        affine[:3, axis] *= -1
        array = np.flip(array, axis)
    array = np.ascontiguousarray(array.transpose(order))
    return Volume(array, Geometry(array.shape, affine[:, [*order, 3]]), image.unit)


def turned(lps: tuple[float, float, float]) -> list[float]:
    return [float(v) for v in (TURN @ [*lps, 1.0])[:3]]


@pytest.fixture(scope="module")
def running(chest: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    place = tmp_path_factory.mktemp("scripts")
    pet, ct = chest()
    write_nifti(place / "pet.nii.gz", laid(pet, (2, 0, 1), (0, 2)))
    write_nifti(place / "ct.nii.gz", laid(ct, (0, 1, 2), (1,)))
    case = run(place / "pet.nii.gz", place / "case", ct=place / "ct.nii.gz", suv=True, dicom=False).folder
    with Running(case, place) as made:
        yield made


@pytest.fixture(scope="module")
def page(running: Running) -> Any:
    shown = running.page()
    shown.locator("#cases button").first.click()
    shown.wait_for_selector(IDLE)
    shown.wait_for_function("() => document.body.dataset.complete")
    return shown


def rows(page: Any) -> list[dict[str, Any]]:
    return page.evaluate("() => window.reading.table.rows")


def tmtv(page: Any) -> float:
    return float(page.evaluate("() => window.reading.table.key_numbers.find(k => k.name === 'TMTV').value"))


def go(page: Any, lps: list[float]) -> None:
    page.evaluate("lps => window.reading.views.go(lps)", lps)


def picture(page: Any, name: str) -> None:
    page.screenshot(path=str(page.pictures / f"{name}.png"))


def answered(page: Any, do: Any) -> None:
    before = head(page)
    do()
    page.wait_for_selector(f'body[data-state=idle]:not([data-head="{before}"])')


def test_17_flipped_oblique_anisotropic_images_are_read_at_the_same_millimetres(page: Any, running: Running) -> None:
    case = running.case()
    pet, ct = case.kept.study.pet, case.kept.ct
    assert ct is not None
    assert not np.allclose(np.abs(pet.geometry.direction), np.abs(pet.geometry.direction).round())
    for lps in (turned(LESION), turned(LIVER), turned((10.0, -40.0, 30.0)), turned((0.0, 70.0, 0.0))):
        index = tuple(int(v) for v in np.rint(pet.geometry.to_index(lps)))
        go(page, [float(v) for v in pet.geometry.to_lps(index)])
        told = page.locator("#readout").text_content()
        assert page.locator("#readout").get_attribute("data-index") == " ".join(map(str, index))
        assert f"SUVbw {pet.array[index]:.2f} g/mL" in told
        there = tuple(int(v) for v in np.rint(ct.geometry.to_index(pet.geometry.to_lps(index))))
        assert f"{ct.array[there]} HU" in told
    for row in rows(page):
        slots = page.evaluate(
            "p => { const v = window.reading.views;"
            " return ['pet', 'ct'].map(l => v[l].drawBitmap[v[l].grid.flat(v[l].grid.index(p))]); }",
            row["top_lps"],
        )
        assert slots == [row["slot"]] * 2, "the region lies where it is hottest, on PET and CT"
    volume = max(r["volume_ml"] for r in rows(page))
    assert volume == pytest.approx(14.592, rel=1e-6), "as many mL as the phantom has when it lies straight"
    picture(page, "17-oblique")


def test_17_nothing_is_mirrored(page: Any) -> None:
    """The patient's left is at the right of the axial and coronal planes, also where the mouse says so."""
    for name, layer in (("petview", "pet"), ("ctview", "ct")):
        box = page.locator(f"#{name}").bounding_box()
        ends = page.evaluate(
            "([layer, w, h]) => [0.05, 0.43].map(x =>"
            " window.reading.views.under(layer, {offsetX: x * w, offsetY: h / 4}))",
            [layer, box["width"], box["height"]],
        )
        assert ends[0] and ends[1] and ends[0][0] < ends[1][0], f"{name}: LPS x grows to the right"
    row = max(rows(page), key=lambda r: r["volume_ml"])
    middle = page.evaluate("n => window.reading.turning.marks.get(0).marks[n]", row["region"])
    assert middle[1] > 0.5, "at the right of the projection"
    x, y, w, h = page.evaluate("() => window.reading.turning.box()")
    hit = page.evaluate("p => window.reading.turning.regionAt(...p)", [x + middle[1] * w, y + middle[0] * h])
    assert hit == row["region"], "its shadow is there"


def test_hovering_tells_what_a_click_would_take(page: Any) -> None:
    row = max(rows(page), key=lambda r: r["volume_ml"])
    for lps, words in ((row["top_lps"], f"{row['id']} 14.6 mL"), (turned((0.0, -80.0, 0.0)), "below 4")):
        page.evaluate("lps => window.reading.hover(lps)", lps)
        page.locator("#pointed", has_text=words).wait_for()
    assert "blocked" in page.locator("body").get_attribute("class")
    page.evaluate("() => window.reading.hover(null)")
    assert page.locator("#pointed").text_content() == ""


def test_06_an_addition_that_leaks_is_outlined_and_asked_about(page: Any) -> None:
    before, first = tmtv(page), head(page)
    asked_for_the_liver(page)
    assert "It is 6" in page.locator("#askbody").text_content()
    assert page.evaluate("() => window.reading.views.fresh.length") > 1000
    picture(page, "06-leak")
    page.locator("#ask button[value=no]").click()
    assert (head(page), tmtv(page)) == (first, before)
    assert page.evaluate("() => window.reading.views.fresh.length") == 0


def asked_for_the_liver(page: Any) -> None:
    page.locator("#at").fill("2")
    go(page, turned(LIVER))
    page.locator("#mip").focus()
    page.keyboard.press("a")
    page.locator("#asktitle", has_text="Add 6").wait_for()
    page.locator("#at").evaluate("input => { input.value = 4; }")


def test_07_what_is_cut_from_an_organ_adds_up(page: Any) -> None:
    before = tmtv(page)
    asked_for_the_liver(page)
    answered(page, lambda: page.locator("#askyes").click())
    assert tmtv(page) > before + 500
    counted = sorted((r for r in rows(page) if r["counted"]), key=lambda r: -r["volume_ml"])
    liver, lesion = counted[0], counted[1]
    page.locator(f"#region-{lesion['region']}").click()
    page.locator(f"#region-{liver['region']}").click(modifiers=["Control"])
    answered(page, lambda: page.keyboard.press("j"))
    whole = tmtv(page)
    page.keyboard.press("o")
    page.locator("#askbody select").select_option("liver")
    answered(page, lambda: page.locator("#askyes").click())
    cut = next(r for r in rows(page) if r["organ"] == "liver" and not r["counted"])
    assert tmtv(page) + cut["volume_ml"] == pytest.approx(whole), "nothing is lost"
    assert cut["volume_ml"] == pytest.approx(liver["volume_ml"], rel=0.05)
    picture(page, "07-cut")
    for _ in range(3):
        key(page, "Control+z")


MAY_WRITE = "() => window.reading.hold().then(() => window.reading.writable)"


def lets_go(page: Any) -> None:
    """Let go of the lease, as a window does that is closed, and wait until the server knows."""
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        page.evaluate("() => { window.dispatchEvent(new Event('pagehide')); }")


def test_10_a_second_window_is_told_who_writes_and_takes_over_when_the_first_lets_go(
    page: Any, running: Running
) -> None:
    other = running.page(login=None)
    without_ct(other)
    other.goto(page.url)
    other.wait_for_selector(IDLE)
    assert "another window of yours writes this reading since" in other.locator("#banner").text_content()
    before = head(other)
    other.locator("#mip").focus()
    other.keyboard.press("x")
    assert "Another window" in other.locator("#banner").text_content()
    assert head(other) == before
    assert other.locator("#sign").is_disabled()
    lets_go(page)
    assert other.evaluate(MAY_WRITE) is True
    assert page.evaluate(MAY_WRITE) is False, "and the first is told"
    assert "another window" in page.locator("#banner").text_content()
    lets_go(other)
    other.close()
    assert page.evaluate(MAY_WRITE) is True


def test_letters_can_be_changed_and_switched_off(page: Any) -> None:
    page.locator("#help").click()
    field = page.locator("#letters label", has_text="remove").locator("input")
    field.fill("a")
    assert "stands twice" in page.locator("#askwhy").text_content()
    field.fill("q")
    page.locator("#askyes").click()
    page.locator("#mip").focus()
    first = head(page)
    page.keyboard.press("x")
    answered(page, lambda: page.keyboard.press("q"))
    page.wait_for_function(MAY_WRITE)
    key(page, "Control+z")
    assert head(page) == first
    page.locator("#help").click()
    page.locator("#letterson").uncheck()
    page.locator("#askyes").click()
    page.wait_for_function("() => !document.querySelector('#tools kbd')")
    page.keyboard.press("q")
    assert head(page) == first
    page.evaluate("() => localStorage.clear()")


def test_11_lost_graphics_are_covered_and_the_regions_come_back(page: Any) -> None:
    first = head(page)
    page.evaluate(
        "() => { window.gone = window.reading.views.pet.gl.getExtension('WEBGL_lose_context'); gone.loseContext(); }"
    )
    page.wait_for_selector("#pet.lost")
    picture(page, "11-lost")
    with page.expect_navigation():
        page.evaluate("() => setTimeout(() => window.gone.restoreContext(), 50)")
    page.wait_for_selector(IDLE)
    assert head(page) == first
    drawn = page.evaluate("() => [...new Set(window.reading.views.pet.drawBitmap)].sort()")
    assert set(drawn) == {0, *(r["slot"] for r in rows(page))}
    assert canvas_levels(page, "petview").std() > 10
    assert page.wrong == []


def test_15_two_readers_then_an_adjudicator(page: Any, running: Running) -> None:
    case = ReadCase(Path(shutil.copytree(running.cases / "case", running.cases / "readers")))
    shutil.rmtree(case.folder / "reading")
    running.index.rebuild()
    id_ = next(row.id for row in running.index.rows() if row.folder == "readers")
    for login, role in (("ann", "reader"), ("ben", "reader"), ("cem", "adjudicator")):
        running.access.add_user(login, f"Dr {login}", role, "a long enough password")
    for login in ("ann", "ben"):
        version = case.new(login)
        if login == "ben":
            number = next(r.number for r in version.now if r.counted)
            version.do("remove", {"op": "remove", "words": {"regions": [number]}, "reason": ""}, login, version.tip, {})
        words = {"searched": True, "answers": {"deauville": "5" if login == "ann" else "2"}}
        sign(version, Signature(login, f"Dr {login}", MEANINGS[0], version.now.head, **words), version.tip)
        running.index.refresh(id_)
    judge = running.page("cem")
    without_ct(judge)
    judge.get_by_role("button", name="Adjudicate").click()
    judge.locator("#asktitle", has_text="Lay the two readings").wait_for()
    told = judge.locator("#askbody").text_content()
    assert "TMTV, Deauville" in told
    assert "disputed" in told
    picture(judge, "15-compared")
    judge.locator("#askyes").click()
    judge.wait_for_selector(IDLE)
    assert "doubtful" in {r["word"] for r in rows(judge)}
    assert not {"ann", "ben"} & {r["actor"] for r in rows(judge)}, "the readers are not named"
    picture(judge, "15-difference")
    assert judge.wrong == []
