"""What was at a place in the scanner is at that place in the data set, on oblique and flipped stacks, moved or not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from lymphoscope.app.batch.crew import Crew
from lymphoscope.app.dataset import registration
from lymphoscope.app.dataset.build import BuildOutcome, build
from lymphoscope.app.dataset.making import Making
from lymphoscope.app.dataset.wish import Wish
from lymphoscope.app.deid.run import Places
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.deformation import Deformation
from lymphoscope.image.phantom import Imaging, Shape, ct_image, image
from lymphoscope.io.dataset.cases import Entry
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.dicom_write import ScanFacts, write_study
from lymphoscope.io.masks import read_mask
from lymphoscope.io.nifti import read_nifti, write_nifti

LANDMARKS = ((40.0, -25.0, 30.0), (-35.0, 20.0, -30.0), (10.0, 35.0, 5.0))
"""LPS mm, in a body round the origin, with no symmetry."""

BODY = Shape("body", "ellipsoid", (0, 0, 0), (85, 65, 75), suv=0.8, hu=40)
SPOTS = tuple(Shape(f"spot {n}", "ellipsoid", p, (9, 9, 9), suv=12.0, hu=900) for n, p in enumerate(LANDMARKS))


def turned(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    flips: tuple[int, int, int],
    tilt: float,
    frame: str,
) -> Geometry:
    """A grid round the origin whose axes run to other sides and are turned about two axes."""
    c, s = np.cos(tilt), np.sin(tilt)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.fliplr(np.eye(3)) * (np.array(spacing) * flips)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(shape, affine, frame)


def make(tree: Path, pet: Geometry, ct: Geometry, moved: np.ndarray | None = None) -> None:
    """A study on these grids, drawn by hand; the CT's header may say a place that is wrong by a movement."""
    shapes = (BODY, *SPOTS)
    suv, hu = image(shapes, pet, Imaging()), ct_image(shapes, ct, Imaging())
    if moved is not None:
        hu = replace(hu, geometry=Geometry(ct.shape, moved @ ct.affine, ct.frame))
    write_study(tree, suv, hu, ScanFacts())
    mask = (image(SPOTS, pet, Imaging()).array > 6).astype(np.uint8)
    write_nifti(tree / "lesion_mask.nii.gz", Volume(mask, pet, Unit.LABEL))


def found(volume: Volume, level: float) -> np.ndarray:
    """Centre of what is above a level within 20 mm of each landmark, (3, 3) LPS mm."""
    index = np.argwhere(volume.array > level)
    places = volume.geometry.to_lps(index)
    near = [np.linalg.norm(places - landmark, axis=1) < 20 for landmark in LANDMARKS]
    assert all(n.any() for n in near), "a landmark is gone"
    return np.array([places[n].mean(axis=0) for n in near])


def built(tree: Path, out: Path, making: Making) -> tuple[Entry, BuildOutcome]:
    outcome = build(Places.of(tree, out, None), Wish(making), Crew(workers=0))
    (case,) = open_dataset(out).cases
    return case, outcome


