from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.image.components import components
from lymphoscope.image.hottest import hottest_part
from lymphoscope.image.lesion_phantom import lesion_phantom


@pytest.mark.parametrize("seed", range(5))
def test_a_connected_part_of_the_hottest_lesion_is_marked(seed: int) -> None:
    images, truth = lesion_phantom(seed, lesions=3)
    suv, lesions = images["pet:suv"].array, truth.array > 0
    part = hottest_part(lesions, suv, 0.2)
    numbered = components(lesions)
    (lesion,) = set(numbered[part].tolist())
    inside = numbered == lesion
    assert suv[part].max() == suv[lesions].max()
    assert part.sum() == max(1, int(0.2 * inside.sum()))
    assert components(part, 6).max() == 1
    assert suv[part].mean() > suv[inside].mean()


def test_one_voxel_at_least_all_at_most_and_nothing_of_nothing() -> None:
    lesions = np.zeros((4, 4, 4), bool)
    assert not hottest_part(lesions, np.ones(lesions.shape), 0.2).any()
    lesions[0, 0, :3] = True
    image = np.arange(64.0).reshape(lesions.shape)
    assert np.argwhere(hottest_part(lesions, image, 0.2)).tolist() == [[0, 0, 2]]
    np.testing.assert_array_equal(hottest_part(lesions, image, 1.0), lesions)
