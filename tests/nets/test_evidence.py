from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lymphoscope.nets.evidence import (
    Evidence,
    Prototypes,
    dempster,
    discounted,
    enn_masses,
    pignistic,
    plausibility,
    rbf_masses,
)


def some_masses(seed: int, classes: int = 2, voxels: int = 50) -> Tensor:
    torch.manual_seed(seed)
    return torch.rand(1, classes + 1, voxels, dtype=torch.float64).pow(3).softmax(dim=1)


def one_by_one(support: Tensor, membership: Tensor) -> Tensor:
    """Dempster's rule, prototype after prototype."""
    found: Tensor | None = None
    for k in range(support.shape[1]):
        s = support[:, k : k + 1]
        unit = torch.cat([s * membership[k].view(1, -1, 1), 1 - s], dim=1)
        found = unit if found is None else dempster(found, unit)[0]
    assert found is not None
    return found


@given(seed=st.integers(0, 10_000), prototypes=st.integers(1, 20), classes=st.integers(2, 4))
@settings(deadline=None)
def test_the_closed_form_is_dempsters_rule_over_prototypes(seed: int, prototypes: int, classes: int) -> None:
    torch.manual_seed(seed)
    support = 0.99 * torch.rand(1, prototypes, 20, dtype=torch.float64)
    membership = torch.rand(prototypes, classes, dtype=torch.float64).softmax(dim=1)
    torch.testing.assert_close(enn_masses(support, membership), one_by_one(support, membership))


def test_weights_of_evidence_are_dempsters_rule_over_simple_masses() -> None:
    torch.manual_seed(1)
    weights = torch.randn(1, 6, 30, dtype=torch.float64)
    vacuous = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).view(1, 3, 1).expand(1, 3, 30)
    found = vacuous
    for k in range(weights.shape[1]):
        w = weights[:, k : k + 1]
        left = torch.exp(-w.abs())
        unit = torch.cat([torch.where(w < 0, 1 - left, 0), torch.where(w > 0, 1 - left, 0), left], dim=1)
        found = dempster(found, unit)[0]
    torch.testing.assert_close(rbf_masses(weights), found)
    torch.testing.assert_close(plausibility(found)[:, 1], torch.sigmoid(weights.sum(dim=1)))


@pytest.mark.parametrize("layer", ["enn", "rbf"])
def test_masses_add_up_and_far_from_every_prototype_nothing_is_known(layer: str) -> None:
    torch.manual_seed(2)
    prototypes = Prototypes(3, 3, 2, layer=layer).double()
    near = prototypes.masses(torch.randn(2, 2, 4, 4, 4, dtype=torch.float64))
    assert float(near.detach().min()) >= 0
    torch.testing.assert_close(near.sum(dim=1), torch.ones(2, 4, 4, 4, dtype=torch.float64))
    far = prototypes.masses(torch.full((1, 2, 1, 1, 1), 1e4, dtype=torch.float64))
    torch.testing.assert_close(far[:, -1], torch.ones_like(far[:, -1]))


@pytest.mark.parametrize("layer", ["enn", "rbf"])
def test_gradients_are_right(layer: str) -> None:
    torch.manual_seed(3)
    prototypes = Prototypes(2, 3, 2, prototypes=3, layer=layer).double()
    features = torch.randn(1, 2, 2, 1, 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(prototypes.masses, features)


def test_combining_is_commutative_associative_and_knowing_nothing_is_neutral() -> None:
    a, b, c = (some_masses(seed) for seed in (4, 5, 6))
    torch.testing.assert_close(dempster(a, b)[0], dempster(b, a)[0])
    torch.testing.assert_close(dempster(dempster(a, b)[0], c)[0], dempster(a, dempster(b, c)[0])[0])
    nothing = torch.zeros_like(a)
    nothing[:, -1] = 1
    combined, conflict = dempster(a, nothing)
    torch.testing.assert_close(combined, a)
    assert float(conflict.abs().max()) < 1e-12


def test_agreeing_sources_know_more_and_conflict_is_where_they_disagree() -> None:
    yes = torch.tensor([0.1, 0.7, 0.2]).view(1, 3, 1)
    no = yes[:, [1, 0, 2]]
    agreed, little = dempster(yes, yes)
    _, much = dempster(yes, no)
    assert float(agreed[0, 2]) < 0.2
    assert float(little) == pytest.approx(0.14)
    assert float(much) == pytest.approx(0.5)


def test_reliability_one_is_plain_and_zero_leaves_a_source_out() -> None:
    a, b = some_masses(7), some_masses(8)
    torch.testing.assert_close(discounted(a, torch.ones(2, dtype=torch.float64)), a)
    silent = discounted(b, torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(dempster(a, silent)[0], a)


@pytest.mark.parametrize("beta", list(itertools.product((0.2, 0.9), repeat=2)))
def test_discounting_is_that_of_the_plausibilities(beta: tuple[float, float]) -> None:
    masses, reliability = some_masses(9), torch.tensor(beta, dtype=torch.float64)
    before, after = ((m[:, :2] + m[:, 2:]) for m in (masses, discounted(masses, reliability)))
    torch.testing.assert_close(after, 1 - reliability.view(1, 2, 1) * (1 - before))


def test_ignorance_is_shared_evenly_or_excludes_nothing() -> None:
    masses = torch.tensor([0.5, 0.1, 0.4]).view(1, 3, 1)
    torch.testing.assert_close(pignistic(masses).flatten(), torch.tensor([0.7, 0.3]))
    torch.testing.assert_close(plausibility(masses).flatten(), torch.tensor([0.9, 0.5]) / 1.4)


@pytest.mark.parametrize(
    "settings_", [{}, {"layer": "rbf", "decide": "plausibility"}, {"sources": 2, "discount": True}]
)
def test_the_head_tells_probabilities_ignorance_and_conflict(settings_: dict[str, object]) -> None:
    torch.manual_seed(10)
    head = Evidence((8, 16), 3, 2, **settings_)  # type: ignore[arg-type]
    outputs = head([torch.randn(2, 8, 4, 4, 4), torch.randn(2, 16, 2, 2, 2)], (4, 4, 4))
    found = head.probabilities(outputs)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(2, 4, 4, 4))
    torch.testing.assert_close(outputs["logits"][0].softmax(dim=1), found)
    assert head.further(outputs).shape == (2, len(head.tells), 4, 4, 4)
    assert len(outputs["each"]) == settings_.get("sources", 1)
    assert float(head.further(outputs).detach().min()) >= -1e-6


def test_reliability_begins_at_a_half() -> None:
    head = Evidence((8,), 3, 2, sources=2, discount=True)
    assert head.beliefs is not None
    torch.testing.assert_close(head.beliefs, torch.full((2, 2), 0.5))
