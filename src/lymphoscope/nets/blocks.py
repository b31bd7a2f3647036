"""What networks are built of: convolutions with their norm and activation, shortcuts, and how weights begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from monai.networks.blocks.convolutions import Convolution
from monai.networks.layers.factories import Act, Conv, Pool
from monai.networks.layers.utils import get_act_layer, get_norm_layer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.nets.norms import INSTANCE

Axes = int | Sequence[int]
"""One number for every axis, or one for each: (z, y, x)."""

NORMS: dict[str, Any] = {
    "instance": (INSTANCE, {"affine": True}),
    "batch": "batch",
    "group": ("group", {"num_groups": 8}),
    "none": None,
}
ACTS: dict[str, Any] = {
    "relu": (Act.RELU, {"inplace": True}),
    "leaky_relu": (Act.LEAKYRELU, {"negative_slope": 0.01, "inplace": True}),
    "prelu": Act.PRELU,
    "elu": (Act.ELU, {"inplace": True}),
    "gelu": Act.GELU,
    "none": None,
}
ENOUGH_FOR_BATCH_NORM = 8
"""Examples a step from which statistics of the batch are steady enough to normalise with."""


@dataclass(frozen=True)
class Style:
    """What stands around every convolution of a network.

    Attributes:
        dims: 2 or 3.
        norm: ``instance``, ``batch``, ``group`` (of 8), ``none``, or ``auto``: batch norm where a step has 8 examples.
        act: ``relu``, ``leaky_relu`` (0.01), ``prelu``, ``elu``, ``gelu`` or ``none``.
        bias: Whether convolutions have a bias; before a norm it has no effect.
        batch: Examples a step, for ``auto``.
    """

    dims: int = 3
    norm: str = "instance"
    act: str = "relu"
    bias: bool = False
    batch: int = 1

    def __post_init__(self) -> None:
        """Refuse names that nothing answers to, and settle ``auto``.

        Raises:
            LymphoscopeError: ``USE-E-VALUE``.
        """
        if self.norm == "auto":
            object.__setattr__(self, "norm", "batch" if self.batch >= ENOUGH_FOR_BATCH_NORM else "instance")
        require(self.dims in (2, 3), f"a network has 2 or 3 dimensions, not {self.dims}")
        require(self.norm in NORMS, f"norm is one of {', '.join(NORMS)} or auto, not {self.norm!r}")
        require(self.act in ACTS, f"act is one of {', '.join(ACTS)}, not {self.act!r}")

    def without(self, word: str) -> Style:
        """The same with no ``norm`` or no ``act``."""
        return replace(self, act="none") if word == "act" else replace(self, norm="none")

    def conv(self, inside: int, outside: int, kernel: Axes = 3, stride: Axes = 1, **more: Any) -> nn.Module:
        """Convolution that keeps the size (divided by the stride), norm, activation."""
        settings: dict[str, Any] = {"norm": NORMS[self.norm], "act": ACTS[self.act], "bias": self.bias, **more}
        kernel, stride = each_axis(kernel, self.dims), each_axis(stride, self.dims)
        return Convolution(self.dims, inside, outside, stride, kernel, adn_ordering="NDA", **settings)

    def plain(self, inside: int, outside: int, kernel: Axes = 1, bias: bool = True) -> nn.Module:
        """Convolution alone, of no stride."""
        kernel = each_axis(kernel, self.dims)
        layer: nn.Module = Conv[Conv.CONV, self.dims](
            inside, outside, kernel, padding=tuple(side // 2 for side in kernel), bias=bias
        )
        return layer

    def transposed(self, inside: int, outside: int, stride: Axes) -> nn.Module:
        """Transposed convolution whose kernel is its stride: no two inputs meet in one output."""
        stride = each_axis(stride, self.dims)
        layer: nn.Module = Conv[Conv.CONVTRANS, self.dims](inside, outside, stride, stride, bias=self.bias)
        return layer

    def pool(self, kind: str, kernel: Axes, stride: Axes | None = None, padding: int = 0) -> nn.Module:
        """Pooling, ``max`` or ``avg``."""
        kernel = each_axis(kernel, self.dims)
        stride = kernel if stride is None else each_axis(stride, self.dims)
        layer: nn.Module = Pool[kind.upper(), self.dims](kernel, stride, padding)
        return layer

    def activation(self) -> nn.Module:
        """The activation alone. It works on a copy: others may read what comes in."""
        layer: nn.Module = nn.Identity() if ACTS[self.act] is None else get_act_layer(ACTS[self.act])
        if isinstance(layer, nn.ReLU | nn.LeakyReLU | nn.ELU):
            layer.inplace = False
        return layer

    def normalisation(self, width: int) -> nn.Module:
        """The norm alone."""
        return nn.Identity() if NORMS[self.norm] is None else get_norm_layer(NORMS[self.norm], self.dims, width)


class Residual(nn.Module):
    """act(body(x) + shortcut(x)).

    Reference: He et al., CVPR 2016.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut, self.act = body, shortcut, act

    def forward(self, images: Tensor) -> Tensor:
        """The activated sum."""
        found: Tensor = self.act(self.body(images) + self.shortcut(images))
        return found


