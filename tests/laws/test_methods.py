"""Laws that every delineation method obeys. A method gets its tests by being in the table."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.components import components, keep_volume
from lymphoscope.image.delineation import Context, Delineation
from lymphoscope.quant.peak import suv_peak
from lymphoscope.quant.region import regions
from lymphoscope.recipes.classical import METHODS
from lymphoscope.recipes.shelf import RULES, apply
from lymphoscope.recipes.spec import PET, Stage, from_json, to_json, use

SPACING = (5.0, 4.0, 3.0)
SHAPE = (26, 40, 60)
RELATIVE = sorted(m for m, r in METHODS.items() if r.stages[0].rule.name in ("of_max", "of_peak", "nestle", "gradient"))
REFERENCED = sorted(m for m, r in METHODS.items() if any(n.startswith("reference:") for n in r.needs))
ONE_THRESHOLD = sorted(
    m for m, r in METHODS.items() if r.stages[0].rule.name in ("fixed", "of_reference", "above_reference")
)
Turn = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Organ:
    mean: float
    sd: float
    max: float


def ball(centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """Voxels within a radius, both in mm."""
    grids = np.meshgrid(*[np.arange(n) * s for n, s in zip(SHAPE, SPACING, strict=True)], indexing="ij")
    return np.asarray(sum((g - c) ** 2 for g, c in zip(grids, centre, strict=True)) <= radius**2)


def make_phantom() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two touching lesions, one beside an organ, a faint one alone: SUV, seeds, physiological uptake."""
    suv = np.full(SHAPE, 0.9)
    suv[ball((60, 80, 20), 30)] = 1.8
    for centre, radius, level in (
        ((60, 60, 55), 18, 14.0),
        ((60, 85, 80), 16, 8.0),
        ((60, 70, 135), 11, 9.0),
        ((60, 130, 60), 12, 5.2),
    ):
        suv[ball(centre, radius)] = level
    organ = ball((60, 100, 150), 24)
    suv[organ] = 22.0
    suv = ndimage.gaussian_filter(suv, [3.0 / s for s in SPACING])
    rng = np.random.default_rng(11)
    suv = (suv * (1 + 0.03 * ndimage.gaussian_filter(rng.standard_normal(SHAPE), 0.7) / 0.25)).astype(np.float32)
    rivals = ndimage.binary_dilation(organ) & (suv >= 4)
    hot = components((suv >= 4) & ~rivals)
    # the two touching lesions run together at SUV 4: cut between them, as a reader might
    side = np.broadcast_to(np.arange(SHAPE[2]) * SPACING[2] < 68, SHAPE)
    seeds = np.where((hot == hot[12, 15, 18]) & side & (hot > 0), hot.max() + 1, hot)
    return suv, keep_volume(seeds, 0.06, 1.0), rivals


SUV, SEEDS, RIVALS = make_phantom()
LIVER = {"liver": Organ(1.8, 0.15, 2.3), "blood_pool": Organ(1.3, 0.2, 1.9)}


def same(array: np.ndarray) -> np.ndarray:
    return array


def context(
    turn: Turn = same,
    geometry: Geometry | None = None,
    scale: float = 1.0,
    seeds: np.ndarray | None = SEEDS,
    rivals: np.ndarray | None = RIVALS,
    connectivity: int = 18,
) -> Context:
    geometry = geometry or Geometry.axial(SHAPE, SPACING)
    organs = {k: Organ(o.mean * scale, o.sd * scale, o.max * scale) for k, o in LIVER.items()}
    return Context(
        Volume(turn(SUV) * np.float32(scale), geometry, Unit.SUV_BW),
        None if seeds is None else LesionMask(turn(seeds), geometry, "seeds"),
        None if rivals is None else turn(rivals),
        organs,
        connectivity,
    )


@pytest.fixture(scope="module")
def drawn() -> dict[str, Delineation]:
    """Every method on the phantom, in one context, as the pipeline does it."""
    inside = context()
    return {name: apply(recipe, inside) for name, recipe in METHODS.items()}


def test_the_phantom_is_what_it_says() -> None:
    assert SEEDS.max() == 4
    touching = ndimage.binary_dilation(SEEDS[12, 15, 18] == SEEDS, np.ones((3, 3, 3))) & (SEEDS[12, 21, 27] == SEEDS)
    assert touching.any()
    assert (ndimage.binary_dilation(RIVALS) & (SEEDS > 0)).any()


@pytest.mark.parametrize("name", list(RULES))
def test_every_rule_resolves_and_takes_the_settings_it_names(name: str) -> None:
    signature = inspect.signature(RULES[name].load())
    settings = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert settings == list(RULES[name].facts["params"])


