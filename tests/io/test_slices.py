"""Slices to a grid: the affine is that of the positions, order does not matter, and each fault has its code."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from scipy.spatial.transform import Rotation

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.io.header import Header
from lymphoscope.io.slices import stack


def headers(geometry: Geometry, digits: int = 6, **facts: object) -> list[Header]:
    """Headers of a grid's slices, positions rounded as decimal strings are."""
    made = []
    for k in range(geometry.shape[0]):
        dataset = Dataset()
        dataset.Rows, dataset.Columns = geometry.shape[1:]
        dataset.PixelSpacing = [round(s, digits) for s in geometry.spacing[1:]]
        dataset.ImagePositionPatient = [round(float(v), digits) for v in geometry.to_lps((k, 0, 0))]
        dataset.ImageOrientationPatient = [round(float(v), 9) for v in geometry.direction[:, [2, 1]].T.ravel()]
        dataset.FrameOfReferenceUID = "2.25.7"
        dataset.SliceThickness, dataset.SpacingBetweenSlices = 99, 99  # never used
        for keyword, value in facts.items():
            setattr(dataset, keyword, value)
        made.append(Header(Path(f"IM{k:04d}"), dataset))
    return made


def code(slices: list[Header]) -> str:
    with pytest.raises(LymphoscopeError) as caught:
        stack(slices)
    assert caught.value.exit_status == 3
    return caught.value.code


AXIAL = Geometry.axial((12, 6, 5), (3.27, 4.0, 5.0), (-10.0, -12.0, -40.0), "2.25.7")


def moved(slices: list[Header], k: int, dx: float = 0, dy: float = 0, dz: float = 0) -> list[Header]:
    x, y, z = slices[k].dataset.ImagePositionPatient
    slices[k].dataset.ImagePositionPatient = [x + dx, y + dy, z + dz]
    return slices


@settings(max_examples=40, deadline=None)
@given(
    turn=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing=st.tuples(*[st.floats(0.5, 6)] * 3),
    count=st.integers(2, 30),
    seed=st.integers(0, 10**6),
)
def test_any_orthogonal_grid_comes_back_from_shuffled_slices(turn, spacing, count, seed) -> None:
    """H 16, 17, 18: inverted, coronal and oblique stacks follow their positions."""
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()[:, ::-1] * np.array(spacing)
    affine[:3, 3] = (10, -20, 300)
    wanted = Geometry((count, 5, 4), affine, "2.25.7")
    slices = headers(wanted)
    random.Random(seed).shuffle(slices)
    found = stack(slices).geometry
    if np.linalg.det(affine[:3, :3]) * np.linalg.det(found.affine[:3, :3]) < 0:
        flip = wanted.affine.copy()  # slices written against their normal are counted along it
        flip[:3, 3] = wanted.to_lps((count - 1, 0, 0))
        flip[:3, 0] *= -1
        wanted = Geometry(wanted.shape, flip, wanted.frame)
    assert found.difference(wanted) == ""


def test_axial_affine_is_exact() -> None:
    geometry = stack(headers(AXIAL)[::-1]).geometry
    np.testing.assert_allclose(geometry.affine, AXIAL.affine, atol=1e-9)
    assert geometry.shape == (12, 6, 5) and geometry.frame == "2.25.7"


def test_mean_step_counts_not_rounded_ones() -> None:
    """Positions rounded to 0.01 mm, as many scanners write them, still give the mean step."""
    geometry = stack(headers(AXIAL, digits=2)).geometry
    assert geometry.spacing[0] == pytest.approx(3.27, abs=1e-3)


@pytest.mark.parametrize("count", [1, 3])
def test_gap_is_located(count: int) -> None:
    """H 1."""
    slices = headers(AXIAL)
    del slices[5 : 5 + count]
    with pytest.raises(LymphoscopeError) as caught:
        stack(slices)
    assert caught.value.code == "IO-E-GAP"
    assert f"about {count} slices" in str(caught.value)
    assert "-26.92 and" in str(caught.value)