def stack(style: Style, inside: int, widths: Sequence[int], kernel: Axes = 3, stride: Axes = 1) -> nn.Sequential:
    """Convolutions one after the other, the first with the stride."""
    ends = [inside, *widths]
    return nn.Sequential(
        *(
            style.conv(before, after, kernel, stride if number == 0 else 1)
            for number, (before, after) in enumerate(zip(ends, widths, strict=False))
        )
    )


def he(module: nn.Module, slope: float = 0.0) -> None:
    """Begin every convolution with normal weights that keep the variance, and no bias.

    Args:
        module: What begins, in place.
        slope: Of the activation below zero.

    Reference: He et al., ICCV 2015.
    """
    for layer in module.modules():
        if isinstance(layer, nn.modules.conv._ConvNd):
            nn.init.kaiming_normal_(layer.weight, a=slope)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def silence(body: nn.Module) -> None:
    """Begin the last norm of a residual body at zero, so that its block begins as its shortcut."""
    norms = [m for m in body.modules() if isinstance(m, nn.modules.batchnorm._NormBase) and m.affine]
    if norms:
        nn.init.zeros_(norms[-1].weight)


def recomputed(module: nn.Module, images: Tensor, saving: bool) -> Tensor:
    """module(images); where memory is saved, what lies between is computed again for the gradient."""
    if saving and torch.is_grad_enabled():
        found: Tensor = checkpoint(module, images, use_reentrant=False)
        return found
    found = module(images)
    return found


def each_axis(value: Axes, dims: int) -> tuple[int, ...]:
    """One number for each axis.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for another count of numbers than axes.
    """
    if isinstance(value, int):
        return (value,) * dims
    require(len(value) == dims, f"{tuple(value)} does not have one number for each of {dims} axes")
    return tuple(value)


def each_level(value: Any, levels: int) -> tuple[Any, ...]:
    """One value for each level: a number counts for all of them.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for another count of values than levels.
    """
    if isinstance(value, int):
        return (value,) * levels
    require(len(value) == levels, f"{value} does not have one value for each of {levels} levels")
    return tuple(value)


def cumulative(strides: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Strides relative to the input from those between levels."""
    total: list[tuple[int, ...]] = []
    for stride in strides:
        above = total[-1] if total else (1,) * len(stride)
        total.append(tuple(a * s for a, s in zip(above, stride, strict=True)))
    return total


def require(true: bool, what: str) -> None:
    """Refuse settings that no network can be built from.

    Raises:
        LymphoscopeError: ``USE-E-VALUE``.
    """
    if not true:
        raise LymphoscopeError("USE-E-VALUE", what)
