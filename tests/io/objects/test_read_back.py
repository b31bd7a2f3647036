"""Our own segmentations through the door for masks of others: equal on every stack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphoscope.core.errors import Notes
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.resample import labels_on
from lymphoscope.io.foreign.drawn import read_drawn
from lymphoscope.io.foreign.regions import Region
from lymphoscope.io.objects.making import Made


def read_again(made: Made, archive, folder: Path) -> tuple[Region, ...]:
    path = folder / "mask.dcm"
    path.write_bytes(made.content)
    pet = Volume(np.ones(archive.grid.shape, np.float32), archive.grid, Unit.SUV_BW)
    return read_drawn(path, pet, Notes()).regions


def placed(regions: tuple[Region, ...], archive) -> np.ndarray:
    """The regions on the PET's grid, by the road that `measure` takes."""
    labels = np.zeros(archive.grid.shape, np.int32)
    for region in regions:
        there, messages = labels_on(LesionMask(region.inside.astype(np.int32), region.geometry, "file"), archive.grid)
        assert not messages, "nothing is interpolated"
        labels[there.foreground] = region.number
    return labels


@pytest.mark.parametrize("thin", [False, True])
def test_binary_segments_are_equal(any_archive, tools, tmp_path: Path, thin: bool) -> None:
    labels = tools.two_lesions(any_archive.grid.shape)
    if thin:
        labels[4:6], labels[10:] = 0, 0  # one slice each, with slices left out between
    regions = read_again(any_archive.seg(labels), any_archive, tmp_path)
    assert np.array_equal(placed(regions, any_archive), labels)


def test_a_probability_map_counts_from_one_half(any_archive, tools, tmp_path: Path) -> None:
    labels = tools.two_lesions(any_archive.grid.shape)
    values = np.choose(labels, [0.1, 0.49, 0.51])
    regions = read_again(any_archive.probability(values), any_archive, tmp_path)
    assert np.array_equal(placed(regions, any_archive) > 0, labels == 2)
