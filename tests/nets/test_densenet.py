"""Dense networks: counts, reuse, memory."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets import DenseNet121

from lymphoscope.nets.blocks import Style
from lymphoscope.nets.densenet import DenseLayer, DenseNetSettings, dense_unet, densenet


def test_weights_are_those_of_monais_densenet_121() -> None:
    with torch.device("meta"):
        ours = densenet(1)
        theirs = DenseNet121(spatial_dims=3, in_channels=1, out_channels=2).features
    count = [sum(w.numel() for w in one.parameters()) for one in (ours, theirs)]
    assert count == [11242624, 11242624]


def test_each_layer_adds_its_growth_and_transitions_halve() -> None:
    with torch.device("meta"):
        network = densenet(1)
    assert network.widths == (64, 64 + 6 * 32, 128 + 12 * 32, 256 + 24 * 32, 512 + 16 * 32)
    assert network.strides == tuple((s, s, s) for s in (2, 4, 8, 16, 32))


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_early_features_bear_on_all_later_ones_and_are_kept(norm: str) -> None:
    torch.manual_seed(0)
    plan = DenseNetSettings(growth=2)
    block = torch.nn.Sequential(*(DenseLayer(Style(2, norm), 4 + 2 * n, plan) for n in range(4))).eval()
    given = torch.randn(1, 4, 8, 8)
    cut = given.clone()
    cut[:, 0] = 0
    before, after = block(given.clone()), block(cut)
    torch.testing.assert_close(before[:, :4], given)
    changed = (before - after).abs().amax(dim=(0, 2, 3)) > 1e-4
    assert changed.tolist() == [True, False, False, False, *[True] * 8]


def test_saving_memory_changes_no_gradient() -> None:
    found = []
    for save in (False, True):
        torch.manual_seed(0)
        network = dense_unet(1, dims=2, blocks=(2, 2), growth=4, stem=8, save_memory=save).double()
        network(torch.linspace(0, 1, 512, dtype=torch.float64).reshape(2, 1, 16, 16))[0].square().sum().backward()
        found.append([weight.grad for weight in network.parameters()])
    torch.testing.assert_close(*found)
