"""V-Net: levels, channels, residual stages."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lymphoscope.nets.vnet import vnet


def test_levels_are_the_papers() -> None:
    with torch.device("meta"):
        network = vnet(1)
    assert network.widths == (32, 64, 128, 256, 256)
    assert network.multiple == (16, 16, 16)
    wide = [m for m in network.modules() if isinstance(m, nn.Conv3d) and m.kernel_size == (5, 5, 5)]
    assert len(wide) == (1 + 2 + 3 + 3 + 3) + (3 + 3 + 2 + 1)
    halving = [m for m in network.modules() if isinstance(m, nn.Conv3d) and m.stride == (2, 2, 2)]
    assert [m.kernel_size for m in halving] == [(2, 2, 2)] * 4
    assert not any("Pool" in type(m).__name__ for m in network.modules())


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_any_number_of_channels_goes_in(channels: int) -> None:
    network = vnet(channels, dims=2, widths=(4, 8), convs=1, kernel=3)
    assert network(torch.randn(1, channels, 8, 8))[0].shape == (1, 8, 8, 8)


def test_stages_add_what_came_in() -> None:
    network = vnet(1, dims=2, widths=(4, 8), convs=2, kernel=3, norm="none", act="relu")
    stage = network.down[0]  # type: ignore[index]
    for weight in stage.body.parameters():  # type: ignore[union-attr]
        nn.init.zeros_(weight)
    given = torch.rand(1, 8, 4, 4)
    torch.testing.assert_close(stage(given), given)
