"""Segmentations come back voxel for voxel, whatever the stack looks like."""

from __future__ import annotations

import io

import highdicom as hd
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.volume import LesionMask
from lymphoscope.io.objects import codes
from lymphoscope.io.objects.seg import Segment, binary_seg

SHAPE = (14, 20, 18)


def many() -> np.ndarray:
    """60 lesions of 1 to 8 voxels."""
    labels = np.zeros(SHAPE, np.int32)
    corners = [(k, j, i) for k in range(1, 12, 3) for j in range(1, 16, 4) for i in range(1, 16, 4)][:60]
    for number, (k, j, i) in enumerate(corners, start=1):
        labels[k : k + 1 + number % 2, j : j + 1 + number % 2, i : i + 2] = number
    return labels


def shapes() -> dict[str, np.ndarray]:
    made = {name: np.zeros(SHAPE, np.int32) for name in ("voxel", "slice", "ends", "gap", "touching", "full")}
    made["voxel"][7, 11, 5] = 1
    made["slice"][6, 2:9, 3:8] = 1
    made["ends"][0, 0, 0], made["ends"][-1, -1, -1] = 1, 2
    made["gap"][2, 4:7, 4:7] = made["gap"][9, 4:7, 4:7] = 1
    made["touching"][4:8, 4:8, 4:8], made["touching"][8, 8, 8] = 1, 2
    made["full"][:] = 1
    return made | {"sixty": many()}


@pytest.mark.parametrize("name", shapes())
def test_the_mask_comes_back_on_the_pet_grid(name: str, any_archive, tools) -> None:
    labels = shapes()[name]
    seg = tools.read(any_archive.seg(labels))
    assert np.array_equal(tools.pasted(seg, any_archive.grid), labels)
    occupied = sum(int((labels == n).any(axis=(1, 2)).sum()) for n in range(1, labels.max() + 1))
    assert seg.NumberOfFrames == occupied, "empty slices are left out"
    assert seg.FrameOfReferenceUID == any_archive.grid.frame


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.tuples(st.integers(0, 13), st.integers(0, 19), st.integers(0, 17)), min_size=1, max_size=40))
def test_any_mask_comes_back(archive, tools, voxels: set[tuple[int, int, int]]) -> None:
    labels = np.zeros(SHAPE, np.int32)
    for number, voxel in enumerate(sorted(voxels)):
        labels[voxel] = 1 + number % 3
    labels = np.unique(labels, return_inverse=True)[1].reshape(SHAPE)
    assert np.array_equal(tools.pasted(tools.read(archive.seg(labels)), archive.grid), labels)


def test_highdicom_reads_the_same_mask(any_archive, tools) -> None:
    labels = many()
    seg = hd.seg.segread(io.BytesIO(any_archive.seg(labels).content))
    volume = seg.get_volume(combine_segments=True, allow_missing_positions=True)
    index = np.argwhere(volume.array > 0)
    points = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    there = np.rint(any_archive.grid.to_index(points)).astype(int)
    back = np.zeros(SHAPE, np.int32)
    back[tuple(there.T)] = volume.array[tuple(index.T)]
    assert np.array_equal(back, labels)


def test_every_frame_refers_to_the_slice_at_its_place(any_archive, tools) -> None:
    slices = any_archive.source().slices
    for groups in tools.read(any_archive.seg(tools.two_lesions(SHAPE))).PerFrameFunctionalGroupsSequence:
        place = groups.PlanePositionSequence[0].ImagePositionPatient
        source = groups.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        assert [s.SOPInstanceUID for s in slices if np.allclose(s.ImagePositionPatient, place, atol=1e-6)] == [source]


def test_segments_say_what_they_are(archive, tools) -> None:
    site = codes.SITES["axillary"]
    mask = LesionMask(tools.two_lesions(SHAPE), archive.grid, "suv4.0")
    segments = [
        Segment("L01 axillary", codes.ABNORMAL, codes.LESION, "L01", "2.25.71", site),
        Segment("L04 " + "x" * 80, codes.ANATOMY, codes.ORGAN_CODES["bladder"], "L04", "2.25.72"),
    ]
    seg = tools.read(binary_seg(archive.making(), "seg", mask, segments, "LESIONS"))
    first, second = seg.SegmentSequence
    assert (first.SegmentNumber, first.SegmentLabel, first.TrackingID, first.TrackingUID) == (
        1, "L01 axillary", "L01", "2.25.71",
    )  # fmt: skip
    assert first.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
    assert first.SegmentedPropertyTypeCodeSequence[0].CodeValue == "52988006"
    assert first.AnatomicRegionSequence[0].CodeValue == site.value
    assert second.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Bladder"
    assert len(second.SegmentLabel) == 64 and "AnatomicRegionSequence" not in second
    algorithm = first.SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("Lymphoscope", "1.2.3")
    assert "threshold=SUV ≥ 4.0" in algorithm.AlgorithmParameters
    assert (seg.ContentLabel, seg.SeriesNumber, seg.SegmentationType, seg.SegmentsOverlap) == (
        "LESIONS", 900, "BINARY", "NO",
    )  # fmt: skip


def test_a_probability_map_comes_back_in_steps(any_archive, tools) -> None:
    values = np.zeros(SHAPE)
    values[2:5, 3:6, 4:9] = np.linspace(0.004, 1.0, 45).reshape(3, 3, 5)
    seg = tools.read(any_archive.probability(values))
    assert (seg.SegmentationType, seg.SegmentationFractionalType, seg.MaximumFractionalValue) == (
        "FRACTIONAL", "PROBABILITY", 255,
    )  # fmt: skip
    assert np.array_equal(tools.pasted(seg, any_archive.grid), np.rint(values * 255))
    assert seg.NumberOfFrames == 3


def test_a_mask_on_another_grid_is_refused(archive, tools) -> None:
    moved = np.array(archive.grid.affine)
    moved[0, 3] += 1.0
    mask = LesionMask(tools.two_lesions(SHAPE), Geometry(SHAPE, moved), "x")
    with pytest.raises(LymphoscopeError, match="GEO-E-MASKGRID"):
        binary_seg(archive.making(), "seg", mask, archive.segments(2), "LESIONS")


def test_regions_must_be_those_described(archive, tools) -> None:
    mask = LesionMask(tools.two_lesions(SHAPE) * 2, archive.grid, "x")
    with pytest.raises(ValueError, match="described"):
        binary_seg(archive.making(), "seg", mask, archive.segments(2), "LESIONS")
