"""Does a network know where it errs? Calibration, and doubt against error, of runs on the same cases.

    python benchmarks/doubt.py DATA RUN …

Every case is drawn by a network that has not seen the patient. Calibration is over all voxels, so that a network which
nowhere comes near 0 is judged by the same ones as others (`lymphoscope evaluate` takes those of p ≥ 0.01). Doubt is the
entropy of the probability and, where the network tells them, its ignorance and the conflict of its sources. For each
the mean over cases of the area under the ROC: how often a voxel that is drawn wrongly has more doubt than one that is
drawn rightly. Then which share of voxels is drawn wrongly, from the most doubtful voxels of a case to the least.
Intervals are from a bootstrap of the cases.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import add
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.units import Unit
from lymphoscope.evaluate.calibration import Reliability
from lymphoscope.evaluate.classification import auc
from lymphoscope.evaluate.overlap import Confusion
from lymphoscope.evaluate.statistics import bootstrap
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn.run import Run

DOUBTS = ("entropy", "ignorance", "conflict")
SHARES = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Limits of the classes of doubt: shares of a case's voxels, the most doubtful first."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """A case as a network drew it.

    Attributes:
        dice: Overlap with the truth.
        reliability: Of the probability.
        areas: By doubt, area under the ROC for errors.
        wrong: By doubt, share of errors in each class of doubt.
    """

    dice: float
    reliability: Reliability
    areas: dict[str, float]
    wrong: dict[str, Floats]


def drawn(data_path: Path, run: Run) -> Iterator[Drawn]:
    """Figures of every case that a run has predicted."""
    data, last = open_dataset(data_path), run.plan().recipe.stages[-1].id
    for entry in data.cases:
        name = f"{entry.id}.nii.gz"
        labels = data.read(entry, []).labels
        if labels is None or not (run.maps(last) / name).exists():
            continue
        chance = read_nifti(run.maps(last) / name, Unit.PROBABILITY).array.astype(float)
        lesion, mask = labels.array > 0, read_nifti(run.validation / name, Unit.LABEL).array > 0
        told = {"entropy": entropy(chance)}
        for doubt in DOUBTS[1:]:
            path = run.maps(f"{last}-{doubt}") / name
            values = read_nifti(path, Unit.ARBITRARY).array.astype(float) if path.exists() else np.zeros(())
            if np.ptp(values) > 0:  # one source has no conflict anywhere
                told[doubt] = values
        error = mask != lesion
        found = {doubt: auc(error.ravel(), values.ravel()) for doubt, values in told.items()}
        yield Drawn(
            Confusion.of(mask, lesion).dice or 0.0,
            Reliability.of(chance, lesion),
            {doubt: area.value for doubt, area in found.items() if area},
            {doubt: by_doubt(error.ravel(), values.ravel()) for doubt, values in told.items()},
        )


def entropy(chance: Floats) -> Floats:
    """Of lesion or not, bits."""
    p = np.clip(chance, 1e-7, 1 - 1e-7)
    return np.asarray(-p * np.log2(p) - (1 - p) * np.log2(1 - p))


def by_doubt(error: NDArray[np.bool_], doubt: Floats) -> Floats:
    """Share of errors in each of the classes of `SHARES`."""
    order = np.argsort(-doubt, kind="stable")
    limits = np.round(np.array(SHARES) * order.size).astype(int)
    return np.array([error[order[a:b]].mean() for a, b in pairwise(limits)])


def mean(values: Sequence[float]) -> str:
    """With its interval."""
    found = bootstrap(lambda rows: float(np.asarray(values)[rows].mean()), range(len(values)))
    return f"{found.value:.3f} ({found.low:.3f}–{found.high:.3f})" if found.low is not None else f"{found.value}"


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    given = parser.parse_args()
    found = {run.name: list(drawn(given.data, Run(run))) for run in given.runs}
    print(f"| | cases | Dice | ECE | Brier | {' | '.join(f'AUC of {doubt}' for doubt in DOUBTS)} |")
    print(f"|{'---|' * (5 + len(DOUBTS))}")
    for name, cases in found.items():
        whole = reduce(add, (case.reliability for case in cases))
        areas = [[case.areas[doubt] for case in cases if doubt in case.areas] for doubt in DOUBTS]
        cells = [name, str(len(cases)), mean([case.dice for case in cases])]
        cells += [f"{whole.expected_calibration_error:.3f}", mean([case.reliability.brier or 0.0 for case in cases])]
        print(f"| {' | '.join([*cells, *(mean(one) if one else '–' for one in areas)])} |")
    classes = [f"{100 * a:.0f}–{100 * b:.0f} %" for a, b in pairwise(SHARES)]
    print(f"\n| voxels drawn wrongly, of the most doubtful | {' | '.join(classes)} |\n|{'---|' * (1 + len(classes))}")
    for name, cases in found.items():
        for doubt in cases[0].wrong:
            shares = np.mean([case.wrong[doubt] for case in cases], axis=0)
            print(f"| {name}, {doubt} | {' | '.join(f'{share:.3f}' for share in shares)} |")


if __name__ == "__main__":
    main()
