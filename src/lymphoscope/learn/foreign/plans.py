"""What nnU-Net v2 decided for a model: its plans.json and dataset.json, read and checked.

Reference: Isensee et al., Nat Methods 2021;18:203; nnunetv2 2.5.2, utilities/plans_handling and label_handling.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.foreign.resize import Rule

PREVIOUS = "previous"
"""Folder, in that of a stored cascade, of the model whose labels it reads."""
SCHEMES = ("CTNormalization", "ZScoreNormalization", "NoNormalization", "RescaleTo01Normalization")
READERS = {"SimpleITKIO": False, "NibabelIO": False, "NibabelIOWithReorient": True}
"""nnU-Net's readers of NIfTI, and whether they turn images to right–anterior–superior."""

_RESAMPLING = "resample_data_or_seg_to_shape"
_ARCHITECTURES = {"PlainConvUNet": False, "ResidualEncoderUNet": True}
_ARCHITECTURE_WORDS = {
    "n_stages", "features_per_stage", "conv_op", "kernel_sizes", "strides", "n_conv_per_stage", "n_blocks_per_stage",
    "n_conv_per_stage_decoder", "conv_bias", "norm_op", "norm_op_kwargs", "dropout_op", "dropout_op_kwargs", "nonlin",
    "nonlin_kwargs",
}  # fmt: skip
_MOST_BYTES = 64 * 2**20
MOST_VOXELS = 2**29
_MOST_PATCH = 2**25
_MOST_WIDTH, _MOST_LEVELS, _MOST_CHANNELS = 4096, 12, 64
_MOST_PARENTS = 8


@dataclass(frozen=True)
class Channel:
    """How one input image is normalised.

    Attributes:
        scheme: One of `SCHEMES`.
        masked: Only where any image is not zero.
        figures: Of the training set, for CT: mean, std, percentile_00_5, percentile_99_5.
    """

    scheme: str
    masked: bool
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Labels:
    """What the outputs of the network mean.

    Attributes:
        names: Name of each output, background first unless the outputs are regions.
        values: Label written for each output.
        regions: Outputs are regions that may overlap, each with its own probability; later ones cover earlier ones.
        foreground: Labels that are written in masks, without background.
    """

    names: tuple[str, ...]
    values: tuple[int, ...]
    regions: bool = False
    foreground: tuple[int, ...] = ()


