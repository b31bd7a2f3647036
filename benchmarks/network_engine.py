"""What a network of nnU-Net's size costs on a processor: nnU-Net's own predictor and ours, lever by lever.

    python benchmarks/network_engine.py NNUNET_PYTHON [--out FOLDER] [--threads 2] [--only window,short,…]

NNUNET_PYTHON is an interpreter with nnunetv2 2.5.2. Weights are random, which is the hardest case for agreement: masks
are noise, and every voxel lies on an edge. Times are processor seconds of all threads together, which other work on the
machine disturbs less than the clock. `network_body.py` gives a whole body to both.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "oracles"))
from nnunet_models import spec  # noqa: E402
from whole_body_network import phantom_case  # noqa: E402

from lymphoscope.app.models.add import Wish, add  # noqa: E402
from lymphoscope.app.models.source import Fetching  # noqa: E402
from lymphoscope.app.models.store import Store  # noqa: E402
from lymphoscope.core.geometry import Geometry  # noqa: E402
from lymphoscope.core.units import Unit  # noqa: E402
from lymphoscope.core.volume import Volume  # noqa: E402
from lymphoscope.image.body_phantom import BodyOptions, body_phantom  # noqa: E402
from lymphoscope.learn.foreign.effort import Effort, layout  # noqa: E402
from lymphoscope.learn.foreign.eight_bits import quantized  # noqa: E402
from lymphoscope.learn.foreign.predictor import predict  # noqa: E402
from lymphoscope.learn.foreign.preparing import prepared  # noqa: E402
from lymphoscope.learn.foreign.stored import BUDGETS, Arithmetic, Budget, open_stored  # noqa: E402
from lymphoscope.learn.infer import Predict  # noqa: E402
from lymphoscope.learn.openvino_engine import by_openvino  # noqa: E402
from lymphoscope.learn.streaming import slabs  # noqa: E402

PATCH = 128
SIDE = (128, 128, 128)
TIMES = 2
WHOLE = {"200 × 200 × 330": (330, 200, 200), "400 × 400 × 330": (330, 400, 400)}
FIELD_MM = (990.0, 814.0, 814.0)
SHORT = (160, 160, 160)
"""Voxels of a piece of a body in which eight windows lie, which nnU-Net can be given to the end."""
SHARES = (0.33, 0.67, 1.0)
"""Lengths of a body that is cut."""
ANATOMIES = tuple(range(65, 90))
EFFORTS = {name: BUDGETS[name].effort for name in ("full", "standard", "glance")}


def big(size: str) -> dict[str, Any]:
    """nnU-Net's 3d_fullres of six stages, 32 to 320 features; or a small one."""
    made = spec("plain", mirror=[])
    full = made["plans"]["configurations"]["3d_fullres"]
    full["spacing"], full["patch_size"] = [3.0, 2.036, 2.036], [PATCH] * 3
    words = full["architecture"]["arch_kwargs"]
    if size == "small":
        made |= {"steps": 120}
        full["patch_size"] = [32] * 3
        return made
    words |= {
        "n_stages": 6, "features_per_stage": [32, 64, 128, 256, 320, 320], "kernel_sizes": [[3, 3, 3]] * 6,
        "strides": [[1, 1, 1], *[[2, 2, 2]] * 5], "n_conv_per_stage": [2] * 6, "n_conv_per_stage_decoder": [2] * 5,
    }  # fmt: skip
    return made


def model(python: str, out: Path, size: str) -> Path:
    """A model folder of that size and the same in a store, made once."""
    folder = out / size
    if not (out / "store" / size).exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "spec.json").write_text(json.dumps(big(size)))
        peer(python, "make", folder / "spec.json", folder / "model")
        add(str(folder / "model"), Store(out / "store"), Wish(name=size), Fetching(lambda _: False))
    return folder / "model"


def peer(python: str, *words: object) -> None:
    subprocess.run([python, str(HERE.parent / "tests" / "oracles" / "nnunet_peer.py"), *map(str, words)], check=True)


def noise(shape: tuple[int, ...]) -> tuple[np.ndarray, Geometry]:
    """A case of the model's own spacing, so that nothing is resampled."""
    rng = np.random.default_rng(0)
    images = np.stack([rng.normal(0, 80, shape), np.abs(rng.normal(1, 1, shape))]).astype(np.float32)
    return images, Geometry.axial(shape, (3.0, 2.036, 2.036))  # type: ignore[arg-type]


def volumes(images: np.ndarray, grid: Geometry) -> dict[str, Volume]:
    return {"ct:hu": Volume(images[0], grid, Unit.HU), "pet:suv": Volume(images[1], grid, Unit.SUV_BW)}


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.count_nonzero((a > 0) & (b > 0)) / max(1, np.count_nonzero(a) + np.count_nonzero(b))


