"""A small PET/CT for tests that walk the whole road: a chest with lungs, liver and spine, two lesions, 32 slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.dicom_write import write_study

Row = tuple[float, float, tuple[float, ...]]
BODY: Row = (0.8, 40, (0, 0, 0, 140, 95, 1e9))
ORGANS: tuple[Row, ...] = (
    (0.35, -800, (65, 0, 60, 45, 60, 60)),
    (0.35, -800, (-65, 0, 60, 45, 60, 60)),
    (2.2, 60, (-60, -10, -50, 65, 60, 40)),
    (1.5, 300, (0, 70, 0, 16, 16, 1e9)),
)
LESIONS: tuple[Row, ...] = ((9.0, 50, (70, -20, -40, 16, 16, 16)), (6.5, 50, (10, -40, 30, 14, 14, 14)))


def painted(grid: Geometry, rows: Sequence[Row], background: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """SUV and HU of ellipsoids (centre and half axes in LPS mm), later ones over earlier ones."""
    x, y, z = np.moveaxis(grid.to_lps(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)
    suv, hu = (np.full(grid.shape, level) for level in background)
    for uptake, density, (cx, cy, cz, a, b, c) in rows:
        inside = ((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 + ((z - cz) / c) ** 2 <= 1
        suv[inside], hu[inside] = uptake, density
    return suv.astype(np.float32), hu.astype(np.int16)


@pytest.fixture(scope="session")
def chest() -> Callable[..., tuple[Volume, Volume]]:
    """Makes the PET in SUV and the CT; ``lesions`` are other ellipsoids, ``ct_shift`` moves the CT by LPS mm."""

    def make(
        lesions: Sequence[Row] = LESIONS, ct_shift: Sequence[float] = (0, 0, 0), ct_slices: int = 40
    ) -> tuple[Volume, Volume]:
        pet = Geometry.axial((32, 30, 40), (6.0, 8.0, 8.0), (-156, -116, -90), "1.2.3.4")
        ct = Geometry.axial((ct_slices, 48, 60), (5.0, 5.0, 5.0), (-147, -117, -95), "1.2.3.4")
        rows = (BODY, *ORGANS, *lesions)
        hu = painted(ct, rows, (0.0, -1000))[1]
        moved = np.array(ct.affine)
        moved[:3, 3] += ct_shift
        return (
            Volume(painted(pet, rows, (0.0, -1000))[0], pet, Unit.SUV_BW),
            Volume(hu, Geometry(ct.shape, moved, ct.frame), Unit.HU),
        )

    return make


@pytest.fixture
def clinic(chest: Callable[..., tuple[Volume, Volume]], tmp_path: Path) -> Callable[..., Path]:
    """Writes the chest as a DICOM study and says where; takes the words of `chest` and of `write_study`."""

    def write(name: str = "study", ct: bool = True, **words: Any) -> Path:
        made = {key: words.pop(key) for key in ("lesions", "ct_shift", "ct_slices") if key in words}
        pet, anatomy = chest(**made)
        write_study(tmp_path / name, pet, anatomy if ct else None, **words)
        return tmp_path / name

    return write


@pytest.fixture(scope="session")
def read_case(chest: Callable[..., tuple[Volume, Volume]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The case folder of the chest, measured once: to be copied, not changed."""
    from lymphoscope.app.pipeline import run  # noqa: PLC0415 - slow to load, and few tests ask

    folder = tmp_path_factory.mktemp("read")
    pet, ct = chest()
    write_study(folder / "study", pet, ct)
    return run(folder / "study", folder / "case", dicom=False).folder
