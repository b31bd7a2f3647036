"""Readers compared lesion by lesion, on masks that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.evaluate.readers import LEAST_DICE, compare_readers


def masks() -> tuple[np.ndarray, np.ndarray]:
    """Four findings: equal; half as long; drawn by one alone; one of whose two lesions the other left out."""
    one, two = np.zeros((4, 12, 30), bool), np.zeros((4, 12, 30), bool)
    one[1:3, 1:3, 1:11] = two[1:3, 1:3, 1:11] = True  # 40 voxels
    one[1:3, 1:3, 14:22], two[1:3, 1:3, 14:18] = True, True  # 32 and 16
    two[1, 1:4, 25] = True  # 3 voxels
    one[1:3, 6:10, 2:12], two[1:3, 6:10, 2:11] = True, True  # 80 and 72
    one[1, 7, 13] = two[1, 7, 12] = True  # of one a lesion apart, and through what two drew one finding
    two[1, 7, 11] = True
    return one, two


def test_findings_by_hand() -> None:
    found = compare_readers(masks())
    assert [f.voxels for f in found] == [(81, 74), (40, 40), (32, 16), (0, 3)]
    assert [f.dice for f in found] == pytest.approx([2 * 73 / 155, 1, 2 * 16 / 48, 0])
    assert [f.alone for f in found] == [True, False, False, True]
    assert [f.disputed for f in found] == [True, False, True, True]
    assert found[1].centre == pytest.approx((1.5, 1.5, 5.5))


def test_the_order_of_readers_does_not_matter() -> None:
    one, two = masks()
    there, back = compare_readers((one, two)), compare_readers((two, one))
    assert [(f.centre, f.dice, f.alone) for f in there] == [(f.centre, f.dice, f.alone) for f in back]


def test_the_limit_and_three_readers() -> None:
    a, b = np.zeros((1, 1, 20), bool), np.zeros((1, 1, 20), bool)
    a[..., :10], b[..., 3:13] = True, True  # 2·7/20
    (found,) = compare_readers((a, b))
    assert found.dice == LEAST_DICE and not found.disputed
    (of_three,) = compare_readers((a, a, b))
    assert of_three.dice == LEAST_DICE and of_three.voxels == (10, 10, 10)
    assert compare_readers((np.zeros_like(a), np.zeros_like(a))) == ()
    with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
        compare_readers((a,))
