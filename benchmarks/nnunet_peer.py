"""Run nnU-Net v2 itself, 3d_fullres, on a data set for so many minutes: the peer that our training is measured against.

Usage: python benchmarks/nnunet_peer.py DATASET OUT --minutes 30 [--fold 0] [--threads 2] [--no-mirroring]

DATASET is a folder DatasetNNN_NAME in nnU-Net's layout. It runs in an environment of its own:
``pip install nnunetv2==2.5.2 torch==2.13.0``. Fingerprint, plan, preprocessing, augmentation, loss, optimizer and
sliding-window prediction are nnU-Net's. Two things differ:

- the learning rate runs down its polynomial over the minutes given, instead of over 250 000 steps; nothing is validated
  on the way;
- the scheduler's base class is given back the argument ``verbose``, which torch 2.13 has not: without, 2.5.2 cannot
  train at all.

OUT/predictions holds the validation cases of the fold, OUT/peer.json the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

CONFIGURATION = "3d_fullres"


def main() -> None:
    """Plan, train, predict, write figures."""
    wish = arguments()
    begun = time.monotonic()
    name = prepare_folders(wish)
    import torch  # noqa: PLC0415 - its threads and nnU-Net's folders are set before

    torch.set_num_threads(wish.threads)
    mend_scheduler()
    plans = plan(name, wish)
    prepared = time.monotonic() - begun
    trainer = make_trainer(name, wish, torch.device(wish.device))
    steps, seconds = train(trainer, wish.minutes * 60)
    predicted = time.monotonic()
    if wish.mirroring is False:
        trainer.inference_allowed_mirroring_axes = None
    trainer.perform_actual_validation(save_probabilities=False)
    predicted = time.monotonic() - predicted
    folder = wish.out / "predictions"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(Path(trainer.output_folder) / "validation", folder)
    shown = plans["configurations"][CONFIGURATION]
    voxels = int(shown["batch_size"])
    for side in shown["patch_size"]:
        voxels *= int(side)
    summary = json.loads((folder / "summary.json").read_text())
    counts = ("TP", "FP", "FN", "TN")
    drawn = sum(next(iter(case["metrics"].values()))[name] for case in summary["metric_per_case"] for name in counts)
    figures = {
        "nnunetv2": version("nnunetv2"),
        "torch": torch.__version__,
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {wish.threads} threads",
        "device": wish.device,
        "fold": wish.fold,
        "patch": [int(side) for side in shown["patch_size"]],
        "batch": int(shown["batch_size"]),
        "preparing_s": round(prepared, 1),
        "training_s": round(seconds, 1),
        "steps": steps,
        "training_voxels_per_s": round(voxels * steps / seconds),
        "predicting_s": round(predicted, 1),
        "predicting_voxels_per_s": round(drawn / predicted),
        "predicted_cases": len(summary["metric_per_case"]),
        "mirroring": wish.mirroring,
        "peak_mb": peak_mb(),
        "dice": summary["foreground_mean"]["Dice"],
    }
    (wish.out / "peer.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def arguments() -> argparse.Namespace:
    """What is wanted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--workers", type=int, default=1, help="processes that augment")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--no-mirroring", dest="mirroring", action="store_false")
    return parser.parse_args()


def prepare_folders(wish: argparse.Namespace) -> str:
    """Lay out nnU-Net's three folders and say so in the environment; the data set's name."""
    for kind in ("raw", "preprocessed", "results"):
        folder = (wish.out / kind).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        os.environ[f"nnUNet_{kind}"] = str(folder)
    # one thread in each worker; training sets its own number
    settings = {"nnUNet_n_proc_DA": wish.workers, "nnUNet_def_n_proc": wish.threads, "OMP_NUM_THREADS": 1}
    os.environ.update({name: str(value) for name, value in settings.items()})
    link = wish.out / "raw" / wish.dataset.name
    if not link.exists():
        link.symlink_to(wish.dataset.resolve(), target_is_directory=True)
    return str(wish.dataset.name)


def mend_scheduler() -> None:
    """Give the base class of nnU-Net's scheduler the argument that torch took away."""
    from nnunetv2.training.lr_scheduler import polylr  # noqa: PLC0415 - see main

    base: Any = polylr._LRScheduler

    class Tolerant(base):  # type: ignore[misc]
        """Takes `verbose`, and does nothing with it."""

        def __init__(self, optimizer: Any, last_epoch: int = -1, verbose: bool = False) -> None:
            del verbose
            super().__init__(optimizer, last_epoch)

    polylr.PolyLRScheduler.__bases__ = (Tolerant,)


def plan(name: str, wish: argparse.Namespace) -> dict[str, Any]:
    """nnU-Net's fingerprint, plan, preprocessing, as far as they are not there; the plan."""
    from nnunetv2.experiment_planning import plan_and_preprocess_api as api  # noqa: PLC0415 - see main

    number = int(name[7:10])
    folder = wish.out / "preprocessed" / name
    if not (folder / "nnUNetPlans.json").exists():
        api.extract_fingerprints([number], num_processes=wish.threads, check_dataset_integrity=True)
        api.plan_experiments([number])
    if not (folder / f"nnUNetPlans_{CONFIGURATION}").exists():
        api.preprocess([number], configurations=(CONFIGURATION,), num_processes=(wish.threads,))
    plans: dict[str, Any] = json.loads((folder / "nnUNetPlans.json").read_text())
    return plans


def make_trainer(name: str, wish: argparse.Namespace, device: Any) -> Any:
    """nnU-Net's trainer of one fold, ready to step."""
    from nnunetv2.run.run_training import get_trainer_from_args  # noqa: PLC0415 - see main

    trainer = get_trainer_from_args(name, CONFIGURATION, wish.fold, device=device)
    trainer.initialize()
    trainer.on_train_start()
    trainer.on_train_epoch_start()
    return trainer


def train(trainer: Any, seconds: float) -> tuple[int, float]:
    """Step until the time is up; how many steps, in how many seconds."""
    begun, step = time.monotonic(), 0
    while (spent := time.monotonic() - begun) < seconds:
        for group in trainer.optimizer.param_groups:
            group["lr"] = trainer.initial_lr * (1 - spent / seconds) ** 0.9
        loss = trainer.train_step(next(trainer.dataloader_train))["loss"]
        step += 1
        if step % 20 == 1:
            print(f"{spent:7.0f} s  step {step:5d}  loss {float(loss):.3f}", flush=True)
    spent = time.monotonic() - begun
    trainer.on_train_end()
    return step, spent


def peak_mb() -> int:
    """Largest memory of this process or of any that it started, MB."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in whose) // 1024


if __name__ == "__main__":
    main()
