from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lymphoscope.app.cli import main

COHORT = Path(__file__).parents[3] / "examples" / "simulated-cohort.csv"
ASKED = ("--time", "months", "--event", "progression", "--unit", "months", "--horizon", "24", "--replicates", "100")

MODELS = ("--model", "clinical=ipi", "--model", "IPI and MTV=ipi+log2:mtv_ml")
WORDS = (*ASKED, *MODELS, "--curves", "ipi_group", "--patient", "patient", "-q")


def ran(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scored example cohort and its analysis; not to be changed."""
    root = tmp_path_factory.mktemp("prognosis")
    assert ran("scores", COHORT, "-o", root / "scored.csv", "--scores", "ipi", "-q") == 0
    assert ran("prognosis", root / "scored.csv", "-o", root / "out", *WORDS) == 0
    return root


def test_an_analysis_has_record_page_pictures_and_a_prediction_for_every_patient(done: Path) -> None:
    record = json.loads((done / "out" / "report.json").read_bytes())
    assert (record["kind"], record["patients"], record["events"]) == ("prognosis", 160, 59)
    assert sum(yes + no for yes, no in record["folds"]) == 160
    assert record["endpoint"]["known"] + record["endpoint"]["censored_before"] == 160
    assert {path.name for path in (done / "out" / "figures").iterdir()} == {
        "survival.png", "survival-1.png", "risk-groups.png", "forest.png", "roc.png", "auc-over-time.png",
        "calibration.png", "decision-curve.png",
    }  # fmt: skip
    page = (done / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "23 censored before are left out" in page
    patients = rows_of(done / "out" / "patients.csv")
    assert len(patients) == 160
    assert all(0 < float(row["risk: IPI and MTV"]) < 1 for row in patients)


def test_models_are_of_the_same_patients_and_the_better_one_is_told_from_the_other(done: Path) -> None:
    record = json.loads((done / "out" / "report.json").read_bytes())
    clinical, both = record["models"]
    assert clinical["n"] == both["n"] == record["comparisons"][0]["patients"] == 160
    assert both["unseen"]["harrell"]["value"] > clinical["unseen"]["harrell"]["value"], "the volume was put in"
    assert both["aic"] < clinical["aic"]
    assert record["comparisons"][0]["likelihood_ratio"]["p"] < 0.05
    for model in record["models"]:
        assert (
            model["unseen"]["harrell"]["low"] < model["unseen"]["harrell"]["value"] < model["apparent_harrell"] + 0.02
        )
        over_time = model["unseen"]["auc_over_time"]
        assert [one["time"] for one in over_time] == pytest.approx([4.8, 9.6, 14.4, 19.2, 24])
        assert over_time[-1]["auc"] == pytest.approx(model["unseen"]["auc_at_horizon"]["value"], abs=1e-6)
        assert model["unseen"]["integrated_brier"] < model["unseen"]["integrated_brier_without_model"]


def test_the_same_table_and_words_give_the_same_bytes(done: Path, tmp_path: Path) -> None:
    assert ran("prognosis", done / "scored.csv", "-o", tmp_path / "again", *WORDS) == 0
    for file in ("report.json", "report.html", "patients.csv", "figures/survival.png"):
        assert (tmp_path / "again" / file).read_bytes() == (done / "out" / file).read_bytes()


def test_a_variable_that_separates_is_left_out_with_the_reason_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of(COHORT)[:50]
    lines = ["patient,months,progression,suvmax,perfect"]
    lines += [f"{r['patient']},{r['months']},{r['progression']},{r['suvmax']},{r['progression']}" for r in rows]
    (tmp_path / "c.csv").write_text("\n".join(lines), encoding="utf-8")
    words = (*ASKED, "--variables", "suvmax,perfect", "--json")
    assert ran("prognosis", tmp_path / "c.csv", "-o", tmp_path / "out", *words) == 0
    record = json.loads(capsys.readouterr().out)
    assert [model["name"] for model in record["models"]] == ["suvmax"]
    assert any("perfect separates fully" in note and "Leave it out" in note for note in record["notes"])
    assert record["variables"][1]["cox"] is None


def test_a_signature_chooses_among_columns_meant_by_a_pattern(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*ASKED, "--signature", "image=*_ml+suv*", "--json")
    assert ran("prognosis", COHORT, "-o", tmp_path / "out", *words) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["models"][0]["variables"] == ["mtv_ml", "suvmax"]
    assert record["models"][0]["penalty"] > 0
    assert set(record["models"][0]["chosen_in_folds"]) <= {"mtv_ml", "suvmax"}
    assert ran("prognosis", COHORT, "-o", tmp_path / "none", *ASKED, "--signature", "image=rad_*") == 3
    assert "no column is meant by 'rad_*'" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("--time", "month", "--event", "progression"), 3, "PROG-E-COLUMN: there is no column 'month'"),
        (("--time", "months", "--event", "ecog"), 3, "PROG-E-EVENT: ecog holds 0, 1, 2, 3"),
        (("--time", "months", "--event", "progression", "--variables", "centre"), 3, "Code it as 0 and 1"),
        (("--time", "months", "--event", "progression", "--variables", "months"), 2, "cannot predict itself"),
        (("--time", "months", "--event", "progression", "--horizon", "720"), 2, "the longest follow-up 65.7"),
        (("--time", "months", "--event", "progression", "--horizon", "0.01"), 2, "nobody has the event by 0.01"),
        (("--time", "months", "--event", "progression", "--model", "a=ecog", "--model", "a=stage"), 2, "called a"),
        (("--time", "months", "--event", "progression", "--model", "=ecog"), 2, "is no model"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    words: tuple[str, ...], status: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran("prognosis", COHORT, "-o", tmp_path / "out", *words) == status
    assert says in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("odd", "kept", "says"),
    [
        (lambda n: int(n == 0), ["suvmax"], "is the same for all of 40 patients, where fold"),
        (lambda n: (n % 5) * 1e9, ["suvmax", "odd", "all together"], ""),
        (lambda n: 1, ["suvmax"], "odd is the same for all of 50 patients"),
    ],
)
def test_odd_columns_break_nothing(odd, kept: list[str], says: str, tmp_path: Path) -> None:
    lines = ["months,progression,suvmax,odd"]
    lines += [f"{r['months']},{r['progression']},{r['suvmax']},{odd(n)}" for n, r in enumerate(rows_of(COHORT)[:50])]
    (tmp_path / "c.csv").write_text("\n".join(lines), encoding="utf-8")
    assert ran("prognosis", tmp_path / "c.csv", "-o", tmp_path / "out", *ASKED, "--variables", "suvmax,odd", "-q") == 0
    record = json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert [model["name"] for model in record["models"]] == kept
    assert says in " ".join(record["notes"])


def test_curves_alone_need_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("prognosis", COHORT, "-o", tmp_path / "out", *ASKED, "--curves", "centre", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert list(record["curves"]["centre"]["curves"]) == ["A", "B"]
    assert record["models"] == record["comparisons"] == record["variables"] == []


def test_scores_stand_beside_the_patients_with_the_reason_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(
        "patient,age_years,ldh_ratio,ecog,stage,extranodal_sites,mtv_ml,mtv_method\n"
        "a,61,1.2,0,III,2,307.9,suv4.0\nb,40,,0,II,0,100,max41\n", encoding="utf-8",
    )  # fmt: skip
    assert ran("scores", tmp_path / "p.csv", "-o", tmp_path / "s.csv", "-q") == 0
    first, second = rows_of(tmp_path / "s.csv")
    assert (first["ipi"], first["ipi_group"], first["r_ipi_group"]) == ("4", "high", "poor")
    assert second["ipi"] == ""
    assert second["ipi_why"] == "not computable: missing ldh_ratio"
    assert second["impi_why"].endswith("measured by suv4.0, not max41")
    assert float(first["impi_hazard_ratio"]) == pytest.approx(0.9919, abs=1e-4), "a year younger than the reference"


def test_scores_refuse_what_cannot_be_and_never_write_over_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "p.csv"
    table.write_text("age_years,ldh_ratio,ecog,wbc_1e9_l\n60,1,0,6\n65,1,0,8000\n", encoding="utf-8")
    assert ran("scores", table, "-o", tmp_path / "s.csv") == 3
    assert "wbc_1e9_l is 8000, not a number from 0.05 to 600 10⁹/L in row 3" in " ".join(
        capsys.readouterr().err.split()
    )
    assert ran("scores", table, "-o", table, "--force") == 2
    assert ran("scores", table, "-o", tmp_path / "s.csv", "--scores", "ipy") == 2
    table.write_text("age_years,ipi,ldh_ratio,ecog,stage,extranodal_sites\n60,1,1,0,2,0\n", encoding="utf-8")
    assert ran("scores", table, "-o", tmp_path / "s.csv", "--scores", "ipi") == 3
    assert not (tmp_path / "s.csv").exists()


def test_the_command_line_does_not_load_survival_libraries_before_they_are_needed() -> None:
    probe = "import sys, lymphoscope.app.cli, lymphoscope.prognosis.analysis; print('lifelines' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"False\s*", done.stdout)
