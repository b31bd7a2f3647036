"""What torch does not compute as OpenVINO would, and devices that are not there."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn import device
from lymphoscope.learn.device import require_device
from lymphoscope.learn.graph_engine import by_graph
from lymphoscope.learn.offline import openvino

ops: Any = importlib.import_module("openvino.opset13")


@pytest.mark.parametrize(("begin", "end"), [(1, 0), (0, 1)])
def test_what_torch_would_do_otherwise_is_refused(begin: int, end: int, tmp_path: Path) -> None:
    image = ops.parameter([1, 1, 8, 8, 8], np.float32)
    kernel = ops.constant(np.ones((1, 1, 2, 2, 2), np.float32))
    uneven = ops.convolution(image, kernel, [1] * 3, [begin] * 3, [end] * 3, [1] * 3)
    for made, said in ((uneven, "padding"), (ops.gelu(image, "erf"), "Gelu")):
        openvino.save_model(openvino.Model([made], [image]), tmp_path / "model.xml", compress_to_fp16=False)
        with pytest.raises(RuntimeError, match=said):
            by_graph(tmp_path / "model.xml", "cpu")(np.zeros((1, 1, 8, 8, 8), np.float32))


def test_a_device_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert require_device("cpu") == "cpu"
    for there, name, code in ((False, "cuda", "USE-E-VALUE"), (True, "tpu", "USE-E-VALUE")):
        monkeypatch.setattr(device, "_has_card", lambda there=there: there)
        with pytest.raises(LymphoscopeError, match="--device") as refused:
            require_device(name)
        assert refused.value.code == code
    assert require_device("cuda") == "cuda"
    monkeypatch.setattr(device, "find_spec", lambda _: None)
    with pytest.raises(LymphoscopeError) as refused:
        require_device("cuda")
    assert refused.value.code == "USE-E-EXTRA"
