"""What holds for every object: valid, the same each time, of this patient, and nothing that was not asked for."""

from __future__ import annotations

import datetime
import io
import logging
import sys
import types
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import UID

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.objects.capture import secondary_capture
from lymphoscope.io.objects.making import SERIES_NUMBERS, _of_one_length, _written
from lymphoscope.io.objects.parametric import parametric_map
from lymphoscope.io.objects.pdf import encapsulated_pdf

KINDS = [kind for kind in SERIES_NUMBERS if kind != "rtstruct"]
SHAPE = (14, 20, 18)


@pytest.mark.system
def test_the_validator_finds_no_error(any_archive, tools, tmp_path) -> None:
    made = any_archive.every_kind()
    assert {kind: tools.faults(one, tmp_path) for kind, one in made.items()} == {kind: [] for kind in KINDS}


@pytest.mark.system
def test_the_validator_finds_no_error_without_a_lesion(archive, tools, tmp_path) -> None:
    from lymphoscope.io.objects.sr import measurement_report  # noqa: PLC0415

    assert tools.faults(measurement_report(archive.making(), tools.record_of([]), None), tmp_path) == []


@pytest.mark.system
def test_the_validator_finds_no_error_in_the_least_that_a_source_may_say(archive, tools, tmp_path) -> None:
    archive.edit = _bare
    made = archive.every_kind()
    assert {kind: tools.faults(one, tmp_path) for kind, one in made.items()} == {kind: [] for kind in KINDS}
    assert all(tools.read(one).PatientName == "" for one in made.values())


def _bare(dataset: Dataset, _: int) -> None:
    """Take away everything that reading can do without."""
    for keyword in (
        "AccessionNumber", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate",
        "StudyTime", "ReferringPhysicianName", "StudyDescription", "PatientWeight", "PatientSize", "PatientAge",
        "PositionReferenceIndicator", "Manufacturer", "ManufacturerModelName", "SliceThickness", "InstanceNumber",
        "BodyPartExamined", "SpecificCharacterSet", "SeriesNumber", "SeriesDescription",
    ):  # fmt: skip
        if keyword in dataset:
            delattr(dataset, keyword)


