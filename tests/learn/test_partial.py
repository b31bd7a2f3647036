from __future__ import annotations

from dataclasses import replace

import numpy as np

from lymphoscope.image.lesion_phantom import lesion_phantom
from lymphoscope.io.dataset.cases import UNMARKED
from lymphoscope.learn.fold import _shown
from lymphoscope.learn.partial import weakened
from lymphoscope.learn.prepare import Prepared, places
from lymphoscope.recipes.planning import Fold


def whole_case() -> Prepared:
    images, truth = lesion_phantom(2)
    labels = truth.array.astype(np.int8)
    return Prepared("c", "p", images["pet:suv"].array[None], labels, places(labels), truth.geometry, {})


def test_of_a_weakened_case_nothing_else_is_known() -> None:
    whole = whole_case()
    labels = whole.labels
    assert labels is not None
    weak = weakened(whole)
    assert weak.labels is not None
    assert set(np.unique(weak.labels)) == {UNMARKED, 1}
    assert (labels[weak.labels == 1] == 1).all()
    assert [len(lesion) for lesion in weak.lesions] == [int((weak.labels == 1).sum())]
    assert whole.labels is labels and (labels == 0).any()


def test_of_a_withheld_mask_a_recipe_for_partial_masks_sees_a_part_and_others_see_nothing() -> None:
    case, withheld = whole_case(), Fold(("c",), (), ("c",))
    seen = {train_on: _shown(case, withheld, train_on) for train_on in ("labelled", "partial", "all")}
    assert seen["labelled"].labels is None and seen["all"].labels is None
    part = seen["partial"].labels
    assert part is not None and 0 < (part == 1).sum() <= 0.2 * (case.labels == 1).sum()
    assert _shown(case, replace(withheld, withheld=()), "partial") is case
    assert _shown(replace(case, labels=None, lesions=()), withheld, "partial").labels is None
