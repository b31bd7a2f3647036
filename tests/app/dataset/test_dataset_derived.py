"""Images of a data set smoothed or normalised, and regions beside its labels: never by default, and always said."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphoscope.app.batch.crew import Crew
from lymphoscope.app.dataset.build import build
from lymphoscope.app.dataset.making import Making
from lymphoscope.app.dataset.wish import Wish
from lymphoscope.app.deid.run import Places
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.alignment import pet_body
from lymphoscope.image.body_phantom import BodyOptions, body_phantom
from lymphoscope.image.intensity import smoothed
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.dicom_write import ScanFacts, write_study
from lymphoscope.io.intake import load_study
from lymphoscope.io.masks import read_mask
from lymphoscope.io.nifti import read_nifti, write_nifti

ALONE = Crew(workers=0)


def _upper(pet: Volume) -> np.ndarray:
    """The lesion without its lowest slice, as a reader may draw it."""
    inside = pet.array > 8
    inside[np.argwhere(inside)[:, 0].min()] = False
    return inside


@pytest.fixture(scope="module")
def tree(hospital: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("derived") / "tree"
    hospital.write(tree, 1, mask=False)
    pet = load_study(tree).pet
    write_nifti(tree / "lesion_mask.nii.gz", Volume(_upper(pet).astype(np.uint8), pet.geometry, Unit.LABEL))
    return tree


def test_smoothed_pet_is_suv_and_candidates_are_no_labels(tree: Path, tmp_path: Path) -> None:
    places = Places.of(tree, tmp_path / "Dataset501_S", None)
    build(places, Wish(Making(smooth_mm=12.0, candidates=True)), ALONE)
    (case,) = open_dataset(places.out).cases
    study = load_study(tree)
    pet = read_nifti(case.images["pet:suv"], Unit.SUV_BW)
    assert np.allclose(pet.array, smoothed(study.pet, 12.0).array, atol=1e-5)
    card = (places.out / "README.md").read_text()
    assert "smoothed by a Gaussian filter of 12 mm" in card and "candidatesTr" in card
    facts = json.loads(next((tmp_path / "Dataset501_S-work").rglob("case.json")).read_bytes())
    drawn = read_mask(case.mask).foreground
    suvmax = facts["quality"]["suvmax"]
    assert suvmax == pytest.approx(float(study.pet.array.max())) and float(pet.array.max()) < suvmax, "as scanned"
    found = read_mask(places.out / "candidatesTr" / f"{case.id}.nii.gz").labels
    assert np.array_equal(found > 0, study.pet.array >= 4.0), "the lesion of the phantom is the one hot region"
    assert np.array_equal(drawn, _upper(study.pet)) and drawn.sum() < (found > 0).sum(), "labels are the reader's"


def test_normalised_images_are_named_so_and_read_as_no_suv(tree: Path, tmp_path: Path) -> None:
    places = Places.of(tree, tmp_path / "Dataset502_N", None)
    build(places, Wish(Making(grid="ct", normalise="z-score")), ALONE)
    said = json.loads((places.out / "dataset.json").read_bytes())
    assert said["channel_names"] == {"0": "CT_normalised", "1": "PET_normalised"}
    assert "not SUV and HU" in said["description"]
    assert "**they are\n  neither SUV nor HU**" in (places.out / "README.md").read_text()
    data = open_dataset(places.out)
    with pytest.raises(LymphoscopeError, match="DATA-E-MISSING"):
        data.read(data.cases[0], ["pet:suv"])
    sample = data.read(data.cases[0], ["pet:normalised", "ct:normalised"])
    assert {v.unit for v in sample.volumes.values()} == {Unit.ARBITRARY}
    suv = read_nifti(next((tmp_path / "Dataset502_N-work").rglob("pet.nii.gz")), Unit.SUV_BW)
    inside = sample.volumes["pet:normalised"].array[pet_body(suv.array)]
    assert inside.mean() == pytest.approx(0, abs=1e-3) and inside.std() == pytest.approx(1, abs=1e-3)

    build(places, crew=ALONE)
    data = open_dataset(places.out)
    assert set(data.cases[0].images) == {"ct:hu", "pet:suv"}, "without the option they are SUV and HU"
    assert not list(places.out.rglob("*candidates*")) and not list((tmp_path / "Dataset502_N-work").rglob("*normal*"))


def test_faces_are_blanked_where_a_brain_shows_them_and_else_it_is_said(tree: Path, tmp_path: Path) -> None:
    """One case of the body phantom with its head, one of a trunk."""
    body = body_phantom(BodyOptions(pet_shape=(96, 72, 72), ct_shape=(96, 72, 72)))
    both = tmp_path / "tree"
    shutil.copytree(tree, both / "trunk")
    write_study(both / "body", body.pet, body.ct, replace(ScanFacts(), patient_id="B1"))
    lesions = Volume(body.lesions.foreground.astype(np.uint8), body.pet.geometry, Unit.LABEL)
    write_nifti(both / "body" / "lesion_mask.nii.gz", lesions)
    places = Places.of(both, tmp_path / "Dataset503_F", None)
    outcome = build(places, Wish(Making(deface=True)), ALONE)
    assert outcome.summary["done"] == 2 and outcome.summary["codes"]["DEID-W-FACE"] == 1
    assert "blanked in 1 of 2 cases" in (places.out / "README.md").read_text()
    scans = {p: load_study(both / p) for p in ("body", "trunk")}
    for case in open_dataset(places.out).cases:
        pet = read_nifti(case.images["pet:suv"], Unit.SUV_BW)
        (name,) = (p for p, scan in scans.items() if scan.pet.array.shape == pet.array.shape)
        gone = pet.array != scans[name].pet.array
        assert gone.any() == (name == "body") and not pet.array[gone].any()
        assert not (gone & read_mask(case.mask).foreground).any()


@pytest.mark.parametrize("wrong", [{"smooth_mm": -1.0}, {"smooth_mm": 21.0}, {"normalise": "nyul"}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(LymphoscopeError, match="USE-E-"):
        Making(**wrong)
