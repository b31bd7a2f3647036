from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.suv_checks import body_median, check_suv


def patient(muscle=0.6, organ=2.0, lesion=8.0):
    """A body of SUV muscle in air, a fifth of it at organ, with a few hot voxels."""
    suv = np.zeros((20, 30, 30), np.float32)
    suv[:, 5:25, 5:25] = muscle
    suv[:, 5:9, 5:25] = organ
    suv[10, 12:14, 12:14] = lesion
    return suv


def codes(suv, body=None):
    return [m.code for m in check_suv(suv, body)]


def test_a_patient_passes():
    assert codes(patient()) == []
    assert body_median(patient()) == pytest.approx(0.6)


@pytest.mark.parametrize("scale", [1e-6, 0.01, 0.1, 10, 1000, 25000])
def test_values_in_another_unit_do_not_look_like_suv(scale):
    found = check_suv(scale * patient())
    assert found
    assert {m.code for m in found} == {"SUV-W-PLAUSIBLE"}


def test_limits():
    assert codes(patient(lesion=200)) == []
    assert codes(patient(lesion=200.1)) == ["SUV-W-PLAUSIBLE"]
    assert codes(patient(muscle=3.0, organ=3.1)) == []
    assert codes(patient(muscle=3.01, organ=3.1)) == ["SUV-W-PLAUSIBLE"]
    assert codes(patient(muscle=0.11, organ=1)) == []
    assert codes(patient(muscle=0.09, organ=1)) == ["SUV-W-PLAUSIBLE"]


def test_a_given_body_is_used():
    suv, body = patient(), np.zeros((20, 30, 30), bool)
    body[:, 5:9, 5:25] = True
    assert body_median(suv, body) == pytest.approx(2.0)
    assert body_median(suv, np.zeros_like(body)) is None


def test_an_image_without_activity_is_implausible():
    assert codes(np.zeros((4, 4, 4), np.float32)) == ["SUV-W-PLAUSIBLE"]
    assert check_suv(np.zeros((0, 4, 4), np.float32)) == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    suv = patient()
    suv[3, 3, 3] = bad
    with pytest.raises(LymphoscopeError) as caught:
        check_suv(suv)
    assert caught.value.code == "SUV-E-NONFINITE"


@pytest.mark.parametrize(
    ("lowest", "voxels", "warns"), [(-0.5, 180, False), (-0.5, 181, True), (-1.0, 1, False), (-1.01, 1, True)]
)
def test_negative_values_beyond_noise(lowest, voxels, warns):
    suv = patient()
    assert suv.size == 18000
    suv.reshape(-1)[:voxels] = lowest
    assert (codes(suv) == ["IO-W-NEGATIVE"]) == warns
