"""What smoothing and normalising do to known images, and to their units."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.intensity import NORMALISATIONS, normalised, smoothed

GRID = Geometry.axial((40, 40, 40), (2.0, 3.0, 4.0))


def test_a_point_becomes_a_gaussian_of_the_width_asked_for() -> None:
    """On voxels of three lengths the width is the same in mm; activity and unit stay."""
    array = np.zeros(GRID.shape, dtype=np.float32)
    array[20, 20, 20] = 100.0
    found = smoothed(Volume(array, GRID, Unit.SUV_BW), 16.0)
    assert found.unit is Unit.SUV_BW and found.array.dtype == np.float32
    assert found.array.sum() == pytest.approx(100.0, rel=1e-3)
    shares = found.array / found.array.sum()
    for axis, step in enumerate(GRID.spacing):
        place = (np.arange(40) - 20) * step
        profile = shares.sum(axis=tuple(a for a in range(3) if a != axis))
        assert 2.3548 * np.sqrt((profile * place**2).sum()) == pytest.approx(16.0, rel=0.02)
    same = Volume(array, GRID, Unit.SUV_BW)
    assert smoothed(same, 0.0) is same


@pytest.mark.parametrize("how", NORMALISATIONS)
def test_a_normalised_image_has_no_unit_and_forgets_scale_and_offset(how: str) -> None:
    suv = np.random.default_rng(0).gamma(2.0, 1.0, GRID.shape).astype(np.float32)
    body = np.zeros(GRID.shape, dtype=bool)
    body[5:35, 5:35, 5:35] = True
    found = normalised(Volume(suv, GRID, Unit.SUV_BW), how, body)
    again = normalised(Volume(suv * 3.0 + 7.0, GRID, Unit.BQ_ML), how, body)
    assert np.allclose(found.array, again.array, atol=1e-4)
    with pytest.raises(LymphoscopeError, match="GEO-E-UNIT"):
        found.values(Unit.SUV_BW)
    inside = found.array[body]
    if how == "z-score":
        assert inside.mean() == pytest.approx(0, abs=1e-4) and inside.std() == pytest.approx(1, abs=1e-4)
    else:
        assert found.array.min() == 0 and found.array.max() == 1
        low, high = np.percentile(suv[body], (0.5, 99.5))
        assert np.allclose(found.array, np.clip((suv - low) / (high - low), 0, 1), atol=1e-5)


@pytest.mark.parametrize("how", NORMALISATIONS)
def test_an_image_of_one_value_or_without_a_body_stays_finite(how: str) -> None:
    flat = Volume(np.full(GRID.shape, 3, np.int16), GRID, Unit.HU)
    assert np.array_equal(normalised(flat, how, np.zeros(GRID.shape, bool)).array, np.zeros(GRID.shape))
