"""Losses of networks that find boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from monai.apps.detection.utils.ATSS_matcher import ATSSMatcher
from monai.apps.detection.utils.box_coder import BoxCoder
from monai.apps.detection.utils.hard_negative_sampler import HardNegativeSampler
from monai.losses.giou_loss import BoxGIoULoss
from torch import Tensor
from torch.nn import functional

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.evaluate.boxes import lesion_boxes
from lymphoscope.image.components import components
from lymphoscope.learn.batch import IGNORE, Batch
from lymphoscope.learn.losses.loss import Loss, total
from lymphoscope.nets.network import Outputs

_CODER = BoxCoder((1.0,) * 6)
_UNKNOWN = -1


class BoxLoss(Loss):
    """Whether anchors are lesions, and where the boxes of those that are lie. Values ``objects`` and ``boxes``.

    An anchor is a lesion's where adaptive selection says so; a lesion of which it says nothing gets the one that
    overlaps it best and is no other's. One that is no lesion's, and whose middle nobody marked, is left out. Lesions
    are the connected parts of the labels of an example, as far as it shows them.

    Args:
        objects: ``sampled``: mean cross-entropy of some anchors, the negatives drawn from the surest ones; ``focal``:
            focal loss of all anchors, divided by the number of those that are lesions.
        boxes: ``giou``: 1 − generalised IoU; ``l1``: smooth L1 of the offsets; ``both`` added up. The mean over anchors
            of lesions. A box that is far too large is drawn back by L1, and hardly by GIoU.
        candidates: Of the adaptive selection, nearest anchors of each level and shape.
        sampled: Anchors of an example that ``sampled`` looks at.
        positive: Share of them that are lesions.
        pool: Negatives are drawn from so many times their number of the surest.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for other words, or without labels.

    Reference:
        Zhang et al., CVPR 2020 (ATSS); Lin et al., ICCV 2017 (α ¼, γ 2); Rezatofighi et al., CVPR 2019; Baumgartner et
        al., MICCAI 2021.
    """

    of = "outputs"
    name = "boxes"

    def __init__(
        self,
        objects: str = "sampled",
        boxes: str = "giou",
        candidates: int = 4,
        sampled: int = 32,
        positive: float = 1 / 3,
        pool: float = 20.0,
    ) -> None:
        super().__init__()
        if objects not in ("sampled", "focal") or boxes not in _BOXES:
            raise LymphoscopeError("USE-E-VALUE", f"boxes are not learnt by {objects!r} and {boxes!r}")
        self._matcher = ATSSMatcher(candidates, center_in_gt=False)
        self._sampler = HardNegativeSampler(sampled, positive, pool_size=pool)
        self._objects = self._sampled if objects == "sampled" else _focal
        self._boxes = _BOXES[boxes]

    def parts(self, *seen: object) -> dict[str, Tensor]:
        """Cost of scores and of boxes."""
        outputs, batch = seen
        assert isinstance(batch, Batch) and isinstance(outputs, Mapping)
        anchors: Tensor = outputs["anchors"].float()
        truths = true_boxes(batch)
        matches = torch.stack([self._matched(truth, anchors, outputs["places"]) for truth in truths])
        lesion = matches >= 0
        known = lesion | _known(batch, anchors)
        scores = outputs["objects"].float()
        wanted = [truth[match[match >= 0]] for truth, match in zip(truths, matches, strict=True)]
        offsets = outputs["offsets"].float()
        every = anchors.expand(len(matches), -1, -1)
        return {
            "objects": self._objects(scores, lesion, known),
            "boxes": self._boxes(offsets[lesion], every[lesion], torch.cat(wanted)) if lesion.any()
            else 0.0 * offsets.sum(),
        }  # fmt: skip

    def forward(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Both together."""
        return total(self.parts(outputs, batch))

    def _matched(self, truth: Tensor, anchors: Tensor, places: list[int]) -> Tensor:
        """Number of the lesion that each anchor stands for; below 0 for none."""
        overlap, found = self._matcher(truth, anchors, places, len(anchors) // sum(places))
        found = found.to(anchors.device)
        # candidates that all overlap alike can all lie below their mean and one standard deviation
        for number in range(len(truth)):
            if not (found == number).any():
                # it may be the only one of a neighbour
                found[overlap[number].masked_fill(found >= 0, -1.0).argmax()] = number
        return found

    def _sampled(self, scores: Tensor, lesion: Tensor, known: Tensor) -> Tensor:
        costs = []
        for score, one, seen in zip(scores, lesion, known, strict=True):
            words = torch.where(seen, one.long(), _UNKNOWN)
            some, others = self._sampler([words], score.detach())
            chosen = (some[0] + others[0]) > 0
            costs.append(functional.binary_cross_entropy_with_logits(score, one.to(score), reduction="none")[chosen])
        found = torch.cat(costs)
        return found.sum() / max(1, found.numel())


def true_boxes(batch: Batch) -> list[Tensor]:
    """Boxes round the connected lesions of each example: (lesions, 6), lower and upper corner, voxels.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` without labels.
    """
    if batch.labels is None:
        raise LymphoscopeError("USE-E-VALUE", "boxes are compared with labels, and the batch has none")
    found = (lesion_boxes(components(one[0].cpu().numpy() > 0), (1, 1, 1)) for one in batch.labels)
    return [torch.from_numpy(boxes.reshape(-1, 6)).to(batch.images) for boxes in found]


def _known(batch: Batch, anchors: Tensor) -> Tensor:
    """Whether somebody marked the voxel in the middle of each anchor, (batch, anchors)."""
    assert batch.labels is not None
    limits = torch.tensor(batch.labels.shape[2:], device=anchors.device) - 1
    middle = ((anchors[:, :3] + anchors[:, 3:]) / 2).long().clamp(min=0).minimum(limits)
    return batch.labels[:, 0, middle[:, 0], middle[:, 1], middle[:, 2]] != IGNORE


def _focal(scores: Tensor, lesion: Tensor, known: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    plain = functional.binary_cross_entropy_with_logits(scores, lesion.to(scores), reduction="none")
    wrong = torch.where(lesion, 1.0 - scores.sigmoid(), scores.sigmoid())
    cost = torch.where(lesion, alpha, 1.0 - alpha) * wrong**gamma * plain
    return torch.where(known, cost, 0.0).sum() / lesion.sum().clamp(min=1)


def _giou(offsets: Tensor, anchors: Tensor, wanted: Tensor) -> Tensor:
    cost: Tensor = BoxGIoULoss()(_CODER.decode_single(offsets, anchors), wanted)
    return cost


def _l1(offsets: Tensor, anchors: Tensor, wanted: Tensor) -> Tensor:
    return functional.smooth_l1_loss(offsets, _CODER.encode_single(wanted, anchors))


def _both(offsets: Tensor, anchors: Tensor, wanted: Tensor) -> Tensor:
    return _giou(offsets, anchors, wanted) + _l1(offsets, anchors, wanted)


_BOXES: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"giou": _giou, "l1": _l1, "both": _both}
