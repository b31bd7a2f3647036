"""PETs of one examination look alike whatever their grid, direction and scale; those of others do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.likeness import ALIKE, CELLS, correlations, likeness
from lymphoscope.image.resample import resample
from lymphoscope.io.nifti import read_nifti


def another(pet: Volume, factor: float = 1.5) -> Volume:
    """The same PET with larger voxels, scaled, and rounded."""
    shape = tuple(int(n / factor) for n in pet.geometry.shape)
    affine = pet.geometry.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.full(3, (factor - 1) / 2)
    affine[:3, :3] *= factor
    there = resample(pet, Geometry((shape[0], shape[1], shape[2]), affine, pet.geometry.frame))
    return there.with_array(np.round(there.array * 1.1, 1).astype(np.float32))


def blobs(seed: int) -> Volume:
    """An uneven body in air."""
    draw = np.random.default_rng(seed)
    z, y, x = np.mgrid[:40, :30, :30]
    suv = np.zeros((40, 30, 30), np.float32)
    suv[5:35, 5:25, 4:26] = 1.0
    for _ in range(12):
        centre, size = draw.uniform([8, 8, 8], [32, 22, 22]), draw.uniform(2, 5)
        suv += draw.uniform(2, 9) * np.exp(
            -((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2) / size**2
        )
    return Volume(suv, Geometry.axial(suv.shape, (5.0, 5.0, 5.0)), Unit.SUV_BW)


def test_grid_and_direction_do_not_matter_and_the_body_does() -> None:
    pet, other = blobs(1), blobs(2)
    flipped = pet.geometry.affine.copy()
    flipped[:3, 3] = pet.geometry.to_lps((39, 0, 29))
    flipped[:3, [0, 2]] *= -1
    same = Volume(pet.array[::-1, :, ::-1].copy(), Geometry(pet.geometry.shape, flipped), Unit.SUV_BW)
    turned = Volume(
        np.transpose(pet.array, (1, 2, 0)).copy(),
        Geometry((30, 30, 40), pet.geometry.affine[:, [1, 2, 0, 3]]),
        Unit.SUV_BW,
    )
    found = correlations(np.stack([likeness(p) for p in (pet, same, turned, another(pet), other)]))
    assert found[0, :3] == pytest.approx([1, 1, 1], abs=1e-6)
    assert found[0, 3] > ALIKE
    assert found[0, 4] < 0.8
    mirrored = Volume(pet.array[:, :, ::-1].copy(), pet.geometry, Unit.SUV_BW)
    assert correlations(np.stack([likeness(pet), likeness(mirrored)]))[0, 1] < ALIKE


def test_cells_hold_the_mean_and_nothing_is_like_nothing() -> None:
    empty = Volume(np.zeros((4, 4, 4), np.float32), Geometry.axial((4, 4, 4), (9.0, 9.0, 9.0)), Unit.SUV_BW)
    assert likeness(empty).shape == (np.prod(CELLS),)
    assert not correlations(np.stack([likeness(empty)] * 2)).any()
    assert 60 < likeness(blobs(3)).astype(float).std() < 100, "cells at the border of the body count by their share"


def cylinder(seed: int) -> Volume:
    """A round body in air, whose box has corners of air."""
    pet = blobs(seed)
    _, y, x = np.mgrid[:40, :30, :30]
    return pet.with_array(np.where((y - 14.5) ** 2 + (x - 14.5) ** 2 < 100, pet.array, 0).astype(np.float32))


def test_that_bodies_lie_in_air_makes_no_two_of_them_alike() -> None:
    found = correlations(np.stack([likeness(cylinder(seed)) for seed in (1, 2, 4)]))
    assert found[~np.eye(3, dtype=bool)].max() < 0.6
    corner = likeness(cylinder(1)).reshape(CELLS)[:, 0, 0]
    assert not corner.any(), "air says nothing"


@pytest.mark.shared
def test_real_patients_are_told_apart(shared: Path) -> None:
    paths = sorted((shared / "sts_fdg_petct" / "nifti").glob("*/PET_image.nii.gz"))
    pets = [read_nifti(path, Unit.SUV_BW) for path in paths]
    seen = np.stack([likeness(pet) for pet in pets] + [likeness(another(pet)) for pet in pets])
    found, n = correlations(seen), len(pets)
    apart = found[:n, :n][~np.eye(n, dtype=bool)]
    assert n == 36
    assert apart.max() < 0.8 < ALIKE < np.diag(found[:n, n:]).min()
