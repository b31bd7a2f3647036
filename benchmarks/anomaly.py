"""Does PET minus a normal PET made of the CT tell tumour from background? For every case of a run of g2a-anomaly.

    python benchmarks/anomaly.py DATA RUN

Prints the mean over cases, with its bootstrap interval, of the area under the ROC over voxels: of |PET − normal|, of
what lies above the normal PET, and of the PET itself; and how far the normal PET is from the true one. Every
normal PET is made by a network that has not seen the patient.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import rankdata

from lymphoscope.core.units import Unit
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn.lesion_free import MARGIN_MM

Floats = NDArray[np.float64]
_TIMES = 10_000


def area(score: Floats, lesion: NDArray[np.bool_]) -> float:
    """Area under the ROC: the chance that a voxel of a lesion scores higher than another."""
    count = int(lesion.sum())
    return float((rankdata(score)[lesion].sum() - count * (count + 1) / 2) / (count * (lesion.size - count)))


def measured(data_path: Path, run: Path) -> Iterator[dict[str, float]]:
    """Figures of every case that has a normal PET and a lesion."""
    data = open_dataset(data_path)
    for entry in data.cases:
        path = run / "out_of_fold" / "normal" / f"{entry.id}.nii.gz"
        sample = data.read(entry, ["pet:suv"]) if path.exists() else None
        if sample is None or sample.labels is None or not (sample.labels.array > 0).any():
            continue
        pet, lesion = sample.volumes["pet:suv"].array.astype(float), sample.labels.array > 0
        normal = read_nifti(path, Unit.SUV_BW).array.astype(float)
        spacing = sample.labels.geometry.spacing
        far = ndimage.distance_transform_edt(~lesion, spacing) > MARGIN_MM
        scores = {"|PET − normal|": abs(pet - normal), "PET above normal": np.maximum(pet - normal, 0), "PET": pet}
        found = {f"AUC of {name}": area(score.ravel(), lesion.ravel()) for name, score in scores.items()}
        yield {
            **found,
            "mean |PET − normal| in lesions, SUV": float(abs(pet - normal)[lesion].mean()),
            "the same elsewhere, SUV": float(abs(pet - normal)[far].mean()),
            "the same of one value for all voxels, SUV": float(abs(pet - np.median(pet[far]))[far].mean()),
        }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path)
    given = parser.parse_args()
    cases = list(measured(given.data, given.run))
    drawn = np.random.default_rng(0).integers(len(cases), size=(_TIMES, len(cases)))
    print(f"{len(cases)} cases\n\n| | mean (95 % interval) |\n|---|---|")
    for name in cases[0]:
        values = np.array([case[name] for case in cases])
        low, high = np.percentile(values[drawn].mean(axis=1), (2.5, 97.5))
        print(f"| {name} | {values.mean():.3f} ({low:.3f}–{high:.3f}) |")


if __name__ == "__main__":
    main()