@pytest.fixture
def another_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the clock that highdicom reads to long ago."""

    class Then(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return cls(1999, 12, 31, 23, 59, 58, 123456)

    then = types.SimpleNamespace(**{**vars(datetime), "datetime": Then})
    for name, module in list(sys.modules.items()):
        if name.startswith("highdicom") and getattr(module, "datetime", None) is datetime:
            monkeypatch.setattr(module, "datetime", then)


def test_the_same_input_gives_the_same_bytes_at_another_time(archive, request) -> None:
    first = archive.every_kind()
    request.getfixturevalue("another_clock")
    assert {k: m.content for k, m in archive.every_kind().items()} == {k: m.content for k, m in first.items()}


def test_no_clock_is_in_any_object(archive, tools, another_clock) -> None:
    for made in archive.every_kind().values():
        assert b"19991231" not in made.content
        found = tools.read(made)
        assert found.SeriesDate == "20240301"
        assert found.get("ContentDate", "20240301") == "20240301"
        today = datetime.datetime.now().strftime("%Y%m%d").encode()
        assert today not in made.content


def _uids(found: Dataset) -> tuple[str, str]:
    return found.SOPInstanceUID, found.SeriesInstanceUID


def test_other_bytes_other_uids(archive, tools) -> None:
    before = {kind: _uids(made.dataset) for kind, made in archive.every_kind().items()}
    assert len({uid for pair in before.values() for uid in pair}) == 2 * len(before)
    archive.version = "1.2.4"
    after = {kind: _uids(made.dataset) for kind, made in archive.every_kind().items()}
    assert all(set(before[kind]).isdisjoint(after[kind]) for kind in before)
    making = archive.making()
    assert encapsulated_pdf(making, b"%PDF a").dataset.SOPInstanceUID != (
        encapsulated_pdf(making, b"%PDF b").dataset.SOPInstanceUID
    )
    other = replace(making, settings_sha256="00" * 32)
    assert encapsulated_pdf(making, b"%PDF").dataset.SOPInstanceUID != (
        encapsulated_pdf(other, b"%PDF").dataset.SOPInstanceUID
    )


def test_uids_are_valid_and_none_is_a_random_one(archive, tools) -> None:
    placeholders = {_of_one_length("placeholder", n) for n in range(9)}
    for made in archive.every_kind().values():
        found = tools.read(made)
        assert found == pydicom.dcmread(io.BytesIO(_written(made.dataset))), "the dataset is what was written"
        assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID

        def check(_: Dataset, element: pydicom.DataElement) -> None:
            if element.VR == "UI" and element.value:
                assert UID(element.value).is_valid
                assert not element.value.startswith("1.2.826.0.1.3680043.10.511.3.")
                assert element.value not in placeholders

        found.walk(check)


def test_a_source_with_uids_of_the_same_library_keeps_them(archive, tools) -> None:
    frame = "1.2.826.0.1.3680043.10.511.3.77"
    archive.grid = Geometry(archive.grid.shape, archive.grid.affine, frame)
    assert all(tools.read(m).get("FrameOfReferenceUID", frame) == frame for m in archive.every_kind().values())


def test_objects_are_filed_with_the_patient_and_study(archive, tools) -> None:
    source = archive.source().slices[0]
    for kind, made in archive.every_kind().items():
        found = tools.read(made)
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
            assert found[keyword].value == source[keyword].value, (kind, keyword)
        assert found.PatientName == "MÜLLER^ÄNNE"
        assert found.SeriesInstanceUID != source.SeriesInstanceUID
        assert found.SeriesNumber == SERIES_NUMBERS[kind] >= 900
        assert found.Manufacturer == "Lymphoscope"


def test_nothing_else_is_taken_over(archive) -> None:
    secrets = ("INSTITUTE", "OPERATOR", "STATION", "OTHERID", "COMMENT", "PRIVATE", "ADDRESS", "PROTOCOL", "SERIAL")

    def plant(dataset: Dataset, _: int) -> None:
        dataset.InstitutionName, dataset.OperatorsName, dataset.StationName = secrets[:3]
        dataset.OtherPatientIDs, dataset.PatientComments = secrets[3:5]
        dataset.private_block(0x0009, "PRIVATE CREATOR", create=True).add_new(1, "LO", "PRIVATE")
        dataset.PatientAddress, dataset.ProtocolName, dataset.DeviceSerialNumber = secrets[6:9]

    archive.edit = plant
    for kind, made in archive.every_kind().items():
        for secret in secrets:
            assert secret.encode() not in made.content, (kind, secret)


def test_odd_values_are_mended_or_kept_and_never_spoken_of(archive, tools, capfd, recwarn) -> None:
    def garble(dataset: Dataset, _: int) -> None:
        dataset.PatientName = "DOE"  # highdicom doubts names without a caret, aloud
        dataset.PatientBirthDate, dataset.StudyTime = "1970", "25:00"
        dataset.PatientSex = "MALE"
        dataset.StudyInstanceUID = "1.2.03.4"  # forbidden, and what the archive knows it by
        dataset.PatientID = "X" * 70
        dataset.StudyDescription = "word " * 20

    logging.getLogger("highdicom").setLevel(logging.NOTSET)
    pydicom.config.settings.reading_validation_mode, before = (
        pydicom.config.IGNORE, pydicom.config.settings.reading_validation_mode,
    )  # fmt: skip
    writing, pydicom.config.settings.writing_validation_mode = (
        pydicom.config.settings.writing_validation_mode, pydicom.config.IGNORE,
    )  # fmt: skip
    try:
        archive.edit = garble
        found = {kind: tools.read(made) for kind, made in archive.every_kind().items()}
        for one in found.values():
            assert (one.PatientName, one.PatientBirthDate, one.PatientSex) == ("DOE", "", "")
            assert (one.StudyInstanceUID, one.PatientID, one.StudyTime) == ("1.2.03.4", "X" * 70, "")
            assert len(one.get("StudyDescription", "")) <= 64
    finally:
        pydicom.config.settings.reading_validation_mode = before
        pydicom.config.settings.writing_validation_mode = writing
    out, err = capfd.readouterr()
    assert out == err == "" and not [w for w in recwarn if "DOE" in str(w.message)]


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        (
            {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう"},
            {"PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう"},
        ),
        ({"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Ö"}, {"PatientName": "Müller^Ö"}),
        ({"PatientID": "1\\2", "PatientName": "A\\B"}, {"PatientID": ["1", "2"], "PatientName": "A B"}),
        ({"StudyDescription": "line\nbreak"}, {"StudyDescription": "line break"}),
        ({"StudyDate": "20240301", "StudyTime": "0955"}, {"StudyDate": "20240301", "StudyTime": "0955"}),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_names_and_numbers_arrive_as_the_archive_knows_them(archive, tools, facts, kept) -> None:
    def write(dataset: Dataset, _: int) -> None:
        for keyword, value in facts.items():
            setattr(dataset, keyword, value)
        file = io.BytesIO()
        pydicom.dcmwrite(file, dataset, enforce_file_format=True)
        dataset.__dict__.update(pydicom.dcmread(io.BytesIO(file.getvalue())).__dict__)

    archive.edit = write
    for kind, made in archive.every_kind().items():
        found = tools.read(made)
        assert {k: found[k].value for k in kept if k in found} == {k: v for k, v in kept.items() if k in found}, kind
        assert "PatientName" in found and "PatientID" in found


def test_settings_of_other_libraries_are_as_before(archive) -> None:
    before = pydicom.config.settings.writing_validation_mode, logging.getLogger("highdicom").level
    archive.every_kind()
    assert (pydicom.config.settings.writing_validation_mode, logging.getLogger("highdicom").level) == before


@pytest.mark.parametrize("keyword", ["FrameOfReferenceUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_a_source_without_something_to_refer_to_is_refused(archive, keyword: str) -> None:
    def take(dataset: Dataset, _: int) -> None:
        delattr(dataset, keyword)

    archive.edit = take
    with pytest.raises(LymphoscopeError, match="OUT-E-SOURCE"):
        archive.source()


def test_a_source_without_a_date_is_refused(archive) -> None:
    def take(dataset: Dataset, _: int) -> None:
        for event in ("Study", "Series", "Acquisition", "Content"):
            delattr(dataset, f"{event}Date")

    archive.edit = take
    with pytest.raises(LymphoscopeError, match="OUT-E-SOURCE"):
        archive.source()


def test_another_grid_is_refused(archive) -> None:
    from lymphoscope.io.header import Header  # noqa: PLC0415
    from lymphoscope.io.objects.source import source_of  # noqa: PLC0415
    from lymphoscope.io.slices import Stack  # noqa: PLC0415

    source = archive.source()
    moved = np.array(archive.grid.affine)
    moved[2, 3] += 2.0
    headers = tuple(Header(None, s) for s in source.slices)
    with pytest.raises(LymphoscopeError, match="OUT-E-GRID"):
        source_of(Stack(headers, archive.grid), Geometry(SHAPE, moved))


def test_the_picture_comes_back(archive, tools) -> None:
    picture = tools.png()
    found = tools.read(secondary_capture(archive.making(), picture))
    from PIL import Image  # noqa: PLC0415

    assert np.array_equal(found.pixel_array, np.asarray(Image.open(io.BytesIO(picture))))
    assert (found.ConversionType, found.BurnedInAnnotation, found.BodyPartExamined) == ("WSD", "NO", "WHOLEBODY")
    assert found.ImageType[0] == "DERIVED"


@pytest.mark.parametrize("pdf", [b"%PDF-1.7 even", b"%PDF-1.7 odd"])
def test_the_pdf_comes_back(archive, tools, pdf: bytes) -> None:
    found = tools.read(encapsulated_pdf(archive.making(), pdf))
    assert found.EncapsulatedDocument[: found.EncapsulatedDocumentLength] == pdf
    assert len(found.EncapsulatedDocument) % 2 == 0
    assert (found.MIMETypeOfEncapsulatedDocument, found.BurnedInAnnotation) == ("application/pdf", "YES")
    assert found.ConceptNameCodeSequence[0].CodeValue == "18748-4"


def test_suv_comes_back_to_the_bit(any_archive, tools) -> None:
    suv = np.random.default_rng(8).uniform(0, 30, any_archive.grid.shape).astype(np.float32)
    found = tools.read(parametric_map(any_archive.making(), Volume(suv, any_archive.grid, Unit.SUV_BW)))
    frames = np.frombuffer(found.FloatPixelData, "<f4").reshape(suv.shape)
    for groups, frame in zip(found.PerFrameFunctionalGroupsSequence, frames, strict=True):
        place = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        k, j, i = any_archive.grid.to_index(place)
        assert abs(j) < 0.01 and abs(i) < 0.01
        assert np.array_equal(frame, suv[round(k)])
    mapping = found.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "g/ml{SUVbw}"
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)


def test_a_map_of_anything_but_suv_is_refused(archive) -> None:
    volume = Volume(np.zeros(SHAPE, np.float32), archive.grid, Unit.HU)
    with pytest.raises(LymphoscopeError, match="GEO-E-UNIT"):
        parametric_map(archive.making(), volume)