@pytest.mark.parametrize("method", METHODS)
class TestEveryMethod:
    def test_round_trips_json(self, method: str) -> None:
        assert from_json(to_json(METHODS[method])) == METHODS[method]

    def test_says_what_it_needs(self, method: str) -> None:
        recipe = METHODS[method]
        for step in recipe.uses:
            assert set(RULES[step.name].facts["needs"]) <= set(recipe.needs)
        if "seeds" in recipe.needs:
            with pytest.raises(LymphoscopeError) as caught:
                apply(recipe, context(seeds=None))
            assert caught.value.code == "USE-E-VALUE"
        else:
            assert apply(recipe, context(seeds=None)).voxels.size
        organs = {n.removeprefix("reference:") for n in recipe.needs if n.startswith("reference:")}
        for organ in organs:
            inside = context()
            poor = Context(inside.suv, inside.seeds, reference={k: v for k, v in LIVER.items() if k != organ})
            with pytest.raises(LymphoscopeError) as caught:
                apply(recipe, poor)
            assert caught.value.code == "SEG-E-REFERENCE"

    def test_draws_every_lesion_under_the_number_of_its_seed(self, method: str, drawn: dict[str, Delineation]) -> None:
        labels = drawn[method].labels
        assert labels.dtype == np.int32
        assert labels.shape == SHAPE
        assert set(drawn[method].counts) == {1, 2, 3, 4}
        for number in range(1, 5):
            assert ((labels == number) & (number == SEEDS)).any()

    def test_touching_lesions_add_up(self, method: str, drawn: dict[str, Delineation]) -> None:
        found = drawn[method]
        assert np.unique(found.voxels).size == found.voxels.size
        assert sum(found.counts.values()) == np.count_nonzero(found.labels)

    def test_a_lesion_alone_is_the_same_but_for_what_its_neighbours_hold(self, method: str) -> None:
        """Where no neighbour competes, other seeds change nothing."""
        faint = int(SEEDS[12, 32, 20])
        alone = apply(METHODS[method], context(seeds=np.where(faint == SEEDS, 1, 0)))
        together = apply(METHODS[method], context())
        np.testing.assert_array_equal(alone.labels == 1, together.labels == faint)

    def test_never_takes_physiological_uptake(self, method: str, drawn: dict[str, Delineation]) -> None:
        assert not (drawn[method].labels[RIVALS] > 0).any()
        assert not (apply(METHODS[method], context(connectivity=26)).labels[RIVALS] > 0).any()

    def test_says_its_threshold(self, method: str, drawn: dict[str, Delineation]) -> None:
        found = drawn[method]
        assert found.words
        for number, threshold in found.thresholds.items():
            assert (SUV[found.labels == number] >= np.float32(threshold)).all()
        assert (found.thresholds != {}) == (method not in ("mv2", "mv3", "gradient", "adaptive_hovon"))

    def test_gives_the_same_twice_and_alone(self, method: str, drawn: dict[str, Delineation]) -> None:
        """Sharing a context with other methods changes nothing."""
        again = apply(METHODS[method], context())
        np.testing.assert_array_equal(again.voxels, drawn[method].voxels)
        np.testing.assert_array_equal(again.numbers, drawn[method].numbers)
        assert again.words == drawn[method].words

    @pytest.mark.parametrize(
        ("axes", "flips"), [((0, 1, 2), (0,)), ((0, 1, 2), (1, 2)), ((2, 0, 1), ()), ((1, 0, 2), (0, 2))]
    )
    def test_follows_the_image_when_it_is_turned(
        self, method: str, axes: tuple[int, ...], flips: tuple[int, ...], drawn: dict[str, Delineation]
    ) -> None:
        def turn(array: np.ndarray) -> np.ndarray:
            return np.flip(array.transpose(axes), flips)

        affine = Geometry.axial(SHAPE, SPACING).affine
        columns = affine[:, [*axes, 3]].copy()
        for axis in flips:
            columns[:, 3] += columns[:, axis] * (SHAPE[axes[axis]] - 1)
            columns[:, axis] *= -1
        geometry = Geometry(tuple(SHAPE[a] for a in axes), columns)
        np.testing.assert_allclose(geometry.voxel_ml, 0.06)
        turned = apply(METHODS[method], context(turn, geometry))
        np.testing.assert_array_equal(turned.labels, turn(drawn[method].labels))

    def test_an_empty_study_has_no_lesion(self, method: str) -> None:
        empty = apply(METHODS[method], context(seeds=np.zeros(SHAPE, np.int32)))
        assert empty.voxels.size == 0
        assert not empty.messages

    def test_a_lesion_of_one_voxel(self, method: str) -> None:
        geometry = Geometry.axial((5, 5, 5), (4.0, 4.0, 4.0))
        suv = np.full((5, 5, 5), 0.5, np.float32)
        suv[2, 2, 2] = 8.0
        seeds = LesionMask((suv > 4).astype(np.int32), geometry, "seeds")
        found = apply(METHODS[method], Context(Volume(suv, geometry, Unit.SUV_BW), seeds, reference=LIVER))
        assert found.counts.get(1, 0) >= 1
        assert found.labels[2, 2, 2] == 1


