"""Risks that networks foretold and quantities that a batch measured, beside clinical facts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphoscope.app.prognosis.quantities import with_quantities
from lymphoscope.app.prognosis.risks import named, with_risks
from lymphoscope.app.prognosis.run import Request, models_of, prognosis
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.evaluate.statistics import Resampling
from lymphoscope.learn.foretelling import Told, write_told
from lymphoscope.prognosis.analysis import Question
from lymphoscope.prognosis.cohort import Columns
from lymphoscope.prognosis.table import read_table

TABLE = read_table("patient,days,event\na,10,1\nb,20,0\nc,30,1\n")


def told(path: Path, *rows: tuple[str, bool | None, float]) -> Path:
    made = [Told(f"case{n}", who, 0, seen, None, {"risk": risk}) for n, (who, seen, risk) in enumerate(rows)]
    write_told(path, made)
    return path


def test_a_risk_is_the_mean_over_the_cases_of_a_patient_that_no_network_had_seen(tmp_path: Path) -> None:
    run = told(tmp_path / "run" / "validation" / "risk.csv", ("a", False, 0.2), ("a", False, 0.4), ("b", True, 0.9),
               ("c", None, 0.7)).parents[1]  # fmt: skip
    table = with_risks(TABLE, named([f"net={run}"]), "patient")
    assert table.column("net") == ("0.3", "", "0.7")
    assert with_risks(TABLE, {}, "") is TABLE
    assert with_risks(TABLE, {"net": run / "validation" / "risk.csv"}, "patient").column("net") == table.column("net")


def test_a_risk_that_cannot_be_joined_is_refused_in_words(tmp_path: Path) -> None:
    strangers = told(tmp_path / "risk.csv", ("z", False, 0.2))
    for risks, patient, said in (
        ({"net": strangers}, "", "joined by patient"),
        ({"net": strangers}, "patient", "no patient of rows"),
        ({"days": strangers}, "patient", "has a column 'days' already"),
        ({"net": tmp_path / "none.csv"}, "patient", "RUN-E-FOLDER"),
    ):
        with pytest.raises(LymphoscopeError, match=said):
            with_risks(TABLE, risks, patient)
    for words in ("net", "=run", "net="):
        with pytest.raises(LymphoscopeError, match="names no risk"):
            named([words])


def test_a_networks_risk_stands_beside_a_volume_as_a_model_of_the_same_patients(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    risk, volume = rng.random(60), rng.random(60)
    days = rng.exponential(1000 * np.exp(-3 * risk))
    lines = [f"p{n:02},{days[n]:.3f},1,{volume[n]:.4f}" for n in range(60)]
    (tmp_path / "cohort.csv").write_text("\n".join(["patient,days,event,mtv_ml", *lines]) + "\n")
    risks = told(tmp_path / "risk.csv", *((f"p{n:02}", False, float(risk[n])) for n in range(60)))
    columns = Columns("days", "event", ("mtv_ml", "network"), patient="patient")
    question = Question(models_of(("mtv_ml", "network"), ()), how=Resampling(50))
    record = prognosis(tmp_path / "cohort.csv", tmp_path / "out", Request(columns, question, risks={"network": risks}))
    found = {model["name"]: model["unseen"]["harrell"]["value"] for model in record["models"]}
    assert found["network"] > 0.65 and found["mtv_ml"] < 0.6
    assert set(found) == {"mtv_ml", "network", "all together"}


def test_quantities_of_a_batch_are_joined_by_patient_beside_what_the_table_has(tmp_path: Path) -> None:
    measured = read_table("patient,tmtv_ml,days\nc,30,9\nz,7,9\na,12.5,9\n")
    joined = with_quantities(TABLE, measured, "patient")
    assert joined.column("tmtv_ml") == ("12.5", "", "30")
    assert joined.column("days") == ("10", "20", "30"), "the patients' own table is right"
    for words, key, said in (
        ("patient,tmtv_ml\na,1\na,2\n", "patient", "PROG-E-PATIENT.*in rows 2, 3"),
        ("patient,tmtv_ml\nz,1\n", "patient", "no patient of rows 2, 3, 4 is in the table of quantities"),
        ("case,tmtv_ml\na,1\n", "patient", "there is no column 'patient'"),
        ("patient,tmtv_ml\na,1\n", "", "joined by patient"),
    ):
        with pytest.raises(LymphoscopeError, match=said):
            with_quantities(TABLE, read_table(words), key)
    (tmp_path / "c.csv").write_text("patient,days,event\n" + "".join(f"p{n},{n + 1},1\n" for n in range(12)))
    (tmp_path / "q.csv").write_text("patient,mtv\n" + "".join(f"p{n},{(n * 7) % 12}\n" for n in range(11)))
    with pytest.raises(LymphoscopeError, match="mtv is missing for 1 of 12 patients in row 13"):
        request = Request(Columns("days", "event", ("mtv",), patient="patient"), quantities=tmp_path / "q.csv")
        prognosis(tmp_path / "c.csv", tmp_path / "out", request)
