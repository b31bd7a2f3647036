"""Lesions and patients: the specification's digital phantom, a Gaussian blob, empty and tiny masks, laws."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Measures
from lymphoscope.core.study import Patient
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.phantom import digital_phantom, gaussian_blob
from lymphoscope.io.nifti import read_nifti
from lymphoscope.quant.grey_levels import TextureSettings
from lymphoscope.quant.lesions import (
    LesionOptions,
    lesion_measures,
    lesion_messages,
    measure_lesions,
    patient_measures,
)
from lymphoscope.quant.peak import PeakRule
from lymphoscope.quant.reference import organ_reference

GRID = Geometry.axial((20, 24, 22), (4.0, 4.0, 4.0), (-30.0, 12.0, 500.0))
PERSON = Patient(weight_kg=70.0, height_m=1.75)


def mask_at(array: np.ndarray, at: float, geometry: Geometry, smallest: int = 1) -> LesionMask:
    """Components of connectivity 18 at a threshold, by decreasing size: the specification's preselection."""
    labels, count = ndimage.label(array >= at, ndimage.generate_binary_structure(3, 2))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    order = [k for k in np.argsort(-sizes, kind="stable") if sizes[k] >= smallest]
    renumbered = np.zeros(count + 1, dtype=np.int32)
    renumbered[[k + 1 for k in order]] = np.arange(1, len(order) + 1)
    return LesionMask(renumbered[labels], geometry, "suv4.0")


def measured_patient(suv: Volume, mask: LesionMask, **more: Patient) -> Measures:
    return patient_measures(suv, mask, measure_lesions(suv, mask), **more)


# --- the specification's digital phantom (C2) ------------------------------------------------------------------


def test_digital_phantom_gives_the_numbers_of_the_specification() -> None:
    suv = digital_phantom().pet
    mask = mask_at(suv.array, 4.0, suv.geometry)
    lesions = measure_lesions(suv, mask)
    patient = patient_measures(suv, mask, lesions, PERSON)
    assert [m.value("n_voxels") for m in lesions] == [515, 123, 8, 1]
    assert [m.value("suvpeak") for m in lesions] == pytest.approx([10.0, 6.0, 2.5247, 1.2272], abs=5e-5)
    assert [m.value("mtv_ml") for m in lesions] == pytest.approx([32.96, 7.872, 0.512, 0.064], abs=1e-9)
    exact = {"n_lesions": 4, "tmtv_ml": 41.408, "tlg_g": 379.680, "bulk_ml": 32.96, "bulk_lesion": 1, "suvmax": 10.0}
    for name, value in exact.items():
        assert patient.value(name) == pytest.approx(value, abs=1e-6), name
    printed = {"suvmean": 9.1692, "dmax_cm": 18.3423, "dmax_bulk_cm": 16.7809, "dmax_voxel_cm": 19.8756}
    for name, value in {**printed, "sdmax_per_m": 0.0992}.items():
        assert patient.value(name) == pytest.approx(value, abs=5e-5), name
    # the same from the centres, which are known exactly, in voxels of 4 mm
    assert patient.value("dmax_bulk_cm") == pytest.approx(0.4 * math.dist((12, 20, 20), (40, 40, 44)), abs=1e-9)
    assert patient.value("dmax_cm") == pytest.approx(0.4 * math.dist((40, 40, 44), (50.5, 10.5, 10.5)), abs=1e-9)


def test_digital_phantom_with_three_millilitres() -> None:
    suv = digital_phantom().pet
    patient = measured_patient(suv, mask_at(suv.array, 4.0, suv.geometry, smallest=47))
    wanted = {"n_lesions": 2, "tmtv_ml": 40.832, "tlg_g": 376.832}
    assert {name: patient.value(name) for name in wanted} == pytest.approx(wanted, abs=1e-6)
    assert patient.value("dmax_cm") == pytest.approx(16.7809, abs=5e-5)


