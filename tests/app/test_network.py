"""Lesions by a network in the main job: what it proposes, what the rules say of it, and what the report tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.app import network
from lymphoscope.app.again import read_again
from lymphoscope.app.batch.table import _facts
from lymphoscope.app.doubt import beside_practice, beside_training
from lymphoscope.app.network import _Said, _ways, _weighed
from lymphoscope.app.pipeline import run
from lymphoscope.app.settings import NetworkChoice, RunSettings, run_settings
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Decision, Likeness
from lymphoscope.core.study import Study, SuvAudit
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.components import components
from lymphoscope.image.physiology import Judged
from lymphoscope.learn.foreign.domain import domain_of
from lymphoscope.learn.foreign.predictor import ForeignPrediction

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
    candidates, decisions = _weighed(_Said(labels, probability, {}), judged_by_rules(), pet)
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
    _, decisions = _weighed(_Said(components(nothing > 0), nothing, {}), judged_by_rules(), pet)
    assert [(d.action, d.organ) for d in decisions] == [("doubt-out", ""), ("remove", "heart"), ("doubt-out", "")]


def foretold(volumes_ml: tuple[float, ...], unmirrored_ml: float | None) -> ForeignPrediction:
    empty = Volume(np.zeros(GRID.shape, np.uint8), GRID, Unit.LABEL)
    return ForeignPrediction(empty, empty, volumes_ml, (1,), unmirrored_ml)


def test_the_volume_is_told_by_networks_and_mirroring() -> None:
    assert _ways("m", foretold((2.0,), None), False) == {}, "one network alone says nothing of its own spread"
    assert _ways("m", foretold((2.0,), None), True) == {"m alone": 2.0}
    told = _ways("m", foretold((0.5, 2.0), 1.5), False)
    assert told == {"m, network 1 alone": 0.5, "m, network 2 alone": 2.0, "m without mirroring": 1.5}


def test_a_study_is_laid_beside_the_training() -> None:
    """Axes are the network's: its first is the image's second; half of what is drawn has values never seen."""
    plans = {
        "original_median_spacing_after_transp": [2.0, 4.0, 2.0], "original_median_shape_after_transp": [200, 250, 200],
        "foreground_intensity_properties_per_channel":
            {"0": {"mean": 40, "percentile_00_5": -50, "percentile_99_5": 120},
             "1": {"mean": 8.0, "percentile_00_5": 2.0, "percentile_99_5": 20.0}},
    }  # fmt: skip
    domain = domain_of(plans, (1, 0, 2), ("ct:hu", "pet:suv"))
    assert domain.voxel_mm == (4.0, 2.0, 2.0) and domain.field_mm == (1000.0, 400.0, 400.0)
    grid = Geometry.axial((100, 10, 10), (8.0, 3.9, 4.1))
    drawn = np.zeros(grid.shape, bool)
    drawn[50, 5, :4] = True
    suv = np.zeros(grid.shape, np.float32)
    suv[50, 5, :4] = [3.0, 5.0, 24.0, 28.0]
    images = {"pet:suv": Volume(suv, grid, Unit.SUV_BW), "ct:hu": Volume(suv, grid, Unit.HU)}
    found = {row.fact: row for row in beside_training("m", domain, images, drawn)}
    assert {name: row.unlike for name, row in found.items()} == {
        "PET voxels": True, "Field of view": False, "SUV in what it draws": True, "CT in what it draws": False,
    }  # fmt: skip
    assert found["PET voxels"].here == "4.1 × 3.9 × 8.0 mm" and found["Field of view"].here == "800 mm long"
    assert found["SUV in what it draws"].here == "mean 15.0 g/mL, 50 % of voxels beyond the training's"
    short = Geometry.axial((80, 10, 10), (8.0, 4.0, 4.0))
    image = {"pet:suv": Volume(np.zeros(short.shape, np.float32), short, Unit.SUV_BW)}
    rows = beside_training("m", domain, image, np.zeros(short.shape, bool))
    assert [(r.fact, r.unlike) for r in rows] == [
        ("PET voxels", False), ("Field of view", True), ("SUV in what it draws", False),
    ]  # fmt: skip
    assert rows[2].here == "nothing drawn"
    hollow = {
        "original_median_spacing_after_transp": [1, 0, 2],
        "foreground_intensity_properties_per_channel": {"0": {}},
    }
    assert beside_training("m", domain_of(hollow, (0, 1, 2), ("pet:suv",)), images, drawn) == ()


@pytest.mark.parametrize(("uptake", "liver", "fdg", "strange"), [
    (60.0, 2.0, True, []), (None, None, None, []), (130.0, 3.4, False, ["Tracer", "Uptake time", "Liver SUVmean"]),
])  # fmt: skip
def test_a_study_is_laid_beside_what_is_usual(
    uptake: float | None, liver: float | None, fdg: bool | None, strange: list[str]
) -> None:
    pet = Volume(np.zeros(GRID.shape, np.float32), GRID, Unit.SUV_BW)
    study = Study({"pet": pet}, suv=SuvAudit(branch="", uptake_min=uptake, fdg=fdg))
    assert [row.fact for row in beside_practice(study, liver) if row.unlike] == strange


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunSettings:
    """Settings of a run whose network draws what is hotter than SUV 5; the store holds its card."""
    (tmp_path / "models" / "hot").mkdir(parents=True)
    (tmp_path / "models" / "hot" / "model.json").write_text("{}")

    def ask(study, choice, rules, progress):  # type: ignore[no-untyped-def]
        probability = np.clip(study.pet.array / 10.0, 0, 1).astype(np.float32)
        ways = {"hot, network 1 alone": 1.0, "hot, network 2 alone": 9000.0}
        strange = Likeness("PET voxels", "8 mm", "2 mm (median)", True, "hot")
        return _Said(components(study.pet.array > 5.0), probability, ways, (strange,), "mirroring")

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
    assert "model hot" in messages["SEG-W-NETWORK"] and "9000 mL" in messages["SEG-W-NETWORK"]
    assert messages["SEG-W-DOMAIN"].startswith("PET voxels 8 mm (hot: 2 mm (median))")
    assert all(0.5 <= lesion["ai_probability"] <= 1 for lesion in record["lesions"])
    assert len(record["software"]["model_sha256"]) == 64 and record["settings"]["model"] == "hot"
    assert record["doubt"]["tmtv_ml_range"] == [1.0, 9000.0] and record["doubt"]["wide"]
    columns = _facts(record)
    assert (columns["network_low_ml"], columns["network_high_ml"]) == (1.0, 9000.0)
    assert columns["n_unlike_training"] == sum(row["unlike"] for row in record["doubt"]["likeness"]) >= 1
    shown = (tmp_path / "case" / "report.html").read_text()
    told = ("network&#39;s interval 1.0–9000 mL", "hot, network 2 alone", "! unlike", "Uptake time", "Liver SUVmean",
            "Not computed: mirroring", "Probability")  # fmt: skip
    assert [words for words in told if words not in shown.replace("\u202f", "")] == []
    again = read_again(tmp_path / "case").segmentation
    assert again.doubt == done.report.segmentation.doubt  # type: ignore[union-attr]
    assert {d.probability for d in again.decisions} == {d.probability for d in done.report.segmentation.decisions}  # type: ignore[union-attr]


def test_choices_that_cannot_be(clinic: Callable[..., Path], tmp_path: Path) -> None:
    for word, value in (("budget", "fast"), ("device", "cuda")):
        with pytest.raises(LymphoscopeError, match=f"a {word} is of a model") as refused:
            run_settings({word: value})
        assert refused.value.code == "USE-E-VALUE"
    given = run_settings({"model": "x", "device": "cuda", "store": tmp_path})
    assert given.network == NetworkChoice("x", "standard", tmp_path, "cuda") and given.as_record()["device"] == "cuda"
    with pytest.raises(LymphoscopeError) as refused:
        run(clinic(), tmp_path / "case", RunSettings(network=NetworkChoice("nobody", "fast", tmp_path / "models")))
    assert refused.value.code == "USE-E-NAME" and not (tmp_path / "case").exists()
