from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its name everywhere
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image import majority as majority_module
from lymphoscope.image.background import backgrounds, cores
from lymphoscope.image.components import components, keep_volume
from lymphoscope.image.delineation import Context, Delineation
from lymphoscope.image.gradient import gradient, slope
from lymphoscope.image.majority import adaptive_hovon, majority
from lymphoscope.image.threshold import (
    above_reference,
    drop_small,
    fixed,
    nestle,
    number,
    of_max,
    of_peak,
    of_reference,
)

SPACING = (4.0, 4.0, 4.0)


@dataclass(frozen=True)
class Organ:
    mean: float
    sd: float
    max: float


LIVER = {"liver": Organ(2.0, 0.2, 2.7), "blood_pool": Organ(1.5, 0.25, 2.1)}


def ball(shape: tuple[int, int, int], centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """Voxels whose centres lie within a radius, both in voxels."""
    grids = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    return sum((g - c) ** 2 for g, c in zip(grids, centre, strict=True)) <= radius**2


def context(array: np.ndarray, seeds: np.ndarray | None = None, **more: object) -> Context:
    geometry = Geometry.axial(array.shape, SPACING)  # type: ignore[arg-type]
    mask = None if seeds is None else LesionMask(seeds, geometry, "seeds")
    return Context(Volume(array.astype(np.float32), geometry, Unit.SUV_BW), mask, **more)  # type: ignore[arg-type]


def preselected(array: np.ndarray, **more: object) -> Context:
    return context(array, components(array.astype(np.float32) >= 4), **more)


def digital_phantom() -> np.ndarray:
    suv = np.ones((60, 64, 64))
    suv[ball(suv.shape, (12, 20, 20), 5)] = 10
    suv[ball(suv.shape, (40, 40, 44), 3)] = 6
    suv[50:52, 10:12, 10:12] = 5
    suv[30, 30, 30] = 4.5
    return suv


class TestFixed:
    def test_the_digital_phantom_of_the_specification(self) -> None:
        drawn = fixed(context(digital_phantom()), at=4.0)
        assert drawn.counts == {1: 515, 2: 123, 3: 8, 4: 1}
        assert drawn.voxels.size * 0.064 == pytest.approx(41.408)
        kept = drop_small(context(digital_phantom()), drawn, ml=3.0)
        assert kept.counts == {1: 515, 2: 123}
        assert kept.voxels.size * 0.064 == pytest.approx(40.832)
        assert kept.thresholds == {1: 4.0, 2: 4.0}
        assert kept.words == "SUV ≥ 4.0"

    def test_a_voxel_at_the_threshold_is_in(self) -> None:
        suv = np.zeros((1, 1, 3))
        suv[0, 0] = [3.9999, 4.0, 4.0001]
        np.testing.assert_array_equal(fixed(context(suv), at=4.0).labels[0, 0], [0, 1, 1])

    def test_seeds_of_the_same_threshold_come_back_as_they_are(self) -> None:
        suv = digital_phantom()
        seeds = keep_volume(components(suv >= 4), 0.064, 3.0)
        np.testing.assert_array_equal(fixed(context(suv, seeds), at=4.0).labels, seeds)

    def test_regions_without_a_seed_stay_out_and_numbers_are_those_of_the_seeds(self) -> None:
        suv = digital_phantom()
        seeds = np.where(components(suv >= 4) == 2, 7, 0)
        drawn = fixed(context(suv, seeds), at=2.5)
        assert drawn.counts == {7: 123}
        assert drawn.thresholds == {7: 2.5}

    def test_a_higher_threshold_keeps_every_part_of_a_seed(self) -> None:
        suv = np.full((1, 1, 9), 4.5)
        suv[0, 0, [1, 7]] = 9
        drawn = fixed(preselected(suv), at=8.0)
        assert drawn.voxels.tolist() == [1, 7]
        assert drawn.counts == {1: 2}

    def test_a_seed_below_the_threshold_is_empty(self) -> None:
        drawn = fixed(preselected(digital_phantom()), at=7.0)
        assert drawn.counts == {1: 515}
        assert sorted(drawn.thresholds) == [1, 2, 3, 4]

    def test_drop_small_measures_what_seeds_chose(self) -> None:
        given_seeds = preselected(digital_phantom())
        drawn = fixed(given_seeds, at=4.0)
        assert drop_small(given_seeds, drawn, ml=3.0) is drawn


class TestSharing:
    """Two hills with a saddle between them, and an organ beside a lesion."""

    def line(self, *values: float) -> np.ndarray:
        return np.array(values, dtype=float).reshape(1, 1, -1)

    def test_the_saddle_divides(self) -> None:
        suv = self.line(1, 3, 6, 9, 5, 3.5, 3.0, 3.2, 4.5, 5, 3, 1)
        drawn = fixed(preselected(suv), at=2.5)
        # the saddle itself is reached first from its higher side
        np.testing.assert_array_equal(drawn.labels[0, 0], [0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 0])

    @pytest.mark.parametrize(("left", "right", "winner"), [(9, 5, 1), (5, 9, 2)])
    def test_on_level_ground_the_hotter_lesion_wins_the_tie(self, left: float, right: float, winner: int) -> None:
        suv = self.line(1, left, 4, 3, 3, 3, 4, right, 1)
        seeds = np.zeros((1, 1, 9), int)
        seeds[0, 0, 1:3], seeds[0, 0, 6:8] = 1, 2
        drawn = fixed(context(suv, seeds), at=2.5).labels[0, 0]
        assert drawn.tolist() == [0, 1, 1, 1, winner, 2, 2, 2, 0]

    def test_a_lower_threshold_does_not_flood_into_an_organ(self) -> None:
        suv = self.line(1, 2.6, 5, 6, 5, 2.7, 2.6, 3.0, 8, 20, 8, 3, 1)
        seeds, rivals = np.zeros((1, 1, 13), int), np.zeros((1, 1, 13), bool)
        seeds[0, 0, 2:5], rivals[0, 0, 8:11] = 1, True
        drawn = fixed(context(suv, seeds, rivals=rivals), at=2.5).labels[0, 0]
        assert drawn.tolist() == [0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
        flooded = fixed(context(suv, seeds), at=2.5).labels[0, 0]
        assert flooded.tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]

    def test_without_seeds_a_region_with_an_organ_in_it_is_the_organs(self) -> None:
        suv = self.line(5, 5, 5, 1, 6, 6, 1)
        rivals = np.zeros((1, 1, 7), bool)
        rivals[0, 0, 0] = True
        drawn = fixed(context(suv, rivals=rivals), at=4.0)
        assert drawn.labels[0, 0].tolist() == [0, 0, 0, 0, 1, 1, 0]

    def test_touching_lesions_add_up_to_the_threshold_mask(self) -> None:
        suv = np.ones((30, 30, 50))
        hot = ball(suv.shape, (15, 15, 17), 8) | ball(suv.shape, (15, 15, 32), 8)
        suv[hot] = 3
        suv[ball(suv.shape, (15, 15, 17), 3)] = 12
        suv[ball(suv.shape, (15, 15, 32), 3)] = 7
        suv = ndimage.gaussian_filter(suv, 1.0)
        drawn = fixed(preselected(suv), at=2.5)
        assert sorted(drawn.counts) == [1, 2]
        np.testing.assert_array_equal(drawn.labels > 0, components(suv >= np.float32(2.5)) == 1)

    def test_a_voxel_that_was_a_seed_and_is_an_organ_is_the_organs(self) -> None:
        suv = self.line(1, 5, 6, 7, 1)
        rivals = np.zeros((1, 1, 5), bool)
        rivals[0, 0, 3] = True
        drawn = of_max(preselected(suv, rivals=rivals), fraction=0.41)
        assert drawn.labels[0, 0].tolist() == [0, 1, 1, 0, 0]
        assert drawn.thresholds[1] == pytest.approx(0.41 * 6)


class TestRelative:
    def test_a_two_level_phantom_gives_the_high_level_exactly(self) -> None:
        suv = np.ones((24, 24, 24))
        high = ball(suv.shape, (12, 12, 12), 6)
        suv[high] = 10
        drawn = of_max(preselected(suv), fraction=0.41)
        np.testing.assert_array_equal(drawn.labels > 0, high)
        assert drawn.thresholds == {1: pytest.approx(4.1)}

    def test_only_what_hangs_together_with_the_maximum(self) -> None:
        suv = np.array([1, 9, 5, 4.2, 5.5, 6, 1], dtype=float).reshape(1, 1, -1)
        seeds = np.array([0, 1, 1, 1, 1, 1, 0]).reshape(1, 1, -1)
        drawn = of_max(context(suv, seeds), fraction=0.5)
        assert drawn.labels[0, 0].tolist() == [0, 1, 1, 0, 0, 0, 0]

    def test_a_part_that_only_a_fainter_neighbour_connects_stays_out(self) -> None:
        suv = np.array([1, 14, 4.5, 9, 4.2, 3, 4.4, 4.8, 4.4, 1], dtype=float).reshape(1, 1, -1)
        seeds = np.array([0, 1, 1, 1, 1, 0, 2, 2, 2, 0]).reshape(1, 1, -1)
        drawn = of_max(context(suv, seeds), fraction=0.41)
        assert drawn.labels[0, 0].tolist() == [0, 1, 0, 0, 0, 2, 2, 2, 2, 0]

    def test_a_voxel_that_equals_the_threshold_is_in(self) -> None:
        suv = np.array([1, 10, 4.1, 1], dtype=float).reshape(1, 1, -1)
        assert of_max(preselected(suv), fraction=0.41).counts == {1: 2}

    def test_a_faint_lesion_does_not_eat_the_flank_of_a_hot_one(self) -> None:
        line = [1, 2.2, 5, 12, 20, 12, 6, 2.4, 2.2, 3, 4.2, 3, 2.1, 1]
        drawn = of_max(preselected(np.array(line, dtype=float).reshape(1, 1, -1)), fraction=0.41)
        np.testing.assert_array_equal(drawn.labels[0, 0], [0, 0, 0, 1, 1, 1, 0, 0, 2, 2, 2, 2, 2, 0])

    @pytest.mark.parametrize(("suvmax", "warns"), [(4.9, True), (5.0, False), (12.0, False)])
    def test_low_contrast(self, suvmax: float, warns: bool) -> None:
        suv = np.ones((9, 9, 9))
        suv[3:6, 3:6, 3:6] = suvmax
        drawn = of_max(preselected(suv), fraction=0.41)
        assert [m.code for m in drawn.messages] == ["SEG-W-LOWCONTRAST"] * warns

    @pytest.mark.parametrize("rule", [of_max, of_peak, nestle, gradient, majority, adaptive_hovon])
    def test_a_rule_about_lesions_needs_lesions(self, rule) -> None:  # type: ignore[no-untyped-def]
        settings = {of_max: {"fraction": 0.41}, majority: {"votes": 2}}.get(rule, {})
        with pytest.raises(LymphoscopeError) as caught:
            rule(context(digital_phantom()), **settings)
        assert caught.value.code == "USE-E-VALUE"

    @pytest.mark.parametrize("rule", [of_peak, nestle, gradient, adaptive_hovon])
    def test_no_lesions_no_volume(self, rule) -> None:  # type: ignore[no-untyped-def]
        drawn = rule(preselected(np.ones((5, 5, 5))))
        assert drawn.voxels.size == 0
        assert not drawn.messages

    def test_a_region_larger_than_the_first_box_is_found_whole(self) -> None:
        suv = np.full((3, 3, 200), 3.0)
        suv[1, 1, 100] = 6.0
        assert of_max(preselected(suv), fraction=0.41).counts == {1: 1800}


class TestAgainstRegionGrowing:
    """The relative rule on a lesion alone is ITK's connected threshold from its SUVmax voxel."""

    def grown(self, suv: np.ndarray, top: tuple[int, ...], fraction: float) -> np.ndarray:
        lowest = float(np.float32(fraction * float(suv[top])))
        seed = [tuple(int(i) for i in reversed(top))]
        full = sitk.ConnectedThresholdImageFilter.FullConnectivity
        return (
            sitk.GetArrayFromImage(sitk.ConnectedThreshold(sitk.GetImageFromArray(suv), seed, lowest, 1e9, 1, full)) > 0
        )

    @settings(max_examples=25, deadline=None)
    @given(st.integers(0, 10**6), st.floats(0.2, 0.9), st.floats(0.6, 2.0))
    def test_on_random_uptake(self, number_: int, fraction: float, smooth: float) -> None:
        noise = np.random.default_rng(number_).standard_normal((14, 15, 16))
        suv = np.exp(2 * ndimage.gaussian_filter(noise, smooth) / ndimage.gaussian_filter(noise, smooth).std())
        suv = suv.astype(np.float32)
        top = np.unravel_index(suv.argmax(), suv.shape)
        seeds = np.zeros(suv.shape, int)
        seeds[top] = 1
        drawn = of_max(context(suv, seeds, connectivity=26), fraction=fraction)
        np.testing.assert_array_equal(drawn.labels > 0, self.grown(suv, top, fraction))

    @pytest.mark.shared
    def test_on_a_real_tumour(self, shared: Path) -> None:
        suv = sitk.GetArrayFromImage(sitk.ReadImage(shared / "wb_pet_ge_sts001" / "suvbw.nii.gz")).astype(np.float32)
        tumour = sitk.GetArrayFromImage(sitk.ReadImage(shared / "wb_pet_ge_sts001" / "gtv_mass.nii.gz")) > 0
        regions = components(suv >= 4)
        seeds = np.where(regions == np.bincount(regions[tumour & (regions > 0)]).argmax(), 1, 0)
        highest = suv[seeds > 0].max()
        assert highest == pytest.approx(7.91, abs=0.005)
        top = tuple(np.argwhere((suv == highest) & (seeds > 0))[0])
        for fraction in (0.41, 0.5):
            drawn = of_max(context(suv, seeds, connectivity=26), fraction=fraction)
            np.testing.assert_array_equal(drawn.labels > 0, self.grown(suv, top, fraction))


class TestPeakAndBackground:
    def test_background_is_that_of_the_surroundings(self) -> None:
        suv = np.full((40, 40, 40), 1.25)
        suv[ball(suv.shape, (20, 20, 20), 6)] = 10
        inside = preselected(suv)
        assert backgrounds(inside)[1] == pytest.approx(1.25)
        assert inside.peaks[1] == pytest.approx(10.0)
        assert of_peak(inside).thresholds[1] == pytest.approx(0.5 * (10 + 1.25))

    def test_hot_neighbours_and_organs_are_left_out(self) -> None:
        suv = np.full((40, 40, 40), 1.0)
        suv[ball(suv.shape, (20, 20, 20), 5)] = 10
        suv[:, :, 28:] = 8.0
        rivals = np.zeros(suv.shape, bool)
        suv[:, :, :13] = 4.5
        rivals[:, :, :13] = True
        seeds = np.where(ball(suv.shape, (20, 20, 20), 5), 1, 0)
        assert backgrounds(context(suv, seeds, rivals=rivals))[1] == pytest.approx(1.0)

    def test_the_shell_is_two_to_three_voxels_away(self) -> None:
        suv = np.zeros((21, 21, 21))
        suv[10, 10, 10] = 100
        distance = np.sqrt(sum((g - 10.0) ** 2 for g in np.meshgrid(*[np.arange(21)] * 3, indexing="ij")))
        shell = (distance >= 2) & (distance <= 3)
        suv[shell] = 1.0
        suv[(distance > 0) & ~shell] = 2.0
        assert backgrounds(preselected(suv))[1] == pytest.approx(1.0)

    def test_without_surroundings_the_background_is_none(self) -> None:
        assert backgrounds(preselected(np.full((4, 4, 4), 6.0)))[1] == 0.0

    def test_a_hotter_neighbour_does_not_lift_the_peak_above_the_maximum(self) -> None:
        suv = np.ones((9, 9, 20))
        suv[3:6, 3:6, 5:8] = 5
        suv[3:6, 3:6, 8:] = 40
        seeds, rivals = np.zeros(suv.shape, int), suv > 30
        seeds[3:6, 3:6, 5:8] = 1
        inside = context(suv, seeds, rivals=rivals)
        assert inside.peaks[1] == 5.0
        assert of_peak(inside).counts == {1: 27}

    def test_nestle_by_hand(self) -> None:
        suv = np.full((40, 40, 40), 0.8)
        suv[ball(suv.shape, (20, 20, 20), 6)] = 6.0
        suv[ball(suv.shape, (20, 20, 20), 3)] = 10.0
        drawn = nestle(preselected(suv))
        assert drawn.thresholds[1] == pytest.approx(0.15 * 10 + backgrounds(preselected(suv))[1])
        np.testing.assert_array_equal(cores(preselected(suv))[1], np.flatnonzero(suv == 10))


class TestReference:
    def test_liver_rules_by_hand(self) -> None:
        suv = np.linspace(0, 6, 61).reshape(1, 1, -1)
        inside = context(suv, reference=LIVER)
        for drawn, at in (
            (of_reference(inside, times_mean=1.5, plus_sd=2.0), 1.5 * 2.0 + 2 * 0.2),
            (of_reference(inside, organ="blood_pool", times_mean=2.0, plus_sd=2.0), 2 * 1.5 + 2 * 0.25),
            (of_reference(inside, times_mean=1.4), 2.8),
            (of_reference(inside, times_mean=1.0, plus_sd=3.0), 2.6),
        ):
            assert drawn.thresholds[1] == pytest.approx(at)
            np.testing.assert_array_equal(drawn.labels[0, 0] > 0, suv[0, 0].astype(np.float32) >= np.float32(at))

    def test_above_means_above(self) -> None:
        suv = np.array([2.6, 2.7, 2.8]).reshape(1, 1, -1)
        assert above_reference(context(suv, reference=LIVER)).labels[0, 0].tolist() == [0, 0, 1]
        suv = np.array([3.9, 4.0, 4.1]).reshape(1, 1, -1)
        assert above_reference(context(suv, reference=LIVER), times_mean=2.0).labels[0, 0].tolist() == [0, 0, 1]

    @given(st.floats(0.4, 1.1), st.floats(0.8, 3.0), st.floats(0.05, 0.5))
    @settings(max_examples=30, deadline=None)
    def test_the_rule_on_sul_is_the_rule_on_suv(self, factor: float, mean: float, sd: float) -> None:
        suv = np.random.default_rng(5).uniform(0, 8, (6, 6, 6))
        at = 1.5 * mean + 2 * sd
        suv[np.abs(suv - at) < 1e-4] = 0.0
        inside = context(suv, reference={"liver": Organ(mean, sd, 9.0)}, sul_factor=factor)
        drawn = of_reference(inside, times_mean=1.5, plus_sd=2.0)
        on_sul = suv * factor >= 1.5 * (mean * factor) + 2 * (sd * factor)
        np.testing.assert_array_equal(drawn.labels > 0, on_sul)

    def test_the_threshold_is_said_in_suv_and_sul(self) -> None:
        suv = np.ones((3, 3, 3))
        assert of_reference(context(suv, reference=LIVER), times_mean=1.4).words == "SUV ≥ 2.8 (1.4 × mean of liver)"
        inside = context(suv, reference=LIVER, sul_factor=0.75)
        words = of_reference(inside, times_mean=1.5, plus_sd=2.0).words
        assert words == "SUV ≥ 3.4 = SUL ≥ 2.55 (1.5 × mean + 2.0 SD of liver)"
        assert above_reference(context(suv, reference=LIVER)).words == "SUV > 2.7 (SUVmax of liver)"

    @pytest.mark.parametrize("organs", [{}, {"liver": Organ(float("nan"), 0.1, 2.0)}, {"blood_pool": Organ(1, 1, 1)}])
    def test_no_liver_no_liver_rule(self, organs: dict[str, Organ]) -> None:
        for rule in (of_reference, above_reference):
            with pytest.raises(LymphoscopeError) as caught:
                rule(context(np.ones((3, 3, 3)), reference=organs))
            assert caught.value.code == "SEG-E-REFERENCE"


class TestMajority:
    """B-2: every row of the truth table is a place in one lesion, made by its SUV."""

    def test_truth_table(self) -> None:
        # SUVmax 20: max41 at 8.2; SUVpeak and background put a50peak between 4.0 and 8.2 or above, as counted below.
        suv = np.full((30, 30, 30), 1.0)
        for radius, level in ((9, 3.0), (7, 6.0), (5, 9.0), (4, 20.0)):
            suv[ball(suv.shape, (15, 15, 15), radius)] = level
        inside = preselected(suv)
        inputs = [fixed(inside, at=4.0), fixed(inside, at=2.5), of_max(inside, fraction=0.41), of_peak(inside)]
        masks = np.array([d.labels > 0 for d in inputs])
        votes = masks.sum(0)
        assert set(votes.ravel()) == {0, 1, 2, 3, 4}
        for wanted in (1, 2, 3, 4):
            np.testing.assert_array_equal(majority(inside, votes=wanted).labels > 0, votes >= wanted)

    @pytest.mark.parametrize("row", list(product([0, 1], repeat=4)))
    def test_every_row(self, row: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
        def stand_in(on: int):  # type: ignore[no-untyped-def]
            voxels = np.array([4] * on, dtype=np.int64)
            return Delineation((1, 1, 9), voxels, np.array([1] * on, dtype=np.int32), "")

        inside = preselected(np.full((1, 1, 9), 5.0))
        monkeypatch.setattr(majority_module, "fixed", lambda c, at: stand_in(row[0] if at == 4.0 else row[1]))
        monkeypatch.setattr(majority_module, "of_max", lambda c, fraction: stand_in(row[2]))
        monkeypatch.setattr(majority_module, "of_peak", lambda c: stand_in(row[3]))
        assert majority_module.majority(inside, votes=2).voxels.size == (sum(row) >= 2)
        assert majority_module.majority(inside, votes=3).voxels.size == (sum(row) >= 3)

    def test_touching_lesions_stay_apart(self) -> None:
        suv = np.ones((30, 30, 50))
        suv[ball(suv.shape, (15, 15, 17), 8)] = 12
        suv[ball(suv.shape, (15, 15, 33), 8)] = 7
        suv = ndimage.gaussian_filter(suv, 1.5)
        seeds = np.where(suv >= 4, np.where(np.arange(50) < 25, 1, 2), 0)
        for votes in (2, 3):
            drawn = majority(context(suv, seeds), votes=votes)
            assert sorted(drawn.counts) == [1, 2]
            assert len(np.unique(drawn.voxels)) == drawn.voxels.size

    def test_hovon_takes_the_rule_that_the_lesion_calls_for(self) -> None:
        suv = np.full((40, 40, 120), 0.1)
        suv[:, :, 80:] = 1.2
        for z, level in ((20, 12.0), (60, 6.0), (100, 6.0)):
            suv[ball(suv.shape, (20, 20, z), 6)] = level
        suv = ndimage.gaussian_filter(suv, 1.0)
        inside = preselected(suv)
        drawn = adaptive_hovon(inside)
        hot, cold, warm = (int(inside.seeds.labels[20, 20, z]) for z in (20, 60, 100))  # type: ignore[union-attr]
        for lesion, rule in (
            (hot, fixed(inside, at=4.0)),
            (cold, majority(inside, votes=2)),
            (warm, majority(inside, votes=3)),
        ):
            np.testing.assert_array_equal(drawn.labels == lesion, rule.labels == lesion)
        assert drawn.words.endswith("(1 × suv4.0, 1 × mv3, 1 × mv2)")


class TestGradient:
    def test_the_edge_of_a_blurred_sphere_is_found(self) -> None:
        suv = np.ones((40, 40, 40))
        sphere = ball(suv.shape, (20, 20, 20), 8)
        suv[sphere] = 10
        drawn = gradient(preselected(ndimage.gaussian_filter(suv, 1.0)))
        cross = ndimage.generate_binary_structure(3, 1)
        found = drawn.labels > 0
        assert not (found & ~ndimage.binary_dilation(sphere, cross)).any()
        assert not (ndimage.binary_erosion(sphere, cross) & ~found).any()

    def test_the_slope_is_per_millimetre(self) -> None:
        z, y, x = np.meshgrid(*[np.arange(30.0)] * 3, indexing="ij")
        steep = slope(0.8 * z + 0.3 * y - 0.4 * x, (8.0, 3.0, 2.0))
        np.testing.assert_allclose(steep[8:-8, 8:-8, 8:-8], np.sqrt(0.1**2 + 0.1**2 + 0.2**2), rtol=1e-3)


class TestContext:
    def test_another_unit_is_refused(self) -> None:
        geometry = Geometry.axial((2, 2, 2), SPACING)
        with pytest.raises(LymphoscopeError) as caught:
            Context(Volume(np.ones((2, 2, 2)), geometry, Unit.BQ_ML))
        assert caught.value.code == "GEO-E-UNIT"

    def test_another_grid_is_refused(self) -> None:
        other = Geometry.axial((3, 3, 3), (4.0, 4.0, 5.0))
        volume = Volume(np.ones((3, 3, 3)), Geometry.axial((3, 3, 3), SPACING), Unit.SUV_BW)
        with pytest.raises(LymphoscopeError) as caught:
            Context(volume, LesionMask(np.zeros((3, 3, 3), int), other, "x"))
        assert caught.value.code == "GEO-E-MASKGRID"
        with pytest.raises(LymphoscopeError):
            Context(volume, rivals=np.zeros((3, 3, 4), bool))

    def test_another_connectivity_is_refused(self) -> None:
        with pytest.raises(LymphoscopeError) as caught:
            context(np.ones((2, 2, 2)), connectivity=8)
        assert caught.value.code == "USE-E-VALUE"

    def test_a_mask_carries_the_numbers_of_the_seeds(self) -> None:
        inside = preselected(digital_phantom())
        mask = of_max(inside, fraction=0.41).to_mask(inside.geometry, "max41")
        assert mask.source == "max41"
        np.testing.assert_array_equal(mask.labels, inside.seeds.labels)  # type: ignore[union-attr]


def test_numbers_for_people() -> None:
    assert [number(v) for v in (4.0, 2.5, 0.41, 0.4, 2.866)] == ["4.0", "2.5", "0.41", "0.4", "2.87"]