def test_gaussian_blob_within_the_figures_of_the_specification() -> None:
    suv = gaussian_blob()
    mask = mask_at(suv.array, 4.0, suv.geometry)
    lesion = lesion_measures(suv, mask, 1)
    assert lesion.value("mtv_ml") == pytest.approx(16.448, abs=1e-9)
    assert lesion.value("mtv_ml") == pytest.approx(17.957, rel=0.10)
    assert lesion.value("suvpeak") == pytest.approx(9.1603, abs=5e-5)
    assert lesion.value("suvpeak") == pytest.approx(9.2352, rel=0.10)
    centre = lesion_measures(suv, mask, 1, LesionOptions(peak=PeakRule(weights="centre")))
    assert centre.value("suvpeak") == pytest.approx(9.1652, abs=5e-5)


# --- empty, tiny and impossible masks (C-3) --------------------------------------------------------------------


def test_empty_mask_has_no_volume_and_no_suv() -> None:
    suv = Volume(np.ones(GRID.shape, dtype=np.float32), GRID, Unit.SUV_BW)
    empty = LesionMask(np.zeros(GRID.shape, dtype=np.int32), GRID, "suv4.0")
    patient = measured_patient(suv, empty, patient=PERSON)
    zero = ("n_lesions", "tmtv_ml", "tlg_g", "bulk_ml", "dmax_cm", "dmax_bulk_cm", "dmax_voxel_cm", "spread_sum_cm")
    for name in (*zero, "dmax_spleen_cm", "sdmax_per_m", "surface_cm2", "axial_diameter_mm"):
        assert patient.value(name) == 0, name
    for name in ("suvmax", "suvmean", "suvpeak", "qpet_peak", "tvsr_cm", "bulk_lesion"):
        assert patient[name].value is None, name
        assert patient[name].status == "not-computable"
        assert patient[name].why == "no lesion"
    assert lesion_messages(measure_lesions(suv, empty)) == ()


def test_number_without_voxels_is_no_lesion() -> None:
    suv = Volume(np.ones(GRID.shape, dtype=np.float32), GRID, Unit.SUV_BW)
    labels = np.zeros(GRID.shape, dtype=np.int32)
    labels[3, 3, 3:5] = 2
    mask = LesionMask(labels, GRID, "read")
    lesions = measure_lesions(suv, mask)
    assert len(lesions) == 2
    assert lesions[0].value("mtv_ml") == 0
    assert lesions[0].value("tlg_g") == 0
    assert lesions[0]["suvmax"].why == "no voxels"
    assert all(m.value is None for m in lesions[0] if m.name.startswith("ibsi_"))
    patient = patient_measures(suv, mask, lesions)
    assert patient.value("n_lesions") == 1
    assert patient.value("bulk_lesion") == 2
    assert lesion_measures(suv, mask, 7).value("mtv_ml") == 0


def test_one_voxel() -> None:
    array = np.ones(GRID.shape, dtype=np.float32)
    array[10, 10, 10] = 4.5
    suv = Volume(array, GRID, Unit.SUV_BW)
    lesion = lesion_measures(suv, mask_at(array, 4.0, GRID), 1)
    assert lesion.value("suvsd") == 0
    assert lesion["cov"].value is None
    assert lesion["cov"].why == "one voxel"
    assert lesion.value("auc_csh") == 1
    assert lesion.value("suvmean") == lesion.value("suvmax") == 4.5
    assert lesion.value("major_axis_mm") == 0
    assert lesion["elongation"].value is None
    texture = [m for m in lesion if m.name.startswith("ibsi_") and "stat_" not in m.name]
    assert texture
    assert all(m.value is None and m.why == "RAD-W-SMALL: 1 voxels at 4 mm, 64 needed" for m in texture)
    assert lesion_messages([lesion])[0].code == "RAD-W-SMALL"


def test_values_that_are_not_finite_are_refused() -> None:
    array = np.ones(GRID.shape, dtype=np.float32)
    array[5:8, 5:8, 5:8] = 5
    mask = mask_at(array, 4.0, GRID)
    array[6, 6, 6] = np.nan
    with pytest.raises(LymphoscopeError) as caught:
        lesion_measures(Volume(array, GRID, Unit.SUV_BW), mask, 1)
    assert caught.value.code == "SUV-E-NONFINITE"
    array[6, 6, 6] = 5
    array[8, 6, 6] = np.inf  # beside the lesion, within the sphere of SUVpeak
    with pytest.raises(LymphoscopeError) as caught:
        lesion_measures(Volume(array, GRID, Unit.SUV_BW), mask, 1)
    assert caught.value.code == "SUV-E-NONFINITE"


