"""Grey levels and texture: grids, bins, borders and formulas by plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.quant.grey_levels import GreyLevels, TextureSettings, grey_levels
from lymphoscope.quant.radiomics_catalogue import TEXTURE
from lymphoscope.quant.region import Region, region
from lymphoscope.quant.texture import (
    FAMILIES,
    autocorrelation,
    co_occurrence,
    dependence,
    neighbour_differences,
    run_lengths,
    texture,
    zones,
)

NATIVE = TextureSettings(spacing_mm=None, min_voxels=1)


def lesion(array: np.ndarray, inside: np.ndarray, spacing: tuple[float, float, float]) -> Region:
    geometry = Geometry.axial(array.shape, spacing)
    image = Volume(array, geometry, Unit.SUV_BW)
    return region(image, LesionMask(inside.astype(np.int32), geometry, "t"), 1)


def of_levels(levels: np.ndarray, neighbourhood: int = 26) -> GreyLevels:
    return GreyLevels(levels.astype(np.int32), levels.astype(np.float64), np.eye(3), neighbourhood)


def random_levels(seed: int, shape: tuple[int, int, int] = (4, 5, 4), top: int = 4) -> GreyLevels:
    rng = np.random.default_rng(seed)
    levels = rng.integers(1, top + 1, size=shape) * (rng.random(shape) < 0.7)
    levels[0, 0, 0] = 1
    return of_levels(levels)


# --- grid and bins ----------------------------------------------------------------------------------------------


def test_bins_are_a_quarter_of_suv_from_zero() -> None:
    array = np.array([[[0.0, 0.24, 0.25, 0.49, 0.5, 4.0, -1.0, 12.3]]])
    grey = grey_levels(lesion(array, np.ones(array.shape, bool), (4.0, 4.0, 4.0)), TextureSettings())
    assert grey.levels.ravel().tolist() == [1, 1, 2, 2, 3, 17, 1, 50]


def test_an_even_grid_of_four_millimetres_is_kept() -> None:
    rng = np.random.default_rng(0)
    array = rng.random((6, 7, 8)) * 9
    inside = array > 2
    found = lesion(array, inside, (4.0, 4.0, 4.0))
    grey = grey_levels(found, TextureSettings())
    assert np.array_equal(grey.inside, found.inside)
    assert np.array_equal(grey.values, array[found.crop(np.ones(array.shape, bool)) >= 0].reshape(found.inside.shape))


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(1.5, 6.5)] * 3), st.integers(0, 1000), st.sampled_from([1, 3]))
def test_linear_images_stay_linear_and_volumes_stay(spacing: tuple[float, float, float], seed: int, order: int) -> None:
    """A ramp resampled to any grid is the same ramp in the patient: grid, offset and crop are right."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(np.ceil(n / s)) for n, s in zip((90, 80, 100), spacing, strict=True))
    slope = rng.normal(size=3)
    places = np.moveaxis(np.indices(shape), 0, -1) * spacing
    middle = (np.array(shape) - 1) / 2 * spacing
    inside = (((places - middle) / [28.0, 24.0, 30.0]) ** 2).sum(axis=-1) <= 1
    found = lesion(places @ slope, inside, spacing)
    grey = grey_levels(found, TextureSettings(order=order, lowest=-1e4, bin_width=1.0))  # type: ignore[arg-type]
    # the new grid's centre is the image's centre, so its voxels lie a whole number of steps (or half ones) from it
    steps = np.argwhere(grey.inside)
    gradient = [np.diff(grey.values, axis=axis) for axis in range(3)]
    for axis, difference in enumerate(gradient):
        both = np.logical_and(
            *(np.roll(grey.inside, -k, axis).take(range(difference.shape[axis]), axis) for k in (0, 1))
        )
        assert np.allclose(difference[both], 4.0 * slope[axis], atol=1e-6 if order == 1 else 0.2)
    assert len(steps) * 64 == pytest.approx(4 / 3 * np.pi * 28 * 24 * 30, rel=0.15)
    assert float(grey.values[grey.inside].mean()) == pytest.approx(middle @ slope, abs=2.0)


def test_the_grid_does_not_depend_on_the_lesions_box() -> None:
    rng = np.random.default_rng(4)
    array = ndimage.gaussian_filter(rng.random((20, 24, 22)), 1.0) * 10
    large = np.zeros(array.shape, bool)
    large[4:16, 5:20, 6:18] = True
    small = large.copy()
    small[:7] = False
    spacing = (3.0, 2.7, 2.7)
    a, b = (grey_levels(lesion(array, inside, spacing), TextureSettings()) for inside in (large, small))
    common = set(np.round(a.values[a.inside], 9)) & set(np.round(b.values[b.inside], 9))
    assert len(common) > 0.9 * np.count_nonzero(b.inside)