@dataclass(frozen=True)
class ForeignPlan:
    """One configuration of a trained nnU-Net; axes as the network has them, unless it says otherwise.

    Attributes:
        configuration: Its name, such as ``3d_fullres``.
        transpose: Axis of the image (z, y, x) that each axis of the network is.
        reorients: The image is turned to right–anterior–superior first.
        spacing: mm along each axis; 0 along the first of a network of planes, which stays as the image has it.
        patch: Voxels along each axis; 1 along the first of a network of planes.
        channels: Of the input, in order.
        names: Of the channels, as written.
        data: How images are resampled.
        logits: How the outputs are.
        network: Settings of `lymphoscope.nets.unet`.
        labels: What the outputs mean.
        masks: How label maps are resampled.
        previous: Configuration whose labels it reads beside the images; empty for none.
    """

    configuration: str
    transpose: tuple[int, ...]
    reorients: bool
    spacing: tuple[float, ...]
    patch: tuple[int, ...]
    channels: tuple[Channel, ...]
    names: tuple[str, ...]
    data: Rule
    logits: Rule
    network: Mapping[str, Any]
    labels: Labels
    masks: Rule
    previous: str

    @property
    def dimensions(self) -> int:
        """2 for a network of planes, else 3."""
        return len(self.network["strides"][0])

    @property
    def read_labels(self) -> tuple[int, ...]:
        """Labels of the previous network that are read, each as an image of 0 and 1."""
        return self.labels.foreground if self.previous else ()

    @property
    def inputs(self) -> int:
        """Channels of the network."""
        return len(self.channels) + len(self.read_labels)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a model folder.

    Raises:
        LymphoscopeError: ``MODEL-E-PLANS`` when it is absent, too large or damaged.
    """
    try:
        _require(path.stat().st_size <= _MOST_BYTES, "the file is larger than any plan", path.name)
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise LymphoscopeError("MODEL-E-PLANS", "the file cannot be read", where=path.name) from None
    _require(isinstance(record, dict), "the file is no JSON object", path.name)
    return dict(record)


def foreign_plan(plans: Mapping[str, Any], dataset: Mapping[str, Any], configuration: str) -> ForeignPlan:
    """Read a configuration.

    Args:
        plans: plans.json.
        dataset: dataset.json.
        configuration: Name of the configuration that was trained.

    Raises:
        LymphoscopeError: ``MODEL-E-PLANS`` when something is missing, damaged, or not one of the ways that are known
            here.
    """
    try:
        chosen = _configuration(plans, configuration)
        spacing = _numbers(chosen["spacing"], float)
        names = tuple(str(v) for _, v in sorted(_channels(dataset).items(), key=lambda item: int(item[0])))
        patch = _numbers(chosen["patch_size"], int)
        _require(2 <= len(spacing) == len(patch) <= 3, f"{configuration} works neither on volumes nor on planes")
        flat = len(spacing) == 2
        _require(math.prod(chosen["patch_size"]) <= _MOST_PATCH, "its windows are larger than any network's")
        _require(0 < len(names) <= _MOST_CHANNELS, "it has no channels, or far too many", "dataset.json")
        return ForeignPlan(
            configuration=configuration,
            transpose=_transpose(plans),
            reorients=_reorients(plans),
            spacing=(0.0, *spacing) if flat else spacing,
            patch=(1, *patch) if flat else patch,
            channels=_normalisations(plans, chosen, len(names)),
            names=names,
            data=_rule(chosen, "data"),
            logits=_rule(chosen, "probabilities"),
            network=_fitting(_network(chosen, len(patch)), patch),
            labels=_labels(dataset),
            masks=_rule(chosen, "seg"),
            previous=str(chosen.get("previous_stage") or ""),
        )
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        what = f"the plans lack something or are damaged ({type(error).__name__}: {str(error)[:80]})"
        raise LymphoscopeError("MODEL-E-PLANS", what, where=configuration) from None


def _require(true: bool, what: str, where: str = "plans.json") -> None:
    if not true:
        raise LymphoscopeError("MODEL-E-PLANS", what, where=where)


def _numbers(values: Any, kind: type) -> tuple[Any, ...]:
    found = tuple(kind(v) for v in values)
    _require(all(math.isfinite(v) and v > 0 for v in found), f"{list(found)} are not sizes")
    return found


def _configuration(plans: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A configuration with what it inherits."""
    chain: list[Mapping[str, Any]] = []
    wanted: Any = name
    while wanted is not None:
        _require(wanted in plans["configurations"], f"there is no configuration {str(wanted)[:40]!r}")
        _require(len(chain) < _MOST_PARENTS, "configurations inherit from each other in a circle")
        chain.append(plans["configurations"][wanted])
        wanted = chain[-1].get("inherits_from")
    return {key: value for part in reversed(chain) for key, value in part.items()}


