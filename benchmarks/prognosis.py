"""Joint segmentation and prognosis on the soft-tissue sarcoma cohort: every variant at equal minutes, with tables.

    python benchmarks/sts_dataset.py FOLDER_OF_THE_COHORT DATA/Dataset001_STS
    python benchmarks/prognosis.py DATA/Dataset001_STS OUT --minutes 3 --at-once 2

Each variant is trained in five folds for (a) lung metastasis and (b) progression within two years, and stands beside
SUVmax and the volume at SUV ≥ 4 in the drawn tumour, on the same unseen patients. Made for two cores: networks are a
quarter as wide as published (8, 16, 32, 64), four cases a step, voxels of 8 mm, a rate of 1e-3 with the published step
down; `--published` leaves them as they are, for a GPU. What is finished is not done again; `--models` and `--outcomes`
choose some; `--steps` counts steps instead of minutes, the same on a busy machine; `--tables` trains nothing and tells
what is there; `--pictures docs/pictures` copies those that the documentation shows.

Time: models × outcomes × 5 folds × minutes / at once, and m1-a once an outcome: 10 × 2 × 5 × 3 / 2 = 150 minutes.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from lymphoscope.app import settings
from lymphoscope.app.joint.run import Request, joint, tables
from lymphoscope.app.training import Training, train
from lymphoscope.core.progress import silent
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.recipes.joint import JOINT
from lymphoscope.recipes.spec import Recipe, Use

MODELS = ("m1-joint", "m1-a", "m1-b", "m1-c", "m1-d", "m1-e", "m1-joint-fine", "m2-zhou", "m3-resnet34",
          "m3-densenet121")  # fmt: skip
OUTCOMES = ("lung_mets", "pfs_event:pfs_days:730.5")
NARROW = {
    "unet": {"widths": (8, 16, 32, 64)},
    "unet_encoder": {"widths": (8, 16, 32, 64)},
    "vnet": {"widths": (4, 8, 16, 32, 64)},
    "resnet": {"widths": (16, 32, 64, 128)},
    "densenet": {"growth": 8, "stem": 16},
}
PICTURES = {
    "lung_mets": ("roc", "features", "surfaces"),
    "pfs_event": ("roc", "survival-1-half", "survival-3-youden"),
}
"""Those of the documentation: survival by the first network, and by the volume at SUV ≥ 4."""
QUANTITIES = ("suvmax", "mtv4_ml", "volume_ml")


def lean(recipe: Recipe, voxel: float) -> Recipe:
    """A recipe of the family made for a processor of two cores, on voxels of so many mm."""
    (stage,) = recipe.stages
    learn = stage.trained
    learn = replace(
        learn,
        net=Use(learn.net.name, {**learn.net.params, **NARROW[learn.net.name]}),
        batch=4,
        grid=Use("boxed"),
        plan=Use("whole_image", {"voxel": (voxel,) * 3}),
        optimizer=Use("adamw", {"rate": 1e-3, "decay": 0.0}),
    )
    return replace(recipe, stages=(replace(stage, learn=learn),))


def measure(data_path: Path, out: Path) -> None:
    """Write SUVmax, volume at SUV ≥ 4 and volume of every drawn tumour."""
    data = open_dataset(data_path)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case", *QUANTITIES])
        for entry in data.cases:
            sample = data.read(entry, ("pet:suv",))
            pet = sample.volumes["pet:suv"]
            assert sample.labels is not None
            values, voxel = pet.array[sample.labels.array > 0], pet.geometry.voxel_ml
            writer.writerow([entry.id, float(values.max()), float((values >= 4).sum() * voxel), values.size * voxel])


def trained(name: str, outcome: str, given: argparse.Namespace) -> Path:
    """The run of a model for an outcome; trained as far as it is not."""
    run: Path = given.out / outcome.partition(":")[0] / name
    if given.tables:
        return run
    foretells = name != "m1-a"
    wanted = Training(
        steps=given.steps,
        minutes=None if given.steps else given.minutes,
        outcome=outcome if foretells else "",
        by="" if foretells else outcome,
        at_once=given.at_once,
        device=given.device,
        precision=given.precision,
        threads=settings.threads(),
    )
    card = train(JOINT[name] if given.published else lean(JOINT[name], given.voxel), given.data, run, wanted, silent)
    told = (card["outcome"] or {}).get("auc") or {}
    print(f"{run}: Dice {card['out_of_fold']['dice_mean']}, AUC {told.get('value')}", file=sys.stderr, flush=True)
    return run


def compared(outcome: str, runs: list[Path], given: argparse.Namespace) -> None:
    """Compare the runs of an outcome, print the tables."""
    short = outcome.partition(":")[0]
    folder = given.out / f"{short}-compared"
    request = Request(given.out / "quantities.csv", QUANTITIES, "pfs_days", "pfs_event", features=True, force=True)
    record = joint(runs, given.data, folder, request)
    for made in tables(record):
        print(f"\n{made.caption}\n")
        print("| " + " | ".join(head.rstrip(">") for head in made.heads) + " |")
        print("|" + "---|" * len(made.heads))
        print("\n".join("| " + " | ".join(row) + " |" for row in made.rows), flush=True)
    print("\n" + "\n".join(record["notes"]), flush=True)
    for name in PICTURES.get(short, ()) if given.pictures else ():
        shutil.copy(folder / "figures" / f"{name}.png", given.pictures / f"{short.replace('_', '-')}-{name}.png")


def main() -> None:
    """Train all, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--models", nargs="+", default=MODELS, choices=tuple(JOINT))
    parser.add_argument("--outcomes", nargs="+", default=OUTCOMES)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--steps", type=int, help="instead of minutes: the same on any machine")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--voxel", type=float, default=8.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--published", action="store_true")
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--pictures", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    measure(given.data, given.out / "quantities.csv")
    for outcome in given.outcomes:
        runs = [trained(name, outcome, given) for name in given.models]
        compared(outcome, [run for run in runs if (run / "card.json").exists()], given)


if __name__ == "__main__":
    main()