def test_lesion_at_the_images_border_is_resampled() -> None:
    array = np.full((10, 10, 10), 6.0)
    inside = np.zeros(array.shape, bool)
    inside[:6, :6, :6] = True
    grey = grey_levels(lesion(array, inside, (5.5, 3.0, 3.0)), TextureSettings())
    assert np.count_nonzero(grey.levels) * 64 == pytest.approx(6**3 * 5.5 * 9, rel=0.25)
    # 6.0 begins level 25, however interpolation rounds
    assert set(np.unique(grey.levels)) == {0, 25}


def test_values_beside_a_lesion_must_be_finite() -> None:
    array = np.full((12, 12, 12), 6.0)
    inside = np.zeros(array.shape, bool)
    inside[4:9, 4:9, 4:9] = True
    array[9, 5, 5] = np.nan
    with pytest.raises(LymphoscopeError) as caught:
        grey_levels(lesion(array, inside, (3.0, 3.0, 3.0)), TextureSettings())
    assert caught.value.code == "SUV-E-NONFINITE"


@pytest.mark.parametrize("wrong", [{"order": 2}, {"neighbourhood": 6}, {"bin_width": 0.0}, {"spacing_mm": -1.0}])
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        TextureSettings(**wrong)  # type: ignore[arg-type]
    assert caught.value.code == "USE-E-VALUE"


# --- small lesions and single levels ----------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "given"), [(63, False), (64, True)])
def test_sixty_four_voxels_are_needed(count: int, given: bool) -> None:
    rng = np.random.default_rng(0)
    array = rng.random((4, 4, 4)) * 8
    inside = np.zeros(64, bool)
    inside[:count] = True
    values, voxels = texture(lesion(array, inside.reshape(4, 4, 4), (4.0, 4.0, 4.0)))
    assert voxels == count
    assert set(values) == {f.tag for f in TEXTURE}
    assert all((value is not None) == given for value in values.values())


def test_one_grey_level_has_no_correlation_and_no_number_is_made_up() -> None:
    values, _ = texture(lesion(np.full((5, 5, 5), 3.0), np.ones((5, 5, 5), bool), (4.0, 4.0, 4.0)))
    undefined = {
        "morph_moran_i", "morph_geary_c", "cm_corr", "cm_info_corr1",
        "ngt_coarseness", "ngt_contrast", "ngt_busyness", "ngt_strength",
    }  # fmt: skip
    assert {tag for tag, value in values.items() if value is None} == undefined
    assert values["szm_lze"] == 125**2
    assert values["ih_entropy"] == values["cm_joint_entr"] == values["cm_contrast"] == 0
    assert values["cm_energy"] == values["ih_uniformity"] == 1


def test_voxels_without_neighbours() -> None:
    levels = np.zeros((5, 5, 5))
    levels[::4, ::4, ::4] = np.arange(1, 9).reshape(2, 2, 2)
    grey = of_levels(levels)
    assert all(value is None for value in co_occurrence(grey).values())
    assert all(value is None for value in neighbour_differences(grey).values())
    assert dependence(grey) == {"ngl_lde": 1.0, "ngl_hde": 1.0}
    assert run_lengths(grey) == {"rlm_sre": 1.0, "rlm_lre": 1.0}
    assert zones(grey)["szm_z_perc"] == 1.0


# --- formulas by plain loops ------------------------------------------------------------------------------------

SEED = st.integers(0, 2**32 - 1)
QUICK = settings(max_examples=15, deadline=None)


def around(levels: np.ndarray, place: tuple[int, ...]) -> list[int]:
    found = []
    for step in itertools.product((-1, 0, 1), repeat=3):
        at = tuple(p + s for p, s in zip(place, step, strict=True))
        if any(step) and all(0 <= a < n for a, n in zip(at, levels.shape, strict=True)) and levels[at]:
            found.append(int(levels[at]))
    return found


@QUICK
@given(SEED)
def test_co_occurrence_by_counting(seed: int) -> None:
    grey = random_levels(seed)
    count: dict[tuple[int, int], int] = {}
    for place in np.argwhere(grey.inside):
        for other in around(grey.levels, tuple(place)):
            pair = (int(grey.levels[tuple(place)]), other)
            count[pair] = count.get(pair, 0) + 1
    total = sum(count.values())
    p = {pair: n / total for pair, n in count.items()}
    found = co_occurrence(grey)
    assert found["cm_contrast"] == pytest.approx(sum(q * (i - j) ** 2 for (i, j), q in p.items()))
    assert found["cm_joint_max"] == pytest.approx(max(p.values()))
    assert found["cm_joint_entr"] == pytest.approx(-sum(q * np.log2(q) for q in p.values()))
    assert found["cm_auto_corr"] == pytest.approx(sum(q * i * j for (i, j), q in p.items()))
    mean = sum(q * i for (i, _), q in p.items())
    assert found["cm_clust_prom"] == pytest.approx(sum(q * (i + j - 2 * mean) ** 4 for (i, j), q in p.items()))
    assert found["cm_sum_var"] == pytest.approx(found["cm_clust_tend"])
    assert found["cm_dissimilarity"] == found["cm_diff_avg"]


