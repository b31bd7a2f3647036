"""The loss that measures how far the outline is off."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn import functional

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.image.crop import bounding_box, widened
from lymphoscope.learn.batch import IGNORE
from lymphoscope.learn.losses.known import lesions, mean_known
from lymphoscope.learn.losses.loss import Loss

FORMS = ("kervadec", "bidirectional")


class Boundary(Loss):
    """Distance between the outlines of prediction and label, voxels, mean over known voxels and lesion classes.

    Never to be used alone: an empty prediction costs 0, and ``bidirectional`` does not tell inside from outside. Where
    there is no lesion, distances are taken as 0 and nothing is learnt from the image. For distances, unknown voxels
    hold no lesion.

    Args:
        form: ``kervadec``: mean p φ_G, φ_G signed distance to the label's outline, below 0 inside, so that the loss of
            a good prediction is below 0 as well. ``bidirectional``: mean |∇p| D_∂G + mean ∂g D_∂P, where ∂g is the
            label's outermost layer and D_∂P is measured at p > ½ and passes no gradient.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for another form.

    Reference:
        Kervadec et al., MIDL 2019; Wu et al., Front. Immunol. 2025, equation 4 read literally.
    """

    name = "boundary"

    def __init__(self, form: str = "kervadec") -> None:
        super().__init__()
        if form not in FORMS:
            raise LymphoscopeError("USE-E-VALUE", f"the boundary loss has no form {form!r}, but {', '.join(FORMS)}")
        self.form = form

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean over known voxels and lesion classes."""
        p = functional.softmax(logits.float(), 1)[:, 1:]
        inside = lesions(labels, logits.shape[1])
        from_label = signed_distances(inside)
        if self.form == "kervadec":
            return mean_known(p * from_label, labels)
        from_prediction = signed_distances(p.detach() > 0.5)
        # the slope at a known voxel reaches into its neighbours: unknown ones must not hear of it
        p = torch.where(labels != IGNORE, p, p.detach())
        outline = (inside & (from_label == 0)).float()
        return mean_known(_slope(p) * from_label.abs() + outline * from_prediction.abs(), labels)


def signed_distances(masks: Tensor) -> Tensor:
    """Signed distance of each mask, voxels.

    0 in the outermost layer of voxels inside, below 0 further in, 1 and more outside; 0 everywhere where the mask is
    empty or full.

    Args:
        masks: (batch, classes, *space) bool.

    Returns:
        The same shape, fp32.
    """
    found = [[_signed(mask) for mask in image] for image in masks.cpu().numpy()]
    return torch.from_numpy(np.array(found, np.float32)).to(masks.device)


def _signed(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    around = bounding_box(mask)
    if around is None or mask.all():
        return np.zeros(mask.shape)
    signed = np.array(distance_transform_edt(~mask))
    # the nearest voxel outside is never beyond the next one to the box
    near = widened(around, 1, mask.shape)
    signed[near] += np.where(mask[near], 1 - np.asarray(distance_transform_edt(mask[near])), 0.0)
    return signed


def _slope(p: Tensor) -> Tensor:
    """Length of the gradient by central differences, per voxel."""
    squares = torch.zeros_like(p)
    for axis in range(2, p.ndim):
        sides = p.narrow(axis, 0, 1), p, p.narrow(axis, p.shape[axis] - 1, 1)
        padded = torch.cat(sides, axis)
        length = p.shape[axis]
        squares = squares + ((padded.narrow(axis, 2, length) - padded.narrow(axis, 0, length)) / 2) ** 2
    # the root has no slope at 0; the offset is far below what a slope means
    return (squares + 1e-12).sqrt()
