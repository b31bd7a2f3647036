"""Make the table of `lymphoscope.image.priors` again from the organ maps, and print it beside the table in use.

Usage: python benchmarks/organ_priors.py FOLDER_OF_ORGAN_MAPS
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import SimpleITK

from lymphoscope.image.priors import PLACES

LABELS = {
    "spleen": 1, "liver": 3, "bladder": 4, "lungs": 5, "brain": 6, "heart": 7, "stomach": 8, "prostate": 9,
    "head_glands": 10,
}  # fmt: skip
KIDNEYS = 2


def positions(path: Path) -> dict[str, np.ndarray]:
    """Positions (n, 3) of each organ's voxels in the frame of the priors, mm; empty without liver, bladder or lungs."""
    image = SimpleITK.ReadImage(str(path))
    labels = SimpleITK.GetArrayFromImage(image)
    matrix = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    places = {n: np.argwhere(labels == k)[:, ::-1] @ matrix.T + image.GetOrigin() for n, k in LABELS.items()}
    kidneys = np.argwhere(labels == KIDNEYS)[:, ::-1] @ matrix.T + image.GetOrigin()
    if min(len(places[n]) for n in ("liver", "bladder", "lungs")) < 200 or len(kidneys) < 200:
        return {}
    middles = [
        np.median(places["bladder"][:, 0]),
        np.percentile(places["lungs"][:, 0], [1, 99]).mean(),
        np.percentile(kidneys[:, 0], [1, 99]).mean(),
    ]
    liver = places["liver"]
    origin = np.array([np.mean(middles), liver[:, 1].mean(), np.percentile(liver[:, 2], 99.5)])
    places |= {"kidney_right": kidneys[kidneys[:, 0] < origin[0]], "kidney_left": kidneys[kidneys[:, 0] >= origin[0]]}
    return {n: p - origin for n, p in places.items() if len(p) >= 200}


def main() -> None:
    """Print centre, half-extent and spread of every organ, new and in use."""
    maps = sorted(Path(sys.argv[1]).glob("anatomy_*.nii.gz"))
    found = [positions(path) for path in maps]
    print(f"{len(maps)} maps, {sum(map(bool, found))} usable; mm along (x, y, z)")
    for organ, place in PLACES.items():
        if not any(organ in f for f in found):
            continue
        boxes = np.array([np.percentile(f[organ], [1, 99], axis=0) for f in found if organ in f])
        centre, half = boxes.mean(axis=1), (boxes[:, 1] - boxes[:, 0]) / 2
        spread = np.ptp(np.percentile(centre, [16, 84], axis=0), axis=0) / 2
        new = [np.round(v).astype(int).tolist() for v in (np.median(centre, axis=0), np.median(half, axis=0), spread)]
        print(f"{organ:13s} n {len(boxes):3d}  measured {new}  in use {[list(v) for v in place]}")


if __name__ == "__main__":
    main()
