from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Measure, Measures, Report
from lymphoscope.core.study import Identity, SeriesFact
from lymphoscope.core.volume import LesionMask
from lymphoscope.render.quantities import doubt_range, fixed_threshold, region_id, wide
from lymphoscope.render.record import in_order, record, refusal_record, uid_hash

Record = dict[str, Any]
SPEC = {
    "schema", "software", "input", "suv", "reference", "segmentation", "lesions", "patient", "indices", "response",
    "messages", "audit",
}  # fmt: skip
NAMES = ("QUIXANO", "ZELDA", "PID-0042", "19610402", "ACC-7718", "REFERRER")


def test_the_record_has_the_blocks_of_the_specification(known: Record) -> None:
    assert set(known) >= SPEC
    assert set(known["suv"]) >= {
        "type", "factor_min", "factor_max", "t_ref", "t_ref_source", "candidates", "t_inj", "uptake_min", "dose_bq",
        "weight_kg", "height_m", "sex", "half_life_s", "overrides",
    }  # fmt: skip
    assert set(known["segmentation"]) >= {
        "method", "threshold", "min_volume_ml", "connectivity", "stages", "removed",
    }  # fmt: skip
    assert set(known["lesions"][0]) >= {
        "id", "tracking_uid", "region_code", "nodal", "mtv_ml", "suvmax", "suvmean", "suvpeak", "tlg_g",
        "centroid_lps_mm", "ai_probability", "status",
    }  # fmt: skip
    assert set(known["patient"]) >= {"n", "tmtv_ml", "tlg_g", "suvmax", "suvpeak", "dmax_cm", "sdmax_per_m"}
    assert set(known["messages"][0]) >= {"code", "severity", "text", "what", "where", "effect", "fix", "tags"}
    for row in known["key_numbers"]:
        assert set(row) >= {
            "name",
            "value",
            "unit",
            "shown",
            "method",
            "stage",
            "status",
            "range",
            "range_of",
            "warnings",
        }


def test_it_is_plain_data_without_nan(known: Record) -> None:
    assert json.loads(json.dumps(known, allow_nan=False)) == known


def test_numbers_that_are_not_finite_or_of_numpy_become_plain(
    make_report: Callable[..., Report], software: Record, settings: Record
) -> None:
    odd = Measures((Measure("qpet", float("nan"), "1"), Measure("max_to_liver_max", np.float32(2.5), "1")))  # type: ignore[arg-type]
    found = record(make_report(report={"indices": odd}), software, settings)
    assert found["indices"]["qpet"]["value"] is None
    assert found["indices"]["qpet"]["shown"] == "–"
    assert found["indices"]["max_to_liver_max"]["value"] == 2.5
    assert json.dumps(found, allow_nan=False)


def test_nobody_is_named_and_no_uid_is_written(known: Record) -> None:
    text = json.dumps(known, ensure_ascii=False)
    for name in NAMES:
        assert name.lower() not in text.lower()
    assert "1.2.3.4" not in text
    assert known["series"][0]["series_uid_hash"] == uid_hash("1.2.3.4.1")
    assert len(known["series"][0]["series_uid_hash"]) == 16
    assert known["series"][2]["description"] == "WB NAC [withheld] follow up"


@pytest.mark.parametrize(
    ("name", "text", "safe"),
    [
        ("DOE^JANE", "PET doe, Jane 2", "PET [withheld], [withheld] 2"),
        ("DOE^JANE", "Doesburg PET", "Doesburg PET"),
        ("Müller^Zoë", "müller_zoë wb", "[withheld]_[withheld] wb"),
        ("Yamada^Tarou=山田^太郎", "WB 山田", "WB [withheld]"),
        ("", "WB AC", "WB AC"),
    ],
)
def test_names_are_withheld_from_texts_typed_at_the_scanner(
    make_report: Callable[..., Report], software: Record, settings: Record, name: str, text: str, safe: str
) -> None:
    study = {"identity": Identity(name), "series": (SeriesFact("1.2", "PT", text, 1, "pet", "only one"),)}
    found = record(make_report(study=study | {"scanner": {"protocol": text}}), software, settings)
    assert found["series"][0]["description"] == safe
    assert found["input"]["pet"]["protocol"] == safe


