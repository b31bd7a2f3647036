"""The door for masks drawn elsewhere: DICOM SEG, RT structure set or NIfTI, told apart by what they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import RTStructureSetStorage, SegmentationStorage

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.volume import Volume
from lymphoscope.io.files import is_nifti, read_header
from lymphoscope.io.foreign.regions import Region, cropped, share_inside
from lymphoscope.io.foreign.rtstruct import read_rtstruct
from lymphoscope.io.foreign.seg import read_seg
from lymphoscope.io.header import Header, lenient_reading
from lymphoscope.io.masks import LEAST_OVERLAP, read_mask, require_mask_fits

LABEL_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
MOST_LABELS = 1000
_MOST_BYTES = 4 * 2**30

SEG, RTSTRUCT, NIFTI = "dicom-seg", "rtstruct", "nifti"


@dataclass(frozen=True, eq=False)
class Drawn:
    """A mask file that belongs to a PET.

    Attributes:
        kind: ``dicom-seg``, ``rtstruct`` or ``nifti``.
        sha256: Hash of the file.
        regions: Its segments, regions of interest or labels, in the order of the file; they may overlap, lie on
            another grid in the PET's frame of reference, and be empty.
    """

    kind: str
    sha256: str
    regions: tuple[Region, ...]


def read_drawn(path: str | Path, pet: Volume, notes: Notes) -> Drawn:
    """Read a mask that belongs to a PET.

    Args:
        path: A DICOM segmentation, an RT structure set, or a NIfTI label map.
        pet: The PET.
        notes: Takes warnings of reading.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` or ``IO-E-MASK`` for a file that cannot be read or is nothing of the kind,
            ``GEO-E-MASKGRID`` for one in another frame of reference or less than 99 % inside the PET,
            ``GEO-E-MASKFLIP`` for one that fits mirrored only, ``GEO-E-MASKLABELS`` for labels that are none,
            ``IO-E-SYNTAX`` for pixels in a compression that is not read.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise LymphoscopeError("IO-E-SIZE", "the mask file is larger than 4 GB")
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        raise LymphoscopeError("IO-E-PATH", "the mask file cannot be opened") from None
    if is_nifti(path):
        return Drawn(NIFTI, sha256, _nifti(path, pet, notes))
    with lenient_reading(notes):
        try:
            kind, regions = _dicom(path, pet, notes)
        except LymphoscopeError:
            raise
        except Exception:  # damage shows in many ways, and whatever it is, the file is no mask
            raise LymphoscopeError("IO-E-MASK", "the mask file is damaged") from None
    inside = share_inside(regions, pet.geometry)
    if inside < LEAST_OVERLAP:
        raise LymphoscopeError("GEO-E-MASKGRID", f"{100 * inside:.0f} % of the mask is in the PET")
    return Drawn(kind, sha256, regions)


def _dicom(path: Path, pet: Volume, notes: Notes) -> tuple[str, tuple[Region, ...]]:
    header, _ = read_header(path)
    if header is None:
        raise LymphoscopeError("IO-E-MASK", "the mask file is neither DICOM nor NIfTI, or is damaged")
    kind = header.text("SOPClassUID")
    if kind not in (RTStructureSetStorage, SegmentationStorage, LABEL_MAP_STORAGE):
        what = f"the mask file is a DICOM object of modality {header.modality or 'unknown'}"
        raise LymphoscopeError("IO-E-MASK", what)
    dataset = _whole(path, header)
    if kind == RTStructureSetStorage:
        return RTSTRUCT, read_rtstruct(dataset, pet.geometry, notes)
    return SEG, read_seg(dataset, pet.geometry)


def _whole(path: Path, header: Header) -> Dataset:
    marked = getattr(header.dataset, "preamble", None) is not None
    return dcmread(path, force=not marked)


def _nifti(path: Path, pet: Volume, notes: Notes) -> tuple[Region, ...]:
    mask = read_mask(path, notes)
    require_mask_fits(mask, pet, notes)
    numbers = [int(n) for n in np.unique(mask.labels) if n]
    if len(numbers) > MOST_LABELS:
        what = f"{len(numbers)} different labels: this is an image and no mask"
        raise LymphoscopeError("GEO-E-MASKLABELS", what)
    return tuple(cropped(n, str(n), mask.labels == n, mask.geometry) for n in numbers)
