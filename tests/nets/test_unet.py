"""U-Nets: the planned ones of nnU-Net by count, and what makes a U-Net one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.nets.heads import segment
from lymphoscope.nets.unet import unet

WIDTHS = (32, 64, 128, 256, 320, 320)
PLAN: dict[str, Any] = {
    "widths": WIDTHS,
    "strides": (1, (1, 2, 2), 2, 2, 2, 2),
    "kernels": ((1, 3, 3), 3, 3, 3, 3, 3),
    "down": "stride",
    "act": "leaky_relu",
    "bias": True,
}


def weights(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize(
    ("more", "total", "convolutions"),
    [({}, 31113386, 32), ({"residual": True, "convs": (1, 3, 4, 6, 6, 6), "decoder_convs": 1}, 102267562, 72)],
)
def test_planned_networks_have_the_weights_of_nnunets(more: dict[str, Any], total: int, convolutions: int) -> None:
    """Totals of PlainConvUNet and ResidualEncoderUNet of dynamic_network_architectures 0.4.4 for this plan, two
    channels, two classes, deep supervision; their layers agree one by one in kind, shape and stride.
    """
    with torch.device("meta"):
        network = unet(2, **PLAN, **more)
        head = segment(network.widths, 3, 2, levels=range(5))
    assert weights(network) + weights(head) == total
    layers = [m for m in [*network.modules(), *head.modules()] if isinstance(m, nn.Conv3d | nn.ConvTranspose3d)]
    assert len(layers) == convolutions
    assert network.widths == WIDTHS
    assert network.multiple == (16, 32, 32)


def test_widths_of_each_convolution_can_differ() -> None:
    """3D U-Net doubles its channels before it pools."""
    network = unet(1, widths=((4, 8), (8, 16), (16, 32)))
    inner = [m.out_channels for m in network.encoder.modules() if isinstance(m, nn.Conv3d)]  # type: ignore[union-attr]
    assert inner == [4, 8, 8, 16, 16, 32]
    assert network.widths == (8, 16, 32)


def test_skips_matter() -> None:
    torch.manual_seed(0)
    network = unet(1, dims=2, widths=(4, 8, 8)).eval()
    features = network.encoder(torch.randn(1, 1, 16, 16))  # type: ignore[operator]
    whole = network.decoder(features)[0]  # type: ignore[operator]
    for level in (0, 1):
        cut = [torch.zeros_like(one) if number == level else one for number, one in enumerate(features)]
        assert (network.decoder(cut)[0] - whole).abs().max() > 0.01  # type: ignore[operator]


@pytest.mark.parametrize("down", ["pool", "stride"])
@pytest.mark.parametrize("up", ["transposed", "linear"])
def test_a_shift_by_the_stride_shifts_the_output(down: str, up: str) -> None:
    torch.manual_seed(0)
    network = unet(1, dims=2, widths=(4, 8, 8), norm="none", down=down, up=up).eval()
    given = torch.zeros(1, 1, 96, 96)
    given[..., 40:52, 40:52] = torch.randn(12, 12)
    with torch.inference_mode():
        before = network(given)[0]
        after = network(given.roll((4, 8), dims=(2, 3)))[0]
        off = network(given.roll((1, 0), dims=(2, 3)))[0]
    inside = (..., slice(32, 64), slice(32, 64))
    torch.testing.assert_close(after.roll((-4, -8), dims=(2, 3))[inside], before[inside])
    assert (off.roll((-1, 0), dims=(2, 3))[inside] - before[inside]).abs().max() > 1e-3


def test_thin_axes_are_not_mixed_before_their_first_stride() -> None:
    network = unet(1, widths=(4, 8), strides=(1, (1, 2, 2)), kernels=((1, 3, 3), (1, 3, 3))).eval()
    given = torch.zeros(1, 1, 4, 8, 8, requires_grad=True)
    network(given)[0][:, :, 1].sum().backward()
    assert network.strides == ((1, 1, 1), (1, 2, 2))
    assert given.grad is not None
    assert given.grad[:, :, [0, 2, 3]].abs().max() == 0


@pytest.mark.parametrize(("batch", "kind"), [(7, nn.InstanceNorm3d), (8, nn.BatchNorm3d)])
def test_auto_norm_follows_the_batch(batch: int, kind: type[nn.Module]) -> None:
    network = unet(1, widths=(4, 8), norm="auto", batch=batch)
    norms = [m for m in network.modules() if "Norm" in type(m).__name__]
    assert norms and all(isinstance(norm, kind) for norm in norms)


def test_weights_begin_with_the_variance_he_gave_them() -> None:
    torch.manual_seed(0)
    network = unet(1, widths=(64, 64), norm="none", bias=True)
    layer = network.decoder.stages[0][0].conv  # type: ignore[union-attr, index]
    assert float(layer.weight.detach().std()) == pytest.approx((2 / (128 * 27)) ** 0.5, rel=0.01)
    assert not layer.bias.any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"strides": (1, 2)},
        {"kernels": (3, 3)},
        {"convs": (2,)},
        {"down": "fall"},
        {"up": "jump"},
        {"strides": (1, (2, 2), 2)},
    ],
)
def test_settings_that_fit_no_network_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LymphoscopeError) as refused:
        unet(1, widths=(4, 8, 8), **wrong)
    assert refused.value.code == "USE-E-VALUE"