def test_key_numbers_are_the_measured_ones_with_method_and_doubt(known: Record, report: Report) -> None:
    rows = {row["name"]: row for row in known["key_numbers"]}
    tmtv = rows["TMTV"]
    assert tmtv["value"] == report.patient.value("tmtv_ml")
    assert tmtv["shown"] == "191 mL"
    assert tmtv["method"] == "suv4.0/18/3mL"
    assert tmtv["rule"] == "SUV ≥ 4.0, conn. 18, ≥ 3 mL"
    assert tmtv["stage"] == 4
    assert tmtv["status"] == "ai-only"
    assert tmtv["range_of"] == "doubtful"
    assert tmtv["range_shown"] == "184–224 mL"
    assert tmtv["range_wide"] is True
    assert "SUV-W-UPTAKE" in tmtv["warnings"] and "SUV-I-CANDIDATES" not in tmtv["warnings"]
    assert rows["TLG"]["shown"] == "1\u202f870 g"
    assert (rows["Lesions"]["shown"], rows["Lesions"]["note"]) == ("3", "1 doubtful, 1 doubtful left out")
    assert rows["Largest"]["shown"] == "L02 167 mL"
    assert rows["Hottest"]["shown"] == "L05 SUVmax 21.3"
    assert rows["Dmax (centroid)"]["shown"] == "60.1 cm"
    assert rows["Removed"]["shown"] == "3 regions, 1\u202f310 mL"
    assert rows["Removed"]["n"] == 3


def test_the_doubt_range_is_counted_from_voxels(report: Report) -> None:
    segmentation = report.segmentation
    assert segmentation is not None
    labels, voxel = segmentation.candidates.labels, segmentation.candidates.geometry.voxel_ml
    sizes = {region: float((labels == region).sum()) * voxel for region in range(1, 8)}
    counted = sizes[2] + sizes[5] + sizes[6]
    assert doubt_range(report, segmentation) == pytest.approx([counted - sizes[6], counted + sizes[7]], abs=1e-9)


def test_without_doubt_there_is_no_range(make_report: Callable[..., Report], report: Report) -> None:
    balls = tuple(b for b in _balls(report) if not b[4].startswith("doubt"))
    sure = make_report(balls)
    assert sure.segmentation is not None
    assert doubt_range(sure, sure.segmentation) is None


def _balls(report: Report) -> tuple[Any, ...]:
    assert report.segmentation is not None
    decisions = report.segmentation.decisions
    centres = ((840, 140, 240), (560, 110, 262), (150, 110, 240), (505, 105, 310), (710, 130, 185), (120, 90, 330))
    radii = (62, 34, 36, 30, 16, 13)
    return tuple(
        (f"ball {d.region}", c, r, d.suvmax, d.action, d.organ, "")
        for d, c, r in zip(decisions, centres, radii, strict=False)
    )


@pytest.mark.parametrize(
    ("span", "tmtv", "bold"),
    [
        ([285.1, 341.0], 311.9, True),
        ([300.0, 312.0], 311.9, False),
        ([100.0, 110.0], 105.0, False),
        ([100.0, 112.0], 105.0, True),
        ([0.0, 12.0], 0.0, True),
        ([0.0, 8.0], 0.0, False),
        (None, 300.0, False),
    ],
)
def test_a_spread_is_wide_beyond_ten_percent_and_ten_millilitres(span: Any, tmtv: float, bold: bool) -> None:
    assert wide(span, tmtv) is bold


