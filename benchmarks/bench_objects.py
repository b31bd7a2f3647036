"""Writing a segmentation of 60 lesions, against highdicom used plainly on the same input in the same run.

``python benchmarks/bench_objects.py`` prints a table (Markdown). The input is a whole-body PET of 300×168×168 voxels
(3.27 × 4.07 × 4.07 mm) with 60 ellipsoidal lesions. Each way runs in a process of its own, so that peaks of memory are
its own; building and encoding are timed, imports and input are not.
"""

from __future__ import annotations

import io
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.dicom_write import pet_datasets
from lymphoscope.io.header import Header
from lymphoscope.io.objects import codes
from lymphoscope.io.objects.making import Making, tracking_uid
from lymphoscope.io.objects.seg import Segment, binary_seg
from lymphoscope.io.objects.source import source_of
from lymphoscope.io.slices import stack

GRID = Geometry.axial((300, 168, 168), (3.27, 4.07, 4.07), (-340.0, -340.0, -900.0), "2.25.60")
LESIONS = 60


def lesions() -> LesionMask:
    """Ellipsoids of 6 to 40 mm half axes, none touching another's voxels."""
    rng, labels, number = np.random.default_rng(60), np.zeros(GRID.shape, np.int32), 0
    axes = [np.arange(n) * s for n, s in zip(GRID.shape, GRID.spacing, strict=True)]
    while number < LESIONS:
        half = rng.uniform(6, 40, 3) if number < 6 else rng.uniform(6, 16, 3)
        centre = rng.uniform(60, [900, 620, 620])
        z, y, x = ((a - c) / h for a, c, h in zip(axes, centre, half, strict=True))
        inside = z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2 <= 1
        if not labels[inside].any():
            number += 1
            labels[inside] = number
    return LesionMask(labels, GRID, "bench")


def making() -> Making:
    """The PET that is referred to."""
    pet = Volume(np.ones(GRID.shape, np.float32), GRID, Unit.SUV_BW)
    headers = []
    for k, dataset in enumerate(pet_datasets(pet)):
        del dataset.PixelData
        headers.append(Header(Path(f"IM{k}"), dataset))
    return Making(source_of(stack(headers), GRID), "bench", "00" * 32, ("method suv4.0",))


def ours(making: Making, mask: LesionMask) -> bytes:
    """As the product does it."""
    segments = [
        Segment(f"L{n:02d}", codes.ABNORMAL, codes.LESION, f"L{n:02d}", tracking_uid("s", "c", n))
        for n in range(1, LESIONS + 1)
    ]
    return binary_seg(making, "seg", mask, segments, "LESIONS").content


def _plainly(making: Making, mask: LesionMask, omit: bool) -> bytes:
    """One array a segment, stacked, as highdicom's guide begins."""
    described = [
        hd.seg.SegmentDescription(
            segment_number=n,
            segment_label=f"L{n:02d}",
            segmented_property_category=codes.ABNORMAL,
            segmented_property_type=codes.LESION,
            algorithm_type="AUTOMATIC",
            algorithm_identification=hd.AlgorithmIdentificationSequence("Plain", codes.FAMILY, "1"),
            tracking_uid=tracking_uid("s", "c", n),
            tracking_id=f"L{n:02d}",
        )
        for n in range(1, LESIONS + 1)
    ]
    arrays = np.stack([mask.labels == n for n in range(1, LESIONS + 1)], axis=-1).astype(np.uint8)
    seg = hd.seg.Segmentation(
        source_images=making.source.slices,
        pixel_array=arrays,
        segmentation_type="BINARY",
        segment_descriptions=described,
        series_instance_uid=hd.UID(),
        series_number=1,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="x",
        manufacturer_model_name="x",
        software_versions="x",
        device_serial_number="x",
        omit_empty_frames=omit,
    )
    file = io.BytesIO()
    pydicom.dcmwrite(file, seg, enforce_file_format=True)
    return file.getvalue()


WAYS: dict[str, Callable[[Making, LesionMask], bytes]] = {
    "Lymphoscope": ours,
    "highdicom, one array a segment, empty slices omitted (its default)": lambda m, x: _plainly(m, x, True),
    "highdicom, one array a segment, every slice kept": lambda m, x: _plainly(m, x, False),
}


def measured(way: str) -> dict[str, float]:
    """Processor time, file size and peak of memory beyond the input."""
    source, mask = making(), lesions()
    before = _peak_anew()
    start, wall = time.process_time(), time.perf_counter()
    content = WAYS[way](source, mask)
    spent, waited = time.process_time() - start, time.perf_counter() - wall
    frames = int(pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True).NumberOfFrames)
    peak = (_status("VmHWM") - before) / 1024
    return {"cpu_s": spent, "wall_s": waited, "mb": len(content) / 1e6, "frames": frames, "peak_mb": peak}


def _peak_anew() -> int:
    """Forget the highest memory so far (Linux); memory now, kB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main() -> None:
    """Print the table."""
    print(f"Python {platform.python_version()}, highdicom {hd.__version__}, pydicom {pydicom.__version__}\n")
    print("| way | processor time | file | frames | memory beyond the input |\n|---|---|---|---|---|")
    first: dict[str, float] = {}
    for way in WAYS:
        done = subprocess.run([sys.executable, __file__, way], capture_output=True, text=True, check=True)
        row = json.loads(done.stdout)
        first = first or row
        print(
            f"| {way} | {row['cpu_s']:.1f} s ({row['cpu_s'] / first['cpu_s']:.1f}×) "
            f"| {row['mb']:.1f} MB ({row['mb'] / first['mb']:.1f}×) | {row['frames']:.0f} | {row['peak_mb']:.0f} MB |"
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measured(sys.argv[1])))
    else:
        main()
