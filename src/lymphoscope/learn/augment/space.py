"""Augmentations that move images and labels: all that happen to an example add up to one resampling.

Lengths are mm, so that a turn of thick slices is a turn of the body. 2D examples turn about the axis across them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.augment.augment import Drawn, Spatial, between, seed
from lymphoscope.learn.augment.warp import Bend, Warp, bent, linear


@dataclass(frozen=True, kw_only=True)
class Flip(Spatial):
    """Mirror axes, each for itself.

    Attributes:
        axes: Axes that may be mirrored, of ``zyx``.
        probability: That an axis is mirrored.
    """

    axes: str = "zyx"

    def __post_init__(self) -> None:
        """Refuse axes that do not exist.

        Raises:
            LymphoscopeError: ``USE-E-VALUE``.
        """
        super().__post_init__()
        if set(self.axes) - set("zyx"):
            raise LymphoscopeError("USE-E-VALUE", f"flip has the axes {self.axes!r}, but they are of zyx")

    def draw(self, rng: np.random.Generator, channels: int, dims: int) -> Drawn | None:
        """The sign of each axis."""
        mirrored = [axis in self.axes and bool(rng.random() < self.probability) for axis in "zyx"[-dims:]]
        return {"signs": [-1 if one else 1 for one in mirrored]} if any(mirrored) else None

    def warp(self, drawn: Drawn) -> Warp:
        """The mirror."""
        return linear(np.diag(np.array(drawn["signs"], float)))


@dataclass(frozen=True, kw_only=True)
class Rotate(Spatial):
    """Turn about each axis through the middle.

    Attributes:
        degrees: Largest angle, one number or one for each of the axes (z, y, x).
    """

    degrees: float | Sequence[float] = 15.0

    def happening(self, rng: np.random.Generator, channels: int, dims: int) -> Drawn:
        """An angle about each axis."""
        return {"degrees": _angles(rng, self.degrees, dims)}

    def warp(self, drawn: Drawn) -> Warp:
        """The turn."""
        return linear(turn(drawn["degrees"]))


@dataclass(frozen=True, kw_only=True)
class Scale(Spatial):
    """Enlarge or reduce about the middle.

    Attributes:
        factor: Smallest and largest; above 1 things grow.
        per_axis: A factor for each axis.
    """

    factor: tuple[float, float] = (0.85, 1.15)
    per_axis: bool = False

    def happening(self, rng: np.random.Generator, channels: int, dims: int) -> Drawn:
        """A factor along each axis."""
        return {"factors": _factors(rng, self.factor, self.per_axis, dims)}

    def warp(self, drawn: Drawn) -> Warp:
        """The enlargement."""
        return linear(np.diag(drawn["factors"]))


@dataclass(frozen=True, kw_only=True)
class Affine(Spatial):
    """Scale, shear, turn and shift, in this order.

    Attributes:
        degrees: Largest angle, one number or one for each of the axes (z, y, x).
        factor: Smallest and largest scale; above 1 things grow.
        per_axis: A scale for each axis.
        shift: Largest shift along each axis, mm.
        shear: Largest shear of each axis by each later one, mm per mm.
    """

    degrees: float | Sequence[float] = 15.0
    factor: tuple[float, float] = (0.85, 1.15)
    per_axis: bool = False
    shift: float = 0.0
    shear: float = 0.0

    def happening(self, rng: np.random.Generator, channels: int, dims: int) -> Drawn:
        """All numbers of the movement."""
        return {
            "degrees": _angles(rng, self.degrees, dims),
            "factors": _factors(rng, self.factor, self.per_axis, dims),
            "shift": [between(rng, (-self.shift, self.shift)) for _ in range(dims)],
            "shear": [between(rng, (-self.shear, self.shear)) for _ in range(dims * (dims - 1) // 2)],
        }

    def warp(self, drawn: Drawn) -> Warp:
        """The movement."""
        factors = np.diag(drawn["factors"])
        shear = np.eye(len(factors))
        shear[np.triu_indices(len(factors), 1)] = drawn["shear"]
        return linear(turn(drawn["degrees"]) @ shear @ factors, np.array(drawn["shift"]))


@dataclass(frozen=True, kw_only=True)
class Elastic(Spatial):
    """Bend smoothly, by cubic B-splines between random control points.

    Attributes:
        mm: Standard deviation of the displacement along each axis, mm.
        every: Distance between control points, mm.
    """

    mm: float = 3.0
    every: float = 40.0

    def happening(self, rng: np.random.Generator, channels: int, dims: int) -> Drawn:
        """The seed of the control points."""
        return {"seed": seed(rng), "mm": self.mm, "every": self.every, "dims": dims}

    def warp(self, drawn: Drawn) -> Warp:
        """The bend."""
        return bent(drawn["dims"], Bend(drawn["seed"], drawn["mm"], drawn["every"]))


def turn(degrees: Sequence[float]) -> NDArray[np.float64]:
    """Rotation by angles about (z, y, x), x first; one angle turns a plane. About z it leads from y to x."""
    if len(degrees) == 1:
        return _plane(degrees[0])
    found = np.eye(3)
    for axis, angle in enumerate(degrees):
        single = np.eye(3)
        others = [other for other in range(3) if other != axis]
        single[np.ix_(others, others)] = _plane(angle)
        found = found @ single
    return found


def _plane(degrees: float) -> NDArray[np.float64]:
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def _angles(rng: np.random.Generator, largest: float | Sequence[float], dims: int) -> list[float]:
    limits = (largest,) * 3 if isinstance(largest, int | float) else tuple(largest)
    return [between(rng, (-limit, limit)) for limit in (limits if dims == 3 else limits[:1])]


def _factors(rng: np.random.Generator, limits: tuple[float, float], per_axis: bool, dims: int) -> list[float]:
    return [between(rng, limits) for _ in range(dims)] if per_axis else [between(rng, limits)] * dims
