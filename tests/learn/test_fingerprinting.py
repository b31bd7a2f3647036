from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import write_nifti
from lymphoscope.learn.fingerprinting import fingerprint
from lymphoscope.recipes.fingerprint import CaseFacts

BOTH = ("pet:suv", "ct:hu")


def case(name: str, shape: tuple[int, int, int], hu: np.ndarray | None = None) -> NewCase:
    """A case whose lesions, if any, hold these HU, half as two lesions, and SUV 5."""
    grid = Geometry.axial(shape, (3.0, 4.0, 5.0))
    labels, ct = np.zeros(shape, np.int16), np.full(shape, -1000, np.int16)
    pet = np.ones(shape, np.float32)
    if hu is not None:
        place = labels[1:3, 1, : len(hu) // 2]
        place[...] = 1
        labels[5, 5, 5] = 1
        ct[1:3, 1, : len(hu) // 2] = hu.reshape(2, -1)
        ct[5, 5, 5] = hu[0]
        pet[labels > 0] = 5.0
    images = {"pet:suv": Volume(pet, grid, Unit.SUV_BW), "ct:hu": Volume(ct, grid, Unit.HU)}
    return NewCase(name, images, Volume(labels, grid, Unit.LABEL))


def test_sizes_lesions_and_intensities_of_a_known_data_set(tmp_path: Path) -> None:
    cases = [
        case("a", (8, 9, 10), np.array([10, 20, 30, 40])),
        case("b", (6, 7, 8), np.array([110, 120, 130, 140])),
        case("c", (7, 8, 9)),
    ]
    found = fingerprint(open_dataset(write_nnunet(tmp_path / "d", cases, About("d"))), BOTH)
    assert found.cases == (
        CaseFacts("a", (8, 9, 10), (3.0, 4.0, 5.0), (0.24, 0.06)),
        CaseFacts("b", (6, 7, 8), (3.0, 4.0, 5.0), (0.24, 0.06)),
        CaseFacts("c", (7, 8, 9), (3.0, 4.0, 5.0), ()),
    )
    assert found.labels == {"background": 0, "lesion": 1}
    values = np.array([10, 10, 20, 30, 40, 110, 110, 120, 130, 140])  # each 2000 times
    hu = found.intensities["ct:hu"]
    assert (hu.mean, hu.least, hu.most) == (values.mean(), 10.0, 140.0)
    assert (hu.low, hu.high) == (10.0, 140.0)
    assert hu.sd == pytest.approx(values.std(), abs=1e-4)
    assert found.intensities["pet:suv"].mean == 5.0
    assert found.intensities["pet:suv"].sd == 0.0


def test_every_case_counts_the_same_however_large_its_lesion(tmp_path: Path) -> None:
    small, large = case("a", (8, 9, 10), np.array([0, 0])), case("b", (8, 9, 12), np.full(20, 100))
    found = fingerprint(open_dataset(write_nnunet(tmp_path / "d", [small, large], About("d"))), ("ct:hu",))
    assert found.intensities["ct:hu"].mean == 50.0


def test_the_grid_is_that_of_the_first_role(tmp_path: Path) -> None:
    made = case("x", (8, 8, 8), np.array([50, 50]))
    coarse = Geometry.axial((4, 4, 4), (6.0, 8.0, 10.0), (2.5, 2.0, 1.5))
    write_nifti(tmp_path / "pet.nii.gz", made.volumes["pet:suv"])
    write_nifti(tmp_path / "ct.nii.gz", Volume(np.full((4, 4, 4), 70, np.int16), coarse, Unit.HU))
    assert made.labels is not None
    write_nifti(tmp_path / "lesions.nii.gz", LesionMask(made.labels.array, made.labels.geometry, ""))
    data = open_dataset(tmp_path)
    found = fingerprint(data, BOTH)
    assert found.cases[0].shape == (8, 8, 8)
    assert found.intensities["ct:hu"].median == 70.0
    assert fingerprint(data, ("ct:hu",)).cases[0].shape == (4, 4, 4)


def test_without_a_mask_there_is_nothing_to_plan_from(tmp_path: Path) -> None:
    write_nifti(tmp_path / "pet.nii.gz", case("x", (8, 8, 8)).volumes["pet:suv"])
    for reads in (("pet:suv",), ()):
        with pytest.raises(LymphoscopeError, match="DATA-E-EMPTY"):
            fingerprint(open_dataset(tmp_path), reads)
