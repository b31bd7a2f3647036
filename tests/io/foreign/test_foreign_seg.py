"""Segmentations written by others: binary, fractional, label map, overlapping, with slices left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.foreign.drawn import read_drawn


def plane(desk, *voxels: tuple[int, int], value: int = 1) -> np.ndarray:
    array = np.zeros(desk.grid.shape[1:], np.uint8)
    for voxel in voxels:
        array[voxel] = value
    return array


def refused(desk, dataset) -> str:
    with pytest.raises(LymphoscopeError) as caught:
        desk.read(dataset)
    assert "DOE" not in str(caught.value)
    return caught.value.code


def test_binary_segments_come_back_overlap_and_all(desk) -> None:
    shared = plane(desk, (3, 4), (5, 6))
    drawn = desk.read(desk.seg([(1, 2, shared), (2, 2, shared), (2, 7, plane(desk, (0, 0)))]))
    assert drawn.kind == "dicom-seg"
    assert [r.name for r in drawn.regions] == ["one", "two"]
    one, two = (np.argwhere(desk.on_pet(r)).tolist() for r in drawn.regions)
    assert one == [[2, 3, 4], [2, 5, 6]]
    assert two == [[2, 3, 4], [2, 5, 6], [7, 0, 0]]


def test_frames_not_of_whole_bytes(desk) -> None:
    # 12 × 13 voxels are 19½ bytes: the second frame starts within a byte
    rng = np.random.default_rng(1)
    planes = [(1, k, (rng.random(desk.grid.shape[1:]) > 0.5).astype(np.uint8)) for k in range(5)]
    inside = desk.on_pet(desk.read(desk.seg(planes, names=["one"])).regions[0])
    assert np.array_equal(inside[:5], np.stack([p for _, _, p in planes]) > 0)


def test_fractions_count_from_one_half(desk) -> None:
    values = plane(desk)
    values[2, 2:6] = (99, 100, 101, 200)  # of 200
    (region,) = desk.read(desk.seg([(1, 3, values)], "FRACTIONAL", ["one"])).regions
    assert np.argwhere(desk.on_pet(region)).tolist() == [[3, 2, 3], [3, 2, 4], [3, 2, 5]]


def test_a_label_map_gives_each_value_and_no_background(desk) -> None:
    values = plane(desk, (1, 1)) + plane(desk, (2, 2), value=2)
    drawn = desk.read(desk.seg([(0, 5, values)], "LABELMAP"))
    assert [np.argwhere(desk.on_pet(r)).tolist() for r in drawn.regions] == [[[5, 1, 1]], [[5, 2, 2]]]


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("slices", [(2,), (1, 3, 7), (0, 8), (2, 5)])
def test_slices_left_out_do_not_stretch_the_rest(desk, slices: tuple[int, ...], said: bool) -> None:
    dataset = desk.seg([(1, k, plane(desk, (3, 4))) for k in slices], names=["one"])
    if not said:
        measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        del measures.SpacingBetweenSlices, measures.SliceThickness
    (region,) = desk.read(dataset).regions
    assert np.argwhere(desk.on_pet(region)).tolist() == [[k, 3, 4] for k in slices]
    assert region.geometry.spacing[0] == pytest.approx(desk.grid.spacing[0], abs=1e-6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(6)), st.integers(0, 2**32 - 1))
def test_the_order_of_frames_says_nothing(desk, order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    planes = [(1 + k % 2, k, (rng.random(desk.grid.shape[1:]) > 0.8).astype(np.uint8)) for k in range(6)]
    straight, shuffled = (desk.read(desk.seg([planes[n] for n in o])).regions for o in (range(6), order))
    for a, b in zip(straight, shuffled, strict=True):
        assert np.array_equal(desk.on_pet(a), desk.on_pet(b))


def test_a_segment_without_frames_is_empty(desk) -> None:
    assert [r.voxels for r in desk.read(desk.seg([(1, 2, plane(desk, (1, 1)))])).regions] == [1, 0]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (lambda d: setattr(d, "FrameOfReferenceUID", "2.25.9"), "GEO-E-MASKGRID"),
        (lambda d: delattr(d, "FrameOfReferenceUID"), "GEO-E-MASKGRID"),
        (lambda d: setattr(d, "SegmentationType", "VAGUE"), "IO-E-MASK"),
        (lambda d: setattr(d, "NumberOfFrames", 4), "IO-E-MASK"),
        (lambda d: setattr(d, "Rows", 0), "IO-E-MASK"),
        (lambda d: setattr(d, "PixelData", b"\0\0"), "IO-E-MASK"),
        (lambda d: delattr(d, "PixelData"), "IO-E-MASK"),
        (lambda d: setattr(d, "SegmentSequence", d.SegmentSequence[1:]), "GEO-E-MASKLABELS"),
        (lambda d: setattr(d.SegmentSequence[1], "SegmentNumber", 1), "GEO-E-MASKLABELS"),
        (lambda d: delattr(d.SharedFunctionalGroupsSequence[0], "PlaneOrientationSequence"), "GEO-E-MASKGRID"),
        (lambda d: setattr(_place(d, 1), "ImagePositionPatient", [-10, -20, 113.7]), "GEO-E-MASKGRID"),
        (lambda d: setattr(_place(d, 1), "ImagePositionPatient", [-4, -20, 112]), "GEO-E-MASKGRID"),
        (lambda d: setattr(d, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.2"), "IO-E-MASK"),
    ],
)
def test_faults_are_refused(desk, fault, code: str) -> None:
    dataset = desk.seg([(1, 2, plane(desk, (1, 1))), (1, 3, plane(desk, (1, 1))), (2, 5, plane(desk, (1, 1)))])
    fault(dataset)
    assert refused(desk, dataset) == code


def _place(dataset, frame: int):
    return dataset.PerFrameFunctionalGroupsSequence[frame].PlanePositionSequence[0]


def compressed(desk, syntax: str) -> tuple[object, pydicom.Dataset, np.ndarray]:
    """A desk whose slices are large enough for every encoder, and a fractional mask of three frames on it."""
    large = type(desk)(desk.root, Geometry.axial((5, 32, 34), (4.0, 3.0, 2.5), frame=desk.grid.frame))
    planes = np.random.default_rng(3).integers(0, 2, (3, 32, 34)) * 200
    dataset = large.seg([(1, k + 1, p) for k, p in enumerate(planes)], "FRACTIONAL", ["one"])
    dataset.compress(syntax, generate_instance_uid=False)
    return large, dataset, planes > 100


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_compressed_frames_come_back(desk, syntax: str) -> None:
    large, dataset, inside = compressed(desk, syntax)
    (region,) = large.read(dataset).regions
    assert np.array_equal(large.on_pet(region)[1:4], inside)


@pytest.mark.parametrize(
    ("syntax", "old", "new"),
    [
        # gdcm ends the process for a frame whose head lacks 16 bytes; found among 32,656 damaged files
        (JPEG2000Lossless, b"\0\0\0\x22\0\0\0\x20" + b"\0" * 8, b""),
        (JPEG2000Lossless, b"\0\0\0\x22\0\0\0\x20", b"\0\0\xff\xff\0\0\xff\xff"),
        (JPEGLSLossless, b"\x08\0\x20\0\x22", b"\x08\xff\xff\xff\xff"),
    ],
)
def test_damaged_heads_of_compressed_frames_are_refused(desk, syntax: str, old: bytes, new: bytes) -> None:
    large, dataset, _ = compressed(desk, syntax)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=3))
    assert old in frames[2]
    dataset.PixelData = encapsulate([*frames[:2], frames[2].replace(old, new, 1) + b"\0" * 16])
    assert refused(large, dataset) == "IO-E-MASK"


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGBaseline8Bit, HTJ2KLossless])
def test_compressions_that_are_not_read_are_refused_by_name(desk, syntax: str) -> None:
    large, dataset, _ = compressed(desk, RLELossless)
    dataset.file_meta.TransferSyntaxUID = syntax
    assert refused(large, dataset) == "IO-E-SYNTAX"


def test_a_mask_outside_the_pet_is_refused(desk) -> None:
    dataset = desk.seg([(1, 2, plane(desk, (1, 1))), (1, 3, plane(desk, (1, 1)))])
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        frame.PlanePositionSequence[0].ImagePositionPatient[0] = 500
    assert refused(desk, dataset) == "GEO-E-MASKGRID"


def test_more_voxels_than_any_image_has_are_refused_unread(desk) -> None:
    dataset = desk.seg([(1, k, plane(desk, (1, 1))) for k in range(9)])
    dataset.Rows = dataset.Columns = 65535
    assert refused(desk, dataset) == "IO-E-SIZE"


def _beside(path: Path, reference: Path) -> tuple[np.ndarray, Volume]:
    """A reference label map, and a PET on its grid in the frame of reference of the segmentation."""
    image = sitk.ReadImage(str(reference))
    affine = np.eye(4)
    affine[:3, :3] = (np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing())[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    labels = sitk.GetArrayFromImage(image)
    frame = pydicom.dcmread(path, stop_before_pixels=True).FrameOfReferenceUID
    grid = Geometry(labels.shape, affine, str(frame))
    return labels, Volume(np.ones(grid.shape, np.float32), grid, Unit.SUV_BW)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "reference", "present"),
    [
        ("liver.dcm", "liver_seg.nrrd", {1}),
        ("partial_overlaps.dcm", "partial_overlaps-1.nrrd", {1, 4, 5}),
        ("partial_overlaps.dcm", "partial_overlaps-2.nrrd", {2}),
        ("partial_overlaps.dcm", "partial_overlaps-3.nrrd", {3}),
        ("sparse-labelmap-noppv.dcm", "sparse_labelmap_noppv_seg.nrrd", {1}),
        ("sparse-labelmap-ppv5.dcm", "sparse_labelmap_ppv5_seg.nrrd", {1}),
        ("23x38x3/seg/label.seg", "23x38x3/nrrd/label.nrrd", {1}),
        ("24x38x3/seg/label.seg", "24x38x3/nrrd/label.nrrd", {1}),
    ],
)
def test_real_segmentations_equal_the_label_maps_beside_them(
    shared: Path, name: str, reference: str, present: set[int]
) -> None:
    folder = shared / "dicom_seg_sr" / "segmentations"
    labels, pet = _beside(folder / name, folder / reference)
    compared = set()
    for region in read_drawn(folder / name, pet, Notes()).regions:
        if region.number in present:
            index = np.rint(pet.geometry.to_index(region.geometry.to_lps(np.argwhere(region.inside)))).astype(int)
            inside = np.zeros(labels.shape, bool)
            inside[tuple(index.T)] = True
            assert np.array_equal(inside, labels == region.number)
            compared.add(region.number)
    assert compared == present
