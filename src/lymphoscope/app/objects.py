"""The DICOM objects of a case: which are made from what, and why one is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from lymphoscope import __version__
from lymphoscope.app.settings import RunSettings
from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.measure import Report, Segmentation
from lymphoscope.core.volume import LesionMask
from lymphoscope.io.intake import series_slices
from lymphoscope.io.objects import codes
from lymphoscope.io.objects.capture import secondary_capture
from lymphoscope.io.objects.kept import IMAGES_FILE, NAMED_FILE, kept_images, source_again
from lymphoscope.io.objects.making import Made, Making, tracking_uid
from lymphoscope.io.objects.parametric import parametric_map
from lymphoscope.io.objects.pdf import encapsulated_pdf
from lymphoscope.io.objects.rtstruct import Roi, rtstruct
from lymphoscope.io.objects.seg import Segment, binary_seg
from lymphoscope.io.objects.source import Source, source_of
from lymphoscope.io.objects.sr import measurement_report


@dataclass(frozen=True)
class Objects:
    """What was made, and what was not.

    Attributes:
        files: Bytes by name in the case folder.
        left_out: The reason by name, for each object that is not there.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    left_out: Mapping[str, Message] = field(default_factory=dict)

    def as_record(self) -> dict[str, dict[str, str]]:
        """Why objects are not there, for ``run.json``."""
        return {name: {"code": m.code, "why": m.what} for name, m in self.left_out.items()}


@dataclass(frozen=True)
class _Case:
    """What objects are made from; `made` grows, in the order of the table."""

    making: Making
    report: Report
    record: Mapping[str, Any]
    documents: Mapping[str, bytes]
    parametric_map: bool
    made: dict[str, Made] = field(default_factory=dict)

    @property
    def segmentation(self) -> Segmentation:
        """The segmentation; a measured report has one."""
        assert self.report.segmentation is not None
        return self.report.segmentation


class _NotMadeError(Exception):
    """An object has no place in this case; says why."""


