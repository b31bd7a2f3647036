"""nnU-Net's weights in our network, and its export for inference without torch."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.foreign.plans import ForeignPlan
from lymphoscope.learn.offline import openvino
from lymphoscope.learn.openvino_engine import by_openvino
from lymphoscope.nets.heads import segment
from lymphoscope.nets.network import Network
from lymphoscope.nets.unet import unet

TOLERANCE = 2e-3
"""Largest difference of an output between torch and its export, as a share of the largest output."""

_RENAMED = (
    (r"backbone\.encoder\.stem\.", "encoder.stem.convs.0."),
    (r"backbone\.encoder\.stages\.(\d+)\.(\d+)\.body\.0\.", r"encoder.stages.\1.blocks.\2.conv1."),
    (r"backbone\.encoder\.stages\.(\d+)\.(\d+)\.body\.1\.", r"encoder.stages.\1.blocks.\2.conv2."),
    (r"backbone\.encoder\.stages\.(\d+)\.(\d+)\.shortcut\.", r"encoder.stages.\1.blocks.\2.skip."),
    (r"backbone\.encoder\.stages\.(\d+)\.(\d+)\.", r"encoder.stages.\1.0.convs.\2."),
    (r"adn\.N\.", "norm."),
)
"""Our names of weights to nnU-Net's; the decoder's levels count the other way, see `foreign_name`."""


def foreign_name(name: str, levels: int) -> str:
    """nnU-Net's name of a weight of ours.

    Args:
        name: Ours.
        levels: Of the network.
    """
    for pattern, replacement in _RENAMED:
        name = re.sub(f"^{pattern}" if pattern.startswith("backbone") else pattern, replacement, name)
    turned = [(r"backbone\.decoder\.stages\.(\d+)\.(\d+)\.", "decoder.stages.{}.convs.{}.")]
    turned.append((r"backbone\.decoder\.ups\.(\d+)\.", "decoder.transpconvs.{}."))
    turned.append((r"heads\.0\.scores\.(\d+)\.", "decoder.seg_layers.{}."))
    for pattern, made in turned:
        if found := re.match(pattern, name):
            level, *more = found.groups()
            return made.format(levels - 2 - int(level), *more) + name[found.end() :]
    return name


def network_with(plan: ForeignPlan, weights: Mapping[str, Tensor]) -> Network:
    """Our network with nnU-Net's weights.

    Args:
        plan: What was trained.
        weights: By nnU-Net's names.

    Raises:
        LymphoscopeError: ``MODEL-E-NETWORK`` when names or sizes do not fit.
    """
    try:
        with torch.device("meta"):
            backbone = unet(plan.inputs, plan.dimensions, **plan.network)
            network = Network(backbone, [segment(backbone.widths, plan.dimensions, len(plan.labels.names))])
    except (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError, LymphoscopeError):
        raise LymphoscopeError("MODEL-E-NETWORK", "no network can be built by the plans") from None
    levels = len(plan.network["widths"])
    wanted = {name: foreign_name(name, levels) for name in network.state_dict()}
    missing = [name for name in wanted.values() if name not in weights]
    if missing:
        what = f"{len(missing)} of {len(wanted)} weights are not there, such as {missing[0]}"
        raise LymphoscopeError("MODEL-E-NETWORK", what)
    beyond = _own(weights) - set(wanted.values())
    if beyond:
        what = f"the checkpoint has {len(beyond)} weights that its plan has not, such as {sorted(beyond)[0][:80]}"
        raise LymphoscopeError("MODEL-E-NETWORK", what)
    try:
        state = {ours: weights[theirs].float() for ours, theirs in wanted.items()}
        network.load_state_dict(state, assign=True)
    except RuntimeError:
        raise LymphoscopeError("MODEL-E-NETWORK", "weights have other sizes than the plan says") from None
    return network.eval()


def _own(weights: Mapping[str, Tensor]) -> set[str]:
    """Names without those under which nnU-Net keeps the same weight again, and heads used in training only."""
    double = re.compile(r"decoder\.encoder\.|.*\.all_modules\.|decoder\.seg_layers\.")
    return {name for name in weights if not double.match(name)}


class Evidence(nn.Module):
    """Logits of a network; of two classes only their difference, which is all that they say.

    Blending, mirroring, voting and linear resampling are linear, so that the difference passes through them unchanged.
    """

    def __init__(self, network: Network, difference: bool) -> None:
        super().__init__()
        self.network, self.difference = network, difference

    def forward(self, images: Tensor) -> Tensor:
        """(batch, outputs, *space)."""
        logits: Tensor = self.network(images)["logits"][0]
        return logits[:, 1:] - logits[:, :1] if self.difference else logits


def is_difference(plan: ForeignPlan) -> bool:
    """Whether the two outputs of a network compete, so that one number says both."""
    return len(plan.labels.names) == 2 and not plan.labels.regions


def export(plan: ForeignPlan, network: Network, path: Path) -> float:
    """Write a network for OpenVINO, and compare it with torch.

    Args:
        plan: What it was trained by.
        network: With its weights.
        path: The ``.xml`` file; weights lie beside it as ``.bin``.

    Returns:
        Largest difference of an output on random input, as a share of the largest output.

    Raises:
        LymphoscopeError: ``RUN-E-EXPORT`` when it is above `TOLERANCE`.
    """
    shape = (1, plan.inputs, *plan.patch[-plan.dimensions :])
    example = torch.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))
    module = Evidence(network, is_difference(plan))
    with torch.inference_mode():
        wanted = module(example).numpy()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: sizes are fixed, so that nothing of them is lost
        model = openvino.convert_model(module, example_input=example, input=list(shape))
    openvino.save_model(model, path, compress_to_fp16=False)
    difference = float(np.abs(by_openvino(path)(example.numpy()) - wanted).max() / max(np.abs(wanted).max(), 1e-6))
    if not difference <= TOLERANCE:
        raise LymphoscopeError("RUN-E-EXPORT", f"outputs differ by {difference:.2g} of the largest", where=path.name)
    return difference
