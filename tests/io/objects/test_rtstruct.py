"""Structure sets come back voxel for voxel, by our reader and by another's filling, whatever the stack looks like."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from skimage.measure import points_in_poly

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import LesionMask
from lymphoscope.io.foreign.rtstruct import read_rtstruct
from lymphoscope.io.objects.making import Made
from lymphoscope.io.objects.rtstruct import STATUS_COLOURS, Roi, rtstruct

SHAPE = (14, 20, 18)


def sphere() -> np.ndarray:
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    return ((z - 7) / 5) ** 2 + ((y - 10) / 6) ** 2 + ((x - 8.5) / 5.5) ** 2 <= 1


def shapes() -> dict[str, np.ndarray]:
    made = {
        name: np.zeros(SHAPE, np.int32)
        for name in ("ring", "nested", "voxel", "islands", "diagonal", "corner hole", "full", "three")
    }
    made["ring"][5, 4:12, 4:12], made["ring"][5, 6:10, 6:10] = 1, 0
    made["nested"][5, 2:16, 2:16] = 1
    made["nested"][5, 4:14, 4:14] = 0
    made["nested"][5, 6:12, 6:12] = 1
    made["nested"][5, 8:10, 8:10] = 0
    made["voxel"][7, 11, 5] = 1
    made["islands"][3, 2:5, 2:5] = made["islands"][3, 10:14, 9:12] = made["islands"][9, 0, 0] = 1
    made["diagonal"][4, 4, 4] = made["diagonal"][4, 5, 5] = made["diagonal"][4, 6, 4] = 1
    made["corner hole"][6, 2:7, 2:7] = 1
    made["corner hole"][6, 3, 3] = made["corner hole"][6, 4, 4] = made["corner hole"][6, 5, 3] = 0
    made["full"][:] = 1
    made["three"][2:6, 2:6, 2:6], made["three"][2:6, 6:9, 2:6], made["three"][10, 15, 15] = 1, 2, 3
    return made | {"sphere": sphere().astype(np.int32)}


def written(archive, labels: np.ndarray) -> Made:
    mask = LesionMask(labels.astype(np.int32), archive.grid, "suv4.0")
    rois = [Roi(int(n), f"L{n:02d} lesion") for n in np.unique(labels) if n]
    made = rtstruct(mask, rois, archive.making())
    assert made is not None
    return made


def filled_by_another(dataset: Dataset, grid: Geometry) -> np.ndarray:
    """The mask by scikit-image's point in polygon, contour by contour, holes as XOR."""
    labels = np.zeros(grid.shape, np.int32)
    yx = np.argwhere(np.ones(grid.shape[1:]))
    for roi in dataset.ROIContourSequence:
        inside = np.zeros(grid.shape, bool)
        for contour in roi.ContourSequence:
            index = grid.to_index(np.array(contour.ContourData, float).reshape(-1, 3))
            (k,) = set(np.rint(index[:, 0]).astype(int).tolist())
            assert np.abs(index[:, 0] - k).max() < 1e-5
            inside[k] ^= points_in_poly(yx.astype(float), index[:, 1:]).reshape(grid.shape[1:])
        assert not labels[inside].any()
        labels[inside] = int(roi.ReferencedROINumber)
    return labels


def read_back(dataset: Dataset, grid: Geometry, notes: Notes) -> np.ndarray:
    labels = np.zeros(grid.shape, np.int32)
    for region in read_rtstruct(dataset, grid, notes):
        index = np.rint(grid.to_index(region.geometry.to_lps(np.argwhere(region.inside)))).astype(int)
        labels[tuple(index.T)] = region.number
    return labels


@pytest.mark.parametrize("name", shapes())
def test_the_mask_comes_back_on_every_stack(name: str, any_archive, tools) -> None:
    labels = shapes()[name]
    dataset = tools.read(written(any_archive, labels))
    notes = Notes()
    assert np.array_equal(read_back(dataset, any_archive.grid, notes), labels)
    assert not notes.items
    assert np.array_equal(filled_by_another(dataset, any_archive.grid), labels)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.tuples(st.integers(3, 4), st.integers(8, 13), st.integers(8, 13)), min_size=1, max_size=60))
def test_any_small_mask_comes_back(archive, tools, voxels: set[tuple[int, int, int]]) -> None:
    labels = np.zeros(SHAPE, np.int32)
    labels[tuple(np.array(sorted(voxels)).T)] = 1
    dataset = tools.read(written(archive, labels))
    assert np.array_equal(read_back(dataset, archive.grid, Notes()), labels)
    assert np.array_equal(filled_by_another(dataset, archive.grid), labels)


