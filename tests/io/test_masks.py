"""Masks and organ maps: what labels mean, and grids that must fit."""

from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.study import ORGANS, OrganMap
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.masks import (
    TOTALSEGMENTATOR_V2,
    organ_word,
    read_mask,
    read_organs,
    require_mask_fits,
    require_organs_fit,
)
from lymphoscope.io.nifti import label_table, write_nifti

GRID = Geometry.axial((20, 24, 22), (4, 4, 4), (-44, -50, 0))


def write(path, array, geometry=GRID):
    write_nifti(path, Volume(array, geometry, Unit.ARBITRARY))
    return path


def pet_with_lesion() -> tuple[Volume, np.ndarray]:
    suv = np.zeros(GRID.shape, np.float32)
    suv[2:18, 3:21, 3:19] = 0.8
    lesion = np.zeros(GRID.shape, np.int32)
    lesion[8:12, 5:9, 14:18] = 1  # away from every mirror plane
    suv[lesion > 0] = 9
    return Volume(suv, GRID, Unit.SUV_BW), lesion


def code(call, *args) -> str:
    with pytest.raises(LymphoscopeError) as caught:
        call(*args)
    return caught.value.code


def test_mask_on_the_grid_fits(tmp_path) -> None:
    pet, lesion = pet_with_lesion()
    mask = read_mask(write(tmp_path / "m.nii.gz", lesion.astype(np.uint8)))
    notes = Notes()
    assert require_mask_fits(mask, pet, notes) and not notes.items
    np.testing.assert_array_equal(mask.labels, lesion)


@pytest.mark.parametrize("value", [0.5, -1.0, np.nan, np.inf, 3e9])
def test_labels_that_are_none(tmp_path, value) -> None:
    """H 50."""
    array = np.zeros(GRID.shape, np.float32)
    array[1, 1, 1] = value
    assert code(read_mask, write(tmp_path / "m.nii", array)) == "GEO-E-MASKLABELS"


def test_whole_numbers_stored_as_fractions_are_read(tmp_path) -> None:
    """H 50."""
    array = np.zeros(GRID.shape, np.float32)
    array[1, 1, 1] = 3.0
    assert read_mask(write(tmp_path / "m.nii", array)).count == 3


def test_empty_mask_is_valid(tmp_path) -> None:
    """H 51."""
    pet, _ = pet_with_lesion()
    mask = read_mask(write(tmp_path / "m.nii", np.zeros(GRID.shape, np.uint8)))
    assert mask.count == 0 and require_mask_fits(mask, pet, Notes())


def test_inverted_mask_warns() -> None:
    """H 52."""
    pet, lesion = pet_with_lesion()
    notes = Notes()
    require_mask_fits(LesionMask(1 - lesion, GRID, "x"), pet, notes)
    assert [m.code for m in notes] == ["GEO-W-MASKLARGE"]


def test_matrix_in_the_other_convention_is_refused() -> None:
    """H 53: LPS numbers written where RAS belongs."""
    pet, lesion = pet_with_lesion()
    swapped = Geometry(GRID.shape, np.diag([-1.0, -1, 1, 1]) @ GRID.affine)
    assert code(require_mask_fits, LesionMask(lesion, swapped, "x"), pet, Notes()) == "GEO-E-MASKFLIP"


@pytest.mark.parametrize("axes", [(1, 2), (2,), (1,)])
def test_mirrored_content_on_the_right_grid_is_refused(axes) -> None:
    """H 53."""
    pet, lesion = pet_with_lesion()
    assert code(require_mask_fits, LesionMask(np.flip(lesion, axes), GRID, "x"), pet, Notes()) == "GEO-E-MASKFLIP"


def test_other_grid_inside_may_be_resampled() -> None:
    """H 49: the mask of a finer grid in the same place."""
    pet, _ = pet_with_lesion()
    fine = Geometry.axial((20, 24, 22), (2, 2, 2), (-20, -20, 20))
    assert require_mask_fits(LesionMask(np.ones(fine.shape, np.int32), fine, "x"), pet, Notes()) is False


def test_other_grid_elsewhere_is_refused() -> None:
    """H 49."""
    pet, _ = pet_with_lesion()
    for start in ((-200.0, -50.0, 0.0), (-44.0, -50.0, 40.0)):
        away = Geometry.axial((20, 24, 22), (4, 4, 4), start)
        mask = LesionMask(np.ones(away.shape, np.int32), away, "x")
        assert code(require_mask_fits, mask, pet, Notes()) == "GEO-E-MASKGRID"


