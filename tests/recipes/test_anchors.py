"""Anchors from lesions."""

from __future__ import annotations

import numpy as np

from lymphoscope.recipes.anchors import centres, fit_anchors
from lymphoscope.recipes.fingerprint import CaseFacts, Fingerprint
from lymphoscope.recipes.own import OWN
from lymphoscope.recipes.planning import NetFacts

LEARN = OWN["lean-detector"].stages[0].trained


def ball_ml(diameter_mm: float) -> float:
    return float(np.pi / 6 * diameter_mm**3 / 1000)


def test_anchors_are_the_sizes_that_lesions_have_the_smallest_at_the_finest_level() -> None:
    sizes = (12, 18, 24, 36, 60, 90)
    ml = tuple(ball_ml(size) for size in sizes for _ in range(4))
    found = Fingerprint((CaseFacts("a", (64, 64, 64), (3.0, 4.0, 4.0), ml),))
    learn = fit_anchors(LEARN, found, NetFacts((8, 8, 8)))
    anchors = learn.heads[0].params["anchors"]
    np.testing.assert_allclose(anchors, np.array(sizes).reshape(3, 2, 1).repeat(3, 2) / 6.0, atol=0.01)
    assert learn.heads[1:] == LEARN.heads[1:] and learn.plan.name == "as_given"
    assert fit_anchors(learn, found, NetFacts((8, 8, 8))) == learn, "what is stated stays"


def test_clusters_cover_lesions_better_than_anchors_that_are_evenly_spaced() -> None:
    """Share of lesions that some anchor, put at the same middle, overlaps by an IoU of one half."""
    rng = np.random.default_rng(0)
    diameters = np.concatenate([rng.normal(15, 1, 40), rng.normal(40, 3, 10)])

    def recall(sides: np.ndarray) -> float:
        ratio = np.minimum(sides[None] / diameters[:, None], diameters[:, None] / sides[None])
        return float(((ratio**3).max(axis=1) >= 0.5).mean())

    even = np.linspace(diameters.min(), diameters.max(), 4)[1:3]
    assert recall(centres(diameters, 2)) > 0.95
    assert recall(even) < 0.5


def test_few_lesions_share_anchors() -> None:
    np.testing.assert_allclose(centres(np.array([20.0]), 3), [20, 20, 20])
