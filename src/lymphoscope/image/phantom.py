"""Analytic phantoms: a small table of shapes, painted on any grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.study import OrganMap
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, LesionMask, Volume

_EDGE = 1 + 1e-9  # a voxel centre on the surface is inside, whatever the rounding
_SLAB_VOXELS = 2_000_000
_FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Shape:
    """One shape of a phantom. Later shapes cover earlier ones.

    Attributes:
        name: What it is, for people.
        kind: ``ellipsoid``, ``box``, ``cylinder`` (elliptic, along its axis) or ``blob`` (a Gaussian that is added).
        centre: LPS mm.
        half: Half axes (x, y, z) in the shape's own frame, mm: radii; for a blob the standard deviations.
        suv: SUV inside, or the height of a blob; None leaves the PET as it is.
        hu: HU inside; None leaves the CT as it is.
        organ: Organ it belongs to, in the words of `lymphoscope.core.study.ORGANS`; empty for none.
        lesion: True for disease.
        axis: Direction of the shape's own z axis in LPS.
    """

    name: str
    kind: str
    centre: Point
    half: Point
    suv: float | None = None
    hu: float | None = None
    organ: str = ""
    lesion: bool = False
    axis: Point = (0.0, 0.0, 1.0)

    @property
    def volume_ml(self) -> float:
        """Exact volume of the shape, mL; infinite for a blob."""
        form = {"ellipsoid": 4 / 3 * math.pi, "box": 8.0, "cylinder": 2 * math.pi, "blob": math.inf}
        return form[self.kind] * math.prod(self.half) / 1000


@dataclass(frozen=True, eq=False)
class Phantom:
    """A phantom and the truth about it.

    Attributes:
        pet: PET in SUVbw.
        ct: CT in HU, or None.
        lesions: True lesions on the PET grid by voxel centres, 1 = largest.
        organs: True organs on the PET grid by voxel centres (lesions excluded).
        shapes: The shapes of the lesions, in the order of their numbers: exact volumes and SUV.
    """

    pet: Volume
    ct: Volume | None
    lesions: LesionMask
    organs: OrganMap
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Imaging:
    """What the scanner does to the object.

    Attributes:
        samples: Sub-samples per axis and voxel; 1 paints by voxel centres with hard edges.
        fwhm_mm: Width of the Gaussian point-spread function; 0 for none.
        noise: Standard deviation of the PET noise relative to the value; the noise has the PSF's grain.
        noise_hu: Standard deviation of the CT noise, HU.
        seed: Of the noise.
    """

    samples: int = 1
    fwhm_mm: float = 0.0
    noise: float = 0.0
    noise_hu: float = 0.0
    seed: int = 0


def paint(shapes: Sequence[Shape], geometry: Geometry, value: str, background: float, samples: int = 1) -> Array:
    """Paint the shapes, in order.

    Args:
        shapes: The table.
        geometry: The grid; oblique ones too.
        value: ``suv`` or ``hu``.
        background: Value outside all shapes.
        samples: Sub-samples per axis and voxel, averaged; 1 takes the value at the voxel's centre.

    Returns:
        (z, y, x) float32.
    """
    if samples == 1:
        return _paint_once(shapes, geometry, value, background)
    total = np.zeros(geometry.shape, np.float64)
    offsets = (np.arange(samples) + 0.5) / samples - 0.5
    for offset in itertools.product(offsets, repeat=3):
        affine = geometry.affine.copy()
        affine[:3, 3] = geometry.to_lps(offset)
        total += _paint_once(shapes, Geometry(geometry.shape, affine), value, background)
    return np.asarray(total / samples**3, dtype=np.float32)


def label(shapes: Sequence[Shape], geometry: Geometry) -> NDArray[np.int32]:
    """Number of the last shape (1…n) that holds each voxel's centre, 0 for none; (z, y, x)."""
    labels = np.zeros(geometry.shape, np.int32)
    for number, shape in enumerate(shapes, start=1):
        for block, radius in _blocks(shape, geometry):
            labels[block][radius <= _EDGE] = number
    return labels


