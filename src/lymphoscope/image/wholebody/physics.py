"""From true activity to a PET image: breathing, resolution, noise, the scanner's grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import Array
from lymphoscope.image.wholebody.frame import Frame

_SIGMA = 1.0 / np.sqrt(8.0 * np.log(2.0))
_HALF_LIFE_MIN = 109.77
_BREATHING_PHASES = ((0.0, 0.45), (0.3, 0.22), (0.65, 0.17), (1.0, 0.16))
"""Part of the amplitude, share of time: breathing dwells at the end of expiration."""


@dataclass(frozen=True)
class Scanner:
    """A class of scanner with its reconstruction.

    Attributes:
        name: Short name.
        vendor: ``GE``, ``SIEMENS`` or ``PHILIPS``.
        voxel: Along (z, y, x), mm.
        matrix: Voxels along y and x.
        fwhm: Lowest and highest effective resolution across, mm; along z it is 0.95 of it.
        ring: Highest overshoot of a reconstruction with resolution modelling; 0 without.
        gain: Lowest and highest sensitivity against the two measured scanners.
        kernel: Width of the noise along (x, y, z), FWHM mm, before filtering estimators.
        bed_mm: Distance between bed positions.
        seam: Noise between beds over noise in the middle of a bed.
    """

    name: str
    vendor: str
    voxel: tuple[float, float, float]
    matrix: int
    fwhm: tuple[float, float]
    ring: float
    gain: tuple[float, float]
    kernel: tuple[float, float, float]
    bed_mm: float
    seam: float


SCANNERS: tuple[Scanner, ...] = (
    Scanner("ge_st", "GE", (3.27, 4.6875, 4.6875), 128, (6.2, 7.6), 0.0, (0.9, 1.2), (6.2, 7.4, 4.1), 146, 1.42),
    Scanner("ge_ste", "GE", (3.27, 5.46875, 5.46875), 128, (6.0, 7.5), 0.0, (1.0, 1.5), (7.0, 7.6, 4.5), 130, 1.3),
    Scanner("ge_690", "GE", (3.27, 3.90625, 3.90625), 192, (5.8, 7.0), 0.0, (2.0, 3.5), (6.2, 6.6, 4.6), 120, 1.2),
    Scanner("ge_mi", "GE", (2.79, 2.734375, 2.734375), 256, (4.6, 5.6), 0.3, (4.0, 8.0), (6.0, 6.2, 5.0), 150, 1.15),
    Scanner("si_2007", "SIEMENS", (2.03, 3.39, 3.39), 168, (8.6, 10.0), 0.0, (0.9, 1.2), (9.7, 9.9, 7.7), 116, 1.10),
    Scanner("si_mct", "SIEMENS", (3.0, 4.07283, 4.07283), 200, (6.0, 7.5), 0.0, (2.0, 4.0), (6.8, 6.8, 6.0), 140, 1.1),
    Scanner("si_mct_psf", "SIEMENS", (5.0, 4.07283, 4.07283), 200, (4.9, 6), 0.35, (2.0, 4.0), (7, 7, 6.6), 140, 1.1),
    Scanner("ph_gemini", "PHILIPS", (4.0, 4.0, 4.0), 144, (6.0, 7.5), 0.0, (1.8, 3.5), (7.0, 7.0, 6.5), 95, 1.15),
)
"""Drawn at random; grids below 2.7 mm are left out for their size. Source: tables T9, T11, T12 of the specification."""


@dataclass(frozen=True)
class Acquisition:
    """One scan.

    Attributes:
        scanner: The scanner.
        fwhm: Effective resolution across, mm.
        ring: Overshoot of resolution modelling.
        weight_kg: Body weight.
        activity_mbq: At the start of the scan.
        bed_min: Minutes per bed position.
        gain: Sensitivity against the two measured scanners.
        breath_mm: Amplitude of the diaphragm.
    """

    scanner: Scanner
    fwhm: float
    ring: float
    weight_kg: float
    activity_mbq: float
    bed_min: float
    gain: float
    breath_mm: float

    @property
    def liver_cov(self) -> float:
        """Expected coefficient of variation in the liver: W / √(g·A·t·V), fitted to two real scans."""
        x, y, z = (k * 0.93 for k in self.scanner.kernel)
        return float(self.weight_kg / np.sqrt(self.gain * self.activity_mbq * self.bed_min * x * y * z))


def draw_acquisition(
    scanner: Scanner, weight_kg: float, uptake_min: float, draw: np.random.Generator
) -> tuple[Acquisition, float]:
    """Draw a scan; returns it and the injected activity, MBq."""
    dose = weight_kg * float(np.clip(draw.normal(3.7, 0.8), 2.0, 6.2))
    at_start = dose * 2.0 ** (-uptake_min / _HALF_LIFE_MIN)
    acquisition = Acquisition(
        scanner,
        float(draw.uniform(*scanner.fwhm)),
        float(draw.uniform(0.15, max(scanner.ring, 0.15))) if scanner.ring else 0.0,
        weight_kg,
        at_start,
        float(draw.uniform(1.5, 2.5) if scanner.gain[0] > 1.5 else draw.uniform(2.5, 4.0)),
        float(draw.uniform(*scanner.gain)),
        float(np.clip(draw.lognormal(np.log(11.0), 0.4), 4.0, 25.0)),
    )
    return acquisition, dose


def breathing_profile(frame: Frame) -> NDArray[np.float64]:
    """How far each slice moves, relative to the diaphragm: nothing at the apex and in the pelvis."""
    return np.asarray(np.interp(frame.u, (0.10, 0.42, 0.58, 0.72, 1.0), (0.0, 0.7, 1.0, 0.9, 0.0)))


def shifted(volume: NDArray[np.float32], slices: NDArray[np.float64]) -> NDArray[np.float32]:
    """Move a volume down by a number of slices that differs from slice to slice (linear interpolation)."""
    count = volume.shape[0]
    source = np.clip(np.arange(count) + slices, 0, count - 1.001)
    low = source.astype(int)
    part = (source - low).astype(np.float32)[:, None, None]
    return np.asarray(volume[low] * (1 - part) + volume[low + 1] * part)


def breathe(
    truth: NDArray[np.float32], moving: NDArray[np.float32], down_mm: float, frame: Frame
) -> NDArray[np.float32]:
    """The truth with its moving part displaced downwards by an amount given at the diaphragm, mm."""
    if abs(down_mm) < 0.2:
        return truth
    slices = breathing_profile(frame) * down_mm / frame.step
    cover = shifted(moving, slices)
    return np.asarray(shifted(truth * moving, slices) + (1.0 - cover) * truth, dtype=np.float32)


def mean_over_breath(
    truth: NDArray[np.float32], moving: NDArray[np.float32], amplitude: float, frame: Frame
) -> NDArray[np.float32]:
    """Average over a breathing cycle that dwells at expiration."""
    total = np.zeros_like(truth)
    for phase, weight in _BREATHING_PHASES:
        total += np.float32(weight) * breathe(truth, moving, amplitude * phase, frame)
    return total


def blurred(truth: NDArray[np.float32], acquisition: Acquisition, step: float) -> NDArray[np.float32]:
    """Apply the resolution: (1 + a)·G(f) − a·G(1.6 f); voxel size and later interpolation count as blur already."""
    narrow = _gauss(truth, acquisition.fwhm, step)
    if not acquisition.ring:
        return narrow
    a = np.float32(acquisition.ring)
    return np.maximum((1 + a) * narrow - a * _gauss(truth, 1.6 * acquisition.fwhm, step), 0.0)


def _gauss(truth: NDArray[np.float32], fwhm: float, step: float) -> NDArray[np.float32]:
    own = step**2 * (1 / 12 + 1 / 8)
    sigma = [np.sqrt(max((f * _SIGMA) ** 2 - own, (0.3 * step) ** 2)) / step for f in (0.95 * fwhm, fwhm, fwhm)]
    return np.asarray(ndimage.gaussian_filter(truth, sigma, mode="nearest", truncate=3.5), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Imaging:
    """What turns a truth into a noise-free image on the working grid.

    Attributes:
        acquisition: The scan.
        frame: The body frame.
        moving: Fraction of each voxel that moves with breathing.
        correction: Factor on the image where attenuation correction used a CT of another breathing phase.
    """

    acquisition: Acquisition
    frame: Frame
    moving: NDArray[np.float32]
    correction: NDArray[np.float32]

    def of(self, truth: NDArray[np.float32]) -> NDArray[np.float32]:
        """Noise-free SUV on the working grid."""
        mean = mean_over_breath(truth, self.moving, self.acquisition.breath_mm, self.frame)
        image = blurred(mean, self.acquisition, self.frame.step)
        return image * self.correction * halo(truth, self.frame.step)


def cold_band(
    lung: NDArray[np.bool_], solid: NDArray[np.bool_], loss: float, shift_mm: float, frame: Frame
) -> NDArray[np.float32]:
    """Loss of uptake where the CT shows lung at a place that is liver, spleen or heart on the PET."""
    air = shifted(lung.astype(np.float32), breathing_profile(frame) * shift_mm / frame.step)
    wrong = air * solid
    return np.asarray(1.0 - np.float32(loss) * ndimage.gaussian_filter(wrong, 4.0 / frame.step), dtype=np.float32)


def halo(truth: NDArray[np.float32], step: float) -> NDArray[np.float32]:
    """The dark ring round very hot urine that scatter correction leaves, as a factor."""
    excess = np.maximum(truth - np.float32(12.0), 0.0)
    if not excess.any():
        return np.ones_like(truth)
    near = ndimage.gaussian_filter(excess, 9.0 / step, truncate=3.0)
    near[ndimage.binary_dilation(excess > 0)] = 0.0
    return np.asarray(1.0 - 0.6 * np.clip(near / 4.0, 0.0, 1.0), dtype=np.float32)


def pet_grid(frame: Frame, scanner: Scanner) -> Geometry:
    """The scanner's grid over the scanned slab, centred on the patient."""
    dz, dy, dx = scanner.voxel
    low, high = frame.fov
    count = int(np.floor((high - low) / dz))
    centre_x = float(frame.geometry.origin[0] + frame.step * (frame.shape[2] - 1) / 2)
    centre_y = float(frame.geometry.origin[1] + frame.step * (frame.shape[1] - 1) / 2)
    half = (scanner.matrix - 1) / 2
    origin = (centre_x - half * dx, centre_y - half * dy, low + dz / 2)
    return Geometry.axial((count, scanner.matrix, scanner.matrix), (dz, dy, dx), origin)


