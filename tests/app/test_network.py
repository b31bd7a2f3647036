"""Lesions by a network in the main job: what it proposes, what the rules say of it, and what the report tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.app import network
from lymphoscope.app.again import read_again
from lymphoscope.app.network import _Said, _weighed, interval_ml
from lymphoscope.app.pipeline import run
from lymphoscope.app.settings import NetworkChoice, RunSettings, run_settings
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Decision
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.components import components
from lymphoscope.image.physiology import Judged

GRID = Geometry.axial((4, 10, 10), (10.0, 10.0, 10.0))  # 1 mL voxels


def judged_by_rules() -> Judged:
    """Rules that count region 1, take region 2 for the heart, and count region 3."""
    labels = np.zeros(GRID.shape, np.int32)
    labels[1, 1:4, 1:4], labels[1, 6:9, 1:4], labels[2, 1:3, 7:9] = 1, 2, 3
    said = (("include", "", ""), ("remove", "heart", "in the left ventricle"), ("include", "", ""))
    decisions = tuple(
        Decision(n, action, 1 if organ else 0, organ, None, float((labels == n).sum()), 8.0, "rule", why)
        for n, (action, organ, why) in enumerate(said, start=1)
    )
    return Judged(LesionMask(labels, GRID, "candidates"), decisions)


def test_the_network_proposes_and_the_rules_verify() -> None:
    pet = Volume(np.full(GRID.shape, 5.0, np.float32), GRID, Unit.SUV_BW)
    mask = np.zeros(GRID.shape, bool)
    mask[1, 1:4, 1:3] = True  # most of what the rules count
    mask[1, 6:9, 1:4] = True  # what they take for the heart
    mask[3, 9, 9] = True  # what they do not know
    labels = components(mask)
    probability = np.where(mask, 0.9, 0.0).astype(np.float32)
    probability[3, 9, 9] = 0.55
    candidates, decisions = _weighed(_Said(labels, probability, (16.0,), ()), judged_by_rules(), pet)
    told = {(d.action, d.rule, d.organ, round(d.volume_ml, 6), d.probability) for d in decisions}
    assert told == {
        ("doubt-in", "network against rules", "heart", 9.0, 0.9),
        ("include", "network", "", 6.0, 0.9),
        ("doubt-in", "network unsure", "", 1.0, 0.55),
        ("doubt-out", "rules against network", "", 4.0, None),
    }
    assert sorted(d.region for d in decisions) == list(range(1, 5)) == sorted(set(np.unique(candidates)) - {0})
    for d in decisions:
        assert np.count_nonzero(candidates == d.region) == round(d.volume_ml) and d.suvmax == 5.0
    assert {d.actor for d in decisions if d.counted} == {"network"}


def test_what_neither_sees_stays_removed() -> None:
    pet = Volume(np.ones(GRID.shape, np.float32), GRID, Unit.SUV_BW)
    nothing = np.zeros(GRID.shape, np.float32)
    _, decisions = _weighed(_Said(components(nothing > 0), nothing, (0.0,), ()), judged_by_rules(), pet)
    assert [(d.action, d.organ) for d in decisions] == [("doubt-out", ""), ("remove", "heart"), ("doubt-out", "")]


def test_the_volume_is_told_over_probabilities_and_networks() -> None:
    probability = np.array([0.2, 0.35, 0.6, 0.9], np.float32)
    assert interval_ml(probability, (2.0,), 1.0) == (1.0, 3.0), "one network alone says nothing of its own spread"
    assert interval_ml(probability, (0.5, 2.0), 1.0) == (0.5, 3.0)


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunSettings:
    """Settings of a run whose network draws what is hotter than SUV 5; the store holds its card."""
    (tmp_path / "models" / "hot").mkdir(parents=True)
    (tmp_path / "models" / "hot" / "model.json").write_text("{}")

    def ask(study, choice, rules, progress):  # type: ignore[no-untyped-def]
        probability = np.clip(study.pet.array / 10.0, 0, 1).astype(np.float32)
        return _Said(components(study.pet.array > 5.0), probability, (20.0, 30.0), (2.0, 2.0, 2.0))

    monkeypatch.setattr(network, "_ask", ask)
    return run_settings({"model": "hot", "store": tmp_path / "models", "dicom": False})


def test_a_run_measures_the_networks_mask(drawing: RunSettings, clinic: Callable[..., Path], tmp_path: Path) -> None:
    done = run(clinic(), tmp_path / "case", drawing)
    record = json.loads((tmp_path / "case" / "report.json").read_text())
    assert record["status"] == "measured" and record["segmentation"]["method"] == "network"
    assert done.report is not None
    suv = done.report.study.pet.array
    voxel = done.report.study.pet.geometry.voxel_ml
    tmtv = next(row for row in record["key_numbers"] if row["key"] == "tmtv_ml")
    assert tmtv["value"] == pytest.approx(np.count_nonzero(suv > 5.0) * voxel, rel=1e-6)
    assert tmtv["threshold"] == "as drawn by hot (budget standard)"
    methods = record["sensitivity"]["methods"]
    assert set(methods) == {"network", "network p ≥ 0.3", "network p ≥ 0.7", "suv4.0"}
    assert methods["network p ≥ 0.3"]["tmtv_ml"] == pytest.approx(np.count_nonzero(suv >= 3.0) * voxel, rel=1e-6)
    messages = {m["code"]: m["what"] for m in record["messages"]}
    assert "model hot" in messages["SEG-W-NETWORK"] and "2 networks alone" in messages["SEG-W-NETWORK"]
    assert "4.0 times coarser" in messages["SEG-W-DOMAIN"]
    assert all(0.5 <= lesion["ai_probability"] <= 1 for lesion in record["lesions"])
    assert len(record["software"]["model_sha256"]) == 64 and record["settings"]["model"] == "hot"
    again = read_again(tmp_path / "case").segmentation
    assert {d.probability for d in again.decisions} == {d.probability for d in done.report.segmentation.decisions}  # type: ignore[union-attr]


def test_choices_that_cannot_be(clinic: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(LymphoscopeError) as refused:
        run_settings({"budget": "fast"})
    assert refused.value.code == "USE-E-VALUE"
    with pytest.raises(LymphoscopeError) as refused:
        run(clinic(), tmp_path / "case", RunSettings(network=NetworkChoice("nobody", "fast", tmp_path / "models")))
    assert refused.value.code == "USE-E-NAME" and not (tmp_path / "case").exists()
