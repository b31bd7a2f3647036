"""LAS-Net: nothing of the later scan reaches the earlier one, and the earlier one reaches the later."""

from __future__ import annotations

import warnings
from dataclasses import fields

import numpy as np
import openvino
import pytest
import torch

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.nets.heads import segment_scans
from lymphoscope.nets.las_net import LasNet, LasNetSettings, LookBack, las_net
from lymphoscope.nets.network import Network
from lymphoscope.recipes.parts.nets import NETS

SMALL = {"width": 4, "heads": (1, 2, 2), "window": 4}
SIDE = 24
"""Behind the first halving 12 voxels, three windows; then 6, which are filled up; then 3, less than a window."""


def made(dims: int = 3, channels: int = 4, **more: object) -> LasNet:
    torch.manual_seed(0)
    net = las_net(channels, dims, **{**SMALL, **more})
    assert isinstance(net, LasNet)
    return net


def images(dims: int = 3, channels: int = 4, batch: int = 1) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, channels, *[SIDE] * dims)


@pytest.mark.parametrize("training", [True, False])
def test_the_later_scan_never_reaches_the_earlier_one_and_the_earlier_does_reach_it(training: bool) -> None:
    net = Network(made(), [segment_scans((8, 8, 16, 32), 3, 2, levels=(0, 1, 2))]).train(training)
    given = images(batch=2).requires_grad_()
    outputs = net(given)
    for name, still in (("logits@1", slice(0, 2)), ("logits", None)):
        total = sum(one.square().sum() for one in outputs[name])
        (slope,) = torch.autograd.grad(total, given, retain_graph=True)
        if still is not None:
            assert float(slope[:, still].abs().max()) == 0.0, "exactly"
        assert all(float(slope[:, channel].abs().max()) > 0 for channel in range(4) if still is None or channel > 1)
    other = given.detach().clone()
    other[:, :2] = 100 * torch.randn_like(other[:, :2])
    changed = net(other)
    assert all(torch.equal(a, b) for a, b in zip(outputs["logits@1"], changed["logits@1"], strict=True))
    assert not torch.equal(outputs["logits"][0], changed["logits"][0])


@pytest.mark.parametrize("dims", [2, 3])
def test_the_earlier_scan_is_read_as_by_the_network_that_knows_no_later_one(dims: int) -> None:
    both, alone = made(dims).eval(), made(dims, channels=2, scans=1).eval()
    shared = {key: value for key, value in both.state_dict().items() if key in alone.state_dict()}
    alone.load_state_dict(shared)
    given = images(dims)
    with torch.inference_mode():
        for level, single in zip(both(given), alone(given[:, 2:]), strict=True):
            torch.testing.assert_close(level.chunk(2, dim=1)[1], single)


def test_two_equal_scans_look_at_themselves_alike() -> None:
    net, seen = made().eval(), []
    for look in net.looks:
        look.register_forward_hook(lambda module, given, found: seen.append(found))
    twice = images(channels=2).repeat(1, 2, 1, 1, 1)
    with torch.inference_mode():
        net(twice)
        assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[2], seen[3])
        for back in net.looks_back:  # who looks back and takes nothing stays as it was
            for layer in (back.asks.proj, back.mlp.linear2):
                torch.nn.init.zeros_(layer.weight)
                torch.nn.init.zeros_(layer.bias)
        seen.clear()
        net(twice)
    assert all(torch.equal(seen[n], seen[n + 1]) for n in range(0, len(seen), 2))


def test_what_is_looked_back_at_adds_up_to_one_and_stays_in_its_window() -> None:
    torch.manual_seed(0)
    back = LookBack(8, 2, (4, 4, 4))
    later, earlier = torch.randn(2, 5, 64, 8)
    weights = back.weights(later, earlier)
    assert weights.shape == (5, 2, 64, 64)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(5, 2, 64))
    tokens = torch.randn(2, 1, 8, 8, 8, 8).requires_grad_()
    found = back(tokens[0], tokens[1])
    found[0, 0, 0, 0].sum().backward()
    assert tokens.grad is not None
    reached = tokens.grad[1, 0].abs().sum(-1) > 0
    assert reached[:4, :4, :4].all() and reached.sum() == 64


def test_an_earlier_scan_of_nothing_is_no_trouble() -> None:
    given = images()
    given[:, 2:] = 0
    levels = made()(given)
    assert all(torch.isfinite(level).all() for level in levels)
    sum(level.square().sum() for level in levels).backward()  # type: ignore[union-attr]


def test_it_is_as_described_and_refuses_what_cannot_be() -> None:
    net = made()
    assert net.widths == (8, 8, 16, 32) and net.multiple == (8, 8, 8)
    assert [level.shape[1:] for level in net(images())] == [
        (width, *[SIDE // step for step in stride]) for width, stride in zip(net.widths, net.strides, strict=True)
    ]
    assert set(NETS["las_net"].facts["params"]) == {field.name for field in fields(LasNetSettings)}
    for wrong in ({"scans": 3}, {"heads": (3, 3, 3)}, {"heads": ()}):
        with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
            made(**wrong)
    with pytest.raises(LymphoscopeError, match="3 channels"):
        made(channels=3)


@pytest.mark.long
def test_openvino_says_the_same() -> None:
    head = segment_scans((8, 8, 16, 32), 3, 2)
    net = Network(made(), [head]).eval()
    given = images()

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = net.predict(given).numpy()
        exported = openvino.convert_model(Predicting(net).eval(), example_input=given)
    found = openvino.compile_model(exported, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(given.numpy())[0]
    assert wanted.shape[1] == 3 and net.tells == ("earlier",)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


class Predicting(torch.nn.Module):
    """What a network predicts, as its own forward pass."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        return self.network.predict(seen)