def test_only_suv_on_the_masks_own_grid_is_measured() -> None:
    array = np.ones(GRID.shape, dtype=np.float32)
    mask = LesionMask((array > 0).astype(np.int32), GRID, "all")
    for unit in (Unit.HU, Unit.ARBITRARY, Unit.BQ_ML, Unit.PROBABILITY):
        with pytest.raises(LymphoscopeError) as caught:
            lesion_measures(Volume(array, GRID, unit), mask, 1)
        assert caught.value.code == "GEO-E-UNIT"
    elsewhere = Geometry(GRID.shape, GRID.affine @ np.diag([1, 1, 1.01, 1]))
    with pytest.raises(LymphoscopeError) as caught:
        measure_lesions(Volume(array, elsewhere, Unit.SUV_BW), mask)
    assert caught.value.code == "GEO-E-MASKGRID"


def test_numbers_of_another_mask_are_refused() -> None:
    suv = digital_phantom().pet
    lesions = measure_lesions(suv, mask_at(suv.array, 4.0, suv.geometry))
    other = mask_at(suv.array, 4.0, suv.geometry, smallest=47)
    with pytest.raises(LymphoscopeError) as caught:
        patient_measures(suv, other, lesions)
    assert caught.value.code == "GEO-E-MASKLABELS"


# --- options ----------------------------------------------------------------------------------------------------


def test_lean_mass_and_liver() -> None:
    suv = digital_phantom().pet
    mask = mask_at(suv.array, 4.0, suv.geometry)
    options = LesionOptions(lean=0.798, liver_mean=2.5, texture=None)
    lesions = measure_lesions(suv, mask, options)
    assert lesions[1].value("suvpeak_sul") == pytest.approx(6.0 * 0.798, rel=1e-12)
    assert "LBMJANMA" in lesions[1]["suvpeak_sul"].method
    assert lesions[1]["suvpeak_sul"].code == "DCM:126405+DCM:126031"
    assert lesions[1].value("tumour_to_liver_peak") == pytest.approx(6.0 / 2.5)
    assert lesions[1].value("tumour_to_liver_mean") == pytest.approx(6.0 / 2.5)
    assert not any(m.name.startswith("ibsi_") for m in lesions[0])
    patient = patient_measures(suv, mask, lesions)
    assert patient.value("suvpeak_sul") == pytest.approx(10.0 * 0.798)
    assert patient["tumour_to_liver_peak"].why == "no liver reference"


def test_axial_diameter_comes_from_the_ct_when_it_has_the_lesions() -> None:
    suv = digital_phantom().pet
    mask = mask_at(suv.array, 4.0, suv.geometry)
    fine = Geometry.axial((120, 128, 128), (2.0, 2.0, 2.0), (-1.0, -1.0, -1.0))
    on_ct = LesionMask(np.kron(mask.labels, np.ones((2, 2, 2), dtype=np.int32)), fine, "suv4.0")
    with_ct = lesion_measures(suv, mask, 4, LesionOptions(on_ct=on_ct, texture=None))
    without = lesion_measures(suv, mask, 4, LesionOptions(texture=None))
    assert without.value("axial_diameter_mm") == pytest.approx(4.0)
    assert without["axial_diameter_mm"].method == "PET grid"
    # two by two pixels of 2 mm: the hull has its corners half a pixel along each side
    assert with_ct.value("axial_diameter_mm") == pytest.approx(math.hypot(4.0, 2.0))
    assert with_ct["axial_diameter_mm"].method == "CT grid"


def test_sdmax_needs_weight_and_height() -> None:
    suv = digital_phantom().pet
    mask = mask_at(suv.array, 4.0, suv.geometry)
    lesions = measure_lesions(suv, mask, LesionOptions(texture=None))
    lacking = {
        Patient(): "not computable: missing weight and height",
        Patient(weight_kg=70): "not computable: missing height",
        Patient(height_m=1.75): "not computable: missing weight",
    }
    for person, why in lacking.items():
        assert patient_measures(suv, mask, lesions, person)["sdmax_per_m"].why == why


