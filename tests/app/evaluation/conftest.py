from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.app.evaluation.pairing import Folders
from lymphoscope.app.evaluation.run import Request, evaluate
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.evaluate.statistics import Resampling
from lymphoscope.io.nifti import write_nifti

GRID = Geometry.axial((12, 16, 16), (5.0, 4.0, 4.0))
CASES = ("one", "two", "three", "none")


def drawn(case: str, shift: int = 0) -> np.ndarray:
    """A cube whose size depends on the case; none in the case ``none``."""
    array = np.zeros(GRID.shape, np.int32)
    side = {"one": 6, "two": 4, "three": 3, "none": 0}[case]
    array[2 : 2 + side, 3 : 3 + side, 3 + shift : 3 + shift + side] = 1
    return array


def write_folder(root: Path, name: str, shift: int = 0, kind: str = "mask", cases: tuple[str, ...] = CASES) -> Path:
    """A folder of masks (or of PET or probability maps), shifted along x by so many voxels."""
    folder = root / name
    folder.mkdir()
    for case in cases:
        array = drawn(case, shift)
        if kind == "mask":
            write_nifti(folder / f"{case}.nii.gz", LesionMask(array, GRID, "test"))
        else:
            values = (array * 0.8 + 0.1) if kind == "probability" else (array * 6.0 + 1.0)
            unit = Unit.PROBABILITY if kind == "probability" else Unit.SUV_BW
            write_nifti(folder / f"{case}.nii.gz", Volume(values.astype(np.float32), GRID, unit))
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of four cases; takes the words of `write_folder`."""
    return partial(write_folder, tmp_path)


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder ``out`` that was evaluated with everything, beside what it was made from; not to be changed."""
    root = tmp_path_factory.mktemp("evaluated")
    for name, shift, kind in (("a", 1, "mask"), ("b", 0, "mask"), ("p", 1, "probability"), ("suv", 0, "pet")):
        write_folder(root, name, shift, kind)
    folders = Folders(root / "a", root / "b", root / "p", root / "suv")
    evaluate(folders, root / "out", Request(resampling=Resampling(100)))
    return root / "out"
