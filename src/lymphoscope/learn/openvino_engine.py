"""Trained networks by OpenVINO, on a processor and without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphoscope.learn.exact_norms import with_exact_norms
from lymphoscope.learn.infer import Predict
from lymphoscope.learn.offline import openvino


def by_openvino(path: Path, precision: str = "f32") -> Predict:
    """A network by OpenVINO, on the CPU.

    Args:
        path: The ``.xml`` file.
        precision: ``f32``, or ``bf16`` where the processor has it.
    """
    hint = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    core = openvino.Core()
    model = core.read_model(path)
    with_exact_norms(model)
    compiled: Any = core.compile_model(model, "CPU", hint)

    def predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([np.array(compiled([image[None]])[0]) for image in images])

    return predict
