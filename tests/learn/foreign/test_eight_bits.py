"""Networks in 8-bit integers by nncf itself; skips where it is not installed (extra `int8`)."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.learn.foreign.eight_bits import quantized
from lymphoscope.learn.offline import openvino
from lymphoscope.learn.openvino_engine import by_openvino

pytest.importorskip("nncf")
ops = importlib.import_module("openvino.opset13")


def test_a_network_in_8_bits_says_nearly_the_same(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Two convolutions with a bend between them: errors of a hundredth of the largest output, and another file."""
    rng = np.random.default_rng(0)
    image = ops.parameter([1, 2, 16, 16, 16], np.float32)
    found = image
    for inside, outside in ((2, 8), (8, 1)):
        kernel = rng.standard_normal((outside, inside, 3, 3, 3)).astype(np.float32)
        found = ops.convolution(found, ops.constant(kernel), [1] * 3, [1] * 3, [1] * 3, [1] * 3)
        found = ops.relu(found) if outside > 1 else found
    openvino.save_model(openvino.Model([found], [image], "two"), tmp_path / "model.xml", compress_to_fp16=False)
    shown = [rng.standard_normal((1, 2, 16, 16, 16)).astype(np.float32) for _ in range(4)]
    quantized(tmp_path / "model.xml", shown, tmp_path / "int8.xml")
    assert capfd.readouterr().out == "", "results alone belong there"
    whole, small = (by_openvino(tmp_path / name)(shown[0]) for name in ("model.xml", "int8.xml"))
    assert 0 < np.abs(whole - small).max() < 0.05 * np.abs(whole).max()
