"""Which series is taken, which is refused and why; patients and studies that must not be mixed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydicom.dataset import Dataset

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume


def roles(clinic, **settings) -> dict[int, str]:
    study = clinic.load(**settings)
    return {int(f.description[1:]): f.role for f in study.series if f.description.startswith("n")}


def numbered(new_series, number: int, **facts):
    return new_series(f"s{number}", number, SeriesDescription=f"n{number}", **facts)


def nac(dataset: Dataset) -> None:
    dataset.CorrectedImage = [c for c in dataset.CorrectedImage if c != "ATTN"]


def uncorrected(edit):
    def both(dataset: Dataset, number: int) -> None:
        edit(dataset, number)
        nac(dataset)

    return both


def test_corrected_pet_is_taken_beside_the_uncorrected(clinic, new_series) -> None:
    """H 5, 6."""
    clinic.pet("a", numbered(new_series, 2))
    clinic.pet("b", uncorrected(numbered(new_series, 3)))
    assert roles(clinic) == {2: "pet", 3: ""}
    assert "IO-W-NAC" in clinic.codes()
    told = {f.description: f for f in clinic.series()}
    assert told["n3"].code == "IO-W-NAC" and "attenuation" in told["n3"].why
    assert told["n2"].code == "" and "16 slices" in told["n2"].why


def test_only_uncorrected_pet_is_refused(clinic) -> None:
    """H 7."""
    clinic.pet(edit=lambda d, n: nac(d))
    assert clinic.refused() == "SUV-E-NAC"
    assert clinic.series()[0].role == ""


def test_two_equal_series_are_asked_about_and_named(clinic, new_series) -> None:
    """H 5: the answer may be the number, the UID or a part of the description."""
    clinic.pet("a", numbered(new_series, 2))
    clinic.pet("b", numbered(new_series, 3))
    error = clinic.refusal()
    assert error.code == "IO-E-CHOOSE"
    assert "series 2" in str(error) and "series 3" in str(error) and "--pet-series" in str(error)
    uid = next(f.uid for f in clinic.series() if f.description == "n3")
    for wanted in ("3", "n3", "N3", uid):
        assert roles(clinic, pet_series=wanted) == {2: "", 3: "pet"}
    assert clinic.refusal(pet_series="n").code == "IO-E-CHOOSE"
    unknown = clinic.refusal(pet_series="prone")
    assert unknown.code == "USE-E-NAME" and "2, 3" in str(unknown)


def test_named_series_that_cannot_serve_is_refused_by_its_fault(clinic, new_series) -> None:
    clinic.pet("a", numbered(new_series, 2))
    clinic.pet("b", uncorrected(numbered(new_series, 3)))
    assert clinic.refused(pet_series="3") == "SUV-E-NAC"


def test_longer_series_wins(clinic, new_series) -> None:
    clinic.pet("a", numbered(new_series, 2))
    edit = numbered(new_series, 3)
    clinic.pet("b", lambda d, n: edit(d, n) if n <= 8 else False)
    assert roles(clinic) == {2: "pet", 3: ""}


def test_complete_series_wins_over_its_torn_copy(clinic, new_series) -> None:
    clinic.pet("a", numbered(new_series, 2))
    edit = numbered(new_series, 3)
    clinic.pet("b", lambda d, n: edit(d, n) if n != 10 else False)
    assert roles(clinic) == {2: "pet", 3: ""}


def test_torn_longer_series_is_refused_rather_than_replaced_by_a_short_one(clinic, new_series) -> None:
    torn = numbered(new_series, 2)
    clinic.pet("a", lambda d, n: torn(d, n) if n != 10 else False)
    short = numbered(new_series, 3)
    clinic.pet("b", lambda d, n: short(d, n) if n <= 8 else False)
    assert clinic.refused() == "IO-E-GAP"


def test_original_wins_over_derived(clinic, new_series) -> None:
    clinic.pet("a", numbered(new_series, 2, ImageType=["DERIVED", "SECONDARY"]))
    clinic.pet("b", numbered(new_series, 3))
    assert roles(clinic) == {2: "", 3: "pet"}


def test_unmarked_rotating_projection_does_not_stand_in_the_way(clinic, new_series) -> None:
    """H 22: larger than the PET, all at one place, and nothing but DERIVED says what it is."""
    clinic.pet("a", numbered(new_series, 2))
    edit = numbered(
        new_series, 3, ImageType=["DERIVED", "SECONDARY"], ImageOrientationPatient=[1, 0, 0, 0, 0, -1],
        ImagePositionPatient=[0, 0, 0],
    )  # fmt: skip
    clinic.pet("b", edit)
    assert roles(clinic) == {2: "pet", 3: ""}


def test_colour_picture_is_no_slice(clinic, new_series) -> None:
    """H 22."""
    clinic.pet("a", numbered(new_series, 2))
    clinic.pet("b", numbered(new_series, 3, SamplesPerPixel=3))
    assert roles(clinic) == {2: "pet", 3: ""}
    assert clinic.refused(clinic.root / "b") == "IO-E-NOPET"


def test_derived_pet_alone_is_taken(clinic) -> None:
    clinic.pet(edit=lambda d, n: setattr(d, "ImageType", ["DERIVED", "SECONDARY"]))
    assert clinic.load().pet.unit is Unit.SUV_BW


@pytest.mark.parametrize("kind", ["DYNAMIC", "GATED"])
def test_dynamic_and_gated_by_their_tag(clinic, kind) -> None:
    """H 23, 24; one frame that the user names is read."""
    clinic.pet(edit=lambda d, n: setattr(d, "SeriesType", [kind, "IMAGE"]))
    assert clinic.refused() == f"IO-E-{kind}"
    assert clinic.load(pet_series="2").pet.geometry.shape[0] == 16


def test_dynamic_frames_in_one_series(clinic) -> None:
    """H 23."""
    clinic.pet("a")

    def later(dataset: Dataset, number: int) -> None:
        dataset.SOPInstanceUID = f"2.25.99{number}"
        dataset.AcquisitionTime = "113000"

    clinic.pet("b", later)
    assert clinic.refused() == "IO-E-DYNAMIC"


def test_beds_as_series_are_refused(clinic, new_series) -> None:
    """H 25."""
    low, high = numbered(new_series, 2), numbered(new_series, 3)
    clinic.pet("a", lambda d, n: low(d, n) if n <= 8 else False)
    clinic.pet("b", lambda d, n: high(d, n) if n > 8 else False)
    assert clinic.refused() == "IO-E-BEDS"
    assert clinic.load(pet_series="2").pet.geometry.shape[0] == 8


@pytest.mark.parametrize("uid", ["1.2.840.10008.5.1.4.1.1.130", "1.2.840.10008.5.1.4.1.1.128.1"])
def test_enhanced_pet(clinic, uid) -> None:
    """H 27."""
    clinic.pet(edit=lambda d, n: setattr(d, "SOPClassUID", uid))
    assert clinic.refused() == "IO-E-ENHANCED"


@pytest.mark.parametrize("modality", ["MR", "NM", "US", "OT"])
def test_other_modalities(clinic, modality) -> None:
    """H 10."""

    def edit(dataset: Dataset, number: int) -> None:
        dataset.Modality, dataset.SOPClassUID = modality, "1.2.840.10008.5.1.4.1.1.4"

    clinic.pet(edit=edit)
    error = clinic.refusal()
    assert error.code == "IO-E-NOPET" and f"1 {modality}" in str(error)


@pytest.mark.parametrize("word", ["DOE^JANE", "DOE", "PT\\DOE"])
def test_a_modality_that_is_none_is_not_repeated(clinic, word) -> None:
    clinic.pet(edit=lambda d, n: setattr(d, "Modality", word))
    assert "1 unknown" in str(clinic.refusal())
    assert [s.modality for s in clinic.series()] == [""]


def test_a_position_that_is_none_is_not_repeated(clinic) -> None:
    clinic.pet(edit=lambda d, n: setattr(d, "PatientPosition", "DOE"))
    (said,) = [m.text for m in clinic.load().messages if m.code == "IO-W-POSITION"]
    assert "no known word" in said


def test_pet_mr_is_read_as_pet_alone(clinic) -> None:
    """H 10, 11."""
    clinic.pet()

    def edit(dataset: Dataset, number: int) -> None:
        dataset.Modality, dataset.SOPClassUID = "MR", "1.2.840.10008.5.1.4.1.1.4"

    clinic.ct(edit=edit)
    study = clinic.load()
    assert study.ct is None and "IO-W-PETMR" in {m.code for m in study.messages}


def test_pet_alone(clinic) -> None:
    """H 11."""
    clinic.pet()
    assert "IO-W-NOCT" in clinic.codes()


def test_localizer_projection_and_capture_are_dropped(clinic, new_series) -> None:
    """H 22: inside the series and as series of their own."""
    clinic.pet()

    def scout(dataset: Dataset, number: int) -> object:
        dataset.SOPInstanceUID = "2.25.4711"
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        return None if number == 1 else False

    clinic.ct()
    clinic.ct("scout", scout)
    mip = numbered(new_series, 9, SeriesType=["WHOLE BODY", "REPROJECTION"])
    clinic.pet("mip", mip)
    capture = numbered(new_series, 8, SOPClassUID="1.2.840.10008.5.1.4.1.1.7", Modality="PT")
    clinic.pet("capture", capture)
    study = clinic.load()
    assert study.ct is not None and study.ct.geometry.shape[0] == 22
    assert "IO-W-DROPPED" in {m.code for m in study.messages}
    assert {f.code for f in study.series if f.description in ("n8", "n9")} == {"IO-W-DROPPED"}


def test_patients_must_not_be_mixed(clinic) -> None:
    """H 8."""
    clinic.pet(), clinic.ct()
    other = clinic.other_patient()
    other.pet("pet2"), other.ct("ct2")
    assert clinic.refused() == "IO-E-MIXEDPATIENT"


def test_two_patients_in_one_series(clinic) -> None:
    """H 8."""
    clinic.pet(edit=lambda d, n: setattr(d, "PatientID", "HIDDEN456") if n == 3 else None)
    assert clinic.refused() == "IO-E-MIXEDPATIENT"


def test_two_studies_of_one_patient(clinic) -> None:
    """H 8: told by date and count."""
    clinic.pet()
    clinic.later_study().pet("later")
    error = clinic.refusal()
    assert error.code == "IO-E-MIXEDPATIENT"
    assert "16 images of 2024-03-01" in str(error) and "16 images of 2024-04-30" in str(error)


@pytest.mark.parametrize(
    "change", [{"patient_id": "HIDDEN456"}, {"name": "ROE^JOHN"}, {"sex": "F"}, {"birth_date": "19710101"}]
)
def test_pet_and_ct_of_different_patients(clinic, change) -> None:
    """H 9."""
    clinic.pet()
    replace(clinic, patient=replace(clinic.patient, **change)).ct()
    assert clinic.refused() in ("IO-E-PATIENTPAIR",)


def test_spelling_of_a_name_is_no_other_patient(clinic) -> None:
    clinic.pet()
    clinic.ct(edit=lambda d, n: setattr(d, "PatientName", "Doe^Jane^^"))
    assert clinic.load().ct is not None


def test_identity_removed_from_one_series_is_no_other_patient(clinic) -> None:
    clinic.pet()

    def edit(dataset: Dataset, number: int) -> None:
        dataset.PatientName = dataset.PatientID = dataset.PatientBirthDate = ""

    clinic.ct(edit=edit)
    assert clinic.load().ct is not None


def test_ct_is_chosen_by_frame_cover_and_slices(clinic, new_series) -> None:
    clinic.pet()
    clinic.ct("whole", numbered(new_series, 10))
    foreign = numbered(new_series, 11, FrameOfReferenceUID="2.25.5")
    clinic.ct("foreign", foreign)
    half = numbered(new_series, 12)
    clinic.ct("half", lambda d, n: half(d, n) if n <= 9 else False)
    thick = Geometry.axial((11, 40, 40), (6.0, 5.0, 5.0), (-98.0, -97.0, -400.0), "2.25.1001")
    coarse = Volume(np.full(thick.shape, 0, np.int16), thick, Unit.HU)
    replace(clinic, ct_volume=coarse).ct("thick", numbered(new_series, 13))
    assert roles(clinic) == {10: "ct", 11: "", 12: "", 13: ""}
    why = {f.description: f.why for f in clinic.series()}
    assert "frame of reference" in why["n11"] and "covers more" in why["n12"] and "more slices" in why["n13"]


def test_smooth_kernel_decides_between_reconstructions(clinic, new_series) -> None:
    clinic.pet()
    clinic.ct("a", numbered(new_series, 10, ConvolutionKernel="B70f"))
    clinic.ct("b", numbered(new_series, 11, ConvolutionKernel="B30f"))
    assert roles(clinic) == {10: "", 11: "ct"}


def test_equal_cts_are_asked_about(clinic, new_series) -> None:
    clinic.pet()
    clinic.ct("a", numbered(new_series, 10))
    clinic.ct("b", numbered(new_series, 11))
    error = clinic.refusal()
    assert error.code == "IO-E-CHOOSE" and "--ct-series" in str(error)
    assert roles(clinic, ct_series="11") == {10: "", 11: "ct"}


def test_ct_of_another_frame_is_taken_with_a_warning(clinic) -> None:
    """H 13."""
    clinic.pet()
    clinic.ct(edit=lambda d, n: setattr(d, "FrameOfReferenceUID", "2.25.5"))
    assert "GEO-W-FRAME" in clinic.codes()


def test_ct_elsewhere_is_not_taken(clinic) -> None:
    """H 12: a CT that does not meet the PET at all."""
    far = Geometry.axial((22, 40, 40), (3.0, 5.0, 5.0), (-98.0, -97.0, 900.0), "2.25.1001")
    clinic.pet()
    replace(clinic, ct_volume=Volume(clinic.ct_volume.array, far, Unit.HU)).ct()
    study = clinic.load()
    assert study.ct is None and "IO-W-NOCT" in {m.code for m in study.messages}
    assert "GEO-W-COVERAGE" in {f.code for f in study.series}


def test_faulty_ct_is_left_out_and_told(clinic) -> None:
    """H 14, 1: the study is read without it."""
    clinic.pet()
    clinic.ct(edit=lambda d, n: n != 9)
    study = clinic.load()
    assert study.ct is None
    assert {f.code for f in study.series if f.modality == "CT"} == {"IO-E-GAP"}
