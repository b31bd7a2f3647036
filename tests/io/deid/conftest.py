"""A hospital whose files name their patient wherever DICOM has room for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence

from lymphoscope.io.deid.secret import Secret

NAME, NUMBER, PHYSICIAN = "WOLFESCHLEGEL^HUBERTINE", "MRN7718204", "QUACKENBUSH^OTTOKAR"
WORDS = ("wolfeschlegel", "hubertine", "mrn7718204", "quackenbush", "ottokar", "sanatorium", "zauberberg", "19470831")
"""What must be nowhere in the output, in lower case."""
KEY = Secret(b"a key for tests, 32 bytes long..")


def plant(dataset: Dataset, number: int) -> None:
    """Write who the patient is into every corner of a data set."""
    dataset.update(_header())
    for keyword in ("SeriesDescription", "StudyDescription", "ProtocolName", "ManufacturerModelName"):
        dataset[keyword] = DataElement(keyword, "LO", f"PET {NAME} {NUMBER} WB")
    dataset.BodyPartExamined = "HUBERTINE"
    dataset.FilterType = NUMBER
    dataset[0x00181100] = DataElement(0x00181100, "DS", "1.0")
    dataset[0x00181100]._value = NAME  # ReconstructionDiameter: a number by the standard
    dataset[0x00180060] = DataElement(0x00180060, "PN", NAME)  # KVP, with another value type than it has
    nested, deeper = Dataset(), Dataset()
    deeper.PatientName, deeper.PatientID, deeper.TextValue = NAME, NUMBER, f"{PHYSICIAN} at Zauberberg"
    nested.RequestAttributesSequence = Sequence([deeper])
    nested.ScheduledProcedureStepDescription = NUMBER
    dataset.RequestAttributesSequence = Sequence([nested])
    dataset.ReferencedStudySequence = Sequence([nested])
    injection = dataset.get("RadiopharmaceuticalInformationSequence")
    if injection:
        injection[0].update(nested)
        injection[0].RadiopharmaceuticalRoute = f"by {PHYSICIAN}"
        injection[0].RadionuclideCodeSequence[0].CodeMeaning = f"for {NAME}"
    for group, creator in ((0x0009, NUMBER), (0x0029, "SIEMENS CSA HEADER"), (0x7053, "Philips PET Private Group")):
        block = dataset.private_block(group, creator, create=True)
        block.add_new(0x77, "LO", NAME)
        block.add_new(0x78, "OB", f"{NAME} {PHYSICIAN} ".encode())
        block.add_new(0x79, "SQ", Sequence([deeper]))
        block.add_new(0x7A, "UN", NUMBER.encode())
    dataset.add_new(0x60003000, "OW", f"{NAME} in an overlay ".encode())
    dataset.add_new(0x60000022, "LO", NAME)
    dataset.add_new(0x50003000, "OW", f"{NAME} in a curve ".encode())
    dataset.add_new(0x00091001, "LO", NAME)  # private, without a creator
    dataset.add_new(0xFFFCFFFC, "OB", NAME.encode() + b" ")
    dataset.ImageComments = f"slice {number} of {NAME}"


def _header() -> Dataset:
    header = Dataset()
    header.PatientName, header.PatientID, header.PatientBirthDate = NAME, NUMBER, "19470831"
    header.OtherPatientIDs, header.OtherPatientNames = NUMBER, PHYSICIAN
    header.PatientComments = header.AdditionalPatientHistory = f"{NAME}, from the Zauberberg"
    header.InstitutionName, header.InstitutionAddress = "Sanatorium Zauberberg", "Zauberberg 1"
    header.StationName, header.DeviceSerialNumber = "ZAUBERBERG1", NUMBER
    header.ReferringPhysicianName = header.OperatorsName = header.PerformingPhysicianName = PHYSICIAN
    header.AccessionNumber = header.StudyID = NUMBER
    header.PersonAddress = NAME
    return header


def bytes_below(folder: Path) -> bytes:
    """All bytes below a folder, and the names of its files and folders."""
    parts = [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [str(path.relative_to(folder)).encode() for path in folder.rglob("*")]
    return b"\n".join([*parts, *names]).lower()


def original_uids(folder: Path) -> set[str]:
    """Every UID of the originals that is not the standard's own."""
    found: set[str] = set()
    for path in sorted(folder.rglob("*.dcm"))[::3]:  # every third: reading them all takes longer than all else
        for element in dcmread(path, force=True, stop_before_pixels=True).iterall():
            if element.VR == "UI":
                values = element.value if isinstance(element.value, Iterable) and element.VM > 1 else [element.value]
                found |= {str(v) for v in values if v and not str(v).startswith("1.2.840.10008.")}
    return found


@pytest.fixture
def planted(clinic: object) -> Callable[..., object]:
    """A clinic whose files all name their patient, in any convention and transfer syntax."""

    def make(convention: str = "siemens", syntax: str = "explicit", days: int = 0) -> object:
        facts = clinic.patient  # type: ignore[attr-defined]
        later = timedelta(days=days)
        facts = replace(facts, scanned=facts.scanned + later, injected=facts.injected + later)
        made = replace(clinic, patient=replace(facts, name=NAME, patient_id=NUMBER, birth_date="19470831"))
        made.pet(f"Wolfeschlegel {days}", plant, syntax, convention)
        made.ct(f"MRN7718204 {days}", plant, "explicit")
        return made

    return make
