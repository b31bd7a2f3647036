from __future__ import annotations

import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, PositronEmissionTomographyImageStorage

from lymphoscope.app.batch.find import StudyFiles, Tree, find_studies
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.header import digest


def header(path: Path, study: str = "1.2.3", number: int = 1, **others: str) -> Path:
    """Write a DICOM file without pixels."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = PositronEmissionTomographyImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = f"{study or '1'}.{number}"
    dataset.Modality, dataset.PatientName, dataset.InstanceNumber = "PT", "BEEBLEBROX^ZAPHOD", number
    if study:
        dataset.StudyInstanceUID = study
    for name, value in others.items():
        setattr(dataset, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def files_of(found: Tree) -> dict[str, set[str]]:
    return {study.name: {Path(file).name for file in study.files} for study in found.studies}


def one(found: Tree) -> StudyFiles:
    [study] = found.studies
    return study


def test_a_mess_is_sorted_into_its_studies(mess: Path) -> None:
    found = find_studies(mess)
    kinds = sorted((study.kind, len(study.files)) for study in found.studies)
    # PET of 24 and CT of 24 slices in two folders; two studies in one folder; no weight; a slice missing; one damaged
    sizes = [("dicom", n) for n in (48, 24, 24, 24, 23, 24)]
    assert kinds == sorted([*sizes, ("archive", 1), ("nifti", 2)])
    assert (found.copies, found.other_files, found.closed_folders) == (1, 3, 0)
    assert len({study.name for study in found.studies}) == 8
    assert "BEEBLEBROX" not in repr(found) and "mess" not in repr(found)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=12))
def test_studies_are_found_wherever_their_files_lie(places: list[tuple[int, int]], tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    wanted: dict[str, set[str]] = {}
    for number, (study, folder) in enumerate(places, 1):
        uid = f"1.2.{study}"
        header(tree / f"folder{folder}" / f"f{number}", uid, number)
        wanted.setdefault(digest(uid), set()).add(f"f{number}")
    assert files_of(find_studies(tree)) == wanted


def test_the_same_files_are_known_again_after_moving_and_renaming(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        header(tmp_path / "a" / f"{number}.dcm", number=number)
    before = one(find_studies(tmp_path))
    (tmp_path / "b" / "c").mkdir(parents=True)
    shutil.move(tmp_path / "a" / "2.dcm", tmp_path / "b" / "c" / "BEEBLEBROX")
    after = one(find_studies(tmp_path))
    assert (after.name, after.input_sha256) == (before.name, before.input_sha256)


@pytest.mark.parametrize("what", ["a slice comes late", "a slice is gone", "a weight is mended"])
def test_a_changed_study_keeps_its_name_and_is_known_as_changed(what: str, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        header(tmp_path / f"{number}.dcm", number=number, PatientWeight="70")
    before = one(find_studies(tmp_path))
    if what == "a slice comes late":
        header(tmp_path / "4.dcm", number=4, PatientWeight="70")
    elif what == "a slice is gone":
        (tmp_path / "3.dcm").unlink()
    else:
        header(tmp_path / "3.dcm", number=3, PatientWeight="71")
    after = one(find_studies(tmp_path))
    assert after.name == before.name and after.input_sha256 != before.input_sha256


def test_a_damaged_file_counts_for_every_study_of_its_folder(tmp_path: Path) -> None:
    header(tmp_path / "f" / "1", "1.2.1")
    header(tmp_path / "f" / "2", "1.2.2")
    header(tmp_path / "g" / "3", "1.2.3")
    torn = header(tmp_path / "f" / "torn", "1.2.9")
    torn.write_bytes(torn.read_bytes()[:160])
    assert files_of(find_studies(tmp_path)) == {
        digest("1.2.1"): {"1", "torn"},
        digest("1.2.2"): {"2", "torn"},
        digest("1.2.3"): {"3"},
    }
    lonely = tmp_path / "lonely" / "torn"
    lonely.parent.mkdir()
    lonely.write_bytes(torn.read_bytes() + b"\0")
    assert {"torn"} in files_of(find_studies(tmp_path)).values(), "not lost where it is alone"


def test_files_without_a_study_uid_belong_to_their_folder(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        for number in (1, 2):
            header(tmp_path / folder / f"{folder}{number}", "", number, PatientID=folder)
    assert sorted(map(sorted, files_of(find_studies(tmp_path)).values())) == [["a1", "a2"], ["b1", "b2"]]


def test_results_of_ours_are_no_studies(tmp_path: Path) -> None:
    case = tmp_path / "case"
    header(case / "seg.dcm")
    for name in ("run.json", "report.json", "report.html", "pet.nii.gz"):
        (case / name).write_text("{}")
    found = find_studies(tmp_path)
    assert found.studies == () and found.other_files == 5


def test_archives_are_taken_by_their_names_and_judged_when_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 broken")
    (tmp_path / "old.tar.gz").write_bytes(b"\x1f\x8b\x08 old")
    (tmp_path / "clinical.xlsx").write_bytes(b"PK\x03\x04 a table")
    found = find_studies(tmp_path)
    assert [study.kind for study in found.studies] == ["archive", "archive"] and found.other_files == 1


def test_a_zip_is_known_by_its_contents_not_by_its_names(tmp_path: Path) -> None:
    for archive, inside in (("a.zip", "BEEBLEBROX.dcm"), ("b.zip", "other.dcm")):
        with ZipFile(tmp_path / archive, "w") as made:
            made.writestr(inside, b"the same")
    found = find_studies(tmp_path)
    assert len(found.studies) == 1 and found.copies == 1


def test_files_that_cannot_be_opened_are_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header(tmp_path / "f" / "1", "1.2.1")
    closed = header(tmp_path / "f" / "closed", "1.2.1", 2)
    real = Path.open

    def guarded(self: Path, *words, **others):
        if self == closed:
            raise PermissionError(13, "no", str(self))
        return real(self, *words, **others)

    monkeypatch.setattr(Path, "open", guarded)
    assert files_of(find_studies(tmp_path)) == {digest("1.2.1"): {"1", "closed"}}


def test_without_a_tree_there_is_no_batch(tmp_path: Path) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        find_studies(tmp_path / "BEEBLEBROX")
    assert caught.value.code == "IO-E-PATH" and "BEEBLEBROX" not in str(caught.value)
