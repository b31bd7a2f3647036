from __future__ import annotations

import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.prognosis.outcome import Outcome


@pytest.mark.parametrize(
    ("time", "event", "code"),
    [([1, 0], [1, 0], "PROG-E-TIME"), ([1, float("nan")], [1, 0], "PROG-E-TIME"), ([1, 2], [1, 2], "PROG-E-EVENT")],
)
def test_an_outcome_that_cannot_be_is_refused(time: list[float], event: list[int], code: str) -> None:
    with pytest.raises(LymphoscopeError) as refused:
        Outcome.of(time, event)
    assert refused.value.code == code


def test_the_two_year_rule_leaves_out_and_counts_those_censored_earlier() -> None:
    #          event before, at, after; censored before, at, after
    outcome = Outcome.of([23, 24, 25, 23, 24, 25], [1, 1, 1, 0, 0, 0])
    endpoint = outcome.by(24)
    assert endpoint.known.tolist() == [True, True, True, False, True, True]
    assert endpoint.event.tolist() == [True, True, False, False, False, False]
    assert endpoint.censored_before == 1
