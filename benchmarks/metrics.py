"""Metrics of 36 cases against MONAI's, nnU-Net's and panoptica's code: same input, same run, one thread.

Usage: python benchmarks/metrics.py [--data FOLDER]

The references are the tumour masks of the open soft-tissue sarcoma PET beside the project; the predictions are the same
masks shifted by two voxels and dilated by one. Without the folder, balls of the same size stand for them. Processor
seconds are counted, without reading files. Libraries that are not installed are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is loaded

import numpy as np  # noqa: E402
from scipy import ndimage  # noqa: E402

from lymphoscope.core.geometry import Geometry  # noqa: E402
from lymphoscope.core.volume import LesionMask  # noqa: E402
from lymphoscope.evaluate.case import Pair, evaluate_case  # noqa: E402
from lymphoscope.evaluate.matching import Overlaps, panoptic_quality  # noqa: E402
from lymphoscope.evaluate.overlap import Confusion  # noqa: E402
from lymphoscope.evaluate.surface import surface_distances  # noqa: E402
from lymphoscope.image.components import components  # noqa: E402
from lymphoscope.io.masks import read_mask  # noqa: E402

SHARED = Path(__file__).parents[2] / "shared" / "data" / "sts_fdg_petct" / "nifti"
REPEATS = 3
WHOLE_BODY = (400, 200, 200)
Case = tuple[np.ndarray, np.ndarray, Geometry]


def cases(folder: Path) -> list[Case]:
    files = sorted(folder.glob("*/PET_mask.nii.gz"))
    masks = [read_mask(file) for file in files] or [_ball(n) for n in range(36)]
    return [(_moved(mask.foreground), mask.foreground, mask.geometry) for mask in masks]


def _ball(n: int) -> LesionMask:
    grid = Geometry.axial((68, 40, 40), (3.27, 4.0, 4.0))
    z, y, x = np.indices(grid.shape)
    inside = (z - 34) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 <= (6 + n % 9) ** 2
    return LesionMask(inside.astype(np.int32), grid, "ball")


def _moved(mask: np.ndarray) -> np.ndarray:
    return np.asarray(ndimage.binary_dilation(np.roll(mask, 2, 2)))


def whole_body() -> list[Case]:
    """Thirty lesions on a whole-body grid."""
    grid, rng = Geometry.axial(WHOLE_BODY, (3.0, 2.036, 2.036)), np.random.default_rng(0)
    mask = np.zeros(WHOLE_BODY, bool)
    z, y, x = np.ogrid[: WHOLE_BODY[0], : WHOLE_BODY[1], : WHOLE_BODY[2]]
    for _ in range(30):
        a, b, c = rng.integers(15, np.array(WHOLE_BODY) - 15)
        mask |= (z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2 <= rng.integers(3, 9) ** 2
    return [(_moved(mask), mask, grid)]


def our_overlap(case: Case) -> Any:
    counts = Confusion.of(case[0], case[1])
    return counts.dice, counts.iou


def our_surfaces(case: Case) -> Any:
    found = surface_distances(case[0], case[1], case[2].spacing)
    assert found is not None
    return found.hausdorff_mm(), found.hausdorff_mm(95), found.assd_mm, found.nsd(4.0)


def our_lesions(case: Case) -> Any:
    return panoptic_quality(Overlaps.of(components(case[0], 26), components(case[1], 26))).pq


def everything(case: Case) -> Any:
    masks = (LesionMask(mask.astype(np.int32), case[2], "benchmark") for mask in case[:2])
    return evaluate_case(Pair("case", *masks)).numbers


def monai_code() -> dict[str, Callable[[Case], Any]]:
    import torch  # noqa: PLC0415
    from monai import metrics  # noqa: PLC0415

    torch.set_num_threads(1)

    def tensors(case: Case) -> list[Any]:
        return [torch.as_tensor(mask)[None, None] for mask in case[:2]]

    def overlap(case: Case) -> Any:
        p, r = (mask.float() for mask in tensors(case))
        return float(metrics.compute_dice(p, r)), float(metrics.compute_iou(p, r))

    def surfaces(case: Case) -> Any:
        p, r = tensors(case)
        spacing = case[2].spacing
        return (
            float(metrics.compute_hausdorff_distance(p, r, spacing=spacing)),
            float(metrics.compute_hausdorff_distance(p, r, percentile=95, spacing=spacing)),
            float(metrics.compute_average_surface_distance(p, r, symmetric=True, spacing=spacing)),
            float(metrics.compute_surface_dice(p, r, class_thresholds=[4.0], spacing=spacing)),
        )

    return {"Dice, IoU": overlap, "HD, HD95, ASSD, NSD": surfaces}


def nnunet_code() -> dict[str, Callable[[Case], Any]]:
    from nnunetv2.evaluation.evaluate_predictions import compute_tp_fp_fn_tn  # noqa: PLC0415

    def overlap(case: Case) -> Any:
        tp, fp, fn, _ = compute_tp_fp_fn_tn(case[1], case[0])
        return float(2 * tp / (2 * tp + fp + fn)), float(tp / (tp + fp + fn))

    return {"Dice, IoU": overlap}


def panoptica_code() -> dict[str, Callable[[Case], Any]]:
    import panoptica  # noqa: PLC0415

    panoptica.disable_citation_reminder()
    evaluator = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.SEMANTIC,
        instance_approximator=panoptica.ConnectedComponentsInstanceApproximator(),
        instance_matcher=panoptica.NaiveThresholdMatching(),
        instance_metrics=[panoptica.Metric.IOU],
        global_metrics=[],
        log_times=False,
        verbose=False,
    )

    def lesions(case: Case) -> Any:
        found = evaluator.evaluate(case[0].astype(np.uint8), case[1].astype(np.uint8))
        return float(next(iter(found.values())).pq)

    return {"lesions, PQ": lesions}


OURS = {"Dice, IoU": our_overlap, "HD, HD95, ASSD, NSD": our_surfaces, "lesions, PQ": our_lesions}
PEERS = {"monai": monai_code, "nnunetv2": nnunet_code, "panoptica": panoptica_code}


def seconds(do: Callable[[Case], Any], those: list[Case]) -> float:
    """Processor seconds of all cases, the least of some repeats."""
    took = []
    for _ in range(REPEATS):
        began = time.process_time()
        for case in those:
            do(case)
        took.append(time.process_time() - began)
    return min(took)


def agree(one: Callable[[Case], Any], other: Callable[[Case], Any], those: list[Case]) -> float:
    """Largest difference of the numbers."""
    return max(float(np.max(np.abs(np.subtract(one(case), other(case))))) for case in those)


def table(title: str, those: list[Case]) -> None:
    print(f"\n{title}\n\n| numbers | code | seconds | ratio to ours | largest difference |\n|---|---|---|---|---|")
    installed = {name: make() for name, make in PEERS.items() if importlib.util.find_spec(name)}
    for numbers, ours in OURS.items():
        own = seconds(ours, those)
        print(f"| {numbers} | ours | {own:.4f} | 1 | |")
        for name, made in installed.items():
            if numbers in made:
                took = seconds(made[numbers], those)
                apart = agree(ours, made[numbers], those)
                print(f"| {numbers} | {name} | {took:.4f} | {took / own:.1f} | {apart:.1e} |")
    print(f"| all numbers of `evaluate` | ours | {seconds(everything, those):.4f} | | |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=SHARED)
    those = cases(parser.parse_args().data)
    middle = tuple(int(n) for n in np.median([case[0].shape for case in those], axis=0))
    print(f"Python {platform.python_version()}, numpy {np.__version__}, one thread, processor seconds")
    table(f"{len(those)} cases, median shape {middle}", those)
    table(f"One whole body, {WHOLE_BODY}, 30 lesions", whole_body())


if __name__ == "__main__":
    main()