def onto(array: Array, source: Geometry, target: Geometry, order: int = 1, outside: float = 0.0) -> Array:
    """Bring an array from one axial grid to another: nearest (0) or linear (1)."""
    result = array
    for axis in range(3):
        lps = 2 - axis
        at = target.origin[lps] + target.spacing[axis] * np.arange(target.shape[axis])
        index = (at - source.origin[lps]) / source.spacing[axis]
        result = _along_axis(result, index, axis, order)
        lost = (index < -0.5) | (index > source.shape[axis] - 0.5)
        if lost.any():
            result[tuple(lost if a == axis else slice(None) for a in range(3))] = outside
    return result


def _along_axis(array: Array, index: NDArray[np.float64], axis: int, order: int) -> Array:
    last = array.shape[axis] - 1
    if order == 0:
        return np.asarray(np.take(array, np.clip(np.rint(index).astype(int), 0, last), axis=axis))
    inside = np.clip(index, 0, last)
    low = np.minimum(inside.astype(int), max(last - 1, 0))
    part = (inside - low).astype(np.float32)
    shape = [1, 1, 1]
    shape[axis] = -1
    part = part.reshape(shape)
    above = np.take(array, np.minimum(low + 1, last), axis=axis)
    return np.asarray(np.take(array, low, axis=axis) * (1 - part) + above * part)


