"""The verbs train and predict with recipes that foretell an outcome, on a data set of phantoms."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lymphoscope.app.again import read_again
from lymphoscope.app.batch.crew import Crew
from lymphoscope.app.batch.plan import settings_sha256
from lymphoscope.app.batch.run import batch
from lymphoscope.app.joint.run import Request
from lymphoscope.app.joint.run import joint as compare
from lymphoscope.app.pipeline import run
from lymphoscope.app.prediction import Wanted, predict
from lymphoscope.app.reading.numbers import preselected, record_of, report_of, start_of
from lymphoscope.app.settings import run_settings
from lymphoscope.app.training import Training, train
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import silent
from lymphoscope.evaluate.statistics import Resampling
from lymphoscope.image.lesion_phantom import lesion_phantom
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.learn.foretelling import Told, read_told
from lymphoscope.recipes.joint import JOINT
from lymphoscope.recipes.spec import Recipe, Use

OUTCOMES: tuple[dict[str, float], ...] = (
    {"event": 1, "days": 100}, {"event": 0, "days": 900}, {"event": 0, "days": 800}, {"event": 1, "days": 200},
    {"event": 0, "days": 300}, {}, {"event": 1, "days": 900},
)  # fmt: skip
"""By 730 days: yes, no, no, yes, censored, unknown, no."""

ASKED = Training(folds=(0, 1), steps=2, outcome="event:days:730")


def tiny(name: str) -> Recipe:
    (stage,) = JOINT[name].stages
    learn = stage.trained
    net = Use(learn.net.name, {**learn.net.params, "widths": (2, 2, 4, 4)})
    return replace(JOINT[name], stages=(replace(stage, learn=replace(learn, net=net, batch=2)),))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cases = [NewCase(f"case{n}", *lesion_phantom(n), outcome=facts) for n, facts in enumerate(OUTCOMES)]
    cases.append(NewCase("later", *lesion_phantom(9), held_out=True))
    made = write_nnunet(tmp_path_factory.mktemp("data") / "Dataset004_Told", cases, About("Told"))
    ids = [f"case{n}" for n in range(7)]
    halves = [{"train": ids[3:], "val": ids[:3]}, {"train": ids[:3], "val": ids[3:]}]
    (made / "splits_final.json").write_text(json.dumps(halves))
    return made


@pytest.fixture(scope="module")
def joint(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    run = tmp_path_factory.mktemp("run") / "joint"
    return run, train(tiny("m1-joint"), data, run, ASKED, silent)


def by_case(rows: list[Told]) -> dict[str, Told]:
    return {row.case: row for row in rows}


def test_who_takes_part_in_what_is_counted(joint: tuple[Path, dict[str, Any]]) -> None:
    outcome = joint[1]["outcome"]
    wanted = {"events": 2, "others": 3, "censored_before": 1, "unknown": 1}
    assert {name: outcome[name] for name in wanted} == wanted
    assert outcome["name"] == "event@730"
    assert sum(fold["events"] for fold in outcome["folds"]) == 2
    dice = [value for fold in joint[1]["folds"].values() for value in fold["dice"].values()]
    assert len(dice) == sum(sum(fold[w] for w in wanted) for fold in outcome["folds"][:2]), "all of them draw"


def test_every_case_is_told_by_networks_that_have_not_seen_it_and_by_those_that_have(
    joint: tuple[Path, dict[str, Any]],
) -> None:
    run, _ = joint
    unseen = read_told(run / "validation" / "risk.csv")
    parts = [read_told(run / f"fold_{fold}" / "joint" / "risk.csv") for fold in (0, 1)]
    assert [row.case for row in unseen] == sorted(row.case for part in parts for row in part if not row.seen)
    assert all(len(part) == len(OUTCOMES) for part in parts)
    assert set(unseen[0].risks) == {"risk", "risk_1", "risk_2", "risk_3"}
    for row in unseen:
        fused = 0.1 * row.risks["risk_1"] + 0.2 * row.risks["risk_2"] + 0.7 * row.risks["risk_3"]
        assert row.risks["risk"] == pytest.approx(fused, abs=1e-5)
    told = {row.case: row.outcome for part in parts for row in part}
    assert [told[f"case{n}"] for n in range(7)] == [1, 0, 0, 1, None, None, 0]


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_prediction_tells_the_risk_beside_the_mask(
    joint: tuple[Path, dict[str, Any]], data: Path, tmp_path: Path, engine: str
) -> None:
    run, _ = joint
    record = predict(run, data, tmp_path, Wanted(folds=(0,), engine=engine))
    assert (record["outcome"], record["cases"]) == ("event@730", 8)
    told, unseen = by_case(read_told(tmp_path / "risk.csv")), by_case(read_told(run / "fold_0" / "joint" / "risk.csv"))
    assert len(list(tmp_path.glob("*.nii.gz"))) == len(told) == 8
    for case, row in unseen.items():
        assert told[case].risks == pytest.approx(row.risks, abs=2e-4)
    before = (tmp_path / "risk.csv").stat().st_mtime_ns
    predict(run, data, tmp_path, Wanted(folds=(0,), engine=engine))
    assert (tmp_path / "risk.csv").stat().st_mtime_ns == before, "what is there is not made again"
    with pytest.raises(LymphoscopeError, match="nothing further"):
        predict(run, data, tmp_path / "maps", Wanted(further=True))


def test_a_network_that_foretells_only_learns_from_cases_with_an_outcome_and_draws_nothing(
    data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    card = train(tiny("m1-b"), data, run, replace(ASKED, folds=(0,)), silent)
    assert card["out_of_fold"]["cases"] == 0 and card["outcome"]["told"] >= 1
    assert not list((run / "validation").glob("*.nii.gz"))
    rows = read_told(run / "fold_0" / "outcome" / "risk.csv")
    assert len(rows) == len(OUTCOMES) and set(rows[0].risks) == {"risk"}
    predict(run, data, tmp_path / "told", Wanted(part="held-out"))
    assert [path.name for path in (tmp_path / "told").iterdir()] == ["risk.csv"]


@pytest.mark.parametrize(
    ("recipe", "outcome", "said"),
    [
        ("m1-joint", "", "say which"),
        ("m1-a", "event", "nothing in m1-a foretells"),
        ("m1-joint", "relapse", "no case has the outcome 'relapse' .*days, event"),
        ("m1-joint", "days", "0 or 1 is expected"),
    ],
)
def test_an_outcome_that_cannot_be_is_refused_in_words(
    data: Path, tmp_path: Path, recipe: str, outcome: str, said: str
) -> None:
    with pytest.raises(LymphoscopeError, match=said):
        train(tiny(recipe), data, tmp_path / "run", Training(steps=1, outcome=outcome), silent)


def test_a_run_of_another_outcome_is_refused(joint: tuple[Path, dict[str, Any]], data: Path) -> None:
    with pytest.raises(LymphoscopeError, match=r"RUN-E-OTHER.*another outcome"):
        train(tiny("m1-joint"), data, joint[0], replace(ASKED, outcome="event"), silent)


def test_the_report_of_a_study_tells_the_risk_with_its_cohort_and_limits(
    joint: tuple[Path, dict[str, Any]], clinic: Callable[..., Path], tmp_path: Path
) -> None:
    outcome = run(clinic(), tmp_path / "case", dicom=False, prognosis=joint[0])
    told = outcome.record["prognosis"]
    assert told["risk"] == pytest.approx(sum(told["networks"]) / 2) and len(told["networks"]) == 2
    assert set(told["levels"]) == {"risk_1", "risk_2", "risk_3"}
    assert (told["endpoint"]["name"], told["cohort"]["events"], told["cohort"]["patients"]) == ("event@730", 2, 7)
    text = " ".join(re.sub(r"<[^>]+>", " ", (outcome.folder / "report.html").read_text()).split())
    for words in (f"Risk of event by 730 (days): {100 * told['risk']:.0f} %", "trained on 7 patients of the data set",
                  "2 events are few", "no frequency", "whom the networks had not seen"):  # fmt: skip
        assert words in text, words
    assert "no prognosis run was given" not in text
    kept = read_again(outcome.folder)
    start = start_of(kept)
    made = record_of(kept, report_of(kept, start, preselected(start)), {"name": "x"}, {"state": "draft"})
    assert made["prognosis"] == kept.record["prognosis"], "a reader's correction leaves it as it was"


def test_a_batch_tells_the_risk_of_every_patient_and_begins_anew_for_another_run(
    joint: tuple[Path, dict[str, Any]], clinic: Callable[..., Path], tmp_path: Path
) -> None:
    wanted = run_settings({"prognosis": joint[0], "dicom": False})
    studies = clinic()
    outcome = batch(studies, tmp_path / "cohort", wanted, Crew(workers=0))
    (row,) = outcome.rows
    record = json.loads((tmp_path / "cohort" / "cases" / row.case / "report.json").read_bytes())
    assert row.facts["risk event@730"] == record["prognosis"]["risk"]
    again = batch(studies, tmp_path / "cohort", wanted, Crew(workers=0))
    assert (again.summary["done_now"], again.summary["done_before"]) == (0, 1)
    moved = shutil.copytree(joint[0], tmp_path / "moved")
    assert settings_sha256(replace(wanted, prognosis=moved)) == settings_sha256(wanted), "where it lies is no matter"
    card = json.loads((moved / "card.json").read_text())
    (moved / "card.json").write_text(json.dumps(card | {"out_of_fold": {}}))
    assert settings_sha256(replace(wanted, prognosis=moved)) != settings_sha256(wanted), "another training"
    with pytest.raises(LymphoscopeError, match="RUN-E-FOLDER"):
        batch(tmp_path, tmp_path / "none", run_settings({"prognosis": tmp_path}), Crew(workers=0))
    assert not (tmp_path / "none").exists()


def test_without_a_prognosis_run_the_report_says_so(read_case: Path) -> None:
    assert "no prognosis run was given (--prognosis RUN)" in (read_case / "report.html").read_text()
    assert "prognosis" not in json.loads((read_case / "report.json").read_bytes())


def test_a_run_that_foretells_nothing_is_refused_before_the_study_is_read(data: Path, tmp_path: Path) -> None:
    train(tiny("m1-a"), data, tmp_path / "run", Training(folds=(0,), steps=1), silent)
    with pytest.raises(LymphoscopeError, match=r"the run run foretells nothing.*train m1-joint"):
        run(tmp_path / "no study", tmp_path / "case", prognosis=tmp_path / "run")


def test_a_comparison_shows_what_every_level_makes_of_a_case_with_the_outcome_and_of_one_without(
    joint: tuple[Path, dict[str, Any]], data: Path, tmp_path: Path
) -> None:
    record = compare([joint[0]], data, tmp_path / "out", Request(how=Resampling(20), features=True))
    assert record["endpoint"] == {"name": "event@730", "events": 2, "others": 3, "censored_before": 1, "unknown": 1}
    assert {one["name"] for one in record["levels"]} == {"joint risk_1", "joint risk_2", "joint risk_3"}
    made = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert made >= {"features.png", "surfaces.png", "roc.png", "survival-1-youden.png"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "from the finest to the bottom" in page and "2 of 5 patients of known outcome had event@730" in page


def test_the_outcome_of_patients_who_are_judged_has_no_part_in_the_training(
    joint: tuple[Path, dict[str, Any]], data: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(data, tmp_path / data.name))
    lines = (other / "outcome.csv").read_text().splitlines()
    turned = {"case0": "case0,0,900", "case1": "case1,1,50", "case2": "case2,1,60"}  # whom fold 0 is judged by
    (other / "outcome.csv").write_text("\n".join(turned.get(line.split(",")[0], line) for line in lines) + "\n")
    train(tiny("m1-joint"), other, tmp_path / "run", replace(ASKED, folds=(0,)), silent)
    place = Path("fold_0") / "joint"
    before, after = (run / place / "weights.safetensors" for run in (joint[0], tmp_path / "run"))
    assert before.read_bytes() == after.read_bytes()
    told, now = (by_case(read_told(run / place / "risk.csv")) for run in (joint[0], tmp_path / "run"))
    assert {case: row.risks for case, row in told.items()} == {case: row.risks for case, row in now.items()}
    assert [now[f"case{n}"].outcome for n in range(3)] == [0, 1, 1]