def test_uneven_spacing() -> None:
    """H 15."""
    assert code(moved(headers(AXIAL), 5, dz=0.4)) == "IO-E-SPACING"
    stack(moved(headers(AXIAL), 5, dz=0.01))


def test_sideways_slice() -> None:
    assert code(moved(headers(AXIAL), 5, dx=2)) == "IO-E-SPACING"


def test_same_position() -> None:
    """H 4."""
    slices = headers(AXIAL)
    slices.append(headers(AXIAL)[4])
    assert code(slices) == "IO-E-DUPPOS"


def test_dynamic_frames() -> None:
    """H 23: more than one time at each position."""
    slices = headers(AXIAL, AcquisitionTime="100000") + headers(AXIAL, AcquisitionTime="101000")
    assert code(slices) == "IO-E-DYNAMIC"


def test_gates() -> None:
    """H 24."""
    assert code(headers(AXIAL, TriggerTime=0) + headers(AXIAL, TriggerTime=250)) == "IO-E-GATED"


def test_beds_that_overlap() -> None:
    """H 25: two beds sharing two slices."""
    low = headers(AXIAL, AcquisitionTime="100000")
    high = AXIAL.affine.copy()
    high[:3, 3] = AXIAL.to_lps((10, 0, 0))
    assert code(low + headers(Geometry(AXIAL.shape, high), AcquisitionTime="100300")) == "IO-E-BEDS"


def test_frames_of_reference_in_one_series() -> None:
    """H 25."""
    slices = headers(AXIAL)
    slices[0].dataset.FrameOfReferenceUID = "2.25.8"
    assert code(slices) == "IO-E-BEDS"


def test_tilt() -> None:
    """H 14: slices stacked along z with a plane turned by 2°; 0.05° is rounding."""
    for angle, refused in ((2.0, True), (0.05, False)):
        slices = headers(AXIAL)
        row, column = [1, 0, 0], [0, np.cos(np.radians(angle)), np.sin(np.radians(angle))]
        for header in slices:
            header.dataset.ImageOrientationPatient = [round(float(v), 9) for v in (*row, *column)]
        if refused:
            assert code(slices) == "IO-E-TILT"
        else:
            stack(slices)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("Rows", 7), ("Columns", 7), ("PixelSpacing", [4.1, 5.0]), ("ImageOrientationPatient", [0, 1, 0, -1, 0, 0])],
)
def test_slices_that_differ(keyword: str, value: object) -> None:
    """H 20."""
    slices = headers(AXIAL)
    setattr(slices[3].dataset, keyword, value)
    assert code(slices) == "IO-E-SLICESIZE"


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_missing_geometry(keyword: str) -> None:
    """H 21: missing in one slice or in all."""
    slices = headers(AXIAL)
    delattr(slices[3].dataset, keyword)
    assert code(slices) == "IO-E-POSITION"
    for header in slices:
        if keyword in header.dataset:
            delattr(header.dataset, keyword)
    assert code(slices) == "IO-E-POSITION"


@pytest.mark.parametrize("plane", [[0, 0, 0, 0, 1, 0], [1, 0, 0, 1, 0, 0], [2, 0, 0, 0, 1, 0]])
def test_impossible_orientation(plane: list[float]) -> None:
    slices = headers(AXIAL)
    for header in slices:
        header.dataset.ImageOrientationPatient = plane
    assert code(slices) == "IO-E-POSITION"


def test_single_slice() -> None:
    assert code(headers(AXIAL)[:1]) == "IO-E-POSITION"


def test_huge_matrix_is_refused_before_pixels() -> None:
    """H 54."""
    slices = headers(AXIAL, Rows=20000, Columns=20000)
    assert code(slices) == "IO-E-SIZE"


def test_missing_size() -> None:
    slices = headers(AXIAL)
    for header in slices:
        del header.dataset.Rows
    assert code(slices) == "IO-E-PIXELS"
