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
@pytest.mark.parametrize("lesion", [0.05, 0.2, 0.4, 0.9])
def test_a_sure_network_moves_a_decision_by_one_step_and_a_reader_is_asked(action: str, lesion: float) -> None:
    means = np.array([[0.3 * (1 - lesion), lesion, 0.7 * (1 - lesion)]])
    becomes = {
        ("include", 0.05): "doubt-in", ("doubt-in", 0.05): "doubt-out", ("doubt-in", 0.2): "doubt-in",
        ("doubt-out", 0.4): "doubt-out", ("doubt-out", 0.9): "doubt-in", ("remove", 0.4): "doubt-out",
        ("remove", 0.9): "doubt-out",
    }  # fmt: skip
    said = after(means, judged(action, first=2))
    assert said.probability == lesion
    assert said.action == becomes.get((action, lesion), action)
    if (action, lesion) in becomes:
        assert said.doubtful and (said.rule, said.actor) == (AGAINST, "network") and "the rules say: urine" in said.why
        assert ("sees bowel" if action in ("include", "doubt-in") else "sees a lesion") in said.why
    else:
        assert (said.rule, said.actor, said.why) == ("a rule", "rules", "urine")


@pytest.mark.parametrize(("action", "lesion", "end"), [
    ("doubt-in", 0.05, "; left out until it is read"), ("doubt-out", 0.9, "; counted until it is read"),
])  # fmt: skip
def test_a_reader_is_told_what_happens_until_the_region_is_read(action: str, lesion: float, end: str) -> None:
    assert after(np.array([[0.0, lesion, 1 - lesion]]), judged(action, first=2)).why.endswith(end)


@pytest.mark.parametrize("action", ["include", "remove"])
@pytest.mark.parametrize("lesion", [0.0, 1.0])
def test_what_the_rules_are_sure_of_stays_counted_or_out(action: str, lesion: float) -> None:
    found = judged(action, first=2)
    assert after(np.array([[1 - lesion, lesion, 0.0]]), found).counted == found.decisions[0].counted


def test_it_is_not_heard_of_small_regions_nor_of_those_at_the_end_of_the_field() -> None:
    means = np.array([[0.3, 0.0, 0.7]])
    assert after(means, judged("include", first=2)).action == "doubt-in"
    assert after(means, judged("include", first=2, ml=0.99 * LEAST_ML)).action == "include"
    assert after(means, judged("include", first=0)).action == "include"
    assert after(means, judged("include", first=7)).action == "include"