@pytest.mark.parametrize("method", RELATIVE)
@pytest.mark.parametrize("factor", [0.5, 2.0, 3.0])
def test_relative_methods_do_not_depend_on_the_scale(method: str, factor: float, drawn: dict[str, Delineation]) -> None:
    scaled = apply(METHODS[method], context(scale=factor))
    np.testing.assert_array_equal(scaled.labels, drawn[method].labels)


@pytest.mark.parametrize("method", REFERENCED)
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_methods_by_an_organ_scale_with_it(method: str, factor: float, drawn: dict[str, Delineation]) -> None:
    scaled = apply(METHODS[method], context(scale=factor))
    np.testing.assert_array_equal(scaled.labels, drawn[method].labels)


@pytest.mark.parametrize("seeds", [SEEDS, None])
def test_a_higher_fixed_threshold_gives_less(seeds: np.ndarray | None) -> None:
    inside = context(seeds=seeds, rivals=RIVALS if seeds is not None else None)
    before = None
    for at in (1.2, 2.0, 2.5, 3.0, 4.0, 5.0, 8.0, 13.0):
        labels = RULES["fixed"].load()(inside, at=at).labels
        if before is not None:
            assert not ((labels > 0) & (before == 0)).any()
            if seeds is not None:
                kept = labels > 0
                np.testing.assert_array_equal(labels[kept], before[kept])
        before = labels


def test_a_higher_fraction_gives_less() -> None:
    inside = context()
    before = None
    for fraction in (0.2, 0.3, 0.4, 0.41, 0.5, 0.7, 0.9, 1.0):
        labels = RULES["of_max"].load()(inside, fraction=fraction).labels
        if before is not None:
            kept = labels > 0
            np.testing.assert_array_equal(labels[kept], before[kept])
        before = labels


@pytest.mark.parametrize("method", ONE_THRESHOLD)
def test_methods_of_one_threshold_are_that_fixed_threshold(method: str, drawn: dict[str, Delineation]) -> None:
    at = set(drawn[method].thresholds.values())
    assert len(at) == 1
    fixed = RULES["fixed"].load()(context(), at=at.pop())
    np.testing.assert_array_equal(fixed.labels, drawn[method].labels)


def test_votes_are_nested(drawn: dict[str, Delineation]) -> None:
    assert not ((drawn["mv3"].labels > 0) & (drawn["mv2"].labels == 0)).any()
    inputs = [drawn[m].labels for m in ("suv4.0", "suv2.5", "max41", "a50peak")]
    votes = sum((labels > 0).astype(int) for labels in inputs)
    np.testing.assert_array_equal(drawn["mv2"].labels > 0, votes >= 2)
    np.testing.assert_array_equal(drawn["mv3"].labels > 0, votes >= 3)
    for labels in inputs:
        both = (labels > 0) & (drawn["mv2"].labels > 0)
        np.testing.assert_array_equal(labels[both], drawn["mv2"].labels[both])


def test_a_recipe_of_several_stages_is_not_a_single_rule() -> None:
    rule = use("fixed", at=4.0)
    recipe = replace(METHODS["suv4.0"], stages=(Stage("a", PET, rule), Stage("b", PET, rule)))
    with pytest.raises(LymphoscopeError) as caught:
        apply(recipe, context())
    assert caught.value.code == "USE-E-VALUE"


def test_the_peak_that_sets_thresholds_is_the_peak_that_is_reported() -> None:
    """Two implementations, one number: image and quant may not import each other's."""
    inside = context()
    assert inside.seeds is not None
    highest = {seed.number: seed.suvmax for seed in inside.starts}
    for lesion in regions(inside.suv, inside.seeds):
        peak = suv_peak(lesion)
        assert peak is not None
        assert inside.peaks[lesion.number] == pytest.approx(min(peak, highest[lesion.number]), rel=1e-4)
