"""A part of a grid lies where it lay."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume

spans = st.tuples(st.integers(0, 4), st.integers(1, 5)).map(lambda pair: slice(pair[0], pair[0] + pair[1]))


@given(st.tuples(spans, spans, spans), st.integers(0, 10**6))
def test_a_part_has_its_voxels_where_they_were(box: tuple[slice, slice, slice], seed: int) -> None:
    rng = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3] = rng.normal(0, 5, (3, 4))  # turned and skewed, as a gantry's tilt makes it
    image = Volume(rng.random((9, 9, 9)), Geometry((9, 9, 9), affine, "1.2.3"), Unit.SUV_BW)
    part = image.part(box)
    inner = [int(rng.integers(n)) for n in part.array.shape]
    outer = [s.start + n for s, n in zip(box, inner, strict=True)]
    assert part.array[tuple(inner)] == image.array[tuple(outer)]
    assert np.allclose(part.geometry.to_lps(inner), image.geometry.to_lps(outer), atol=1e-9)
    assert part.geometry.frame == "1.2.3" and part.unit is Unit.SUV_BW


def test_an_open_end_is_the_end_of_the_grid() -> None:
    grid = Geometry.axial((4, 5, 6), (3.0, 2.0, 1.0), (10.0, 20.0, 30.0))
    part = grid.part((slice(1, None), slice(None), slice(None, 2)))
    assert part.shape == (3, 5, 2) and part.origin.tolist() == [10.0, 20.0, 33.0]
    assert not grid.part((slice(None),) * 3).difference(grid)
