from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lymphoscope.io import clock


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20240229", date(2024, 2, 29)),
        ("2024.02.29", date(2024, 2, 29)),
        ("2024-02-29", date(2024, 2, 29)),
        ("19000101", date(1900, 1, 1)),
        ("20230229", None),
        ("2024-02.29", None),
        ("202402", None),
        ("00010101", None),
        ("99991231", None),
        ("", None),
        ("20240229-20240301", None),
    ],
)
def test_dates(text, expected):
    assert clock.parse_date(text) == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1015", 36900),
        ("101530", 36930),
        ("101530.5", 36930.5),
        ("101530.000000", 36930),
        ("123514.999995", 45314.999995),
        ("10:15:30.25", 36930.25),
        ("10:15", 36900),
        ("235960", 86400),
        ("000000", 0),
        ("10", None),
        ("10:1530", None),
        ("240000", None),
        ("106000", None),
        ("101561", None),
        ("1015.5", None),
        ("noon", None),
        ("", None),
    ],
)
def test_times(text, seconds):
    assert clock.parse_time(text) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("text", "moment", "offset_h"),
    [
        ("20240301090000", datetime(2024, 3, 1, 9), None),
        ("202403010900", datetime(2024, 3, 1, 9), None),
        ("20240301090000.25+0100", datetime(2024, 3, 1, 9, 0, 0, 250000), 1),
        ("20240301090000-0530", datetime(2024, 3, 1, 9), -5.5),
        ("20240301 090000", datetime(2024, 3, 1, 9), None),
        ("2024-03-01T09:00:00", datetime(2024, 3, 1, 9), None),
        ("20240301", None, None),
        ("2024030109", None, None),
        ("20240301090000+9900", None, None),
        ("20240301090000Z", None, None),
    ],
)
def test_datetimes(text, moment, offset_h):
    found = clock.parse_datetime(text)
    if moment is None:
        assert found is None
    else:
        assert found == (moment, None if offset_h is None else timedelta(hours=offset_h))


@pytest.mark.parametrize(
    ("text", "years"), [("045Y", 45), ("018M", 1.5), ("5Y", 5), ("052W", 52 * 7 / 365.25), ("45", None), ("", None)]
)
def test_ages(text, years):
    assert clock.parse_age(text) == (None if years is None else pytest.approx(years))


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))
def test_what_dicom_writes_is_read_back(moment):
    assert clock.parse_datetime(f"{moment:%Y%m%d%H%M%S.%f}") == (moment, None)
    assert clock.combine(clock.parse_date(f"{moment:%Y%m%d}"), clock.parse_time(f"{moment:%H%M%S.%f}")) == moment


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_without_an_exception(text):
    for parse in (clock.parse_date, clock.parse_time, clock.parse_datetime, clock.parse_offset, clock.parse_age):
        parse(text)
