"""What image quantities tell of the outcome of 36 soft-tissue sarcomas, on patients that the models have not seen.

Usage: python benchmarks/prognosis_sts.py FOLDER_OF_THE_COHORT OUT_FOLDER [--network RUN]

Measures every tumour by the measuring code (the drawn mask, on the PET's own grid), writes one table, and analyses
progression by two years with it: single quantities, clinical facts, and a penalised signature of all image quantities.
With the run of a network (benchmarks/prognosis.py makes some), what it foretold of patients it had not seen stands
beside them and is combined with them.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path

import numpy as np

from lymphoscope.app.evaluation.tables import csv_of
from lymphoscope.app.prognosis.run import Request, models_of, prognosis, tables
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask
from lymphoscope.evaluate.classification import auc
from lymphoscope.io.nifti import read_nifti
from lymphoscope.prognosis.analysis import Question
from lymphoscope.prognosis.cohort import Columns
from lymphoscope.quant.lesions import LesionOptions, lesion_measures

SINGLE = ("suvmax", "log2:mtv4_ml", "log2:gtv_ml", "log2:tlg_g", "age")
MODELS = ("SUVmax=suvmax", "MTV at SUV ≥ 4=log2:mtv4_ml", "tumour volume=log2:gtv_ml", "TLG=log2:tlg_g",
          "clinical=age+high_grade", "SUVmax and MTV=suvmax+log2:mtv4_ml")  # fmt: skip
BESIDE = ("SUVmax=suvmax", "MTV at SUV ≥ 4=log2:mtv4_ml", "TLG=log2:tlg_g", "network=network",
          "network and MTV=network+log2:mtv4_ml")  # fmt: skip


def measured(folder: Path) -> dict[str, float | None]:
    """All image quantities of one patient's tumour; those of shape and texture begin with rad_."""
    pet = read_nifti(folder / "PET_image.nii.gz", Unit.SUV_BW)
    drawn = read_nifti(folder / "PET_mask.nii.gz", Unit.LABEL).array > 0.5
    mask = LesionMask(drawn.astype(np.int32), pet.geometry, "drawn")
    found = {item.name: item.value for item in lesion_measures(pet, mask, 1, LesionOptions())}
    values = pet.array[drawn]
    numbers = {f"rad_{name}": float(v) for name, v in found.items() if isinstance(v, (int, float)) and np.isfinite(v)}
    hot = float((values >= 4).sum() * pet.geometry.voxel_ml)
    volume = float(drawn.sum() * pet.geometry.voxel_ml)
    return {
        "suvmax": float(values.max()), "mtv4_ml": hot, "gtv_ml": volume,
        "tlg_g": float(values.mean()) * volume, **numbers,
    }  # fmt: skip


def rows(cohort: Path) -> list[dict[str, object]]:
    """A row a patient: outcome, clinical facts, image quantities that all patients have."""
    with (cohort / "outcome.csv").open(encoding="utf-8", newline="") as file:
        outcome = {row["patient_id"]: row for row in csv.DictReader(file)}
    found = []
    for name, row in sorted(outcome.items()):
        began = time.perf_counter()
        facts = {"patient": name, "days": row["pfs_days"], "progression": row["pfs_event"],
                 "lung_mets": row["lung_mets"], "age": row["age"],
                 "high_grade": int(row["grade"] == "High")}  # fmt: skip
        found.append({**facts, **measured(cohort / "nifti" / name)})
        print(f"{name}: {len(found[-1])} columns, {time.perf_counter() - began:.1f} s", file=sys.stderr)
    common = [name for name in found[0] if all(row.get(name) is not None for row in found)]
    return [{name: row[name] for name in common} for row in found]


def main() -> None:
    """Measure, analyse, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--network", type=Path)
    given = parser.parse_args()
    cohort, out = given.cohort, given.out
    out.mkdir(parents=True, exist_ok=True)
    table = out / "table.csv"
    if not table.exists():
        made = rows(cohort)
        table.write_bytes(csv_of(list(made[0]), made))
    with table.open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    lungs = np.array([row["lung_mets"] == "1" for row in read])
    for name in ("suvmax", "mtv4_ml", "gtv_ml", "tlg_g"):
        area = auc(lungs, [float(row[name]) for row in read])
        assert area is not None
        print(f"lung metastases, whole cohort, {name}: AUC {area.value:.3f} ({area.low:.3f} to {area.high:.3f})")
    models = models_of((), MODELS, ("signature=rad_*",))
    if given.network:
        models = models_of((), BESIDE, ("signature with network=rad_*+network",))
    names = dict.fromkeys((*SINGLE, *(v for model in models if not model.penalised for v in model.variables)))
    columns = Columns("days", "progression", tuple(names), patient="patient")
    question = Question(models, SINGLE, 2 * 365.25, "days")
    began = time.perf_counter()
    risks = {"network": given.network} if given.network else {}
    folder = out / ("beside-network" if given.network else "analysis")
    record = prognosis(table, folder, Request(columns, question, risks=risks, force=True))
    print(f"analysed in {time.perf_counter() - began:.0f} s")
    for made_table in tables(record):
        print("\n" + made_table.caption)
        print("\t".join(made_table.heads))
        for row in made_table.rows:
            print("\t".join(row))
    print("\n".join(record["notes"]))


if __name__ == "__main__":
    main()
