"""Drawing lymphoma: the published rates are kept, numbers and shares add up."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.image.wholebody.lesions import _count, _heat, _shares, _sites
from lymphoscope.image.wholebody.tables import BURDEN, LOOKALIKES, STATIONS, SUBTYPES
from lymphoscope.image.wholebody.tissue import Tissue


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_station_rates_are_kept(subtype: str) -> None:
    """The probit model's margins are the table's, whatever the frailty and side factors."""
    draw = np.random.default_rng(1)
    count = 1000
    seen = dict.fromkeys((s.name for s in STATIONS), 0)
    for _ in range(count):
        for station, side in _sites(BURDEN[subtype], subtype, draw.standard_normal(), draw):
            if side >= 0.0:  # the left of paired stations
                seen[station.name] += 1
    column = SUBTYPES.index(subtype)
    for station in STATIONS:
        wanted = station.rates[column] / 100.0
        assert seen[station.name] / count == pytest.approx(wanted, abs=0.055), station.name


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_numbers_of_lesions(subtype: str) -> None:
    draw = np.random.default_rng(2)
    mean = np.mean([_count(BURDEN[subtype], draw.standard_normal()) for _ in range(1500)])
    assert mean == pytest.approx(BURDEN[subtype].lesions[0], rel=0.2)


def test_shares_add_up_and_the_largest_has_its_median() -> None:
    draw = np.random.default_rng(3)
    for count in (1, 2, 9, 40):
        shares = _shares(BURDEN["DLBCL"], count, draw)
        assert len(shares) == count and shares.sum() == pytest.approx(1.0) and (np.diff(shares) <= 0).all()
    largest = [_shares(BURDEN["DLBCL"], 14, draw)[0] for _ in range(600)]
    assert np.median(largest) == pytest.approx(0.55, abs=0.06)


def test_hottest_lesion_is_the_patients_maximum() -> None:
    draw = np.random.default_rng(4)
    for count in (1, 5, 30):
        heat = _heat(np.sort(draw.random(count))[::-1], draw)
        assert heat.max() == 1.0 and heat.min() > 0.1


def test_tables_speak_of_known_tissues() -> None:
    assert all(s.organ in Tissue.__members__ for s in STATIONS if s.box is None)
    assert all(item.tissue in Tissue.__members__ and 0 < item.rate < 1 for item in LOOKALIKES)
    assert all(len(s.rates) == len(SUBTYPES) == len(BURDEN) for s in STATIONS)
