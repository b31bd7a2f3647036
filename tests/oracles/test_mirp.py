"""Texture and peaks against mirp, written by the lead of the IBSI. Skips where mirp is not installed."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.nifti import write_nifti
from lymphoscope.quant.grey_levels import TextureSettings
from lymphoscope.quant.peak import PeakRule, suv_peak
from lymphoscope.quant.radiomics_mirp import mirp_measures
from lymphoscope.quant.region import region
from lymphoscope.quant.shape import form
from lymphoscope.quant.texture import texture
from lymphoscope.quant.uptake import first_order

pytestmark = pytest.mark.skipif(importlib.util.find_spec("mirp") is None, reason="mirp is not installed")

GRIDS = ((3.27, 2.5, 2.7), (4.0, 4.0, 4.0), (5.0, 5.47, 5.47), (2.0, 2.0, 2.0), (3.0, 4.07, 4.07))


def lesion(spacing: tuple[float, float, float]) -> tuple[Volume, LesionMask]:
    """A noisy, irregular lesion."""
    rng = np.random.default_rng(3)
    shape = tuple(int(130 / s) for s in spacing)
    geometry = Geometry.axial(shape, spacing)  # type: ignore[arg-type]
    array = (4 + 12 * ndimage.gaussian_filter(rng.normal(size=shape), 1.5)).clip(0.1).astype(np.float32)
    places = np.moveaxis(np.indices(shape), 0, -1) * spacing - 65.0
    inside = ((places / [30.0, 22.0, 18.0]) ** 2).sum(axis=-1) < 1
    labels, _ = ndimage.label(inside & (array > 2))
    largest = np.bincount(labels.ravel())[1:].argmax() + 1
    return Volume(array, geometry, Unit.SUV_BW), LesionMask((labels == largest).astype(np.int32), geometry, "t")


def mirps(suv: Volume, mask: LesionMask, folder: Path, spacing: float | None, order: int) -> dict[str, float]:
    import mirp  # noqa: PLC0415 - an extra

    files = [str(folder / name) for name in ("image.nii.gz", "mask.nii.gz")]
    write_nifti(files[0], suv)
    write_nifti(files[1], mask)
    frame = mirp.extract_features(
        image=files[0],
        mask=files[1],
        image_modality="PET",
        new_spacing=spacing,
        spline_order=order,
        anti_aliasing=False,
        resegmentation_intensity_range=[0.0, math.nan],
        base_discretisation_method="fixed_bin_size",
        base_discretisation_bin_width=0.25,
        no_approximation=True,
    )[0]
    return {str(k): float(v) for k, v in frame.select_dtypes("number").iloc[0].items()}


def theirs(features: dict[str, float], tag: str) -> float:
    """The feature of that short name: 3-D, merged, bins of 0.25."""
    names = [n for n in features if n == tag or n.startswith(f"{tag}_")]
    names = [n for n in names if "2_5d" not in n and "2d" not in n and "3d_avg" not in n]
    assert names, tag
    return features[min(names, key=len)]


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("spacing", GRIDS)
def test_every_texture_feature_agrees(spacing: tuple[float, float, float], order: int, tmp_path: Path) -> None:
    suv, mask = lesion(spacing)
    ours, _ = texture(region(suv, mask, 1), TextureSettings(order=order))  # type: ignore[arg-type]
    features = mirps(suv, mask, tmp_path, 4.0, order)
    for tag, value in ours.items():
        # mirp sums autocorrelation in single precision
        assert value == pytest.approx(theirs(features, tag), rel=1e-6 if tag.startswith("morph") else 1e-10), tag


@pytest.mark.parametrize("spacing", GRIDS)
def test_shape_statistics_and_peaks_agree(spacing: tuple[float, float, float], tmp_path: Path) -> None:
    suv, mask = lesion(spacing)
    one = region(suv, mask, 1)
    features = mirps(suv, mask, tmp_path, None, 1)
    for tag, value in first_order(one.values).items():
        assert value == pytest.approx(theirs(features, tag), rel=1e-5, abs=1e-6), tag
    shape = form(one)
    pairs = {
        "morph_volume": ("volume_mesh_ml", 1000.0),
        "morph_area_mesh": ("surface_cm2", 100.0),
        "morph_sphericity": ("sphericity", 1.0),
        "morph_com": ("com_shift_mm", 1.0),
        "morph_diam": ("max3d_mm", 1.0),
        "morph_pca_maj_axis": ("major_axis_mm", 1.0),
        "morph_pca_flatness": ("flatness", 1.0),
    }
    for tag, (name, by) in pairs.items():
        assert shape[name] * by == pytest.approx(theirs(features, tag), rel=1e-5, abs=1e-6), tag  # type: ignore[operator]
    assert suv_peak(one, PeakRule("highest", "centre")) == pytest.approx(theirs(features, "loc_peak_glob"), rel=1e-6)
    assert suv_peak(one, PeakRule("centred", "centre")) == pytest.approx(theirs(features, "loc_peak_loc"), rel=1e-6)


def test_the_wrapper_gives_mirps_numbers(tmp_path: Path) -> None:
    suv, mask = lesion(GRIDS[1])
    found = mirp_measures(suv, mask, 1)
    assert len(found) > 150
    features = mirps(suv, mask, tmp_path, 4.0, 1)
    for measure in found:
        if measure.value is not None:
            assert measure.value == pytest.approx(features[measure.name.removeprefix("mirp_")], rel=1e-6, abs=1e-9)
    assert found.items[0].method.startswith("mirp ")
