"""A messy folder: everything that is DICOM is found, everything else is counted, nothing crashes."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from pydicom import config, dcmread, dcmwrite
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.fileset import FileSet
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.io import files
from lymphoscope.io.files import scan
from lymphoscope.io.header import Header, lenient_reading


def strip_preamble(path: Path, keep_meta: bool) -> None:
    """Rewrite a file without its 128 bytes, and without its file meta information when asked."""
    data = path.read_bytes()[132:]
    if not keep_meta:
        data = data[12 + int.from_bytes(data[8:12], "little") :]
    path.write_bytes(data)


def test_mess_is_sorted_out(clinic) -> None:
    """H 32: nested folders, no extensions, a DICOMDIR, texts, empty files, pictures, links and loops."""
    pet = clinic.pet("a/b/c"), clinic.ct("a/d")
    for path in list(pet[0].iterdir())[:5]:
        path.rename(path.with_suffix(""))
    for name, content in {
        "readme.txt": b"PatientName",
        "empty": b"",
        "x.jpg": b"\xff\xd8\xff",
        "viewer.exe": b"MZ",
    }.items():
        (clinic.root / name).write_bytes(content)
    fileset = FileSet()
    fileset.add(next(iter(pet[1].iterdir())))
    written = clinic.root.parent / "fileset"
    fileset.write(written)
    (clinic.root / "DICOMDIR").write_bytes((written / "DICOMDIR").read_bytes())
    (clinic.root / "a" / "loop").symlink_to(clinic.root, target_is_directory=True)
    os.mkfifo(clinic.root / "pipe")
    found = scan(clinic.root)
    assert len(found.headers) == 38 and found.skipped == 4 and found.damaged == 0
    study = clinic.load()
    assert study.ct is not None
    assert "skipped: 4" in next(m.what for m in study.messages if m.code == "IO-W-SKIPPED")


@pytest.mark.parametrize("keep_meta", [True, False])
@pytest.mark.parametrize("syntax", ["explicit", "implicit"])
def test_no_preamble(clinic, keep_meta, syntax) -> None:
    """H 30."""
    wanted = clinic.load(clinic.pet("whole", syntax=syntax)).pet.array
    bare = clinic.pet("bare", syntax=syntax)
    for path in bare.iterdir():
        strip_preamble(path, keep_meta)
    np.testing.assert_array_equal(clinic.load(bare).pet.array, wanted)


def test_text_that_begins_like_dicom_is_skipped(clinic) -> None:
    clinic.pet()
    (clinic.root / "odd").write_bytes(b"\x08\x00\x05\x00CS\x04\x00" + bytes(range(200)))
    assert scan(clinic.root).skipped == 1


def test_nothing_at_all(clinic) -> None:
    """H 32."""
    assert clinic.refused() == "IO-E-NOTHING"
    (clinic.root / "DOE_JANE.txt").write_text("DOE JANE")
    assert clinic.refused() == "IO-E-NOTHING"
    assert clinic.refused(clinic.root / "DOE_JANE.txt") == "IO-E-NOTHING"
    assert clinic.refused(clinic.root / "absent DOE") == "IO-E-PATH"


def test_header_damaged_beyond_reading(clinic) -> None:
    """H 31: a file that says it is DICOM and breaks off is no mere stray file."""
    folder = clinic.pet()
    (folder / "IM0003.dcm").write_bytes((folder / "IM0003.dcm").read_bytes()[:140])
    assert clinic.refused() == "IO-E-TRUNCATED"


def test_one_file_stands_for_its_series(clinic, new_series) -> None:
    clinic.pet("all", new_series("one", 4))
    clinic.pet("all2", new_series("two", 5))
    for path in (clinic.root / "all2").iterdir():
        path.rename(clinic.root / "all" / f"second-{path.name}")
    assert clinic.refused() == "IO-E-CHOOSE"
    study = clinic.load(clinic.root / "all" / "second-IM0004.dcm")
    assert [f.role for f in study.series] == ["", "pet"]


def test_deflated_bomb_is_refused(clinic, monkeypatch) -> None:
    """H 30: a deflated file is inflated under a limit."""
    folder = clinic.pet(syntax="deflated")
    assert clinic.load(folder).pet.geometry.shape[0] == 16
    monkeypatch.setattr(files, "MOST_INFLATED_BYTES", 2**20)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.128", "2.25.1"
    dataset.PixelData = bytes(2**22)
    dataset["PixelData"].VR = "OW"
    dcmwrite(folder / "bomb.dcm", dataset, enforce_file_format=True)
    assert clinic.refused() == "IO-E-SIZE"


def test_too_many_files(clinic, monkeypatch) -> None:
    """H 54."""
    clinic.pet()
    monkeypatch.setattr(files, "MOST_FILES", 10)
    assert clinic.refused() == "IO-E-SIZE"


@pytest.mark.parametrize("where", ["accession", "station", "sequence"])
def test_values_against_the_standard_warn_once_and_quote_nothing(clinic, where) -> None:
    """H 62: a string that is too long, in an element that is used, one that is not, and one in a sequence."""

    def edit(dataset: Dataset, number: int) -> None:
        with config.disable_value_validation():
            if where == "accession":
                dataset.AccessionNumber = "SECRET123-SECRET123-SECRET123"
            elif where == "station":
                dataset.StationName = "DOE JANE AND A VERY LONG STATION"
            else:
                dataset.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalRoute = "DOE JANE " * 9

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clinic.pet(edit=edit)
    before = config.settings.reading_validation_mode
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        study = clinic.load()
    assert [m.code for m in study.messages].count("IO-W-HEADER") == 1
    # another test's DICOMDIR may be cleaned up meanwhile
    assert not [str(w.message) for w in heard if w.category is not ResourceWarning]
    assert config.settings.reading_validation_mode == before
    assert where != "accession" or study.identity.accession.startswith("SECRET123")


def test_warnings_of_others_pass_through() -> None:
    notes = Notes()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with lenient_reading(notes):
            warnings.warn("mine", RuntimeWarning, stacklevel=1)
    assert [str(w.message) for w in heard] == ["mine"] and not notes.items


def test_reader_set_to_raise_still_reads(clinic, monkeypatch) -> None:
    """H 62: the user's own setting of the library does not make us fail, and is as before afterwards."""
    clinic.pet()
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.RAISE)
    clinic.load()
    assert config.settings.reading_validation_mode == config.RAISE