def test_ratios_to_reference_organs() -> None:
    suv = digital_phantom().pet
    mask = mask_at(suv.array, 4.0, suv.geometry)
    lesions = measure_lesions(suv, mask, LesionOptions(texture=None))
    quiet, warm = np.zeros(suv.geometry.shape, bool), np.zeros(suv.geometry.shape, bool)
    quiet[:5, 50:60, 50:60] = True
    warm[12:13, 20:22, 20:25] = True
    references = {
        "liver": organ_reference("liver", suv, quiet).measures,
        "spleen": organ_reference("spleen", suv, quiet).measures,
    }
    assert not organ_reference("marrow", suv, warm, mask).found  # all of it lies in a lesion
    patient = patient_measures(suv, mask, lesions, PERSON, references)
    assert patient.value("tumour_to_liver_peak") == pytest.approx(10.0)
    assert patient.value("tumour_to_liver_mean") == pytest.approx(patient.value("suvmean"))
    assert patient.value("spleen_to_liver") == pytest.approx(1.0)
    assert patient["marrow_to_liver"].why == "no marrow reference"
    spleen = np.array([4.0 * 2, 4.0 * 54.5, 4.0 * 54.5])
    centres = [(12, 20, 20), (40, 40, 44), (50.5, 10.5, 10.5), (30, 30, 30)]
    far = max(math.dist(4.0 * np.array(c), spleen) for c in centres) / 10
    assert patient.value("dmax_spleen_cm") == pytest.approx(far, abs=1e-9)


# --- laws -------------------------------------------------------------------------------------------------------

SEED = st.integers(0, 2**32 - 1)
QUICK = settings(max_examples=12, deadline=None)


def random_case(seed: int, spacing: tuple[float, float, float] = (3.0, 2.5, 2.0)) -> tuple[Volume, LesionMask]:
    """A smooth random image with a few lesions, some of which touch the border."""
    rng = np.random.default_rng(seed)
    geometry = Geometry.axial((18, 20, 22), spacing, (10.0, -20.0, 30.0))
    smooth = ndimage.gaussian_filter(rng.normal(size=geometry.shape), 2.0)
    array = (4.0 + 3.0 * smooth / smooth.std()).clip(0.0).astype(np.float32)
    return Volume(array, geometry, Unit.SUV_BW), mask_at(array, 6.5, geometry, smallest=2)


@QUICK
@given(SEED)
def test_volumes_add_up(seed: int) -> None:
    suv, mask = random_case(seed)
    lesions = measure_lesions(suv, mask, LesionOptions(texture=None))
    patient = patient_measures(suv, mask, lesions)
    assert patient.value("tmtv_ml") == mask.volume_ml
    assert sum(m.value("mtv_ml") for m in lesions) == pytest.approx(mask.volume_ml, rel=1e-12)
    total = float(suv.array[mask.foreground].sum(dtype=np.float64)) * suv.geometry.voxel_ml
    assert patient.value("tlg_g") == pytest.approx(total, rel=1e-12)
    for m in lesions:
        assert m.value("tlg_g") == pytest.approx(m.value("suvmean") * m.value("mtv_ml"), rel=1e-12)
        assert m.value("auc_csh") == pytest.approx(m.value("suvmean") / m.value("suvmax"), rel=1e-12)
        assert m.value("suvmin") <= m.value("suvmean") <= m.value("suvmax")
        assert m.value("axial_diameter_mm") <= m.value("max3d_mm") + 1e-9
        assert m.value("major_axis_mm") >= m.value("minor_axis_mm") >= m.value("least_axis_mm")
        assert 0 < m.value("sphericity") <= 1
    assert patient.value("dmax_bulk_cm") <= patient.value("dmax_cm") + 1e-12
    assert patient.value("dmax_cm") <= patient.value("dmax_voxel_cm") + 1e-12


def same(left: Measures, right: Measures, but: tuple[str, ...] = (), rel: float = 1e-7) -> None:
    assert [m.name for m in left] == [m.name for m in right]
    for a, b in zip(left, right, strict=True):
        if a.name.startswith(but):
            continue
        assert (a.value is None) == (b.value is None), a.name
        if a.value is not None:
            assert a.value == pytest.approx(b.value, rel=rel, abs=1e-9), a.name


