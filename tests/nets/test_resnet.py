"""Residual networks: counts, identity, depth, dilation."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets import ResNet
from torch import nn

from lymphoscope.nets.blocks import Style
from lymphoscope.nets.resnet import BLOCKS, resnet, resunet


@pytest.mark.parametrize("depth", BLOCKS)
def test_weights_are_those_of_monais(depth: int) -> None:
    """But for the bias of its shortcuts' convolutions, which the norm behind them cancels."""
    widths = (64, 128, 256, 512)
    with torch.device("meta"):
        ours = resnet(1, depth=depth, widths=widths)
        kind = "bottleneck" if depth >= 50 else "basic"
        theirs = ResNet(
            kind, list(BLOCKS[depth]), list(widths), n_input_channels=1, feed_forward=False, conv1_t_stride=2
        )
    cancelled = sum(m.bias.numel() for m in theirs.modules() if isinstance(m, nn.Conv3d) and m.bias is not None)
    count = [sum(w.numel() for w in one.parameters()) for one in (ours, theirs)]
    assert count[0] == count[1] - cancelled
    assert ours.widths == ((64, 64, 128, 256, 512) if depth < 50 else (64, 256, 512, 1024, 2048))


@pytest.mark.parametrize("depth", [18, 50])
def test_blocks_begin_as_the_identity_when_their_last_norm_is_silent(depth: int) -> None:
    torch.manual_seed(0)
    network = resnet(1, dims=2, depth=depth, widths=(4, 4, 4, 4), zero_last=True)
    block = network.stages[1][1]  # type: ignore[index, union-attr]
    given = torch.rand(2, network.widths[2], 8, 8)
    torch.testing.assert_close(block(given), given)
    loud = resnet(1, dims=2, depth=depth, widths=(4, 4, 4, 4)).stages[1][1]  # type: ignore[index, union-attr]
    assert (loud(given) - given).abs().max() > 0.1


def test_the_gradient_reaches_the_stem_of_101_layers() -> None:
    torch.manual_seed(0)
    network = resnet(1, dims=2, depth=101, widths=(2, 2, 2, 2))
    assert sum(isinstance(m, nn.Conv2d) for m in network.modules()) == 100 + 4
    network(torch.randn(2, 1, 64, 64))[-1].square().mean().backward()
    gradient = network.stem.conv.weight.grad  # type: ignore[union-attr]
    assert gradient is not None
    assert 1e-6 < float(gradient.abs().mean()) < 1e6


@pytest.mark.parametrize(
    ("stride", "levels", "rates"),
    [
        (32, (2, 4, 8, 16, 32), {(1, 1)}),
        (16, (2, 4, 8, 16, 16), {(2, 2), (4, 4), (8, 8)}),
        (8, (2, 4, 8, 8, 8), {(4, 4), (8, 8), (16, 16)}),
    ],
)
def test_what_is_not_strided_is_dilated(stride: int, levels: tuple[int, ...], rates: set[tuple[int, int]]) -> None:
    grid = (1, 2, 4) if stride < 32 else (1,)
    network = resnet(1, dims=2, depth=50, widths=(2, 2, 2, 2), output_stride=stride, grid=grid)
    assert network.strides == tuple((one, one) for one in levels)
    found = {m.dilation for m in network.stages[3].modules() if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)}  # type: ignore[index, union-attr]
    assert found == rates


def test_dilation_1_is_an_ordinary_convolution_and_2_that_of_every_other_voxel() -> None:
    torch.manual_seed(0)
    layers = [Style(3, norm="none", act="none").conv(1, 1, 3, dilation=rate) for rate in (1, 2)]
    for layer in layers:
        layer.load_state_dict(layers[0].state_dict())
    given = torch.randn(1, 1, 8, 8, 8)
    plain = nn.functional.conv3d(given, layers[0].conv.weight, padding=1)  # type: ignore[union-attr, arg-type]
    torch.testing.assert_close(layers[0](given), plain)
    every_other = layers[0](given[..., ::2, ::2, ::2])
    torch.testing.assert_close(layers[1](given)[..., ::2, ::2, ::2], every_other)


def test_resunet_ends_at_the_stride_of_its_stem() -> None:
    network = resunet(1, dims=2, depth=18, widths=(4, 4, 8, 8), stem_stride=1, pool=False)
    assert network.strides == ((1, 1), (1, 1), (2, 2), (4, 4), (8, 8))
    assert network(torch.randn(1, 1, 16, 16))[0].shape == (1, 4, 16, 16)
