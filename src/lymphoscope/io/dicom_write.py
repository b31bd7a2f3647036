"""Write PET (SUV) and CT (HU) volumes as classic DICOM series, in the convention of any vendor of the table."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, PositronEmissionTomographyImageStorage
from pydicom.valuerep import format_number_as_ds

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, Volume
from lymphoscope.io.atomic import claim, draft
from lymphoscope.io.conventions import Convention, convention_named
from lymphoscope.io.dicom_encode import encode
from lymphoscope.io.pet_physics import ScanFacts, bed_of, bed_starts, frame_reference_s, stored_values

_IMPLEMENTATION = UID("2.25.302938447412951832617523098812310557703")

_TERMS = {
    "^18^Fluorine": {"SCT": "77004003", "SRT": "C-111A1"},
    "Fluorodeoxyglucose F^18^": {"SCT": "35321007", "SRT": "C-B1031"},
    "recumbent": {"SCT": "102538003", "SRT": "F-10450"},
    "supine": {"SCT": "40199007", "SRT": "F-10340"},
    "prone": {"SCT": "1240000", "SRT": "F-10310"},
    "headfirst": {"SCT": "102540008", "SRT": "F-10470"},
    "feet-first": {"SCT": "102541007", "SRT": "F-10480"},
}
_ON_BACK_OR_FRONT = {"S": "supine", "P": "prone"}


@dataclass(frozen=True)
class WriteOptions:
    """How files are written.

    Attributes:
        syntax: Transfer syntax: ``explicit``, ``implicit``, ``big-endian``, ``deflated``, ``rle``, ``jpeg-ls`` or
            ``jpeg-2000`` (all lossless).
        edit: Called with each dataset and its number before it is written; what it changes is written
            (for files that are wrong on purpose).
        force: Replace the folder when it holds a study that was written before.
    """

    syntax: str = "explicit"
    edit: Callable[[Dataset, int], object] | None = None
    force: bool = False


def write_study(
    folder: Path,
    pet: Volume,
    ct: Volume | None = None,
    facts: ScanFacts | None = None,
    convention: str = "siemens",
    options: WriteOptions | None = None,
) -> None:
    """Write a PET/CT study as DICOM files under ``pet/`` and ``ct/``. Same input, same bytes; whole or not at all.

    Args:
        folder: The folder to make.
        pet: PET in SUVbw.
        ct: CT in HU on any grid.
        facts: Patient, injection and times; a synthetic patient when None.
        convention: Name in `lymphoscope.io.conventions.CONVENTIONS`.
        options: Transfer syntax and the like.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for an unknown convention or syntax, ``GEO-E-UNIT`` for other units,
            ``USE-E-OUTPUT`` when the folder is not empty, ``IO-E-WRITE`` when the system refuses.
    """
    facts, options = facts or ScanFacts(), options or WriteOptions()
    series = [("pet", pet_datasets(pet, facts, convention))]
    if ct is not None:
        series.append(("ct", ct_datasets(ct, facts)))
    with claim(Path(folder), options.force, _is_series) as held, draft(held, durable=False) as new:
        for name, datasets in series:
            (new / name).mkdir()
            for number, dataset in enumerate(datasets, start=1):
                if options.edit is not None:
                    options.edit(dataset, number)
                encode(dataset, new / name / f"{name}{number:05d}.dcm", options.syntax)


def pet_datasets(pet: Volume, facts: ScanFacts | None = None, convention: str = "siemens") -> Iterator[Dataset]:
    """The slices of a PET as complete datasets, in the order of the array's first axis.

    Args:
        pet: PET in SUVbw.
        facts: Patient, injection and times; a synthetic patient when None.
        convention: Name in `lymphoscope.io.conventions.CONVENTIONS`.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for an unknown convention, ``GEO-E-UNIT`` for other units.
    """
    row, facts = convention_named(convention), facts or ScanFacts()
    suv = pet.values(Unit.SUV_BW)
    stored = stored_values(suv, facts, row)
    series = _series_key(facts, pet, row.name)
    return (_pet_slice(row, facts, pet.geometry, series, k, stored.slice(k)) for k in range(len(suv)))


def ct_datasets(ct: Volume, facts: ScanFacts | None = None) -> Iterator[Dataset]:
    """The slices of a CT as complete datasets, in the order of the array's first axis, rounded to whole HU.

    Raises:
        LymphoscopeError: ``GEO-E-UNIT`` for other units.
    """
    facts = facts or ScanFacts()
    hu = ct.values(Unit.HU)
    if float(np.min(hu)) < -32768 or float(np.max(hu)) > 32767:
        raise LymphoscopeError("USE-E-VALUE", "HU do not fit into 16 bits")
    signed = float(np.min(hu)) < -1024 - 0.5
    series = _series_key(facts, ct, "ct")
    return (_ct_slice(facts, ct.geometry, series, k, (np.rint(hu[k]), signed)) for k in range(len(hu)))


def _is_series(entry: Path) -> bool:
    """True for a folder that holds nothing but slices as they are named here."""
    name = re.compile(rf"{entry.name}\d{{5}}\.dcm")
    return entry.name in ("pet", "ct") and entry.is_dir() and all(name.fullmatch(f.name) for f in entry.iterdir())


def uid(*parts: object) -> UID:
    """A UID under 2.25 that depends on the parts only."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")


