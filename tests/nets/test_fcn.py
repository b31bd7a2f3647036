"""FCN-8s: shifts, learnt interpolation, sides that are no multiple of 32."""

from __future__ import annotations

import numpy as np
import torch

from lymphoscope.learn.infer import Slicewise
from lymphoscope.learn.view import View
from lymphoscope.nets.fcn import fcn, fcn8s, interpolation
from lymphoscope.nets.network import Network


def network() -> Network:
    torch.manual_seed(0)
    backbone = fcn8s(1, dims=2, widths=(2, 4, 4, 8, 8), convs=(1, 1, 1, 1, 1), bottom=8, norm="none")
    return Network(backbone, [fcn(backbone.widths, 2, 2)]).double().eval()


def test_a_shift_by_32_shifts_interior_logits_by_32() -> None:
    given = torch.zeros(1, 1, 512, 512, dtype=torch.float64)
    given[..., 224:256, 224:256] = torch.randn(32, 32)
    with torch.inference_mode():
        before = network()(given)["logits"][0]
        after = network()(given.roll((32, 32), dims=(2, 3)))["logits"][0]
    assert before.shape == (1, 2, 512, 512)
    inside = (..., slice(208, 272), slice(208, 272))
    torch.testing.assert_close(after.roll((-32, -32), dims=(2, 3))[inside], before[inside])
    assert (after[inside] - before[inside]).abs().max() > 1e-3


def test_interpolation_begins_linear_and_can_learn() -> None:
    for dims, factor in ((2, 2), (2, 8), (3, 2)):
        layer = interpolation(dims, 1, factor)
        with torch.no_grad():
            flat = layer(torch.full((1, 1, *[6] * dims), 3.0))
            ramp = layer(torch.arange(6.0).reshape(1, 1, 6, *[1] * (dims - 1)).expand(1, 1, *[6] * dims).contiguous())
        inside = (0, 0, slice(2 * factor, -2 * factor), *[3 * factor] * (dims - 1))
        torch.testing.assert_close(flat[inside], torch.full_like(flat[inside], 3.0))
        step = ramp[inside].diff()
        torch.testing.assert_close(step, torch.full_like(step, 1 / factor))
        assert all(weight.requires_grad for weight in layer.parameters())


def test_any_side_is_padded_and_cropped_back() -> None:
    net = network().float()

    def predict(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return net.predict(torch.from_numpy(images)).numpy()

    images = np.random.default_rng(0).normal(size=(1, 2, 45, 70)).astype(np.float32)
    found = Slicewise()(predict, images, View((64, 96), (1, 2)))
    padded = np.pad(images, [(0, 0), (0, 0), (9, 10), (13, 13)])
    wanted = predict(np.moveaxis(padded, 1, 0))[..., 9:-10, 13:-13]
    assert found.shape == (2, 2, 45, 70)
    np.testing.assert_allclose(found, np.moveaxis(wanted, 0, 1), atol=1e-6)
