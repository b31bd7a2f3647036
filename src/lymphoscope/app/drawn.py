"""Lesions drawn elsewhere, brought to the PET: a segmentation like any other, to be measured by the same code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphoscope.app.fitness import require_fit
from lymphoscope.app.measure import DRAWN
from lymphoscope.app.segment import known_organs
from lymphoscope.app.settings import COMPONENT, DrawnChoice
from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Decision, Segmentation
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.study import Study
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.anatomy import find_anatomy
from lymphoscope.image.components import by_volume, components
from lymphoscope.image.resample import labels_on
from lymphoscope.io.foreign.drawn import Drawn, read_drawn
from lymphoscope.io.foreign.regions import Region
from lymphoscope.io.masks import require_mask_fits

_KIND = {"dicom-seg": "a DICOM segmentation", "rtstruct": "an RT structure set", "nifti": "a NIfTI mask"}


@dataclass(frozen=True, eq=False)
class _Placed:
    """Regions on the PET's grid: number of the region each voxel belongs to, and voxels that belong to several."""

    owner: NDArray[np.int32]
    shared: int


def segment_drawn(
    study: Study,
    choice: DrawnChoice,
    connectivity: int = 18,
    progress: Progress = silent,
    research_tracer: bool = False,
) -> Segmentation:
    """Take the lesions of a mask file for those of a study. Nothing is added, removed or judged.

    Args:
        study: The study, PET in SUVbw.
        choice: The mask file, which of its segments, and what counts as one lesion.
        connectivity: 6, 18 or 26: what counts as connected.
        progress: Told as ``read mask`` and ``find organs``.
        research_tracer: Measure another tracer than FDG, marked on every output.

    Returns:
        Lesions by decreasing volume. Each is a candidate that is counted, its actor the kind of the file.

    Raises:
        LymphoscopeError: ``TRACER-E-NOTFDG`` or ``GEO-E-ALIGN`` as for a run, ``USE-E-NAME`` for a segment that the
            file does not have, and those of `read_drawn`.
    """
    notes = Notes(list(require_fit(study, research_tracer)))
    progress("read mask", 0, 1)
    drawn = read_drawn(choice.mask, study.pet, notes)
    chosen = _chosen(drawn, choice.segments, notes)
    placed = _placed(chosen, study.pet.geometry, notes)
    if placed.shared:
        volume = placed.shared * study.pet.geometry.voxel_ml
        notes.add("GEO-W-MASKOVERLAP", f"{volume:.1f} mL belong to more than one segment")
    by_component = choice.lesion == COMPONENT
    labels = components(placed.owner, connectivity) if by_component else by_volume(placed.owner)
    mask = LesionMask(labels, study.pet.geometry, DRAWN)
    require_mask_fits(mask, study.pet, notes)
    decisions = _decisions(mask, study.pet, drawn.kind)
    progress("find organs", 0, 1)
    organs = known_organs(study, notes) if study.organs is not None else {}  # for reference only: nothing is judged
    anatomy = find_anatomy(study.pet, organs)
    return Segmentation(
        lesions=mask,
        candidates=mask,
        decisions=decisions,
        method=DRAWN,
        threshold=_words(drawn, chosen),
        min_volume_ml=0.0,
        connectivity=connectivity,
        organs=anatomy.regions,
        organs_source=anatomy.source,
        messages=tuple(notes),
    )


def drawn_labels(drawn: Drawn, segments: Sequence[str], pet: Volume, notes: Notes) -> LesionMask:
    """The regions of a mask file on the PET's grid, those of more voxels first.

    Args:
        drawn: The file.
        segments: Numbers or names of the regions to take; all when empty.
        pet: The PET.
        notes: Takes warnings.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for a segment that the file does not have, ``GEO-E-MASKGRID``.
    """
    placed = _placed(_chosen(drawn, segments, notes), pet.geometry, notes)
    mask = LesionMask(placed.owner, pet.geometry, DRAWN)
    require_mask_fits(mask, pet, notes)
    return mask


def _words(drawn: Drawn, chosen: Sequence[Region]) -> str:
    """Where the lesions come from, instead of a threshold."""
    numbers = ", ".join(str(r.number) for r in chosen)
    some = f", segment{'s' if len(chosen) > 1 else ''} {numbers}" if len(chosen) < len(drawn.regions) else ""
    return f"as drawn in {_KIND[drawn.kind]} (SHA-256 {drawn.sha256[:16]}{some})"


def _chosen(drawn: Drawn, wanted: Sequence[str], notes: Notes) -> tuple[Region, ...]:
    """The regions that the user named by number or name; all when none was named.

    Names in the file were written by others and may hold anything: the error lists numbers only.
    """
    if not wanted:
        if len(drawn.regions) > 1:
            notes.add("SEG-I-DRAWN", f"all {len(drawn.regions)} segments of the mask file were taken")
        return drawn.regions
    chosen: list[Region] = []
    for word in wanted:
        found = [r for r in drawn.regions if str(r.number) == word] or [
            r for r in drawn.regions if r.name.casefold() == word.casefold()
        ]
        if not found:
            numbers = ", ".join(str(r.number) for r in drawn.regions) or "none"
            what = f"the mask file has no segment {word!r}"
            raise LymphoscopeError("USE-E-NAME", what, "--segments", f"Its segments are numbered {numbers}.")
        chosen += [r for r in found if r not in chosen]
    return tuple(chosen)


def _placed(regions: Sequence[Region], grid: Geometry, notes: Notes) -> _Placed:
    """Regions brought to a grid; a voxel of several belongs to the smallest, so that none vanishes in another."""
    owner = np.zeros(grid.shape, dtype=np.int32)
    twice = np.zeros(grid.shape, dtype=bool)
    for n, region in enumerate(sorted(regions, key=lambda r: r.voxels * r.geometry.voxel_ml, reverse=True), start=1):
        if not region.voxels:
            continue
        own = LesionMask(region.inside.astype(np.int32), region.geometry, DRAWN)
        there, messages = labels_on(own, grid)
        notes.items.extend(m for m in messages if m.code not in {note.code for note in notes})
        inside = there.foreground
        twice |= inside & (owner > 0)
        if not inside.any():
            notes.add("GEO-W-MASKSMALL", "a segment is too small for the PET's voxels")
        owner[inside] = n
    return _Placed(owner, int(np.count_nonzero(twice)))


def _decisions(mask: LesionMask, pet: Volume, actor: str) -> tuple[Decision, ...]:
    """One record a lesion: counted, because it was drawn."""
    inside = mask.labels > 0
    numbers, suv = mask.labels[inside], pet.values(Unit.SUV_BW)[inside]
    count = np.bincount(numbers, minlength=mask.count + 1)
    highest = np.full(mask.count + 1, -np.inf)
    np.maximum.at(highest, numbers, suv)
    return tuple(
        Decision(
            region=n,
            action="include",
            stage=0,
            organ="",
            overlap=None,
            volume_ml=float(count[n]) * mask.geometry.voxel_ml,
            suvmax=float(highest[n]),
            rule=DRAWN,
            why=f"drawn in {_KIND[actor]}",
            actor=actor,
        )
        for n in range(1, mask.count + 1)
    )
