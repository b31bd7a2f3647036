"""Make the data set that the recipe `whole-body` is trained on: whole-body phantoms, and real tumours set into them.

    python benchmarks/whole_body_data.py DATASET_FOLDER --phantoms FOLDER [--anatomies 1 2 …] [--force]

Anatomies 1–32 are drawn twice: other build, other uptake, other lesions. 65–89 are left for the evaluation and 90–99
for choosing thresholds; nothing is learnt from either. Real
tumours are those of the soft-tissue sarcoma cohort but STS_001, whose whole-body scan is evaluated on. Phantoms are
kept in their folder, so that a run that was stopped goes on. Everything is brought to voxels of 8 mm, air is cut
away, and classes are marked where SUV ≥ 4 only: the network is asked about hot uptake and nothing else.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from phantom_statistics import SHARED, organ_map
from scipy import ndimage
from scipy.spatial.transform import Rotation

from lymphoscope.app.second_look import LEAST_MM
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.body_box import body_box
from lymphoscope.image.resample import resample
from lymphoscope.image.wholebody.phantom import PHYSIOLOGICAL_NAMES, WholeBodySettings, whole_body
from lymphoscope.image.wholebody.tables import SUBTYPES
from lymphoscope.io.dataset.cases import UNMARKED
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn.grids import spacing
from lymphoscope.recipes.whole_body import VOXEL_MM

HOT_SUV = 4.0
CLASSES: Mapping[str, tuple[str, ...]] = {
    "lesion": (),
    "brain": ("brain",),
    "heart": ("heart",),
    "kidneys": ("kidneys",),
    "bladder": ("bladder", "ureters"),
    "bowel": ("bowel", "stomach"),
}
"""Class → organs of the phantoms; uptake of any other kind is background."""

TWICE = range(1, 33)
CHOOSING = range(90, 100)
HELD_OUT = range(65, 90)
SEEN_AGAIN = "STS_001"
_SCANNERS = ("ge_ste", "ge_690", "si_mct", "si_mct_psf", "ph_gemini", "ge_st")
"""Those of larger voxels: on voxels of 8 mm the finest look the same, and take three times as long to make."""
_BODY = (0, 16)
"""Numbers of the physiological map where a real tumour may be set: nothing of its own, and muscle."""
ABOUT = About(
    "WholeBody",
    channels=("pet:suv",),
    labels={"background": 0, **{name: number for number, name in enumerate(CLASSES, start=1)}},
    ignore=True,
    description="Synthetic whole-body FDG PET on open organ maps, with real sarcomas (Vallières et al. 2015, "
    "doi 10.7937/K9/TCIA.2015.7GO2GSKS, prepared by the IBSI; CC BY 3.0) set into half of them. "
    "No lymphoma of a patient.",
)


@dataclass(frozen=True, eq=False)
class Made:
    """A phantom as it is kept: PET, number of the lesion and of the normal uptake in each voxel, (z, y, x)."""

    pet: Volume
    lesion: NDArray[np.bool_]
    normal: NDArray[np.uint8]

    def classes(self) -> NDArray[np.int16]:
        """Class of every hot voxel by `CLASSES`, 0 for uptake of no class; `UNMARKED` elsewhere."""
        number = {organ: n for n, organs in enumerate(CLASSES.values(), start=1) for organ in organs}
        by_code = np.array([number.get(PHYSIOLOGICAL_NAMES.get(code, ""), 0) for code in range(256)], np.int16)
        found = np.where(self.lesion, 1, by_code[self.normal])
        return np.where(self.pet.array >= HOT_SUV, found, UNMARKED).astype(np.int16)


@dataclass(frozen=True, eq=False)
class Tumour:
    """Uptake of a real tumour above what surrounds it, SUV, (z, y, x), and its voxel, mm."""

    excess: NDArray[np.float32]
    voxel: tuple[float, ...]


def phantom_kept(anatomy: int, turn: int, folder: Path) -> Made | None:
    """A phantom of an anatomy, made unless it is kept; None where the map does not serve."""
    path = folder / f"{anatomy:03d}{turn or ''}.npz"
    if not path.exists():
        draw = np.random.default_rng([8, anatomy, turn])
        subtype = (*SUBTYPES, "none")[int(draw.integers(len(SUBTYPES) + 1))]
        scanner = _SCANNERS[int(draw.integers(len(_SCANNERS)))]
        settings = WholeBodySettings(step_mm=5.0, subtype=subtype, scanner=scanner, with_ct=False)
        try:
            made = whole_body(organ_map(anatomy), draw, settings)
        except LymphoscopeError as error:
            print(f"anatomy {anatomy} is left out: {error.message.what}")
            return None
        folder.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".part.npz")
        np.savez(
            half, pet=made.pet.array.astype(np.float16), objects=made.objects.labels > 0,
            lesions=made.lesions.labels > 0, phys=made.physiological.labels.astype(np.uint8),
            affine=made.pet.geometry.affine,
        )  # fmt: skip
        half.rename(path)
    with np.load(path) as kept:
        pet = kept["pet"].astype(np.float32)
        lesion = (kept["objects"] > 0) | (kept["lesions"] > 0)
        return Made(Volume(pet, Geometry(pet.shape, kept["affine"]), Unit.SUV_BW), lesion, kept["phys"])


def tumours(cohort: Path) -> list[Tumour]:
    """The tumours of the cohort, faded out over a few mm beyond their masks."""
    found = []
    for folder in sorted((cohort / "nifti").glob("STS_*")):
        if folder.name == SEEN_AGAIN:
            continue
        pet = read_nifti(folder / "PET_image.nii.gz", Unit.SUV_BW)
        mask = read_nifti(folder / "PET_mask.nii.gz", Unit.LABEL).array > 0.5
        voxel = pet.geometry.spacing
        away = ndimage.distance_transform_edt(~mask, voxel)
        around = float(np.median(pet.array[(away > 8.0) & (away < 20.0)]))
        soft = np.clip(1.0 - away / 8.0, 0.0, 1.0)
        box = ndimage.find_objects((soft > 0).astype(np.uint8))[0]
        excess = (np.maximum(pet.array - around, 0.0) * soft)[box].astype(np.float32)
        found.append(Tumour(np.pad(excess, 1), voxel))
    return found


def with_tumour(made: Made, tumour: Tumour, draw: np.random.Generator) -> Made:
    """A phantom with a real tumour, turned, scaled and mirrored, set into fat or muscle."""
    pet, voxel = made.pet.array, np.array(made.pet.geometry.spacing)
    free = np.argwhere((pet[::2, ::2, ::2] > 0.3) & np.isin(made.normal[::2, ::2, ::2], _BODY)) * 2
    centre = free[int(draw.integers(len(free)))]
    scale, hottest = draw.uniform(0.25, 0.9), float(np.clip(draw.lognormal(np.log(10.0), 0.5), 4.5, 35.0))
    turn = Rotation.random(random_state=int(draw.integers(2**31))).as_matrix()
    reach = np.ceil(scale * np.linalg.norm(np.multiply(tumour.excess.shape, tumour.voxel)) / 2 / voxel).astype(int)
    low, high = np.maximum(centre - reach, 0), np.minimum(centre + reach + 1, pet.shape)
    to_tumour = np.diag(1.0 / np.array(tumour.voxel)) @ turn @ np.diag(voxel) / scale
    offset = (np.array(tumour.excess.shape) - 1) / 2 + to_tumour @ (low - centre)
    excess = ndimage.affine_transform(tumour.excess, to_tumour, offset, tuple(high - low), order=1)
    excess = ndimage.gaussian_filter(excess, 2.0 / voxel) * (
        hottest / max(float(np.percentile(tumour.excess, 99.5)), 1.0)
    )
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    new, lesion = pet.copy(), made.lesion.copy()
    new[box] += excess
    lesion[box] |= excess > 0.5 * new[box]
    return Made(made.pet.with_array(new), lesion, made.normal)


def cut(made: Made, draw: np.random.Generator) -> Made:
    """A phantom whose field ends early: anywhere from the vertex to the chin, and from its lower end upwards."""
    step, planes = made.pet.geometry.spacing[0], made.pet.array.shape[0]
    spare = max(0.0, planes * step - LEAST_MM)
    above = min(draw.uniform(0.0, 250.0), spare)
    below = draw.uniform(0.0, spare - above)
    kept = slice(round(below / step), planes - round(above / step))
    pet = made.pet.part((kept, slice(None), slice(None)))
    return Made(pet, made.lesion[kept], made.normal[kept])


def case(name: str, patient: str, made: Made) -> NewCase:
    """A case on voxels of 8 mm, without air."""
    box = body_box(made.pet)
    pet = made.pet.part(box)
    inside, grid = pet.geometry, spacing(VOXEL_MM)(pet)
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    nearest = np.rint(inside.to_index(grid.to_lps(index))).astype(int)
    nearest = np.clip(nearest, 0, np.array(inside.shape) - 1)
    labels = made.classes()[box][tuple(np.moveaxis(nearest, -1, 0))]
    return NewCase(name, {"pet:suv": resample(pet, grid)}, Volume(labels, grid, Unit.LABEL), patient)


def cases(anatomies: list[int], folder: Path) -> Iterator[NewCase]:
    """Every phantom as it is, and twice more with one to three real tumours: whole, and in a field that ends early."""
    real = tumours(SHARED / "sts_fdg_petct")
    for anatomy, turn in [(a, turn) for a in anatomies for turn in range(1 + (a in TWICE))]:
        made = phantom_kept(anatomy, turn, folder)
        if made is None:
            continue
        patient, draw = f"anatomy_{anatomy:03d}", np.random.default_rng([9, anatomy, turn])
        name = f"{patient}_{turn + 1}"
        yield case(name, patient, made)
        for kind in ("real", "cut"):
            more = made
            for _ in range(int(draw.integers(1, 4))):
                more = with_tumour(more, real[int(draw.integers(len(real)))], draw)
            yield case(f"{name}_{kind}", patient, cut(more, draw) if kind == "cut" else more)


def main() -> None:
    """Write the data set, with one fold: what is learnt from, and what thresholds are chosen on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--phantoms", type=Path, required=True, help="where phantoms are kept")
    parser.add_argument("--anatomies", type=int, nargs="+", default=[*range(1, 65), *range(90, 161)])
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args()
    if set(arguments.anatomies) & set(HELD_OUT):
        parser.error("anatomies 65–89 are held out")
    names: list[str] = []

    def told() -> Iterator[NewCase]:
        for one in cases(arguments.anatomies, arguments.phantoms):
            names.append(one.id)
            yield one

    def fold() -> dict[str, bytes]:
        chosen = {f"anatomy_{anatomy:03d}" for anatomy in CHOOSING}
        val = [name for name in names if name[:11] in chosen]
        split = [{"train": [name for name in names if name not in val], "val": val}]
        return {"splits_final.json": (json.dumps(split, indent=1) + "\n").encode()}

    write_nnunet(arguments.out, told(), ABOUT, arguments.force, fold)


if __name__ == "__main__":
    main()
