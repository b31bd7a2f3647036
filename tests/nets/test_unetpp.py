"""U-Net++: nested nodes, and pruning."""

from __future__ import annotations

import pytest
import torch

from lymphoscope.nets.unetpp import unetpp

WIDTHS = (2, 4, 4, 8, 8)


def test_nodes_read_all_before_them_in_their_row_and_the_one_below() -> None:
    network = unetpp(3, dims=2, widths=WIDTHS)
    inside = {name: node[0].conv.in_channels for name, node in network.nodes.items()}  # type: ignore[operator, union-attr]
    assert len(inside) == 15
    assert inside["0_0"] == 3
    assert inside["3_0"] == WIDTHS[2]
    for row in range(5):
        for column in range(1, 5 - row):
            assert inside[f"{row}_{column}"] == (column + 1) * WIDTHS[row]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_pruned_output_needs_nothing_deeper(depth: int) -> None:
    torch.manual_seed(0)
    whole = unetpp(1, dims=2, widths=WIDTHS).eval()
    pruned = unetpp(1, dims=2, widths=WIDTHS, prune=depth).eval()
    missing = pruned.load_state_dict(whole.state_dict(), strict=False).missing_keys
    assert not missing
    given = torch.randn(1, 1, 32, 32)
    with torch.inference_mode():
        before, found = whole(given), pruned(given)
        for name, node in whole.nodes.items():  # type: ignore[operator, union-attr]
            if sum(map(int, name.split("_"))) > depth:
                for weight in node.parameters():
                    weight.zero_()
        after = whole(given)
    assert len(before) == 4
    assert len(found) == depth
    assert pruned.multiple == (2**depth,) * 2
    for one, two, three in zip(found, before[4 - depth :], after[4 - depth :], strict=True):
        torch.testing.assert_close(one, two)
        assert torch.equal(two, three)
    assert not torch.equal(before[0], after[0])
