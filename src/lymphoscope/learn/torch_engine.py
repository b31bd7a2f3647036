"""Trained networks by torch, and their export to OpenVINO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.infer import Predict
from lymphoscope.learn.offline import openvino
from lymphoscope.learn.openvino_engine import by_openvino
from lymphoscope.nets.network import Network

TOLERANCE = 2e-3
"""Largest difference of a probability between torch and its OpenVINO export, float32, that an export may have."""


class _Predicting(nn.Module):
    """A network that gives probabilities only."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network.predict(images)


def by_torch(network: Network, device: str = "cpu", precision: str = "no") -> Predict:
    """A network by torch.

    Args:
        network: With its weights.
        device: ``cpu`` or ``cuda``.
        precision: ``no`` for float32, ``bf16`` for bfloat16 where torch thinks it safe.
    """
    network = network.to(device).eval()

    def predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            layout = torch.channels_last_3d if images.ndim == 5 else torch.channels_last
            shown = torch.from_numpy(images).to(device).contiguous(memory_format=layout)
            return np.asarray(network.predict(shown).float().cpu().numpy(), np.float32)

    return predict


def export(network: Network, channels: int, size: Sequence[int], path: Path) -> float:
    """Write a network for OpenVINO, and compare what it predicts with torch.

    Args:
        network: With its weights.
        channels: Of the input.
        size: Side of the input, context included, voxels.
        path: The ``.xml`` file; weights lie beside it as ``.bin``.

    Returns:
        Largest difference of a probability on a random input.

    Raises:
        LymphoscopeError: ``RUN-E-EXPORT`` when the difference is above `TOLERANCE`.
    """
    module = _Predicting(network.to("cpu").float().eval())
    example = torch.from_numpy(np.random.default_rng(0).standard_normal((1, channels, *size)).astype(np.float32))
    with torch.no_grad():
        wanted = module(example).numpy()
        model = openvino.convert_model(module, example_input=example, input=[1, channels, *size])
    openvino.save_model(model, path, compress_to_fp16=False)
    difference = float(np.abs(by_openvino(path)(example.numpy()) - wanted).max())
    if difference > TOLERANCE:
        what = f"the exported network differs from the trained one by {difference:.2g} in probability"
        raise LymphoscopeError("RUN-E-EXPORT", what, where=path.name)
    return difference
