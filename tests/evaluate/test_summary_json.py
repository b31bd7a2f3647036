from __future__ import annotations

import json
import math

import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.evaluate.overlap import Confusion
from lymphoscope.evaluate.summary_json import CaseCounts, read_summary, write_summary

CASES = (
    CaseCounts("r/a.nii.gz", "p/a.nii.gz", "1", Confusion(6, 2, 2, 90)),
    CaseCounts("r/b.nii.gz", "p/b.nii.gz", "1", Confusion(0, 0, 0, 100)),
    CaseCounts("r/c.nii.gz", "p/c.nii.gz", "1", Confusion(0, 5, 0, 95)),
)


def test_nothing_for_nothing_is_nan_a_false_alarm_zero_and_means_leave_nan_out() -> None:
    summary = json.loads(write_summary(CASES))
    dice = [case["metrics"]["1"]["Dice"] for case in summary["metric_per_case"]]
    assert dice[0] == pytest.approx(12 / 16)
    assert math.isnan(dice[1])
    assert dice[2] == 0.0
    assert summary["mean"]["1"]["Dice"] == summary["foreground_mean"]["Dice"] == pytest.approx(12 / 32)
    assert summary["mean"]["1"]["n_ref"] == pytest.approx(8 / 3)
    keys = {"Dice", "IoU", "FP", "TP", "FN", "TN", "n_pred", "n_ref"}
    assert set(summary["metric_per_case"][0]["metrics"]["1"]) == keys
    assert set(summary) == {"metric_per_case", "mean", "foreground_mean"}


def test_what_is_written_is_read() -> None:
    assert read_summary(write_summary(CASES)) == CASES


def test_labels_and_regions_are_kept_apart() -> None:
    two = (CASES[0], CaseCounts("r/a.nii.gz", "p/a.nii.gz", "(1, 2)", Confusion(1, 1, 1, 97)))
    summary = json.loads(write_summary(two))
    assert len(summary["metric_per_case"]) == 1
    assert summary["foreground_mean"]["Dice"] == pytest.approx((0.75 + 0.5) / 2)
    assert set(read_summary(write_summary(two))) == set(two)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"metric_per_case": [{}]}', b'{"metric_per_case": 3}', b"\xff\xfe"])
def test_what_is_no_summary_is_refused(data: bytes) -> None:
    with pytest.raises(LymphoscopeError) as refused:
        read_summary(data)
    assert refused.value.code == "EVAL-E-SUMMARY"
