from __future__ import annotations

import pytest

from lymphoscope.core.study import SuvAudit
from lymphoscope.io.suv import SuvOverrides, audit_lines, suv_factors


def test_lines_say_everything_with_its_unit(pet_headers):
    given = SuvOverrides(weight_kg=72)
    result = suv_factors(pet_headers(SeriesTime="093000"), given)
    lines = dict(audit_lines(result.audit))
    assert lines["Formula"] == "BQML/START"
    assert lines["Injected activity"] == "350 MBq"
    assert lines["Weight"] == "72 kg"
    assert lines["Height"] == "1.75 m"
    assert lines["Half-life"] == "6586.2 s"
    assert lines["Injection"] == "2024-03-01 09:00:00 (start_datetime)"
    assert lines["Decay reference"] == "2024-03-01 09:30:00 (series)"
    assert lines["Uptake"] == "30.0 min"
    assert lines["  by series"] == "2024-03-01 09:30:00 (used)"
    assert lines["  by earliest_acquisition"] == "2024-03-01 10:00:00 (SUV +20.9 % if used)"
    assert lines["Override"] == "weight_kg: 70 in the header, 72 given"
    assert lines["Tracer"] == "Fluorodeoxyglucose (FDG)"
    assert float(lines["Factor to SUVbw"]) == pytest.approx(result.factors[0], rel=1e-7)
    assert float(lines["SUVbw × for LBMJANMA"]) == pytest.approx(0.7909, abs=5e-3)


def test_lines_of_factors_by_slice(pet_headers):
    times = ["100000", "100500", "101000"]
    none = {"DecayCorrection": "NONE", "CorrectedImage": "ATTN"}
    lines = dict(audit_lines(suv_factors(pet_headers(AcquisitionTime=lambda k: times[k], **none)).audit))
    assert lines["Factor to SUVbw"].endswith("(by slice)")
    assert lines["Decay reference"] == "–"


def test_declared_suv_has_lines():
    lines = audit_lines(SuvAudit(branch="declared"))
    assert ("Formula", "values declared to be SUV by the user") in lines
    assert ("Decay reference", "–") in lines
