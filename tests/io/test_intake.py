"""The door: from what a user has to a study, with laws that hold whatever the files look like."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.intake import LoadOptions, list_series, load_study
from lymphoscope.io.nifti import read_nifti, write_nifti
from lymphoscope.io.suv import SuvOverrides


def same(a, b) -> bool:
    return a.pet.array.tobytes() == b.pet.array.tobytes() and not a.pet.geometry.difference(b.pet.geometry)


def test_clean_study(clinic) -> None:
    clinic.pet(), clinic.ct()
    steps: list[str] = []
    study = load_study(clinic.root, progress=lambda step, done, total: steps.append(f"{step} {done}/{total}"))
    assert study.pet.unit is Unit.SUV_BW and study.pet.array.dtype == np.float32
    assert study.pet.geometry.difference(clinic.pet_volume.geometry) == ""
    np.testing.assert_allclose(study.pet.array, clinic.pet_volume.array, atol=5e-5)
    assert study.ct is not None and study.ct.unit is Unit.HU
    np.testing.assert_array_equal(study.ct.array, clinic.ct_volume.array)
    assert study.ct.geometry.difference(clinic.ct_volume.geometry) == ""
    assert study.patient.weight_kg == 70 and study.patient.height_m == 1.75 and study.patient.age_years == 50
    assert study.identity.name == "DOE^JANE" and "DOE" not in repr(study.identity)
    assert study.scanned == datetime(2024, 3, 1, 9, 59, 59, 999995)
    assert study.scanner["manufacturer"] == "SIEMENS" and study.scanner["reconstruction"] == "SYNTHETIC"
    assert study.scanner["slice_thickness_mm"] == "4.0" and study.scanner["frame_duration_ms"] == "180000"
    assert len(study.uid_hash) == 16 and {f.role for f in study.series} == {"pet", "ct"}
    assert {m.code for m in study.messages} == {"SUV-I-CANDIDATES", "FOV-W-PARTIAL"}
    assert steps[0] == "reading headers 1/38" and {"reading PET 16/16", "reading CT 22/22"} <= set(steps)


def test_input_is_left_alone(clinic) -> None:
    clinic.pet(), clinic.ct()
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in clinic.root.rglob("*")}
    clinic.load()
    assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in clinic.root.rglob("*")} == before


# laws


@pytest.mark.parametrize("seed", [1, 2])
def test_names_and_order_of_files_do_not_matter(clinic, seed) -> None:
    """H property a."""
    clinic.pet(), clinic.ct()
    wanted = clinic.load()
    files = list(clinic.root.rglob("*.dcm"))
    names = random.Random(seed).sample(range(10**6), len(files))
    mixed = clinic.root.parent / "mixed"
    for path, name in zip(files, names, strict=True):
        target = mixed / str(name % 3) / f"{name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    found = clinic.load(mixed)
    assert same(found, wanted) and found.messages == wanted.messages and found.series == wanted.series


@pytest.mark.parametrize("factor", [2, 4])
def test_slope_and_stored_value_may_share_a_factor(clinic, factor) -> None:
    """H property c."""

    def plain(dataset: Dataset, number: int, by: int = 1) -> None:
        stored = np.frombuffer(dataset.PixelData, "<u2") // 8
        dataset.PixelData = (stored * by).astype("<u2").tobytes()
        dataset.RescaleSlope = str(0.375 * (number % 3 + 1) / by)

    wanted = clinic.load(clinic.pet("plain", plain))
    found = clinic.load(clinic.pet("split", lambda d, n: plain(d, n, factor)))
    assert same(found, wanted)


@pytest.mark.parametrize("days", [-400, 1, 30])
@pytest.mark.parametrize("convention", ["siemens", "ge-public", "bqml-none"])
def test_whole_days_do_not_matter(clinic, days, convention) -> None:
    """H property d; also across a leap day and where the injection has a clock time only."""
    wanted = clinic.load(clinic.pet("a", convention=convention))
    shift = timedelta(days=days)
    moved = replace(
        clinic,
        patient=replace(
            clinic.patient, scanned=clinic.patient.scanned + shift, injected=clinic.patient.injected + shift
        ),
    )
    assert same(moved.load(moved.pet("b", convention=convention)), wanted)


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1, 2)])
def test_flipped_storage_keeps_every_voxel_in_its_place(clinic, axes) -> None:
    """H property b."""
    wanted = clinic.load(clinic.pet("a"))
    grid, array = clinic.pet_volume.geometry, np.flip(clinic.pet_volume.array, axes)
    affine = grid.affine.copy()
    corner = np.array([n - 1 if axis in axes else 0 for axis, n in enumerate(grid.shape)])
    affine[:3, 3] = grid.to_lps(corner)
    affine[:3, list(axes)] *= -1
    flipped = replace(clinic, pet_volume=Volume(array, Geometry(grid.shape, affine, grid.frame), Unit.SUV_BW))
    found = flipped.load(flipped.pet("b"))
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    there = np.rint(wanted.pet.geometry.to_index(found.pet.geometry.to_lps(index))).astype(int)
    np.testing.assert_array_equal(found.pet.array, wanted.pet.array[tuple(np.moveaxis(there, -1, 0))])


def test_coronal_and_feet_first_series_follow_their_affine(clinic) -> None:
    """H 17, 18."""
    shape = (34, 16, 32)
    coronal = Geometry(shape, clinic.pet_volume.geometry.affine[:, [1, 0, 2, 3]], "2.25.1001")
    volume = Volume(np.ascontiguousarray(clinic.pet_volume.array.transpose(1, 0, 2)), coronal, Unit.SUV_BW)
    study = replace(clinic, pet_volume=volume, patient=replace(clinic.patient, position="FFP")).load(
        replace(clinic, pet_volume=volume, patient=replace(clinic.patient, position="FFP")).pet()
    )
    point = np.array([10.0, -20.0, -360.0])
    here = tuple(np.rint(study.pet.geometry.to_index(point)).astype(int))
    there = tuple(np.rint(clinic.pet_volume.geometry.to_index(point)).astype(int))
    assert study.pet.array[here] == pytest.approx(clinic.pet_volume.array[there], abs=1e-3)
    assert "IO-W-POSITION" in {m.code for m in study.messages}


# the series as a whole


def test_shorter_than_promised(clinic) -> None:
    """H 2."""
    clinic.pet(edit=lambda d, n: n <= 14)
    study = clinic.load()
    message = next(m for m in study.messages if m.code == "IO-W-ENDS")
    assert "14 slices were found of 16" in message.what


def test_identical_copies_are_dropped(clinic) -> None:
    """H 3: byte for byte, and with another file meta information."""
    folder = clinic.pet()
    wanted = clinic.load()
    shutil.copy(folder / "IM0003.dcm", folder / "copy of IM0003.dcm")
    dataset = dcmread(folder / "IM0004.dcm")
    dataset.file_meta.SourceApplicationEntityTitle = "ARCHIVE"
    dcmwrite(folder / "again.dcm", dataset)
    study = clinic.load()
    assert same(study, wanted)
    assert "dropped: 2" in next(m.what for m in study.messages if m.code == "IO-W-DUPLICATE")


def test_one_uid_two_contents(clinic) -> None:
    """H 3, 65."""
    folder = clinic.pet()
    dataset = dcmread(folder / "IM0003.dcm")
    dataset.RescaleSlope = "2"
    dcmwrite(folder / "other.dcm", dataset)
    assert clinic.refused() == "IO-E-DUPUID"


def test_two_slices_at_one_place(clinic) -> None:
    """H 4."""
    folder = clinic.pet()
    dataset = dcmread(folder / "IM0003.dcm")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "2.25.99"
    dcmwrite(folder / "other.dcm", dataset)
    assert clinic.refused() == "IO-E-DUPPOS"


@pytest.mark.parametrize(
    ("shape", "spacing", "code"),
    [
        ((15, 32, 32), (5, 5, 5), "IO-W-TINY"),
        ((20, 32, 32), (3, 5, 5), "IO-W-TINY"),
        ((40, 32, 32), (7, 5, 5), "IO-W-ANISO"),
        ((40, 32, 32), (5, 1.5, 1.5), "IO-W-ANISO"),
    ],
)
def test_small_and_thick_images(clinic, shape, spacing, code) -> None:
    """H 55, 56."""
    grid = Geometry.axial(shape, spacing)
    volume = Volume(np.random.default_rng(1).uniform(0.5, 1.5, shape).astype(np.float32), grid, Unit.SUV_BW)
    assert code in replace(clinic, pet_volume=volume).codes(replace(clinic, pet_volume=volume).pet())


def test_whole_body_by_its_extent(clinic) -> None:
    """H 68."""
    grid = Geometry.axial((40, 32, 32), (5, 5, 5))
    volume = Volume(np.ones(grid.shape, np.float32), grid, Unit.SUV_BW)
    short = replace(clinic, pet_volume=volume, patient=replace(clinic.patient, height_m=0.5))
    assert "20 cm of a body of 0.50 m" in next(
        m.what for m in short.load(short.pet()).messages if m.code == "FOV-W-PARTIAL"
    )
    child = replace(short, patient=replace(clinic.patient, height_m=0.41), root=clinic.root.parent / "child")
    child.pet()
    assert "FOV-W-PARTIAL" in child.codes()


# what users say


def test_settings_by_name_reach_the_overrides(clinic) -> None:
    clinic.pet(edit=lambda d, n: setattr(d, "PatientWeight", ""))
    assert clinic.refused() == "SUV-E-WEIGHT"
    wanted = clinic.load(options=LoadOptions(overrides=SuvOverrides(weight_kg=70)))
    assert same(clinic.load(weight_kg=70), wanted)
    assert "SUV-W-OVERRIDE" in {m.code for m in wanted.messages}


def test_unknown_setting_suggests(clinic) -> None:
    error = clinic.refusal(wieght_kg=70)
    assert error.code == "USE-E-NAME" and "weight_kg" in str(error) and error.exit_status == 2


def test_ct_from_elsewhere(clinic, tmp_path) -> None:
    clinic.pet()
    elsewhere = replace(clinic, root=tmp_path / "elsewhere")
    elsewhere.ct(edit=lambda d, n: setattr(d, "StudyInstanceUID", "2.25.31"))
    study = clinic.load(ct=tmp_path / "elsewhere")
    assert study.ct is not None and "IO-W-NOCT" not in {m.code for m in study.messages}
    assert {f.role for f in study.series} == {"pet", "ct"}
    write_nifti(tmp_path / "ct.nii.gz", clinic.ct_volume)
    by_nifti = clinic.load(ct=str(tmp_path / "ct.nii.gz"))
    assert by_nifti.ct is not None
    np.testing.assert_array_equal(by_nifti.ct.array, study.ct.array)
    assert "IO-W-NOCT" not in {m.code for m in by_nifti.messages}
    stranger = replace(clinic.other_patient(), root=tmp_path / "stranger")
    stranger.ct()
    assert clinic.refused(ct=tmp_path / "stranger") == "IO-E-PATIENTPAIR"
    assert clinic.refusal(ct=clinic.root).code == "USE-E-VALUE"
    assert clinic.refusal(ct=tmp_path / "absent").code == "IO-E-PATH"


def test_organs_come_along(clinic, tmp_path) -> None:
    clinic.pet()
    labels = np.zeros(clinic.pet_volume.geometry.shape, np.uint8)
    labels[5:8] = 5
    write_nifti(tmp_path / "o.nii.gz", Volume(labels, clinic.pet_volume.geometry, Unit.LABEL))
    organs = clinic.load(organs=tmp_path / "o.nii.gz").organs
    assert organs is not None and organs.names == {5: "liver"}
    organs = clinic.load(organs=tmp_path / "o.nii.gz", organ_names={5: "brain"}).organs
    assert organs is not None and organs.names == {5: "brain"}


# NIfTI


@pytest.fixture
def pair(clinic) -> Path:
    write_nifti(clinic.root / "case_0001.nii.gz", clinic.pet_volume)
    write_nifti(clinic.root / "case_0000.nii.gz", clinic.ct_volume)
    return clinic.root


def test_nifti_needs_its_unit(clinic, pair) -> None:
    """H 48."""
    error = clinic.refusal()
    assert error.code == "IO-E-NIFTIUNIT" and "--suv" in str(error)
    assert clinic.refused(pair / "case_0001.nii.gz") == "IO-E-NIFTIUNIT"


@pytest.mark.parametrize("name", ["", "case_0001.nii.gz", "case_0000.nii.gz"])
def test_nifti_pair(clinic, pair, name) -> None:
    """H 46."""
    study = clinic.load(pair / name, suv=True, weight_kg=70, height_m=1.75, sex="M")
    np.testing.assert_array_equal(study.pet.array, clinic.pet_volume.array)
    assert study.pet.geometry.difference(clinic.pet_volume.geometry) == ""
    assert study.ct is not None and study.ct.array.dtype == np.int16
    assert study.suv.branch == "declared" and study.suv.multipliers["LBMJANMA"] == pytest.approx(55.857 / 70, rel=1e-4)
    assert {"IO-W-SUVDECLARED", "SUV-W-OVERRIDE"} <= {m.code for m in study.messages} and len(study.uid_hash) == 16
    assert study.suv.overrides[0] == "weight_kg: nothing in the header, 70 given"
    assert [f.role for f in study.series] == ["pet", "ct"]
    assert {f.role for f in list_series(pair / name)} == {"pet", "ct"}


@pytest.mark.parametrize(
    ("fact", "code"), [({"weight_kg": 700}, "SUV-E-WEIGHT-RANGE"), ({"height_m": 175}, "SUV-E-HEIGHT")]
)
def test_impossible_body_is_refused(clinic, pair, fact, code) -> None:
    assert clinic.refused(suv=True, **fact) == code


def test_zip_of_nifti(clinic, pair, tmp_path) -> None:
    shutil.make_archive(str(tmp_path / "n"), "zip", pair)
    assert clinic.load(tmp_path / "n.zip", suv=True).ct is not None


def test_becquerel_declared_as_suv_is_implausible(clinic) -> None:
    """H 46."""
    write_nifti(clinic.root / "PET.nii.gz", clinic.pet_volume.with_array(clinic.pet_volume.array * 5000))
    assert "SUV-W-PLAUSIBLE" in clinic.codes(suv=True)


def test_holes_outside_the_body_become_zero(clinic) -> None:
    """H 35."""
    array = clinic.pet_volume.array.copy()
    array[:] = 0.05
    array[2:14, 8:26, 8:24] = 1.0
    array[:, :, :3] = np.nan
    array[15] = np.inf
    write_nifti(clinic.root / "SUV.nii.gz", clinic.pet_volume.with_array(array))
    study = clinic.load(suv=True)
    assert "IO-W-NONFINITE" in {m.code for m in study.messages}
    assert np.isfinite(study.pet.array).all() and study.pet.array[15].max() == 0
    array[9, 15, 15] = np.nan
    write_nifti(clinic.root / "SUV.nii.gz", clinic.pet_volume.with_array(array))
    assert clinic.refused(suv=True) == "SUV-E-NONFINITE"


def test_odd_ct_values_become_air(clinic, pair) -> None:
    """H 34, 35."""
    array = clinic.ct_volume.array.astype(np.float32)
    array[0, 0, 0], array[0, 0, 1] = np.nan, -3024
    write_nifti(pair / "case_0000.nii.gz", clinic.ct_volume.with_array(array))
    study = clinic.load(suv=True)
    assert study.ct is not None and study.ct.array[0, 0, 0] == study.ct.array[0, 0, 1] == -1024
    assert {"IO-W-NONFINITE", "IO-W-PADDING"} <= {m.code for m in study.messages}


def test_overflow_of_dicom_values_is_refused(clinic) -> None:
    """H 35."""
    clinic.pet(edit=lambda d, n: setattr(d, "RescaleSlope", "1e300") if n == 3 else None)
    assert clinic.refused() == "SUV-E-NONFINITE"


# real data


@pytest.mark.shared
def test_whole_body_study_in_its_folder(shared) -> None:
    study = load_study(shared / "wb_pet_ge_sts001")
    assert study.suv.factor_min == pytest.approx(2.4290298e-4, rel=1e-6)
    assert study.pet.geometry.shape == (267, 128, 128)
    gtv = read_nifti(shared / "wb_pet_ge_sts001" / "gtv_mass.nii.gz", Unit.LABEL)
    assert gtv.geometry.difference(study.pet.geometry) == ""
    inside = gtv.array > 0
    assert study.pet.array[inside].max() == pytest.approx(7.91, abs=0.005)
    assert inside.sum() * study.pet.geometry.voxel_ml == pytest.approx(366.1, abs=0.1)


@pytest.mark.shared
@pytest.mark.parametrize("patient", ["STS_002", "STS_019", "STS_032"])
def test_real_pet_ct_pairs(shared, patient) -> None:
    study = load_study(shared / "sts_fdg_petct" / "dicom" / patient)
    assert study.ct is not None
    assert {f.modality: f.role for f in study.series if f.role} == {"PT": "pet", "CT": "ct"}
    again = read_nifti(shared / "sts_fdg_petct" / "nifti" / patient / "PET_image.nii.gz", Unit.SUV_BW)
    assert again.geometry.difference(study.pet.geometry) == ""
    np.testing.assert_allclose(again.array, study.pet.array, atol=1e-4)


@pytest.mark.shared
def test_several_real_patients_are_not_mixed(shared) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        load_study(shared / "sts_fdg_petct" / "dicom")
    assert caught.value.code == "IO-E-MIXEDPATIENT"


@pytest.mark.shared
def test_stripped_headers_are_refused(shared) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        load_study(shared / "nema_iq_pet")
    assert caught.value.code == "SUV-E-UNITS"
    assert [f.code for f in list_series(shared / "nema_iq_pet")] == ["SUV-E-UNITS"]


@pytest.mark.shared
def test_ct_alone_has_no_pet(shared) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        load_study(shared / "ct_example" / "example_ct_dicom")
    assert caught.value.code == "IO-E-NOPET"


@pytest.mark.shared
def test_nifti_of_the_cohort(shared) -> None:
    study = load_study(shared / "sts_fdg_petct" / "nifti" / "STS_001", suv=True)
    assert study.ct is not None and study.pet.array.max() > 5