def test_other_frame_of_reference_is_refused() -> None:
    """H 49."""
    pet, lesion = pet_with_lesion()
    pet = Volume(pet.array, Geometry(GRID.shape, GRID.affine, "1.2"), Unit.SUV_BW)
    other = LesionMask(lesion, Geometry(GRID.shape, GRID.affine, "1.3"), "x")
    assert code(require_mask_fits, other, pet, Notes()) == "GEO-E-MASKGRID"


def test_organ_map_may_be_on_the_ct_or_inside_but_not_elsewhere() -> None:
    """H 49, 53."""
    pet, _ = pet_with_lesion()
    longer = Geometry.axial((60, 24, 22), (3, 4, 4), (-44, -50, -40))
    ct = Volume(np.zeros(longer.shape, np.int16), longer, Unit.HU)

    def organs(geometry: Geometry) -> OrganMap:
        return OrganMap(LesionMask(np.ones(geometry.shape, np.int32), geometry, "organs"), {1: "liver"})

    require_organs_fit(organs(GRID), pet, None)
    require_organs_fit(organs(longer), pet, ct)
    require_organs_fit(organs(Geometry.axial((30, 24, 22), (6, 4, 4), (-44, -50, -40))), pet, ct)
    assert code(require_organs_fit, organs(longer), pet, None) == "GEO-E-MASKGRID"
    swapped = Geometry(longer.shape, np.diag([-1.0, -1, 1, 1]) @ longer.affine)
    assert code(require_organs_fit, organs(swapped), pet, ct) == "GEO-E-MASKFLIP"


def test_every_word_is_an_organ() -> None:
    assert set(TOTALSEGMENTATOR_V2.values()) <= set(ORGANS)
    for name, word in {
        "Kidney_right": "kidneys", "urinary_bladder": "bladder", "small bowel": "bowel", "duodenum": "bowel",
        "lung_upper_lobe_left": "lungs", "vertebrae_L4": "marrow", "rib_left_12": "marrow", "hip_right": "marrow",
        "heart_ventricle_left": "heart", "brown_fat": "brown_fat", "gluteus_medius_left": "muscle",
        "parotid_gland_left": "head_glands", "liver": "liver", "gallbladder": None, "": None,
    }.items():  # fmt: skip
        assert organ_word(name) == word, name


def organs(tmp_path, *labels: int):
    array = np.zeros(GRID.shape, np.int16)
    for k, label in enumerate(labels):
        array[k] = label
    return write(tmp_path / "organs.nii.gz", array)


def test_totalsegmentator_numbers_by_default(tmp_path) -> None:
    found = read_organs(organs(tmp_path, 5, 21, 90, 2, 3, 4))
    assert found.names == {2: "kidneys", 3: "kidneys", 5: "liver", 21: "bladder", 90: "brain"}
    assert found.mask.geometry.difference(GRID) == ""


def test_own_names_win(tmp_path) -> None:
    found = read_organs(organs(tmp_path, 1, 2, 3), {1: "spleen", 2: "kidney_left", 3: "liver", 9: "brain"})
    assert found.names == {1: "spleen", 2: "kidneys", 3: "liver"}


def test_unknown_organ_suggests(tmp_path) -> None:
    with pytest.raises(LymphoscopeError, match="liver") as caught:
        read_organs(organs(tmp_path, 1), {1: "livre"})
    assert caught.value.code == "USE-E-NAME"


def test_numbers_beyond_the_numbering_and_maps_without_names(tmp_path) -> None:
    """H 50."""
    assert code(read_organs, organs(tmp_path, 5, 118)) == "GEO-E-MASKLABELS"
    assert code(read_organs, organs(tmp_path, 4)) == "GEO-E-MASKLABELS"
    assert read_organs(organs(tmp_path)).names == {}


@pytest.mark.shared
def test_numbering_equals_the_table_in_a_file_of_totalsegmentator(shared) -> None:
    path = shared / "ct_example" / "example_seg.nii.gz"
    table = label_table(path)
    assert len(table) == 117
    assert {n: w for n, name in table.items() if (w := organ_word(name))} == dict(TOTALSEGMENTATOR_V2)
    found = read_organs(path)
    assert found.names[5] == "liver" and 52 in found.names


@pytest.mark.shared
def test_names_of_another_map(shared) -> None:
    path = sorted((shared / "organ_maps").rglob("*.nii.gz"))[0]
    names = {1: "spleen", 2: "kidneys", 3: "liver", 4: "urinary_bladder", 5: "lungs", 6: "brain", 7: "heart"}
    assert set(read_organs(path, names).names.values()) <= set(ORGANS)
