"""The check numbers of 754 patients with DLBCL (Reddy et al. 2017), and what single quantities tell of sarcoma."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.evaluate.classification import auc
from lymphoscope.prognosis.cohort import Cohort, Columns, cohort_of
from lymphoscope.prognosis.cox import examine
from lymphoscope.prognosis.curves import by_group, log_rank
from lymphoscope.prognosis.discrimination import harrell
from lymphoscope.prognosis.outcome import Outcome
from lymphoscope.prognosis.table import read_table

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def reddy(shared: Path) -> Cohort:
    text = (shared / "lymphoma_survival" / "dlbcl_reddy2017_n1001.csv").read_text(encoding="utf-8")
    columns = Columns("os_years", "os_event", ("ipi",), ("ipi_group",), "sample_id")
    return cohort_of(read_table(text), columns, complete_cases=True)


def test_five_year_survival_and_log_rank_by_ipi_group(reddy: Cohort) -> None:
    assert (len(reddy.outcome), reddy.outcome.events, sum(reddy.left_out.values())) == (754, 230, 247)
    curves = by_group(reddy.outcome, reddy.groups["ipi_group"])
    five = {name: curve.at(5)[0] for name, curve in curves.items()}
    assert five == pytest.approx({"Low": 0.841, "Medium": 0.641, "High": 0.427}, abs=0.0005)
    assert log_rank(reddy.outcome, reddy.groups["ipi_group"]).chi2 == pytest.approx(78.72, abs=0.005)


def test_hazard_ratio_and_concordance_of_the_ipi(reddy: Cohort) -> None:
    found = examine(reddy.outcome, reddy.values).coefficients[0]
    assert (found.hazard_ratio, found.low, found.high) == pytest.approx((1.586, 1.435, 1.753), abs=0.0005)
    assert harrell(reddy.outcome, reddy.values["ipi"]).value == pytest.approx(0.683, abs=0.0005)
    assert found.proportional_p < 0.05, "the IPI tells less the longer it is ago: so it is warned of"


def test_the_metabolic_volume_tells_of_lung_metastases_of_sarcoma_over_the_whole_cohort(shared: Path) -> None:
    folder = shared / "sts_fdg_petct"
    tables = [list(csv.DictReader((folder / name).open(encoding="utf-8"))) for name in ("outcome.csv", "patients.csv")]
    volumes = {row["pid"]: float(row["MTV4_ml"]) for row in tables[1]}
    mtv = [volumes[row["patient_id"]] for row in tables[0]]
    lungs = np.array([row["lung_mets"] == "1" for row in tables[0]])
    outcome = Outcome.of([float(row["pfs_days"]) for row in tables[0]], [row["pfs_event"] == "1" for row in tables[0]])
    found = auc(lungs, mtv)
    assert found is not None
    assert (len(mtv), int(lungs.sum()), outcome.events) == (36, 13, 19)
    assert found.value == pytest.approx(0.80, abs=0.005)
    assert harrell(outcome, mtv).value == pytest.approx(0.705, abs=0.001)
    endpoint = outcome.by(2 * 365.25)
    assert (int(endpoint.known.sum()), int(endpoint.event.sum()), endpoint.censored_before) == (30, 17, 6)
