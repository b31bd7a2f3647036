"""Normalisations by OpenVINO, compared with the same in 64 bits."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lymphoscope.learn.exact_norms import with_exact_norms
from lymphoscope.learn.offline import openvino
from lymphoscope.learn.openvino_engine import by_openvino

ops: Any = importlib.import_module("openvino.opset13")
SHAPES = ((1, 16, 64, 64, 64), (1, 16, 80, 72, 54), (1, 16, 512, 512))


def model(shape: tuple[int, ...], inside: bool = True, variance: bool = True, axes: tuple[int, ...] = ()) -> Any:
    """A convolution that changes nothing, and a normalisation of what it gives."""
    image, rank = ops.parameter(list(shape), np.float32), len(shape) - 2
    kernel = np.zeros((shape[1], shape[1], *[3] * rank), np.float32)
    kernel[(*[np.arange(shape[1])] * 2, *[1] * rank)] = 1
    same = ops.convolution(image, ops.constant(kernel), *[[1] * rank] * 4)
    over = np.array(axes or range(2, len(shape)))
    return openvino.Model([ops.mvn(same, over, variance, 1e-3, "inside_sqrt" if inside else "outside_sqrt")], [image])


def image(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Values far from zero, as convolutions give them."""
    return (3 + np.random.default_rng(0).standard_normal(shape)).astype(np.float32)


def wanted(shown: NDArray[np.float32], inside: bool = True) -> NDArray[np.float64]:
    """In 64 bits."""
    axes = tuple(range(2, shown.ndim))
    centred = shown - shown.mean(axes, np.float64, keepdims=True)
    variance = (centred**2).mean(axes, keepdims=True)
    return np.asarray(centred / (np.sqrt(variance + 1e-3) if inside else np.sqrt(variance) + 1e-3))


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_window_is_normalised_as_in_64_bits(shape: tuple[int, ...], inside: bool, tmp_path: Path) -> None:
    """Within a few roundings in 32 bits; the sums of OpenVINO itself are off by ten times as much and more."""
    openvino.save_model(model(shape, inside), tmp_path / "model.xml", compress_to_fp16=False)
    shown = image(shape)
    aim = wanted(shown, inside)
    found = by_openvino(tmp_path / "model.xml")(shown)
    assert np.abs(found - aim).max() < 2e-6 * np.abs(aim).max()


@pytest.mark.parametrize(
    "kept",
    [
        model((1, 2, 8, 8, 8)),
        model((1, 2, 64, 64, 64), variance=False),
        model((1, 2, 64, 64, 64), axes=(1, 2, 3, 4)),
    ],
    ids=["small", "no variance", "all channels at once"],
)
def test_another_normalisation_stays_as_it_is(kept: Any) -> None:
    with_exact_norms(kept)
    assert [op.get_type_name() for op in kept.get_ordered_ops()].count("MVN") == 1
