"""The same examination is found in several data sets, whatever it is called there; other examinations are not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.app.cli import main
from lymphoscope.app.dataset.duplicates import find_duplicates
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.resample import resample
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet

GRID = Geometry.axial((40, 30, 30), (5.0, 5.0, 5.0))


def blobs(seed: int) -> Volume:
    """An uneven body in air."""
    draw = np.random.default_rng(seed)
    z, y, x = np.mgrid[:40, :30, :30]
    suv = np.zeros(GRID.shape, np.float32)
    suv[5:35, 5:25, 4:26] = 1.0
    for _ in range(12):
        centre, size = draw.uniform([8, 8, 8], [32, 22, 22]), draw.uniform(2, 5)
        suv += draw.uniform(2, 9) * np.exp(-sum((a - c) ** 2 for a, c in zip((z, y, x), centre, strict=True)) / size**2)
    return Volume(suv, GRID, Unit.SUV_BW)


def coarser(pet: Volume) -> Volume:
    """The same examination as another collection may have it: other voxels, another weight, rounded."""
    grid = Geometry.axial((33, 25, 25), (6.0, 6.0, 6.0), (0.5, 0.5, 0.5))
    there = resample(pet, grid)
    return there.with_array(np.round(there.array * 1.1, 1).astype(np.float32))


def case(name: str, pet: Volume, patient: str, held_out: bool = False) -> NewCase:
    labels = Volume((pet.array > 4).astype(np.uint8), pet.geometry, Unit.LABEL)
    return NewCase(name, {"pet:suv": pet}, labels, patient, held_out=held_out)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    top = tmp_path_factory.mktemp("sets")
    about = About("X", ("pet:suv",))
    one = [case("a", blobs(1), "p1"), case("b", blobs(2), "p2"), case("b-later", coarser(blobs(2)), "p2")]
    other = [case("x", blobs(3), "q1"), case("y", coarser(blobs(1)), "q2"), case("z", blobs(2), "q3", held_out=True)]
    write_nnunet(top / "Dataset501_A", [*one, case("c", blobs(4), "p4"), case("d", blobs(4), "p5", True)], about)
    write_nnunet(top / "Dataset502_B", other, about)
    return [top / "Dataset501_A", top / "Dataset502_B"]


def test_copies_and_look_alikes_are_found_across_data_sets(folders: list[Path]) -> None:
    found = find_duplicates(folders)
    told = {(p.one.case, p.other.case, p.kind, p.leaks) for p in found.pairs}
    assert told == {
        ("a", "y", "alike", True),
        ("b", "z", "copy", True),
        ("b-later", "z", "alike", True),
        ("c", "d", "copy", True),
    }, "b and b-later are of one patient; x is nobody else's"
    assert found.cases == 8 and all(p.correlation >= 0.95 for p in found.pairs)
    assert {p.one.part for p in found.pairs} == {"training"} and found.pairs[-1].other.part == "test"


def test_on_the_command_line(folders: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--json"]):
        with pytest.raises(SystemExit) as left:
            main(["dataset", "duplicates", *map(str, folders), *arguments])
        assert left.value.code == 0
        said = capsys.readouterr().out
        if arguments:
            assert len(json.loads(said)["pairs"]) == 4
        else:
            assert "copy   1.000  Dataset501_A/b (training)  =  Dataset502_B/z (test)" in said
            assert "8 cases: 4 pairs of one examination, 4 of them in different parts or data sets" in said


def test_a_case_that_cannot_be_read_is_told_and_a_folder_given_twice_refused(folders: list[Path]) -> None:
    (folders[0] / "imagesTr" / "c_0000.nii.gz").write_bytes(b"no image")
    found = find_duplicates(folders)
    assert [(place.case, why.code) for place, why in found.left_out] == [("c", "IO-E-NIFTI")]
    assert found.cases == 7 and len(found.pairs) == 3
    with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
        find_duplicates([folders[0], folders[0] / "."])
