"""Masks and organ maps from files: what their numbers mean, and whether they lie where the PET lies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.registry import unknown_name
from lymphoscope.core.study import ORGANS, OrganMap
from lymphoscope.core.volume import Array, LesionMask, Volume
from lymphoscope.io.nifti import NiftiImage, label_table, read_image
from lymphoscope.io.warn import BODY_SUV

LEAST_OVERLAP = 0.99
MOST_OF_BODY = 0.30
HOT_SUV = 2.5
_MOST_LABEL = 2**31 - 1
_ENOUGH_VOXELS = 500_000

_WORD_OF = (
    (r"spleen|liver|stomach|brain|prostate|aorta|heart|lungs|kidneys|ureters|bladder|thyroid|tonsils|muscle", None),
    (r"kidney(_cyst)?(_(left|right))?", "kidneys"),
    (r"(lung|lung_(upper|middle|lower)_lobe)(_(left|right))?", "lungs"),
    (r"small_bowel|duodenum|colon|rectum|bowel", "bowel"),
    (r"urinary_bladder", "bladder"),
    (r"thyroid_gland", "thyroid"),
    (r"atrial_appendage_left|heart_(myocardium|atrium|ventricle)(_(left|right))?", "heart"),
    (r"(parotid|submandibular)_gland(_(left|right))?|head_glands", "head_glands"),
    (
        r"sacrum|vertebrae(_[A-Z]?\d+)?|(hip|femur|humerus|scapula|clavicula)_(left|right)|rib_(left|right)_\d+",
        "marrow",
    ),
    (r"sternum", "marrow"),
    (r"(gluteus_(maximus|medius|minimus)|autochthon|iliopsoas)_(left|right)", "muscle"),
)

TOTALSEGMENTATOR_V2: Mapping[int, str] = {
    **{1: "spleen", 2: "kidneys", 3: "kidneys", 5: "liver", 6: "stomach"},
    **dict.fromkeys(range(10, 15), "lungs"),
    **{17: "thyroid", 18: "bowel", 19: "bowel", 20: "bowel", 21: "bladder", 22: "prostate"},
    **{23: "kidneys", 24: "kidneys"},
    **dict.fromkeys(range(25, 51), "marrow"),
    **{51: "heart", 52: "aorta", 61: "heart"},
    **dict.fromkeys(range(69, 79), "marrow"),
    **dict.fromkeys(range(80, 90), "muscle"),
    90: "brain",
    **dict.fromkeys(range(92, 117), "marrow"),
}
"""Label numbers of TotalSegmentator v2 (task ``total``) by organ word; its other labels have no word here."""

MOST_TOTALSEGMENTATOR = 117


def organ_word(name: str) -> str | None:
    """The word of `ORGANS` for an organ's name as written by others, or None when there is none."""
    plain = name.strip().replace(" ", "_").replace("-", "_")
    if plain.lower() in ORGANS:
        return plain.lower()
    for pattern, word in _WORD_OF:
        if re.fullmatch(pattern, plain, re.I):
            return word or plain.lower()
    return None


def read_organs(path: str | Path, names: Mapping[int, str] | None = None, notes: Notes | None = None) -> OrganMap:
    """Read an organ label map.

    Names come from the caller; else from the label table inside the file, which TotalSegmentator writes; else from
    TotalSegmentator v2's numbering.

    Args:
        path: NIfTI label map on any grid.
        names: Label number → organ name, in the words of `ORGANS` or of TotalSegmentator.
        notes: Takes warnings of reading.

    Raises:
        LymphoscopeError: ``GEO-E-MASKLABELS`` when labels are not whole numbers or without a name, ``USE-E-NAME`` for
            an organ nobody knows, and those of `read_nifti`.
    """
    path = Path(path)
    image = read_image(path, notes or Notes())
    labels = _whole(image)
    present = {int(n) for n in np.unique(labels)} - {0}
    if names is not None:
        known = {int(label): _named_word(name) for label, name in names.items()}
    elif table := label_table(path):
        known = {label: word for label, name in table.items() if (word := organ_word(name))}
    else:
        known = dict(TOTALSEGMENTATOR_V2)
        if present and max(present) > MOST_TOTALSEGMENTATOR:
            what = f"the organ map has labels up to {max(present)}, beyond the numbering of TotalSegmentator v2"
            raise LymphoscopeError("GEO-E-MASKLABELS", what, fix="Name the labels by a map.")
    used = {label: word for label, word in sorted(known.items()) if label in present}
    if present and not used:
        raise LymphoscopeError("GEO-E-MASKLABELS", "no label of the organ map has a name", fix="Name them by a map.")
    return OrganMap(LesionMask(labels, image.geometry, "organs"), used)


def read_mask(path: str | Path, notes: Notes | None = None) -> LesionMask:
    """Read a lesion mask; one without any lesion is valid.

    Raises:
        LymphoscopeError: ``GEO-E-MASKLABELS`` when values are not whole numbers, and those of `read_nifti`.
    """
    image = read_image(Path(path), notes or Notes())
    return LesionMask(_whole(image), image.geometry, "file")