def test_contours_run_along_voxel_edges_and_refer_to_their_slice(any_archive, tools) -> None:
    dataset = tools.read(written(any_archive, sphere()))
    slices = {s.SOPInstanceUID: k for k, s in enumerate(any_archive.source().slices)}
    for contour in dataset.ROIContourSequence[0].ContourSequence:
        index = any_archive.grid.to_index(np.array(contour.ContourData, float).reshape(-1, 3))
        assert np.abs((index[:, 1:] - 0.5) - np.rint(index[:, 1:] - 0.5)).max() < 1e-5
        (image,) = contour.ContourImageSequence
        assert slices[image.ReferencedSOPInstanceUID] == round(float(index[0, 0]))
        assert contour.ContourGeometricType == "CLOSED_PLANAR"
        assert contour.NumberOfContourPoints == len(index)


def test_decimal_strings_fit(any_archive) -> None:
    for contour in written(any_archive, sphere()).dataset.ROIContourSequence[0].ContourSequence:
        for value in contour.ContourData:
            text = str(value)
            assert len(text) <= 16
            assert len(text.partition(".")[2]) <= 10
            assert text != "-0"


def test_the_enclosed_area_is_that_of_the_voxels(any_archive) -> None:
    made = written(any_archive, sphere())
    area = 0.0
    for contour in made.dataset.ROIContourSequence[0].ContourSequence:
        points = np.array(contour.ContourData, float).reshape(-1, 3)
        closed = [*points, points[0]]
        area += float(np.linalg.norm(sum(np.cross(a, b) for a, b in pairwise(closed)))) / 2
    volume_ml = area * any_archive.grid.spacing[0] / 1000
    assert volume_ml == pytest.approx(sphere().sum() * any_archive.grid.voxel_ml, rel=1e-6)


def test_equal_input_gives_equal_bytes_and_other_input_other_uids(archive, tools) -> None:
    first, second = written(archive, sphere()), written(archive, sphere())
    assert first.content == second.content
    other = written(archive, shapes()["ring"])
    assert other.dataset.SOPInstanceUID != first.dataset.SOPInstanceUID
    assert first.dataset.SOPInstanceUID.startswith("2.25.")


def test_regions_are_named_coloured_and_observed(archive, tools) -> None:
    labels = shapes()["three"]
    mask = LesionMask(labels, archive.grid, "suv4.0")
    rois = [Roi(2, "L07 axillary", "doubtful"), Roi(9, "not there"), Roi(1, "L01 lesion", algorithm="")]
    dataset = tools.read(rtstruct(mask, rois, archive.making()))
    assert [(r.ROINumber, r.ROIName, r.ROIGenerationAlgorithm) for r in dataset.StructureSetROISequence] == [
        (1, "L07 axillary", "AUTOMATIC"),
        (2, "L01 lesion", ""),
    ]
    assert [tuple(r.ROIDisplayColor) for r in dataset.ROIContourSequence] == [
        STATUS_COLOURS["doubtful"],
        STATUS_COLOURS["counted"],
    ]
    assert [(o.ReferencedROINumber, o.RTROIInterpretedType) for o in dataset.RTROIObservationsSequence] == [
        (1, "GTV"),
        (2, "GTV"),
    ]
    assert dataset.FrameOfReferenceUID == archive.grid.frame
    assert {r.ReferencedFrameOfReferenceUID for r in dataset.StructureSetROISequence} == {archive.grid.frame}
    assert dataset.PatientID == "SECRET123"
    assert dataset.AccessionNumber == ""


def test_no_region_makes_no_structure_set(archive) -> None:
    mask = LesionMask(np.zeros(SHAPE, np.int32), archive.grid, "suv4.0")
    assert rtstruct(mask, [Roi(1, "L01")], archive.making()) is None


def test_slices_stacked_aslant_are_refused(archive) -> None:
    making = archive.making()
    affine = archive.grid.affine.copy()
    affine[1, 0] += 0.3  # 4 degrees off the normal
    tilted = Geometry(SHAPE, affine, archive.grid.frame)
    object.__setattr__(making.source, "geometry", tilted)
    mask = LesionMask(sphere().astype(np.int32), tilted, "suv4.0")
    with pytest.raises(LymphoscopeError, match=r"OUT-E-GRID.*off their normal"):
        rtstruct(mask, [Roi(1, "L01")], making)


def test_a_mask_of_another_grid_is_refused(archive) -> None:
    shifted = archive.grid.affine.copy()
    shifted[0, 3] += 1
    mask = LesionMask(sphere().astype(np.int32), Geometry(SHAPE, shifted, archive.grid.frame), "suv4.0")
    with pytest.raises(LymphoscopeError, match=r"OUT-E-GRID.*same grid"):
        rtstruct(mask, [Roi(1, "L01")], archive.making())


@pytest.mark.system
@pytest.mark.parametrize("name", ["sphere", "nested", "three"])
def test_dciodvfy_finds_no_error(name: str, any_archive, tools, tmp_path) -> None:
    assert tools.faults(written(any_archive, shapes()[name]), tmp_path) == []