@pytest.mark.parametrize("charset", [None, "ISO_IR 100", "ISO_IR 192", "ISO 2022 IR 87", "NONSENSE"])
def test_names_in_any_or_no_charset(clinic, charset) -> None:
    """H 63."""
    folder = clinic.pet()
    for path in folder.iterdir():
        dataset = dcmread(path)
        del dataset.SpecificCharacterSet
        dataset.PatientName = "DOE^JANE"
        dcmwrite(path, dataset)
        data = path.read_bytes().replace(b"DOE^JANE", b"D\xd6E^J\xc4N\xff")
        if charset:
            element = b"\x08\x00\x05\x00CS" + (len(charset) + len(charset) % 2).to_bytes(2, "little")
            mark = data.index(b"\x08\x00\x08\x00CS")
            data = data[:mark] + element + charset.ljust(len(charset) + len(charset) % 2).encode() + data[mark:]
        path.write_bytes(data)
    assert clinic.load().identity.name


def test_header_answers_without_fear() -> None:
    dataset = Dataset()
    dataset.ImageType = ["ORIGINAL"]
    with config.disable_value_validation():
        dataset[0x00280030] = RawDataElement(BaseTag(0x00280030), "DS", 6, b"1.5\\x ", 0, False, True)
    header = Header(Path("DOE_JANE.dcm"), dataset)
    assert header.texts("ImageType") == ("ORIGINAL",)
    assert header.numbers("PixelSpacing", 2) is None and header.number("RescaleSlope") is None
    assert header.moment("Series") is None and header.words("PatientName") == "" and header.syntax == ""
    assert header.place == "a file"
    assert Header(Path("IM0007.dcm"), dataset).place == "file IM0007.dcm"


def test_a_folder_that_may_not_be_opened_is_said(clinic, monkeypatch) -> None:
    clinic.pet()

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError("DOE")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(LymphoscopeError) as caught:
        scan(clinic.root)
    assert caught.value.code == "IO-E-PATH"