def noisy(
    mean: NDArray[np.float32],
    depth: NDArray[np.float32],
    grid: Geometry,
    acquisition: Acquisition,
    draw: np.random.Generator,
) -> NDArray[np.float32]:
    """Add noise to a noise-free image on the scanner's grid.

    Lognormal, with the scanner's own kernel, more in the depth of the body and where two beds meet, 2.4 times at the
    ends; air has a low positive floor with about a fifth of zeros.

    Args:
        mean: Noise-free SUV, (z, y, x).
        depth: Distance under the skin on the same grid, mm.
        grid: The grid.
        acquisition: The scan.
        draw: Random generator.
    """
    scanner = acquisition.scanner
    field = _unit_field(grid, scanner.kernel, draw)
    z = grid.spacing[0] * np.arange(grid.shape[0])
    position = np.abs(((z / scanner.bed_mm) + draw.random()) % 1.0 - 0.5) * 2.0
    along = 1.0 + (scanner.seam - 1.0) * position**3
    along[0] *= 2.4
    along[-1] *= 2.0
    cov = acquisition.liver_cov * np.interp(depth, (0.0, 30.0, 110.0), (0.70, 0.80, 1.04)).astype(np.float32)
    cov *= (np.maximum(mean, 0.1) / 2.0) ** np.float32(-0.08)
    cov *= along.astype(np.float32)[:, None, None]
    variance = np.log1p(cov**2)
    image = mean * np.exp(np.sqrt(variance) * field - variance / 2)
    floor = np.float32(draw.uniform(0.002, 0.012)) * np.maximum(_unit_field(grid, scanner.kernel, draw) + 0.8, 0.0)
    return np.asarray(image + floor, dtype=np.float32)


def _unit_field(grid: Geometry, kernel: tuple[float, float, float], draw: np.random.Generator) -> NDArray[np.float32]:
    """Gaussian noise of variance 1 with the kernel's width (x, y, z), mm."""
    sigma = [k * _SIGMA / s for k, s in zip(kernel[::-1], grid.spacing, strict=True)]
    field = ndimage.gaussian_filter(draw.standard_normal(grid.shape, dtype=np.float32), sigma, mode="wrap", truncate=3)
    return np.asarray(field / field.std(), dtype=np.float32)