def image(shapes: Sequence[Shape], geometry: Geometry, imaging: Imaging, background: float = 0.0) -> Volume:
    """The PET of the shapes: painted, blurred, with noise.

    Args:
        shapes: The table.
        geometry: The PET grid.
        imaging: Sampling, blur and noise.
        background: SUV outside all shapes.
    """
    suv = _blur(paint(shapes, geometry, "suv", background, imaging.samples), geometry, imaging.fwhm_mm)
    if imaging.noise > 0:
        grain = np.random.default_rng(imaging.seed).standard_normal(geometry.shape, dtype=np.float32)
        grain = _blur(grain, geometry, imaging.fwhm_mm)
        suv = np.maximum(suv * (1 + imaging.noise * grain / grain.std()), 0)
    return Volume(suv.astype(np.float32), geometry, Unit.SUV_BW)


def ct_image(shapes: Sequence[Shape], geometry: Geometry, imaging: Imaging, background: float = -1000.0) -> Volume:
    """The CT of the shapes in HU, with noise but without blur; whole numbers, not below -1024."""
    hu = paint(shapes, geometry, "hu", background)
    if imaging.noise_hu > 0:
        grain = np.random.default_rng([imaging.seed, 1]).standard_normal(geometry.shape, dtype=np.float32)
        hu += np.float32(imaging.noise_hu) * grain
    return Volume(np.clip(np.rint(hu), -1024, 32767).astype(np.int16), geometry, Unit.HU)


def assemble(shapes: Sequence[Shape], pet: Volume, ct: Volume | None, source: str) -> Phantom:
    """Put images and truth together: lesions numbered by size, organs by name."""
    labels = label(shapes, pet.geometry)
    sizes = np.bincount(labels.ravel(), minlength=len(shapes) + 1)
    found = [n for n, s in enumerate(shapes, start=1) if s.lesion and sizes[n]]
    found.sort(key=lambda n: (-sizes[n], int(np.flatnonzero(labels == n)[0])))
    number = np.zeros(len(shapes) + 1, np.int32)
    number[found] = np.arange(1, len(found) + 1)
    names = list(dict.fromkeys(s.organ for s in shapes if s.organ))
    organ = np.array([0] + [names.index(s.organ) + 1 if s.organ else 0 for s in shapes], np.int32)
    return Phantom(
        pet,
        ct,
        LesionMask(number[labels], pet.geometry, source),
        OrganMap(LesionMask(organ[labels], pet.geometry, source), dict(enumerate(names, start=1))),
        tuple(shapes[n - 1] for n in found),
    )


def digital_phantom() -> Phantom:
    """The digital phantom of the specification: two spheres, a cube, a voxel on a background of 1; no CT.

    Reference: the project's quantification specification, section C2 (515, 123, 8 and 1 voxels of 0.064 mL).
    """
    shapes = (
        Shape("large sphere", "ellipsoid", (80, 80, 48), (20, 20, 20), suv=10.0, lesion=True),
        Shape("small sphere", "ellipsoid", (176, 160, 160), (12, 12, 12), suv=6.0, lesion=True),
        Shape("cube", "box", (42, 42, 202), (3, 3, 3), suv=5.0, lesion=True),
        Shape("voxel", "box", (120, 120, 120), (1, 1, 1), suv=4.5, lesion=True),
    )
    geometry = Geometry.axial((60, 64, 64), (4.0, 4.0, 4.0))
    return assemble(shapes, image(shapes, geometry, Imaging(), background=1.0), None, "digital phantom")


