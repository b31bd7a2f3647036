from __future__ import annotations

import pytest
import torch
from torch import nn

from lymphoscope.nets.blocks import Style


@pytest.mark.parametrize("examples", [1, 3])
@pytest.mark.parametrize(("dims", "layout"), [(2, torch.channels_last), (3, torch.channels_last_3d)])
def test_numbers_and_gradients_are_torchs_and_the_layout_is_kept(
    dims: int, layout: torch.memory_format, examples: int
) -> None:
    torch.manual_seed(0)
    ours = Style(dims).normalisation(5).double()
    torchs = (nn.InstanceNorm2d if dims == 2 else nn.InstanceNorm3d)(5, affine=True).double()
    with torch.no_grad():
        for norm in (ours, torchs):
            norm.weight.copy_(torch.arange(1.0, 6.0))
            norm.bias.copy_(torch.arange(5.0))
    given = torch.randn(examples, 5, *(6, 4, 8)[:dims], dtype=torch.float64) * 3 + 7
    weight = torch.randn_like(given)
    found = []
    for norm, images in ((ours, given.contiguous(memory_format=layout)), (torchs, given.clone())):
        images.requires_grad_()
        normed = norm(images)
        (normed * weight).sum().backward()
        found.append((normed, images.grad, norm.weight.grad, norm.bias.grad))
    assert found[0][0].is_contiguous(memory_format=layout)
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)
