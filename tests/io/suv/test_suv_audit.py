from __future__ import annotations

import json
from datetime import datetime

import pytest

from lymphoscope.core.study import SuvAudit
from lymphoscope.io.suv import SuvOverrides, audit_lines, audit_record, suv_factors


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


def test_declared_suv_has_lines_and_a_record():
    audit = SuvAudit(branch="declared")
    assert ("Formula", "values declared to be SUV by the user") in audit_lines(audit)
    record = audit_record(audit)
    assert record["factor_min"] is None
    assert record["t_ref"] is None
    json.dumps(record, allow_nan=False)


def test_record_has_the_keys_of_the_specification(pet_headers):
    record = audit_record(suv_factors(pet_headers()).audit)
    wanted = "type factor_min factor_max t_ref t_ref_source candidates t_inj uptake_min dose_bq weight_kg height_m sex"
    assert {*wanted.split(), "half_life_s", "overrides"} <= set(record)
    assert record["type"] == "SUVbw"
    assert datetime.fromisoformat(record["t_ref"]) == datetime(2024, 3, 1, 10)
    assert record["candidates"]["series"] == {"time": "2024-03-01T10:00:00", "suv_change_percent": 0.0}
    assert record["uptake_min"] == 60
    json.dumps(record, allow_nan=False, sort_keys=True)
