"""A whole body by a trained network of nnU-Net's size, to its end: nnU-Net's own predictor, and each way of ours.

    python benchmarks/network_body.py NNUNET_PYTHON [--model FOLDER] [--out FOLDER] [--voxels 200] [--anatomies 83 68]

NNUNET_PYTHON is an interpreter with nnunetv2 2.5.2. The network (six stages, 32 to 320 features, windows of 128³) is
trained on whole-body phantoms, first with a quarter of its features, and has seen no patient. Another can be given
instead. Phantoms of other anatomies calibrate its 8-bit form and are predicted. bf16 is 32 bits on a processor that
does not gain by it. Seconds are those of the clock: run it on a machine that does nothing else. What is there is not
made again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

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
from lymphoscope.learn.foreign.eight_bits import quantized, windows
from lymphoscope.learn.foreign.predictor import predict
from lymphoscope.learn.foreign.stored import BUDGETS, EIGHT_BITS, Arithmetic, open_stored

TRAINED_ON = tuple(range(1, 41))
CALIBRATED_ON = (90, 92)
PREDICTED = (83, 68)
FIELD_MM, SLICE_MM = 814.0, 3.0
STAGES = (
    {"narrower": 4, "side": 96, "steps": 3000, "rate": 1e-3},
    {"narrower": 4, "side": 128, "steps": 400, "rate": 5e-4},
    {"narrower": 1, "side": 96, "steps": 120, "rate": 1e-4},
)
"""Of training: all of a network's features cost most, and are there for the last steps only."""
SHOWN = 8
BODY_HU = -500.0
"""Only there are masks compared: in the air such a network draws nonsense, for which nothing here looks."""
STANDARD, FAST, GLANCE = BUDGETS["standard"], BUDGETS["fast"], BUDGETS["glance"]
PEER, DEFAULT = "nnunetv2", "nnunetv2, mirroring"
BF16, COARSE = Arithmetic("bf16"), GLANCE.arithmetic
WAYS = {
    "full": BUDGETS["full"],
    "standard": STANDARD,
    "standard, bf16": replace(STANDARD, arithmetic=BF16),
    "standard, 8 bits": replace(STANDARD, arithmetic=COARSE),
    "fast, 32 bits": replace(FAST, arithmetic=Arithmetic()),
    "fast": FAST,
    "fast, 8 bits": replace(FAST, arithmetic=COARSE),
    "glance, 32 bits": replace(GLANCE, arithmetic=Arithmetic()),
    "glance, bf16": replace(GLANCE, arithmetic=BF16),
    "glance": GLANCE,
}


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


def piece(case: Path, side: int) -> Path:
    """A cube about the middle of a phantom's lesions: small enough for nnU-Net's mirroring."""
    path = case.with_name(f"{case.stem}-{side}.npz")
    if not path.exists():
        with np.load(case) as held:
            images, labels, spacing = held["images"], held["labels"], held["spacing"]
        places = np.median(np.nonzero(labels), axis=1).astype(int)
        starts = [int(np.clip(at - side // 2, 0, n - side)) for at, n in zip(places, labels.shape, strict=True)]
        box = tuple(slice(start, start + side) for start in starts)
        np.savez(path, images=images[(slice(None), *box)], labels=labels[box], spacing=spacing)
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
        spec = big("large") | {"cases": cases, "stages": STAGES, "mirror": [0, 1, 2]}
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
    count: dict[str, int] = {}
    found = predict(loaded, images, budget.effort, lambda stage, _, total: count.update({stage: total}))
    seconds, peak = time.perf_counter() - begun, peak_gib()
    windows = " + ".join(str(number) for number in count.values())
    kept_as = {"labels": found.labels.array, "seconds": seconds, "peak_gib": peak, "windows": windows}
    np.savez_compressed(kept(given, way, case), **kept_as)


def peak_gib() -> float:
    """Most memory of this process; what `getrusage` says counts the process that started it as well."""
    said = Path("/proc/self/status").read_text(encoding="ascii")
    return int(said.partition("VmHWM:")[2].split()[0]) / 2**20


def kept(given: argparse.Namespace, way: str, case: Path) -> Path:
    return Path(given.out / f"{case.stem} {way}.npz")


def run_all(given: argparse.Namespace, case: Path) -> None:
    """All wanted ways on a case, each in a process of its own."""
    for way in given.ways:
        out = kept(given, way, case)
        if out.exists():
            continue
        if way in (PEER, DEFAULT):
            mirror = ["--mirror"] if way == DEFAULT else []
            peer(given.python, "predict", trained(given), case, out, "--threads", given.threads, "--quick", *mirror)
        else:
            words = [sys.executable, __file__, given.python, "--out", str(given.out), "--way", way, str(case)]
            subprocess.run(words, check=True, env={**os.environ, "OMP_NUM_THREADS": str(given.threads)})


def rows(given: argparse.Namespace, case: Path) -> list[tuple[str, ...]]:
    """Each way beside the first."""
    with np.load(case) as held:
        truth, body = held["labels"] > 0, held["images"][0] > BODY_HU
    with np.load(kept(given, given.ways[0], case)) as first:
        aim, most = (first["labels"] > 0) & body, float(first["seconds"])
    made = []
    for way in given.ways:
        with np.load(kept(given, way, case)) as found:
            seconds, mask = float(found["seconds"]), (found["labels"] > 0) & body
            count, peak = str(found["windows"]) if "windows" in found else "", float(found["peak_gib"])
        parts, overlooked = overlooks(aim, mask)
        made.append((
            way, count, f"{seconds:.0f}", f"{most / seconds:.1f}", f"{peak:.1f}", f"{dice(mask, aim):.4f}",
            f"{overlooked} of {parts}", f"{dice(mask, truth):.3f}",
        ))  # fmt: skip
    return made


def overlooks(aim: np.ndarray, mask: np.ndarray) -> tuple[int, int]:
    """Parts of a mask, and how many of them another does not touch."""
    labels, parts = ndimage.label(aim, np.ones((3, 3, 3)))
    return parts, parts - len(np.unique(labels[mask & (labels > 0)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", help="an interpreter with nnunetv2")
    parser.add_argument("--model", type=Path, help="a model folder of nnU-Net's own, of CT and PET, instead")
    parser.add_argument("--out", type=Path, default=Path("engine-body"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--voxels", type=int, default=200)
    parser.add_argument("--anatomies", type=int, nargs="+", default=PREDICTED)
    parser.add_argument("--piece", type=int, help="only a cube of so many voxels a side")
    ways = [PEER, *(way for way in WAYS if way != "full")]
    parser.add_argument("--ways", nargs="+", default=ways, help="the others are compared with the first")
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
        "Dice with the first",
        "its parts overlooked",
        "Dice with the truth",
    )
    for anatomy in given.anatomies:
        case = phantom(given.out / "phantoms", anatomy, given.voxels)
        case = piece(case, given.piece) if given.piece else case
        with np.load(case) as held:
            size = " × ".join(map(str, held["labels"].shape[::-1]))
        run_all(given, case)
        table(f"Anatomy {anatomy}, {size} voxels", head, rows(given, case))


if __name__ == "__main__":
    main()
