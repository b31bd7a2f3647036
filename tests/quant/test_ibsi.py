"""Every native feature against the IBSI digital phantom's consensus values."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.nifti import read_nifti
from lymphoscope.quant.grey_levels import TextureSettings
from lymphoscope.quant.peak import PeakRule, suv_peak
from lymphoscope.quant.radiomics_catalogue import FIRST_ORDER, IBSI_FEATURES, TEXTURE
from lymphoscope.quant.region import Region, region
from lymphoscope.quant.shape import form
from lymphoscope.quant.texture import texture
from lymphoscope.quant.uptake import first_order

pytestmark = pytest.mark.shared

AS_IT_IS = TextureSettings(spacing_mm=None, bin_width=1.0, lowest=1.0, min_voxels=1)

# tag of the reference table → our name, and what ours is multiplied by to have the table's unit (mm)
SHAPE = {
    "morph_volume": ("volume_mesh_ml", 1000.0),
    "morph_area_mesh": ("surface_cm2", 100.0),
    "morph_av": ("a_over_v_per_cm", 0.1),
    "morph_sphericity": ("sphericity", 1.0),
    "morph_com": ("com_shift_mm", 1.0),
    "morph_diam": ("max3d_mm", 1.0),
    "morph_pca_maj_axis": ("major_axis_mm", 1.0),
    "morph_pca_min_axis": ("minor_axis_mm", 1.0),
    "morph_pca_least_axis": ("least_axis_mm", 1.0),
    "morph_pca_elongation": ("elongation", 1.0),
    "morph_pca_flatness": ("flatness", 1.0),
}

# table C4 of the specification, more digits than the consensus table
SPECIFIED = {
    "morph_volume": 556.33, "morph_area_mesh": 388.07, "morph_sphericity": 0.84294, "morph_diam": 13.115,
    "morph_pca_maj_axis": 11.402, "morph_pca_min_axis": 9.308, "morph_pca_least_axis": 8.536,
    "morph_pca_elongation": 0.8163, "morph_pca_flatness": 0.7486, "morph_com": 0.6715, "morph_moran_i": 0.03970,
    "morph_geary_c": 0.97405, "stat_mean": 2.1486, "stat_var": 3.0455, "stat_skew": 1.0838, "stat_kurt": -0.3546,
    "stat_p10": 1, "stat_p90": 4, "stat_iqr": 3, "stat_mad": 1.5522, "stat_rmad": 1.1138, "stat_cov": 0.8122,
    "stat_qcod": 0.6, "stat_energy": 567, "stat_rms": 2.7681, "ih_entropy": 1.2656, "ih_uniformity": 0.5124,
    "cm_joint_entr": 2.5739, "cm_contrast": 5.1176, "cm_energy": 0.29095, "cm_corr": 0.18313,
    "cm_inv_diff_mom": 0.63064, "cm_clust_shade": 17.419, "cm_clust_prom": 147.46, "cm_info_corr1": -0.02880,
    "cm_info_corr2": 0.26917, "rlm_sre": 0.72913, "rlm_lre": 2.76147, "szm_sze": 0.25518, "szm_lze": 550,
    "szm_lgze": 0.25278, "szm_hgze": 15.6, "szm_lzlge": 502.79, "szm_lzhge": 1494.6, "szm_z_perc": 0.06757,
    "szm_zs_var": 330.96, "szm_zs_entr": 2.3219, "dzm_sde": 1, "dzm_z_perc": 0.06757, "ngt_coarseness": 0.02960,
    "ngt_contrast": 0.58371, "ngt_busyness": 6.5436, "ngt_complexity": 13.540, "ngt_strength": 0.76350,
    "ngl_lde": 0.0450, "ngl_hde": 109,
}  # fmt: skip


@pytest.fixture(scope="module")
def phantom(shared: Path) -> Region:
    """The digital phantom with its mask, 2 mm voxels."""
    folder = shared / "ibsi" / "ibsi_1_digital_phantom" / "nifti"
    image = read_nifti(folder / "image" / "phantom.nii.gz", Unit.SUV_BW)
    mask = read_nifti(folder / "mask" / "mask.nii.gz", Unit.LABEL)
    return region(image, LesionMask(mask.array.astype(np.int32), image.geometry, "ibsi"), 1)


@pytest.fixture(scope="module")
def reference(shared: Path) -> dict[str, tuple[float, float]]:
    """Consensus value and tolerance by tag, without the aggregation's suffix."""
    found = {}
    with (shared / "ibsi" / "ibsi_1_reference_values_digital_phantom.csv").open(encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            tag = row["tag"].removesuffix("_3D_comb").removesuffix("_3D")
            if row["reference value"] and "2D" not in tag and "2_5D" not in tag and not tag.endswith("_avg_3D"):
                found[tag] = (float(row["reference value"]), float(row["tolerance"] or 0))
    return found


@pytest.fixture(scope="module")
def ours(phantom: Region) -> dict[str, float | None]:
    """Our values by the table's tags."""
    shape = form(phantom)
    values, voxels = texture(phantom, AS_IT_IS)
    assert voxels == 74
    named = {tag: shape[name] * by for tag, (name, by) in SHAPE.items()}  # type: ignore[operator]
    approximate = {"morph_vol_approx": phantom.volume_ml * 1000}
    peaks = {
        "loc_peak_loc": suv_peak(phantom, PeakRule("centred", "centre")),
        "loc_peak_glob": suv_peak(phantom, PeakRule("highest", "centre")),
    }
    return {**named, **approximate, **peaks, **first_order(phantom.values), **values}


def test_every_feature_offered_has_its_consensus_value(
    ours: dict[str, float | None], reference: dict[str, tuple[float, float]]
) -> None:
    assert {f.tag for f in IBSI_FEATURES} <= set(ours)
    for tag, value in ours.items():
        wanted, tolerance = reference[tag]
        # the table gives three significant digits
        digits = 0.5 * 10 ** (np.floor(np.log10(abs(wanted))) - 2) if wanted else 0.0
        assert value == pytest.approx(wanted, abs=max(tolerance, digits * 1.001)), tag
    assert len(ours) == len(SHAPE) + 3 + len(FIRST_ORDER) + len(TEXTURE)


def test_the_specifications_digits(ours: dict[str, float | None]) -> None:
    for tag, wanted in SPECIFIED.items():
        assert ours[tag] == pytest.approx(wanted, rel=5e-4), tag


def test_peaks_of_the_specification(phantom: Region) -> None:
    wanted = {
        ("centred", "centre"): 2.60,
        ("highest", "centre"): 3.1034,
        ("centred", "partial"): 2.622,
        ("highest", "partial"): 2.900,
    }
    for rule, value in wanted.items():
        assert suv_peak(phantom, PeakRule(*rule)) == pytest.approx(value, abs=5e-4), rule


def test_fewer_neighbours_are_another_texture(phantom: Region, ours: dict[str, float | None]) -> None:
    fewer, _ = texture(phantom, TextureSettings(None, bin_width=1.0, lowest=1.0, neighbourhood=18, min_voxels=1))
    assert fewer["cm_contrast"] != pytest.approx(ours["cm_contrast"], rel=1e-3)
    assert fewer["ih_entropy"] == ours["ih_entropy"]


def test_storing_the_phantom_otherwise_changes_nothing(phantom: Region, ours: dict[str, float | None]) -> None:
    image = phantom.image
    affine = np.array(image.geometry.affine)[:, [2, 0, 1, 3]]
    geometry = Geometry((image.geometry.shape[2], *image.geometry.shape[:2]), affine)
    labels = np.zeros(image.geometry.shape, np.int32)
    labels[tuple(phantom.index.T)] = 1
    turned = region(
        Volume(image.array.transpose(2, 0, 1), geometry, image.unit),
        LesionMask(labels.transpose(2, 0, 1), geometry, "ibsi"),
        1,
    )
    values, _ = texture(turned, AS_IT_IS)
    for tag, value in values.items():
        assert value == pytest.approx(ours[tag], rel=1e-9, abs=1e-12), tag
