"""Training on two scans of a patient: where examples are cut, and what is minimised."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.learn.augment.compose import Augmentation
from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.feed import Feed
from lymphoscope.learn.parts import made
from lymphoscope.learn.prepare import Prepared, places, truths
from lymphoscope.learn.sampling import ClassRatio, Slices, fates_of
from lymphoscope.recipes.spec import use

SIDES = (20, 20, 20)
GRID = Geometry.axial(SIDES, (4.0, 4.0, 4.0))
AT = {1: (3, 3, 3), 2: (3, 16, 3), 3: (16, 3, 16)}
"""Where a lesion of one voxel is new, gone, and kept."""


def case(*fates: int) -> Prepared:
    """Two scans with lesions of these fates; the image says where each voxel is."""
    labels = np.zeros((2, *SIDES), np.int8)
    for fate in fates:
        for back in (0, 1):
            labels[(back, *AT[fate])] = fate >> back & 1
    images = np.arange(1, 8001, dtype=np.float32).reshape(1, *SIDES)
    return Prepared("-".join(map(str, fates)), "p", images, labels, places(labels), GRID, {})


def test_patches_are_centred_on_what_became_of_lesions_as_often_as_is_wanted() -> None:
    sampler, rng, number = ClassRatio(3), np.random.default_rng(0), 900
    prepared = case(1, 2, 3)
    cut = [sampler.cut(prepared, rng, 0)[1] for _ in range(number)]
    centres = [int(fates_of(labels)[1, 1, 1]) for labels in cut]
    for fate, share in ((1, 2 / 9), (2, 2 / 9), (3, 4 / 9)):
        off = abs(centres.count(fate) / number - share)
        assert off < 3 * np.sqrt(share * (1 - share) / number)
    assert all(labels.shape == (2, 3, 3, 3) for labels in cut if labels is not None)


def test_what_a_case_has_not_is_left_out_and_the_same_seed_cuts_the_same() -> None:
    centres = [
        int(fates_of(ClassRatio(3, (1.0, 2.0, 2.0, 4.0)).cut(case(2), np.random.default_rng(n), 0)[1])[1, 1, 1])
        for n in range(150)
    ]
    assert abs(centres.count(2) / 150 - 2 / 3) < 3 * np.sqrt(2 / 9 / 150)
    again = [ClassRatio(5).cut(case(1, 3), np.random.default_rng(7), 1)[0] for _ in range(2)]
    np.testing.assert_array_equal(*again)
    assert ClassRatio(3).cut(case(), np.random.default_rng(0), 0)[0].shape == (1, 3, 3, 3)
    for wrong in ((1.0, 2.0), (0.0, 1.0, 1.0, 1.0), (1.0, -1.0, 1.0, 1.0)):
        with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
            ClassRatio(3, wrong)


def test_both_masks_are_moved_with_the_images() -> None:
    prepared = case(1, 2, 3)
    feed = Feed([prepared], ClassRatio(8), Augmentation((use("flip", probability=1.0),)), 3, 0)
    batch = feed.at(0)
    assert batch.labels is not None and batch.labels.shape == (3, 2, 8, 8, 8)
    where = batch.images[:, 0].long() - 1
    for back in (0, 1):
        wanted = torch.from_numpy(np.ascontiguousarray(prepared.labels[back])).flatten()[where]  # type: ignore[index]
        assert torch.equal(batch.labels[:, back], wanted.long())
    _, labels = Slices(axis=1, size=8, positive=1.0).cut(prepared, np.random.default_rng(0), 0)
    assert labels is not None and labels.shape == (2, 8, 8) and labels[0].any()


def test_masks_of_both_scans_lie_on_the_grid_of_the_stage_and_a_missing_one_is_unknown() -> None:
    mask = Volume(np.ones(SIDES, np.int16), GRID, Unit.LABEL)
    far = Geometry.axial((20, 20, 20), (4.0, 4.0, 4.0), (0.0, 0.0, 40.0))
    both = truths([mask, Volume(np.ones(SIDES, np.int16), far, Unit.LABEL)], GRID)
    assert both is not None and both.shape == (2, *SIDES)
    assert both[0].all() and 0.4 < both[1].mean() < 0.6
    half = truths([mask, None], GRID)
    assert half is not None and (half[1] == IGNORE).all()
    assert truths([None, None], GRID) is None
    single = truths([mask], GRID)
    assert single is not None and single.shape == SIDES


def test_each_scan_has_its_share_of_the_loss_and_a_scan_without_a_mask_none() -> None:
    torch.manual_seed(0)
    logits = {name: [torch.randn(2, 2, 6, 6, 6, requires_grad=True)] for name in ("logits", "logits@1")}
    labels = torch.randint(0, 2, (2, 2, 6, 6, 6))
    batch = Batch(torch.zeros(2, 4, 6, 6, 6), labels)
    loss, single = made("loss", use("each_scan", loss=use("ce"))), made("loss", use("ce"))
    found = loss.parts(logits, batch)
    assert sorted(found) == ["ce", "ce@1"]
    for back, name in enumerate(("logits", "logits@1")):
        wanted = 0.5 * single(logits[name][0], labels[:, back : back + 1])
        torch.testing.assert_close(list(found.values())[back], wanted)
    labels[:, 1] = IGNORE
    loss(logits, batch).backward()
    earlier = logits["logits@1"][0].grad
    assert earlier is None or float(earlier.abs().max()) == 0
    assert float(logits["logits"][0].grad.abs().max()) > 0  # type: ignore[union-attr]
    plain = made("loss", use("deep", loss=use("ce")))
    torch.testing.assert_close(plain(logits, batch), single(logits["logits"][0], labels[:, :1]))
    with pytest.raises(LymphoscopeError, match="3 weights for 2 scans"):
        made("loss", use("each_scan", loss=use("ce"), weights=(1.0, 1.0, 1.0)))(logits, batch)
    with pytest.raises(LymphoscopeError, match="has none"):
        loss(logits, Batch(batch.images, None))
