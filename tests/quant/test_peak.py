"""SUVpeak against the specification's kernels, analytic spheres and the mean over the whole image."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.sphere import sphere
from lymphoscope.quant.peak import PeakRule, qpet_peak, suv_peak
from lymphoscope.quant.region import Region, region

CENTRE = PeakRule(weights="centre")
PARTIAL = PeakRule()


def one(array: np.ndarray, inside: np.ndarray, spacing: tuple[float, float, float] = (4.0, 4.0, 4.0)) -> Region:
    geometry = Geometry.axial(array.shape, spacing)
    image = Volume(np.asarray(array, dtype=np.float32), geometry, Unit.SUV_BW)
    return region(image, LesionMask(inside.astype(np.int32), geometry, "t"), 1)


def test_uniform_image_is_uniform_also_at_the_border() -> None:
    array = np.full((6, 6, 6), 7.5)
    inside = np.zeros(array.shape, bool)
    inside[0, 0, 0] = True
    for rule in (PARTIAL, CENTRE, PeakRule("centred")):
        assert suv_peak(one(array, inside), rule) == pytest.approx(7.5)


def test_highest_is_not_always_at_the_maximum() -> None:
    array = np.ones((12, 12, 12))
    array[2, 2, 2] = 9.0
    array[7:10, 7:10, 7:10] = 8.0
    inside = array > 4
    found = one(array, inside)
    assert suv_peak(found, PARTIAL) == pytest.approx(8.0)
    centred = suv_peak(found, PeakRule("centred"))
    _, weights = sphere(found.image.geometry)
    assert centred == pytest.approx((weights.sum() + 8.0) / weights.sum())


def test_of_equal_maxima_the_one_with_the_highest_mean_counts() -> None:
    array = np.ones((12, 12, 12))
    array[2, 2, 2] = array[8, 8, 8] = 9.0
    array[8, 8, 9] = 8.0
    found = one(array, array > 4)
    _, weights = sphere(found.image.geometry)
    offsets, _ = sphere(found.image.geometry)
    beside = float(weights[(offsets == (0, 0, 1)).all(axis=1)][0])
    assert suv_peak(found, PeakRule("centred")) == pytest.approx((weights.sum() + 8 + 7 * beside) / weights.sum())
    assert qpet_peak(found) == pytest.approx((9 + 8 + 1 + 1) / 4)


def test_qpet_takes_face_and_edge_neighbours_only() -> None:
    array = np.ones((7, 7, 7))
    array[3, 3, 3] = 10.0
    array[3, 3, 4], array[3, 4, 4], array[4, 4, 4] = 6.0, 5.0, 9.0  # face, edge, corner
    found = one(array, array == 10)
    assert qpet_peak(found) == pytest.approx((10 + 6 + 5 + 1) / 4)


def test_qpet_at_the_border_of_a_thin_image() -> None:
    array = np.array([[[3.0, 6.0, 2.0]]])
    assert qpet_peak(one(array, array == 6)) == pytest.approx((6 + 3 + 2) / 3)
    single = np.array([[[6.0]]])
    assert qpet_peak(one(single, single == 6)) == 6.0


def test_peak_of_nothing() -> None:
    array = np.ones((4, 4, 4))
    nothing = one(array, np.zeros(array.shape, bool))
    assert suv_peak(nothing) is None
    assert qpet_peak(nothing) is None


@pytest.mark.parametrize("wrong", [{"place": "warmest"}, {"weights": "half"}, {"volume_ml": 0.0}])
def test_unknown_rules_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        PeakRule(**wrong)  # type: ignore[arg-type]
    assert caught.value.code == "USE-E-VALUE"
    assert PARTIAL.label == "highest/partial/1 mL"
