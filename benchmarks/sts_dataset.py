"""Make nnU-Net's data set of the soft-tissue sarcoma cohort (36 patients, FDG PET and CT, tumour masks, outcome).

Usage: python benchmarks/sts_dataset.py FOLDER_OF_THE_COHORT DATASET_FOLDER [--force]

Everything lies on the PET's grid; CT is channel 0, PET channel 1. CT is brought there linearly; the images are cropped
to one box, so the centres of the outermost PET voxels may lie just beyond the CT: within one PET voxel of it the CT's
outermost value is taken, and -1024 HU beyond that (STS_005, whose CT is narrower).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.resample import covered, ct_on
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import read_nifti

ABOUT = About(
    "STS",
    description="FDG PET/CT of soft-tissue sarcoma, cropped round the tumour; Vallières et al. 2015, "
    "doi 10.7937/K9/TCIA.2015.7GO2GSKS, prepared by the IBSI; CC BY 3.0",
)
OUTCOME = {"lung_mets": "lung_mets", "pfs_event": "pfs_event", "pfs_days": "pfs_days", "death_event": "death_event",
           "days_diagnosis_to_last_followup": "os_days"}  # fmt: skip


def widened(ct: Volume, by_mm: tuple[float, float, float]) -> Volume:
    """The CT with its outermost voxels repeated outwards by at least so many mm along (z, y, x)."""
    more = [int(np.ceil(mm / step)) for mm, step in zip(by_mm, ct.geometry.spacing, strict=True)]
    affine = ct.geometry.affine.copy()
    affine[:3, 3] = ct.geometry.to_lps([-n for n in more])
    array = np.pad(ct.array, [(n, n) for n in more], mode="edge")
    return Volume(array, Geometry((array.shape[0], array.shape[1], array.shape[2]), affine), ct.unit)


def case(folder: Path, outcome: dict[str, float]) -> NewCase:
    """One patient on the PET's grid."""
    pet = read_nifti(folder / "PET_image.nii.gz", Unit.SUV_BW)
    mask = read_nifti(folder / "PET_mask.nii.gz", Unit.LABEL)
    ct = read_nifti(folder / "CT_image.nii.gz", Unit.HU)
    voxel = pet.geometry.spacing
    on_pet = ct_on(widened(ct, voxel), pet.geometry)
    labels = mask.with_array((mask.array > 0.5).astype(np.int16))
    z, y, x = pet.geometry.spacing
    millilitres = labels.array.sum() * pet.geometry.voxel_ml
    reach = covered(widened(ct, voxel).geometry, pet.geometry).mean()
    print(
        f"{folder.name}  {pet.geometry.shape}  {z:.2f} x {y:.2f} x {x:.2f} mm  {millilitres:8.1f} mL  "
        f"CT of {ct.geometry.shape[0]} slices reaches {reach:.0%}"
    )
    return NewCase(folder.name, {"pet:suv": pet, "ct:hu": on_pet}, labels, folder.name, outcome)


def cases(cohort: Path) -> Iterator[NewCase]:
    """All patients in the order of their names."""
    with (cohort / "outcome.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["patient_id"]: row for row in csv.DictReader(file)}
    for folder in sorted((cohort / "nifti").iterdir()):
        row = rows[folder.name]
        yield case(folder, {ours: float(row[theirs]) for theirs, ours in OUTCOME.items() if row[theirs]})


def main() -> None:
    """Write the data set and print what is in it."""
    cohort, out = Path(sys.argv[1]), Path(sys.argv[2])
    write_nnunet(out, cases(cohort), ABOUT, force="--force" in sys.argv)


if __name__ == "__main__":
    main()
