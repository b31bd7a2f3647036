"""DeepMedic: what it sees, and that tiles fit together."""

from __future__ import annotations

import pytest
import torch

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.deepmedic import deepmedic


def made(dims: int = 2) -> Backbone:
    torch.manual_seed(0)
    return deepmedic(1, dims=dims, widths=(3,) * 8, joined=(4, 4), act="elu").double().eval()


def test_the_papers_sizes() -> None:
    with torch.device("meta"):
        network = deepmedic(2)
        ways = [way(torch.empty(1, 2, *[side] * 3)) for way, side in ((network.fine, 25), (network.coarse, 19))]  # type: ignore[operator]
    assert [way.shape for way in ways] == [(1, 50, 9, 9, 9), (1, 50, 3, 3, 3)]
    assert (network.context, network.multiple, network.widths) == (24, (3, 3, 3), (150,))


def test_a_segment_of_57_gives_9() -> None:
    assert made(3)(torch.randn(1, 1, 57, 57, 57, dtype=torch.float64))[0].shape == (1, 4, 9, 9, 9)


def test_one_output_sees_17_finely_and_51_in_all() -> None:
    network = made()
    sees = []
    for muted in ("coarse", "none"):
        given = torch.randn(1, 1, 75, 75, dtype=torch.float64, requires_grad=True)
        size = [27, 27]
        if muted == "coarse":
            hook = network.coarse.register_forward_hook(lambda *call: call[2] * 0)  # type: ignore[operator, union-attr]
        found = network(given)[0]
        assert list(found.shape[2:]) == size
        found[0, :, 13, 13].sum().backward()
        if muted == "coarse":
            hook.remove()
        assert given.grad is not None
        rows = given.grad[0, 0].abs().sum(dim=1).nonzero().flatten()
        sees.append((int(rows.min()), int(rows.max())))
    assert sees == [(37 - 8, 37 + 8), (37 - 25, 37 + 25)]


def test_tiles_of_a_multiple_of_3_are_the_whole() -> None:
    network = made()
    given = torch.randn(1, 1, 84, 66, dtype=torch.float64)
    with torch.inference_mode():
        whole = network(given)[0]
        tiles = torch.cat([network(given[:, :, top : top + 60])[0] for top in (0, 12, 24)], dim=2)
    torch.testing.assert_close(tiles, whole)


def test_an_input_without_a_middle_is_refused() -> None:
    with pytest.raises(LymphoscopeError) as refused:
        made()(torch.zeros(1, 1, 48, 60, dtype=torch.float64))
    assert refused.value.code == "USE-E-VALUE"
