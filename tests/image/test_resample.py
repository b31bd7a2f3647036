"""Resampling: a linear ramp is reproduced exactly on any grid; labels keep their volume; coverage is exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.resample import covered, ct_on, labels_on, resample

SLOPES = np.array([0.3, -0.7, 1.1])
AXES = np.eye(3)[:, ::-1]  # array axes (k, j, i) along LPS (z, y, x)


def grid(shape, spacing, turn=(0, 0, 0), centre=(5.0, -8.0, 30.0), signs=(1, 1, 1)) -> Geometry:
    """An oblique, possibly flipped grid round a centre."""
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix() @ AXES * (np.array(spacing) * signs)
    affine[:3, 3] = np.array(centre) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(shape, affine)


def ramp(geometry: Geometry) -> np.ndarray:
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    return (geometry.to_lps(index) @ SLOPES + 20).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(
    turn=st.tuples(*[st.floats(-40, 40)] * 3),
    flips=st.tuples(*[st.sampled_from((-1, 1))] * 3),
    spacing=st.tuples(*[st.floats(1.5, 6)] * 3),
)
def test_linear_ramp_is_exact_on_oblique_and_flipped_grids(turn, flips, spacing) -> None:
    source = grid((40, 44, 48), (3.0, 2.5, 2.0), turn, signs=flips)
    target = grid((9, 8, 7), spacing)
    out = resample(Volume(ramp(source), source, Unit.SUV_BW), target)
    index = np.moveaxis(np.indices(target.shape), 0, -1)
    where = source.to_index(target.to_lps(index))
    well_inside = ((where >= 0) & (where <= np.array(source.shape) - 1)).all(axis=-1)
    assert well_inside.sum() > 50
    np.testing.assert_allclose(out.array[well_inside], ramp(target)[well_inside], atol=2e-4)


def test_permuted_axes_are_followed() -> None:
    source = grid((20, 21, 22), (2.0, 2.0, 2.0))
    affine = source.affine[:, [1, 2, 0, 3]]  # coronal storage of the same box
    target = Geometry((21, 22, 20), affine)
    out = resample(Volume(ramp(source), source, Unit.SUV_BW), target)
    np.testing.assert_allclose(out.array, ramp(source).transpose(1, 2, 0), atol=1e-4)


def test_same_grid_is_the_same_object() -> None:
    source = grid((4, 5, 6), (3, 3, 3))
    volume = Volume(ramp(source), source, Unit.SUV_BW)
    assert resample(volume, source) is volume


def test_ct_keeps_its_type_and_is_air_outside() -> None:
    source = grid((10, 10, 10), (2, 2, 2), centre=(0, 0, 0))
    target = grid((12, 6, 6), (4, 4, 4), centre=(0, 0, 0))
    ct = Volume(np.full(source.shape, 41, dtype=np.int16), source, Unit.HU)
    out = ct_on(ct, target)
    inside = covered(source, target)
    assert out.array.dtype == np.int16
    assert set(out.array[inside]) == {41}
    assert set(out.array[~covered(source, target)][:50]) <= {-1024, 41}
    assert out.array[0, 0, 0] == -1024


def test_ct_that_is_no_ct_is_refused() -> None:
    source = grid((4, 4, 4), (2, 2, 2))
    with pytest.raises(LymphoscopeError, match="GEO-E-UNIT"):
        ct_on(Volume(ramp(source), source, Unit.SUV_BW), source)


def test_cubic_does_not_ring_beyond_the_input() -> None:
    source = grid((20, 20, 20), (4, 4, 4))
    block = np.zeros(source.shape, dtype=np.float32)
    block[8:12, 8:12, 8:12] = 30
    out = resample(Volume(block, source, Unit.SUV_BW), grid((40, 40, 40), (2, 2, 2)), order=3)
    assert out.array.min() == 0 and out.array.max() == 30


def test_coverage_counts_voxels_whose_centre_is_inside() -> None:
    source = Geometry.axial((10, 10, 10), (2, 2, 2))  # voxels reach from −1 to 19 mm
    target = Geometry.axial((25, 1, 1), (1, 1, 1), (5, 5, -3))  # centres at −3, −2, … 21 mm
    assert int(covered(source, target).sum()) == len(range(0, 19))  # −1 and 19 lie on the very edge


def test_labels_on_a_shifted_grid_follow_the_half_rule() -> None:
    source = Geometry.axial((8, 8, 8), (2, 2, 2))
    labels = np.zeros(source.shape, dtype=np.int32)
    labels[2:6, 2:6, 2:4] = 1
    labels[2:6, 2:6, 4:6] = 7
    half = Geometry.axial((8, 8, 8), (2, 2, 2), (1, 0, 0))  # centres on the voxel borders in x
    out, messages = labels_on(LesionMask(labels, source, "x"), half)
    assert [m.code for m in messages] == ["GEO-W-MASKRESAMPLED"]
    row = out.labels[3, 3]
    # borders at half weight belong to the label; where two meet at one half each, the lower number keeps the voxel
    assert row.tolist() == [0, 1, 1, 1, 7, 7, 0, 0]


def test_ball_keeps_its_volume_on_another_grid() -> None:
    source = grid((60, 60, 60), (1.5, 1.5, 1.5), centre=(0, 0, 0))
    index = np.moveaxis(np.indices(source.shape), 0, -1)
    distance = np.linalg.norm(source.to_lps(index), axis=-1)
    labels = np.where(distance <= 30, np.where(distance <= 18, 2, 1), 0).astype(np.int32)
    target = grid((40, 38, 36), (2.6, 2.9, 3.1), (12, -20, 33), centre=(1, 2, 3))
    out, _ = labels_on(LesionMask(labels, source, "x"), target)
    for label, exact in ((2, 4 / 3 * np.pi * 18**3), (1, 4 / 3 * np.pi * (30**3 - 18**3))):
        assert np.count_nonzero(out.labels == label) * target.voxel_ml * 1000 == pytest.approx(exact, rel=0.02)
    assert out.ignore is not None and not out.ignore[20, 19, 18]


def test_labels_outside_the_grid_vanish_without_harm() -> None:
    source = Geometry.axial((4, 4, 4), (2, 2, 2), (500, 500, 500))
    target = Geometry.axial((4, 4, 4), (2, 2, 2))
    out, _ = labels_on(LesionMask(np.ones((4, 4, 4), np.int32), source, "x"), target)
    assert out.count == 0 and out.ignore is not None and out.ignore.all()
