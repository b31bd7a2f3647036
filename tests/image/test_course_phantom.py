from __future__ import annotations

import numpy as np
from scipy import ndimage

from lymphoscope.image.course_phantom import FATES, USUAL, course_phantom


def test_every_spot_became_what_its_name_says() -> None:
    seen = set()
    for seed in range(12):
        made = course_phantom(seed, shift=0.0)
        seen |= set(made.fates)
        masks = [scan.lesions.array > 0 for scan in (made.earlier, made.later)]
        for number, name in enumerate(made.fates, 1):
            spot, fate = made.spots == number, FATES[name]
            sizes = [int((mask & spot).sum()) for mask in masks]
            there = [bool(size) and fate.lesion for size in fate.sizes]
            assert [size > 0 for size in sizes] == there
            if all(there):
                assert (sizes[0] > sizes[1]) == (fate.sizes[0] > fate.sizes[1])
            core = ndimage.binary_erosion(spot)
            later = made.later.images["pet:suv"].array[core]
            if fate.sizes[1] >= fate.sizes[0]:
                assert abs(later.mean() - fate.suv[1]) < 0.3
        for low, high in USUAL.values():
            assert low <= high
        for name, (low, high) in USUAL.items():
            assert low <= made.fates.count(name) <= high
    assert seen == set(FATES)


def test_spots_lie_apart_and_a_seed_makes_the_same_phantom() -> None:
    made, again = course_phantom(3), course_phantom(3)
    np.testing.assert_array_equal(made.earlier.images["pet:suv"].array, again.earlier.images["pet:suv"].array)
    for seed in range(6):
        made = course_phantom(seed)
        lesions = sum(FATES[name].lesion and FATES[name].sizes[1] > 0 for name in made.fates)
        assert ndimage.label(made.later.lesions.array)[1] == lesions