def _channels(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    channels = dataset.get("channel_names") or dataset["modality"]
    _require(sorted(channels) == sorted(map(str, range(len(channels)))), "channels are not 0, 1, …", "dataset.json")
    return dict(channels)


def _transpose(plans: Mapping[str, Any]) -> tuple[int, ...]:
    order = tuple(int(axis) for axis in plans["transpose_forward"])
    _require(sorted(order) == [0, 1, 2], f"{list(order)} is no order of three axes")
    return order


def _reorients(plans: Mapping[str, Any]) -> bool:
    reader = str(plans.get("image_reader_writer", "SimpleITKIO"))
    _require(reader in READERS, f"images were read by {reader[:40]}, which is not known here")
    return READERS[reader]


def _normalisations(plans: Mapping[str, Any], chosen: Mapping[str, Any], count: int) -> tuple[Channel, ...]:
    figures = plans.get("foreground_intensity_properties_per_channel") or plans.get(
        "foreground_intensity_properties_by_modality", {}
    )
    schemes, masks = chosen["normalization_schemes"], chosen["use_mask_for_norm"]
    _require(len(schemes) == len(masks) == count, "there is not one normalisation for each channel")
    found = []
    for number, (scheme, masked) in enumerate(zip(schemes, masks, strict=True)):
        _require(scheme in SCHEMES, f"channel {number} is normalised by {str(scheme)[:40]!r}, which is not known here")
        wanted = ("mean", "std", "percentile_00_5", "percentile_99_5") if scheme == "CTNormalization" else ()
        own = {word: float(figures[str(number)][word]) for word in wanted}
        _require(all(map(math.isfinite, own.values())), f"figures of channel {number} are not finite")
        found.append(Channel(scheme, bool(masked), own))
    return tuple(found)


def _rule(chosen: Mapping[str, Any], kind: str) -> Rule:
    name = chosen.get(f"resampling_fn_{kind}", _RESAMPLING)
    _require(name == _RESAMPLING, f"{kind} are resampled by {str(name)[:40]!r}, which is not known here")
    given = chosen.get(f"resampling_fn_{kind}_kwargs", {})
    order, order_z = int(given.get("order", 1 if kind == "seg" else 3)), int(given.get("order_z", 0))
    _require(order in (0, 1, 2, 3) and order_z in (0, 1, 2, 3), f"{kind} are resampled by a spline of order {order}")
    return Rule(order, order_z, given.get("force_separate_z", False))


def _network(chosen: Mapping[str, Any], dimensions: int) -> dict[str, Any]:
    """Settings of the network in our words; plans of before nnU-Net 2.4 say them in other words."""
    if "architecture" in chosen:
        name = str(chosen["architecture"]["network_class_name"]).rpartition(".")[2]
        words = chosen["architecture"]["arch_kwargs"]
        convs = words.get("n_conv_per_stage") or words["n_blocks_per_stage"]
        widths, kernels, strides = words["features_per_stage"], words["kernel_sizes"], words["strides"]
        _require(
            all(not words[w] for w in words if w not in _ARCHITECTURE_WORDS), f"{name} has settings not known here"
        )
        norm = f"InstanceNorm{dimensions}d"
        _require(str(words["norm_op"]).endswith(norm), "the network has another norm than instance norm")
        _require(str(words["nonlin"]).endswith("LeakyReLU"), "the network has another activation than leaky ReLU")
        bias, decoder = bool(words["conv_bias"]), words["n_conv_per_stage_decoder"]
    else:
        name, convs, bias = str(chosen["UNet_class_name"]), chosen["n_conv_per_stage_encoder"], True
        base, most = int(chosen["UNet_base_num_features"]), int(chosen["unet_max_num_features"])
        widths = [min(base * 2**level, most) for level in range(len(convs))]
        kernels, strides = chosen["conv_kernel_sizes"], chosen["pool_op_kernel_sizes"]
        decoder = chosen["n_conv_per_stage_decoder"]
    _require(name in _ARCHITECTURES, f"the network is a {name[:40]}, which is not known here")
    levels = len(widths)
    sane = 1 < levels <= _MOST_LEVELS and max(widths) <= _MOST_WIDTH and len(kernels) == len(strides) == levels
    sane = sane and {len(axes) for axes in (*kernels, *strides)} == {dimensions}
    _require(sane, "the network has more levels or channels than any, or other axes than its windows")
    return {
        "widths": _numbers(widths, int),
        "strides": tuple(_numbers(stride, int) for stride in strides),
        "kernels": tuple(_numbers(kernel, int) for kernel in kernels),
        "convs": _each(convs, levels),
        "decoder_convs": _each(decoder, levels - 1),
        "down": "stride",
        "act": "leaky_relu",
        "bias": bias,
        "residual": _ARCHITECTURES[name],
    }


def _fitting(network: dict[str, Any], patch: Sequence[int]) -> dict[str, Any]:
    """A network whose strides divide its windows."""
    whole = [math.prod(axis) for axis in zip(*network["strides"], strict=True)]
    divided = all(side % step == 0 for side, step in zip(patch, whole, strict=True))
    _require(divided, f"windows of {list(patch)} cannot be halved as often as the network does")
    return network


def _each(value: int | Sequence[int], count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else _numbers(value, int)


def _labels(dataset: Mapping[str, Any]) -> Labels:
    written = {str(name): value for name, value in dataset["labels"].items() if str(name) != "ignore"}
    if any(isinstance(value, list) for value in written.values()):
        parts = {n: v if isinstance(v, list) else [v] for n, v in written.items()}
        names = tuple(name for name, value in parts.items() if set(value) != {0})
        order = tuple(int(v) for v in dataset["regions_class_order"])
        _require(len(order) == len(names), "regions and their labels differ in number", "dataset.json")
        drawn = tuple(sorted({int(label) for value in parts.values() for label in value} - {0}))
        return Labels(names, order, True, drawn)
    pairs = sorted((int(value), name) for name, value in written.items())
    values = tuple(value for value, _ in pairs)
    _require(values == tuple(range(len(pairs))) and len(pairs) > 1, "labels are not 0, 1, …", "dataset.json")
    return Labels(tuple(name for _, name in pairs), values, foreground=values[1:])
