"""A whole body by a trained network of nnU-Net's size, to its end: nnU-Net's own predictor, and each way of ours.

    python benchmarks/network_body.py NNUNET_PYTHON [--model FOLDER] [--out FOLDER] [--steps 850] [--voxels 200]

NNUNET_PYTHON is an interpreter with nnunetv2 2.5.2. The network (six stages, 32 to 320 features, windows of 128³) is
trained shortly on whole-body phantoms and draws whatever is hot; it is good for nothing else. One that was trained in
earnest can be given instead. Phantoms of other anatomies calibrate its 8-bit form
and are predicted. Seconds are those of the clock: run it on a machine that does nothing else. What is there is not made
again.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from network_engine import big, dice, peer, table
from physiology import phantom_of
from scipy import ndimage

from lymphoscope.app.models.add import Wish, add
from lymphoscope.app.models.source import Fetching
from lymphoscope.app.models.store import Store
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.resample import resample
from lymphoscope.learn.foreign import predictor
from lymphoscope.learn.foreign.eight_bits import quantized, windows
from lymphoscope.learn.foreign.predictor import Foreign, predict
from lymphoscope.learn.foreign.preparing import Prepared
from lymphoscope.learn.foreign.stored import BUDGETS, EIGHT_BITS, Arithmetic, open_stored

TRAINED_ON = tuple(range(1, 25))
CALIBRATED_ON = (90, 92)
PREDICTED = (83, 68)
FIELD_MM, SLICE_MM = 814.0, 3.0
TRAIN_PATCH = 64
SHOWN = 8
BODY_HU = -500.0
"""Only there are masks compared: in the air such a network draws nonsense, for which nothing here looks."""
STANDARD, FAST, GLANCE = BUDGETS["standard"], BUDGETS["fast"], BUDGETS["glance"]
WAYS = {
    "standard": STANDARD,
    "standard, 8 bits": replace(STANDARD, arithmetic=GLANCE.arithmetic),
    "fast, 32 bits": replace(FAST, looking=Arithmetic()),
    "fast": FAST,
    "glance, 32 bits": replace(GLANCE, arithmetic=Arithmetic()),
    "glance": GLANCE,
}
LESIONS_ONLY = "fast, as if it had seen lesions only"
"""The same network, and as many windows to glance with; but it goes on where lesions are. One that is any good draws
little else."""
WAYS[LESIONS_ONLY] = FAST


def phantom(folder: Path, anatomy: int, voxels: int) -> Path:
    """A phantom's CT and PET on `voxels` squared of the field, with its lesions, kept as nnU-Net's peer reads it."""
    path = folder / f"{anatomy:03d}-{voxels}.npz"
    if not path.exists():
        made = phantom_of(anatomy, anatomy)
        assert made.ct is not None
        inner = made.pet.geometry
        planes = int(inner.shape[0] * inner.spacing[0] / SLICE_MM)
        spacing = (SLICE_MM, FIELD_MM / voxels, FIELD_MM / voxels)
        shape = (planes, voxels, voxels)
        away = middle(inner) - middle(Geometry.axial(shape, spacing))
        grid = Geometry.axial(shape, spacing, tuple(away))
        pet, ct = resample(made.pet, grid), resample(made.ct, grid)
        lesions = resample(Volume((made.lesions.labels > 0).astype(np.float32), inner, Unit.ARBITRARY), grid)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            path, images=np.stack([ct.array, pet.array]).astype(np.float32), spacing=grid.spacing,
            labels=(lesions.array > 0.5).astype(np.int8),
        )  # fmt: skip
    return path


def middle(grid: Geometry) -> np.ndarray:
    """The middle of a grid, LPS mm."""
    return np.asarray(grid.to_lps((np.array(grid.shape) - 1) / 2))


def volumes(path: Path) -> dict[str, Volume]:
    with np.load(path) as case:
        images, spacing = case["images"], case["spacing"]
    grid = Geometry.axial(images.shape[1:], tuple(map(float, spacing)))  # type: ignore[arg-type]
    return {"ct:hu": Volume(images[0], grid, Unit.HU), "pet:suv": Volume(images[1], grid, Unit.SUV_BW)}


def trained(given: argparse.Namespace) -> Path:
    """A model folder of the network, and the same in a store with its 8-bit form, made once."""
    folder, store = given.out / "trained", given.out / "store"
    model: Path = given.model or folder / "model"
    if not model.exists():
        folder.mkdir(parents=True, exist_ok=True)
        cases = [str(phantom(given.out / "phantoms", n, 200).resolve()) for n in TRAINED_ON]
        spec = big("large") | {"cases": cases, "steps": given.steps, "train_patch": TRAIN_PATCH}
        (folder / "spec.json").write_text(json.dumps(spec))
        peer(given.python, "make", folder / "spec.json", model, "--threads", given.threads)
    if not (store / "trained").exists():
        add(str(model), Store(store), Wish(name="trained"), Fetching(lambda _: False))
    network = store / "trained" / "fold_0"
    if not (network / EIGHT_BITS).exists():
        loaded = open_stored(store / "trained", BUDGETS["full"])
        seen = [volumes(phantom(given.out / "phantoms", n, 200)) for n in CALIBRATED_ON]
        shown = [window for case in seen for window in windows(loaded, case, SHOWN)]
        quantized(network / "model.xml", shown, network / EIGHT_BITS)
    return model


def one_way(given: argparse.Namespace, way: str, case: Path) -> None:
    """Predict a case one way, and keep its mask, seconds and the process's peak memory."""
    images, budget = volumes(case), WAYS[way]
    begun = time.perf_counter()
    loaded = open_stored(given.out / "store" / "trained", budget)
    told = patch.object(predictor, "_glimpsed", lesions_of(case)) if way == LESIONS_ONLY else nullcontext()
    count: dict[str, int] = {}
    with told:
        found = predict(loaded, images, budget.effort, lambda stage, _, total: count.update({stage: total}))
    seconds, peak = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    windows = " + ".join(str(number) for number in count.values())
    kept_as = {"labels": found.labels.array, "seconds": seconds, "peak_gib": peak, "windows": windows}
    np.savez_compressed(kept(given, way, case), **kept_as)


