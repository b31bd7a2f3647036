"""A hospital of synthetic studies with masks, small enough to be built often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.phantom import Imaging, Shape, ct_image, image
from lymphoscope.io.dicom_write import ScanFacts, WriteOptions, write_study
from lymphoscope.io.nifti import write_nifti

Square = Sequence[tuple[float, float]]

GRID = Geometry.axial((20, 24, 24), (8.0, 8.0, 8.0), frame="2.25.77")
CT_GRID = Geometry.axial((20, 32, 32), (8.0, 6.0, 6.0), frame="2.25.77")
BODY = Shape("body", "ellipsoid", (80, 96, 96), (76, 80, 90), suv=0.8, hu=40)
LESION = Shape("lesion", "ellipsoid", (100, 96, 60), (20, 20, 20), suv=9.0, hu=50, lesion=True)
SLICES = (11, 12, 13)
SQUARE = ((52.0, 84.0), (84.0, 84.0), (84.0, 108.0), (52.0, 108.0))
"""Corners (x, y) on voxel edges: 4 × 3 voxels of 8 mm."""


def contours(folder: Path, square: Square, number: int) -> Dataset:
    """Contours on the PET's slices, as a workstation draws them."""
    slices = sorted((dcmread(p) for p in folder.rglob("pet/*.dcm")), key=lambda d: d.ImagePositionPatient[2])
    first, made = slices[0], Dataset()
    made.SOPClassUID, made.SOPInstanceUID, made.Modality = (
        "1.2.840.10008.5.1.4.1.1.481.3",
        f"2.25.5{number}",
        "RTSTRUCT",
    )
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate"):
        setattr(made, keyword, first[keyword].value)
    made.SeriesInstanceUID, made.StructureSetLabel = "2.25.6", "Zaphod"
    series, study, referred, roi, drawn = (Dataset() for _ in range(5))
    series.SeriesInstanceUID = first.SeriesInstanceUID
    study.RTReferencedSeriesSequence = [series]
    referred.FrameOfReferenceUID = first.FrameOfReferenceUID
    referred.RTReferencedStudySequence = [study]
    made.ReferencedFrameOfReferenceSequence = [referred]
    roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = 1, "Beeblebrox", referred.FrameOfReferenceUID
    made.StructureSetROISequence = [roi]
    drawn.ReferencedROINumber, drawn.ContourSequence = 1, []
    for slice_number in SLICES:
        contour, z = Dataset(), float(slices[slice_number].ImagePositionPatient[2])
        contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 4
        contour.ContourData = [c for x, y in square for c in (x, y, z)]
        drawn.ContourSequence.append(contour)
    made.ROIContourSequence = [drawn]
    made.file_meta = Dataset()
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    return made


class Hospital:
    """Writes studies. Names, numbers and folders of patients hold one of `secrets`."""

    secrets = ("beeblebrox", "zaphod", "mrn4711")
    grid = GRID
    shapes = (BODY, LESION)

    def write(
        self,
        folder: Path,
        number: int,
        ct: bool = True,
        mask: bool = True,
        edit: Callable | None = None,
        patient: int = 0,
    ) -> None:
        """Study `number`, of a patient of its own or of that number."""
        who = patient or number
        facts = replace(ScanFacts(), seed=number, name=f"BEEBLEBROX^ZAPHOD^{who}", patient_id=f"MRN4711{who}",
                        birth_date="19520311")  # fmt: skip
        shapes = (BODY, replace(LESION, suv=8.0 + number))
        scan = ct_image(shapes, CT_GRID, Imaging()) if ct else None
        write_study(folder, image(shapes, GRID, Imaging()), scan, facts, options=WriteOptions(edit=edit))
        if mask:
            self.draw(folder)

    def draw(self, folder: Path, square: Square = SQUARE, number: int = 0) -> None:
        """Contours of a reader, 3 slices of a rectangle."""
        dcmwrite(folder / f"contours{number or ''}.dcm", contours(folder, square, number), enforce_file_format=True)

    def paint(self, file: Path) -> np.ndarray:
        """A NIfTI mask; its voxels."""
        labels = np.zeros(GRID.shape, np.uint8)
        labels[11:14, 10:14, 6:9] = 1
        file.parent.mkdir(exist_ok=True)
        write_nifti(file, Volume(labels, GRID, Unit.LABEL))
        return labels > 0


@pytest.fixture(scope="session")
def hospital() -> Hospital:
    return Hospital()


@pytest.fixture(scope="session")
def files() -> Callable[[Path], dict[str, bytes]]:
    """Tells every file of a folder with its bytes."""
    return lambda folder: {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