TURNS = st.tuples(st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))


@QUICK
@given(SEED, TURNS)
def test_storing_the_image_otherwise_changes_nothing(seed: int, turn: tuple[list[int], tuple[bool, ...]]) -> None:
    """Axes permuted and flipped together with the matrix: the same patient, so the same numbers."""
    suv, mask = random_case(seed)
    order, flips = turn
    affine = np.array(suv.geometry.affine)[:, [*order, 3]]
    array, labels = suv.array.transpose(order), mask.labels.transpose(order)
    for axis, flip in enumerate(flips):
        if flip:
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
            array, labels = np.flip(array, axis), np.flip(labels, axis)
    z, y, x = array.shape
    geometry = Geometry((z, y, x), affine)
    turned = Volume(np.ascontiguousarray(array), geometry, Unit.SUV_BW)
    turned_mask = LesionMask(np.ascontiguousarray(labels), geometry, mask.source)
    # marching cubes chooses between two surfaces where the mask touches itself only by corners: the mesh may differ
    mesh = ("volume_mesh_ml", "surface_cm2", "a_over_v_per_cm", "sphericity")
    pairs = zip(measure_lesions(suv, mask), measure_lesions(turned, turned_mask), strict=True)
    for left, right in pairs:
        same(left, right, mesh)
        for name in mesh:
            assert left.value(name) == pytest.approx(right.value(name), rel=0.02), name
    same(measured_patient(suv, mask), measured_patient(turned, turned_mask), ("surface_cm2", "tvsr_cm"))


@QUICK
@given(SEED, st.floats(-math.pi, math.pi), st.floats(-math.pi, math.pi), st.tuples(*[st.floats(-500, 500)] * 3))
def test_moving_and_turning_the_patient_moves_only_the_centres(
    seed: int, a: float, b: float, shift: tuple[float, float, float]
) -> None:
    suv, mask = random_case(seed)
    about_z = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    move = np.eye(4)
    move[:3, :3], move[:3, 3] = about_z @ about_x, shift
    geometry = Geometry(suv.geometry.shape, move @ suv.geometry.affine)
    turned = Volume(suv.array, geometry, Unit.SUV_BW)
    turned_mask = LesionMask(mask.labels, geometry, mask.source)
    centre = ("centroid_l_mm", "centroid_p_mm", "centroid_s_mm")
    # which slices are axial depends on the patient's axes
    but = (*centre, "axial_diameter_mm")
    for left, right in zip(measure_lesions(suv, mask), measure_lesions(turned, turned_mask), strict=True):
        same(left, right, but, rel=1e-6)
        moved = move @ [*(left.value(name) for name in centre), 1.0]
        assert [right.value(name) for name in centre] == pytest.approx(moved[:3].tolist(), abs=1e-6)
    same(measured_patient(suv, mask), measured_patient(turned, turned_mask), but, rel=1e-6)


@QUICK
@given(SEED, st.floats(0.1, 10.0))
def test_suv_scales_and_volumes_do_not(seed: int, by: float) -> None:
    suv, mask = random_case(seed)
    scaled = Volume(suv.array.astype(np.float64) * by, suv.geometry, Unit.SUV_BW)
    plain = Volume(suv.array.astype(np.float64), suv.geometry, Unit.SUV_BW)
    options = LesionOptions(texture=None)
    grown, before = (patient_measures(v, mask, measure_lesions(v, mask, options)) for v in (scaled, plain))
    for name in ("suvmax", "suvmean", "suvpeak", "qpet_peak", "tlg_g"):
        assert grown.value(name) == pytest.approx(by * before.value(name), rel=1e-9), name
    for name in ("tmtv_ml", "dmax_cm", "dmax_voxel_cm", "surface_cm2", "n_lesions"):
        assert grown.value(name) == before.value(name), name
    for left, right in zip(*(measure_lesions(v, mask, options) for v in (scaled, plain)), strict=True):
        for name in ("cov", "auc_csh", "sphericity", "com_shift_mm"):
            assert left.value(name) == pytest.approx(right.value(name), rel=1e-9, abs=1e-12), name


