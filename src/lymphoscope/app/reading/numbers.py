"""A reading as a segmentation, and so all its numbers by the code that measures every other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lymphoscope.app.again import Kept
from lymphoscope.app.measure import Known, measure
from lymphoscope.app.objects import tracked
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Decision, Report, Segmentation
from lymphoscope.core.reading import Reading, Region, Voxels, voxel_set
from lymphoscope.core.volume import LesionMask
from lymphoscope.render.record import record

_SAID = ("action", "stage", "organ", "overlap", "rule", "why", "actor", "read", "site", "nodal")


def start_of(kept: Kept) -> Reading:
    """The reading that a case begins with: its candidates as the rules left them."""
    labels = kept.segmentation.candidates.labels
    inside = np.flatnonzero(labels)
    numbers = labels.reshape(-1)[inside]
    regions = {}
    for decision in kept.segmentation.decisions:
        voxels = voxel_set(inside[numbers == decision.region])
        if voxels.size:
            said = {name: getattr(decision, name) for name in _SAID}
            regions[decision.region] = Region(decision.region, voxels, **said)
    last = max((d.region for d in kept.segmentation.decisions), default=0)
    return Reading(kept.study.pet.geometry.shape, regions, last)


def unjudged(start: Reading) -> Reading:
    """The same regions as if neither rules nor network had judged them: all count, and nothing is said of them.

    It is step 0 of the benchmark workflow, from which a reader begins who is not to see what was suggested.

    Reference:
        Boellaard 2024, JNM 65:1343.
    """
    return start.with_regions(*(Region(r.number, r.voxels, "include", rule="preselected") for r in start))


def preselected(start: Reading) -> Voxels:
    """Voxels of all regions that a case began with."""
    return start.owned()


def stages_of(reading: Reading, before: Voxels, voxel_ml: float) -> dict[str, float]:
    """Volumes TMTV1–TMTV4, mL.

    What was preselected counts in every stage before the one that removed it; what a reader added counts in stage 4.

    Args:
        reading: The regions.
        before: Voxels that were preselected.
        voxel_ml: Volume of a voxel, mL.

    Reference:
        Boellaard 2024, JNM 65:1343.
    """
    count = dict.fromkeys(range(1, 5), 0)
    for region in reading:
        place = np.searchsorted(before, region.voxels)
        known = place < before.size
        old = int(np.count_nonzero(before[place[known]] == region.voxels[known]))
        for stage in count:
            if region.counted:
                count[stage] += region.voxels.size if stage == 4 else old
            elif region.stage > stage:
                count[stage] += old
    return {f"TMTV{stage}": n * voxel_ml for stage, n in count.items()}


def segmentation_of(kept: Kept, reading: Reading, before: Voxels, candidates: LesionMask | None = None) -> Segmentation:
    """The reading as a segmentation of the case.

    Args:
        kept: The case.
        reading: The regions.
        before: Voxels that were preselected.
        candidates: The regions' voxels as a mask, where it is known.
    """
    grid, suv = kept.study.pet.geometry, kept.study.pet.array.reshape(-1)
    counted = sorted((r for r in reading if r.counted), key=lambda r: (-r.voxels.size, r.voxels[0]))
    # by volume, equal ones by their first voxel, as `by_volume`
    lesions = [(number, region.voxels) for number, region in enumerate(counted, start=1)]
    decisions = tuple(
        Decision(
            region=r.number,
            volume_ml=float(r.voxels.size) * grid.voxel_ml,
            suvmax=float(suv[r.voxels].max()),
            **{name: getattr(r, name) for name in _SAID},
        )
        for r in reading
    )
    return replace(
        kept.segmentation,
        lesions=_mask(lesions, grid, kept.segmentation.method),
        candidates=candidates or _mask([(r.number, r.voxels) for r in reading], grid, "candidates"),
        decisions=decisions,
        stages=stages_of(reading, before, grid.voxel_ml),
        alternatives={},
        new_lesion=any(r.new for r in counted),
    )


def _mask(parts: Sequence[tuple[int, Voxels]], grid: Geometry, source: str) -> LesionMask:
    voxels = np.concatenate([voxels for _, voxels in parts]) if parts else np.zeros(0, np.int64)
    return LesionMask.at(voxels, np.repeat([n for n, _ in parts], [v.size for _, v in parts]), grid, source)


def report_of(kept: Kept, reading: Reading, before: Voxels) -> Report:
    """Every number of a reading, measured anew."""
    return measure(kept.whole, segmentation_of(kept, reading, before))


def draft_of(kept: Kept, reading: Reading, before: Voxels, known: Known) -> Report:
    """The numbers of a reading while somebody waits: those of `report_of`, equal to the bit, without radiomics.

    Args:
        kept: The case.
        reading: The regions.
        before: Voxels that were preselected.
        known: What was measured in this case before: a lesion of the same voxels is not measured again. Grows.
    """
    segmentation = segmentation_of(kept, reading, before, known.candidates.get(reading.places))
    known.candidates = {reading.places: segmentation.candidates}
    return measure(kept.study, segmentation, known=known, texture=None)


_SAME = ("input", "series", "suv", "audit", "settings", "settings_sha256", "prognosis")
"""What a reading leaves as it was. Networks foretell from the image, whatever is drawn in it."""


def record_of(kept: Kept, report: Report, software: Mapping[str, Any], reading: Mapping[str, Any]) -> dict[str, Any]:
    """The result record of a reading: the case's own, with everything that a reading bears on made anew.

    Args:
        kept: The case.
        report: The reading's numbers.
        software: As for `record`.
        reading: State, word, version and signature.
    """
    made = tracked_for(kept, record(report, software, kept.record["settings"]))
    same = {name: kept.record[name] for name in _SAME if name in kept.record}
    return {**made, **same, "reading": dict(reading)}


def tracked_for(kept: Kept, made: Mapping[str, Any]) -> dict[str, Any]:
    """The record with the UIDs by which the case's lesions are known: a lesion keeps its UID whatever is done to it."""
    candidates = {**made["segmentation"], "candidates_sha256": kept.record["segmentation"]["candidates_sha256"]}
    found = tracked({**made, "input": kept.record["input"], "segmentation": candidates})
    return {**found, "segmentation": made["segmentation"]}
