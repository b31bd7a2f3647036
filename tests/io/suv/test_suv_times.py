"""The decay reference and the injection: section A2, rule by rule."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.suv import suv_factors
from lymphoscope.io.suv_times import average_activity_s

GE = "GE MEDICAL SYSTEMS"
RATE = math.log(2) / 6586.2
TEN = datetime(2024, 3, 1, 10)


def warned(result):
    """Codes of the warnings."""
    return {m.code for m in result.messages if m.severity == "warning"}


def conflicts(result):
    """What the conflict warnings say, by rule."""
    said = [m.what for m in result.messages if m.code == "SUV-W-REFTIME-CONFLICT"]
    return {what.split(":")[0]: what for what in said}


def milliseconds(seconds):
    return f"{1000 * seconds:.4f}"


@pytest.mark.parametrize(
    ("frame_s", "expected"), [(120, 59.937), (180, 89.858), (300, 149.605), (603, 299.906), (1e-4, 5e-5)]
)
def test_moment_of_average_activity(frame_s, expected):
    assert average_activity_s(frame_s, 6586.2) == pytest.approx(expected, abs=5.1e-4)


@pytest.mark.parametrize(("frame_s", "late", "low"), [(1, 300, 3.1), (1, 1098, 10.9), (1, 1326, 13.0)])
def test_a_late_reference_costs_what_the_specification_says(pet_headers, frame_s, late, low):
    # F-18: 5 min late is 3.1 % low, 18.3 min 10.9 %, 22.1 min 13.0 %
    right = suv_factors(pet_headers()).factors[0]
    seconds = 36000 - late
    clock = f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"
    early = suv_factors(pet_headers(SeriesTime=clock)).factors[0]
    assert 100 * (1 - early / right) == pytest.approx(low, abs=0.05)


def test_rule_1_decay_correction_datetime_wins_over_all(pet_headers):
    private = {0x00710010: ("LO", "SIEMENS MED PT"), 0x00711022: ("DT", "20240301095000")}
    result = suv_factors(pet_headers(DecayCorrectionDateTime="20240301094000", private=private))
    assert result.audit.t_ref == datetime(2024, 3, 1, 9, 40)
    assert result.audit.t_ref_source == "decay_correction_datetime"
    assert list(result.audit.candidates) == [
        "decay_correction_datetime",
        "siemens_private",
        "series",
        "back_computed",
        "earliest_acquisition",
    ]
    assert set(conflicts(result)) == {"siemens_private", "series", "back_computed"}


@pytest.mark.parametrize(
    ("private", "maker", "source"),
    [
        ({0x00710010: ("LO", "SIEMENS MED PT"), 0x00711022: ("DT", "20240301095000.0")}, "X", "siemens_private"),
        ({0x007100F0: ("LO", "siemens med pt"), 0x0071F022: ("UN", "20240301095000")}, "X", "siemens_private"),
        ({0x00711022: ("DT", "20240301095000")}, "SIEMENS", "siemens_private"),
        ({0x00711022: ("DT", "20240301095000")}, "CPS", "series"),
        ({0x00710010: ("LO", "OTHER"), 0x00711022: ("DT", "20240301095000")}, "SIEMENS", "series"),
        ({0x00090010: ("LO", "GEMS_PETD_01"), 0x0009100D: ("DT", "20240301095000.00 ")}, "X", "ge_private"),
        ({0x0009100D: ("DT", "20240301095000")}, GE, "ge_private"),
        ({0x0009100D: ("DT", "20240301095000")}, "GE Healthcare", "ge_private"),
        ({0x0009100D: ("DT", "20240301095000")}, "Gemini Imaging", "series"),
        ({0x0009100D: ("DT", "20240301095000")}, "Imaging (ge)", "series"),
        ({0x00090010: ("LO", "MMCPrivate"), 0x0009100D: ("LO", "20240301095000")}, GE, "series"),
    ],
)
def test_rule_2_private_times_by_creator(pet_headers, private, maker, source):
    result = suv_factors(pet_headers(private=private, Manufacturer=maker))
    assert result.audit.t_ref_source == source
    assert result.audit.t_ref == (TEN if source == "series" else datetime(2024, 3, 1, 9, 50))


def test_rule_2_processed_ge_series_with_a_late_series_time(pet_headers):
    private = {0x00090010: ("LO", "GEMS_PETD_01"), 0x0009100D: ("DT", "20240301100000")}
    late = pet_headers(Manufacturer=GE, private=private, SeriesTime="113000", FrameReferenceTime="0")
    result = suv_factors(late)
    assert np.array_equal(result.factors, suv_factors(pet_headers()).factors)
    assert set(conflicts(result)) == {"series"}


@pytest.mark.parametrize(
    ("acquired", "source"),
    [("095955", "series"), ("095954.9", "back_computed"), ("095959.999995", "series"), ("103000", "series")],
)
def test_rule_3_series_time_unless_later_than_the_first_acquisition(pet_headers, acquired, source):
    # the first acquisition counts, wherever in the series it lies
    after = {"095955": 145.0, "095954.9": 150.0, "095959.999995": 149.6, "103000": 149.6}[acquired]
    headers = pet_headers(
        AcquisitionTime=lambda k: acquired if k == 2 else "103000",
        FrameReferenceTime=lambda k: milliseconds(after if k == 2 else after + 1800),
    )
    if source == "back_computed":
        headers = pet_headers(AcquisitionTime=acquired, FrameReferenceTime="149605")
    assert suv_factors(headers).audit.t_ref_source == source


def test_rule_3_needs_the_acquisition_of_every_slice(pet_headers):
    with pytest.raises(LymphoscopeError) as caught:
        suv_factors(pet_headers(AcquisitionTime=lambda k: None if k == 1 else "100000"))
    assert caught.value.code == "SUV-E-TIME"
    assert "--reference-time" in str(caught.value)
    stated = pet_headers(AcquisitionTime=None, DecayCorrectionDateTime="20240301100000")
    assert suv_factors(stated).audit.t_ref == TEN


def test_acquisition_datetime_serves_where_date_and_time_are_missing(pet_headers):
    headers = pet_headers(AcquisitionTime=None, AcquisitionDate=None, AcquisitionDateTime="20240301100000.5")
    assert suv_factors(headers).audit.t_ref_source == "series"


def test_rule_4_average_convention_by_bed(pet_headers):
    """A post-processed series of two beds, 2 min frames, 1283 s apart; Series Time an hour late."""
    acquired = ["100000", "102123", "102123"]
    frame = average_activity_s(120, 6586.2)
    headers = pet_headers(
        SeriesTime="110000",
        AcquisitionTime=lambda k: acquired[k],
        ActualFrameDuration="120000",
        FrameReferenceTime=lambda k: milliseconds(frame + (0 if k == 0 else 1283)),
    )
    result = suv_factors(headers)
    assert result.audit.t_ref_source == "back_computed"
    assert abs((result.audit.t_ref - TEN).total_seconds()) < 1e-3
    assert result.factors == pytest.approx(suv_factors(pet_headers()).factors, rel=1e-6)
    assert set(conflicts(result)) == {"series"}
    assert "series:+3600 s" in conflicts(result)["series"]
    assert f"{100 * math.expm1(3600 * RATE):+.1f} %" in conflicts(result)["series"]


@pytest.mark.parametrize(
    ("maker", "offsets", "expected"),
    [
        ("CPS", (0, 200, 400), 0.0),  # the first bed's frame reference is 0: counts to the frame's start
        (GE, (0, 200, 400), 0.0),
        (GE, (60, 260, 460), -60.0),  # GE counts to the start whatever the first value is
        ("X", (54.1, 254.1, 454.1), -54.1 + average_activity_s(120, 6586.2)),
        ("X", (53.9, 253.9, 453.9), -53.9),  # under 0.45 of the frame is clearly before its middle
    ],
)
def test_rule_4_which_moment_of_the_frame_is_meant(pet_headers, maker, offsets, expected):
    clock = ["100000", "100320", "100640"]
    headers = pet_headers(
        Manufacturer=maker,
        SeriesTime="110000",
        ActualFrameDuration="120000",
        AcquisitionTime=lambda k: clock[k],
        FrameReferenceTime=lambda k: milliseconds(offsets[k]),
    )
    result = suv_factors(headers)
    assert result.audit.t_ref_source == "back_computed"
    assert (result.audit.t_ref - TEN).total_seconds() == pytest.approx(expected, abs=1e-3)


def test_rule_4_needs_agreement_within_five_seconds(pet_headers):
    def series(spread):
        return pet_headers(
            SeriesTime="110000", FrameReferenceTime=lambda k: milliseconds(149.605 + (spread if k == 1 else 0))
        )

    assert suv_factors(series(4.9)).audit.t_ref_source == "back_computed"
    result = suv_factors(series(5.1))
    assert result.audit.t_ref_source == "earliest_acquisition"
    assert warned(result) == {"SUV-W-FRT-INCONSISTENT", "SUV-W-REF-EARLIEST-ACQ", "SUV-W-REFTIME-CONFLICT"}
    assert "back_computed" not in result.audit.candidates


@pytest.mark.parametrize("missing", ["FrameReferenceTime", "ActualFrameDuration"])
def test_rule_5_first_acquisition(pet_headers, missing):
    clock = ["100500", "100000", "101000"]
    headers = pet_headers(SeriesTime="", AcquisitionTime=lambda k: clock[k], **{missing: None})
    result = suv_factors(headers)
    assert (result.audit.t_ref_source, result.audit.t_ref) == ("earliest_acquisition", TEN)
    assert warned(result) == {"SUV-W-REF-EARLIEST-ACQ"}


def test_decay_factor_is_a_check_and_never_chosen(pet_headers):
    # GE: factor 1.01268 of a frame of 240 s that begins at the reference, as a real series has it
    ge = {"Manufacturer": GE, "FrameReferenceTime": None, "ActualFrameDuration": "240000", "DecayFactor": "1.01268"}
    agreeing = suv_factors(pet_headers(**ge)).audit
    assert abs((agreeing.candidates["decay_factor"][0] - TEN).total_seconds()) < 0.1
    later = suv_factors(pet_headers(**{**ge, "SeriesTime": "095000"}))
    assert later.audit.t_ref_source == "series"
    assert set(conflicts(later)) == {"decay_factor"}
    for factor in ("1", "1.0", "0.9", "none", None):
        found = suv_factors(pet_headers(**{**ge, "DecayFactor": lambda k, f=factor: f if k else "1.01268"}))
        assert "decay_factor" not in found.audit.candidates
    spread = suv_factors(pet_headers(**{**ge, "DecayFactor": lambda k: f"{1.0127 + k / 100}"}))
    assert "decay_factor" not in spread.audit.candidates


@pytest.mark.parametrize(("clock", "warns"), [("095900", False), ("095859", True)])
def test_conflicts_of_more_than_a_minute_are_warned_of(pet_headers, clock, warns):
    result = suv_factors(pet_headers(SeriesTime=clock))
    assert (warned(result) == {"SUV-W-REFTIME-CONFLICT"}) == warns


def test_the_first_acquisition_alone_is_no_conflict(pet_headers):
    """Philips: the scan begins 20 minutes after the series does, and frame times say so."""
    result = suv_factors(pet_headers(AcquisitionTime="102000", FrameReferenceTime=milliseconds(1349.605)))
    assert warned(result) == set()
    change = result.audit.candidates["earliest_acquisition"][1]
    assert change == pytest.approx(math.expm1(1200 * RATE), rel=1e-12)


def test_ge_series_with_one_acquisition_time_for_all_beds(pet_headers):
    """As de-identified GE series are: Series Time stands, and frame times cannot confirm it."""
    headers = pet_headers(Manufacturer=GE, FrameReferenceTime=lambda k: milliseconds(240 * k))
    result = suv_factors(headers)
    assert result.audit.t_ref_source == "series"
    assert warned(result) == {"SUV-W-FRT-INCONSISTENT"}
    late = pet_headers(Manufacturer=GE, FrameReferenceTime=lambda k: milliseconds(240 * k), SeriesTime="1200")
    assert suv_factors(late).audit.t_ref_source == "earliest_acquisition"


@pytest.mark.parametrize(
    ("keyword", "tag"), [("DecayCorrectionDateTime", None), (None, 0x00711022), (None, 0x0009100D)]
)
def test_slices_that_state_different_references(pet_headers, keyword, tag):
    def headers(text):
        private = {} if tag is None else {tag: ("DT", text)}
        changes = {} if keyword is None else {keyword: text}
        return pet_headers(n=1, private=private, Manufacturer=GE if tag == 0x0009100D else "SIEMENS", **changes)

    mixed = [*headers("20240301100000"), *headers("20240301100300")]
    for header in mixed:
        header.Manufacturer = mixed[0].Manufacturer
    with pytest.raises(LymphoscopeError) as caught:
        suv_factors(mixed)
    assert caught.value.code == "SUV-E-MIXED"


@pytest.mark.parametrize(
    ("stated", "zone", "t_inj", "warns"),
    [
        ("20240301090000", None, (9, 0), set()),
        ("20240301090000", "+0100", (9, 0), set()),
        ("20240301090000+0100", "+0100", (9, 0), set()),
        ("20240301080000+0000", "+0100", (9, 0), set()),
        ("20240301133000+0530", "+0100", (9, 0), set()),
        ("20240301040000.000000-0500", "+0000", (9, 0), set()),
        ("20240301090000+0100", None, (9, 0), {"IO-W-HEADER"}),
        ("20240301090000", "CET", (9, 0), {"IO-W-HEADER"}),
    ],
)
def test_time_zones(pet_headers, stated, zone, t_inj, warns):
    result = suv_factors(pet_headers(RadiopharmaceuticalStartDateTime=stated, TimezoneOffsetFromUTC=zone))
    assert result.audit.t_inj == datetime(2024, 3, 1, *t_inj)
    assert warned(result) == warns


@pytest.mark.parametrize(
    ("day", "clock", "t_inj", "source", "warns"),
    [
        ("20240301090000", "090059", datetime(2024, 3, 1, 9), "start_datetime", set()),
        ("20240301090000", "090101", datetime(2024, 3, 1, 9), "start_datetime", {"SUV-W-INJ-CONFLICT"}),
        (
            "20240302090000",
            "090000",
            datetime(2024, 3, 1, 9),
            "start_time",
            {"SUV-W-INJ-CONFLICT", "SUV-W-INJ-DATE-ASSUMED"},
        ),
        (
            "19000101090000",
            "090500",
            datetime(2024, 3, 1, 9, 5),
            "start_time",
            {"SUV-W-INJ-CONFLICT", "SUV-W-INJ-DATE-ASSUMED"},
        ),
        (None, "090000", datetime(2024, 3, 1, 9), "start_time", {"SUV-W-INJ-DATE-ASSUMED"}),
        ("garbage", "09:00:00.0", datetime(2024, 3, 1, 9), "start_time", {"IO-W-HEADER", "SUV-W-INJ-DATE-ASSUMED"}),
        ("20240301090000", "garbage", datetime(2024, 3, 1, 9), "start_datetime", {"IO-W-HEADER"}),
    ],
)
def test_injection(pet_headers, day, clock, t_inj, source, warns):
    headers = pet_headers(RadiopharmaceuticalStartDateTime=day, RadiopharmaceuticalStartTime=clock)
    result = suv_factors(headers)
    assert (result.audit.t_inj, result.audit.t_inj_source) == (t_inj, source)
    assert warned(result) == warns


def test_both_injection_times_impossible(pet_headers):
    headers = pet_headers(RadiopharmaceuticalStartDateTime="20240401090000", RadiopharmaceuticalStartTime="100100")
    with pytest.raises(LymphoscopeError) as caught:
        suv_factors(headers)
    assert caught.value.code == "SUV-E-NEGATIVE-UPTAKE"


def test_times_that_de_identification_set_to_midnight(pet_headers):
    removed = {"SeriesTime": "000000", "AcquisitionTime": "000000", "RadiopharmaceuticalStartDateTime": None}
    with pytest.raises(LymphoscopeError) as caught:
        suv_factors(pet_headers(RadiopharmaceuticalStartTime="000000", **removed))
    assert caught.value.code == "SUV-E-TIME"
    at_midnight = suv_factors(pet_headers(RadiopharmaceuticalStartTime="230000", **removed))
    assert at_midnight.factors == pytest.approx(suv_factors(pet_headers()).factors, rel=1e-12)


def test_a_refused_uptake_says_what_other_times_would_give(pet_headers):
    with pytest.raises(LymphoscopeError) as caught:
        suv_factors(pet_headers(SeriesTime="083000"))
    assert caught.value.code == "SUV-E-NEGATIVE-UPTAKE"
    assert "earliest_acquisition 60.0 min" in str(caught.value)


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("SeriesTime", "99:99"),
        ("SeriesDate", "20241301"),
        ("FrameReferenceTime", "soon"),
        ("FrameReferenceTime", "-1"),
        ("ActualFrameDuration", "1e20"),
        ("DecayCorrectionDateTime", "yesterday"),
    ],
)
def test_times_that_cannot_be_read_are_noted_and_passed_over(pet_headers, keyword, text):
    result = suv_factors(pet_headers(**{keyword: text}))
    assert "IO-W-HEADER" in warned(result)
    assert abs((result.audit.t_ref - TEN).total_seconds()) < 0.01
