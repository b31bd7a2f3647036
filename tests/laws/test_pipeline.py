"""What must not change a number: order of files, slope against value, the calendar, lossless coding, a second run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from lymphoscope.app.measure import measure
from lymphoscope.app.pipeline import run
from lymphoscope.app.segment import segment
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.case import canonical_json
from lymphoscope.io.dicom_write import WriteOptions, write_study
from lymphoscope.io.intake import load_study
from lymphoscope.io.pet_physics import ScanFacts
from lymphoscope.render.record import record

FACTS = ScanFacts(beds=2)
DAYS = timedelta(days=-1234)


def patient() -> tuple[Volume, Volume]:
    """A block of body with two lesions in noise, and its CT."""
    grid = Geometry.axial((20, 32, 32), (5.0, 6.0, 6.0), (-93, -93, 0), "1.2.3.4")
    rng = np.random.default_rng(3)
    suv = np.zeros(grid.shape, np.float32)
    suv[:, 3:21, 3:25] = 0.8 + 0.1 * rng.random((20, 18, 22))
    suv[5:10, 8:12, 6:10] = 7 + rng.random((5, 4, 4))
    suv[14:18, 9:13, 15:20] = 5 + rng.random((4, 4, 5))
    hu = np.where(suv > 0, 40, -1000).astype(np.int16)
    return Volume(suv, grid, Unit.SUV_BW), Volume(hu, grid, Unit.HU)


def write(
    folder: Path, facts: ScanFacts = FACTS, syntax: str = "explicit", edit: Callable[[Dataset], object] | None = None
) -> Path:
    def edited(dataset: Dataset, number: int) -> None:
        if dataset.Modality == "PT":
            # room for twice the stored values, and a slope of which half is written exactly too
            rescaled(dataset, stored(dataset) // 2, f"{2 * float(dataset.RescaleSlope):.8g}")
            if edit is not None:
                edit(dataset)

    write_study(folder, *patient(), facts, options=WriteOptions(syntax, edited))
    return folder


def stored(dataset: Dataset) -> np.ndarray:
    return np.frombuffer(dataset.PixelData, "<u2").astype(np.int64)


def rescaled(dataset: Dataset, values: np.ndarray, slope: str) -> None:
    dataset.PixelData, dataset.RescaleSlope = values.astype("<u2").tobytes(), slope


def halve_the_slope(dataset: Dataset) -> None:
    """Half the slope and twice the stored values."""
    rescaled(dataset, 2 * stored(dataset), f"{float(dataset.RescaleSlope) / 2:.10g}")


def shuffled(folder: Path) -> Path:
    """The same files under other names, in one folder."""
    paths = sorted(folder.rglob("*.dcm"))
    (folder / "mixed").mkdir()
    for name, k in enumerate(np.random.default_rng(8).permutation(len(paths))):
        paths[k].rename(folder / "mixed" / f"{name:04d}")
    return folder


def numbers(folder: Path) -> bytes:
    """The parts of ``report.json`` that hold numbers."""
    study = load_study(folder)
    found = record(measure(study, segment(study, all_methods=True)), {}, {})
    kept: dict[str, Any] = {
        name: found[name]
        for name in ("lesions", "patient", "key_numbers", "reference", "segmentation", "sensitivity", "indices")
    }
    kept["factor"] = [found["suv"][name] for name in ("factor_min", "factor_max", "uptake_min")]
    assert len(kept["lesions"]) == 2
    return canonical_json(kept)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The numbers of the study as it is."""
    return numbers(write(tmp_path_factory.mktemp("plain") / "study"))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda folder: shuffled(write(folder)), id="other names and order"),
        pytest.param(lambda folder: write(folder, edit=halve_the_slope), id="half the slope, twice the value"),
        pytest.param(
            lambda folder: write(
                folder, ScanFacts(beds=2, scanned=FACTS.scanned + DAYS, injected=FACTS.injected + DAYS)
            ),
            id="other days",
        ),
        *(
            pytest.param(lambda folder, syntax=syntax: write(folder, syntax=syntax), id=syntax)
            for syntax in ("implicit", "big-endian", "deflated", "rle", "jpeg-ls", "jpeg-2000")
        ),
    ],
)
def test_numbers_are_equal_to_the_bit(make: Callable[[Path], Path], plain: bytes, tmp_path: Path) -> None:
    assert numbers(make(tmp_path / "study")) == plain


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    study = write(tmp_path / "study")
    first, second = (
        {path.name: path.read_bytes() for path in run(study, tmp_path / name).folder.iterdir()} for name in "ab"
    )
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
