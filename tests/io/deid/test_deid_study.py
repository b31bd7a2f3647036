"""Nothing of the patient comes out, and SUV comes out as it went in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.io.conventions import CONVENTIONS
from lymphoscope.io.deid.secret import Secret
from lymphoscope.io.deid.study import Choice, Cleaned, deidentify_study
from lymphoscope.io.files import walk
from lymphoscope.io.foreign.drawn import read_drawn
from lymphoscope.io.intake import load_study

from .conftest import KEY, NAME, NUMBER, PHYSICIAN, WORDS, bytes_below, original_uids, plant


def deid(folder: Path, out: Path, choice: Choice | None = None, key: Secret = KEY) -> Cleaned:
    return deidentify_study(list(walk(folder)), out, key, choice)


@pytest.mark.parametrize("convention", sorted(CONVENTIONS))
def test_suv_is_equal_to_the_bit_and_no_byte_names_the_patient(
    planted: Callable, tmp_path: Path, convention: str
) -> None:
    clinic = planted(convention)
    cleaned = deid(clinic.root, tmp_path / "out")
    assert dict(cleaned.written) == {"PT": 16, "CT": 22}
    everything, uids = bytes_below(tmp_path / "out"), original_uids(clinic.root)
    assert len(uids) > 12
    assert not [word for word in (*WORDS, *uids) if word.lower().encode() in everything]

    before, after = load_study(clinic.root, research_tracer=True), load_study(tmp_path / "out", research_tracer=True)
    for name in ("pet", "ct"):
        assert before.volumes[name].array.tobytes() == after.volumes[name].array.tobytes()
        assert np.array_equal(before.volumes[name].geometry.affine, after.volumes[name].geometry.affine)
    for fact in ("factor_min", "factor_max", "uptake_min", "dose_bq", "weight_kg", "height_m", "sex", "branch",
                 "t_ref_source", "t_inj_source", "half_life_s", "nuclide", "fdg", "multipliers"):  # fmt: skip
        assert getattr(before.suv, fact) == getattr(after.suv, fact), fact
    if before.suv.t_ref is not None:
        assert (after.suv.t_ref - before.suv.t_ref).days == cleaned.days


def test_the_search_finds_what_is_there(planted: Callable) -> None:
    assert all(word.encode() in bytes_below(planted().root) for word in WORDS)


@pytest.mark.parametrize("syntax", ["implicit", "big-endian", "deflated", "rle", "jpeg-ls", "jpeg-2000"])
def test_every_transfer_syntax_comes_out_plain_and_equal(planted: Callable, tmp_path: Path, syntax: str) -> None:
    clinic = planted("siemens", syntax)
    deid(clinic.root, tmp_path / "out")
    files = sorted((tmp_path / "out").rglob("*.dcm"))
    assert {dcmread(f, stop_before_pixels=True).file_meta.TransferSyntaxUID for f in files} == {"1.2.840.10008.1.2.1"}
    assert load_study(clinic.root).pet.array.tobytes() == load_study(tmp_path / "out").pet.array.tobytes()
    assert not [word for word in WORDS if word.encode() in bytes_below(tmp_path / "out")]


def test_time_between_studies_stays_and_the_days_do_not(planted: Callable, tmp_path: Path) -> None:
    first = planted()
    early = load_study(first.root / "Wolfeschlegel 0")
    second = replace(first, root=tmp_path / "second")
    second.root.mkdir()
    second = second.later_study()
    second.pet("pet", plant)
    one, two = deid(first.root, tmp_path / "out"), deid(second.root, tmp_path / "out")
    assert one.pseudonym == two.pseudonym
    assert one.days == two.days and -365 <= one.days <= -1
    assert one.study != two.study
    days = sorted({f.StudyDate for f in map(dcmread, (tmp_path / "out").rglob("*.dcm"))})
    a, b = (np.datetime64(f"{d[:4]}-{d[4:6]}-{d[6:]}") for d in days)
    assert (b - a).astype(int) == 60
    assert early.suv.t_inj is not None


def test_same_key_same_bytes_other_key_other_names(planted: Callable, tmp_path: Path) -> None:
    root = planted().root
    for name, key in (("a", KEY), ("b", KEY), ("c", Secret(b"another key for tests, 32 bytes."))):
        deid(root, tmp_path / name, key=key)
    assert bytes_below(tmp_path / "a") == bytes_below(tmp_path / "b")
    names = [{p.name for p in (tmp_path / n).rglob("*")} for n in ("a", "c")]
    assert not names[0] & names[1]


def test_declares_what_was_done(planted: Callable, tmp_path: Path) -> None:
    cleaned = deid(planted().root, tmp_path / "out")
    made = dcmread(next((tmp_path / "out").rglob("*.dcm")))
    assert made.PatientIdentityRemoved == "YES"
    assert made.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = {item.CodeValue for item in made.DeidentificationMethodCodeSequence}
    assert codes == {"113100", "113105", "113107", "113108", "113111"}
    assert str(made.PatientName) == made.PatientID == cleaned.pseudonym
    assert made.PatientBirthDate == made.AccessionNumber == made.StudyID == ""
    assert "SpecificCharacterSet" not in made
    assert made.preamble == b"\0" * 128


def test_descriptions_keep_the_words_that_tell_nothing(planted: Callable, tmp_path: Path) -> None:
    deid(planted().root, tmp_path / "out")
    made = dcmread(next((tmp_path / "out").rglob("pt-*/*.dcm")))
    assert made.SeriesDescription == "PET WB"
    assert "BodyPartExamined" not in made
    assert "KVP" not in made and "ReconstructionDiameter" not in made


REFUSED_OBJECTS = {
    "report": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33"},
    "pdf": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"},
    "picture": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
    "presentation": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1"},
    "unknown": {"SOPClassUID": "1.3.6.1.4.1.9590.1"},
    "burned": {"BurnedInAnnotation": "YES"},
    "screen": {"ImageType": ["DERIVED", "PRIMARY", "SCREEN SAVE"]},
    "secondary": {"ImageType": ["DERIVED", "SECONDARY"]},
    "colour": {"SamplesPerPixel": 3},
}


@pytest.mark.parametrize("kind", REFUSED_OBJECTS)
def test_what_may_show_the_patient_is_left_out(planted: Callable, tmp_path: Path, kind: str) -> None:
    clinic = planted()
    path = next((clinic.root / "MRN7718204 0").glob("*.dcm"))
    dataset = dcmread(path)
    for keyword, value in REFUSED_OBJECTS[kind].items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    cleaned = deid(clinic.root, tmp_path / "out")
    code = "DEID-W-OBJECT" if "SOPClassUID" in REFUSED_OBJECTS[kind] else "DEID-W-BURNEDIN"
    assert cleaned.left_out == [(str(path), code)]
    assert cleaned.written["CT"] == 21
    assert code in {message.code for message in cleaned.notes}


def test_secondary_images_are_taken_when_asked(planted: Callable, tmp_path: Path) -> None:
    clinic = planted()
    path = next(clinic.root.rglob("*.dcm"))
    dataset = dcmread(path)
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.save_as(path)
    assert not deid(clinic.root, tmp_path / "out", Choice(secondary=True)).left_out


def test_pixels_are_cut_to_the_image_and_to_the_bits_stored(clinic: object, tmp_path: Path) -> None:
    folder = clinic.ct()  # type: ignore[attr-defined]
    path = sorted(folder.glob("*.dcm"))[0]
    dataset = dcmread(path)
    stored = np.arange(40 * 40, dtype=np.uint16).reshape(40, 40) % 4096
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, 0
    dataset.PixelData = (stored | 0xA000).tobytes() + NAME.encode().ljust(64)
    dataset.save_as(path)
    deid(folder, tmp_path / "out")
    sizes = [len(f.PixelData) for f in map(dcmread, (tmp_path / "out").rglob("*.dcm"))]
    assert set(sizes) == {40 * 40 * 2}
    pixels = [np.frombuffer(f.PixelData, "<u2") for f in map(dcmread, (tmp_path / "out").rglob("*.dcm"))]
    assert any(np.array_equal(p, stored.ravel()) for p in pixels)
    assert b"wolfeschlegel" not in bytes_below(tmp_path / "out")


def test_a_torn_file_is_left_out_and_told(planted: Callable, tmp_path: Path) -> None:
    clinic = planted()
    torn, tiny = sorted((clinic.root / "MRN7718204 0").glob("*.dcm"))[:2]
    torn.write_bytes(torn.read_bytes()[:-500])
    tiny.write_bytes(tiny.read_bytes()[:150])
    cleaned = deid(clinic.root, tmp_path / "out")
    assert dict(cleaned.left_out) == {str(torn): "IO-E-TRUNCATED", str(tiny): "DEID-W-UNREADABLE"}
    for message in cleaned.notes:
        assert not [word for word in WORDS if word in message.text.lower()]


def test_two_patients_in_one_study_are_refused(planted: Callable, tmp_path: Path) -> None:
    clinic = planted()
    path = next(clinic.root.rglob("*.dcm"))
    dataset = dcmread(path)
    dataset.PatientID = "ANOTHER1"
    dataset.save_as(path)
    with pytest.raises(LymphoscopeError) as caught:
        deid(clinic.root, tmp_path / "out")
    assert caught.value.code == "IO-E-MIXEDPATIENT"
    assert not list((tmp_path / "out").rglob("*.dcm"))


def test_a_study_of_reports_alone_is_refused(planted: Callable, tmp_path: Path) -> None:
    clinic = planted()
    for path in clinic.root.rglob("*.dcm"):
        dataset = dcmread(path)
        dataset.BurnedInAnnotation = "YES"
        dataset.save_as(path)
    with pytest.raises(LymphoscopeError, match="38 × DEID-W-BURNEDIN") as caught:
        deid(clinic.root, tmp_path / "out")
    assert caught.value.code == "DEID-E-NOTHING"


def test_without_a_number_the_study_stands_for_the_patient(planted: Callable, tmp_path: Path) -> None:
    clinic = planted()
    for path in clinic.root.rglob("*.dcm"):
        dataset = dcmread(path)
        dataset.PatientID = dataset.PatientName = dataset.PatientBirthDate = ""
        dataset.save_as(path)
    assert "DEID-W-NONUMBER" in {m.code for m in deid(clinic.root, tmp_path / "out").notes}


@pytest.mark.parametrize(("age", "kept"), [("075Y", "075Y"), ("089Y", "089Y"), ("090Y", "090Y"), ("097Y", "090Y")])
def test_the_oldest_are_told_as_ninety(clinic: object, tmp_path: Path, age: str, kept: str) -> None:
    def edit(dataset: Dataset, _: int) -> None:
        dataset.PatientAge = age

    deid(clinic.pet("pet", edit), tmp_path / "out")  # type: ignore[attr-defined]
    assert dcmread(next((tmp_path / "out").rglob("*.dcm"))).PatientAge == kept


def test_ambiguous_names_do_not_hide_in_terms(clinic: object, tmp_path: Path) -> None:
    """A patient called Lung Chest: no free text says so, and no term of the standard is lost."""

    def edit(dataset: Dataset, _: int) -> None:
        dataset.PatientName, dataset.SeriesDescription = "LUNG^CHEST", "PET lung chest WB"

    deid(clinic.pet("pet", edit), tmp_path / "out")  # type: ignore[attr-defined]
    made = dcmread(next((tmp_path / "out").rglob("*.dcm")))
    assert made.SeriesDescription == "PET WB"
    assert list(made.ImageType)[:2] == ["ORIGINAL", "PRIMARY"]


@pytest.mark.shared
def test_contours_of_real_studies_are_the_same_masks(shared: Path, tmp_path: Path) -> None:
    source = shared / "sts_fdg_petct" / "dicom" / "STS_019"
    deid(source, tmp_path / "out", Choice(secondary=True))
    before, after = load_study(source / "PET"), load_study(tmp_path / "out")
    assert before.pet.array.tobytes() == after.pet.array.tobytes()
    contours = next((source / "PET" / "mask").iterdir())
    wanted = read_drawn(contours, before.pet, Notes()).regions
    found = [_regions(path, after.pet) for path in sorted((tmp_path / "out").rglob("rtstruct-*/*.dcm"))]
    masks = [r.inside.tobytes() for regions in found if regions for r in regions]
    assert next(r.inside.tobytes() for r in wanted) in masks
    everything = bytes_below(tmp_path / "out")
    assert not [uid for uid in original_uids(source) if uid.encode() in everything]
    assert b"sts_019" not in everything


def _regions(path: Path, pet: object) -> object:
    try:
        return read_drawn(path, pet, Notes()).regions
    except LymphoscopeError:  # contours drawn on CT or MR
        return None


def test_names_in_this_file_are_the_planted_ones() -> None:
    folded = f"{NAME} {NUMBER} {PHYSICIAN}".lower()
    assert sum(word in folded for word in WORDS) == 5
