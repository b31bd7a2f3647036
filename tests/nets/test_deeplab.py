"""DeepLab: stride, reach, and one image in a batch of one."""

from __future__ import annotations

import torch
from torch import nn

from lymphoscope.nets.blocks import Style
from lymphoscope.nets.deeplab import ASPP, DeepLabSettings, deeplabv3


def test_defaults_are_the_papers_but_for_the_rates() -> None:
    with torch.device("meta"):
        network = deeplabv3(2)
    assert network.strides == ((16, 16, 16),)
    assert network.widths == (256,)
    rates = [m.dilation[0] for m in network.pyramid.modules() if isinstance(m, nn.Conv3d)]  # type: ignore[union-attr]
    assert rates == [1, 2, 4, 6, 1, 1]


def test_the_mean_of_the_image_reaches_every_place() -> None:
    torch.manual_seed(0)
    pyramid = ASPP(Style(2, "none"), 3, DeepLabSettings(reach=4, rates=(2,))).double()
    given = torch.randn(1, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    pyramid(given)[0, :, 0, 0].sum().backward()
    assert given.grad is not None
    reached = given.grad.abs().sum(dim=1)[0] > 0
    assert reached.all()


def test_a_batch_of_one_can_be_trained() -> None:
    """Batch norm refuses a single value a channel, which the mean of one image is."""
    network = deeplabv3(1, dims=2, depth=18, widths=(2, 2, 4, 4), reach=4, low=2).train()
    found = network(torch.randn(1, 1, 64, 64))
    assert [one.shape for one in found] == [(1, 4, 16, 16), (1, 4, 4, 4)]
