"""A small data set in nnU-Net's layout that a test may break."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.dataset.cases import UNMARKED
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet

GRID = Geometry.axial((5, 6, 7), (3.0, 4.0, 4.0), (-10.0, -12.0, 30.0))


def new_case(name: str, seed: int = 0, **more: Any) -> NewCase:
    """A case with a lesion of 2 voxels, and one voxel of which nothing is known."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(GRID.shape, dtype=np.int16)
    labels[1, 2, 3] = labels[1, 2, 4] = 1
    labels[0, 0, 0] = UNMARKED
    volumes = {
        "pet:suv": Volume(rng.uniform(0, 9, GRID.shape).astype(np.float32), GRID, Unit.SUV_BW),
        "ct:hu": Volume(rng.integers(-1000, 1000, GRID.shape).astype(np.int16), GRID, Unit.HU),
    }
    return NewCase(name, volumes, Volume(labels, GRID, Unit.LABEL), **more)


@dataclass(frozen=True)
class Folder:
    """A data set on disk, with the means to break it."""

    path: Path

    def edit(self, **words: Any) -> None:
        """Change words of dataset.json; None takes one out."""
        file = self.path / "dataset.json"
        record = {**json.loads(file.read_text()), **words}
        file.write_text(json.dumps({key: value for key, value in record.items() if value is not None}))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    cases = [new_case("a", 1, patient="P1"), new_case("b", 2, patient="P1"), new_case("c", 3, outcome={"dead": 1.0})]
    write_nnunet(tmp_path / "Dataset007_Toy", [*cases, new_case("z", 4, held_out=True)], About("Toy", ignore=True))
    yield Folder(tmp_path / "Dataset007_Toy")
