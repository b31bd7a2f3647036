"""What is learnt of anchors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.losses.detection import BoxLoss, true_boxes
from lymphoscope.nets.retina import Retina, anchors_of

PLACES, STRIDE = (8, 8, 8), (4, 4, 4)


def batch() -> Batch:
    labels = torch.zeros(2, 1, 32, 32, 32, dtype=torch.int64)
    labels[0, 0, 4:12, 8:16, 16:28] = 1
    labels[0, 0, 20:28, 20:28, 4:12] = 1
    return Batch(torch.zeros(2, 1, 32, 32, 32), labels)


def outputs(seed: int = 0) -> dict[str, object]:
    anchors = anchors_of(PLACES, STRIDE, ((8.0, 8.0, 8.0), (12.0, 12.0, 12.0)))
    chance = torch.Generator().manual_seed(seed)
    return {
        "anchors": anchors,
        "places": [512],
        "objects": torch.randn(2, len(anchors), generator=chance).requires_grad_(),
        "offsets": torch.zeros(2, len(anchors), 6).requires_grad_(),
    }


def test_true_boxes_are_the_connected_lesions_to_the_edges_of_their_voxels() -> None:
    first, second = true_boxes(batch())
    assert sorted(first.tolist()) == [[4, 8, 16, 12, 16, 28], [20, 20, 4, 28, 28, 12]]
    assert second.shape == (0, 6)


def test_a_lesion_without_an_anchor_takes_none_that_is_all_a_neighbour_has() -> None:
    labels = torch.zeros(1, 1, 32, 32, 32, dtype=torch.int64)
    labels[0, 0, 9, 16, 21] = labels[0, 0, 10, 18, 20] = 1
    labels[0, 0, 12:14, 18:20, 20:22] = 1
    (truth,) = true_boxes(Batch(torch.zeros(1, 1, 32, 32, 32), labels))
    anchors = anchors_of(PLACES, STRIDE, ((12.0, 12.0, 12.0),))
    found = BoxLoss(candidates=1)._matched(truth, anchors, [512])
    assert set(found.tolist()) == {-1, 0, 1, 2}


@pytest.mark.parametrize("objects", ["sampled", "focal"])
@pytest.mark.parametrize("boxes", ["giou", "l1", "both"])
def test_the_truth_costs_nearly_nothing_and_less_than_anything_else(objects: str, boxes: str) -> None:
    loss, seen, shown = BoxLoss(objects, boxes), outputs(), batch()
    torch.manual_seed(0)
    unsure = loss(seen, shown)
    anchors = seen["anchors"]
    assert isinstance(anchors, Tensor)
    truths = true_boxes(shown)
    matched = torch.stack([loss._matched(truth, anchors, [512]) for truth in truths])
    assert {int(n) for n in matched[0].unique()} == {-1, 0, 1} and int(matched[1].max()) == -1
    right = torch.zeros(2, len(anchors), 6)
    for n in range(len(anchors)):
        if matched[0, n] >= 0:
            wanted = truths[0][matched[0, n]]
            size, own = wanted[3:] - wanted[:3], anchors[n, 3:] - anchors[n, :3]
            right[0, n, :3] = ((wanted[3:] + wanted[:3]) - (anchors[n, 3:] + anchors[n, :3])) / 2 / own
            right[0, n, 3:] = (size / own).log()
    told = {**seen, "objects": torch.where(matched >= 0, 20.0, -20.0), "offsets": right}
    assert float(loss(told, shown).detach()) < 1e-5 < float(unsure.detach())


def test_what_nobody_marked_is_no_negative() -> None:
    shown, seen = batch(), outputs()
    assert shown.labels is not None
    shown.labels[1, 0, :16] = IGNORE
    torch.manual_seed(0)
    sum(BoxLoss("focal").parts(seen, shown).values()).backward()  # type: ignore[union-attr]
    anchors, objects = seen["anchors"], seen["objects"]
    assert isinstance(anchors, Tensor) and isinstance(objects, Tensor) and objects.grad is not None
    low = (anchors[:, 0] + anchors[:, 3]) / 2 < 16
    assert float(objects.grad[1][low].abs().max()) == 0
    assert float(objects.grad[1][~low].abs().min()) > 0


def test_a_batch_without_lesions_moves_no_box_and_32_anchors_are_looked_at() -> None:
    shown, seen = batch(), outputs()
    assert shown.labels is not None
    torch.manual_seed(0)
    sum(BoxLoss(positive=1 / 3).parts(seen, shown).values()).backward()  # type: ignore[union-attr]
    objects = seen["objects"]
    assert isinstance(objects, Tensor) and objects.grad is not None
    heard = (objects.grad != 0).sum(dim=1).tolist()
    assert heard[0] <= 32 and heard[1] == 2, "of an example without lesions as many as beside one"
    shown.labels[:] = 0
    empty = outputs()
    parts = BoxLoss().parts(empty, shown)
    sum(parts.values()).backward()  # type: ignore[union-attr]
    assert float(parts["boxes"]) == 0 and torch.isfinite(parts["objects"])
    offsets = empty["offsets"]
    assert isinstance(offsets, Tensor) and float(offsets.grad.abs().max()) == 0  # type: ignore[union-attr]


def test_the_head_decodes_what_the_loss_encodes_and_its_anchors_are_those_of_monai() -> None:
    from monai.apps.detection.utils.anchor_utils import AnchorGeneratorWithAnchorShape  # noqa: PLC0415 - heavy

    head = Retina((8, 8, 8), 3, (1, 2), 8, (((8.0, 8.0, 4.0), (4.0, 4.0, 4.0)), ((8.0, 8.0, 4.0), (4.0, 4.0, 4.0))))
    features = [torch.randn(1, 8, *(24 // s, 16 // s, 16 // s)) for s in (1, 2, 4)]
    found = head(features, (24, 16, 16))
    theirs = AnchorGeneratorWithAnchorShape((1, 1), ((8, 8, 4), (4, 4, 4)))(torch.zeros(1, 1, 24, 16, 16), features[1:])
    np.testing.assert_array_equal(found["anchors"], theirs[0])
    assert found["places"] == [12 * 8 * 8, 6 * 4 * 4]
    still = {**found, "offsets": torch.zeros_like(found["offsets"])}
    told = head.probabilities(still)
    np.testing.assert_allclose(told[0, :, :6].detach(), found["anchors"], atol=1e-5)
    assert told.shape == (1, 2 * (768 + 96), 7)


def test_other_words_are_refused() -> None:
    with pytest.raises(LymphoscopeError) as caught:
        BoxLoss("hinge")
    assert caught.value.message.code == "USE-E-VALUE"
