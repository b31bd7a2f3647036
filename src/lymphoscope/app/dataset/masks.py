"""The mask of a case: the one that was drawn on its PET, or what several readers agree on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset

from lymphoscope.app.drawn import drawn_labels
from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.study import Study
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.evaluate.readers import Finding, compare_readers
from lymphoscope.image.consensus import CONSENSUS, agreed
from lymphoscope.io.foreign.drawn import read_drawn
from lymphoscope.io.header import Header

_MASKS = ("RTSTRUCT", "SEG")


@dataclass(frozen=True)
class Wanted:
    """Which masks count, and what several come to.

    Attributes:
        segments: Regions of a mask file to take, by number or name; all when empty.
        readers: ``majority`` or ``staple``: several masks are of as many readers; empty: several are a question.
        optional: A study without any is taken too.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for another word.
    """

    segments: tuple[str, ...] = ()
    readers: str = ""
    optional: bool = False

    def __post_init__(self) -> None:
        """Refuse what nobody can do."""
        if self.readers not in ("", *CONSENSUS):
            raise LymphoscopeError("USE-E-NAME", f"readers agree by {' or '.join(CONSENSUS)}", "--readers")


class DisputeError(LymphoscopeError):
    """Two readers disagree.

    Attributes:
        findings: What they disagree on, each with number, centre, volumes and Dice.
    """

    def __init__(self, findings: Sequence[Mapping[str, Any]], of: int) -> None:
        super().__init__("DATA-E-READERS", f"two readers disagree on {len(findings)} of {of} findings")
        self.findings = tuple(findings)


def mask_of(
    study: Study, headers: Iterable[Header], files: Sequence[Path], wanted: Wanted, notes: Notes
) -> tuple[LesionMask | None, Mapping[str, Any] | None]:
    """The mask that belongs to a PET, 1 inside.

    Masks are the DICOM objects that refer to the PET and NIfTI masks; where there are none, other DICOM objects of the
    study, which must then lie in the PET's frame of reference.

    Args:
        study: The study.
        headers: Headers of its DICOM files.
        files: NIfTI masks that lie with it.
        wanted: Which masks count.
        notes: Takes warnings.

    Returns:
        The mask on the PET's grid, None where there is none and need not be; and what the comparison of readers came
        to, if there were several.

    Raises:
        LymphoscopeError: ``DATA-E-MISSING`` without any, ``IO-E-CHOOSE`` when several fit, ``DATA-E-READERS``, those of
            reading a mask.
    """
    drawn = [header for header in headers if header.text("Modality") in _MASKS]
    pet = {fact.uid for fact in study.series if fact.role == "pet"}
    own = [header.path for header in drawn if _uids(header.dataset) & pet] + list(files)
    own = own or [header.path for header in drawn]
    if not own and wanted.optional:
        return None, None
    if not own:
        raise LymphoscopeError("DATA-E-MISSING", "no segmentation or contours lie with the study")
    if len(own) > 1 and not wanted.readers:
        what = f"{len(own)} segmentations or contours fit the PET"
        fix = "Leave the one that counts with the study, or say with --readers that each is of a reader."
        raise LymphoscopeError("IO-E-CHOOSE", what, fix=fix)
    masks = [drawn_labels(read_drawn(path, study.pet, notes), wanted.segments, study.pet, notes) for path in own]
    if len(masks) == 1:
        return _binary(masks[0].foreground, masks[0]), None
    return _of_readers([mask.foreground for mask in masks], study.pet, masks[0], wanted.readers)


def _uids(dataset: Dataset) -> set[str]:
    return {str(element.value) for element in dataset.iterall() if element.VR == "UI"}


def _binary(inside: Any, like: LesionMask) -> LesionMask:
    return LesionMask(inside.astype(np.int32), like.geometry, like.source)


def _of_readers(masks: Sequence[Any], pet: Volume, like: LesionMask, how: str) -> tuple[LesionMask, Mapping[str, Any]]:
    """One mask of several readers'; two must agree on every finding, three and more settle it among themselves."""
    found = compare_readers(masks)
    disputed = [_told(number, one, pet) for number, one in enumerate(found, 1) if one.disputed]
    if disputed and len(masks) == 2:
        raise DisputeError(disputed, len(found))
    lowest = min((one.dice for one in found), default=1.0)
    said = {"readers": len(masks), "findings": len(found), "disputed": len(disputed), "lowest_dice": lowest, "by": how}
    return _binary(agreed(masks, how), like), said


def _told(number: int, finding: Finding, pet: Volume) -> Mapping[str, Any]:
    """What a third reader needs in order to find it."""
    return {
        "finding": number,
        "centre_lps_mm": [round(float(c), 1) for c in pet.geometry.to_lps(finding.centre)],
        "ml": [round(voxels * pet.geometry.voxel_ml, 2) for voxels in finding.voxels],
        "dice": round(finding.dice, 3),
        "alone": finding.alone,
    }