def test_lesions_keep_their_candidate_number_status_and_centre(known: Record) -> None:
    assert [(row["id"], row["status"], row["glyph"], row["word"]) for row in known["lesions"]] == [
        ("L02", "ai-only", "◐", "AI only"),
        ("L05", "ai-only", "◐", "AI only"),
        ("L06", "doubtful", "?", "doubtful"),
    ]
    assert known["lesions"][0]["centroid_lps_mm"] == pytest.approx([262, 110, 560], abs=1.5)
    assert known["lesions"][0]["shown"]["mtv_ml"] == "166.8"
    assert known["lesions"][0]["missing"] == {"axial_diameter_mm": "the CT does not cover it"}
    assert known["lesions"][2]["why"] == "looks like groin"
    assert known["lesions"][0]["page_1"] == {"mtv_ml": "167 mL", "suvmax": "9.4"}
    assert known["segmentation"]["removed"][0]["page_1"] == {"mtv_ml": "999 mL", "suvmax": "11.0"}


def test_everything_not_counted_is_listed_with_its_rule(known: Record) -> None:
    rows = known["segmentation"]["removed"]
    assert [(row["id"], row["status"], row["organ"]) for row in rows] == [
        ("L01", "removed", "brain"),
        ("L03", "removed", "bladder"),
        ("L04", "removed", "heart"),
        ("L07", "doubtful", "bowel"),
    ]
    assert rows[0]["rule"] == "brain rule" and rows[0]["actor"] == "rules"
    total = known["segmentation"]["removed_total"]
    assert total["n"] == 3
    assert total["volume_ml"] == pytest.approx(sum(r["volume_ml"] for r in rows if r["status"] == "removed"))


def test_a_confirmed_report_says_so(make_report: Callable[..., Report], software: Record, settings: Record) -> None:
    some = make_report(tuple(b for b in _balls(make_report()) if not b[4].startswith("doubt")))
    read = replace(some, findings=tuple(replace(f, status="confirmed") for f in some.findings))
    found = record(read, software, settings)
    assert found["key_numbers"][0]["status"] == "confirmed"
    assert {row["glyph"] for row in found["lesions"]} == {"●"}


def test_rounding_does_not_hide_the_threshold(
    make_report: Callable[..., Report], software: Record, settings: Record
) -> None:
    base = make_report()
    odd = Measures((Measure("mtv_ml", 2.996, "mL"), Measure("suvmax", 3.9988, "g/mL"), Measure("tlg_g", 11.0, "g")))
    finding = replace(base.findings[0], measures=odd)
    found = record(replace(base, findings=(finding,)), software, settings)
    row = found["lesions"][0]
    assert row["shown"] == {"mtv_ml": "2.996", "suvmax": "3.999", "tlg_g": "11.0"}
    assert row["page_1"] == {"mtv_ml": "2.996 mL", "suvmax": "3.999"}
    assert row["near"] == ["mtv_ml within 5 % of the floor 3 mL", "suvmax within 5 % of the threshold 4"]


def test_sensitivity_is_a_share_of_the_chosen_method(known: Record) -> None:
    rows = known["sensitivity"]["methods"]
    assert rows["suv4.0"]["chosen"] and rows["suv4.0"]["shown"]["percent_of_chosen"] == "100 %"
    assert rows["suv2.5"]["shown"]["percent_of_chosen"] == "131 %"
    assert rows["max41"]["shown"]["percent_of_chosen"] == "62 %"
    assert rows["liver140"]["tmtv_ml"] is None and rows["liver140"]["why"] == "no liver"
    assert known["sensitivity"]["shown"]["tmtv_ml_range"] == "118.3–249.9 mL"


def test_stages_tell_their_change(known: Record) -> None:
    stages = known["segmentation"]["stages"]
    assert [s["stage"] for s in stages] == ["TMTV1", "TMTV2", "TMTV3", "TMTV4"]
    assert [s["shown"]["change_ml"] for s in stages] == ["–", "\u221220.4", "0", "0"]


