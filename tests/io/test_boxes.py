"""Tables of boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.io.boxes import ScoredBoxes, read_boxes, write_boxes


def oblique() -> Geometry:
    """A turned grid, so that indices and millimetres cannot be mistaken for each other."""
    grid = Geometry.axial((20, 30, 40), (3.0, 4.0, 5.0))
    turn = np.eye(4)
    c, s = np.cos(0.3), np.sin(0.3)
    turn[:2, :2] = [[c, -s], [s, c]]
    return Geometry(grid.shape, turn @ grid.affine, grid.frame)


def test_boxes_survive_the_table_in_millimetres_of_the_patient(tmp_path: Path) -> None:
    grid = oblique()
    edges = np.array([[[2, 3, 4], [6, 9, 12]], [[0, 0, 0], [1, 1, 1.5]]])
    write_boxes(tmp_path / "deep" / "a.csv", ScoredBoxes.on(grid, edges, [0.25, 0.75]))
    again = read_boxes(tmp_path / "deep" / "a.csv")
    np.testing.assert_allclose(again.scores, [0.75, 0.25])
    np.testing.assert_allclose(again.edges(grid), edges[::-1], atol=1e-3)
    np.testing.assert_allclose(again.corners[1, 0], grid.to_lps([1.5, 2.5, 3.5]), atol=1e-3)
    # on a grid of half the voxels that covers the same place
    half = grid.affine.copy()
    half[:3, :3] /= 2
    half[:3, 3] = grid.to_lps([-0.25, -0.25, -0.25])
    finer = Geometry((40, 60, 80), half, grid.frame)
    np.testing.assert_allclose(again.edges(finer), 2 * edges[::-1], atol=1e-2)


def test_no_box_is_a_table_too(tmp_path: Path) -> None:
    write_boxes(tmp_path / "a.csv", ScoredBoxes.on(oblique(), np.zeros((0, 2, 3)), []))
    assert read_boxes(tmp_path / "a.csv").edges(oblique()).shape == (0, 2, 3)


@pytest.mark.parametrize("text", ["", "score,first_l_mm\n1,2\n", "score\nnan\n"])
def test_what_is_no_table_of_boxes_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    header = ",".join(("score", *(f"{c}_{a}_mm" for c in ("first", "last") for a in "lps")))
    path.write_text(text if text else header + "\nnan,1,2,3,4,5,6\n")
    if text == "score\nnan\n":
        path = tmp_path / "missing.csv"
    with pytest.raises(LymphoscopeError) as caught:
        read_boxes(path)
    assert caught.value.message.code == "IO-E-BOXES"