def _series_key(facts: ScanFacts, volume: Volume, name: str) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(volume.array).tobytes())
    digest.update(volume.geometry.affine.tobytes())
    digest.update(repr((facts, name, volume.geometry.shape, volume.geometry.frame)).encode())
    return digest.hexdigest()


def _pet_slice(
    row: Convention,
    facts: ScanFacts,
    geometry: Geometry,
    series: str,
    k: int,
    stored: tuple[NDArray[np.integer], float, bool],
) -> Dataset:
    values, slope, signed = stored
    dataset = _common(facts, geometry, series, k)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = PositronEmissionTomographyImageStorage
    dataset.Modality, dataset.SeriesNumber, dataset.SeriesDescription = "PT", 2, f"PET AC {row.name}"
    dataset.Manufacturer, dataset.ManufacturerModelName = row.manufacturer, row.model
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    _set_pet_times(dataset, row, facts, (k, geometry.shape[0]))
    dataset.Units, dataset.CountsSource, dataset.SeriesType = row.units, "EMISSION", ["STATIC", "IMAGE"]
    if row.suv_type:
        dataset.SUVType = row.suv_type
    dataset.CorrectedImage, dataset.DecayCorrection = list(row.corrected), row.decay
    dataset.NumberOfSlices, dataset.ImageIndex, dataset.CollimatorType = geometry.shape[0], k + 1, "NONE"
    dataset.AttenuationCorrectionMethod = "measured"
    dataset.ReconstructionMethod = "SYNTHETIC"
    _set_tracer(dataset, row, facts)
    _set_posture(dataset, row, facts.position)
    _set_private(dataset, row, facts)
    dataset.RescaleIntercept, dataset.RescaleSlope = "0", ds(slope)
    _set_pixels(dataset, values, signed)
    return dataset


def _ct_slice(facts: ScanFacts, geometry: Geometry, series: str, k: int, stored: tuple[Array, bool]) -> Dataset:
    values, signed = stored
    dataset = _common(facts, geometry, series, k)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.Modality, dataset.SeriesNumber, dataset.SeriesDescription = "CT", 1, "CT AC"
    dataset.Manufacturer, dataset.ManufacturerModelName = "SYNTHETIC", "Phantom"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    when = facts.scanned - timedelta(minutes=3)
    for kind in ("Series", "Acquisition", "Content"):
        _set_moment(dataset, kind, when, False)
    dataset.AcquisitionNumber, dataset.KVP, dataset.RescaleType = 1, "120", "HU"
    intercept = 0 if signed else -1024
    dataset.RescaleIntercept, dataset.RescaleSlope = str(intercept), "1"
    _set_pixels(dataset, (values - intercept).astype(np.int16 if signed else np.uint16), signed)
    return dataset


