"""Rules alone, the whole-body network alone, and both: what becomes of hot uptake on phantoms that neither has seen.

    python benchmarks/whole_body_data.py Dataset501_WholeBody --phantoms PHANTOMS
    lymphoscope train whole-body Dataset501_WholeBody -o RUN --folds 0
    python benchmarks/whole_body_network.py RUN [--anatomies 66 68 …] [--normal 0.1] [--lesion 0.8]

Phantoms are those of `benchmarks/physiology.py`, PET alone; the real scan is the one kept beside the project. With
both, rules divide and decide, and the network is asked about each region: what it is sure of turns the decision round
and puts the region on the review list.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from phantom_statistics import SHARED
from physiology import HOT, phantom_of
from scipy import ndimage
from whole_body_data import body_box, cropped

from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.anatomy import find_anatomy
from lymphoscope.image.components import components, keep_volume
from lymphoscope.image.physiology import Judged, judge
from lymphoscope.image.resample import resample
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn.grids import spacing
from lymphoscope.learn.model import Model, open_model
from lymphoscope.learn.run import Run
from lymphoscope.recipes.whole_body import VOXEL_MM

WAYS = {"rules": "rules alone", "network": "network alone", "both": "both"}
_LEAST_ML = 3.0

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Sure:
    """Mean probability of a lesion up to which a region is normal to the network, and from which it is a lesion."""

    normal: float
    lesion: float


def lesion_probability(pet: Volume, hot: Bool, model: Model) -> NDArray[np.float32]:
    """What the network says of hot voxels, 0 elsewhere, (z, y, x)."""
    body = cropped(pet, body_box(pet))
    found = model.predict({"pet:suv": resample(body, spacing(VOXEL_MM)(body))})
    index = np.argwhere(hot)
    at = found.geometry.to_index(pet.geometry.to_lps(index)).T
    out = np.zeros(pet.array.shape, np.float32)
    lesion = found.probabilities[model.plan.labels["lesion"]]
    out[tuple(index.T)] = ndimage.map_coordinates(lesion, at, order=1, mode="nearest")
    return out


def by_both(judged: Judged, probability: NDArray[np.float32], sure: Sure) -> Bool:
    """What counts when a sure network turns the decisions of the rules round."""
    labels = judged.candidates.labels
    numbers = [decision.region for decision in judged.decisions]
    means = ndimage.mean(probability, labels, numbers) if numbers else []
    kept = [
        decision.region
        for decision, mean in zip(judged.decisions, means, strict=True)
        if (mean > sure.normal if decision.counted else mean >= sure.lesion)
    ]
    return np.isin(labels, kept)


def ways(pet: Volume, model: Model, sure: Sure) -> tuple[Mapping[str, Bool], Bool]:
    """What each way counts, and all that was judged."""
    rules = judge(pet, pet.array >= HOT, find_anatomy(pet))
    judged = rules.candidates.labels > 0
    probability = lesion_probability(pet, judged, model)
    alone = keep_volume(components(probability >= 0.5), pet.geometry.voxel_ml, _LEAST_ML) > 0
    counted = np.isin(rules.candidates.labels, [d.region for d in rules.decisions if d.counted])
    return {"rules": counted, "network": alone, "both": by_both(rules, probability, sure)}, judged


def tally(drawn: Bool, judged: Bool, lesions: NDArray[np.int32], voxel_ml: float) -> Counter[str]:
    """Volumes in mL and lesions found, by name; a lesion of 3 mL or more is found when half of it counts."""
    truth = judged & (lesions > 0)
    sizes = np.bincount(lesions[truth], minlength=2) * voxel_ml
    kept = np.bincount(lesions[truth & drawn], minlength=len(sizes)) * voxel_ml
    large = sizes >= _LEAST_ML
    wrong, missed = (float(np.count_nonzero(v)) * voxel_ml for v in (drawn & ~truth, truth & ~drawn))
    total = float(np.count_nonzero(truth)) * voxel_ml
    return Counter({
        "wrong": wrong, "missed": missed, "lesion": total, "cases": 1,
        "normal": float(np.count_nonzero(judged & ~truth)) * voxel_ml,
        "lesions": int(large.sum()), "found": int((kept[large] >= sizes[large] / 2).sum()),
        "within": int(abs(wrong - missed) < max(10.0, 0.1 * total)),
    })  # fmt: skip


def phantoms(model: Model, sure: Sure, anatomies: list[int]) -> None:
    """The table of the phantoms."""
    totals = {way: Counter[str]() for way in WAYS}
    start = time.time()
    for order, anatomy in enumerate(anatomies):
        phantom = phantom_of(anatomy, order)
        drawn, judged = ways(phantom.pet, model, sure)
        for way in WAYS:
            totals[way] += tally(drawn[way], judged, phantom.lesions.labels, phantom.pet.geometry.voxel_ml)
        print(f"{order + 1} of {len(anatomies)}, {time.time() - start:.0f} s", file=sys.stderr, flush=True)
    print("| | normal uptake counted, mL | lesion missed, mL | lesions found | TMTV within 10 % or 10 mL |")
    print("|---|---:|---:|---:|---:|")
    for way, name in WAYS.items():
        t = totals[way]
        print(
            f"| {name} | {t['wrong']:.0f} of {t['normal']:.0f} | {t['missed']:.0f} of {t['lesion']:.0f} | "
            f"{t['found']} of {t['lesions']} | {t['within']} of {t['cases']} |"
        )


def real(model: Model, sure: Sure) -> None:
    """The table of the one real whole-body scan: regions of the tumour, and all others."""
    folder = SHARED / "wb_pet_ge_sts001"
    pet = read_nifti(folder / "suvbw.nii.gz", Unit.SUV_BW)
    tumour = read_nifti(folder / "gtv_mass.nii.gz", Unit.LABEL).array > 0
    drawn, judged = ways(pet, model, sure)
    labels = components(judged)
    near = np.isin(labels, np.setdiff1d(labels[tumour], [0]))
    print("\n| real scan | tumour's regions counted, mL | normal uptake counted, mL |\n|---|---:|---:|")
    for way, name in WAYS.items():
        cells = []
        for part in (near, judged & ~near):
            kept, whole = (np.count_nonzero(v) * pet.geometry.voxel_ml for v in (drawn[way] & part, part))
            cells.append(f"{kept:.0f} of {whole:.0f}")
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--anatomies", type=int, nargs="*", default=list(range(66, 90, 2)))
    parser.add_argument("--normal", type=float, default=0.1)
    parser.add_argument("--lesion", type=float, default=0.8)
    arguments = parser.parse_args()
    if not SHARED.is_dir():
        sys.exit("the open data are not beside the project")
    model, sure = open_model(Run(arguments.run), (0,)), Sure(arguments.normal, arguments.lesion)
    if arguments.anatomies:
        phantoms(model, sure, arguments.anatomies)
    real(model, sure)


if __name__ == "__main__":
    main()
