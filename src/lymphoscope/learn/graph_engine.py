"""Exported networks by torch, on a graphics card: the graph that OpenVINO would run, operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lymphoscope.learn.infer import Predict
from lymphoscope.learn.offline import openvino

Apply = Callable[[Mapping[str, Any], list[Any]], Tensor]
"""An operation: its attributes and what it reads, tensors or numbers of numpy, to what it gives."""

_CONVOLUTIONS = {4: functional.conv2d, 5: functional.conv3d}
_TRANSPOSED = {4: functional.conv_transpose2d, 5: functional.conv_transpose3d}
_AVERAGES = {4: functional.avg_pool2d, 5: functional.avg_pool3d}


def by_graph(path: Path, device: str, precision: str = "f32") -> Predict:
    """An exported network by torch.

    Args:
        path: The ``.xml`` file, in 32 bits.
        device: ``cuda``, or ``cpu`` to compare.
        precision: ``f32``, or ``bf16`` for what torch thinks safe in it.

    Raises:
        RuntimeError: When the file is damaged, or has an operation that is not known here.
    """
    graph = _Graph(openvino.Core().read_model(path), torch.device(device))

    def predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
        exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
        less = torch.autocast(device, torch.bfloat16, enabled=precision == "bf16")
        with torch.inference_mode(), exact, less:
            return np.concatenate([graph(image[None]).float().cpu().numpy() for image in images])

    return predict


class _Graph:
    """Operations in the order in which they can be done, with their constants on a device."""

    def __init__(self, model: Any, device: torch.device) -> None:
        nodes = model.get_ordered_ops()
        unknown = sorted({node.get_type_name() for node in nodes} - {*OPERATIONS, "Parameter", "Constant", "Result"})
        if unknown:
            raise RuntimeError(f"no operation {unknown[0]}")
        self._device = device
        self._held = {_name(node): _constant(node, device) for node in nodes if node.get_type_name() == "Constant"}
        self._input = _name(model.input(0).get_node())
        self._output = _name(model.output(0).get_node().input_value(0).get_node())
        steps = [node for node in nodes if node.get_type_name() in OPERATIONS]
        self._steps = [
            (_name(node), OPERATIONS[node.get_type_name()], node.get_attributes(), _read(node)) for node in steps
        ]
        last = {name: number for number, (*_, reads) in enumerate(self._steps) for name in reads}
        self._done_with: list[list[str]] = [[] for _ in self._steps]
        for name in last.keys() - self._held.keys() - {self._output}:
            self._done_with[last[name]].append(name)

    def __call__(self, image: NDArray[np.float32]) -> Tensor:
        """What the network gives; a value is let go when nothing reads it any more."""
        values = {self._input: torch.from_numpy(np.ascontiguousarray(image)).to(self._device)}
        for (name, apply, attributes, reads), done in zip(self._steps, self._done_with, strict=True):
            values[name] = apply(attributes, [values[r] if r in values else self._held[r] for r in reads])
            for gone in done:
                del values[gone]
        return values[self._output]


def _name(node: Any) -> str:
    return str(node.get_friendly_name())


def _read(node: Any) -> list[str]:
    return [_name(value.get_node()) for value in node.input_values()]


def _constant(node: Any, device: torch.device) -> Tensor | NDArray[np.integer]:
    """Weights on the device; whole numbers, which say how and not what, stay with the program."""
    data = np.array(node.data)
    return torch.from_numpy(data).to(device) if data.dtype == np.float32 else data


def _even(attributes: Mapping[str, Any]) -> list[int]:
    """Padding, which torch has the same on both sides."""
    begin, end = list(attributes["pads_begin"]), list(attributes["pads_end"])
    if begin != end:
        raise RuntimeError("padding differs between sides")
    return begin


def _convolution(told: Mapping[str, Any], read: list[Any]) -> Tensor:
    image, kernel = read
    return _CONVOLUTIONS[image.ndim](image, kernel, None, told["strides"], _even(told), told["dilations"])


def _transposed(told: Mapping[str, Any], read: list[Any]) -> Tensor:
    image, kernel = read[:2]
    more, even = list(told["output_padding"]), _even(told)
    return _TRANSPOSED[image.ndim](image, kernel, None, told["strides"], even, more, 1, told["dilations"])


def _average(told: Mapping[str, Any], read: list[Any]) -> Tensor:
    rounded_up = str(told["rounding_type"]).lower() != "floor"
    counts_padding = not told["exclude-pad"]
    return _AVERAGES[read[0].ndim](read[0], told["kernel"], told["strides"], _even(told), rounded_up, counts_padding)


def _normalised(told: Mapping[str, Any], read: list[Any]) -> Tensor:
    image, axes = read
    if {int(axis) % image.ndim for axis in axes.ravel()} != set(range(2, image.ndim)) or not told["normalize_variance"]:
        raise RuntimeError("a normalisation of another kind")
    return functional.instance_norm(image, eps=float(told["eps"]))


def _sliced(_: Mapping[str, Any], read: list[Any]) -> Tensor:
    image: Tensor = read[0]
    where = [slice(None)] * image.ndim
    for start, stop, step, axis in zip(*(np.ravel(n).tolist() for n in read[1:]), strict=True):
        where[axis] = slice(start, stop, step)
    return image[tuple(where)]


OPERATIONS: Mapping[str, Apply] = {
    "Add": lambda _, read: read[0] + read[1],
    "AvgPool": _average,
    "Concat": lambda told, read: torch.cat(read, int(told["axis"])),
    "Convolution": _convolution,
    "ConvolutionBackpropData": _transposed,
    "MVN": _normalised,
    "Multiply": lambda _, read: read[0] * read[1],
    "PRelu": lambda _, read: functional.prelu(read[0], read[1].reshape(-1).to(read[0].dtype)),
    "Relu": lambda _, read: functional.relu(read[0]),
    "Slice": _sliced,
    "Subtract": lambda _, read: read[0] - read[1],
}
"""Those of nnU-Net's networks, by OpenVINO's names."""