def lesions_of(path: Path) -> Callable[..., np.ndarray]:
    """A glance that takes its time, and then says where the lesions of a case are, and what lies beside them."""
    with np.load(path) as held:
        truth = held["labels"] > 0
    glimpsed = predictor._glimpsed

    def told(model: Foreign, case: Prepared, *words: Any) -> np.ndarray:
        glimpsed(model, case, *words)
        nearest = [np.arange(n) * old // n for n, old in zip(case.images.shape[1:], truth.shape, strict=True)]
        return predictor.beside(truth[np.ix_(*nearest)], model.plan.spacing)

    return told


def kept(given: argparse.Namespace, way: str, case: Path) -> Path:
    return Path(given.out / f"{case.stem} {way}.npz")


def rows(given: argparse.Namespace, case: Path) -> list[tuple[str, ...]]:
    """All ways on a case, each in a process of its own."""
    theirs = kept(given, "nnunetv2", case)
    if not theirs.exists():
        peer(given.python, "predict", trained(given), case, theirs, "--threads", given.threads, "--quick")
    for way in WAYS:
        if not kept(given, way, case).exists():
            words = [sys.executable, __file__, given.python, "--out", str(given.out), "--way", way, str(case)]
            subprocess.run(words, check=True, env={**os.environ, "OMP_NUM_THREADS": str(given.threads)})
    made, first = [], np.load(theirs)
    with np.load(case) as held:
        truth, body = held["labels"] > 0, held["images"][0] > BODY_HU
    for way in ("nnunetv2", *WAYS):
        with np.load(kept(given, way, case)) as found:
            seconds, mask = float(found["seconds"]), found["labels"]
            windows = str(found["windows"]) if "windows" in found else ""
            cells = (
                windows,
                f"{seconds:.0f}",
                f"{float(first['seconds']) / seconds:.1f}",
                f"{float(found['peak_gib']):.1f}",
            )
        within = ndimage.maximum_filter(truth, 3) if way == LESIONS_ONLY else body
        made.append((way, *cells, f"{dice(mask * within, first['labels'] * within):.4f}", f"{dice(mask, truth):.3f}"))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", help="an interpreter with nnunetv2")
    parser.add_argument("--model", type=Path, help="a model folder of nnU-Net's own, of CT and PET, instead")
    parser.add_argument("--out", type=Path, default=Path("engine-body"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=850)
    parser.add_argument("--voxels", type=int, default=200)
    parser.add_argument("--way", nargs=2, help="a way and a case: what is run in a process of its own")
    given = parser.parse_args()
    if given.way:
        one_way(given, given.way[0], Path(given.way[1]))
        return
    trained(given)
    head = (
        "way",
        "windows",
        "s",
        "times less",
        "peak GiB",
        "Dice with nnU-Net in the body, or at lesions",
        "Dice with the truth",
    )
    for anatomy in PREDICTED:
        case = phantom(given.out / "phantoms", anatomy, given.voxels)
        with np.load(case) as held:
            size = " × ".join(map(str, held["labels"].shape[::-1]))
        table(f"Anatomy {anatomy}, {size} voxels", head, rows(given, case))


if __name__ == "__main__":
    main()