@pytest.mark.parametrize(
    ("grid", "flips", "other", "tilt"),
    [
        ("ct", (1, 1, 1), (1, 1, 1), 0.0),
        ("pet", (-1, 1, -1), (1, -1, 1), 0.0),
        ("pet", (1, 1, 1), (-1, 1, 1), 0.15),
        ("ct", (1, -1, 1), (-1, 1, 1), 0.15),
    ],
    ids=["axial", "flipped", "oblique", "oblique-flipped"],
)
def test_landmarks_stay_within_half_a_voxel(
    tmp_path: Path, grid: str, flips: tuple[int, int, int], other: tuple[int, int, int], tilt: float
) -> None:
    pet = turned((32, 29, 39), (5.0, 5.0, 5.0), flips, tilt, "2.25.77")
    ct = turned((40, 48, 62), (4.0, 3.2, 3.2), other, -tilt / 2, "2.25.77")
    make(tmp_path / "tree", pet, ct)
    case, _ = built(tmp_path / "tree", tmp_path / "Dataset501_X", Making(grid=grid))
    suv, hu = read_nifti(case.images["pet:suv"], Unit.SUV_BW), read_nifti(case.images["ct:hu"], Unit.HU)
    drawn = read_mask(case.mask)
    wanted = pet if grid == "pet" else ct
    assert suv.geometry.shape == wanted.shape and not suv.geometry.difference(hu.geometry)
    assert not suv.geometry.difference(drawn.geometry)
    for image_of, level in ((suv, 6.0), (hu, 450.0), (Volume(drawn.labels, drawn.geometry, Unit.LABEL), 0.5)):
        away = (found(image_of, level) - np.array(LANDMARKS)) @ image_of.geometry.direction
        assert (np.abs(away) / image_of.geometry.spacing).max() <= 0.5, "in voxels along each axis"
    activity = [
        float(v.array.sum(dtype=float)) * v.geometry.voxel_ml for v in (image((BODY, *SPOTS), pet, Imaging()), suv)
    ]
    assert activity[1] == pytest.approx(activity[0], rel=0.02)


def test_a_ct_of_another_frame_is_brought_back_to_less_than_a_millimetre(tmp_path: Path) -> None:
    moved = np.eye(4)
    moved[:3, 3] = 0.0, 0.0, 6.0
    pet = turned((32, 29, 39), (5.0, 5.0, 5.0), (1, 1, 1), 0.0, "2.25.77")
    ct = turned((40, 48, 62), (4.0, 3.2, 3.2), (1, 1, 1), 0.0, "2.25.78")
    make(tmp_path / "tree", pet, ct, moved)
    case, outcome = built(tmp_path / "tree", tmp_path / "Dataset501_X", Making(grid="ct"))
    hu = read_nifti(case.images["ct:hu"], Unit.HU)
    away = hu.geometry.to_lps(ct.to_index(LANDMARKS)) - np.array(LANDMARKS)
    assert np.linalg.norm(away, axis=1).max() < 1.0, "the values are where they were scanned, to less than a millimetre"
    (said,) = re.findall(r"CT moved by ([0-9.]+) mm", (outcome.work / "check.html").read_text())
    assert float(said) == pytest.approx(6.0, abs=0.7)


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "refused"])
def test_a_deformation_is_taken_within_limits_only_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    """It stands for a deformation that all is moved by 8 mm upwards: the CT's landmarks then lie 8 mm lower."""
    shift = SimpleITK.TranslationTransform(3, (0.0, 0.0, 8.0))
    gain = 1.2 if taken else 1.02
    monkeypatch.setattr(registration, "deform", lambda *_: Deformation(shift, (0.9, 0.95, 1.1), 8.0, (1.0, gain)))
    pet = turned((32, 29, 39), (5.0, 5.0, 5.0), (1, -1, 1), 0.0, "2.25.77")
    ct = turned((40, 48, 62), (4.0, 3.2, 3.2), (1, 1, 1), 0.0, "2.25.77")
    make(tmp_path / "tree", pet, ct)
    case, outcome = built(tmp_path / "tree", tmp_path / "Dataset501_X", Making(register="deformable"))
    hu = read_nifti(case.images["ct:hu"], Unit.HU)
    off = found(hu, 450.0) - np.array(LANDMARKS)
    assert hu.geometry.shape == pet.shape and hu.array.dtype.kind == "i"
    assert np.abs(off - [0, 0, -8.0 if taken else 0.0]).max() <= 2.5, "half a voxel"
    page = (outcome.work / "check.html").read_text()
    said = "deformed by up to 8 mm" if taken else "not deformed: found up to 8 mm"
    assert f"{said}, volumes × 0.95 to 1.10, information {gain - 1:+.0%}" in page
    assert outcome.summary["codes"].get("GEO-W-DEFORM", 0) == (not taken)
    card = (tmp_path / "Dataset501_X" / "README.md").read_text()
    assert ("deformed besides in 1 cases, by up to 8.0 mm" in card) == taken
