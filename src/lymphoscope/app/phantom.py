"""A synthetic study on the disk: a phantom of the image room, written by the input-output room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from lymphoscope.core.registry import unknown_name
from lymphoscope.image.body_phantom import BodyOptions, body_phantom
from lymphoscope.image.phantom import Phantom, digital_phantom
from lymphoscope.io.dicom_write import WriteOptions, write_study


@dataclass(frozen=True)
class Truth:
    """What is true of one lesion of the phantom.

    Attributes:
        name: The shape's name.
        volume_ml: Exact volume of the shape.
        counted_ml: Volume of the voxels whose centre lies in the shape, on the PET grid.
        suv: SUV of the shape before blur and noise.
    """

    name: str
    volume_ml: float
    counted_ml: float
    suv: float


PHANTOMS = MappingProxyType[str, Callable[[bool], Phantom]](
    {
        "body": lambda ct: body_phantom(BodyOptions() if ct else BodyOptions(ct_shape=None)),
        "digital": lambda ct: digital_phantom(),
    }
)
"""Phantoms by name: a body with organs and lesions, blurred and noisy; spheres on a flat background, exact."""


def write(folder: Path, kind: str, vendor: str, ct: bool, options: WriteOptions) -> tuple[Truth, ...]:
    """Make a phantom and write it as a DICOM study.

    Args:
        folder: The folder to make.
        kind: Name in `PHANTOMS`.
        vendor: Name in `lymphoscope.io.conventions.CONVENTIONS`.
        ct: Write a CT too, where the phantom has one.
        options: Transfer syntax and whether a folder may be replaced.

    Returns:
        The lesions, largest first.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for an unknown name, ``USE-E-OUTPUT`` or ``IO-E-WRITE`` for the folder.
    """
    if kind not in PHANTOMS:
        raise unknown_name("phantom", kind, PHANTOMS)
    made = PHANTOMS[kind](ct)
    write_study(folder, made.pet, made.ct, convention=vendor, options=options)
    counts = np.bincount(made.lesions.labels.ravel(), minlength=len(made.shapes) + 1)[1:]
    return tuple(
        Truth(shape.name, shape.volume_ml, float(count) * made.pet.geometry.voxel_ml, float(shape.suv or 0.0))
        for shape, count in zip(made.shapes, counts, strict=True)
    )


def as_record(truths: tuple[Truth, ...]) -> dict[str, Any]:
    """The truth for ``--json``."""
    return {"lesions": [vars(truth) for truth in truths], "n_lesions": len(truths)}
