"""Rules alone, the whole-body network alone, and both: what becomes of hot uptake on phantoms that neither has seen.

    python benchmarks/whole_body_network.py [RUN] [--anatomies 66 68 …] [--draw 1] [--keep FOLDER]

The network is the one that comes with the program, or that of a run of `whole-body`. Phantoms are those of
`benchmarks/physiology.py`, PET alone; the real scan is the one kept beside the project. Rules divide and decide, and
the network takes its second look, as in `lymphoscope run`. Regions can be read by somebody who knows of each whether
most of it is a lesion. Phantoms and what rules say of them can be kept, so that a second network costs seconds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from phantom_statistics import SHARED
from physiology import FATES, HOT, phantom_of
from scipy import ndimage

from lymphoscope.app.second_look import opened, uptake
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Decision
from lymphoscope.core.progress import silent
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.anatomy import find_anatomy
from lymphoscope.image.components import components, keep_volume
from lymphoscope.image.physiology import Judged, judge
from lymphoscope.image.second_look import AGAINST, LEAST_ML, region_means, second_look
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn.model import Model, open_model
from lymphoscope.learn.run import Run

WAYS = {
    "rules": "rules alone",
    "network": "network alone",
    "both": "rules and network, as counted by `run`",
    "marked": "rules, once the marked regions are read",
    "doubts": "rules, once all their doubts are read",
    "all": "rules, once all doubts of both are read",
}
_LEAST_ML = 3.0
_BINS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.01)

Bool = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Case:
    """A PET, what the rules say of it, and its lesions by number, (z, y, x)."""

    pet: Volume
    judged: Judged
    lesions: NDArray[np.int32]


def judged_case(pet: Volume, lesions: NDArray[np.int32]) -> Case:
    return Case(pet, judge(pet, pet.array >= HOT, find_anatomy(pet)), lesions)


def phantom_case(anatomy: int, order: int, draw: int, folder: Path | None) -> Case:
    """A phantom of an anatomy, judged by the rules, from the folder where it is kept."""
    path = None if folder is None else folder / f"{anatomy:03d}-{draw}.npz"
    if path is None or not path.exists():
        phantom = phantom_of(anatomy, order, draw)
        case = judged_case(phantom.pet, phantom.lesions.labels)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            said = json.dumps([asdict(decision) for decision in case.judged.decisions])
            np.savez(
                path, pet=case.pet.array, affine=case.pet.geometry.affine, lesions=case.lesions,
                candidates=case.judged.candidates.labels, said=said,
            )  # fmt: skip
        return case
    with np.load(path) as kept:
        grid = Geometry(kept["pet"].shape, kept["affine"])
        decisions = tuple(Decision(**row) for row in json.loads(str(kept["said"])))
        judged = Judged(LesionMask(kept["candidates"], grid, "candidates"), decisions)
        return Case(Volume(kept["pet"], grid, Unit.SUV_BW), judged, kept["lesions"])


def drawn_by(judged: Judged, counted: Callable[[Decision], bool]) -> Bool:
    """Regions of which something holds, (z, y, x)."""
    return np.isin(judged.candidates.labels, [d.region for d in judged.decisions if counted(d)])


def mostly_lesion(case: Case) -> NDArray[np.bool_]:
    """Whether most of each region is a lesion, by its number."""
    inside = case.judged.candidates.voxels
    number, lesion = (part.reshape(-1)[inside] for part in (case.judged.candidates.labels, case.lesions > 0))
    length = len(case.judged.decisions) + 1
    return np.bincount(number, lesion, length) >= 0.5 * np.maximum(np.bincount(number, minlength=length), 1)


def ways(case: Case, model: Model) -> tuple[Mapping[str, Bool], Judged]:
    """What each way counts, and the decisions of both."""
    found = uptake(case.pet, model, silent)
    classes = sorted(model.plan.labels, key=lambda name: model.plan.labels[name])
    both = second_look(case.judged, region_means(case.judged, found.probabilities, found.geometry), classes)
    hot = case.judged.candidates.labels > 0
    index = np.argwhere(hot)
    at = found.geometry.to_index(case.pet.geometry.to_lps(index)).T
    lesion = np.zeros(hot.shape, bool)
    p = ndimage.map_coordinates(found.probabilities[classes.index("lesion")], at, order=1, mode="nearest")
    lesion[tuple(index.T)] = p >= 0.5
    alone = keep_volume(components(lesion), case.pet.geometry.voxel_ml, _LEAST_ML) > 0
    lesions = mostly_lesion(case)

    def read(asked: Callable[[Decision], bool], of: Judged = both) -> Bool:
        return drawn_by(of, lambda d: bool(lesions[d.region]) if asked(d) else d.counted)

    return {
        "rules": drawn_by(case.judged, lambda d: d.counted),
        "network": alone,
        "both": drawn_by(both, lambda d: d.counted),
        "marked": read(lambda d: d.rule == AGAINST),
        "doubts": read(lambda d: d.doubtful, case.judged),
        "all": read(lambda d: d.doubtful),
    }, both


def tally(drawn: Bool, case: Case) -> Counter[str]:
    """Volumes in mL and lesions found, by name; a lesion of 3 mL or more is found when half of it counts."""
    voxel_ml, judged = case.pet.geometry.voxel_ml, case.judged.candidates.labels > 0
    truth = judged & (case.lesions > 0)
    sizes = np.bincount(case.lesions[truth], minlength=2) * voxel_ml
    kept = np.bincount(case.lesions[truth & drawn], minlength=len(sizes)) * voxel_ml
    large = sizes >= _LEAST_ML
    wrong, missed = (float(np.count_nonzero(v)) * voxel_ml for v in (drawn & ~truth, truth & ~drawn))
    total = float(np.count_nonzero(truth)) * voxel_ml
    return Counter({
        "wrong": wrong, "missed": missed, "lesion": total, "cases": 1,
        "normal": float(np.count_nonzero(judged & ~truth)) * voxel_ml,
        "lesions": int(large.sum()), "found": int((kept[large] >= sizes[large] / 2).sum()),
        "within": int(abs(wrong - missed) < max(10.0, 0.1 * total)),
    })  # fmt: skip


def fates(judged: Judged, case: Case) -> Counter[tuple[str, str]]:
    """Volume in mL by what it is and what becomes of it."""
    inside = judged.candidates.labels > 0
    fate = np.array(["", *(FATES[d.action] for d in judged.decisions)])[judged.candidates.labels[inside]]
    lesion = case.lesions[inside] > 0
    ml = case.pet.geometry.voxel_ml
    kinds = {"lesion": lesion, "physiological": ~lesion}
    return Counter({
        (kind, name): float(np.count_nonzero(which & (fate == name))) * ml
        for kind, which in kinds.items()
        for name in FATES.values()
    })  # fmt: skip


def told_of(both: Judged, case: Case) -> list[tuple[float, bool, bool]]:
    """Of every region of 3 mL or more: probability of a lesion, whether most of it is one, whether it is heard of."""
    lesion = mostly_lesion(case)
    return [
        (d.probability, bool(lesion[d.region]), d.volume_ml >= LEAST_ML)
        for d in both.decisions
        if d.probability is not None and d.volume_ml >= _LEAST_ML
    ]


def calibration(rows: list[tuple[float, bool, bool]]) -> None:
    """How often what it says of a region is so."""
    print("\n| probability of a lesion | regions | mean said | are lesions |\n|---|---:|---:|---:|")
    for low, high in itertools.pairwise(_BINS):
        inside = [(p, is_one) for p, is_one, _ in rows if low <= p < high]
        if inside:
            mean, share = (100 * sum(column) / len(inside) for column in zip(*inside, strict=True))
            print(f"| {low:.2f} to {min(high, 1.0):.2f} | {len(inside)} | {mean:.0f} % | {share:.0f} % |")
    for name, part in (("all", rows), ("10 mL and more", [row for row in rows if row[2]])):
        brier = sum((p - is_one) ** 2 for p, is_one, _ in part) / max(1, len(part))
        print(f"{name}: {len(part)} regions, Brier score {brier:.3f}")


def phantoms(model: Model, anatomies: list[int], draw: int, keep: Path | None) -> None:
    """The tables of the phantoms."""
    totals = {way: Counter[str]() for way in WAYS}
    become = {way: Counter[tuple[str, str]]() for way in ("rules", "both")}
    regions, told = Counter[str](), list[tuple[float, bool, bool]]()
    start, asked = time.time(), 0.0
    for order, anatomy in enumerate(anatomies):
        case = phantom_case(anatomy, order, draw, keep)
        before = time.process_time()
        drawn, both = ways(case, model)
        asked += time.process_time() - before
        told += told_of(both, case)
        row = {way: tally(drawn[way], case) for way in WAYS}
        for way in WAYS:
            totals[way] += row[way]
        for way, judged in (("rules", case.judged), ("both", both)):
            become[way] += fates(judged, case)
            regions[way] += sum(d.doubtful for d in judged.decisions)
        regions["marked"] += sum(d.rule == AGAINST for d in both.decisions)
        said = ", ".join(f"{w}: +{row[w]['wrong']:.0f} −{row[w]['missed']:.0f} mL" for w in WAYS)
        print(f"{anatomy}: {said}; {time.time() - start:.0f} s", file=sys.stderr, flush=True)
    print("| | normal uptake counted, mL | lesion missed, mL | lesions found | TMTV within 10 % or 10 mL |")
    print("|---|---:|---:|---:|---:|")
    for way, name in WAYS.items():
        t = totals[way]
        print(
            f"| {name} | {t['wrong']:.0f} of {t['normal']:.0f} | {t['missed']:.0f} of {t['lesion']:.0f} | "
            f"{t['found']} of {t['lesions']} | {t['within']} of {t['cases']} |"
        )
    print("\n| by | volume | " + " | ".join(FATES.values()) + " |\n|---|---|" + "---:|" * len(FATES))
    for way, volumes in become.items():
        for kind in ("lesion", "physiological"):
            cells = " | ".join(f"{volumes[kind, name]:.0f}" for name in FATES.values())
            print(f"| {'rules' if way == 'rules' else 'rules and network'} | {kind}, mL | {cells} |")
    print(
        f"\nDoubtful regions: {regions['rules']} by rules, {regions['both']} with the network, which marks "
        f"{regions['marked']}. Asking it: {asked / len(anatomies):.1f} s of a core a scan."
    )
    calibration(told)


def real(model: Model) -> None:
    """The table of the one real whole-body scan: regions of the tumour, and all others."""
    folder = SHARED / "wb_pet_ge_sts001"
    pet = read_nifti(folder / "suvbw.nii.gz", Unit.SUV_BW)
    tumour = read_nifti(folder / "gtv_mass.nii.gz", Unit.LABEL).array > 0
    drawn, both = ways(judged_case(pet, tumour.astype(np.int32)), model)
    judged = both.candidates.labels > 0
    labels = components(judged)
    near = np.isin(labels, np.setdiff1d(labels[tumour], [0]))
    print("\n| real scan | tumour's regions counted, mL | normal uptake counted, mL |\n|---|---:|---:|")
    for way, name in ((way, WAYS[way]) for way in ("rules", "network", "both")):
        cells = []
        for part in (near, judged & ~near):
            kept, whole = (np.count_nonzero(v) * pet.geometry.voxel_ml for v in (drawn[way] & part, part))
            cells.append(f"{kept:.0f} of {whole:.0f}")
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", help="the network in the program, when left out")
    parser.add_argument("--anatomies", type=int, nargs="*", default=list(range(66, 90, 2)))
    parser.add_argument("--draw", type=int, default=0, help="another disease, scanner and uptake for each anatomy")
    parser.add_argument("--keep", type=Path, help="where phantoms are kept")
    arguments = parser.parse_args()
    if not SHARED.is_dir():
        sys.exit("the open data are not beside the project")
    model = opened() if arguments.run is None else open_model(Run(arguments.run), (0,))
    if arguments.anatomies:
        phantoms(model, arguments.anatomies, arguments.draw, arguments.keep)
    real(model)


if __name__ == "__main__":
    main()
