from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from lymphoscope.core.geometry import Geometry
from lymphoscope.image.components import components
from lymphoscope.image.split import cut, split

LAYER = ndimage.generate_binary_structure(3, 3)
CROSS = ndimage.generate_binary_structure(3, 1)


def ball(geometry: Geometry, centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """Voxels whose centres lie within a radius, both in mm along (z, y, x)."""
    grids = np.meshgrid(
        *[np.arange(n) * s for n, s in zip(geometry.shape, geometry.spacing, strict=True)], indexing="ij"
    )
    return sum((g - c) ** 2 for g, c in zip(grids, centre, strict=True)) <= radius**2


def pelvis(spacing: tuple[float, float, float], bladder: float, node: float, radius: float, gap: float):  # type: ignore[no-untyped-def]
    """A bladder of radius 28 mm and a node beside it, blurred with 7 mm FWHM, with 10 % correlated noise."""
    shape = tuple(int(150 / s) for s in spacing)
    geometry = Geometry.axial(shape, spacing)  # type: ignore[arg-type]
    organ = ball(geometry, (75, 75, 50), 28)
    lesion = ball(geometry, (75, 75, 50 + 28 + radius + gap), radius)
    suv = np.where(organ, bladder, np.where(lesion, node, 1.0))
    suv = ndimage.gaussian_filter(suv, [3 / s for s in spacing])
    noise = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal(shape), 1.0)
    suv = (suv * (1 + 0.1 * noise / noise.std())).astype(np.float32)
    return geometry, suv, organ, lesion, components(suv >= 4) == 1


MASKS = {
    "exact": lambda organ: organ,
    "a voxel too large": lambda organ: ndimage.binary_dilation(organ, CROSS),
    "a voxel too small": lambda organ: ndimage.binary_erosion(organ, CROSS),
    "a voxel towards the node": lambda organ: np.roll(organ, 1, 2),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(
    ("spacing", "bladder", "node", "radius", "gap"),
    [
        ((4.0, 4.0, 4.0), 30, 8, 12, 0),  # a shoulder: the node has no top of its own
        ((4.0, 4.0, 4.0), 30, 12, 9, 0),
        ((4.0, 4.0, 4.0), 12, 10, 15, 0),  # a hill: a valley lies between
        ((5.0, 2.6, 2.6), 30, 8, 12, 3),
        ((3.0, 3.0, 3.0), 20, 8, 18, 0),
    ],
)
def test_b3_a_node_at_the_bladder_is_kept(mask, spacing, bladder, node, radius, gap) -> None:  # type: ignore[no-untyped-def]
    geometry, suv, organ, lesion, component = pelvis(spacing, bladder, node, radius, gap)
    assert (component & organ).any()
    assert (component & lesion).any()
    organ_part, lesion_part = cut(component, suv, MASKS[mask](organ), geometry)
    np.testing.assert_array_equal(organ_part | lesion_part, component)
    assert not (organ_part & lesion_part).any()
    beyond = lesion_part & ~ndimage.binary_dilation(lesion, LAYER)
    lost = ndimage.binary_erosion(lesion, LAYER) & component & ~lesion_part
    assert not lost.any()
    assert beyond.sum() <= 0.01 * lesion.sum()


def test_a_bladder_alone_loses_nothing_to_a_lesion() -> None:
    geometry, suv, organ, _, _ = pelvis((4.0, 4.0, 4.0), 30, 1, 12, 0)
    component = components(suv >= 4) == 1
    for mask in MASKS.values():
        organ_part, lesion_part = cut(component, suv, mask(organ), geometry)
        np.testing.assert_array_equal(organ_part, component)
        assert not lesion_part.any()


def test_a_region_away_from_the_organ_is_all_lesion() -> None:
    geometry, suv, organ, lesion, component = pelvis((4.0, 4.0, 4.0), 30, 8, 12, 0)
    organ_part, lesion_part = cut(lesion, suv, organ & ~lesion, geometry)
    np.testing.assert_array_equal(lesion_part, lesion)
    assert not organ_part.any()
    assert not any(part.any() for part in cut(np.zeros_like(component), suv, organ, geometry))


def test_a_node_on_each_side() -> None:
    geometry, suv, organ, _, _ = pelvis((4.0, 4.0, 4.0), 25, 1, 12, 0)
    nodes = ball(geometry, (75, 75, 92), 13), ball(geometry, (75, 115, 50), 11)
    suv = np.where(organ, 25.0, 1.0)
    for node, level in zip(nodes, (9.0, 14.0), strict=True):
        suv[node & ~organ] = level
    suv = ndimage.gaussian_filter(suv, 0.75)
    component = components(suv >= 4) == 1
    _, lesion_part = cut(component, suv, organ, geometry)
    assert components(lesion_part).max() == 2
    for node in nodes:
        assert not (ndimage.binary_erosion(node & ~organ, LAYER) & ~lesion_part).any()


def test_the_cut_follows_the_image_when_it_is_turned() -> None:
    geometry, suv, organ, _, component = pelvis((4.0, 3.0, 3.5), 30, 8, 12, 0)
    _, lesion_part = cut(component, suv, organ, geometry)

    def turned(array: np.ndarray) -> np.ndarray:
        return np.flip(array.transpose(2, 0, 1), (0, 2))

    other = Geometry.axial(turned(suv).shape, (3.5, 4.0, 3.0))
    _, found = cut(turned(component), turned(suv), turned(organ), other)
    np.testing.assert_array_equal(found, turned(lesion_part))


class TestSplitForDisplay:
    def mass(self, depth: float) -> np.ndarray:
        """Two hills of 12 and 10 with a saddle `depth` below the lower one."""
        x = np.arange(41.0)
        profile = np.interp(x, [0, 10, 20, 30, 40], [4, 12, 10 - depth, 10, 4])
        across = 1 - 0.08 * np.abs(np.arange(9) - 4)
        return profile * across[:, None, None] * across[None, :, None]

    @pytest.mark.parametrize(("depth", "parts"), [(0.5, 1), (2.0, 2)])
    def test_a_hill_counts_from_the_height_asked_for(self, depth: float, parts: int) -> None:
        suv = self.mass(depth)
        found = split(suv >= 4, suv, h=1.0)
        assert found.max() == parts
        np.testing.assert_array_equal(found > 0, suv >= 4)

    def test_parts_stay_in_their_region_and_are_numbered_by_volume(self) -> None:
        suv = np.concatenate([self.mass(3.0), np.zeros((9, 9, 3)), self.mass(0.0)[:, :, ::2]], axis=2)
        regions = components(suv >= 4)
        found = split(regions, suv)
        assert found.max() == 3
        for part in range(1, 4):
            assert len(np.unique(regions[found == part])) == 1
        counts = np.bincount(found.ravel())[1:]
        assert (np.diff(counts) <= 0).all()

    def test_level_uptake_is_one_part_per_piece(self) -> None:
        suv = np.full((5, 5, 9), 5.0)
        mask = np.ones(suv.shape, bool)
        mask[:, :, 4] = False
        assert split(mask, suv).max() == 2


def test_split_covers_a_region_thinner_than_three_voxels() -> None:
    labels = np.ones((2, 1, 4), dtype=np.int32)
    parts = split(labels, 2.5 + 0.01 * np.arange(8).reshape(2, 1, 4), h=2.0)
    assert (parts == 1).all()
