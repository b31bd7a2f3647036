from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lymphoscope.app import settings
from lymphoscope.core.errors import LymphoscopeError


def refusal(code: str, make, *arguments, **words) -> LymphoscopeError:
    with pytest.raises(LymphoscopeError) as caught:
        make(*arguments, **words)
    assert caught.value.code == code
    assert caught.value.exit_status == 2
    return caught.value


def test_defaults_are_those_of_the_benchmark() -> None:
    plain = settings.run_settings({})
    assert (plain.method, plain.connectivity, plain.min_volume_ml) == ("suv4.0", 18, 3.0)
    assert not (plain.all_methods or plain.identify or plain.force or plain.load.suv or plain.load.research_tracer)
    assert plain == settings.RunSettings()


def test_words_reach_their_place() -> None:
    made = settings.run_settings(
        {
            "weight_kg": 71.0, "height_m": 1.63, "sex": "male", "dose_mbq": 388.8, "suv": True,
            "injection_time": "2000-09-07T10:35:00", "reference_time": "2000-09-07 11:20:11", "ct": Path("ct.nii.gz"),
            "organ_names": "1=spleen, 3=liver", "pet_series": "1.2.3", "research_tracer": True, "method": "suv2.5",
            "connectivity": 26, "min_volume_ml": 0.0, "identify": True, "force": True, "as_json": True,
        }
    )  # fmt: skip
    overrides = made.load.overrides
    assert (overrides.weight_kg, overrides.height_m, overrides.sex, overrides.dose_mbq) == (71.0, 1.63, "M", 388.8)
    assert overrides.injection_time == datetime(2000, 9, 7, 10, 35)
    assert overrides.reference_time == datetime(2000, 9, 7, 11, 20, 11)
    assert made.load.suv and made.load.research_tracer and made.load.ct == Path("ct.nii.gz")
    assert dict(made.load.organ_names or {}) == {1: "spleen", 3: "liver"}
    assert (made.method, made.connectivity, made.min_volume_ml) == ("suv2.5", 26, 0.0)


@pytest.mark.parametrize(
    ("word", "value", "meant"),
    [
        ("weight_kg", 71000.0, "--weight-kg 71?"),
        ("height_m", 163.0, "--height-m 1.63?"),
        ("height_m", 1630.0, "--height-m 1.63?"),
        ("dose_mbq", 3.888e8, "--dose-mbq 388.8?"),
        ("dose_mbq", 0.35, "--dose-mbq 350?"),
        ("weight_kg", -1.0, "Give it in kg."),
        ("weight_kg", float("nan"), "Give it in kg."),
    ],
)
def test_an_impossible_number_is_answered_with_what_may_have_been_meant(word: str, value: float, meant: str) -> None:
    error = refusal("USE-E-VALUE", settings.load_options, {word: value})
    assert meant in error.message.text


@given(st.floats(2, 350), st.floats(0.4, 2.5), st.floats(1, 5000))
def test_possible_numbers_pass_unchanged(weight: float, height: float, dose: float) -> None:
    made = settings.load_options({"weight_kg": weight, "height_m": height, "dose_mbq": dose}).overrides
    assert (made.weight_kg, made.height_m, made.dose_mbq) == (weight, height, dose)


@pytest.mark.parametrize("text", ["10:35", "2000-09-07", "soon", "2000-09-07T10:35:00+02:00", "20000907"])
def test_a_moment_needs_date_and_wall_clock(text: str) -> None:
    error = refusal("USE-E-VALUE", settings.moment_of, text, "--injection-time")
    assert "--injection-time 2026-03-11T09:05:00" in error.message.text


@pytest.mark.parametrize("text", ["x", "", "MF"])
def test_sex_is_one_of_three(text: str) -> None:
    refusal("USE-E-VALUE", settings.sex_of, text)


_NAMES = [
    ("1=livr", "USE-E-NAME"),
    ("0=liver", "USE-E-VALUE"),
    ("liver", "USE-E-VALUE"),
    ("a=liver", "USE-E-VALUE"),
]


@pytest.mark.parametrize(("given", "code"), _NAMES)
def test_organ_names_are_checked(given: str, code: str) -> None:
    error = refusal(code, settings.organ_names_of, given)
    assert code != "USE-E-NAME" or "liver" in error.message.fix


def test_organ_names_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_text(json.dumps({"5": "liver"}))
    assert dict(settings.organ_names_of(str(path)) or {}) == {5: "liver"}
    path.write_text('["liver"]')
    refusal("USE-E-VALUE", settings.organ_names_of, str(path))


def test_settings_that_cannot_be() -> None:
    refusal("USE-E-VALUE", settings.RunSettings, connectivity=8)
    refusal("USE-E-VALUE", settings.RunSettings, min_volume_ml=-1.0)
    refusal("USE-E-VALUE", settings.RunSettings, min_volume_ml=float("nan"))
    assert "suv4.0" in refusal("USE-E-NAME", settings.RunSettings, method="suv4").message.fix


def test_the_record_names_no_path_and_nobody() -> None:
    made = settings.run_settings({"organs": Path("/home/DOE^JOHN/organs.nii.gz"), "identify": True})
    text = json.dumps(made.as_record())
    assert "DOE" not in text and made.as_record()["organs_given"] is True
    assert made.as_record() == settings.run_settings({"organs": Path("x")}).as_record()


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LYMPHOSCOPE_THREADS", "3")
    assert settings.threads() == 3
    monkeypatch.delenv("LYMPHOSCOPE_THREADS")
    assert settings.threads() >= 1
    for wrong in ("0", "two", "-1", "1.5"):
        monkeypatch.setenv("LYMPHOSCOPE_THREADS", wrong)
        refusal("USE-E-VALUE", settings.threads)
