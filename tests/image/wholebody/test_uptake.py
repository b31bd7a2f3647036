"""Drawn uptake against the acceptance table of the phantom specification (A1, A2, A4), before any imaging."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lymphoscope.image.wholebody.tissue import Tissue
from lymphoscope.image.wholebody.uptake import HEART_PATTERNS, Condition, draw_condition, draw_levels

COUNT = 1500


def bodies(draw: np.random.Generator) -> list[Any]:
    """What drawing asks of a body, as the phantoms draw it."""
    bmi = np.clip(25.0 * np.exp(0.17 * draw.standard_normal(COUNT)), 17.5, 42.0)
    return [SimpleNamespace(sex="MF"[i % 2], age=float(draw.uniform(25, 75)), bmi=float(bmi[i])) for i in range(COUNT)]


def test_liver_and_blood_as_published() -> None:
    """A1: mean 1.7–2.2, SD 0.35–0.55, 85–97 % in 1.3–3.0; A2: r 0.75–0.88, CV of the ratio 13–18 %."""
    draw = np.random.default_rng(7)
    levels = [draw_levels(body, draw_condition(body, draw, 0.05), draw) for body in bodies(draw)]
    liver, blood = (np.array([level.suv[t] for level in levels]) for t in (Tissue.LIVER, Tissue.ARTERY))
    assert 1.7 < liver.mean() < 2.2 and 0.35 < liver.std() < 0.55
    assert 0.85 < ((liver > 1.3) & (liver < 3.0)).mean() < 0.97
    assert 0.75 < np.corrcoef(liver, blood)[0, 1] < 0.88
    assert 0.13 < (liver / blood).std() / (liver / blood).mean() < 0.18


def test_patterns_have_their_rates() -> None:
    """A4: heart patterns, brown fat and thyroid within 5 points of the tables."""
    draw = np.random.default_rng(8)
    drawn = [draw_condition(body, draw, 0.05) for body in bodies(draw)]
    for name, rate in HEART_PATTERNS:
        assert np.mean([c.heart == name for c in drawn]) == pytest.approx(rate, abs=0.05)
    assert np.mean([c.brown_fat for c in drawn]) == pytest.approx(0.053, abs=0.03)
    assert np.mean([c.thyroid for c in drawn]) == pytest.approx(0.066, abs=0.03)


def test_time_and_drugs_act_as_the_table_says() -> None:
    """Liver falls as t^−0.15, blood as t^−0.45, grey matter rises as t^0.1; furosemide thins urine to a fifth."""
    body: Any = SimpleNamespace(sex="M", age=60.0, bmi=25.0)

    def at(**words: Any) -> dict[Tissue, float]:
        return draw_levels(body, Condition(**words), np.random.default_rng(3)).suv

    early, late, thin = at(uptake_min=60.0), at(uptake_min=120.0), at(diuretic=True)
    for tissue, power in ((Tissue.LIVER, -0.15), (Tissue.ARTERY, -0.45), (Tissue.GREY, 0.1), (Tissue.MARROW, 0.0)):
        assert late[tissue] / early[tissue] == pytest.approx(2.0**power, rel=1e-6)
    assert thin[Tissue.URETER] == pytest.approx(max(early[Tissue.URETER] * 0.2, 1.5), rel=1e-6)
    assert thin[Tissue.URINE] < 0.5 * early[Tissue.URINE]
