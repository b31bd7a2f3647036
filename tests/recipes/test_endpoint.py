from __future__ import annotations

from dataclasses import replace

import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.recipes.endpoint import Endpoint, endpoint, foretells, weighted
from lymphoscope.recipes.fingerprint import CaseFacts, Fingerprint
from lymphoscope.recipes.joint import BOX, BOX_MM, JOINT
from lymphoscope.recipes.planning import AS_GIVEN, NetFacts
from lymphoscope.recipes.spec import Learn, use
from lymphoscope.recipes.whole_image import whole_image

TWO_YEARS = endpoint("progression:days:730.5")


@pytest.mark.parametrize(
    ("event", "days", "told"),
    [(1, 100, 1.0), (1, 730.5, 1.0), (1, 731, 0.0), (0, 730.5, 0.0), (0, 900, 0.0), (0, 730, None), (None, 900, None),
     (1, None, None)],
)  # fmt: skip
def test_who_was_censored_before_the_horizon_is_not_known(
    event: float | None, days: float | None, told: float | None
) -> None:
    facts = {name: float(value) for name, value in (("progression", event), ("days", days)) if value is not None}
    assert TWO_YEARS.of(facts) == told
    assert TWO_YEARS.censored(facts) == (event == 0 and days == 730)


def test_words_of_an_endpoint() -> None:
    assert endpoint("lung_mets") == Endpoint("lung_mets")
    assert (TWO_YEARS.name, endpoint("lung_mets").name) == ("progression@730.5", "lung_mets")
    for words in ("", "a:b", "a:b:soon", "a:b:0", "a:b:inf", ":b:3", "a:b:3:4"):
        with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
            endpoint(words)


@pytest.mark.parametrize(("facts", "said"), [({"x": 2.0}, "0 or 1"), ({"x": "yes"}, "0 or 1")])
def test_an_event_that_is_no_event_is_refused(facts: dict[str, float | str], said: str) -> None:
    with pytest.raises(LymphoscopeError, match=said):
        Endpoint("x").of(facts)
    with pytest.raises(LymphoscopeError, match="no time"):
        TWO_YEARS.of({"progression": 1.0, "days": "long"})


def test_weights_are_those_of_the_training_patients() -> None:
    learn = JOINT["m1-joint"].stages[0].trained
    terms = weighted(learn, 89, 180).loss.params["terms"]
    assert [round(w, 3) for w in terms[1].params["weights"]] == [0.331, 0.669]
    assert terms[0] == learn.loss.params["terms"][0]
    plain = Learn(use("unet"))
    assert weighted(plain, 0, 0) == plain and not foretells(JOINT["m1-a"])
    with pytest.raises(LymphoscopeError, match="0 have the outcome and 4"):
        weighted(learn, 0, 4)


def cohort(*cases: tuple[tuple[int, int, int], tuple[float, float, float]]) -> Fingerprint:
    return Fingerprint(tuple(CaseFacts(str(n), *case) for n, case in enumerate(cases)))


def planned(learn: Learn, data: Fingerprint, multiple: int = 8) -> Learn:
    return whole_image(learn, data, NetFacts((multiple,) * 3))


def test_whole_bodies_get_the_published_box_and_crops_a_smaller_one_of_the_same_voxels() -> None:
    learn = JOINT["m1-joint"].stages[0].trained
    body = planned(learn, cohort(((257, 128, 128), (3.3, 5.5, 5.5))))
    assert body.sampler.params["size"] == BOX
    assert body.grid.params["mm"] == pytest.approx(BOX_MM)
    assert body.plan == AS_GIVEN
    crops = planned(learn, cohort(((60, 43, 41), (3.27, 4.69, 4.69)), ((85, 30, 51), (3.27, 5.47, 5.47))))
    assert crops.sampler.params["size"] == (80, 40, 48)  # 278 × 202 × 279 mm
    voxels = [mm / n for mm, n in zip(crops.grid.params["mm"], crops.grid.params["shape"], strict=True)]
    assert voxels == pytest.approx([mm / n for mm, n in zip(BOX_MM, BOX, strict=True)], abs=1e-3)


def test_without_a_box_the_largest_case_is_one_of_median_voxels() -> None:
    learn = replace(JOINT["m1-joint"].stages[0].trained, grid=use("boxed"))
    data = cohort(((60, 43, 41), (3.0, 5.0, 5.0)), ((85, 30, 51), (3.0, 5.0, 5.0)))
    assert planned(learn, data, 16).sampler.params["size"] == (96, 48, 64)
    coarse = whole_image(learn, data, NetFacts((8, 8, 8)), voxel=(6.0, 6.0, 6.0))
    assert (coarse.grid.params["shape"], coarse.grid.params["mm"]) == ((48, 40, 48), (288.0, 240.0, 288.0))
