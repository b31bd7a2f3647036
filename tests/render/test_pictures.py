from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Report
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.projections import View
from lymphoscope.render.drawing import Board, Box, Ink, enlarged
from lymphoscope.render.mip_picture import Region, Scene, mip_picture, panels, spread, ticks
from lymphoscope.render.pictures import Pictures, combined, ct_on_slice, ct_window, draw, orientation_picture

Record = dict[str, Any]
ORANGE, YELLOW, BLUE = (230, 159, 0), (240, 228, 66), (86, 180, 233)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def part(image: np.ndarray, box: Box) -> np.ndarray:
    return image[box.top + 1 : box.top + box.height - 1, box.left + 1 : box.left + box.width - 1]


def count(image: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((image == colour).all(axis=-1).sum())


SMALL, STEP = (40, 20, 30), (12.0, 10.0, 8.0)


def scene(volume: Volume, labels: np.ndarray) -> Scene:
    regions = [Region(1, "L01", "ai-only", True, 9.0), Region(2, "L02", "removed", False, 5.0)]
    return Scene(volume, labels, regions, 4.0)


def one_sided() -> tuple[Volume, np.ndarray]:
    """A body with a hot lesion at the patient's right, in front, near the head."""
    array = np.full(SMALL, 0.6, np.float32)
    labels = np.zeros(SMALL, np.int32)
    labels[30:34, 3:6, 4:8] = 1
    labels[5:9, 12:16, 20:25] = 2
    array[labels == 1], array[labels == 2] = 9.5, 7.0
    return Volume(array, Geometry.axial(SMALL, STEP), Unit.SUV_BW), labels


def stored(volume: Volume, labels: np.ndarray, order: tuple[int, ...], flips: tuple[int, ...]) -> Scene:
    affine = np.array(volume.geometry.affine)
    columns, origin = affine[:3, :3][:, order], affine[:3, 3].copy()
    arrays = [volume.array.transpose(order), labels.transpose(order)]
    for axis, flip in enumerate(flips):
        if flip < 0:
            origin += columns[:, axis] * (arrays[0].shape[axis] - 1)
            columns[:, axis] *= -1
    cut = tuple(slice(None, None, flip) for flip in flips)
    affine[:3, :3], affine[:3, 3] = columns, origin
    suv, marks = (np.ascontiguousarray(a[cut]) for a in arrays)
    return scene(Volume(suv, Geometry(suv.shape, affine), Unit.SUV_BW), marks)


@pytest.fixture(scope="module")
def plain() -> bytes:
    return mip_picture(scene(*one_sided()))


@pytest.mark.parametrize(
    ("order", "flips"),
    [
        ((0, 1, 2), (-1, 1, 1)),
        ((0, 1, 2), (1, 1, -1)),
        ((0, 1, 2), (-1, -1, -1)),
        ((1, 0, 2), (1, -1, 1)),
        ((2, 1, 0), (-1, 1, -1)),
        ((1, 2, 0), (1, 1, -1)),
    ],
)
def test_the_picture_is_the_same_to_the_byte_however_the_grid_is_stored(
    plain: bytes, order: tuple[int, ...], flips: tuple[int, ...]
) -> None:
    assert mip_picture(stored(*one_sided(), order, flips)) == plain


def test_the_patients_right_is_at_picture_left_and_the_front_at_lateral_left(plain: bytes) -> None:
    image = pixels(plain)
    plan = panels({View.ANTERIOR: (480.0, 240.0), View.LEFT_LATERAL: (480.0, 200.0)})
    assert (image.shape[1], image.shape[0]) == plan.size
    for view, place in ((View.ANTERIOR, 6.0 * 8 / 240), (View.LEFT_LATERAL, 4.5 * 10 / 200)):
        clean = part(image, plan.clean[view])
        black = np.argwhere(clean[..., 0] < 20)
        assert black[:, 1].mean() / clean.shape[1] == pytest.approx(place, abs=0.01)
        assert black[:, 0].mean() / clean.shape[0] == pytest.approx(1 - 32 * 12 / 480, abs=0.01)
        orange = np.argwhere((part(image, plan.drawn[view]) == ORANGE).all(axis=-1))
        assert orange[:, 1].mean() / clean.shape[1] == pytest.approx(place, abs=0.03)


def test_clean_panels_have_no_colour_and_drawn_ones_only_that_of_their_status(plain: bytes) -> None:
    image = pixels(plain)
    plan = panels({View.ANTERIOR: (480.0, 240.0), View.LEFT_LATERAL: (480.0, 200.0)})
    for view in View:
        clean, marked = part(image, plan.clean[view]), part(image, plan.drawn[view])
        assert np.ptp(clean, axis=-1).max() == 0
        assert count(marked, ORANGE) > 50 and count(marked, BLUE) > 50
        assert count(marked, YELLOW) == 0


def test_removed_uptake_is_outlined_outside_and_stays_visible(plain: bytes) -> None:
    image = pixels(plain)
    plan = panels({View.ANTERIOR: (480.0, 240.0), View.LEFT_LATERAL: (480.0, 200.0)})
    clean, marked = (part(image, boxes[View.ANTERIOR]) for boxes in (plan.clean, plan.drawn))
    uptake = np.zeros(clean.shape[:2], bool)
    rows, columns = np.argwhere((clean[..., 0] > 60) & (clean[..., 0] < 100)).T
    uptake[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    same = (clean == marked).all(axis=-1)
    assert same[uptake].mean() > 0.97, "only the leader line may touch it"
    lesion = clean[..., 0] < 20
    assert not same[lesion].any(), "counted uptake is filled"


@settings(max_examples=60, deadline=None)
@given(st.floats(60, 2000), st.floats(60, 700), st.floats(60, 500))
def test_panels_keep_the_patients_proportions_at_one_scale(height: float, wide: float, deep: float) -> None:
    plan = panels({View.ANTERIOR: (height, wide), View.LEFT_LATERAL: (height, deep)})
    for view, across in ((View.ANTERIOR, wide), (View.LEFT_LATERAL, deep)):
        for box in (plan.clean[view], plan.drawn[view]):
            assert abs(box.width - across * plan.scale) <= 0.5
            assert abs(box.height - height * plan.scale) <= 0.5
            assert box.left >= 0 and box.left + box.width <= plan.size[0]
            assert box.top >= 0 and box.top + box.height <= plan.size[1]
        assert plan.clean[view].left + plan.clean[view].width < plan.drawn[view].left
    assert plan.clean[View.ANTERIOR].top + plan.clean[View.ANTERIOR].height < plan.clean[View.LEFT_LATERAL].top
    assert plan.size[0] <= 1000 and plan.size[1] <= 1545


def test_the_colour_bar_is_ticked_at_the_threshold() -> None:
    assert ticks(10.0, 4.0) == [0.0, 4.0, 10.0]
    assert ticks(10.0, None) == ticks(10.0, 12.0) == [0.0, 10.0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 700), max_size=20))