def window_and_agreement(python: str, out: Path, threads: int) -> list[tuple[str, ...]]:
    """One window by nnU-Net and by us, same weights and settings, the better of two: its time, and the masks."""
    held = model(python, out, "large")
    images, grid = noise(SIDE)
    np.savez(out / "case.npz", images=images, spacing=grid.spacing)
    rows = []
    peer(python, "predict", held, out / "case.npz", out / "peer.npz", "--threads", threads, "--times", TIMES)
    with np.load(out / "peer.npz") as found:
        theirs, seconds, peak = found["labels"], float(found["seconds"]), float(found["peak_gib"])
    rows.append(("nnunetv2 2.5.2, torch fp32, no mirroring", f"{seconds:.2f}", "1.0", "1", f"{peak:.1f}"))
    for precision in ("f32", "bf16"):
        loaded = open_stored(out / "store" / "large", Budget(Effort(mirror=False), "", Arithmetic(precision)))
        own = float("inf")
        for _ in range(TIMES):
            begun = time.process_time()
            ours = predict(loaded, volumes(images, grid), Effort(mirror=False)).classes.array
            own = min(own, time.process_time() - begun)
        same = f"{dice(ours, theirs):.4f}"
        rows.append((f"ours, OpenVINO {precision}", f"{own:.2f}", f"{seconds / own:.1f}", same, ""))
    (out / "window.json").write_text(json.dumps(rows))
    return rows


def short(python: str, out: Path, threads: int) -> list[tuple[str, ...]]:
    """Eight windows to the end, by nnU-Net as published, with its sums in single precision, and by us."""
    held = model(python, out, "large")
    images, grid = noise(SHORT)
    np.savez(out / "short.npz", images=images, spacing=grid.spacing)
    rows, masks = [], {}
    for name, more in (("nnunetv2 2.5.2", []), ("the same, sums in single precision", ["--float32"])):
        call = ("predict", held, out / "short.npz", out / "peer.npz", "--threads", threads, *more)
        peer(python, *call)
        with np.load(out / "peer.npz") as found:
            masks[name], seconds, peak = found["labels"], float(found["seconds"]), float(found["peak_gib"])
        rows.append((name, f"{seconds:.0f}", f"{peak:.1f}"))
    loaded = open_stored(out / "store" / "large", Budget(Effort(mirror=False), ""))
    begun = time.process_time()
    masks["here"] = predict(loaded, volumes(images, grid), Effort(mirror=False)).classes.array
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows.append(("here", f"{time.process_time() - begun:.0f}", f"{peak:.1f}"))
    first, second = list(masks)[:2]
    return [
        (*row, f"{dice(masks[row[0]], masks[first]):.4f}", f"{dice(masks[row[0]], masks[second]):.4f}") for row in rows
    ]


