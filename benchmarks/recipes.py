"""Recipes on one data set at equal wall-clock budget: train each in the folds asked for, compare, print a table.

    python benchmarks/recipes.py DATA OUT --recipes b3-unet3d b5-vnet --minutes 3 [--folds 0,1] [--peer PREDICTIONS]

Runs one recipe at a time. What is finished is not done again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-c", "from lymphoscope.app.cli import main; main()"]


def train(recipe: str, given: argparse.Namespace) -> dict[str, Any]:
    """Train a recipe, and give the card of its run."""
    run = given.out / recipe
    card = run / "card.json"
    words = [*COMMAND, "train", recipe, str(given.data), "-o", str(run), "--minutes", str(given.minutes), "--quiet"]
    words += ["--folds", given.folds, "--precision", given.precision, "--at-once", str(given.at_once)]
    subprocess.run(words, check=True, stdout=sys.stderr)
    record: dict[str, Any] = json.loads(card.read_text())
    return record


def row(recipe: str, card: dict[str, Any]) -> str:
    """A line of the table."""
    spent = [one for fold in card["folds"].values() for one in fold["training"].values()]
    whole = card["out_of_fold"]
    pace = sum(one["voxels_per_second"] or 0 for one in spent) / len(spent)
    steps = sum(one["steps"] for one in spent) / len(spent)
    memory = max(one["peak_memory_gb"] for one in spent)
    cells = (recipe, f"{whole['dice_mean']:.3f}", f"{whole['dice_median']:.3f}", str(whole["cases"]))
    return f"| {' | '.join((*cells, f'{steps:.0f}', f'{pace:,.0f}', f'{memory:.1f}'))} |"


def main() -> None:
    """Train all, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recipes", nargs="+", required=True)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--folds", default="0,1,2,3,4")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--at-once", type=int, default=1, help="folds side by side")
    given = parser.parse_args()
    print(f"{given.minutes:g} minutes of training a fold, folds {given.folds}, {given.precision}\n")
    print("| recipe | mean Dice | median Dice | cases | steps a fold | voxels a second | peak memory, GB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for recipe in given.recipes:
        print(row(recipe, train(recipe, given)), flush=True)


if __name__ == "__main__":
    main()
