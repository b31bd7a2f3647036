"""What an earlier scan is worth: recipes on phantoms of two scans whose change is known.

    python benchmarks/courses.py make DATA [--patients N]
    lymphoscope train RECIPE DATA -o RUNS/RECIPE --folds 0 --steps N
    python benchmarks/courses.py compare DATA RUNS/RECIPE …

Each phantom has lesions that vanish, shrink, grow or appear, and in its later scan spots that look like shrunk lesions
and are none: only the earlier scan tells them apart (`lymphoscope.image.course_phantom`).
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.units import Unit
from lymphoscope.image.course_phantom import CoursePhantom, course_phantom
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn.run import Run

ASKED = {"shrunk": "shrunk, found", "grown": "grown, found", "new": "new, found", "inflamed": "inflamed, taken for one"}
"""What is counted of each fate in the later scan."""

Mask = NDArray[np.bool_]


def make(folder: Path, patients: int) -> None:
    """Write a data set of phantoms: the scans of patient N are cases pN_0 and pN_1."""

    def cases() -> Iterator[NewCase]:
        for number in range(patients):
            made = course_phantom(number)
            for order, scan in enumerate((made.earlier, made.later)):
                name = f"p{number:03d}"
                yield NewCase(f"{name}_{order}", scan.images, scan.lesions, name, day=60.0 * order)

    write_nnunet(folder, cases(), About(folder.name, description="Phantoms of patients who were scanned twice"))


def dice(found: Mask, true: Mask) -> float:
    """Overlap; 1 where both are empty."""
    return float(2 * (found & true).sum() / both) if (both := found.sum() + true.sum()) else 1.0


def hit(found: Mask, made: CoursePhantom) -> Iterator[tuple[str, bool]]:
    """Each spot's fate, and whether a third of what is there in the later scan is drawn."""
    later = made.later.images["pet:suv"].array > 2.0
    for number, fate in enumerate(made.fates, 1):
        there = (made.spots == number) & later
        if fate in ASKED:
            yield fate, bool(found[there].mean() > 1 / 3)


def compare(data_path: Path, run: Run) -> str:
    """A line of the table: the later scans of patients whom the network has not seen."""
    data = open_dataset(data_path).looking_back(("pet:suv@1",))
    later, earlier, asked, seen = [], [], Counter[str](), Counter[str]()
    for entry in data.cases:
        drawn = run.validation / f"{entry.id}.nii.gz"
        if not drawn.exists():
            continue
        made = course_phantom(int(entry.patient[1:]))
        found = read_nifti(drawn, Unit.LABEL).array > 0
        later.append(dice(found, made.later.lesions.array > 0))
        before = run.maps("lesions-earlier") / drawn.name
        if not before.exists():  # a network of single scans drew the earlier one as a case of its own
            before = run.validation / f"{entry.earlier[0].id}.nii.gz"
        if before.exists():
            earlier.append(dice(read_nifti(before, Unit.ARBITRARY).array > 0.5, made.earlier.lesions.array > 0))
        for fate, taken in hit(found, made):
            asked[fate] += 1
            seen[fate] += taken
    counts = [f"{seen[fate]} of {asked[fate]}" for fate in ASKED]
    first = f"{np.mean(earlier):.3f}" if earlier else "–"
    return f"| {' | '.join([run.path.name, str(len(later)), f'{np.mean(later):.3f}', first, *counts])} |"


def main() -> None:
    """Make phantoms, or compare runs on them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    making, comparing = verbs.add_parser("make"), verbs.add_parser("compare")
    for one in (making, comparing):
        one.add_argument("data", type=Path)
    making.add_argument("--patients", type=int, default=40)
    comparing.add_argument("runs", type=Path, nargs="+")
    given = parser.parse_args()
    if given.verb == "make":
        make(given.data, given.patients)
        return
    columns = ["recipe", "patients", "Dice, later scan", "Dice, earlier scan", *ASKED.values()]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for run in given.runs:
        print(compare(given.data, Run(run)), flush=True)


if __name__ == "__main__":
    main()
