from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.projections import (
    SIDES,
    View,
    axial,
    axial_points,
    layout,
    mip,
    shadow_centres,
    silhouette,
)

SHAPE = (20, 14, 16)
SPACING = (5.0, 3.0, 2.0)
HOT_RIGHT = (16, 3, 2)
"""Near the head, in front, at the patient's right."""
WARM_LEFT = (4, 11, 12)
"""Near the feet, at the back, to the left."""

ORIENTATIONS = [(order, flips) for order in permutations(range(3)) for flips in product((1, -1), repeat=3)]


def head_first_supine() -> Volume:
    array = np.zeros(SHAPE, np.float32)
    array[HOT_RIGHT], array[WARM_LEFT] = 9.0, 5.0
    return Volume(array, Geometry.axial(SHAPE, SPACING, (-10.0, -20.0, -30.0)), Unit.SUV_BW)


def stored_otherwise(volume: Volume, order: tuple[int, ...], flips: tuple[int, ...]) -> Volume:
    """The same voxels at the same places in the patient, with the array's axes permuted and reversed."""
    affine = np.array(volume.geometry.affine)
    columns, origin = affine[:3, :3][:, order], affine[:3, 3].copy()
    array = volume.array.transpose(order)
    for axis, flip in enumerate(flips):
        if flip < 0:
            origin += columns[:, axis] * (array.shape[axis] - 1)
            columns[:, axis] *= -1
    stored = np.ascontiguousarray(array[tuple(slice(None, None, flip) for flip in flips)])
    affine[:3, :3], affine[:3, 3] = columns, origin
    return Volume(stored, Geometry(stored.shape, affine), volume.unit)


def test_anterior_view_has_head_up_and_the_patients_right_at_picture_left() -> None:
    picture = mip(head_first_supine(), View.ANTERIOR)
    assert picture.image.shape == (20, 16)
    assert picture.image[SHAPE[0] - 1 - HOT_RIGHT[0], HOT_RIGHT[2]] == 9.0
    assert picture.image[SHAPE[0] - 1 - WARM_LEFT[0], WARM_LEFT[2]] == 5.0
    assert picture.mm == (5.0, 2.0)
    assert picture.size_mm == (100.0, 32.0)
    assert SIDES[View.ANTERIOR] == ("R", "L")


def test_left_lateral_view_has_head_up_and_front_at_picture_left() -> None:
    picture = mip(head_first_supine(), View.LEFT_LATERAL)
    assert picture.image.shape == (20, 14)
    assert picture.image[SHAPE[0] - 1 - HOT_RIGHT[0], HOT_RIGHT[1]] == 9.0
    assert picture.mm == (5.0, 3.0)
    assert SIDES[View.LEFT_LATERAL] == ("A", "P")


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS)
def test_any_storage_order_gives_the_same_picture(view: View, order: tuple[int, ...], flips: tuple[int, ...]) -> None:
    wanted = mip(head_first_supine(), view)
    found = mip(stored_otherwise(head_first_supine(), order, flips), view)
    np.testing.assert_array_equal(found.image, wanted.image)
    assert found.mm == pytest.approx(wanted.mm)
    assert found.tilt_deg == 0.0


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS)
def test_silhouettes_and_centres_lie_on_the_picture(order: tuple[int, ...], flips: tuple[int, ...]) -> None:
    volume = stored_otherwise(head_first_supine(), order, flips)
    labels = np.where(volume.array == 9.0, 2, np.where(volume.array == 5.0, 1, 0)).astype(np.int32)
    for view in View:
        np.testing.assert_array_equal(silhouette(labels == 2, volume.geometry, view), mip(volume, view).image == 9.0)
        centres = shadow_centres(labels, volume.geometry, view)
        assert mip(volume, view).image[tuple(int(c) for c in centres[2])] == 9.0
        assert mip(volume, view).image[tuple(int(c) for c in centres[1])] == 5.0


def test_a_label_without_voxels_has_no_centre() -> None:
    labels = np.zeros(SHAPE, np.int32)
    labels[2:4, 5:7, 6:10] = 3
    centres = shadow_centres(labels, head_first_supine().geometry, View.ANTERIOR)
    assert centres == {3: (16.5, 7.5)}


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS)
def test_axial_slices_have_right_at_left_and_front_on_top(order: tuple[int, ...], flips: tuple[int, ...]) -> None:
    volume = stored_otherwise(head_first_supine(), order, flips)
    hot = tuple(int(i) for i in np.argwhere(volume.array == 9.0)[0])
    picture = axial(volume.array, volume.geometry, hot)
    assert picture.shape == (14, 16)
    assert picture[HOT_RIGHT[1], HOT_RIGHT[2]] == 9.0
    points = axial_points(volume.geometry, hot, 1.0)
    assert points.shape == (42, 32, 3)
    assert np.ptp(points[..., 2]) == pytest.approx(0.0)
    assert (np.diff(points[..., 0], axis=1) > 0).all(), "columns run to the patient's left"
    assert (np.diff(points[..., 1], axis=0) > 0).all(), "rows run to the patient's back"
    near = np.linalg.norm(points - volume.geometry.to_lps(hot), axis=2)
    assert near.min() < 1.0
    row, column = np.unravel_index(near.argmin(), near.shape)
    assert (row // 3, column // 2) == HOT_RIGHT[1:]
    corner = axial_points(volume.geometry, hot, 1.0, (slice(2, 5), slice(1, None)))
    np.testing.assert_allclose(corner, points[6:15, 2:])


@settings(max_examples=40, deadline=None)
@given(st.floats(-30, 30), st.sampled_from([0, 1, 2]), st.sampled_from(ORIENTATIONS))
def test_oblique_grids_keep_their_nearest_axes_and_say_the_angle(
    angle: float, axis: int, stored: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    volume = stored_otherwise(head_first_supine(), *stored)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    a, b = [i for i in range(3) if i != axis]
    turn = np.eye(4)
    turn[a, a], turn[a, b], turn[b, a], turn[b, b] = c, -s, s, c
    turned = Volume(volume.array, Geometry(volume.array.shape, turn @ volume.geometry.affine), volume.unit)
    picture = mip(turned, View.ANTERIOR)
    np.testing.assert_array_equal(picture.image, mip(head_first_supine(), View.ANTERIOR).image)
    assert picture.tilt_deg == pytest.approx(abs(angle), abs=2e-3)


def test_laying_out_copies_nothing() -> None:
    volume = head_first_supine()
    assert np.shares_memory(layout(volume.geometry).lay(volume.array), volume.array)
