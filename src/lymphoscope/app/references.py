"""Reference organs of a study: measured where a mask is, estimated where the rules found the liver, else missing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lymphoscope.core.errors import Message, Notes
from lymphoscope.core.measure import Segmentation
from lymphoscope.core.volume import Array, LesionMask, Volume
from lymphoscope.quant.reference import (
    ReferenceOrgan,
    blood_pool_reference,
    liver_reference,
    organ_reference,
    reach,
    spleen_reference,
)


def _marrow(suv: Volume, organ: Array, lesions: LesionMask | None) -> ReferenceOrgan:
    return organ_reference("marrow", suv, organ, lesions)


_MEASURED: Mapping[str, tuple[str, Callable[[Volume, Array, LesionMask | None], ReferenceOrgan]]] = {
    "liver": ("liver", liver_reference),
    "blood_pool": ("aorta", blood_pool_reference),
    "spleen": ("spleen", spleen_reference),
    "marrow": ("marrow", _marrow),
}
"""Reference name → organ it is measured in, and how."""


Known = MutableMapping[str, tuple[Any, str, ReferenceOrgan]]
"""Where each reference reaches, the hash of the lesions there, and what was measured beside them."""


class Level(NamedTuple):
    """Uptake of a reference organ, SUVbw g/mL."""

    mean: float
    sd: float
    max: float


@dataclass(frozen=True, eq=False)
class References:
    """Reference organs that were measured.

    Attributes:
        organs: Name (``liver``, ``blood_pool``, ``spleen``, ``marrow``) → measured organ; only those found.
        messages: What is to be said about them.
    """

    organs: Mapping[str, ReferenceOrgan]
    messages: tuple[Message, ...]

    @classmethod
    def of(
        cls,
        suv: Volume,
        regions: Mapping[str, Array],
        source: str,
        lesions: LesionMask | None,
        known: Known | None = None,
    ) -> References:
        """Measure the reference organs.

        Args:
            suv: PET in SUVbw on its native grid.
            regions: Organ regions on that grid.
            source: ``organ-map`` or ``rules``: where the regions come from.
            lesions: Lesions to keep away from.
            known: What was measured before in this study: where no lesion near an organ changed, it is not measured
                again. Grows.
        """
        notes, found = Notes(), {}
        for name, (organ, measured) in _MEASURED.items():
            if organ not in regions:
                continue
            if known is None or lesions is None:
                reference = measured(suv, regions[organ], lesions)
            else:
                reference = _once(known, name, suv, regions[organ], lesions)
            notes.items.extend(m for m in reference.messages if m not in notes.items)
            if reference.found:
                found[name] = reference
        if "liver" not in found:
            notes.add("REF-W-NONE", "the liver was not found")
        elif source == "rules":
            mean = found["liver"].measures.value("mean")
            notes.add("REF-W-ESTIMATED", f"the liver (SUVmean {mean:.2f}) was found by rules, without a mask")
        return cls(found, tuple(notes))

    @property
    def levels(self) -> dict[str, Level]:
        """What thresholds rest on."""
        values = {name: organ.measures.as_dict() for name, organ in self.organs.items()}
        return {n: Level(*(float(v[k] or 0) for k in ("mean", "sd", "max"))) for n, v in values.items()}

    @classmethod
    def beside(cls, suv: Volume, segmentation: Segmentation, known: Known | None = None) -> References:
        """Measure the reference organs of a segmented study, away from its lesions."""
        return cls.of(suv, segmentation.organs, segmentation.organs_source, segmentation.lesions, known)


def _once(known: Known, name: str, suv: Volume, organ: Array, lesions: LesionMask) -> ReferenceOrgan:
    box, digest, reference = known.get(name, (None, "", None))
    if box is None:
        box = reach(organ, suv.geometry) or (slice(0, 0),) * 3
    near = hashlib.sha256(np.packbits(lesions.labels[box] > 0).data).hexdigest()
    if reference is None or near != digest:
        reference = _MEASURED[name][1](suv, organ, lesions)
    known[name] = (box, near, reference)
    return reference
