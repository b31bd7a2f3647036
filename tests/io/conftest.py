"""A small clinic: PET and CT series of a planted patient, as whole or as broken as a test wants them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.study import SeriesFact, Study
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.dicom_encode import encode
from lymphoscope.io.dicom_write import ct_datasets, pet_datasets, uid
from lymphoscope.io.intake import list_series, load_study
from lymphoscope.io.pet_physics import ScanFacts

PLANTED = ("DOE", "JANE", "SECRET123")
PATIENT = ScanFacts(name="DOE^JANE", patient_id="SECRET123", birth_date="19700101", beds=2)
PET_GRID = Geometry.axial((16, 34, 32), (4.0, 5.0, 5.0), (-80.0, -82.0, -400.0), "2.25.1001")
CT_GRID = Geometry.axial((22, 40, 40), (3.0, 5.0, 5.0), (-98.0, -97.0, -400.0), "2.25.1001")

Edit = Callable[[Dataset, int], object]


def block(grid: Geometry, inside: float, outside: float, seed: int = 7) -> np.ndarray:
    """A box in noise, the same each time."""
    array = np.full(grid.shape, outside) + np.random.default_rng(seed).uniform(0, 0.05 * abs(inside), grid.shape)
    z, y, x = (slice(n // 4, 3 * n // 4) for n in grid.shape)
    array[z, y, x] += inside
    array[:, y.start - 3, x.start - 2] += inside / 3  # nothing is symmetric
    return array


PET = Volume(block(PET_GRID, 4.0, 0.3).astype(np.float32), PET_GRID, Unit.SUV_BW)
CT = Volume(np.rint(block(CT_GRID, 1000.0, -1000.0)).astype(np.int16), CT_GRID, Unit.HU)
_WRITTEN: dict[object, dict[str, bytes]] = {}
"""Files of series that were written without edits: writing takes longer than reading."""


@dataclass
class Clinic:
    """Writes series into a folder and reads them again, watching that nothing tells who the patient is."""

    root: Path
    patient: ScanFacts = PATIENT
    pet_volume: Volume = PET
    ct_volume: Volume = CT

    def pet(
        self, name: str = "pet", edit: Edit | None = None, syntax: str = "explicit", convention: str = "siemens"
    ) -> Path:
        """Write the PET; `edit` is called with each dataset and its number from 1, False leaves the slice out."""
        key = (self.pet_volume is PET, self.patient, convention, syntax)
        plain = key if key[0] and edit is None else None
        return self.write(name, pet_datasets(self.pet_volume, self.patient, convention), edit, syntax, plain)

    def ct(self, name: str = "ct", edit: Edit | None = None, syntax: str = "explicit") -> Path:
        """Write the CT."""
        key = (self.ct_volume is CT, self.patient, "ct", syntax)
        plain = key if key[0] and edit is None else None
        return self.write(name, ct_datasets(self.ct_volume, self.patient), edit, syntax, plain)

    def write(
        self, name: str, datasets: Iterable[Dataset], edit: Edit | None, syntax: str, plain: object = None
    ) -> Path:
        """Write datasets, or the bytes of last time when `plain` says they are the same."""
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in _WRITTEN.get(plain, {}).items():
            (folder / file).write_bytes(content)
        if plain in _WRITTEN:
            return folder
        for number, dataset in enumerate(datasets, 1):
            if edit is not None and edit(dataset, number) is False:
                continue
            encode(dataset, folder / f"IM{number:04d}.dcm", syntax)
        if plain is not None:
            _WRITTEN[plain] = {p.name: p.read_bytes() for p in folder.glob("IM*.dcm")}
        return folder

    def load(self, path: Path | None = None, **settings: object) -> Study:
        study = load_study(path or self.root, **settings)
        self._require_discreet(m.text for m in study.messages)
        return study

    def codes(self, path: Path | None = None, **settings: object) -> set[str]:
        return {m.code for m in self.load(path, **settings).messages}

    def refusal(self, path: Path | None = None, **settings: object) -> LymphoscopeError:
        with pytest.raises(LymphoscopeError) as caught:
            load_study(path or self.root, **settings)
        self._require_discreet([str(caught.value), repr(caught.value)])
        return caught.value

    def refused(self, path: Path | None = None, **settings: object) -> str:
        """The code of the refusal; its exit status must be that of refused input."""
        error = self.refusal(path, **settings)
        assert error.exit_status == 3, error
        return error.code

    def series(self, path: Path | None = None) -> tuple[SeriesFact, ...]:
        facts = list_series(path or self.root)
        self._require_discreet(f"{f.why} {f.code}" for f in facts)
        return facts

    def other_patient(self) -> Clinic:
        return replace(self, patient=replace(self.patient, name="ROE^JOHN", patient_id="HIDDEN456", sex="F", seed=5))

    def later_study(self) -> Clinic:
        days = timedelta(days=60)
        later = replace(self.patient, scanned=self.patient.scanned + days, injected=self.patient.injected + days)
        return replace(self, patient=later)

    def _require_discreet(self, texts: Iterable[str]) -> None:
        for text in texts:
            for secret in (*PLANTED, "ROE", "JOHN", "HIDDEN456", str(self.root)):
                assert not re.search(rf"\b{re.escape(secret)}\b", text, re.I), text


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """An empty clinic."""
    root = tmp_path / "study"
    root.mkdir()
    return Clinic(root)


def new_series(key: str, number: int, **facts: object) -> Edit:
    """An edit that makes another series of a dataset: its own UIDs and number, and the facts given."""

    def edit(dataset: Dataset, slice_number: int) -> None:
        dataset.SeriesInstanceUID = uid("series", key)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid("slice", key, slice_number)
        dataset.SeriesNumber = number
        for keyword, value in facts.items():
            setattr(dataset, keyword, value)

    return edit


@pytest.fixture(name="new_series")
def new_series_fixture() -> Callable[..., Edit]:
    """The edit that makes another series; see `new_series`."""
    return new_series
