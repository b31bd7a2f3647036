"""How well the rules tell physiological uptake from lesions: whole-body phantoms on real anatomies, and the real scan.

    python benchmarks/physiology.py [--anatomies 66 68 …] [--modes pet ct organs]

The rules were tuned on anatomies 1–64; the table is made on others. A phantom's lesions and organs are
known voxel by voxel, so every region above SUV 4.0 is split into lesion and physiological volume. Reads the open organ
maps and the real scan kept beside the project; says so where they are absent.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

import numpy as np
from phantom_statistics import SHARED, organ_map

from lymphoscope.core.units import Unit
from lymphoscope.image.anatomy import find_anatomy
from lymphoscope.image.physiology import judge
from lymphoscope.image.resample import ct_on, labels_on
from lymphoscope.image.wholebody.phantom import Phantom, WholeBodySettings, whole_body
from lymphoscope.image.wholebody.tables import SUBTYPES

FATES = {"include": "counted", "doubt-in": "counted, flagged", "doubt-out": "left out, flagged", "remove": "removed"}
MODES = {"pet": "PET alone", "ct": "PET and CT", "organs": "PET and organ masks"}
HOT = 4.0


def share_out(phantom: Phantom, mode: str) -> Counter[tuple[str, str]]:
    """Volume in mL by (what it is, what became of it): ``lesion`` or an organ's name, and a fate."""
    pet = phantom.pet
    known = None
    if mode == "organs":
        labels, _ = labels_on(phantom.organs.mask, pet.geometry)
        known = {name: labels.labels == label for label, name in phantom.organs.names.items()}
    ct = ct_on(phantom.ct, pet.geometry) if mode == "ct" and phantom.ct is not None else None
    found = judge(pet, pet.array >= HOT, find_anatomy(pet, known), ct)
    fate = np.array(["below 3 mL"] + [FATES[d.action] for d in found.decisions])
    hot = pet.array >= HOT
    is_lesion = phantom.lesions.labels[hot] > 0
    fates = fate[found.candidates.labels[hot]]
    volumes: Counter[tuple[str, str]] = Counter()
    for name, count in zip(*np.unique(fates[is_lesion], return_counts=True), strict=True):
        volumes["lesion", str(name)] += count * pet.geometry.voxel_ml
    for name, count in zip(*np.unique(fates[~is_lesion], return_counts=True), strict=True):
        volumes["physiological", str(name)] += count * pet.geometry.voxel_ml
    return volumes


def phantom_of(anatomy: int, order: int, draw: int = 0) -> Phantom:
    """A phantom of an anatomy: subtypes in turn, everything else drawn from the anatomy's number and the draw's."""
    settings = WholeBodySettings(subtype=SUBTYPES[(order + draw) % len(SUBTYPES)])
    return whole_body(organ_map(anatomy), 5000 + 1000 * draw + anatomy, settings)


def report(mode: str, totals: Counter[tuple[str, str]], within: int, number: int) -> None:
    for kind in ("lesion", "physiological"):
        part = {fate: v for (k, fate), v in totals.items() if k == kind}
        judged = sum(v for fate, v in part.items() if fate != "below 3 mL")
        shown = [part.get(fate, 0.0) for fate in FATES.values()]
        cells = [f"{v:.0f} ({100 * v / max(judged, 1e-9):.1f} %)" for v in shown]
        print(f"| {MODES[mode]} | {kind} | {judged:.0f} | " + " | ".join(cells) + " |")
    print(f"| {MODES[mode]} | TMTV within 10 % or 10 mL | {within} of {number} | | | | |")


def real() -> None:
    """The one real whole-body scan: what becomes of its tumour, and how much physiological uptake is removed."""
    from lymphoscope.io.nifti import read_nifti  # noqa: PLC0415

    folder = SHARED / "wb_pet_ge_sts001"
    pet = read_nifti(folder / "suvbw.nii.gz", Unit.SUV_BW)
    tumour = read_nifti(folder / "gtv_mass.nii.gz", Unit.LABEL).array > 0
    found = judge(pet, pet.array >= HOT, find_anatomy(pet))
    near = np.zeros(pet.array.shape, dtype=bool)
    for decision in found.decisions:
        region = found.candidates.labels == decision.region
        if (region & tumour).any():
            near |= region
    counted = np.isin(found.candidates.labels, [d.region for d in found.decisions if d.counted])
    candidates = found.candidates.labels > 0
    ml = pet.geometry.voxel_ml
    normal, gone = (np.count_nonzero(v) * ml for v in (candidates & ~near, candidates & ~near & ~counted))
    disease, kept = (np.count_nonzero(v) * ml for v in (near, near & counted))
    print(f"\nReal scan: {gone:.0f} of {normal:.0f} mL of physiological regions removed;")
    print(f"{kept:.0f} of {disease:.0f} mL of the regions of the tumour kept.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--anatomies", type=int, nargs="+", default=list(range(66, 90, 2)))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    arguments = parser.parse_args()
    if not SHARED.is_dir():
        sys.exit("the open data are not beside the project")
    totals = {mode: Counter[tuple[str, str]]() for mode in arguments.modes}
    within = Counter[str]()
    start = time.time()
    for order, anatomy in enumerate(arguments.anatomies):
        phantom = phantom_of(anatomy, order)
        for mode in arguments.modes:
            volumes = share_out(phantom, mode)
            totals[mode] += volumes
            truth = sum(v for (kind, fate), v in volumes.items() if kind == "lesion" and fate != "below 3 mL")
            ours = sum(v for (_, fate), v in volumes.items() if fate in ("counted", "counted, flagged"))
            within[mode] += abs(ours - truth) < max(10.0, 0.1 * truth)
        print(f"{order + 1} of {len(arguments.anatomies)}, {time.time() - start:.0f} s", file=sys.stderr, flush=True)
    print("| input | volume | mL judged | " + " | ".join(FATES.values()) + " |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for mode in arguments.modes:
        report(mode, totals[mode], within[mode], len(arguments.anatomies))
    real()


if __name__ == "__main__":
    main()
