"""Alignment of PET and CT: a right pair is silent, a shifted, short or foreign one is told."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.alignment import check_alignment, check_sides, ct_body, pet_body
from lymphoscope.io.intake import load_study

PET_GRID = Geometry.axial((80, 50, 60), (5, 6, 6), (-177, -147, -200))
CT_GRID = Geometry.axial((100, 90, 110), (4, 4, 4), (-218, -178, -200))


def torso(grid: Geometry, shift=(0.0, 0.0, 0.0)) -> tuple[np.ndarray, np.ndarray]:
    """SUV and HU of a body with lungs, liver, spine and a table, moved by a shift in LPS mm."""
    at = grid.to_lps(np.moveaxis(np.indices(grid.shape), 0, -1)) - np.array(shift)
    x, y, z = at[..., 0], at[..., 1], at[..., 2]

    def ball(cx, cy, cz, a, b, c):
        return ((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 + ((z - cz) / c) ** 2 <= 1

    body = ((x / 150) ** 2 + (y / 100) ** 2 <= 1) & (np.abs(z) < 185)
    lungs = ball(70, 0, 80, 45, 60, 80) | ball(-70, 0, 80, 45, 60, 80)
    liver, spine = ball(-60, -10, -50, 70, 60, 60), (x**2 + (y - 70) ** 2 < 15**2) & body
    suv, hu = np.full(grid.shape, 0.02), np.full(grid.shape, -1000.0)
    for where, uptake, density in ((body, 0.8, 40), (lungs, 0.35, -800), (liver, 2.2, 60), (spine, 1.5, 300)):
        suv[where], hu[where] = uptake, density
    hu[(np.abs(y - 125) < 6) & (np.abs(x) < 200)] = -100  # the table
    return suv.astype(np.float32), hu.astype(np.int16)


def pair(shift=(0.0, 0.0, 0.0)) -> tuple[Volume, Volume]:
    return Volume(torso(PET_GRID)[0], PET_GRID, Unit.SUV_BW), Volume(torso(CT_GRID, shift)[1], CT_GRID, Unit.HU)


def codes(pet: Volume, ct: Volume) -> list[str]:
    return [m.code for m in check_alignment(pet, ct)]


def test_right_pair_is_silent() -> None:
    assert codes(*pair()) == []


@pytest.mark.parametrize("shift", [(30, 0, 0), (-30, 0, 0), (0, 0, 30), (0, 0, -30)])
def test_shift_of_30_mm_is_told(shift) -> None:
    assert "GEO-W-ALIGN" in codes(*pair(shift))


def test_other_body_is_refused() -> None:
    with pytest.raises(LymphoscopeError) as caught:
        check_alignment(*pair((140, 0, 0)))
    assert caught.value.code == "GEO-E-ALIGN"


def test_short_ct_is_told() -> None:
    pet, ct = pair()
    short = Geometry.axial((60, 90, 110), (4, 4, 4), (-218, -178, -200))
    assert codes(pet, Volume(ct.array[:60], short, Unit.HU)) == ["GEO-W-COVERAGE"]


def test_table_is_no_body_and_lungs_are() -> None:
    suv, hu = torso(CT_GRID)
    body = pet_body(suv)
    assert 2 * np.count_nonzero(body & ct_body(hu)) / (body.sum() + ct_body(hu).sum()) > 0.97


def test_liver_on_the_left_is_told() -> None:
    right, left = np.zeros(PET_GRID.shape, bool), np.zeros(PET_GRID.shape, bool)
    right[40, 25, 10:20], left[40, 25, 40:50] = True, True
    assert check_sides({"liver": right, "spleen": left, "heart": left}, PET_GRID) == ()
    (message,) = check_sides({"liver": left, "spleen": right}, PET_GRID)
    assert message.code == "GEO-W-FLIP"
    assert check_sides({"liver": left}, PET_GRID) == ()


@pytest.mark.shared
@pytest.mark.parametrize("patient", ["STS_002", "STS_019", "STS_032"])
def test_hybrid_scans_of_real_patients_are_accepted(shared, patient) -> None:
    study = load_study(shared / "sts_fdg_petct" / "dicom" / patient)
    assert study.ct is not None
    assert len(check_alignment(study.pet, study.ct)) <= 1  # crops of a limb: 0.84 for one, above 0.85 for the others