def require_mask_fits(mask: LesionMask, pet: Volume, notes: Notes) -> bool:
    """Refuse a mask that does not belong to a PET.

    Args:
        mask: The mask.
        pet: The PET.
        notes: Takes ``GEO-W-MASKLARGE``.

    Returns:
        Whether the mask is on the PET's grid; where not, it lies inside and may be resampled.

    Raises:
        LymphoscopeError: ``GEO-E-MASKFLIP`` when it fits mirrored only, ``GEO-E-MASKGRID`` when it lies elsewhere.
    """
    difference = pet.geometry.difference(mask.geometry)
    if not difference:
        _require_not_mirrored(mask.foreground, pet.array)
        _note_large(mask, pet, notes)
        return True
    _require_place(mask, (pet.geometry,), difference, "mask and PET")
    return False


def require_organs_fit(organs: OrganMap, pet: Volume, ct: Volume | None) -> None:
    """Refuse an organ map that lies neither where the PET nor where the CT lies.

    Args:
        organs: The map, on any grid.
        pet: The PET.
        ct: The CT, or None.

    Raises:
        LymphoscopeError: ``GEO-E-MASKFLIP`` or ``GEO-E-MASKGRID``.
    """
    grids = tuple(v.geometry for v in (pet, ct) if v is not None)
    differences = [grid.difference(organs.mask.geometry) for grid in grids]
    if all(differences):
        _require_place(organs.mask, grids, differences[0], "organ map and PET")


def _require_place(mask: LesionMask, grids: Sequence[Geometry], difference: str, what: str) -> None:
    """Refuse a mask on a grid of its own unless it is in the frame of reference and lies inside one of the grids."""
    swapped = Geometry(mask.geometry.shape, np.diag([-1.0, -1.0, 1.0, 1.0]) @ mask.geometry.affine)
    if any(not grid.difference(swapped) for grid in grids):
        raise LymphoscopeError("GEO-E-MASKFLIP", f"{what} differ by left–right and front–back exchanged in the matrix")
    frame = mask.geometry.frame
    if frame and all(grid.frame and grid.frame != frame for grid in grids):
        raise LymphoscopeError("GEO-E-MASKGRID", f"{what} are not on the same grid: {difference}")
    inside = _share_inside(mask, grids)
    if inside < LEAST_OVERLAP:
        told = f"{what} are not on the same grid ({difference}); {100 * inside:.0f} % of it lies inside"
        raise LymphoscopeError("GEO-E-MASKGRID", told)


def _named_word(name: str) -> str:
    word = organ_word(name)
    if word is None:
        raise unknown_name("organ", name, dict.fromkeys(ORGANS))
    return word


def _whole(image: NiftiImage) -> Array:
    """Labels as whole numbers not below zero."""
    array = image.array
    low, high = array.min(initial=0), array.max(initial=0)
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0 or high > _MOST_LABEL:
        raise LymphoscopeError("GEO-E-MASKLABELS", "a mask holds negative, infinite or undefined labels")
    whole = array.astype(np.int32)
    if not np.issubdtype(array.dtype, np.integer) and not np.array_equal(whole, array):
        raise LymphoscopeError("GEO-E-MASKLABELS", "a mask holds fractions instead of whole numbers")
    return whole


def _share_inside(mask: LesionMask, grids: Sequence[Geometry]) -> float:
    """Share of the mask's voxels (of its grid's corners when it is empty) that lies in one of the grids."""
    foreground = mask.foreground
    step = max(1, round((np.count_nonzero(foreground) / _ENOUGH_VOXELS) ** (1 / 3)))  # all of a small mask
    index = step * np.argwhere(foreground[::step, ::step, ::step])
    if not len(index):
        index = np.array(np.meshgrid(*[(0, n - 1) for n in mask.geometry.shape])).reshape(3, -1).T
    points = mask.geometry.to_lps(index)
    inside = np.zeros(len(points), dtype=bool)
    for grid in grids:
        where = grid.to_index(points)
        inside |= ((where >= -0.5) & (where <= np.array(grid.shape) - 0.5)).all(axis=1)
    return float(inside.mean())


def _require_not_mirrored(inside: Array, suv: Array) -> None:
    """Refuse a mask of cold tissue whose mirror image is hot: left–right and front–back were exchanged on writing."""
    if not inside.any():
        return
    hot = suv >= HOT_SUV
    as_it_is = _dice(inside, hot)
    for axes in ((1, 2), (2,), (1,)):
        mirrored = _dice(np.flip(inside, axes), hot)
        if mirrored > 0.3 and mirrored > 3 * as_it_is:
            what = f"the mask covers hot tissue only when mirrored (Dice {mirrored:.2f} instead of {as_it_is:.2f})"
            raise LymphoscopeError("GEO-E-MASKFLIP", what)


def _dice(a: Array, b: Array) -> float:
    total = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * int(np.count_nonzero(a & b)) / total if total else 0.0


def _note_large(mask: LesionMask, pet: Volume, notes: Notes) -> None:
    body = int(np.count_nonzero(pet.array > BODY_SUV))
    inside = int(np.count_nonzero(mask.foreground))
    if body and inside > MOST_OF_BODY * body:
        notes.add("GEO-W-MASKLARGE", f"the mask covers {100 * inside / body:.0f} % of the body")
