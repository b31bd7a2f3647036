"""The face of a whole body is found by its PET and blanked in every image; who has none, or no PET, is told."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite

from lymphoscope.app.batch.crew import Crew
from lymphoscope.app.deid.run import Places, deidentify_tree
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import Volume
from lymphoscope.image.body_phantom import BodyOptions, body_phantom
from lymphoscope.image.face import find_face
from lymphoscope.io.deid.study import Choice
from lymphoscope.io.dicom_write import ScanFacts, write_study
from lymphoscope.io.intake import load_study

LOWEST, HIGHEST = 27, 64
"""Slices of the body that are kept: liver to vertex."""


def part(image: Volume, low: int, high: int) -> Volume:
    """Slices of an image."""
    affine = image.geometry.affine.copy()
    affine[:3, 3] = image.geometry.to_lps([low, 0, 0])
    shape = (high - low, *image.geometry.shape[1:])
    return Volume(image.array[low:high], Geometry(shape, affine, "2.25.77"), image.unit)


def contours(folder: Path, x: float, y: float, z: float) -> None:
    """A square of 24 mm on the slice of the PET nearest to z, drawn as a contour of that PET."""
    slices = [dcmread(path) for path in sorted((folder / "pet").glob("*.dcm"))]
    first, made = min(slices, key=lambda s: abs(s.ImagePositionPatient[2] - z)), Dataset()
    made.SOPClassUID, made.SOPInstanceUID, made.Modality = "1.2.840.10008.5.1.4.1.1.481.3", "2.25.51", "RTSTRUCT"
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate"):
        setattr(made, keyword, first[keyword].value)
    series, study, referred, roi, drawn, contour = (Dataset() for _ in range(6))
    series.SeriesInstanceUID, study.RTReferencedSeriesSequence = first.SeriesInstanceUID, [series]
    referred.FrameOfReferenceUID, referred.RTReferencedStudySequence = first.FrameOfReferenceUID, [study]
    made.SeriesInstanceUID, made.ReferencedFrameOfReferenceSequence = "2.25.6", [referred]
    roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = 1, "lesion", referred.FrameOfReferenceUID
    contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", 4
    corners = ((-12, -12), (12, -12), (12, 12), (-12, 12))
    contour.ContourData = [c for dx, dy in corners for c in (x + dx, y + dy, float(first.ImagePositionPatient[2]))]
    drawn.ReferencedROINumber, drawn.ContourSequence = 1, [contour]
    made.StructureSetROISequence, made.ROIContourSequence = [roi], [drawn]
    made.file_meta = Dataset()
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dcmwrite(folder / "contours.dcm", made, enforce_file_format=True)


@pytest.mark.long
def test_faces_go_and_lesions_stay(tmp_path: Path) -> None:
    body = body_phantom(BodyOptions(pet_shape=(64, 60, 60), ct_shape=(64, 60, 60)))
    assert body.ct is not None
    tree = tmp_path / "tree"
    for number, (low, high) in enumerate(((LOWEST, HIGHEST), (14, 40)), start=1):
        facts = replace(ScanFacts(), seed=number, patient_id=f"MRN{number}", name="BEEBLEBROX^ZAPHOD")
        write_study(tree / str(number), part(body.pet, low, high), part(body.ct, low, high), facts)
    shutil.copytree(tree / "2" / "ct", tree / "3")
    shutil.rmtree(tree / "2" / "ct")
    for path in (tree / "3").glob("*.dcm"):
        alone = dcmread(path)
        alone.StudyInstanceUID, alone.PatientID = "2.25.99", "MRN3"
        alone.save_as(path)
    before = load_study(tree / "1")
    whole = find_face(before.pet, before.ct)
    assert whole is not None
    skin = np.argwhere(whole.work.on(whole.region, before.pet.geometry) & (before.pet.array > 0.3))
    lesion = before.pet.geometry.to_lps(skin[len(skin) // 2])
    contours(tree / "1", *lesion)

    outcome = deidentify_tree(Places.of(tree, tmp_path / "out", None), Choice(deface=True), Crew(workers=0))
    assert (outcome.summary["done"], outcome.summary["refused"]) == (2, 1)
    codes = outcome.summary["codes"]
    assert codes["DEID-W-FACE"] == codes["DEID-E-FACE"] == 1, "no brain in view; no PET"
    with (tmp_path / "out-crosswalk" / "crosswalk.csv").open(newline="") as file:
        places = {row["patient_id"]: tmp_path / "out" / row["pseudonym"] for row in csv.DictReader(file)}
    after = load_study(places["MRN1"])
    for name, air in (("pet", 0.0), ("ct", -1024)):
        old, new = before.volumes[name], after.volumes[name]
        changed = new.array != old.array
        assert not (changed & ~whole.work.on(whole.region, old.geometry)).any(), "outside the face to the bit"
        assert changed.sum() * old.geometry.voxel_ml > 200 and (new.array[changed] == air).all()
        far = np.linalg.norm(old.geometry.to_lps(np.argwhere(changed)) - lesion, axis=1).min()
        assert far > 8.0, "what was drawn stays, and what is near it"
    untouched = dcmread(next(places["MRN2"].rglob("*.dcm")), stop_before_pixels=True)
    assert "RecognizableVisualFeatures" not in untouched
    assert "113102" not in [code.CodeValue for code in untouched.DeidentificationMethodCodeSequence]
