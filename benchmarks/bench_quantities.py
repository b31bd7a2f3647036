"""Quantities against the usual ways of computing them, on the same input in the same run, on one core.

``python benchmarks/bench_quantities.py`` prints tables (Markdown). The input is a synthetic whole-body PET of
400×200×200 voxels (3 × 2.036 × 2.036 mm) with 30 lesions, 500 mL in all.
"""

from __future__ import annotations

import os
import platform
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from scipy.spatial.distance import cdist

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.study import Patient
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.sphere import sphere
from lymphoscope.quant.dissemination import dmax_voxel_cm
from lymphoscope.quant.lesions import LesionOptions, measure_lesions, patient_measures
from lymphoscope.quant.peak import qpet_peak, suv_peak
from lymphoscope.quant.region import regions
from lymphoscope.quant.shape import axial_diameter_mm, form
from lymphoscope.quant.texture import texture
from lymphoscope.quant.uptake import first_order, uptake

SHAPE, SPACING = (400, 200, 200), (3.0, 2.036, 2.036)
LOAD_ML, LESIONS = 500.0, 30
NAIVE_VOXELS = 5000
REPEATS = 3


def study() -> tuple[Volume, LesionMask]:
    """A noisy image with balls of 3 mL and more whose volumes add up to the load."""
    rng = np.random.default_rng(1)
    geometry = Geometry.axial(SHAPE, SPACING)
    array = rng.gamma(4.0, 0.25, size=SHAPE).astype(np.float32)
    labels = np.zeros(SHAPE, dtype=np.int32)
    volumes = np.geomspace(80.0, 2.0, LESIONS)
    volumes = np.maximum(volumes * (LOAD_ML / volumes.sum()), 3.0)
    for number, volume in enumerate(volumes, start=1):
        place_ball(array, labels, number, (750 * volume / np.pi) ** (1 / 3), rng)
    return Volume(gaussian_filter(array, 1.0), geometry, Unit.SUV_BW), LesionMask(labels, geometry, "synthetic")


def place_ball(array: np.ndarray, labels: np.ndarray, number: int, radius: float, rng: np.random.Generator) -> None:
    size = np.array(SHAPE) * SPACING
    while True:
        centre = rng.uniform(radius + 10, size - radius - 10)
        box = tuple(
            slice(int((c - radius) / s) - 1, int((c + radius) / s) + 3) for c, s in zip(centre, SPACING, strict=True)
        )
        if labels[box].any():
            continue
        places = np.moveaxis(np.mgrid[box], 0, -1) * SPACING
        ball = np.linalg.norm(places - centre, axis=-1) <= radius
        labels[box][ball] = number
        array[box][ball] = rng.normal(10.0, 3.0, size=int(ball.sum())).clip(4.0)
        return


