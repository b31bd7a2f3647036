"""A network that sees what it said before: Zhou's refinement, with the checks of its entry."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.nets.deepmedic import deepmedic
from lymphoscope.nets.fed_back import FedBack, fed_back
from lymphoscope.nets.vnet import vnet

NET = partial(vnet, widths=(2, 4, 4), convs=(1, 1, 1), kernel=3)
IMAGES = torch.rand(2, 1, 16, 16, 16)


def made(passes: int) -> FedBack:
    torch.manual_seed(0)
    net = fed_back(1, 3, NET, passes).eval()
    assert isinstance(net, FedBack)
    return net


def test_one_pass_is_the_plain_network() -> None:
    torch.manual_seed(0)
    once = fed_back(1, 3, NET, 1).eval()
    torch.manual_seed(0)
    plain = NET(channels=1, dims=3).eval()
    assert type(once) is type(plain)
    for ours, theirs in zip(once(IMAGES), plain(IMAGES), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_second_pass_that_is_told_nothing_equals_the_first() -> None:
    net = made(2)
    with torch.no_grad():
        net.score.weight.zero_()  # type: ignore[union-attr, operator]
        net.score.bias.fill_(-200.0)  # type: ignore[union-attr, operator]
        first = net.network(torch.cat([IMAGES, torch.zeros_like(IMAGES)], dim=1))
        for ours, theirs in zip(net(IMAGES), first, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_what_was_said_matters_and_is_learnt_through() -> None:
    net = made(3)
    found = net(IMAGES)
    assert not torch.equal(found[0], made(2)(IMAGES)[0])
    found[0].sum().backward()
    assert net.score.weight.grad is not None and net.score.weight.grad.any()  # type: ignore[union-attr]
    assert [tuple(level.shape[1:]) for level in found] == [(4, 16, 16, 16), (8, 8, 8, 8), (4, 4, 4, 4)]
    assert (net.widths, net.multiple) == ((4, 8, 4), (4, 4, 4))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(LymphoscopeError, match="once or more, not 0"):
        fed_back(1, 3, NET, 0)
    with pytest.raises(LymphoscopeError, match="valid convolutions"):
        fed_back(1, 3, deepmedic, 2)
