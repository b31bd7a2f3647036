from __future__ import annotations

import pytest

from lymphoscope.core.course import Course, scans_seen, steps_back
from lymphoscope.core.errors import LymphoscopeError


def test_scans_are_put_in_order_and_looked_back_at_from_the_nearest() -> None:
    course = Course.of("P1", [(60.0, "interim"), (-3.0, "baseline"), (180.5, "end")])
    assert course.scans == ("baseline", "interim", "end")
    assert course.days == (-3.0, 60.0, 180.5)
    assert course.before(2) == ("interim", "baseline")
    assert course.before(0) == ()


def test_two_scans_on_one_day_have_no_order() -> None:
    with pytest.raises(LymphoscopeError, match=r"DATA-E-COURSE.*P1"):
        Course.of("P1", [(0.0, "a"), (0.0, "b")])


def test_an_input_says_of_which_scan_it_is() -> None:
    assert steps_back("pet:suv@2") == ("pet:suv", 2)
    assert steps_back("ct:hu") == ("ct:hu", 0)
    assert scans_seen(("pet:suv", "ct:hu@1")) == 2
    assert scans_seen(("pet:suv", "candidates")) == scans_seen(()) == 1
