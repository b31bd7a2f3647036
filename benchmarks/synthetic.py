"""The synthetic whole-body PET/CT of the benchmarks: 200 × 200 × 400 PET and 512 × 512 × 400 CT, as DICOM."""

from __future__ import annotations

from pathlib import Path

from lymphoscope.image.body_phantom import BodyOptions, body_phantom
from lymphoscope.io.dicom_write import write_study

PET_SHAPE = (400, 200, 200)
CT_SHAPE = (400, 512, 512)


def write_synthetic(
    folder: Path,
    pet_shape: tuple[int, int, int] = PET_SHAPE,
    ct_shape: tuple[int, int, int] | None = CT_SHAPE,
    convention: str = "siemens",
) -> dict[str, float]:
    """Write the study and return the true lesion volumes in mL by name."""
    made = body_phantom(BodyOptions(pet_shape, ct_shape))
    write_study(folder, made.pet, made.ct, convention=convention)
    return {shape.name: shape.volume_ml for shape in made.shapes}
