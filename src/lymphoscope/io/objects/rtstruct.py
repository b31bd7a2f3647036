"""Lesions as an RT Structure Set: contours along voxel edges, slice by slice, tied to the PET they were drawn on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import LesionMask
from lymphoscope.io.objects.making import Made, Making, finished
from lymphoscope.io.objects.outlines import outlines

STATUS_COLOURS = MappingProxyType({"counted": (230, 159, 0), "doubtful": (240, 228, 66), "removed": (86, 180, 233)})
"""Colours mean status, as in the report (Okabe–Ito), never identity."""

TILT_DEGREES = 0.1
_STUDY_COMPONENT = "1.2.840.10008.3.1.2.3.1"
_DECIMALS = 6
_WIDTH = 16


@dataclass(frozen=True)
class Roi:
    """A region to be outlined.

    Attributes:
        label: Its number in the mask.
        name: What viewers call it; at most 64 characters.
        status: A word of `STATUS_COLOURS`.
        algorithm: ROI Generation Algorithm: ``AUTOMATIC``, ``SEMIAUTOMATIC``, ``MANUAL``, or empty where not known.
    """

    label: int
    name: str
    status: str = "counted"
    algorithm: str = "AUTOMATIC"


def rtstruct(mask: LesionMask, rois: Sequence[Roi], making: Making, label: str = "LESIONS") -> Made | None:
    """Make a structure set.

    The same mask on the same PET gives the same bytes under the same UIDs.

    Args:
        mask: Numbered regions on the PET's grid.
        rois: The regions to outline, in order; one without voxels is left out.
        making: The PET series and what all objects of a case share.
        label: Structure Set Label, at most 16 characters.

    Returns:
        The structure set, or None where there is no region: a structure set without one is not DICOM.

    Raises:
        LymphoscopeError: ``OUT-E-GRID`` when slices are tilted or are not those of the mask.

    Reference:
        DICOM PS3.3 A.19 (RT Structure Set IOD), C.8.8.5, C.8.8.6 and C.8.8.8.
    """
    slices = making.source.slices
    difference = making.source.geometry.difference(mask.geometry)
    if difference:
        raise LymphoscopeError("OUT-E-GRID", f"mask and PET are not on the same grid: {difference}")
    _require_square(mask.geometry)
    boxes = _boxes(mask.labels)
    rois = [roi for roi in rois if roi.label in boxes]
    if not rois:
        return None
    dataset = _without_regions(making, label)
    dataset.StructureSetROISequence = [_described(n, roi, slices[0]) for n, roi in enumerate(rois, start=1)]
    dataset.ROIContourSequence = [
        _drawn(n, roi, list(_contours(mask, roi.label, boxes[roi.label], slices)))
        for n, roi in enumerate(rois, start=1)
    ]
    dataset.RTROIObservationsSequence = [_observed(n) for n in range(1, len(rois) + 1)]
    return finished(dataset, making, "rtstruct")


def _require_square(geometry: Geometry) -> None:
    """Refuse slices that are stacked aslant; an oblique stack is fine."""
    z, y, x = geometry.direction.T
    normal = np.cross(x, y)
    angle = np.degrees(np.arccos(np.clip(abs(z @ normal) / np.linalg.norm(normal), -1, 1)))
    if angle > TILT_DEGREES:
        raise LymphoscopeError("OUT-E-GRID", f"slices are stacked {angle:.2f}° off their normal")


def _without_regions(making: Making, label: str) -> Dataset:
    """Everything but the regions: patient, study, series, equipment and what is referred to."""
    words, slices = making.words("rtstruct"), making.source.slices
    first = slices[0]
    dataset = making.source.about()
    dataset.SOPClassUID, dataset.SOPInstanceUID = RTStructureSetStorage, words["sop_instance_uid"]
    dataset.Modality, dataset.SeriesInstanceUID = "RTSTRUCT", words["series_instance_uid"]
    dataset.SeriesNumber, dataset.InstanceNumber = words["series_number"], words["instance_number"]
    dataset.SeriesDescription, dataset.OperatorsName = "Lesion contours", ""
    dataset.Manufacturer, dataset.ManufacturerModelName = words["manufacturer"], words["manufacturer_model_name"]
    dataset.SoftwareVersions, dataset.DeviceSerialNumber = words["software_versions"], words["device_serial_number"]
    dataset.FrameOfReferenceUID = first.FrameOfReferenceUID
    dataset.PositionReferenceIndicator = first.PositionReferenceIndicator
    dataset.StructureSetLabel = label
    dataset.StructureSetDate = dataset.SeriesDate = making.source.acquired.strftime("%Y%m%d")
    dataset.StructureSetTime = dataset.SeriesTime = making.source.acquired.strftime("%H%M%S")
    dataset.ApprovalStatus = "UNAPPROVED"
    dataset.ReferencedFrameOfReferenceSequence = [_referred(slices)]
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _referred(slices: Sequence[Dataset]) -> Dataset:
    """The frame of reference with the study, series and images that the contours lie on."""
    first = slices[0]
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = first.SeriesInstanceUID
    series.ContourImageSequence = [_image(header) for header in slices]
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = _STUDY_COMPONENT, first.StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID = first.FrameOfReferenceUID
    frame.RTReferencedStudySequence = [study]
    return frame


def _image(header: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
    return item


def _described(number: int, roi: Roi, first: Dataset) -> Dataset:
    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = first.FrameOfReferenceUID
    item.ROIName = roi.name[:64]
    item.ROIGenerationAlgorithm = roi.algorithm
    return item


def _drawn(number: int, roi: Roi, contours: list[Dataset]) -> Dataset:
    item = Dataset()
    item.ReferencedROINumber = number
    item.ROIDisplayColor = list(STATUS_COLOURS[roi.status])
    item.ContourSequence = contours
    return item


def _observed(number: int) -> Dataset:
    item = Dataset()
    item.ObservationNumber = item.ReferencedROINumber = number
    item.RTROIInterpretedType = "GTV"
    item.ROIInterpreter = ""
    return item


def _boxes(labels: NDArray[np.int32]) -> dict[int, tuple[slice, ...]]:
    from scipy.ndimage import find_objects  # noqa: PLC0415 - slow to import

    return {label: box for label, box in enumerate(find_objects(labels), start=1) if box is not None}


def _contours(mask: LesionMask, label: int, box: tuple[slice, ...], slices: Sequence[Dataset]) -> Iterator[Dataset]:
    """The polygons of one region, slice by slice."""
    corner = (box[1].start, box[2].start)
    number = 0
    for k in range(box[0].start, box[0].stop):
        for polygon in outlines(mask.labels[k][box[1:]] == label):
            number += 1
            yx = polygon + corner
            item = Dataset()
            item.ContourImageSequence = [_image(slices[k])]
            item.ContourGeometricType = "CLOSED_PLANAR"
            item.NumberOfContourPoints = len(yx)
            item.ContourNumber = number
            points = mask.geometry.to_lps(np.column_stack([np.full(len(yx), k), yx]))
            item.ContourData = [_decimal(v) for v in points.ravel().tolist()]
            yield item


def _decimal(number: float) -> str:
    """A decimal string of at most 16 characters, to a millionth of a millimetre: the same on every machine."""
    text = f"{number:.{_DECIMALS}f}".rstrip("0").rstrip(".")
    if len(text) > _WIDTH:
        raise LymphoscopeError("OUT-E-GRID", "a position lies absurdly far from the origin")
    return "0" if text in ("-0", "") else text