@QUICK
@given(SEED)
def test_autocorrelation_by_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = np.diag([2.0, 3.0, 1.5]) @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    inside = rng.random((4, 5, 3)) < 0.6
    inside[0, 0, 0] = inside[3, 4, 2] = True
    values = rng.random(inside.shape)
    grey = GreyLevels(inside.astype(np.int32), values, matrix)
    x = values[inside]
    places = np.argwhere(inside) @ matrix.T
    far = np.linalg.norm(places[:, None] - places[None], axis=-1)
    weight = np.divide(1.0, far, out=np.zeros_like(far), where=far > 0)
    away, n = x - x.mean(), len(x)
    moran = n / weight.sum() * (weight * np.outer(away, away)).sum() / (away**2).sum()
    geary = (n - 1) / (2 * weight.sum()) * (weight * (x[:, None] - x[None]) ** 2).sum() / (away**2).sum()
    found = autocorrelation(grey)
    assert found["morph_moran_i"] == pytest.approx(moran, rel=1e-9, abs=1e-12)
    assert found["morph_geary_c"] == pytest.approx(geary, rel=1e-9)


@QUICK
@given(SEED)
def test_runs_by_walking(seed: int) -> None:
    grey = random_levels(seed, top=2)
    padded = np.pad(grey.levels, 1)
    runs = []
    for step in [s for s in itertools.product((-1, 0, 1), repeat=3) if s > (0, 0, 0)]:
        for place in np.argwhere(padded):
            at, level = np.array(place), padded[tuple(place)]
            if padded[tuple(at - step)] == level:
                continue
            length = 0
            while padded[tuple(at)] == level:
                length, at = length + 1, at + step
            runs.append(length)
    assert run_lengths(grey)["rlm_lre"] == pytest.approx(np.mean(np.square(runs)))
    assert run_lengths(grey)["rlm_sre"] == pytest.approx(np.mean(1 / np.square(runs)))


@QUICK
@given(SEED, st.sampled_from([18, 26]))
def test_zones_by_labelling_each_level(seed: int, neighbourhood: int) -> None:
    levels = random_levels(seed).levels
    grey = of_levels(levels, neighbourhood)
    structure = ndimage.generate_binary_structure(3, 3 if neighbourhood == 26 else 2)
    found = []
    for level in np.unique(levels[levels > 0]):
        labels, _ = ndimage.label(levels == level, structure)
        found += [(int(level), int(n)) for n in np.bincount(labels.ravel())[1:]]
    g, s = (np.array(part, dtype=float) for part in zip(*found, strict=True))
    ours = zones(grey)
    assert ours["szm_lzhge"] == pytest.approx(np.mean(s**2 * g**2))
    assert ours["szm_sze"] == pytest.approx(np.mean(1 / s**2))
    assert ours["szm_lgze"] == pytest.approx(np.mean(1 / g**2))
    assert ours["szm_z_perc"] == pytest.approx(len(g) / np.count_nonzero(levels))
    shares = np.array(list({pair: found.count(pair) for pair in found}.values())) / len(found)
    assert ours["szm_zs_entr"] == pytest.approx(-np.sum(shares * np.log2(shares)), abs=1e-12)


@QUICK
@given(SEED)
def test_neighbour_differences_by_visiting(seed: int) -> None:
    grey = random_levels(seed)
    s: dict[int, float] = {}
    n: dict[int, int] = {}
    for place in np.argwhere(grey.inside):
        near, own = around(grey.levels, tuple(place)), int(grey.levels[tuple(place)])
        if near:
            s[own] = s.get(own, 0.0) + abs(own - np.mean(near))
            n[own] = n.get(own, 0) + 1
    total = sum(n.values())
    p = {i: k / total for i, k in n.items()}
    found = neighbour_differences(grey)
    assert found["ngt_coarseness"] == pytest.approx(1 / sum(p[i] * s[i] for i in p))
    busy = sum(p[i] * s[i] for i in p) / sum(abs(i * p[i] - j * p[j]) for i in p for j in p)
    assert found["ngt_busyness"] == pytest.approx(busy)
    strength = sum((p[i] + p[j]) * (i - j) ** 2 for i in p for j in p) / sum(s.values())
    assert found["ngt_strength"] == pytest.approx(strength)
    complexity = sum(abs(i - j) * (p[i] * s[i] + p[j] * s[j]) / (p[i] + p[j]) for i in p for j in p) / total
    assert found["ngt_complexity"] == pytest.approx(complexity)


def test_the_families_give_every_feature_once() -> None:
    grey = random_levels(1)
    found = [tag for family in FAMILIES for tag in family(grey)]
    assert len(found) == len(set(found))
    assert set(found) == {f.tag for f in TEXTURE}
