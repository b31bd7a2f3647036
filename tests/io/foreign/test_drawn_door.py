"""The door for masks: told apart by what they are, refused in words, never with a crash or a name."""

from __future__ import annotations

import random
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.volume import LesionMask
from lymphoscope.io.foreign.drawn import read_drawn
from lymphoscope.io.nifti import write_nifti


def labels(desk) -> np.ndarray:
    array = np.zeros(desk.grid.shape, np.int32)
    array[2:4, 3:6, 3:6], array[6, 8, 8] = 1, 4
    return array


def test_nifti_labels_come_back(desk) -> None:
    path = desk.root / "mask.nii.gz"
    write_nifti(path, LesionMask(labels(desk), desk.grid, "me"))
    drawn = read_drawn(path, desk.pet, Notes())
    assert drawn.kind == "nifti"
    assert [(r.number, r.name) for r in drawn.regions] == [(1, "1"), (4, "4")]
    for region in drawn.regions:
        assert np.array_equal(desk.on_pet(region), labels(desk) == region.number)


def test_an_empty_mask_is_valid(desk) -> None:
    path = desk.root / "mask.nii.gz"
    write_nifti(path, LesionMask(np.zeros(desk.grid.shape, np.int32), desk.grid, "me"))
    assert read_drawn(path, desk.pet, Notes()).regions == ()


def test_an_image_is_no_mask(desk) -> None:
    path = desk.root / "pet.nii.gz"
    write_nifti(path, LesionMask(np.arange(9 * 12 * 13, dtype=np.int32).reshape(9, 12, 13), desk.grid, "me"))
    with pytest.raises(LymphoscopeError, match="GEO-E-MASKLABELS"):
        read_drawn(path, desk.pet, Notes())


def test_left_and_right_front_and_back_exchanged_is_refused(desk) -> None:
    path = desk.root / "mask.nii"
    # LPS written as if it were RAS, the commonest mistake
    affine = desk.grid.affine[:, [2, 1, 0, 3]]
    nib.save(nib.Nifti1Image(labels(desk).transpose(2, 1, 0).astype(np.uint8), affine), path)
    with pytest.raises(LymphoscopeError, match="GEO-E-MASKFLIP"):
        read_drawn(path, desk.pet, Notes())


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "IO-E-MASK"), (b"no mask at all", "IO-E-MASK"), (b"\0" * 128 + b"DICM" + b"\1" * 50, "IO-E-MASK")],
)
def test_files_that_are_no_mask(desk, content: bytes, code: str) -> None:
    path = desk.root / "DOE_JANE.dcm"
    path.write_bytes(content)
    with pytest.raises(LymphoscopeError) as caught:
        read_drawn(path, desk.pet, Notes())
    assert caught.value.code == code
    assert "DOE" not in str(caught.value)


def test_a_file_that_is_not_there(desk) -> None:
    with pytest.raises(LymphoscopeError, match="IO-E-PATH"):
        read_drawn(desk.root / "nothing.dcm", desk.pet, Notes())
    with pytest.raises(LymphoscopeError, match="IO-E-PATH"):
        read_drawn(desk.root, desk.pet, Notes())


def _mutated(content: bytes, rng: random.Random) -> bytes:
    """Damage as it happens: bytes changed, cut out, doubled, or the end missing."""
    damaged = bytearray(content)
    kind = rng.randrange(4)
    at = rng.randrange(len(damaged))
    if kind == 0:
        for _ in range(rng.randrange(1, 12)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    elif kind == 1:
        del damaged[at : at + rng.randrange(1, 64)]
    elif kind == 2:
        damaged[at:at] = damaged[at : at + rng.randrange(1, 64)]
    else:
        del damaged[at:]
    return bytes(damaged)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP", "rtstruct"])
def test_damaged_bytes_end_in_a_mask_or_a_refusal(desk, draw, kind: str) -> None:
    if kind == "rtstruct":
        dataset = desk.rtstruct([draw(k, (1.5, 1.5), (8.5, 8.5)) for k in range(2, 6)])
    else:
        plane = (np.arange(12 * 13).reshape(12, 13) % 3 == 0).astype(np.uint8)
        dataset = desk.seg([(1 + k % 2, k, plane) for k in range(4)], kind)
    whole: Path = desk.save(dataset)
    content, rng = whole.read_bytes(), random.Random(kind)
    said = set()
    for _ in range(400):
        whole.write_bytes(_mutated(content, rng))
        try:
            read_drawn(whole, desk.pet, Notes())
        except LymphoscopeError as error:
            said.add(error.code)
            assert error.exit_status == 3
            assert "DOE" not in str(error)
    assert said, "some damage is noticed"