def test_names_do_not_overlap(wanted: list[float]) -> None:
    places = spread(sorted(wanted), 31.0, 40.0, 740.0)
    assert all(b - a >= 31.0 - 1e-6 for a, b in pairwise(places))
    assert all(place <= 740.0 for place in places)


def test_the_same_report_gives_the_same_bytes(report: Report, known: Record, drawn: Pictures) -> None:
    assert [(p.name, p.png) for p in draw(report, known)] == [(p.name, p.png) for p in drawn]


def test_every_picture_has_a_name_a_size_and_words(drawn: Pictures) -> None:
    names = [picture.name for picture in drawn]
    assert len(set(names)) == len(names)
    for picture in drawn:
        assert picture.size == Image.open(io.BytesIO(picture.png)).size
        assert len(picture.alt) > 20
        assert Image.open(io.BytesIO(picture.png)).info == {}, "no metadata"


def test_key_slices_are_the_largest_the_hottest_and_every_doubtful(drawn: Pictures) -> None:
    assert [picture.name for picture in drawn.slices] == [
        "slice-L02.png",
        "slice-L05.png",
        "slice-L06.png",
        "slice-L07.png",
    ]
    assert drawn.slices[0].caption == "◐ L02 AI only: 166.8 mL, SUVmax 9.40, mediastinum"
    assert drawn.slices[3].caption.startswith("? L07 doubtful: 32.8 mL")
    assert set(drawn.removed) == {1, 3, 4, 7}


def test_the_place_of_a_reference_organ_can_be_confirmed(drawn: Pictures) -> None:
    assert [picture.name for picture in drawn.references] == ["reference-liver.png"]
    assert drawn.references[0].caption == "Reference liver: SUVmean 2.30; circle of the region's volume"
    tile = pixels(drawn.references[0].png)[30:, 356 : 356 + 330]
    red = (tile == (204, 0, 0)).all(axis=-1)
    row, column = red.sum(axis=1).argmax(), red.sum(axis=0).argmax()
    around = tile[row - 10 : row + 10, column - 10 : column + 10, 0]
    assert np.median(around) == pytest.approx(255 * (1 - 0.23), abs=6), "in the liver, SUV 2.3 of 10"


def test_without_a_ct_there_is_the_pet_clean_and_outlined(
    make_report: Callable[..., Report], known: Record, drawn: Pictures
) -> None:
    alone = draw(make_report(ct=False), known)
    assert alone.mip is not None and drawn.mip is not None
    assert alone.mip.png == drawn.mip.png
    assert alone.slices[0].size[0] < drawn.slices[0].size[0]
    left, right = np.split(pixels(alone.slices[0].png)[:, : 330 * 2 + 26], [343], axis=1)
    assert count(left, ORANGE) == 0 and count(right, ORANGE) > 20


def test_there_are_eight_key_slices_at_most(make_report: Callable[..., Report], report: Report) -> None:
    from lymphoscope.render.record import record  # noqa: PLC0415

    balls = tuple((f"b{i}", (150 + 40 * i, 140, 150 + 15 * i), 12, 6.0, "doubt-in", "", "") for i in range(7))
    found = make_report(balls)
    assert len(draw(found, record(found, {}, {})).slices) <= 8


