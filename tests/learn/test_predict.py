from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.learn.predict import Predicted, refined
from lymphoscope.recipes.baselines import BASELINES
from lymphoscope.recipes.shelf import Recipes
from lymphoscope.recipes.spec import PET, Learn, Recipe, Stage, use

GRID = Geometry.axial((9, 9, 9), (4.0, 4.0, 4.0))


def one_wrong_voxel() -> Predicted:
    lesion = np.full(GRID.shape, 0.05, np.float32)
    lesion[4, 4, 4] = 0.6
    return Predicted(np.stack([1 - lesion, lesion]), GRID)


def test_the_mean_field_of_a_recipe_removes_a_wrong_voxel_in_a_uniform_image() -> None:
    pet = Volume(np.full(GRID.shape, 2.0, np.float32), GRID, Unit.SUV_BW)
    found = refined(one_wrong_voxel(), BASELINES["b7-deeplabv3-crf"].post, {"pet:suv": pet})
    assert one_wrong_voxel().labels.array.sum() == 1
    assert found.labels.array.sum() == 0
    np.testing.assert_allclose(found.probabilities.sum(axis=0), 1, rtol=1e-5)


def test_the_pet_may_have_another_grid() -> None:
    fine = Geometry.axial((18, 18, 18), (2.0, 2.0, 2.0))
    pet = Volume(np.full(fine.shape, 2.0, np.float32), fine, Unit.SUV_BW)
    found = refined(one_wrong_voxel(), (use("mean_field"),), {"pet:suv": pet})
    assert found.geometry == GRID


def test_without_a_post_nothing_changes_and_without_a_pet_it_is_refused() -> None:
    given = one_wrong_voxel()
    assert refined(given, (), {}) is given
    with pytest.raises(LymphoscopeError) as refusal:
        refined(given, (use("mean_field"),), {})
    assert refusal.value.code == "DATA-E-MISSING"


def test_a_post_of_the_other_kind_is_refused() -> None:
    learn = Learn(use("unet", widths=(4, 8)))
    recipe = Recipe("x", "x", (Stage("s", PET, learn=learn),), "x", "reimplemented", post=(use("min_volume", ml=3.0),))
    with pytest.raises(LymphoscopeError) as refusal:
        Recipes("recipe", recipe)
    assert refusal.value.code == "USE-E-VALUE"
