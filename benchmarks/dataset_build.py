"""A tree of whole-body studies made a data set: `lymphoscope dataset build` against dcm2niix and a script, as by hand.

``python benchmarks/dataset_build.py --dcm2niix VENV/bin/dcm2niix [--studies 6] [--workers 0 2]`` writes phantoms of a
usual size as DICOM, each with a mask (not counted), makes a data set of them both ways in processes of their own, holds
the SUV of the two against each other, and prints a table for the docs. Without ``--dcm2niix`` only ours is measured.

By hand is what tutorials do: dcm2niix converts PET and CT without compression, a script of SimpleITK computes the SUV
from one PET header, brings the CT to the PET linearly and writes gzipped NIfTI in nnU-Net's layout. It checks nothing,
compares nothing, and reads one header of a whole series.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import SimpleITK as sitk  # noqa: N813 - its name everywhere
from pydicom import dcmread

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.body_phantom import BodyOptions, body_phantom
from lymphoscope.io.dicom_write import ScanFacts, write_study
from lymphoscope.io.nifti import write_nifti

OURS = [sys.executable, "-c", "from lymphoscope.app.cli import main; main()", "dataset", "build"]
F18_HALF_LIFE_S = 6586.2
SAME_SUV = 1e-3


def main() -> None:
    """Write the tree, make both data sets, compare, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=6, help="number of studies")
    parser.add_argument("--workers", type=int, nargs="+", default=[0], help="numbers of workers to try; 0 for none")
    parser.add_argument("--dcm2niix", type=Path, help="the program; without it only ours is measured")
    parser.add_argument("--by-hand", nargs=2, type=Path, metavar=("TREE", "OUT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.by_hand:
        by_hand(*given.by_hand, given.dcm2niix)
        return
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        write_tree(tree, given.studies)
        rows = []
        for workers in given.workers:
            out = Path(scratch) / f"Dataset50{workers}_Ours"
            command = [*OURS, str(tree), "-o", str(out), "--workers", str(workers), "--memory-gb", "2", "--quiet"]
            rows.append((f"`dataset build`, {workers or 'no'} workers", measured(command)))
        if given.dcm2niix:
            hand = Path(scratch) / "by-hand"
            me = [sys.executable, __file__, "--by-hand", str(tree), str(hand), "--dcm2niix", str(given.dcm2niix)]
            rows.append(("dcm2niix and a script", measured(me)))
            require_same(Path(scratch) / f"Dataset50{given.workers[0]}_Ours", hand)
    print("| how | wall | processor | studies a minute | peak of all processes |")
    print("|---|---|---|---|---|")
    for name, row in rows:
        pace = 60 * given.studies / row["seconds"]
        print(f"| {name} | {row['seconds']:.0f} s | {row['cpu_s']:.0f} s | {pace:.1f} | {row['peak_gb']:.2f} GB |")
    print(
        f"\n{given.studies} studies, load {' '.join(f'{load:.1f}' for load in os.getloadavg())}, {os.cpu_count()} cores"
    )


def write_tree(tree: Path, studies: int) -> None:
    """Studies of patients whose uptake differs by a little; CT of 512 × 512 pixels, PET of 176 × 176."""
    phantom = body_phantom(BodyOptions(pet_shape=(192, 176, 176), ct_shape=(192, 256, 256)))
    assert phantom.ct is not None
    ct = finer(phantom.ct)
    labels = Volume(phantom.lesions.foreground.astype(np.uint8), phantom.pet.geometry, Unit.LABEL)
    for number in range(studies):
        facts = replace(ScanFacts(), seed=number, patient_id=f"B{number}", name=f"BENCH^{number}")
        pet = phantom.pet.with_array(phantom.pet.array * np.float32(1 + 0.01 * number))
        write_study(tree / f"{number:03d}", pet, ct, facts)
        write_nifti(tree / f"{number:03d}" / "lesion_mask.nii.gz", labels)


def finer(ct: Volume) -> Volume:
    """Each pixel of a slice cut into four, with noise, so that it packs no better than a real one."""
    array = ct.array.repeat(2, axis=1).repeat(2, axis=2)
    noise = np.random.default_rng(0).normal(0, 15, array.shape[1:])
    affine = ct.geometry.affine.copy()
    affine[:3, 3] = ct.geometry.to_lps([0, -0.25, -0.25])
    affine[:3, 1:3] /= 2
    shape = (array.shape[0], array.shape[1], array.shape[2])
    return Volume(np.rint(array + noise).astype(np.int16), Geometry(shape, affine, ct.geometry.frame), Unit.HU)


def by_hand(tree: Path, out: Path, dcm2niix: Path) -> None:
    """What a tutorial's script does."""
    for part in ("imagesTr", "labelsTr"):
        (out / part).mkdir(parents=True)
    for study in sorted(tree.iterdir()):
        with tempfile.TemporaryDirectory() as scratch:
            for series in ("pet", "ct"):
                command = [str(dcm2niix), "-z", "n", "-f", series, "-o", scratch, str(study / series)]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            pet = sitk.ReadImage(f"{scratch}/pet.nii", sitk.sitkFloat32) * suv_factor(study / "pet")
            ct = sitk.ReadImage(f"{scratch}/ct.nii", sitk.sitkFloat32)
            there = sitk.Resample(ct, pet, sitk.Transform(), sitk.sitkLinear, -1024.0)
            mask = sitk.Resample(sitk.ReadImage(str(study / "lesion_mask.nii.gz")), pet, sitk.Transform(), 1)
            sitk.WriteImage(sitk.Cast(there, sitk.sitkInt16), str(out / "imagesTr" / f"{study.name}_0000.nii.gz"))
            sitk.WriteImage(pet, str(out / "imagesTr" / f"{study.name}_0001.nii.gz"))
            sitk.WriteImage(mask, str(out / "labelsTr" / f"{study.name}.nii.gz"))
    count = len(list(tree.iterdir()))
    said = {"channel_names": {"0": "CT", "1": "PET"}, "labels": {"background": 0, "lesion": 1}}
    (out / "dataset.json").write_text(json.dumps({**said, "numTraining": count, "file_ending": ".nii.gz"}))


def suv_factor(series: Path) -> float:
    """SUV by Bq/mL, from one header: decayed from the injection to the start of the scan."""
    header = dcmread(next(series.iterdir()), stop_before_pixels=True)
    drug = header.RadiopharmaceuticalInformationSequence[0]
    start, injected = clock(header.SeriesTime), clock(drug.RadiopharmaceuticalStartTime)
    decayed = float(drug.RadionuclideTotalDose) * 0.5 ** ((start - injected) / F18_HALF_LIFE_S)
    return float(header.PatientWeight) * 1000 / decayed


def clock(text: str) -> float:
    """Seconds of a DICOM time."""
    form = "%H%M%S.%f" if "." in text else "%H%M%S"
    return datetime.strptime(text, form).timestamp()


def require_same(ours: Path, hand: Path) -> None:
    """Both data sets must hold the same SUV, whatever their cases are called."""
    peaks = [
        sorted(
            float(sitk.GetArrayFromImage(sitk.ReadImage(str(p))).max()) for p in folder.glob("imagesTr/*_0001.nii.gz")
        )
        for folder in (ours, hand)
    ]
    assert len(peaks[0]) == len(peaks[1]), f"{len(peaks[0])} and {len(peaks[1])} cases"
    assert np.allclose(*peaks, rtol=SAME_SUV), f"SUV differ: {peaks}"


def measured(command: list[str]) -> dict[str, Any]:
    """Run a command and watch it."""
    began, spent = time.perf_counter(), processor_s()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, memory_gb(process.pid))
        time.sleep(0.05)
    assert process.returncode == 0, f"ended with {process.returncode}"
    return {"seconds": time.perf_counter() - began, "cpu_s": processor_s() - spent, "peak_gb": peak}


def processor_s() -> float:
    """Processor time of all processes that have ended under this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_gb(pid: int) -> float:
    """Resident memory of a process and those under it, GB."""
    try:
        parent = psutil.Process(pid)
        return sum(p.memory_info().rss for p in (parent, *parent.children(recursive=True))) / 1e9
    except psutil.Error:
        return 0.0


if __name__ == "__main__":
    main()