def _common(facts: ScanFacts, geometry: Geometry, series: str, k: int) -> Dataset:
    """Patient, study, place and identity: what PET and CT slices share."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = _IMPLEMENTATION
    dataset.file_meta.ImplementationVersionName = "LYMPHOSCOPE"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = uid("instance", series, k)
    dataset.SeriesInstanceUID = uid("series", series)
    dataset.StudyInstanceUID = uid("study", facts.seed, facts.patient_id, facts.scanned)
    dataset.FrameOfReferenceUID = geometry.frame or uid("frame", facts.seed, facts.patient_id, facts.scanned)
    dataset.PositionReferenceIndicator = ""
    dataset.PatientName, dataset.PatientID = facts.name, facts.patient_id
    dataset.PatientBirthDate, dataset.PatientSex = facts.birth_date, facts.sex
    if facts.age_years is not None:
        dataset.PatientAge = f"{facts.age_years:03d}Y"
    dataset.PatientWeight = ds(facts.weight_kg)
    if facts.height_m is not None:
        dataset.PatientSize = ds(facts.height_m)
    _set_moment(dataset, "Study", facts.scanned - timedelta(minutes=5), False)
    dataset.ReferringPhysicianName, dataset.StudyID, dataset.AccessionNumber = "", "1", ""
    dataset.StudyDescription = "Synthetic PET/CT"
    dataset.PatientPosition, dataset.BodyPartExamined = facts.position, "WHOLEBODY"
    _set_place(dataset, geometry, k)
    return dataset


def _set_place(dataset: Dataset, geometry: Geometry, k: int) -> None:
    rows, columns = geometry.direction[:, 1], geometry.direction[:, 2]
    dataset.InstanceNumber = k + 1
    dataset.ImagePositionPatient = [ds(v) for v in geometry.to_lps((k, 0, 0))]
    dataset.ImageOrientationPatient = [ds(v) for v in (*columns, *rows)]
    dataset.PixelSpacing = [ds(geometry.spacing[1]), ds(geometry.spacing[2])]
    dataset.SliceThickness = ds(geometry.spacing[0])


def _set_pixels(dataset: Dataset, values: NDArray[np.integer], signed: bool) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = values.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = int(signed)
    dataset.PixelData = np.ascontiguousarray(values).astype("<i2" if signed else "<u2").tobytes()


def _set_moment(dataset: Dataset, kind: str, when: datetime, fractions: bool) -> None:
    setattr(dataset, f"{kind}Date", when.strftime("%Y%m%d"))
    setattr(dataset, f"{kind}Time", _clock(when, fractions))


def _clock(when: datetime, fractions: bool) -> str:
    return when.strftime("%H%M%S.%f" if fractions or when.microsecond else "%H%M%S")


def _set_pet_times(dataset: Dataset, row: Convention, facts: ScanFacts, place: tuple[int, int]) -> None:
    """Series, acquisition and frame times as this vendor means them."""
    starts = bed_starts(facts, row)
    start_s = starts[bed_of(place[0], place[1], facts.beds)]
    acquired_s = (start_s if row.acquisition == "frame" else 0.0) + row.acquisition_shift_s
    _set_moment(dataset, "Series", facts.scanned + timedelta(seconds=row.series_late_s), row.fractions)
    _set_moment(dataset, "Acquisition", facts.scanned + timedelta(seconds=acquired_s), row.fractions)
    _set_moment(dataset, "Content", facts.scanned + timedelta(seconds=starts[-1] + facts.bed_s), row.fractions)
    dataset.FrameReferenceTime = ds(1000.0 * frame_reference_s(start_s, facts, row))
    dataset.ActualFrameDuration = round(1000 * facts.bed_s)
    if row.decay != "NONE":
        rate = math.log(2) / facts.half_life_s
        during = rate * facts.bed_s / -math.expm1(-rate * facts.bed_s)
        dataset.DecayFactor = ds(math.exp(rate * start_s) * during)
    if row.decay_datetime:
        dataset.add_new(0x00189701, "DT", facts.scanned.strftime("%Y%m%d") + _clock(facts.scanned, row.fractions))


def _set_tracer(dataset: Dataset, row: Convention, facts: ScanFacts) -> None:
    item = Dataset()
    item.Radiopharmaceutical = facts.tracer
    if row.start_time:
        item.RadiopharmaceuticalStartTime = _clock(facts.injected, row.fractions)
    if row.start_datetime:
        item.RadiopharmaceuticalStartDateTime = facts.injected.strftime("%Y%m%d") + _clock(
            facts.injected, row.fractions
        )
    item.RadionuclideTotalDose = ds(1e6 * facts.dose_mbq)
    item.RadionuclideHalfLife = ds(facts.half_life_s)
    item.RadionuclidePositronFraction = "0.967"
    item.RadionuclideCodeSequence = [_code("^18^Fluorine", row.coding)]
    item.RadiopharmaceuticalCodeSequence = [_code("Fluorodeoxyglucose F^18^", row.coding)]
    dataset.RadiopharmaceuticalInformationSequence = [item]


def _set_posture(dataset: Dataset, row: Convention, position: str) -> None:
    """How the patient lies, in codes; scanners write these beside Patient Position, though one would do."""
    lying = _code("recumbent", row.coding)
    if position[2:] in _ON_BACK_OR_FRONT:
        lying.PatientOrientationModifierCodeSequence = [_code(_ON_BACK_OR_FRONT[position[2:]], row.coding)]
    dataset.PatientOrientationCodeSequence = [lying]
    gantry = "headfirst" if position.startswith("HF") else "feet-first"
    dataset.PatientGantryRelationshipCodeSequence = [_code(gantry, row.coding)]


def _code(meaning: str, scheme: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = _TERMS[meaning][scheme], scheme, meaning
    return item


def _set_private(dataset: Dataset, row: Convention, facts: ScanFacts) -> None:
    reference = facts.scanned.strftime("%Y%m%d") + _clock(facts.scanned, row.fractions)
    entries = {
        "siemens-reference": (0x0071, "SIEMENS MED PT", 0x22, "DT", reference),
        "ge-reference": (0x0009, "GEMS_PETD_01", 0x0D, "DT", reference),
        "philips-suv": (0x7053, "Philips PET Private Group", 0x00, "DS", ds(row.bq_per_count * facts.suv_per_bq(row))),
        "philips-bqml": (0x7053, "Philips PET Private Group", 0x09, "DS", ds(row.bq_per_count)),
    }
    for name in row.private:
        group, creator, element, vr, value = entries[name]
        dataset.private_block(group, creator, create=True).add_new(element, vr, value)


def ds(number: float) -> str:
    """A decimal string of at most 16 characters, as exact as that allows."""
    return format_number_as_ds(float(number))


__all__ = ["ScanFacts", "WriteOptions", "ct_datasets", "ds", "pet_datasets", "uid", "write_study"]