@QUICK
@given(SEED, st.floats(0.5, 3.0))
def test_lengths_areas_and_volumes_scale_with_the_grid(seed: int, by: float) -> None:
    suv, mask = random_case(seed)
    affine = np.array(suv.geometry.affine)
    affine[:3] *= by
    geometry = Geometry(suv.geometry.shape, affine)
    power = {
        "mtv_ml": 3, "tlg_g": 3, "volume_mesh_ml": 3, "surface_cm2": 2, "max3d_mm": 1, "axial_diameter_mm": 1,
        "major_axis_mm": 1, "least_axis_mm": 1, "com_shift_mm": 1, "sphericity": 0, "elongation": 0, "suvmean": 0,
    }  # fmt: skip
    options = LesionOptions(texture=None)
    large = measure_lesions(Volume(suv.array, geometry, Unit.SUV_BW), LesionMask(mask.labels, geometry, "x"), options)
    for left, right in zip(large, measure_lesions(suv, mask, options), strict=True):
        for name, n in power.items():
            assert left.value(name) == pytest.approx(right.value(name) * by**n, rel=1e-7, abs=1e-9), name


def test_one_lesion_alone_has_the_numbers_it_has_among_others() -> None:
    suv, mask = random_case(11)
    assert mask.count > 2
    for number, among in enumerate(measure_lesions(suv, mask), start=1):
        assert lesion_measures(suv, mask, number) == among
        alone = LesionMask((mask.labels == number).astype(np.int32), mask.geometry, mask.source)
        assert lesion_measures(suv, alone, 1) == among


def test_progress_is_told() -> None:
    suv, mask = random_case(3)
    heard: list[tuple[int, int]] = []
    measure_lesions(suv, mask, LesionOptions(texture=None), lambda step, done, total: heard.append((done, total)))
    assert heard[-1] == (mask.count, mask.count)
    assert [done for done, _ in heard] == list(range(mask.count + 1))


def test_texture_settings_stand_beside_the_numbers() -> None:
    suv = digital_phantom().pet
    mask = mask_at(suv.array, 4.0, suv.geometry)
    lesion = lesion_measures(suv, mask, 1, LesionOptions(texture=TextureSettings(bin_width=0.5)))
    assert lesion["ibsi_TU9B_cm_joint_entr"].method == "4 mm linear, bins 0.5 from 0, 26 neighbours"
    assert lesion["ibsi_TU9B_cm_joint_entr"].value == 0  # one grey level
    assert lesion["ibsi_NI2N_cm_corr"].value is None
    assert lesion["ibsi_NI2N_cm_corr"].why == "not defined for these values"


@pytest.mark.shared
def test_a_real_tumour_has_the_numbers_its_readme_gives(shared: Path) -> None:
    """GE whole-body scan, reader's contour: 366.1 mL, SUVmax 7.91; the same cropped, prepared by others."""
    folder, crop = shared / "wb_pet_ge_sts001", shared / "sts_fdg_petct" / "nifti" / "STS_001"
    found = []
    for image, contour in (("suvbw", "gtv_mass"), ("PET_image", "PET_mask")):
        at = folder if image == "suvbw" else crop
        suv = read_nifti(at / f"{image}.nii.gz", Unit.SUV_BW)
        drawn = read_nifti(at / f"{contour}.nii.gz", Unit.LABEL)
        mask = LesionMask((drawn.array > 0).astype(np.int32), suv.geometry, "reader")
        found.append(lesion_measures(suv, mask, 1, LesionOptions(liver_mean=2.0)))
    whole, cropped = found
    assert whole.value("mtv_ml") == pytest.approx(366.1, abs=0.05)
    assert whole.value("suvmax") == pytest.approx(7.91, abs=0.005)
    assert all(m.value is not None for m in whole)
    # the crop was scaled by other factors (3e-5) and rounded; only resampled texture depends on the field
    for m in whole:
        if m.name.startswith(("ibsi_", "centroid_")):
            continue
        assert m.value == pytest.approx(cropped.value(m.name), rel=1e-4, abs=3e-4), m.name
