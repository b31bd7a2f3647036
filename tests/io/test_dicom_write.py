"""DICOM that is written: physics against the specification's worked examples, then round trips in every convention."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.conventions import CONVENTIONS, convention_named
from lymphoscope.io.dicom_encode import SYNTAXES
from lymphoscope.io.dicom_write import ScanFacts, WriteOptions, ct_datasets, pet_datasets, write_study
from lymphoscope.io.intake import load_study
from lymphoscope.io.pet_physics import average_s, body_norm
from lymphoscope.io.suv import suv_factors

SHAPE = (14, 36, 40)


def _geometry(shape=SHAPE) -> Geometry:
    return Geometry.axial(shape, (5.0, 4.07, 4.07), (-80.123456, -70.5, 12.25))


def _pet(geometry: Geometry | None = None, seed: int = 3) -> Volume:
    geometry = geometry or _geometry()
    suv = np.random.default_rng(seed).gamma(1.0, 2.0, geometry.shape).astype(np.float32)
    suv[0] = 0.0  # an empty slice, as at the ends of real series
    suv[1, 5, 5] = 60.0  # and one whose slope is much larger
    return Volume(suv, geometry, Unit.SUV_BW)


def _ct(geometry: Geometry | None = None) -> Volume:
    geometry = geometry or _geometry()
    hu = np.random.default_rng(5).normal(0, 400, geometry.shape)
    return Volume(np.rint(hu).clip(-1024, 3071).astype(np.int16), geometry, Unit.HU)


def _read(folder: Path) -> list[pydicom.Dataset]:
    return sorted((pydicom.dcmread(p) for p in folder.iterdir()), key=lambda d: d.InstanceNumber)


def _rescaled(datasets: list[pydicom.Dataset]) -> np.ndarray:
    return np.stack([d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in datasets])


def _digest(folder: Path) -> str:
    parts = [p.relative_to(folder).as_posix().encode() + p.read_bytes() for p in sorted(folder.rglob("*.dcm"))]
    return hashlib.sha256(b"".join(parts)).hexdigest()


# the physics, against numbers of the specification (A2, A4) and not against our reader


@pytest.mark.parametrize(
    ("convention", "factor", "bed"),
    [
        ("bqml", 2.921273e-4, 0),
        ("siemens", 2.921273e-4, 3),
        ("ge", 2.921273e-4, 5),
        ("bqml-admin", 2.0e-4, 4),
        ("gml", 1.0, 2),
    ],
)
def test_stored_activity_follows_the_worked_examples(convention: str, factor: float, bed: int) -> None:
    pet = _pet(_geometry((6, 36, 40)))
    datasets = list(pet_datasets(pet, ScanFacts(), convention))
    slope = float(datasets[bed].RescaleSlope)
    found = _rescaled(datasets)[bed] * factor
    np.testing.assert_allclose(found, pet.array[bed], rtol=4e-7, atol=0.5 * slope * factor)


def test_stored_activity_without_decay_correction_follows_the_worked_example() -> None:
    """Frame at 10:05:00 of 300 s, injection at 09:00: f = 3.062823e-4."""
    facts = ScanFacts(scanned=datetime(2024, 3, 1, 10, 5), beds=1, bed_s=300.0)
    pet = _pet(_geometry((3, 36, 40)))
    datasets = list(pet_datasets(pet, facts, "bqml-none"))
    assert datasets[0].AcquisitionTime == "100500"
    lsb = max(float(d.RescaleSlope) for d in datasets)
    np.testing.assert_allclose(_rescaled(datasets) * 3.062823e-4, pet.array, rtol=4e-7, atol=0.5 * lsb * 3.1e-4)


def test_injection_on_the_day_before_follows_the_worked_example() -> None:
    facts = ScanFacts(dose_mbq=368.08, injected=datetime(2024, 3, 1, 23, 30), scanned=datetime(2024, 3, 2, 0, 30))
    assert facts.suv_per_bq(convention_named("siemens")) == pytest.approx(2.777781e-4, rel=5e-7)


@pytest.mark.parametrize(("frame", "average"), [(120, 59.937), (180, 89.858), (300, 149.605), (603, 299.906)])
def test_moment_of_average_activity(frame: float, average: float) -> None:
    assert average_s(ScanFacts(bed_s=frame)) == pytest.approx(average, abs=5e-4)


@pytest.mark.parametrize(
    ("facts", "kind", "norm"),
    [
        (ScanFacts(), "LBM", 57.80),
        (ScanFacts(), "LBMJAMES128", 56.52),
        (ScanFacts(), "LBMJANMA", 55.857),
        (ScanFacts(), "IBW", 72.38),
        (ScanFacts(), "BSA", 1.8481),
        (ScanFacts(weight_kg=60, height_m=1.65, sex="F"), "LBM", 44.63),
        (ScanFacts(weight_kg=60, height_m=1.65, sex="F"), "LBMJANMA", 39.287),
        (ScanFacts(weight_kg=60, height_m=1.65, sex="F"), "IBW", 57.33),
    ],
)
def test_body_norms(facts: ScanFacts, kind: str, norm: float) -> None:
    assert body_norm(kind, facts) == pytest.approx(norm, abs=6e-3 if norm > 2 else 6e-5)


# what a vendor's clock means (A2)


def _seconds(a: str, b: str) -> float:
    def clock(text: str) -> datetime:
        return datetime.strptime(text, "%H%M%S.%f" if "." in text else "%H%M%S")

    return (clock(a) - clock(b)).total_seconds()


@pytest.mark.parametrize(
    ("convention", "offset"),
    [("siemens", 0.0), ("siemens-late", -2730.0), ("philips-cnts", 0.0), ("bqml", 0.0), ("uih", 0.0)],
)
def test_average_convention_gives_the_reference_back(convention: str, offset: float) -> None:
    """acq + T_ave − FRT − series: 0 for these vendors."""
    facts = ScanFacts()
    for d in pet_datasets(_pet(), facts, convention):
        back = _seconds(d.AcquisitionTime, d.SeriesTime) + average_s(facts) - float(d.FrameReferenceTime) / 1000
        assert back == pytest.approx(offset, abs=1e-3)


@pytest.mark.parametrize(("convention", "offset"), [("ge", 0.0), ("cps", -2730.0)])
def test_start_convention_gives_the_reference_back(convention: str, offset: float) -> None:
    """acq − FRT − series: 0 for GE, and the decay factor is e^(λ·FRT)·λT/(1−e^(−λT))."""
    facts = ScanFacts(bed_s=240.0)
    for d in pet_datasets(_pet(), facts, convention):
        frame = float(d.FrameReferenceTime) / 1000
        assert _seconds(d.AcquisitionTime, d.SeriesTime) - frame == pytest.approx(offset, abs=1e-3)
        if frame == 0:
            assert float(d.DecayFactor) == pytest.approx(1.01268, abs=1e-5)


def test_philips_bqml_shows_the_series_start_for_every_bed() -> None:
    datasets = list(pet_datasets(_pet(), ScanFacts(), "philips-bqml"))
    assert {_seconds(d.AcquisitionTime, d.SeriesTime) for d in datasets} == {1.0}
    assert min(float(d.FrameReferenceTime) for d in datasets) > 1_267_000


def test_private_facts_have_their_creators() -> None:
    facts = ScanFacts(beds=1)
    first = {name: next(pet_datasets(_pet(), facts, name)) for name in ("siemens", "ge", "philips-cnts")}
    assert first["siemens"].private_block(0x0071, "SIEMENS MED PT")[0x22].value == "20240301100000.000000"
    assert first["ge"].private_block(0x0009, "GEMS_PETD_01")[0x0D].value == "20240301100000"
    philips = first["philips-cnts"].private_block(0x7053, "Philips PET Private Group")
    assert float(philips[0x09].value) == 1.602563
    assert float(philips[0x00].value) == pytest.approx(2.921273e-4 * 1.602563, rel=4e-7)


# round trips


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_suv_comes_back_within_half_a_step(convention: str, tmp_path: Path) -> None:
    pet, facts = _pet(), ScanFacts(height_m=1.68, sex="F", weight_kg=61.5, dose_mbq=287.3)
    write_study(tmp_path / "s", pet, _ct(), facts, convention)
    study = load_study(tmp_path / "s")
    assert not pet.geometry.difference(replace(study.pet.geometry, frame=None))
    headers = _read(tmp_path / "s" / "pet")
    factors = suv_factors(headers).factors
    steps = np.array([float(d.RescaleSlope) for d in headers]) * factors
    error = abs(study.pet.array.astype(np.float64) - pet.array)
    # half a step, plus the rounding of float32 and of the decimal strings in the header
    assert (error <= 0.5 * steps[:, None, None] + 5e-7 * pet.array).all()
    np.testing.assert_array_equal(study.ct.array, _ct().array)
    codes = {m.code for m in study.messages}
    assert not {"SUV-W-REF-EARLIEST-ACQ", "SUV-W-PHILIPS-CROSSCHECK", "IO-W-HEADER"} & codes
    # one acquisition time for all beds cannot agree with their frame reference times
    assert ("SUV-W-FRT-INCONSISTENT" in codes) == (convention_named(convention).acquisition == "series")


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_true_reference_is_found_over_midnight(convention: str) -> None:
    """Injection before midnight, scan after: the factor is the physical one in every convention."""
    facts = ScanFacts(injected=datetime(2023, 12, 31, 23, 30), scanned=datetime(2024, 1, 1, 0, 31))
    row = convention_named(convention)
    found = suv_factors(list(pet_datasets(_pet(), facts, convention)))
    if row.units == "BQML" and row.decay != "NONE":
        np.testing.assert_allclose(found.factors, facts.suv_per_bq(row), rtol=1e-6)
    elif row.units == "CNTS":
        np.testing.assert_allclose(found.factors, facts.suv_per_bq(row) * row.bq_per_count, rtol=1e-6)
    elif row.decay == "NONE":
        assert found.factors[-1] / found.factors[0] == pytest.approx(
            2 ** (5 * (facts.bed_s + facts.move_s) / facts.half_life_s), rel=1e-9
        )


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_syntax_gives_the_same_voxels(syntax: str, tmp_path: Path) -> None:
    pet, ct = _pet(), _ct()
    write_study(tmp_path / "s", pet, ct, convention="ge", options=WriteOptions(syntax))
    write_study(tmp_path / "plain", pet, ct, convention="ge")
    datasets = _read(tmp_path / "s" / "pet")
    assert datasets[0].file_meta.TransferSyntaxUID == SYNTAXES[syntax]
    np.testing.assert_array_equal(_rescaled(datasets), _rescaled(_read(tmp_path / "plain" / "pet")))
    np.testing.assert_array_equal(_rescaled(_read(tmp_path / "s" / "ct")), ct.array)
    a, b = load_study(tmp_path / "s"), load_study(tmp_path / "plain")
    np.testing.assert_array_equal(a.pet.array, b.pet.array)


def _turned(permutation: tuple[int, int, int], signs: tuple[int, int, int], tilt: float = 0.0) -> Geometry:
    spacing = np.array([5.0, 3.0, 3.5])
    directions = np.eye(3)[:, list(permutation)] * signs
    c, s = np.cos(tilt), np.sin(tilt)
    affine = np.eye(4)
    affine[:3, :3] = (np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ directions) * spacing
    affine[:3, 3] = (10, 20, -30)
    return Geometry(SHAPE, affine)


@pytest.mark.parametrize(
    "geometry",
    [
        _turned((2, 1, 0), (1, 1, 1)),
        _turned((2, 1, 0), (-1, 1, 1)),  # feet first in the file's order
        _turned((2, 1, 0), (1, -1, -1)),
        _turned((1, 2, 0), (1, -1, 1)),  # coronal
        _turned((0, 2, 1), (1, -1, 1)),  # sagittal
        _turned((2, 1, 0), (1, 1, 1), 0.2),  # oblique
        _turned((1, 2, 0), (1, -1, 1), 0.35),
    ],
    ids=["axial", "inverted", "prone", "coronal", "sagittal", "oblique", "oblique-coronal"],
)
def test_every_orientation_lands_where_it_was(geometry: Geometry, tmp_path: Path) -> None:
    """Each voxel is found at its place in the patient, whichever way the reader lays out the array."""
    pet = _pet(geometry)
    write_study(tmp_path / "s", pet, facts=ScanFacts(position="FFS"))
    found = load_study(tmp_path / "s").pet
    inside = np.stack(np.indices(found.geometry.shape), axis=-1).reshape(-1, 3)
    back = np.rint(geometry.to_index(found.geometry.to_lps(inside))).astype(int)
    np.testing.assert_allclose(geometry.to_index(found.geometry.to_lps(inside)), back, atol=1e-4)
    values = pet.array[tuple(back.T)].reshape(found.geometry.shape)
    np.testing.assert_allclose(found.array, values, atol=60 / 65535)


def test_negative_values_are_kept(tmp_path: Path) -> None:
    suv = _pet().array.copy()
    suv[3, 2, 2] = -0.4
    pet = Volume(suv, _geometry(), Unit.SUV_BW)
    write_study(tmp_path / "s", pet)
    assert load_study(tmp_path / "s").pet.array[3, 2, 2] == pytest.approx(-0.4, abs=1e-3)


def test_ct_below_minus_1024_is_written_signed() -> None:
    hu = _ct().array.copy()
    hu[0, 0, 0] = -2000
    dataset = next(ct_datasets(Volume(hu, _geometry(), Unit.HU)))
    assert (dataset.PixelRepresentation, float(dataset.RescaleIntercept)) == (1, 0)
    np.testing.assert_array_equal(np.frombuffer(dataset.PixelData, "<i2").reshape(SHAPE[1:]), hu[0])


# same input, same bytes; nothing overwritten; nothing half


def test_same_input_same_bytes_and_other_input_other_uids(tmp_path: Path) -> None:
    write_study(tmp_path / "a", _pet(), _ct())
    write_study(tmp_path / "b", _pet(), _ct())
    write_study(tmp_path / "c", _pet(seed=4), _ct())
    assert _digest(tmp_path / "a") == _digest(tmp_path / "b") != _digest(tmp_path / "c")
    a, c = (_read(tmp_path / name / "pet")[0] for name in "ac")
    assert a.SeriesInstanceUID != c.SeriesInstanceUID
    assert a.StudyInstanceUID == c.StudyInstanceUID
    other = next(pet_datasets(_pet(), ScanFacts(seed=1)))
    assert other.StudyInstanceUID != a.StudyInstanceUID


def test_uids_are_valid_and_unique(tmp_path: Path) -> None:
    write_study(tmp_path / "s", _pet(), _ct())
    datasets = _read(tmp_path / "s" / "pet") + _read(tmp_path / "s" / "ct")
    uids = [d.SOPInstanceUID for d in datasets]
    assert len(set(uids)) == len(uids)
    for d in datasets:
        for value in (d.SOPInstanceUID, d.SeriesInstanceUID, d.StudyInstanceUID, d.FrameOfReferenceUID):
            assert re.fullmatch(r"2\.25\.(0|[1-9]\d*)", value)
            assert len(value) <= 64
    assert len({d.FrameOfReferenceUID for d in datasets}) == 1
    assert len({d.StudyInstanceUID for d in datasets}) == 1


def test_shifting_all_dates_by_days_keeps_every_stored_value() -> None:
    pet, day = _pet(), timedelta(days=400)
    facts = ScanFacts()
    later = replace(facts, injected=facts.injected + day, scanned=facts.scanned + day)
    for a, b in zip(pet_datasets(pet, facts), pet_datasets(pet, later), strict=True):
        assert a.PixelData == b.PixelData
        assert a.RescaleSlope == b.RescaleSlope


def test_a_written_study_is_not_overwritten_unless_told(tmp_path: Path) -> None:
    write_study(tmp_path / "s", _pet(), _ct())
    before = _digest(tmp_path / "s")
    with pytest.raises(LymphoscopeError) as caught:
        write_study(tmp_path / "s", _pet(seed=9))
    assert caught.value.code == "USE-E-OUTPUT"
    assert _digest(tmp_path / "s") == before
    write_study(tmp_path / "s", _pet(seed=9), options=WriteOptions(force=True))
    assert _digest(tmp_path / "s") != before
    assert not (tmp_path / "s" / "ct").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize("stray", ["thesis.docx", "pet/thesis.docx"])
def test_a_folder_with_other_things_is_never_replaced(stray: str, tmp_path: Path) -> None:
    write_study(tmp_path / "s", _pet())
    (tmp_path / "s" / stray).write_text("ten years of work")
    with pytest.raises(LymphoscopeError) as caught:
        write_study(tmp_path / "s", _pet(), options=WriteOptions(force=True))
    assert caught.value.code == "USE-E-OUTPUT"
    assert (tmp_path / "s" / stray).read_text() == "ten years of work"


def test_a_failure_half_way_leaves_nothing(tmp_path: Path) -> None:
    def stop(_: pydicom.Dataset, number: int) -> None:
        if number == 5:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        write_study(tmp_path / "s", _pet(), options=WriteOptions(edit=stop))
    assert list(tmp_path.iterdir()) == []


def test_edit_can_spoil_a_header(tmp_path: Path) -> None:
    def spoil(dataset: pydicom.Dataset, number: int) -> None:
        del dataset.PatientWeight

    write_study(tmp_path / "s", _pet(), options=WriteOptions(edit=spoil))
    with pytest.raises(LymphoscopeError) as caught:
        load_study(tmp_path / "s")
    assert caught.value.code == "SUV-E-WEIGHT"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda p: write_study(p, _pet(), convention="simens"), "USE-E-NAME"),
        (lambda p: write_study(p, _pet(), options=WriteOptions("zip")), "USE-E-NAME"),
        (lambda p: write_study(p, _ct()), "GEO-E-UNIT"),
        (lambda p: write_study(p, _pet(), _pet()), "GEO-E-UNIT"),
        (lambda p: write_study(p, _pet(), facts=ScanFacts(height_m=None), convention="cm2ml"), "SUV-E-HEIGHT"),
        (lambda p: write_study(p, _pet(_geometry((2, 8, 8))), options=WriteOptions("jpeg-2000")), "USE-E-VALUE"),
        (lambda p: write_study(p, _pet().with_array(np.full(SHAPE, np.nan))), "SUV-E-NONFINITE"),
        (lambda p: write_study(p, _pet(), _ct().with_array(np.full(SHAPE, 40000))), "USE-E-VALUE"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(call, code: str, tmp_path: Path) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        call(tmp_path / "s")
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_slices_hold_what_the_standard_requires() -> None:
    """Type 1 attributes of the PET and CT image objects (PS3.3, tables of A.21 and A.3) are there and not empty."""
    shared = "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID Modality FrameOfReferenceUID ImageType Rows"
    shared += " Columns PixelSpacing ImageOrientationPatient ImagePositionPatient SamplesPerPixel BitsAllocated"
    shared += " BitsStored HighBit PixelRepresentation PhotometricInterpretation RescaleSlope RescaleIntercept"
    pet = "SeriesDate SeriesTime Units CountsSource SeriesType NumberOfSlices DecayCorrection FrameReferenceTime"
    pet += " AcquisitionDate AcquisitionTime ActualFrameDuration ImageIndex DecayFactor"
    empty_allowed = (
        "PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime ReferringPhysicianName StudyID"
    )
    empty_allowed += (
        " AccessionNumber Manufacturer PositionReferenceIndicator SliceThickness InstanceNumber SeriesNumber"
    )
    for dataset, words in (
        (next(pet_datasets(_pet())), f"{shared} {pet}"),
        (next(ct_datasets(_ct())), f"{shared} RescaleType"),
    ):
        for keyword in words.split():
            assert dataset[keyword].value not in (None, ""), keyword
        for keyword in empty_allowed.split():
            assert keyword in dataset, keyword
    assert "KVP" in next(ct_datasets(_ct()))
    assert {"CorrectedImage", "CollimatorType"} <= {e.keyword for e in next(pet_datasets(_pet()))}


def test_decay_is_in_corrected_image_exactly_when_corrected() -> None:
    for name, row in CONVENTIONS.items():
        dataset = next(pet_datasets(_pet(), ScanFacts(), name))
        assert ("DECY" in list(dataset.CorrectedImage)) == (row.decay != "NONE") == ("DecayFactor" in dataset)


def test_phantom_is_clearly_synthetic() -> None:
    dataset = next(pet_datasets(_pet()))
    assert "SYNTHETIC" in str(dataset.PatientName)
    assert "SYNTHETIC" in dataset.PatientID


@pytest.mark.system
@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (Debian: dicom3tools) is not installed")
@pytest.mark.parametrize("convention", ["siemens", "ge", "philips-cnts", "bqml-none", "gml", "uih"])
def test_an_independent_checker_finds_one_known_fault_at_most(convention: str, tmp_path: Path) -> None:
    """Real scanners write Patient Position beside the orientation codes; the checker objects, readers need it."""
    write_study(tmp_path / "s", _pet(), _ct(), convention=convention)
    for path in sorted((tmp_path / "s").rglob("*00003.dcm")):
        done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
        errors = [line for line in done.stderr.splitlines() if line.startswith("Error")]
        assert all("PatientPosition" in line for line in errors), errors
