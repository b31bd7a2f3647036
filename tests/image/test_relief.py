from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.geometry import Geometry
from lymphoscope.image.projections import View
from lymphoscope.image.relief import relief

GRID = Geometry.axial((40, 50, 60), (4.0, 4.0, 4.0), (-118.0, -98.0, -78.0))
"""Centred on the origin."""


def ball(at: tuple[float, float, float] = (0.0, 0.0, 0.0), radius: float = 40.0) -> np.ndarray:
    places = GRID.to_lps(np.moveaxis(np.indices(GRID.shape), 0, -1))
    return np.asarray(np.linalg.norm(places - np.array(at), axis=-1) <= radius)


@pytest.mark.parametrize("view", View)
def test_a_ball_is_a_disc_lit_from_above(view: View) -> None:
    seen = relief(ball(), GRID, view)
    inside = ~np.isnan(seen)
    assert inside.sum() * 4 == pytest.approx(np.pi * 40**2, rel=0.05), "pixels of 2 mm"
    rows = np.flatnonzero(inside.any(axis=1))
    top, bottom = seen[rows[0] + 5], seen[rows[-1] - 5]
    assert np.nanmean(top) > np.nanmean(bottom) + 0.2
    assert np.nanmin(seen) >= 0 and np.nanmax(seen) <= 1


def test_what_is_in_front_hides_what_is_behind_and_the_feet_are_below() -> None:
    low = relief(ball((0, 0, -40), 20), GRID)
    rows = np.flatnonzero((~np.isnan(low)).any(axis=1))
    assert rows.mean() > low.shape[0] / 2
    front, behind = ball((0, -50, 0), 20), ball((0, 50, 0), 20)
    np.testing.assert_allclose(relief(front | behind, GRID), relief(front, GRID), atol=0.02)
    assert np.isnan(relief(np.zeros(GRID.shape, bool), GRID)).all()


def test_axes_that_run_the_other_way_show_the_same_picture() -> None:
    mask = ball((30, -20, 25), 25)
    affine = np.array(GRID.affine)
    affine[:3, 3] = GRID.to_lps([39, 0, 59])
    affine[:3, [0, 2]] *= -1
    turned = Geometry(GRID.shape, affine)
    np.testing.assert_allclose(relief(mask[::-1, :, ::-1], turned), relief(mask, GRID), atol=1e-5)