def measured(work: Callable[[], Any], repeats: int = REPEATS) -> tuple[Any, float, float]:
    """Result, best processor time in seconds, and peak of memory allocated in MB (in a run of its own)."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        times.append(time.process_time() - start)
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, min(times), peak / 1e6


def all_pairs_mm(points: np.ndarray, rows: int = 256) -> float:
    """Every distance, block by block: bounded memory, n² work."""
    return max(float(cdist(points[i : i + rows], points).max()) for i in range(0, len(points), rows))


def naive_mm(points: np.ndarray) -> float:
    """Every distance at once, through an n × n × 3 array of differences: 24 n² bytes and more."""
    return float(np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=-1)).max())


def distances(mask: LesionMask) -> list[str]:
    index = np.argwhere(mask.labels > 0)
    points = mask.geometry.to_lps(index)
    few = points[np.random.default_rng(0).choice(len(points), NAIVE_VOXELS, replace=False)]
    ours, own_s, own_mb = measured(lambda: dmax_voxel_cm(mask))
    pairs, pairs_s, pairs_mb = measured(lambda: all_pairs_mm(points), 1)
    _, naive_s, naive_mb = measured(lambda: naive_mm(few), 1)
    assert abs(10 * ours - pairs) < 1e-9 * pairs
    grown = (len(points) / NAIVE_VOXELS) ** 2
    return [
        f"Dmax between farthest voxels, {len(points)} voxels = {mask.volume_ml:.0f} mL ({10 * ours:.3f} mm by both):",
        "",
        "| method | time | memory | time, ours = 1 | memory, ours = 1 |",
        "|---|---|---|---|---|",
        f"| ours: hull, then its vertices | {own_s:.3f} s | {own_mb:.1f} MB | 1 | 1 |",
        row("all pairs in blocks, measured", pairs_s, pairs_mb, own_s, own_mb),
        row(
            f"all pairs at once, from {NAIVE_VOXELS} voxels ({naive_s:.2f} s, {naive_mb:.0f} MB measured) by n²",
            naive_s * grown,
            naive_mb * grown,
            own_s,
            own_mb,
        ),
        "",
        f"The bare array of differences, 24 n² bytes, would take {24e-9 * len(points) ** 2:.0f} GB.",
        "",
    ]


def row(name: str, seconds: float, megabytes: float, own_s: float, own_mb: float) -> str:
    return (
        f"| {name} | {seconds:.2f} s | {megabytes:.0f} MB | {seconds / own_s:.0f} | {megabytes / max(own_mb, 1):.0f} |"
    )


def fft_peaks(suv: Volume, mask: LesionMask) -> list[float]:
    """SUVpeak from a map of sphere means over the whole image, by Fourier transform."""
    offsets, weights = sphere(suv.geometry)
    reach = np.abs(offsets).max(axis=0)
    kernel = np.zeros(2 * reach + 1, dtype=np.float32)
    kernel[tuple((offsets + reach).T)] = weights / weights.sum()
    means = fftconvolve(suv.array, kernel, mode="same")
    found = scipy.ndimage.maximum(means, mask.labels, np.arange(1, mask.count + 1))
    return [float(value) for value in found]


def peaks(suv: Volume, mask: LesionMask) -> list[str]:
    ours, own_s, own_mb = measured(lambda: [suv_peak(one) for one in regions(suv, mask)])
    theirs, fft_s, fft_mb = measured(lambda: fft_peaks(suv, mask))
    assert np.allclose(ours, theirs, rtol=1e-4)
    return [
        f"SUVpeak (highest, partial weights) of {mask.count} lesions, largest difference "
        f"{np.abs(np.array(ours) - theirs).max():.1e} SUV:",
        "",
        "| method | time | memory | time, ours = 1 | memory, ours = 1 |",
        "|---|---|---|---|---|",
        f"| ours: spheres at the lesions' voxels | {own_s:.3f} s | {own_mb:.1f} MB | 1 | 1 |",
        row("map of the whole image by FFT, single precision", fft_s, fft_mb, own_s, own_mb),
        "",
    ]


def everything(suv: Volume, mask: LesionMask) -> list[str]:
    person = Patient(weight_kg=70.0, height_m=1.75)
    lesions, lesions_s, lesions_mb = measured(lambda: measure_lesions(suv, mask, LesionOptions(lean=0.8)))
    patient, patient_s, patient_mb = measured(lambda: patient_measures(suv, mask, lesions, person))
    found = regions(suv, mask)
    voxel_ml = suv.geometry.voxel_ml
    parts: dict[str, Callable[[], Any]] = {
        "cutting out": lambda: regions(suv, mask),
        "uptake": lambda: [uptake(one.values, voxel_ml) for one in found],
        "first order": lambda: [first_order(one.values) for one in found],
        "SUVpeak and qPET peak": lambda: [(suv_peak(one), qpet_peak(one)) for one in found],
        "mesh, axes, diameters": lambda: [form(one) for one in found],
        "axial diameter": lambda: [axial_diameter_mm(one.inside, one.geometry) for one in found],
        "texture": lambda: [texture(one) for one in found],
    }
    lines = [f"All {len(lesions[0])} numbers of each of {mask.count} lesions, and {len(patient)} of the patient:", ""]
    lines += ["| part | time | memory |", "|---|---|---|"]
    for name, work in parts.items():
        _, seconds, megabytes = measured(work)
        lines.append(f"| {name} | {seconds:.3f} s | {megabytes:.1f} MB |")
    lines.append(f"| **lesions, all together** | {lesions_s:.3f} s | {lesions_mb:.1f} MB |")
    lines.append(f"| **patient** | {patient_s:.3f} s | {patient_mb:.1f} MB |")
    return [*lines, ""]


def main() -> None:
    """Print all tables."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    suv, mask = study()
    print(f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, one core.\n")
    for table in (everything(suv, mask), distances(mask), peaks(suv, mask)):
        print("\n".join(table))


if __name__ == "__main__":
    main()
