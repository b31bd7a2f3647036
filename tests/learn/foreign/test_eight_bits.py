"""Networks in 8-bit integers, by nncf itself where it is installed (extra `int8`)."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphoscope.learn.foreign.eight_bits import last_convolutions, quantized
from lymphoscope.learn.offline import openvino
from lymphoscope.learn.openvino_engine import by_openvino

ops = importlib.import_module("openvino.opset13")


def network() -> Any:
    """Two convolutions with a bend between them, and a shift of the outputs."""
    rng = np.random.default_rng(0)
    image = ops.parameter([1, 2, 16, 16, 16], np.float32)
    found = image
    for inside, outside in ((2, 8), (8, 1)):
        kernel = rng.standard_normal((outside, inside, 3, 3, 3)).astype(np.float32)
        name = f"from {inside} to {outside}"
        found = ops.convolution(found, ops.constant(kernel), [1] * 3, [1] * 3, [1] * 3, [1] * 3, name=name)
        found = ops.relu(found) if outside > 1 else ops.add(found, ops.constant(np.float32(0.5)))
    return openvino.Model([found], [image], "two")


def test_the_convolution_that_gives_the_outputs_is_known() -> None:
    assert last_convolutions(network()) == ["from 8 to 1"]


def test_a_network_in_8_bits_says_nearly_the_same(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Errors of a hundredth of the largest output, and another file, whose last convolution is as it was."""
    pytest.importorskip("nncf")
    openvino.save_model(network(), tmp_path / "model.xml", compress_to_fp16=False)
    rng = np.random.default_rng(1)
    shown = [rng.standard_normal((1, 2, 16, 16, 16)).astype(np.float32) for _ in range(4)]
    quantized(tmp_path / "model.xml", shown, tmp_path / "int8.xml")
    assert capfd.readouterr().out == "", "results alone belong there"
    whole, small = (by_openvino(tmp_path / name)(shown[0]) for name in ("model.xml", "int8.xml"))
    assert 0 < np.abs(whole - small).max() < 0.05 * np.abs(whole).max()
    made = openvino.Core().read_model(tmp_path / "int8.xml")
    into = {
        op.get_friendly_name(): op.input_value(0).get_node().get_type_name()
        for op in made.get_ordered_ops()
        if op.get_type_name() == "Convolution"
    }
    assert into == {"from 2 to 8": "FakeQuantize", "from 8 to 1": "Relu"}
