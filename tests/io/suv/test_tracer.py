from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom.sr._snomed_dict import mapping
from pydicom.sr.codedict import codes

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.suv import suv_factors
from lymphoscope.io.tracer import FDG_CODES, NUCLIDES, nuclide_by_half_life, require_fdg


def audit(pet_headers, **changes):
    return suv_factors(pet_headers(**changes)).audit


def test_codes_are_those_of_dicom():
    radionuclides = codes.cid4020
    assert set(FDG_CODES) == {codes.cid4021.FluorodeoxyglucoseF18.value, "C-B1031"}
    for name, nuclide in NUCLIDES.items():
        mass = name.split("-")[1]
        coded = getattr(radionuclides, f"_{mass}{nuclide.element.capitalize()}")
        assert nuclide.codes[0] == coded.value
        assert mapping["SRT"][nuclide.codes[1]] == coded.value


@pytest.mark.parametrize(
    "name",
    [
        *("FDG", "fdg", "18F-FDG", "F-18 FDG", "FDG -- fluorodeoxyglucose", "Fluorodeoxyglucose", "[18F]FDG"),
        *("Fludeoxyglucose F18", "Fluoro-deoxyglucose", "2-fluoro-2-deoxy-D-glucose", "Fluorodeoxyglucose F^18^"),
    ],
)
def test_names_of_fdg(pet_headers, name):
    assert audit(pet_headers, Radiopharmaceutical=name).fdg is True


@pytest.mark.parametrize(
    "name",
    [
        *("Ga68-PSMA", "DOTATATE", "FLT", "Fluorodeoxythymidine", "18F-FDGal", "2-fluoro-2-deoxygalactose", "NaF"),
        *("Fluorodeoxysorbitol", "FES", "Choline C-11", "Rubidium chloride"),
    ],
)
def test_names_of_others(pet_headers, name):
    assert audit(pet_headers, Radiopharmaceutical=name).fdg is False


@pytest.mark.parametrize("name", [None, "", "Solution", "F-18", "18F", "^18^Fluorine", "unknown", "N/A"])
def test_names_that_say_nothing(pet_headers, name):
    assert audit(pet_headers, Radiopharmaceutical=name).fdg is None


@pytest.mark.parametrize(
    ("name", "tracer", "fdg"),
    [
        (None, ("35321007", "Fluorodeoxyglucose F^18^", "SCT"), True),
        (None, ("C-B1031", "", "SNM3"), True),
        (None, ("Y-X1743", "FDG -- fluorodeoxyglucose", "99SDM"), True),
        ("FDG", ("C-B1031", "FDG -- fluorodeoxyglucose", "SNM3"), True),
        ("Solution", ("C-B1031", "Fluorodeoxyglucose F^18^", "SRT"), True),
        (None, ("126752", "PSMA-11 Ga68", "DCM"), False),
        ("FDG", ("126752", "PSMA-11 Ga68", "DCM"), False),
        ("PSMA", ("35321007", "", "SCT"), False),
        (None, ("12345", "", "99LOCAL"), None),
    ],
)
def test_codes_and_names_together(pet_headers, code, name, tracer, fdg):
    found = audit(pet_headers, Radiopharmaceutical=name, RadiopharmaceuticalCodeSequence=[code(*tracer)])
    assert found.fdg is fdg


def test_fdg_with_another_nuclide_is_not_fdg(pet_headers, code):
    gallium = [code("35337001", "^68^Gallium")]
    found = audit(pet_headers, RadionuclideCodeSequence=gallium, RadionuclideHalfLife="4062.6")
    assert (found.fdg, found.nuclide) == (False, "Ga-68")


def test_nuclide_by_meaning_when_its_code_is_local(pet_headers, code):
    for meaning in ("^18^Fluorine", "18F", "F-18", "Fluorine F^18^", "Fluorine-18"):
        local = [code("1", meaning, "99X")]
        assert audit(pet_headers, Radiopharmaceutical=None, RadionuclideCodeSequence=local).nuclide == "F-18"


@pytest.mark.parametrize(("seconds", "name"), [(6586.2, "F-18"), (6588, "F-18"), (4057.7, "Ga-68"), (1221.8, "C-11")])
def test_nuclide_by_half_life(seconds, name):
    assert nuclide_by_half_life(seconds).name == name


def test_no_nuclide_by_half_life():
    assert nuclide_by_half_life(5000) is None


def test_methods_stop_at_another_tracer_unless_overridden(pet_headers):
    gallium = audit(pet_headers, Radiopharmaceutical="Ga68-PSMA")
    with pytest.raises(LymphoscopeError) as caught:
        require_fdg(gallium)
    assert caught.value.code == "TRACER-E-NOTFDG"
    assert caught.value.exit_status == 3
    assert [m.code for m in require_fdg(gallium, research=True)] == ["TRACER-W-RESEARCH"]
    assert require_fdg(replace(gallium, fdg=True)) == ()


def test_an_unnamed_tracer_is_warned_of_once(pet_headers):
    result = suv_factors(pet_headers(Radiopharmaceutical=None))
    assert require_fdg(result.audit) == tuple(m for m in result.messages if m.code == "TRACER-W-UNKNOWN")


def test_activity_per_weight_is_judged_for_fdg_only(pet_headers):
    low = {"RadionuclideTotalDose": "50000000"}
    assert "SUV-W-ACTIVITY" in {m.code for m in suv_factors(pet_headers(**low)).messages}
    other = pet_headers(Radiopharmaceutical="NaF", **low)
    assert "SUV-W-ACTIVITY" not in {m.code for m in suv_factors(other).messages}