def tracked(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with the UID by which each lesion is known in all objects."""
    study, candidates = record["input"]["study_uid_hash"] or "", record["segmentation"]["candidates_sha256"]
    lesions = [
        {**row, "tracking_uid": str(tracking_uid(study, candidates, row["region"]))} for row in record["lesions"]
    ]
    return {**record, "lesions": lesions}


def dicom_objects(
    source: Path, settings: RunSettings, report: Report, record: Mapping[str, Any], documents: Mapping[str, bytes]
) -> Objects:
    """Make the objects of a measured case.

    Args:
        source: What the study was loaded from.
        settings: What the run was told.
        report: The report.
        record: Its record, tracking UIDs filled in.
        documents: Files of the case by name: ``mip.png`` and ``report.pdf`` are wanted.

    Returns:
        The files, and for each that is not there the reason. A fault of the header leaves objects out and never costs
        the case its numbers.
    """
    series = next((fact.uid for fact in report.study.series if fact.role == "pet"), "")
    if not settings.dicom:
        return _none("DICOM objects were switched off")
    if not series:
        return _none("the PET did not come as DICOM: an object needs the images it refers to")
    try:
        images = source_of(series_slices(source, series), report.study.pet.geometry)
    except LymphoscopeError as error:
        return Objects(left_out=dict.fromkeys(_MAKERS, error.message))
    case = _Case(_making(images, record), report, record, documents, settings.parametric_map)
    made = _made(case)
    return Objects({**made.files, IMAGES_FILE: kept_images(images)}, made.left_out)


def dicom_objects_again(
    folder: Path, report: Report, record: Mapping[str, Any], documents: Mapping[str, bytes]
) -> Objects:
    """Make the objects of a reading from what its case folder keeps of the images; the SUV map stays as it is.

    Args:
        folder: The case folder.
        report: The reading's report.
        record: Its record, tracking UIDs filled in.
        documents: As for `dicom_objects`.
    """
    try:
        images_kept, named = ((folder / name).read_bytes() for name in (IMAGES_FILE, NAMED_FILE))
    except OSError:
        return _none("the case folder keeps nothing of the images that objects refer to")
    try:
        images = source_again(images_kept, named, report.study.pet.geometry)
    except LymphoscopeError as error:
        return Objects(left_out=dict.fromkeys(_MAKERS, error.message))
    return _made(_Case(_making(images, record), report, record, documents, parametric_map=False))


def _made(case: _Case) -> Objects:
    left_out = {}
    for name, make in _MAKERS.items():
        try:
            case.made[name] = make(case)
        except _NotMadeError as reason:
            left_out[name] = Message("IO-I-NODICOM", str(reason))
        except LymphoscopeError as error:
            left_out[name] = error.message
        except Exception as error:  # headers are wrong in more ways than can be foreseen
            left_out[name] = Message("OUT-E-OBJECT", f"building it failed ({type(error).__name__})")
    return Objects({name: made.content for name, made in case.made.items()}, left_out)


def _none(why: str) -> Objects:
    return Objects(left_out=dict.fromkeys(_MAKERS, Message("IO-I-NODICOM", why)))


def _making(images: Source, record: Mapping[str, Any]) -> Making:
    drawn = record["segmentation"]
    parameters = (
        f"method {drawn['method']}",
        f"threshold {drawn['threshold']}",
        f"connectivity {drawn['connectivity']}",
        f"smallest {drawn['min_volume_ml']:g} mL",
    )
    return Making(images, __version__, record["settings_sha256"], parameters)


def _lesions(case: _Case) -> Made:
    rows = case.record["lesions"]
    if not rows:
        raise _NotMadeError("no lesion was counted, and a segmentation has at least one segment")
    segments = [
        Segment(
            f"{row['id']} {row['site'] or 'lesion'}",
            codes.ABNORMAL,
            codes.LESION,
            row["id"],
            row["tracking_uid"],
            (codes.site_of(row["site"]) or (None,))[0],
            row["status"] == "drawn",
        )
        for row in rows
    ]
    mask = _numbered(case.segmentation.lesions, [row["lesion"] for row in rows])
    return binary_seg(case.making, "seg", mask, segments, "LESIONS")


def _contours(case: _Case) -> Made:
    rois = [
        Roi(
            row["lesion"],
            f"{row['id']} {row['site'] or 'lesion'}",
            "doubtful" if row["status"] == "doubtful" else "counted",
            "" if row["status"] == "drawn" else "AUTOMATIC",
        )
        for row in case.record["lesions"]
    ]
    made = rtstruct(case.segmentation.lesions, rois, case.making)
    if made is None:
        raise _NotMadeError("no lesion was counted, and a structure set has at least one region")
    return made


def _removed(case: _Case) -> Made:
    rows = [row for row in case.record["segmentation"]["removed"] if row["volume_ml"] > 0]
    if not rows:
        raise _NotMadeError("no uptake was removed, and a segmentation has at least one segment")
    study = case.record["input"]["study_uid_hash"] or ""
    candidates = case.record["segmentation"]["candidates_sha256"]
    segments = [
        Segment(
            f"{row['id']} {row['organ'] or 'no organ'} {row['word']}",
            codes.ANATOMY if row["organ"] in codes.ORGAN_CODES else codes.TISSUE,
            codes.ORGAN_CODES.get(row["organ"] or "", codes.SOFT_TISSUE),
            row["id"],
            str(tracking_uid(study, candidates, row["region"])),
        )
        for row in rows
    ]
    mask = _numbered(case.segmentation.candidates, [row["region"] for row in rows])
    return binary_seg(case.making, "removed", mask, segments, "REMOVED")


def _numbered(mask: LesionMask, regions: list[int]) -> LesionMask:
    """The regions asked for, numbered from 1 in that order."""
    number = np.zeros(mask.count + 1, np.int32)
    number[regions] = np.arange(1, len(regions) + 1)
    return LesionMask(number[mask.labels], mask.geometry, mask.source)


def _report(case: _Case) -> Made:
    if case.record["lesions"] and "seg.dcm" not in case.made:
        raise LymphoscopeError("OUT-E-OBJECT", "the segmentation that it would refer to is not there")
    return measurement_report(case.making, case.record, case.made.get("seg.dcm"))


def _picture(case: _Case) -> Made:
    if "mip.png" not in case.documents:
        raise _NotMadeError("there is no picture")
    return secondary_capture(case.making, case.documents["mip.png"])


def _paper(case: _Case) -> Made:
    return encapsulated_pdf(case.making, case.documents["report.pdf"])


def _suv(case: _Case) -> Made:
    if not case.parametric_map:
        raise _NotMadeError("it was not asked for")
    return parametric_map(case.making, case.report.study.pet)


_MAKERS: Mapping[str, Callable[[_Case], Made]] = MappingProxyType(
    {
        "seg.dcm": _lesions,
        "removed.dcm": _removed,
        "rtstruct.dcm": _contours,
        "sr.dcm": _report,
        "mip.dcm": _picture,
        "report.dcm": _paper,
        "suv.dcm": _suv,
    }
)
"""How each object is made; one may use those before it."""
