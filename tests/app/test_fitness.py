"""What must stop a study before its lesions are sought, and what must be said: tracer, PET against CT, cut disease."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.app import cli
from lymphoscope.app.measure import measure
from lymphoscope.app.segment import segment
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.study import OrganMap, Study, SuvAudit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.pet_physics import ScanFacts

Chest = Callable[..., tuple[Volume, Volume]]
FDG = SuvAudit("BQML/START", units="BQML", tracer="FDG", nuclide="F-18", fdg=True)
PSMA = ScanFacts(tracer="Ga-68 PSMA-11")


def of(pair: tuple[Volume, Volume], audit: SuvAudit = FDG) -> Study:
    pet, ct = pair
    return Study({"pet": pet, "ct": ct}, suv=audit)


def leave(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main([str(word) for word in words])
    return int(left.value.code or 0)


def test_another_tracer_is_refused_unless_for_research(chest: Chest) -> None:
    study = of(chest(), replace(FDG, tracer="PSMA-11", nuclide="Ga-68", fdg=False))
    with pytest.raises(LymphoscopeError) as caught:
        segment(study)
    assert caught.value.code == "TRACER-E-NOTFDG" and caught.value.exit_status == 3
    [said] = [m for m in segment(study, research_tracer=True).messages if m.code.startswith("TRACER")]
    assert said.code == "TRACER-W-RESEARCH" and "PSMA-11 (Ga-68)" in said.what


def test_a_tracer_nobody_names_is_taken_for_fdg_and_said(chest: Chest) -> None:
    for audit, words in ((replace(FDG, fdg=None, tracer=""), "(0018,0031)"), (SuvAudit("declared"), "the files")):
        [said] = [m for m in segment(of(chest(), audit)).messages if m.code.startswith("TRACER")]
        assert said.code == "TRACER-W-UNKNOWN" and words in said.what


def test_another_tracer_makes_a_refused_case(clinic: Callable[..., Path], tmp_path: Path, capfd) -> None:
    study, case = clinic(facts=PSMA), tmp_path / "case"
    assert leave("run", study, "-o", case) == 3
    assert "TRACER-E-NOTFDG" in capfd.readouterr().err
    record = json.loads((case / "report.json").read_text())
    assert record["status"] == "refused" and record["refusal"]["code"] == "TRACER-E-NOTFDG"
    assert record["lesions"] == [] and "TRACER-E-NOTFDG" in (case / "report.html").read_text()


def test_for_research_the_warning_stands_on_every_output(clinic: Callable[..., Path], tmp_path: Path, capfd) -> None:
    study, case = clinic(facts=PSMA), tmp_path / "case"
    assert leave("run", study, "-o", case, "--research-tracer") == 0
    assert "TRACER-W-RESEARCH" in capfd.readouterr().out
    record = json.loads((case / "report.json").read_text())
    assert record["messages"][0]["code"] == "TRACER-W-RESEARCH" and record["settings"]["research_tracer"] is True
    for name in ("report.html", "report.csv"):
        assert "TRACER-W-RESEARCH" in (case / name).read_text(), name


def test_a_ct_of_the_same_body_is_silent_a_shifted_one_is_told_and_another_body_refused(chest: Chest) -> None:
    def codes(**words: object) -> set[str]:
        return {m.code for m in segment(of(chest(**words))).messages if m.code.startswith("GEO")}

    assert codes() == set()
    assert codes(ct_shift=(30, 0, 0)) == {"GEO-W-ALIGN"}
    assert "GEO-W-COVERAGE" in codes(ct_slices=20)
    with pytest.raises(LymphoscopeError) as caught:
        codes(ct_shift=(150, 0, 0))
    assert caught.value.code == "GEO-E-ALIGN" and caught.value.exit_status == 3


def test_no_ct_is_not_taken_for_gas(chest: Chest) -> None:
    """Beyond a short CT a lesion is judged as if there were none: what is not there is no bowel gas."""
    pet, ct = chest()
    high = Volume(ct.array[30:], Geometry(ct.array[30:].shape, _lifted(ct.geometry, 30), ct.geometry.frame), ct.unit)
    with_ct, without = segment(of((pet, high))), segment(Study({"pet": pet}, suv=FDG))
    assert [(d.organ, d.action) for d in with_ct.decisions] == [(d.organ, d.action) for d in without.decisions]


def _lifted(grid: Geometry, slices: int) -> np.ndarray:
    moved = np.array(grid.affine)
    moved[:3, 3] = grid.to_lps((slices, 0, 0))
    return moved


def test_organ_masks_on_the_wrong_side_are_told(chest: Chest) -> None:
    study = of(chest())
    labels = np.zeros(study.pet.geometry.shape, np.int32)
    labels[5:12, 10:20, 22:32], labels[5:12, 10:20, 8:14] = 1, 2  # the liver to the patient's left
    organs = OrganMap(LesionMask(labels, study.pet.geometry, "organs"), {1: "liver", 2: "spleen"})
    assert "GEO-W-FLIP" in {m.code for m in segment(replace(study, organs=organs)).messages}


@pytest.mark.parametrize(
    ("lesions", "words"),
    [
        (((9.0, 50, (70, -20, 0, 16, 16, 16)),), ""),
        (((9.0, 50, (70, -20, -88, 16, 16, 16)),), "L01 touches the end of the field of view"),
        (
            ((9.0, 50, (70, -20, -88, 16, 16, 16)), (6.5, 50, (-40, -40, 92, 18, 18, 18))),
            "L01 and L02 touch the end of the field of view",
        ),
        (((9.0, 50, (70, -20, 0, 16, 16, 16)), (8.0, 50, (155, 0, 0, 20, 20, 20))), ""),  # at the side, in an arm
    ],
)
def test_disease_at_the_end_of_the_field_of_view_is_told(chest: Chest, lesions: object, words: str) -> None:
    study = of(chest(lesions=lesions))
    told = [m.what for m in measure(study, segment(study)).messages if m.code == "FOV-W-CUT"]
    assert told == ([words] if words else [])
