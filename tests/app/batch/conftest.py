from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest
from pydicom import Dataset

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.phantom import Imaging, Shape, ct_image, image
from lymphoscope.io.dicom_write import ScanFacts, WriteOptions, write_study
from lymphoscope.io.nifti import write_nifti

SECRETS = ("BEEBLEBROX", "ZAPHOD", "QX4711Z9")
"""Part of every patient's name, folder, file name or number."""

PET_GRID = Geometry.axial((24, 24, 24), (8.0, 8.0, 8.0))
CT_GRID = Geometry.axial((24, 32, 32), (8.0, 6.0, 6.0))


def small_pet(number: int) -> Volume:
    """A liver and one lesion that differs from study to study."""
    radius = 14.0 + number
    shapes = (
        Shape("body", "ellipsoid", (96, 96, 96), (90, 80, 94), suv=0.6, hu=40),
        Shape("liver", "ellipsoid", (60, 96, 100), (30, 40, 40), suv=2.0, hu=60),
        Shape("lesion", "ellipsoid", (140, 96, 60), (radius, radius, radius), suv=8.0 + number, hu=50, lesion=True),
    )
    return image(shapes, PET_GRID, Imaging())


def small_ct() -> Volume:
    """A body of water."""
    return ct_image((Shape("body", "ellipsoid", (96, 96, 96), (90, 80, 94), hu=40),), CT_GRID, Imaging())


def write_small(folder: Path, number: int, ct: bool = False, options: WriteOptions | None = None) -> None:
    """Write study `number` as DICOM under a folder."""
    facts = replace(
        ScanFacts(),
        seed=number,
        name=f"BEEBLEBROX^ZAPHOD^{number}",
        patient_id=f"QX4711Z9-{number}",
        birth_date="19520311",
    )
    write_study(folder, small_pet(number), small_ct() if ct else None, facts, options=options)


def _without_weight(dataset: Dataset, _: int) -> None:
    del dataset.PatientWeight


def make_mess(tree: Path) -> None:
    """Eight studies in a mess, three of them faulty, with copies and files that are no images.

    Two studies in one folder, one patient over two folders, one in a zip, one as NIfTI; one without weight, one with
    a slice missing, one with a damaged file.
    """
    aside = tree.parent / "aside"
    write_small(aside / "split", 1, ct=True)
    shutil.move(aside / "split" / "pet", tree / "BEEBLEBROX_ZAPHOD" / "x" / "series2")
    shutil.move(aside / "split" / "ct", tree / "elsewhere" / "CT QX4711Z9")
    for number in (2, 3):
        write_small(aside / f"pair{number}", number)
        for file in sorted((aside / f"pair{number}" / "pet").iterdir()):
            (tree / "both").mkdir(exist_ok=True)
            shutil.move(file, tree / "both" / f"BEEBLEBROX{number}_{file.name}")
    write_small(aside / "zipped", 4)
    for name in ("BEEBLEBROX.zip", "copy of it.ZIP"):
        with ZipFile(tree / name, "w") as archive:
            for file in sorted((aside / "zipped" / "pet").iterdir()):
                archive.write(file, f"ZAPHOD/{file.name}")
    (tree / "nifti").mkdir()
    write_nifti(tree / "nifti" / "BEEBLEBROX_0001.nii.gz", small_pet(5))
    write_nifti(tree / "nifti" / "BEEBLEBROX_0000.nii.gz", small_ct())
    write_nifti(tree / "nifti" / "labels.nii.gz", Volume(small_pet(5).array, PET_GRID, Unit.ARBITRARY))
    write_small(tree / "light", 6, options=WriteOptions(edit=_without_weight))
    write_small(tree / "gap", 7)
    (tree / "gap" / "pet" / "pet00012.dcm").unlink()
    write_small(tree / "torn", 8)
    torn = tree / "torn" / "pet" / "pet00003.dcm"
    torn.write_bytes(torn.read_bytes()[:200])
    (tree / "BEEBLEBROX.txt").write_text("ZAPHOD BEEBLEBROX QX4711Z9")
    (tree / "clinical.xlsx").write_bytes(b"PK\x03\x04 no study")
    shutil.rmtree(aside)


@pytest.fixture(scope="session")
def mess(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of `make_mess`; not to be changed."""
    tree = tmp_path_factory.mktemp("mess") / "tree"
    tree.mkdir()
    make_mess(tree)
    return tree