def test_the_label_map_has_the_printed_numbers(report: Report) -> None:
    assert report.segmentation is not None
    labels = combined(report.segmentation, report)
    np.testing.assert_array_equal(labels, report.segmentation.candidates.labels)


def test_a_lesion_that_outgrew_its_candidate_keeps_its_number(report: Report) -> None:
    assert report.segmentation is not None
    grown = np.array(report.segmentation.lesions.labels)
    grown[0:3, 0:3, 0:3] = 2
    made = replace(report.segmentation, lesions=replace(report.segmentation.lesions, labels=grown))
    assert (combined(made, report)[0:3, 0:3, 0:3] == report.findings[1].region).all()


def test_the_ct_is_looked_up_where_the_pet_slice_lies() -> None:
    """A CT whose HU is a linear function of place: the look-up gives that function at the raster's points."""
    pet = Geometry.axial((10, 12, 14), (6.0, 5.0, 4.0), (3.0, -7.0, 20.0))
    ct = Geometry.axial((40, 50, 60), (2.5, 2.0, 1.7), (-5.0, -20.0, 0.0))
    index = np.stack(np.meshgrid(*(np.arange(n) for n in ct.shape), indexing="ij"), axis=-1)
    place = ct.to_lps(index)
    volume = Volume((place @ np.array([1.0, 2.0, 3.0])).astype(np.float32), ct, Unit.HU)
    found = ct_on_slice(volume, pet, (4, 5, 6), (slice(3, 9), slice(2, 10)))
    assert found.shape == (30, 32)
    z = 20.0 + 4 * 6.0
    x, y = 3.0 + (2 - 0.5) * 4 + 0.5, -7.0 + (3 - 0.5) * 5 + 0.5
    assert found[0, 0] == pytest.approx(x + 2 * y + 3 * z, abs=1e-2)
    assert found[10, 7] == pytest.approx(x + 7 + 2 * (y + 10) + 3 * z, abs=1e-2)


@pytest.mark.parametrize(("hounsfield", "name"), [(-800.0, "lung"), (40.0, "soft tissue"), (600.0, "bone")])
def test_the_ct_window_suits_the_place(hounsfield: float, name: str) -> None:
    grid = Geometry.axial((6, 6, 6), (5.0, 5.0, 5.0))
    labels = np.zeros((6, 6, 6), np.int32)
    labels[2:4, 2:4, 2:4] = 3
    ct = Volume(np.full((12, 12, 12), hounsfield, np.float32), Geometry.axial((12, 12, 12), (2.5, 2.5, 2.5)), Unit.HU)
    assert ct_window(ct, grid, labels == 3) == name


def test_the_refused_picture_is_grey_and_has_the_patients_proportions() -> None:
    volume, _ = one_sided()
    picture = orientation_picture(replace(volume, unit=Unit.BQ_ML)).mip
    assert picture is not None
    image = pixels(picture.png)
    assert np.ptp(image.astype(int), axis=-1).max() == 0
    columns = np.argwhere(image[:, :, 0] < 10)[:, 1]
    assert "uncalibrated" in picture.alt
    assert columns.mean() < image.shape[1] / 2
    assert orientation_picture(None).mip is None


def test_a_picture_needs_suv(report: Report, known: Record) -> None:
    volume, labels = one_sided()
    with pytest.raises(Exception, match="GEO-E-UNIT"):
        mip_picture(scene(replace(volume, unit=Unit.BQ_ML), labels))


def test_a_users_matplotlib_settings_change_nothing(plain: bytes) -> None:
    import matplotlib as mpl  # noqa: PLC0415

    odd = {
        "font.size": 30, "font.family": "serif", "image.origin": "lower", "image.interpolation": "bilinear",
        "image.cmap": "jet", "text.color": "red", "lines.linestyle": "--", "lines.marker": "o", "figure.dpi": 33,
        "axes.facecolor": "red", "figure.autolayout": True, "savefig.bbox": "tight", "axes.titlepad": 40.0,
    }  # fmt: skip
    with mpl.rc_context(odd):
        assert mip_picture(scene(*one_sided())) == plain


def test_what_lies_in_a_hole_of_a_region_is_not_painted_over() -> None:
    mask = np.zeros((9, 9), bool)
    mask[1:8, 1:8] = True
    mask[4, 4] = False
    board = Board(110, 110)
    board.regions(Box(10, 10, 90, 90), mask, "#56B4E9")
    image = pixels(board.png())
    assert (image[51:59, 51:59] == 255).all(), "the hole is as it was"
    assert count(image, BLUE) > 70 * 4, "and the outside has its line"


def test_text_on_a_picture_is_never_markup() -> None:
    board = Board(200, 40)
    board.text(5, 20, "$\\frac{1}{0}$ <b>", Ink(14))
    assert pixels(board.png()).min() < 100


def test_enlarging_repeats_pixels() -> None:
    mask = np.array([[True, False], [False, True]])
    np.testing.assert_array_equal(enlarged(mask, 4, 6), mask.repeat(2, axis=0).repeat(3, axis=1))
