"""NIfTI in and out: LPS inside, RAS in the file, checked against another reader and writer."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.intake import load_study
from lymphoscope.io.nifti import read_nifti, to_nifti_bytes, write_nifti

OFFSETS = {"dim": 40, "datatype": 70, "pixdim": 76, "qform": 252, "sform": 254, "srow": 280, "xyzt": 123, "magic": 344}


def oblique(turn=(10, -20, 30), shape=(7, 6, 5), spacing=(3.0, 4.0, 2.0), flips=(1, 1, 1)) -> Geometry:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()[:, ::-1] * np.array(spacing) * flips
    affine[:3, 3] = (11.5, -42.25, 300)
    return Geometry(shape, affine)


def volume(geometry: Geometry, unit: Unit = Unit.SUV_BW) -> Volume:
    return Volume(np.random.default_rng(3).normal(2, 1, geometry.shape).astype(np.float32), geometry, unit)


def patched(path: Path, **fields: tuple[str, object]) -> Path:
    """Change header fields of an uncompressed file."""
    data = bytearray(path.read_bytes())
    for name, (kind, value) in fields.items():
        raw = np.array(value, dtype=kind).tobytes()
        data[OFFSETS[name] : OFFSETS[name] + len(raw)] = raw
    path.write_bytes(data)
    return path


def code(path: Path, unit: Unit = Unit.SUV_BW) -> str:
    with pytest.raises(LymphoscopeError) as caught:
        read_nifti(path, unit)
    assert caught.value.exit_status == 3
    assert str(path) not in str(caught.value)
    return caught.value.code


@settings(max_examples=30, deadline=None)
@given(
    turn=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing=st.tuples(*[st.floats(0.5, 6)] * 3),
    flips=st.tuples(*[st.sampled_from((-1, 1))] * 3),
)
def test_round_trip_on_any_grid_and_agreement_with_simpleitk(tmp_path_factory, turn, spacing, flips) -> None:
    path = tmp_path_factory.mktemp("n") / "x.nii"
    image = volume(oblique(turn, spacing=spacing, flips=flips))
    write_nifti(path, image)
    notes = Notes()
    again = read_nifti(path, Unit.SUV_BW, notes)
    assert not notes.items  # qform and sform agree
    assert again.geometry.difference(image.geometry) == ""
    np.testing.assert_array_equal(again.array, image.array)
    other = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(other), image.array)
    for index in ((0, 0, 0), (6, 5, 4), (3, 0, 2)):
        point = other.TransformIndexToPhysicalPoint(index[::-1])
        np.testing.assert_allclose(point, image.geometry.to_lps(index), atol=1e-3)


def test_files_of_simpleitk_are_read(tmp_path) -> None:
    image = volume(oblique())
    other = sitk.GetImageFromArray(image.array)
    other.SetOrigin(image.geometry.origin.tolist())
    other.SetSpacing(image.geometry.spacing[::-1])
    other.SetDirection(image.geometry.direction[:, ::-1].ravel().tolist())
    sitk.WriteImage(other, str(tmp_path / "x.nii.gz"))
    again = read_nifti(tmp_path / "x.nii.gz", Unit.SUV_BW)
    assert again.geometry.difference(image.geometry) == ""
    np.testing.assert_array_equal(again.array, image.array)


def test_same_image_same_bytes(tmp_path) -> None:
    image = volume(oblique())
    write_nifti(tmp_path / "a.nii.gz", image)
    write_nifti(tmp_path / "b.nii.gz", image)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize(("top", "kind"), [(3, np.uint8), (300, np.int16), (70000, np.int32)])
def test_masks_are_written_in_the_smallest_type(tmp_path, top, kind) -> None:
    geometry = oblique()
    labels = np.zeros(geometry.shape, np.int32)
    labels[2, 3, 1] = top
    write_nifti(tmp_path / "m.nii", LesionMask(labels, geometry, "x"))
    other = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "m.nii")))
    assert other.dtype == kind and other[2, 3, 1] == top and other.sum() == top


@pytest.mark.parametrize("kind", ["u1", "i1", "<i2", ">i2", "<u2", "<i4", "<u4", "<i8", "<f4", ">f4", "<f8"])
def test_value_types_and_byte_orders(tmp_path, kind) -> None:
    array = np.arange(5 * 4 * 3).reshape(5, 4, 3).astype(np.dtype(kind))
    header = nibabel.Nifti1Header(endianness=">" if kind.startswith(">") else "<")
    image = nibabel.Nifti1Image(array, np.diag([2.0, 3, 4, 1]), header, dtype=array.dtype)
    nibabel.save(image, tmp_path / "x.nii")
    again = read_nifti(tmp_path / "x.nii", Unit.ARBITRARY)
    np.testing.assert_array_equal(again.array, array.T.astype(np.float32))
    assert again.geometry.spacing == (4, 3, 2)


def test_scaling_and_version_2(tmp_path) -> None:
    array = np.arange(60, dtype=np.int16).reshape(5, 4, 3)
    image = nibabel.Nifti2Image(array, np.diag([-2.0, -3, 4, 1]))
    image.header.set_slope_inter(0.5, -1)
    nibabel.save(image, tmp_path / "x.nii.gz")
    again = read_nifti(tmp_path / "x.nii.gz", Unit.SUV_BW)
    np.testing.assert_array_equal(again.array, array.T * np.float32(0.5) - 1)
    np.testing.assert_allclose(again.geometry.affine[:3, :3], [[0, 0, 2], [0, 3, 0], [4, 0, 0]])


def test_whole_hu_stay_whole(tmp_path) -> None:
    geometry = oblique()
    write_nifti(tmp_path / "ct.nii", Volume(np.full(geometry.shape, -1000, np.int16), geometry, Unit.HU))
    assert read_nifti(tmp_path / "ct.nii", Unit.HU).array.dtype == np.int16


def test_no_affine_is_refused(tmp_path) -> None:
    """H 47."""
    write_nifti(tmp_path / "x.nii", volume(oblique()))
    assert code(patched(tmp_path / "x.nii", qform=("<i2", 0), sform=("<i2", 0))) == "IO-E-AFFINE"


def test_qform_alone_is_used(tmp_path) -> None:
    image = volume(oblique())
    write_nifti(tmp_path / "x.nii", image)
    patched(tmp_path / "x.nii", sform=("<i2", 0), srow=("<f4", np.zeros(12)))
    assert read_nifti(tmp_path / "x.nii", Unit.SUV_BW).geometry.difference(image.geometry) == ""


def test_matrices_that_disagree_warn_and_the_sform_counts(tmp_path) -> None:
    """H 47."""
    image = volume(oblique())
    write_nifti(tmp_path / "x.nii", image)
    patched(tmp_path / "x.nii", pixdim=("<f4", [1, 2.2, 4, 3]))
    notes = Notes()
    again = read_nifti(tmp_path / "x.nii", Unit.SUV_BW, notes)
    assert [m.code for m in notes] == ["IO-W-AFFINE"]
    assert again.geometry.difference(image.geometry) == ""


@pytest.mark.parametrize(("units", "factor"), [(1, 1000.0), (2, 1.0), (3, 0.001), (0, 1.0), (10, 1.0)])
def test_units_of_length(tmp_path, units, factor) -> None:
    write_nifti(tmp_path / "x.nii", volume(oblique(turn=(0, 0, 0), spacing=(300.0, 400.0, 200.0))))
    geometry = read_nifti(patched(tmp_path / "x.nii", xyzt=("u1", units)), Unit.SUV_BW).geometry
    np.testing.assert_allclose(geometry.spacing, np.array([300, 400, 200]) * factor, rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"srow": ("<f4", np.zeros(12))}, "IO-E-AFFINE"),
        ({"srow": ("<f4", np.full(12, np.nan))}, "IO-E-AFFINE"),
        ({"dim": ("<i2", [2, 5, 6, 1])}, "IO-E-NIFTI"),
        ({"dim": ("<i2", [4, 5, 6, 7, 3])}, "IO-E-NIFTI"),
        ({"dim": ("<i2", [3, -5, 6, 7])}, "IO-E-NIFTI"),
        ({"dim": ("<i2", [99, 5, 6, 7])}, "IO-E-NIFTI"),
        ({"dim": ("<i2", [3, 2000, 2000, 2000])}, "IO-E-SIZE"),
        ({"dim": ("<i2", [3, 50, 60, 70])}, "IO-E-NIFTI"),
        ({"datatype": ("<i2", 32)}, "IO-E-NIFTI"),
        ({"datatype": ("<i2", 128)}, "IO-E-NIFTI"),
        ({"magic": ("S4", b"ni1")}, "IO-E-NIFTI"),
    ],
)
def test_broken_headers(tmp_path, fields, wanted) -> None:
    """H 54 among others."""
    write_nifti(tmp_path / "x.nii", volume(oblique()))
    assert code(patched(tmp_path / "x.nii", **fields)) == wanted


def test_a_fourth_axis_of_one_is_three_dimensional(tmp_path) -> None:
    write_nifti(tmp_path / "x.nii", volume(oblique()))
    patched(tmp_path / "x.nii", dim=("<i2", [4, 5, 6, 7, 1]))
    assert read_nifti(tmp_path / "x.nii", Unit.SUV_BW).geometry.shape == (7, 6, 5)


def test_cut_short_not_nifti_and_absent(tmp_path) -> None:
    """H 31, 32."""
    data = to_nifti_bytes(volume(oblique()))
    for name, content in {
        "a.nii": data[:-10],
        "b.nii.gz": gzip.compress(data)[:-30],
        "c.nii": b"",
        "d.nii.gz": b"\x1f\x8b\x08 nonsense",
        "e.nii": b"not an image at all",
    }.items():
        (tmp_path / name).write_bytes(content)
        assert code(tmp_path / name) == "IO-E-NIFTI"
    assert code(tmp_path / "absent.nii") == "IO-E-PATH"


def test_writing_where_nothing_can_be_written(tmp_path) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        write_nifti(tmp_path / "absent" / "x.nii", volume(oblique()))
    assert caught.value.code == "IO-E-WRITE" and caught.value.exit_status == 3


@pytest.mark.shared
def test_whole_body_pet_as_nifti_equals_dicom(shared) -> None:
    """The reference file was made from the same DICOM by another program."""
    folder = shared / "wb_pet_ge_sts001"
    study = load_study(folder / "FDG_PET" / "image")
    other = read_nifti(folder / "suvbw.nii.gz", Unit.SUV_BW)
    assert other.geometry.difference(study.pet.geometry) == ""
    np.testing.assert_allclose(study.pet.array, other.array, rtol=1e-5, atol=0)
