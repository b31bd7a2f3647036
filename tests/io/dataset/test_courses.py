"""Scans of one patient in the two layouts: which is the earlier one, and what is read of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.io.dataset.cases import DataSet
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.dataset.writing import About, write_nnunet

from .conftest import new_case

BOTH_SCANS = ("pet:suv", "ct:hu", "pet:suv@1")


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    """P1 has three scans whose ids are not in the order of time, P2 two of which one is held out, P3 one."""
    days = {"a": ("P1", 60.0), "b": ("P1", 0.0), "c": ("P1", 200.0), "d": ("P2", 0.0), "e": ("P2", 45.0)}
    cases = [new_case(name, n, patient=who, day=day) for n, (name, (who, day)) in enumerate(days.items())]
    cases[4] = replace(cases[4], held_out=True)
    folder = write_nnunet(tmp_path / "Dataset008_Courses", [*cases, new_case("f", 9)], About("C", ignore=True))
    return open_dataset(folder)


def test_a_case_knows_the_scans_before_it(data: DataSet) -> None:
    earlier = {entry.id: [scan.id for scan in entry.earlier] for entry in (*data.cases, *data.held_out)}
    assert earlier == {"a": ["b"], "b": [], "c": ["a", "b"], "d": [], "e": ["d"], "f": []}


def test_images_and_mask_of_the_scan_before_are_read(data: DataSet) -> None:
    sample = data.read(data["a"], BOTH_SCANS)
    before = data.read(data["b"], ("pet:suv",))
    np.testing.assert_array_equal(sample.volumes["pet:suv@1"].array, before.volumes["pet:suv"].array)
    assert not np.array_equal(sample.volumes["pet:suv"].array, before.volumes["pet:suv"].array)
    (mask,) = sample.earlier
    assert mask is not None and before.labels is not None
    np.testing.assert_array_equal(mask.array, before.labels.array)
    assert list(sample.volumes) == list(BOTH_SCANS)
    assert data.read(data["c"], ("pet:suv@2",)).volumes["pet:suv@2"].array.mean() == pytest.approx(
        before.volumes["pet:suv"].array.mean()
    )


def test_who_reads_an_earlier_scan_sees_the_cases_that_have_one(data: DataSet) -> None:
    split = replace(data, splits=((("a", "b", "f"), ("c", "d")),))
    seen = split.looking_back(BOTH_SCANS)
    assert [entry.id for entry in seen.cases] == ["a", "c"]
    assert [entry.id for entry in seen.held_out] == ["e"]
    assert seen.splits == ((("a",), ("c",)),)
    assert data.looking_back(("pet:suv",)) is data
    with pytest.raises(LymphoscopeError, match="DATA-E-COURSE"):
        data.looking_back(("pet:suv@3",))


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("a,P1,0\nb,P1,\n", "case b"),
        ("a,P1,2024-02-30\nb,P1,2\n", "2024-02-30"),
        ("a,P1,2024-02-03\nb,P1,2024-02-03\n", "same date"),
        ("a,P1,inf\nb,P1,2\n", "inf"),
    ],
)
def test_an_order_that_is_not_known_is_refused(data: DataSet, table: str, says: str) -> None:
    (data.path / "patients.csv").write_text(f"case,patient,scanned\n{table}", encoding="utf-8")
    with pytest.raises(LymphoscopeError, match=f"DATA-E-COURSE.*{says}"):
        open_dataset(data.path)


def test_case_folders_have_courses_by_the_same_table_and_keep_their_own_grids(data: DataSet, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in "ab":
        (tree / "P1" / name).mkdir(parents=True)
        for source, target in (("imagesTr/{}_0001", "pet"), ("imagesTr/{}_0000", "ct")):
            shutil.copy(data.path / f"{source.format(name)}.nii.gz", tree / "P1" / name / f"{target}.nii.gz")
    table = "case,patient,scanned\nP1_a,P1,2024-05-17\nP1_b,P1,2024-03-02\n"
    (tree / "patients.csv").write_text(table, encoding="utf-8")
    found = open_dataset(tree)
    (case,) = found.looking_back(BOTH_SCANS).cases
    assert case.id == "P1_a"
    sample = found.read(case, BOTH_SCANS)
    assert sample.labels is None and sample.earlier == (None,)
    assert isinstance(sample.volumes["pet:suv@1"].geometry, Geometry)