def test_the_suv_audit_is_complete(known: Record) -> None:
    suv = known["suv"]
    assert suv["factor_min"] == 2.4290298e-4
    assert suv["t_ref"] == "2026-03-11T10:58:00"
    assert suv["candidates"]["acquisition"]["shown"] == "+15 %"
    assert suv["shown"]["activity_mbq_per_kg"] == "5.0 MBq/kg"
    assert suv["overrides"] == ["weight_kg=70"]
    assert known["audit"] == [{"actor": "user", "time": None, "action": "override weight_kg=70"}]


def test_messages_come_most_severe_first_and_once() -> None:
    info, io, suv = Message("SUV-I-CANDIDATES", "a"), Message("IO-W-NOCT", "b"), Message("SUV-W-UPTAKE", "c")
    error = Message("SUV-E-WEIGHT", "d")
    assert in_order([info, io, suv, error, io]) == [error, suv, io, info]


def test_the_mask_hash_depends_on_labels_and_grid_only() -> None:
    grid = Geometry.axial((2, 3, 4), (4.0, 3.0, 2.0))
    labels = np.zeros((2, 3, 4), np.int32)
    labels[1, 2, 3] = 1
    same = LesionMask(np.asfortranarray(labels), grid, "other words")
    assert LesionMask(labels, grid, "suv4.0").sha256 == same.sha256
    moved = LesionMask(labels, Geometry.axial((2, 3, 4), (4.0, 3.0, 2.0), (1.0, 0.0, 0.0)), "suv4.0")
    assert moved.sha256 != same.sha256
    assert LesionMask(labels * 2, grid, "suv4.0").sha256 != same.sha256


def test_a_refusal_has_a_reason_and_no_number(report: Report, software: Record, settings: Record) -> None:
    error = LymphoscopeError("SUV-E-WEIGHT", "Patient's Weight is missing", "series 1", tags=("(0010,1030)",))
    found = refusal_record(
        error, report.study.series, software=software, settings=settings, messages=[Message("IO-W-NAC", "series 3")]
    )
    assert found["status"] == "refused"
    assert found["measures"] == found["lesions"] == found["key_numbers"] == []
    assert found["refusal"]["code"] == "SUV-E-WEIGHT"
    assert found["refusal"]["fix"] == "Supply --weight-kg (recorded in the audit log)."
    assert [m["code"] for m in found["messages"]] == ["SUV-E-WEIGHT", "IO-W-NAC"]
    assert len(found["series"]) == 3
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_refused_report_is_no_record(report: Report, software: Record, settings: Record) -> None:
    with pytest.raises(ValueError, match="refusal"):
        record(replace(report, segmentation=None), software, settings)


@pytest.mark.parametrize(
    ("words", "at", "inclusive"),
    [
        ("SUV ≥ 4.0", 4.0, True),
        ("SUV ≥ 2.5", 2.5, True),
        ("SUV > 2.91 = SUL > 2.17 (SUVmax of liver)", 2.91, False),
        ("SUV ≥ 0.41 × SUVmax of the lesion", None, True),
        ("SUV ≥ 0.15 × mean of the lesion's 70% core + background", None, True),
        ("SUV ≥ 41 % of SUVmax", None, True),
        ("suv4.0 if SUVpeak > 8, else mv3 if background > 0.8, else mv2", None, True),
        ("steepest slope between 0.3 and 0.7 × SUVmax of the lesion", None, True),
    ],
)
def test_only_a_threshold_common_to_all_lesions_is_fixed(
    report: Report, words: str, at: float | None, inclusive: bool
) -> None:
    assert report.segmentation is not None
    found = fixed_threshold(replace(report.segmentation, threshold=words))
    assert (found.at if found else None) == at
    assert found is None or found.inclusive is inclusive


def test_regions_are_named_by_their_number() -> None:
    assert region_id(7) == "L07" and region_id(123) == "L123"
