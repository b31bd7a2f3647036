from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from lymphoscope.core.geometry import Geometry
from lymphoscope.learn.augment.compose import Augmentation
from lymphoscope.learn.batch import IGNORE
from lymphoscope.learn.feed import Feed
from lymphoscope.learn.prepare import Prepared
from lymphoscope.learn.sampling import Patches

GRID = Geometry.axial((8, 8, 8), (4.0, 4.0, 4.0))


def case(name: str) -> Prepared:
    labels = np.zeros(GRID.shape, np.int8)
    labels[2:5, 2:5, 2:5] = 1
    images = np.ones((1, *GRID.shape), np.float32)
    return Prepared(name, name, images, labels, (np.argwhere(labels).astype(np.int32),), GRID, {})


def without(name: str) -> Prepared:
    return replace(case(name), labels=None, lesions=())


def test_beside_cases_with_masks_one_without_is_one_that_nobody_marked() -> None:
    feed = Feed([case("a"), without("b")], Patches(8), Augmentation(()), 2, seed=0)
    batch = feed.at(0)
    assert batch.labels is not None
    for name, labels in zip(batch.cases, batch.labels, strict=True):
        values = set(torch.unique(labels).tolist())
        assert values == ({0, 1} if name == "a" else {IGNORE})


def test_where_no_case_has_a_mask_there_are_no_labels() -> None:
    assert Feed([without("a"), without("b")], Patches(8), Augmentation(()), 2, seed=0).at(0).labels is None
