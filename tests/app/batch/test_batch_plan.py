from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lymphoscope.app.batch.find import StudyFiles
from lymphoscope.app.batch.plan import make_plan, settings_sha256
from lymphoscope.app.settings import RunSettings, run_settings

STUDIES = tuple(StudyFiles(name, "dicom", (f"/x/{name}",), size, f"hash of {name}") for name, size in
                (("a", 10), ("b", 30), ("c", 20)))  # fmt: skip


def done(out: Path, study: StudyFiles, settings: RunSettings) -> Path:
    """Make the case of a study as a batch would."""
    case = out / "cases" / study.name
    case.mkdir(parents=True)
    stamp = {"input_sha256": study.input_sha256, "settings_sha256": settings_sha256(settings)}
    (case / "run.json").write_text(json.dumps({"software": {}, **stamp}))
    return case


def test_at_first_all_is_to_be_done_the_largest_first(tmp_path: Path) -> None:
    plan = make_plan(STUDIES, tmp_path, RunSettings())
    assert [study.name for study in plan.todo] == ["b", "c", "a"] and plan.done == () and plan.strangers == 0


def test_what_is_done_with_these_settings_from_these_files_is_not_done_again(tmp_path: Path) -> None:
    done(tmp_path, STUDIES[0], RunSettings())
    plan = make_plan(STUDIES, tmp_path, RunSettings())
    assert [study.name for study in plan.done] == ["a"] and [study.name for study in plan.todo] == ["b", "c"]
    assert make_plan(STUDIES, tmp_path, RunSettings(force=True)).done == ()
    assert make_plan(STUDIES, tmp_path, RunSettings(method="suv2.5")).done == ()
    changed = (replace(STUDIES[0], input_sha256="another"), *STUDIES[1:])
    assert make_plan(changed, tmp_path, RunSettings()).done == ()


@pytest.mark.parametrize("marks", ["", "{", "[]", "{}", '{"input_sha256": "hash of a"}', "null"])
def test_a_case_that_does_not_say_what_it_was_made_from_is_made_again(marks: str, tmp_path: Path) -> None:
    (done(tmp_path, STUDIES[0], RunSettings()) / "run.json").write_text(marks)
    assert make_plan(STUDIES, tmp_path, RunSettings()).done == ()


def test_cases_of_other_studies_and_drafts_are_told_apart(tmp_path: Path) -> None:
    done(tmp_path, replace(STUDIES[0], name="z"), RunSettings())
    (tmp_path / "cases" / ".lymphoscope-0123-new").mkdir()
    assert make_plan(STUDIES, tmp_path, RunSettings()).strangers == 1


@pytest.mark.parametrize(
    "words",
    [
        {"method": "suv2.5"}, {"all_methods": True}, {"connectivity": 6}, {"min_volume_ml": 1.0}, {"suv": True},
        {"pet_series": "AC"}, {"ct_series": "3"}, {"research_tracer": True}, {"weight_kg": 70.0}, {"dicom": False},
        {"injection_time": "2026-03-11T09:05:00"}, {"organ_names": "1=liver"},
    ],
    ids=lambda words: next(iter(words)),
)  # fmt: skip
def test_every_setting_that_bears_on_a_result_counts(words: dict) -> None:
    assert settings_sha256(run_settings(words)) != settings_sha256(RunSettings())
    assert settings_sha256(run_settings(words)) == settings_sha256(run_settings(words))


def test_force_is_no_part_of_a_result() -> None:
    assert settings_sha256(RunSettings(force=True)) == settings_sha256(RunSettings())