def blobs(side: int, rng: np.random.Generator) -> np.ndarray:
    """What the small network was trained on: noise with brighter balls."""
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij")).astype(np.float32)
    inside = np.zeros((side,) * 3, bool)
    for _ in range((side // 32) ** 3):
        centre, radius = rng.random(3) * side, 2 + 4 * rng.random()
        inside |= ((grid - centre[:, None, None, None]) ** 2).sum(axis=0) < radius**2
    return (rng.standard_normal((1, 2, side, side, side)) + 2 * inside).astype(np.float32)


def eight_bits(out: Path) -> list[tuple[str, ...]]:
    """Windows in 8-bit integers beside those in 32, other ones than it was calibrated on. Needs nncf."""
    rows = []
    for name, side, shown, tried in (("small", 32, 24, 6), ("large", PATCH, 6, 1)):
        rng, path = np.random.default_rng(0), out / "store" / name / "fold_0" / "model.xml"
        quantized(path, [blobs(side, rng) for _ in range(shown)], out / f"{name}-int8.xml")
        both = [by_openvino(path), by_openvino(out / f"{name}-int8.xml")]
        seconds, shares = [float("inf")] * 2, []
        for window in [blobs(side, rng) for _ in range(tried)]:
            masks = []
            for number, network in enumerate(both):
                for _ in range(TIMES):
                    begun = time.process_time()
                    found = network(window)
                    seconds[number] = min(seconds[number], time.process_time() - begun)
                masks.append(found > 0)
            shares.append(dice(*masks))
        rows.append((f"{name}, {side}³", *(f"{one:.2f}" for one in seconds), f"{min(shares):.3f}–{max(shares):.3f}"))
    return rows


def body(shape: tuple[int, int, int]) -> dict[str, Volume]:
    """A whole body on a grid of that many voxels, 990 mm long."""
    made = body_phantom(BodyOptions(shape, None))
    grid = Geometry.axial(shape, tuple(mm / n for mm, n in zip(FIELD_MM, shape, strict=True)))  # type: ignore[arg-type]
    pet = Volume(made.pet.array, grid, Unit.SUV_BW)
    return {"pet:suv": pet, "ct:hu": Volume(np.where(pet.array > 0.1, 40, -1000).astype(np.int16), grid, Unit.HU)}


def windows(out: Path) -> list[tuple[str, ...]]:
    """Windows on whole bodies, counted without computing any."""
    rows = []
    for name, shape in WHOLE.items():
        counts, seconds = _counted(out, body(shape))
        rows.append((name, *counts, f"{seconds:.1f}"))
    return rows


def _counted(out: Path, case: dict[str, Volume]) -> tuple[list[str], float]:
    """Windows of `EFFORTS`, and the seconds that preparing took."""
    loaded = open_stored(out / "store" / "large", BUDGETS["standard"])
    begun = time.process_time()
    made = prepared(loaded.plan, [case[role].array for role in loaded.roles], case["pet:suv"].geometry)
    seconds = time.process_time() - begun
    counts = []
    for effort in EFFORTS.values():
        where = layout(loaded.plan, made, case["pet:suv"], effort)
        calls: list[int] = []
        for _ in slabs(lambda p, c=calls: (c.append(1), p[:, :1])[1], made.images[(slice(None), *where.box)],
                       where.windows, (0.0,)):  # fmt: skip
            pass
        counts.append(str(len(calls)))
    return counts, seconds


def lengths(out: Path) -> list[tuple[str, ...]]:
    """Windows on a body that is cut, from the head down."""
    shape = next(iter(WHOLE.values()))
    case = body(shape)
    rows = []
    for share in SHARES:
        kept = round(share * shape[0])
        grid = Geometry.axial((kept, *shape[1:]), case["pet:suv"].geometry.spacing)  # type: ignore[arg-type]
        cut = {role: Volume(image.array[-kept:], grid, image.unit) for role, image in case.items()}
        counts = _counted(out, cut)[0]
        rows.append((f"{kept * FIELD_MM[0] / shape[0]:.0f} mm", *counts))
    return rows


def by_disease(out: Path, keep: Path | None) -> list[tuple[str, ...]]:
    """Windows of one network that draws exactly the lesions of a phantom: it is handed them in place of the CT."""
    loaded = open_stored(out / "store" / "large", BUDGETS["standard"])
    calls: Counter[str] = Counter()

    def network(name: str) -> Predict:
        def said(patch: np.ndarray) -> np.ndarray:
            calls[name] += 1
            return np.asarray(20 * (patch[:, :1] - 1))

        return said

    rows = []
    for order, anatomy in enumerate(ANATOMIES):
        case = phantom_case(anatomy, order, 1, keep)
        lesions = Volume((1000 * (case.lesions > 0)).astype(np.float32), case.pet.geometry, Unit.HU)
        made = replace(loaded, members=[network("earnest")], scout=network("look"))
        calls.clear()
        predict(
            replace(made, members=[network("standard")]), {"pet:suv": case.pet, "ct:hu": lesions}, EFFORTS["standard"]
        )
        predict(made, {"pet:suv": case.pet, "ct:hu": lesions}, BUDGETS["fast"].effort)
        volume = np.count_nonzero(case.lesions) * case.pet.geometry.voxel_ml
        counts = (calls["standard"], calls["look"], calls["earnest"])
        rows.append((str(anatomy), str(len(np.unique(case.lesions)) - 1), f"{volume:.0f}", *map(str, counts)))
    return rows


def table(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    print(f"\n{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", help="an interpreter with nnunetv2")
    parser.add_argument("--out", type=Path, default=Path("engine"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="window,short,int8,windows,disease")
    parser.add_argument("--keep", type=Path, help="where phantoms are kept")
    wish = parser.parse_args()
    wish.out.mkdir(parents=True, exist_ok=True)
    parts = wish.only.split(",")
    if "window" in parts:
        head = ("one window of 128³", "processor s", "times less", "Dice with nnU-Net's mask", "peak GiB")
        table("Same weights, same windows", head, window_and_agreement(wish.python, wish.out, wish.threads))
    model(wish.python, wish.out, "large")
    if "short" in parts:
        head = ("160³, eight windows", "processor s", "peak GiB", "Dice with nnU-Net", "and with its single precision")
        table("Same weights, a piece of a body", head, short(wish.python, wish.out, wish.threads))
    if "int8" in parts:
        model(wish.python, wish.out, "small")
        head = ("a window", "processor s, 32 bits", "8 bits", "Dice of one with the other")
        table("8-bit integers", head, eight_bits(wish.out))
    if "windows" in parts:
        table("Windows of one network", ("voxels", *EFFORTS, "processor s to prepare"), windows(wish.out))
        table("Windows by length", ("length", *EFFORTS), lengths(wish.out))
    if "disease" in parts:
        head = ("anatomy", "lesions", "mL", "standard", "glance", "fast, besides")
        table("Windows by disease", head, by_disease(wish.out, wish.keep))


if __name__ == "__main__":
    main()
