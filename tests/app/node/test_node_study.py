from __future__ import annotations

import pytest

from lymphoscope.app.node.settings import Waiting
from lymphoscope.app.node.study import Quiet, is_complete

PET, CT = ("PT", 5, 5), ("CT", 7, 0)


@pytest.mark.parametrize(
    ("series", "complete"),
    [
        ([PET, CT], True),
        ([PET], False),
        ([CT], False),
        ([("PT", 4, 5), CT], False),
        ([("PT", 5, 0), CT], False),
        ([PET, ("PT", 2, 5), CT], False),
        ([PET, PET, CT, ("", 1, 0)], True),
        ([], False),
    ],
)
def test_a_study_is_complete_with_ct_and_all_promised_pet(series: list, complete: bool) -> None:
    assert is_complete(series) is complete


def test_a_study_has_arrived_when_it_was_silent_for_long_enough() -> None:
    now = 100.0
    quiet = Quiet(Waiting(quiet_s=60, complete_s=10), lambda: now)
    assert not quiet.arrived("unknown", [PET, CT]), "a study from before the restart counts as just heard"
    quiet.heard("s")
    now = 109.9
    assert not quiet.arrived("s", [PET, CT])
    now = 110.0
    assert quiet.arrived("s", [PET, CT])
    assert not quiet.arrived("s", [PET])
    quiet.heard("s")
    assert not quiet.arrived("s", [PET, CT])
    now = 170.0
    assert quiet.arrived("s", [PET])
    quiet.heard("s", 30)
    now = 200.0
    assert not quiet.arrived("s", [PET, CT])
    quiet.forget("s")
    assert not quiet.arrived("s", [PET, CT])
