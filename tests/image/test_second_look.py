"""What becomes of the rules' decisions once a network was heard."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Decision
from lymphoscope.core.volume import LesionMask
from lymphoscope.image.physiology import Judged
from lymphoscope.image.second_look import AGAINST, LEAST_ML, region_means, second_look

FINE, COARSE = Geometry.axial((8, 8, 8), (4.0, 4.0, 4.0)), Geometry.axial((4, 4, 4), (8.0, 8.0, 8.0), (2.0, 2.0, 2.0))
CLASSES = ("background", "lesion", "bowel")


def judged(*actions: str, first: int = 0, ml: float = LEAST_ML) -> Judged:
    """Slices that are regions, every other from the first."""
    labels = np.zeros(FINE.shape, np.int32)
    for number in range(1, len(actions) + 1):
        labels[first + 2 * number - 2] = number
    decisions = tuple(
        Decision(number, action, 1, "bladder", None, ml, 9.0, "a rule", "urine")
        for number, action in enumerate(actions, start=1)
    )
    return Judged(LesionMask(labels, FINE, "candidates"), decisions)


def test_a_regions_mean_is_that_of_its_own_place_on_another_grid() -> None:
    probabilities = np.zeros((3, *COARSE.shape), np.float32)
    probabilities[1] = np.array([0.0, 0.25, 0.5, 0.75])[:, None, None]  # of slices at z = 2, 10, 18, 26 mm
    means = region_means(judged("include", "include", "include", "include"), probabilities, COARSE)
    # regions lie at z = 0, 8, 16, 24 mm: 0 is beyond the first centre, the others are 2 mm before one
    assert means[:, 1] == pytest.approx([0.0, 0.1875, 0.4375, 0.6875])
    assert means[:, [0, 2]] == pytest.approx(0.0)


def after(means: NDArray[np.float64], found: Judged) -> Decision:
    return second_look(found, means, CLASSES).decisions[0]


@pytest.mark.parametrize("action", ["include", "doubt-in", "doubt-out", "remove"])
@pytest.mark.parametrize("lesion", [0.0, 0.2, 0.5, 1.0])
def test_only_a_sure_network_turns_a_decision_and_always_into_a_doubt(action: str, lesion: float) -> None:
    means = np.array([[0.3 * (1 - lesion), lesion, 0.7 * (1 - lesion)]])
    turned = {
        ("include", 0.0): "doubt-in", ("doubt-in", 0.0): "doubt-in", ("doubt-in", 0.2): "doubt-in",
        ("remove", 0.5): "doubt-out", ("remove", 1.0): "doubt-out",
    }  # fmt: skip
    said = after(means, judged(action, first=2))
    assert said.probability == lesion
    assert said.action == turned.get((action, lesion), action)
    if (action, lesion) in turned:
        assert (said.rule, said.actor) == (AGAINST, "network") and "the rules say: urine" in said.why
        assert ("sees a lesion" if action == "remove" else "sees bowel") in said.why
    else:
        assert (said.rule, said.actor, said.why) == ("a rule", "rules", "urine")


def test_what_counts_is_what_the_rules_count() -> None:
    for means in ([[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]):
        for action in ("include", "doubt-in", "doubt-out", "remove"):
            found = judged(action, first=2)
            assert after(np.array(means), found).counted == found.decisions[0].counted


def test_it_is_not_heard_of_small_regions_nor_of_those_at_the_end_of_the_field() -> None:
    means = np.array([[0.3, 0.0, 0.7]])
    assert after(means, judged("include", first=2)).action == "doubt-in"
    assert after(means, judged("include", first=2, ml=0.99 * LEAST_ML)).action == "include"
    assert after(means, judged("include", first=0)).action == "include"
    assert after(means, judged("include", first=7)).action == "include"
