"""Air where a face is, in any pixels; every other voxel as it was, to the bit; what cannot be placed is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from lymphoscope.core.geometry import Geometry
from lymphoscope.image.phantom import Imaging, Shape, ct_image, image
from lymphoscope.io.deid.faces import Blank
from lymphoscope.io.deid.study import Cleaned, deidentify_study
from lymphoscope.io.dicom_write import ScanFacts, WriteOptions, write_study
from lymphoscope.io.files import walk
from lymphoscope.io.intake import load_study

from .conftest import KEY

FRAME = "2.25.77"
TILTED = np.array([[0.0, 0.0, 8.0, -50.0], [0.0, 8.0, 0.0, -60.0], [8.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
TILTED[:3, :3] = TILTED[:3, :3] @ [[1, 0, 0], [0, np.cos(0.2), -np.sin(0.2)], [0, np.sin(0.2), np.cos(0.2)]]
PET, CT = Geometry((16, 16, 16), TILTED, FRAME), Geometry.axial((12, 20, 20), (10.0, 7.0, 7.0), (-60, -70, 5), FRAME)
BODY = (Shape("body", "ellipsoid", (10, 0, 60), (50, 60, 90), suv=1.0, hu=40),)


def face(grid: Geometry) -> np.ndarray:
    """A ball before the body."""
    at = grid.to_lps(np.moveaxis(np.indices(grid.shape), 0, -1))
    return np.linalg.norm(at - [10.0, -40.0, 70.0], axis=-1) < 40.0


def study(folder: Path, syntax: str = "explicit", edit: object = None) -> Path:
    pet, ct = image(BODY, PET, Imaging()), ct_image(BODY, CT, Imaging())
    facts = replace(ScanFacts(), name="BEEBLEBROX^ZAPHOD", patient_id="MRN47111")
    write_study(folder, pet, ct, facts, options=WriteOptions(syntax=syntax, edit=edit))
    return folder


def deid(folder: Path, out: Path, frame: str = FRAME) -> Cleaned:
    return deidentify_study(list(walk(folder)), out, KEY, face=Blank(frame, face))


@pytest.mark.parametrize("syntax", ["explicit", "jpeg-ls"])
def test_suv_and_hu_outside_stay_to_the_bit(tmp_path: Path, syntax: str) -> None:
    before = load_study(study(tmp_path / "in", syntax))
    cleaned = deid(tmp_path / "in", tmp_path / "out")
    after = load_study(tmp_path / "out")
    assert dict(cleaned.written) == {"PT": 16, "CT": 12}
    for name, air in (("pet", 0.0), ("ct", -1024)):
        old, new = before.volumes[name], after.volumes[name]
        inside = face(old.geometry)
        assert np.count_nonzero(inside & (old.array > -500) & (old.array != 0)) > 50
        assert (new.array[inside] == air).all()
        assert np.array_equal(new.array[~inside], old.array[~inside])
    for path in sorted((tmp_path / "out").rglob("*.dcm")):
        made = dcmread(path, stop_before_pixels=True)
        assert made.RecognizableVisualFeatures == "NO"
        assert "113102" in [code.CodeValue for code in made.DeidentificationMethodCodeSequence]


def test_air_is_as_near_as_the_stored_bits_allow(tmp_path: Path) -> None:
    def unsigned(dataset: Dataset, _: int) -> None:
        if dataset.Modality == "CT":
            dataset.RescaleIntercept, dataset.PixelRepresentation = "-1000", 0
            dataset.BitsStored, dataset.HighBit = 12, 11
            dataset.PixelData = np.full(400, 1040, "<u2").tobytes()

    study(tmp_path / "in", edit=unsigned)
    deid(tmp_path / "in", tmp_path / "out")
    ct = load_study(tmp_path / "out").ct
    assert set(np.unique(ct.array[face(ct.geometry)])) == {-1000} and set(np.unique(ct.array)) == {-1000, 40}


def test_what_cannot_be_placed_is_left_out_and_told(tmp_path: Path) -> None:
    def other(dataset: Dataset, number: int) -> None:
        if dataset.Modality == "CT":
            dataset.FrameOfReferenceUID = "2.25.78"
        elif number == 3:
            del dataset.ImagePositionPatient

    study(tmp_path / "in", edit=other)
    cleaned = deid(tmp_path / "in", tmp_path / "out")
    assert dict(cleaned.written) == {"PT": 15}
    assert [code for _, code in cleaned.left_out] == ["DEID-W-UNPLACED"] * 13
