"""Contours drawn by others: voxel centres, XOR for holes, and what does not lie on the PET's slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.files import scan
from lymphoscope.io.foreign.drawn import read_drawn
from lymphoscope.io.masks import read_mask
from lymphoscope.io.slices import stack


def codes(notes: Notes) -> set[str]:
    return {m.code for m in notes}


def refusal(desk, dataset) -> LymphoscopeError:
    with pytest.raises(LymphoscopeError) as caught:
        desk.read(dataset)
    assert "DOE" not in str(caught.value)
    assert caught.value.exit_status == 3
    return caught.value


def test_a_contour_within_a_contour_is_a_hole(desk, draw) -> None:
    notes = Notes()
    (region,) = desk.read(
        desk.rtstruct([draw(4, (1.5, 1.5), (8.5, 8.5)), draw(4, (3.5, 3.5), (5.5, 6.5))]), notes
    ).regions
    wanted = np.zeros(desk.grid.shape, bool)
    wanted[4, 2:9, 2:9], wanted[4, 4:6, 4:7] = True, False
    assert np.array_equal(desk.on_pet(region), wanted)
    assert not notes.items


def test_a_keyhole_is_a_hole(desk) -> None:
    outer = [(1.5, 1.5), (1.5, 8.5), (8.5, 8.5), (8.5, 1.5), (3.5, 1.5)]
    inner = [(3.5, 3.5), (5.5, 3.5), (5.5, 6.5), (3.5, 6.5), (3.5, 3.5)]
    keyhole = [(4, y, x) for y, x in [*outer, *inner, (3.5, 1.5)]]
    (region,) = desk.read(desk.rtstruct([keyhole])).regions
    wanted = np.zeros(desk.grid.shape, bool)
    wanted[4, 2:9, 2:9], wanted[4, 4:6, 4:7] = True, False
    assert np.array_equal(desk.on_pet(region), wanted)


def test_contours_through_centres_of_others_conventions_follow_the_centre_rule(desk, draw) -> None:
    (region,) = desk.read(desk.rtstruct([draw(4, (2, 2), (5, 5))])).regions
    # a centre on a left or upper edge is inside, one on a right or lower edge is not: 3 × 3, no voxel counted twice
    assert region.voxels == 9
    halves = [draw(4, (2, 2), (5, 3.7)), draw(4, (2, 3.7), (5, 5))]
    assert np.array_equal(desk.read(desk.rtstruct(halves)).regions[0].inside, region.inside)


def test_contours_without_a_voxel_leave_the_rest_of_the_slice(desk, draw) -> None:
    notes = Notes()
    speck, point = draw(4, (9.1, 9.1), (9.2, 9.3)), [(4, 10.0, 10.0)]
    (region,) = desk.read(desk.rtstruct([speck, draw(4, (1.5, 1.5), (3.5, 3.5)), point]), notes).regions
    assert region.voxels == 4
    assert codes(notes) == {"GEO-W-MASKSMALL"}


def test_contours_outside_are_skipped_with_a_warning(desk, draw) -> None:
    notes = Notes()
    inside, above, aside = (
        draw(4, (1.5, 1.5), (3.5, 3.5)),
        draw(30, (1.5, 1.5), (3.5, 3.5)),
        draw(4, (50, 50), (60, 60)),
    )
    (region,) = desk.read(desk.rtstruct([above, inside, aside]), notes).regions
    assert region.voxels == 4
    (note,) = notes
    assert note.code == "GEO-W-MASKPART"
    assert "2 of 3 contours lie outside" in note.what


def test_a_contour_partly_outside_is_cut_with_a_warning(desk, draw) -> None:
    notes = Notes()
    (region,) = desk.read(desk.rtstruct([draw(4, (-5, -5), (1.5, 1.5))]), notes).regions
    assert region.voxels == 4
    assert codes(notes) == {"GEO-W-MASKPART"}


def test_all_contours_outside_are_refused(desk, draw) -> None:
    assert refusal(desk, desk.rtstruct([draw(99, (1, 1), (3, 3))])).code == "GEO-E-MASKGRID"


def test_contours_aslant_are_refused(desk) -> None:
    slanting = [(3, 1, 1), (3, 1, 6), (5, 6, 6), (5, 6, 1)]
    assert refusal(desk, desk.rtstruct([slanting])).code == "GEO-E-MASKGRID"


def test_rounded_coordinates_still_lie_on_the_slice(desk, draw) -> None:
    notes = Notes()
    (region,) = desk.read(
        desk.rtstruct([draw(4.01, (1.5, 1.5), (3.5, 3.5)), draw(4.99, (1.5, 1.5), (3.5, 3.5))]), notes
    ).regions
    assert np.array_equal(np.unique(np.argwhere(desk.on_pet(region))[:, 0]), [4, 5])
    assert not notes.items


@pytest.mark.parametrize(("step", "slices"), [(0.5, [3, 4, 5]), (0.3, [3, 4, 5]), (2.0, [2, 3, 4, 5])])
def test_contours_of_another_series_hold_halfway_to_the_next(desk, draw, step: float, slices: list[int]) -> None:
    # a block from 2.6 (or, for thick slices, 1.6) to 5.4 along the stack, drawn on planes that are not the PET's
    first, last = (2.6 + step / 2, 5.4) if step < 1 else (2.6, 4.7)
    planes = np.arange(first, last, step)
    notes = Notes()
    dataset = desk.rtstruct([draw(float(k), (1.5, 1.5), (3.5, 3.5)) for k in planes])
    (region,) = desk.read(dataset, notes).regions
    assert np.array_equal(np.unique(np.argwhere(desk.on_pet(region))[:, 0]), slices)
    assert region.voxels == 4 * len(slices), "planes nearer than slices do not undo each other"
    assert "GEO-W-MASKRESAMPLED" in codes(notes)


def test_every_second_slice_is_noted(desk, draw) -> None:
    notes = Notes()
    desk.read(desk.rtstruct([draw(k, (1.5, 1.5), (3.5, 3.5)) for k in (2, 4, 6)]), notes)
    assert codes(notes) == {"GEO-W-MASKGAPS"}


def test_open_lines_enclose_nothing(desk, draw) -> None:
    notes = Notes()
    (region,) = desk.read(desk.rtstruct([draw(4, (1, 1), (3, 3))], "OPEN_PLANAR"), notes).regions
    assert region.voxels == 0
    assert codes(notes) == {"GEO-W-MASKPART"}


@pytest.mark.parametrize("frame", ["2.25.9", ""])
def test_another_frame_of_reference_is_refused(desk, draw, frame: str) -> None:
    dataset = desk.rtstruct([draw(4, (1, 1), (3, 3))])
    dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = frame
    error = refusal(desk, dataset)
    assert error.code == "GEO-E-MASKGRID"
    assert "frame" in error.message.what


@pytest.mark.parametrize("written", [b"xxx.0000", b"nan     ", b"1e99    ", b"1\\2     "])
def test_coordinates_that_are_none_are_refused(desk, draw, written: bytes) -> None:
    path = desk.save(desk.rtstruct([draw(4, (1, 1), (3, 3))]))
    whole = path.read_bytes()
    assert whole.count(b"116.0000") == 4
    path.write_bytes(whole.replace(b"116.0000", written, 1))
    with pytest.raises(LymphoscopeError) as caught:
        read_drawn(path, desk.pet, Notes())
    assert caught.value.code == "IO-E-MASK"


def test_a_region_without_contours_is_empty(desk, draw) -> None:
    dataset = desk.rtstruct([])
    assert [r.voxels for r in desk.read(dataset).regions] == [0]


@pytest.mark.shared
@pytest.mark.parametrize("who", ["STS_002", "STS_019", "STS_032"])
def test_real_contours_equal_the_reference_mask(shared: Path, who: str) -> None:
    folder = shared / "sts_fdg_petct" / "dicom" / who / "PET"
    geometry = stack(scan(folder / "image").headers).geometry
    pet = Volume(np.ones(geometry.shape, np.float32), geometry, Unit.SUV_BW)
    notes = Notes()
    (region,) = read_drawn(folder / "mask" / "RS.dcm", pet, notes).regions
    reference = read_mask(shared / "sts_fdg_petct" / "nifti" / who / "PET_mask.nii.gz")
    assert not geometry.difference(Geometry(reference.geometry.shape, reference.geometry.affine))
    inside = np.zeros(geometry.shape, bool)
    index = np.rint(geometry.to_index(region.geometry.to_lps(np.argwhere(region.inside)))).astype(int)
    inside[tuple(index.T)] = True
    assert np.array_equal(inside, reference.foreground)
    assert not notes.items


@pytest.mark.shared
def test_the_whole_body_contours_have_the_volume_told(shared: Path) -> None:
    folder = shared / "wb_pet_ge_sts001"
    geometry = stack(scan(folder / "FDG_PET" / "image").headers).geometry
    pet = Volume(np.ones(geometry.shape, np.float32), geometry, Unit.SUV_BW)
    mass, edema = read_drawn(folder / "FDG_PET" / "mask" / "1-1.dcm", pet, Notes()).regions
    assert mass.name == "GTV_Mass"
    assert mass.voxels * geometry.voxel_ml == pytest.approx(366.1, abs=0.05)
    assert edema.voxels == np.count_nonzero(read_mask(folder / "gtv_edema.nii.gz").labels)