def gaussian_blob(geometry: Geometry | None = None, sigma_mm: float = 12.0, height: float = 10.0) -> Volume:
    """A Gaussian in SUV on an empty background, centred on the grid's middle voxel.

    Reference: the project's quantification specification, section C2 (17.957 mL at SUV 4, analytic SUVpeak 9.2352).

    Args:
        geometry: The grid; 41³ voxels of 4 mm when None.
        sigma_mm: Standard deviation.
        height: SUV at the centre.
    """
    geometry = geometry or Geometry.axial((41, 41, 41), (4.0, 4.0, 4.0))
    x, y, z = geometry.to_lps([n // 2 for n in geometry.shape])
    shape = Shape("blob", "blob", (float(x), float(y), float(z)), (sigma_mm,) * 3, suv=height)
    return image((shape,), geometry, Imaging())


def _blur(array: Array, geometry: Geometry, fwhm_mm: float) -> Array:
    if fwhm_mm <= 0:
        return array
    sigma = [fwhm_mm / _FWHM_PER_SIGMA / s for s in geometry.spacing]
    return np.asarray(ndimage.gaussian_filter(array, sigma, mode="nearest"))


def _paint_once(shapes: Sequence[Shape], geometry: Geometry, value: str, background: float) -> NDArray[np.float32]:
    array = np.full(geometry.shape, background, np.float32)
    for shape in shapes:
        inside = getattr(shape, value)
        if inside is None:
            continue
        for block, radius in _blocks(shape, geometry):
            if shape.kind == "blob":
                array[block] += inside * np.exp(-0.5 * radius**2)
            else:
                array[block][radius <= _EDGE] = inside
    return array


def _blocks(shape: Shape, geometry: Geometry) -> Iterator[tuple[tuple[slice, slice, slice], NDArray[np.float64]]]:
    """Blocks of the grid that the shape can reach, with the shape's radius (1 on its surface) at voxel centres."""
    own = _frame(shape.axis)
    to_shape = (own.T / np.array(shape.half)[:, None]) @ geometry.affine[:3, :3]
    shift = (own.T / np.array(shape.half)[:, None]) @ (geometry.origin - np.array(shape.centre))
    low, high = _reach(shape, geometry, own)
    if (high <= low).any():
        return
    step = max(1, _SLAB_VOXELS // int((high[1] - low[1]) * (high[2] - low[2])))
    for k in range(low[0], high[0], step):
        block = (slice(k, min(k + step, high[0])), slice(low[1], high[1]), slice(low[2], high[2]))
        yield block, _radius(shape.kind, to_shape, shift, block)


def _reach(shape: Shape, geometry: Geometry, own: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and past-the-last index that the shape's bounding box touches."""
    shape_size = np.array(geometry.shape)
    if shape.kind == "blob":
        return np.zeros(3, np.intp), shape_size
    corners = np.array(list(itertools.product((-1, 1), repeat=3))) * np.array(shape.half)
    index = geometry.to_index(corners @ own.T + np.array(shape.centre))
    low = np.clip(np.floor(index.min(axis=0)), 0, shape_size).astype(np.intp)
    high = np.clip(np.ceil(index.max(axis=0)) + 1, 0, shape_size).astype(np.intp)
    return low, high


def _radius(
    kind: str, to_shape: NDArray[np.float64], shift: NDArray[np.float64], block: tuple[slice, slice, slice]
) -> NDArray[np.float64]:
    """Distance from the centre in units of the half axes, in the metric of the kind."""
    index = np.ogrid[block]
    own = []
    for c in range(3):
        # axes that do not matter stay of length 1: on straight grids most of the work is one-dimensional
        part = sum((to_shape[c, a] * index[a] for a in range(3) if abs(to_shape[c, a]) > 1e-12), np.zeros((1, 1, 1)))
        own.append(part + shift[c])
    x, y, z = own
    if kind == "box":
        radius = np.maximum(np.maximum(abs(x), abs(y)), abs(z))
    elif kind == "cylinder":
        radius = np.maximum(np.sqrt(x**2 + y**2), abs(z))
    else:
        radius = np.sqrt(x**2 + y**2 + z**2)
    return np.broadcast_to(radius, tuple(s.stop - s.start for s in block))


def _frame(axis: Point) -> NDArray[np.float64]:
    """A right-handed frame whose third column is the axis; the identity for (0, 0, 1)."""
    third = np.array(axis, dtype=np.float64) / np.linalg.norm(axis)
    seed = np.array([0.0, 1.0, 0.0]) if abs(third[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    first = np.cross(seed, third)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(third, first), third], axis=1)
