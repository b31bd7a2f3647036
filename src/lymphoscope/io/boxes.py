"""Scored boxes round what was found in an image, in the patient's millimetres, as a table a case."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.io.atomic import writing

_COLUMNS = ("score", *(f"{corner}_{axis}_mm" for corner in ("first", "last") for axis in "lps"))


@dataclass(frozen=True, eq=False)
class ScoredBoxes:
    """Boxes along the axes of the image they were found in.

    Attributes:
        corners: (n, 2, 3): LPS mm of the outer corner of the first voxel and of the last.
        scores: (n,), 0 … 1.
    """

    corners: NDArray[np.float64]
    scores: NDArray[np.float64]

    @classmethod
    def on(cls, grid: Geometry, edges: ArrayLike, scores: ArrayLike) -> ScoredBoxes:
        """Boxes given by the voxels of a grid.

        Args:
            grid: Where they lie.
            edges: (n, 2, 3) along (z, y, x); voxel i reaches from i to i + 1.
            scores: (n,).
        """
        array = np.asarray(edges, np.float64).reshape(-1, 2, 3)
        return cls(grid.to_lps(array - 0.5), np.asarray(scores, np.float64).reshape(-1))

    def edges(self, grid: Geometry) -> NDArray[np.float64]:
        """The boxes along the axes of a grid, (n, 2, 3), edges as in `on`."""
        found = grid.to_index(self.corners) + 0.5
        return np.asarray(np.stack([found.min(axis=1), found.max(axis=1)], axis=1))


def write_boxes(path: Path, boxes: ScoredBoxes) -> None:
    """Write the boxes of a case, surest first.

    Raises:
        LymphoscopeError: ``IO-E-WRITE``.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for n in np.argsort(-boxes.scores, kind="stable"):
        table.writerow([f"{boxes.scores[n]:.6f}", *(f"{mm:.3f}" for mm in boxes.corners[n].ravel())])
    with writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_text(text.getvalue(), encoding="utf-8")
        new.replace(path)


def read_boxes(path: Path) -> ScoredBoxes:
    """Read the boxes of a case.

    Raises:
        LymphoscopeError: ``IO-E-BOXES`` for a table that is missing, or is none of boxes.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[float(row[name]) for name in _COLUMNS] for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        raise LymphoscopeError("IO-E-BOXES", "the table of boxes cannot be read", path.name) from None
    found = np.array(rows, np.float64).reshape(-1, len(_COLUMNS))
    if not np.isfinite(found).all():
        raise LymphoscopeError("IO-E-BOXES", "the table of boxes holds something that is no number", path.name)
    return ScoredBoxes(found[:, 1:].reshape(-1, 2, 3), found[:, 0])
