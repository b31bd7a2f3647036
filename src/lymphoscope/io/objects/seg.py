"""Segmentations: lesions and removed uptake as binary segments, a probability map as fractional ones.

Reference: DICOM PS3.3 A.51 and C.8.20 (Segmentation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from lymphoscope.core.geometry import require_same
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.objects import codes
from lymphoscope.io.objects.making import MANUFACTURER, Made, Making, building, finished

PALETTE = (
    (230, 75, 53),
    (77, 187, 213),
    (0, 160, 135),
    (60, 84, 136),
    (243, 155, 127),
    (132, 145, 180),
    (145, 209, 194),
)
"""Colours of segments in turn, RGB."""

_PROBABILITY_STEPS = 255


@dataclass(frozen=True)
class Segment:
    """One segment: what it is and how it is known.

    Attributes:
        label: For people, at most 64 characters.
        category: Segmented property category.
        kind: Segmented property type.
        tracking_id: The number printed for people.
        tracking_uid: The same region has the same UID in all objects.
        site: Anatomic region, where known.
        drawn: True where a reader drew it elsewhere: no algorithm of ours then stands for it.
    """

    label: str
    category: Code
    kind: Code
    tracking_id: str
    tracking_uid: str
    site: Code | None = None
    drawn: bool = False


def binary_seg(making: Making, kind: str, mask: LesionMask, segments: Sequence[Segment], content_label: str) -> Made:
    """Write regions as binary segments that reference the PET slices; slices without any are left out.

    Args:
        making: What all objects share.
        kind: ``seg`` or ``removed``.
        mask: Regions 1…n on the PET grid, each with at least one voxel.
        segments: One a region, in the order of their numbers.
        content_label: DICOM code string.

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID`` when the mask lies on another grid than the PET.
        ValueError: The mask's regions are not those described.
    """
    require_same(making.source.geometry, mask.geometry, "mask and PET series")
    present = np.flatnonzero(np.bincount(mask.labels.ravel()))
    if not np.array_equal(present[present > 0], np.arange(1, len(segments) + 1)):
        raise ValueError("the regions of a mask must be those described, each with a voxel")
    labels = mask.labels.astype(np.uint8 if len(segments) < 256 else np.uint16)
    return _segmentation(
        making, kind, labels, segments, {"content_label": content_label, "segmentation_type": "BINARY"}
    )


def probability_seg(making: Making, probability: Volume, segment: Segment) -> Made:
    """Write a probability map as one fractional segment in steps of 1/255.

    Args:
        making: What all objects share.
        probability: 0…1 on the PET grid.
        segment: What it is the probability of.

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID`` when the map lies on another grid than the PET.
    """
    require_same(making.source.geometry, probability.geometry, "probability map and PET series")
    words = {
        "segmentation_type": "FRACTIONAL",
        "fractional_type": "PROBABILITY",
        "max_fractional_value": _PROBABILITY_STEPS,
        "transfer_syntax_uid": RLELossless,
        "content_label": "PROBABILITY",
    }
    # highdicom rounds to steps itself
    return _segmentation(making, "probability", probability.array.astype(np.float64), [segment], words)


def _segmentation(
    making: Making, kind: str, pixels: NDArray[np.generic], segments: Sequence[Segment], words: dict[str, object]
) -> Made:
    with building():
        made = hd.seg.Segmentation(
            source_images=making.source.slices,
            pixel_array=pixels,
            segment_descriptions=[_described(making, n, s) for n, s in enumerate(segments, start=1)],
            **{"transfer_syntax_uid": ExplicitVRLittleEndian, **making.words(kind), **words},
            omit_empty_frames=True,
            content_description="Drawn elsewhere" if any(s.drawn for s in segments) else "Drawn by software, not read",
            series_description=f"Lymphoscope {kind}",
        )
        made.BodyPartExamined = "WHOLEBODY"
        return finished(made, making, kind)


def _algorithm(making: Making) -> hd.AlgorithmIdentificationSequence:
    return hd.AlgorithmIdentificationSequence(
        name=MANUFACTURER,
        family=codes.FAMILY,
        version=making.version,
        source=MANUFACTURER,
        parameters={part.split(" ", 1)[0]: part.split(" ", 1)[-1] for part in making.parameters},
    )


def _described(making: Making, number: int, segment: Segment) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.label[:64],
        segmented_property_category=segment.category,
        segmented_property_type=segment.kind,
        algorithm_type="MANUAL" if segment.drawn else "AUTOMATIC",
        algorithm_identification=None if segment.drawn else _algorithm(making),
        tracking_uid=segment.tracking_uid,
        tracking_id=segment.tracking_id,
        anatomic_regions=None if segment.site is None else [segment.site],
        display_color=hd.color.CIELabColor.from_rgb(*PALETTE[(number - 1) % len(PALETTE)]),
    )
