"""Normalisations of a network with sums that hold in 32 bits.

OpenVINO's own (MVN) adds up a window's voxels one after the other. In a window of 128³ that costs 0.04 of a logit in
the end, and always to one side. Averages of averages of small blocks cost nothing that counts.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

ops: Any = importlib.import_module("openvino.opset13")
BLOCKS = (8, 4, 2)
"""Sides of blocks, voxels: the largest that divides a side is taken."""
FEW = 4096
"""So many values are added up well enough one after the other."""


def with_exact_norms(model: Any) -> None:
    """Replace the normalisations of large images in an OpenVINO model; one in 8 bits stays as it is."""
    nodes = model.get_ordered_ops()
    if any(node.get_type_name() == "FakeQuantize" for node in nodes):
        return
    for node in nodes:
        if node.get_type_name() == "MVN" and _of_images(node):
            _replace(node)


def _of_images(node: Any) -> bool:
    """Whether each channel is brought to a variance of one over the whole of a large window of known size."""
    shape, axes = node.get_input_partial_shape(0), node.input_value(1).get_node()
    if shape.is_dynamic or axes.get_type_name() != "Constant" or not node.get_attributes()["normalize_variance"]:
        return False
    sides = shape.to_shape()[2:]
    rank = 2 + len(sides)
    return {int(axis) % rank for axis in axes.data.ravel()} == set(range(2, rank)) and np.prod(sides) > FEW


def _replace(node: Any) -> None:
    told, image = node.get_attributes(), node.input_value(0)
    centred = ops.subtract(image, _mean(image))
    variance, least = _mean(ops.multiply(centred, centred)), np.float32(told["eps"])
    inside = str(told["eps_mode"]).lower() == "inside_sqrt"
    spread = ops.sqrt(ops.add(variance, least)) if inside else ops.add(ops.sqrt(variance), least)
    made = ops.divide(centred, spread).output(0)
    for reader in node.output(0).get_target_inputs():
        reader.replace_source_output(made)


def _mean(image: Any) -> Any:
    """Of each channel: of blocks, of blocks of those, and in the end of the few that are left."""
    image = image if hasattr(image, "get_shape") else image.output(0)
    sides = [int(side) for side in image.get_shape()[2:]]
    while max(blocks := [next((block for block in BLOCKS if side % block == 0), 1) for side in sides]) > 1:
        none = [0] * len(sides)
        image = ops.avg_pool(image, blocks, none, none, blocks, exclude_pad=False)
        sides = [side // block for side, block in zip(sides, blocks, strict=True)]
    return ops.reduce_mean(image, np.arange(2, 2 + len(sides)), keep_dims=True)
