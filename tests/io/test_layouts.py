"""Which NIfTI file is the PET, which the CT, by the names of data sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.layouts import find_layout, sort_cases


def files(*names: str) -> list[Path]:
    return [Path("d") / name for name in names]


@pytest.mark.parametrize(
    ("names", "pet", "ct"),
    [
        (["case_0000.nii.gz", "case_0001.nii.gz"], "case_0001.nii.gz", "case_0000.nii.gz"),
        (["SUV.nii.gz", "CTres.nii.gz", "SEG.nii.gz"], "SUV.nii.gz", "CTres.nii.gz"),
        (
            ["CT.nii.gz", "CTres.nii.gz", "PET.nii.gz", "SEG.nii.gz", "SUV.nii.gz"],
            "SUV.nii.gz",
            "CTres.nii.gz",
        ),
        (["PT_0007.nii.gz", "CT_0007.nii.gz"], "PT_0007.nii.gz", "CT_0007.nii.gz"),
        (["pet.nii.gz", "ct.nii.gz", "lesions.nii.gz", "removed.nii.gz"], "pet.nii.gz", "ct.nii.gz"),
        (
            ["PET_image.nii.gz", "PET_mask.nii.gz", "CT_image.nii.gz", "CT_mask.nii.gz", "MR_T1_image.nii.gz"],
            "PET_image.nii.gz",
            "CT_image.nii.gz",
        ),
        (["petct_0cf5_SUV.nii.gz", "petct_0cf5_CTres.nii.gz"], "petct_0cf5_SUV.nii.gz", "petct_0cf5_CTres.nii.gz"),
        (["suvbw.nii", "gtv_mass.nii"], "suvbw.nii", None),
        (["scan.nii.gz"], "scan.nii.gz", None),
        (["scan.nii.gz", "ct.nii.gz"], "scan.nii.gz", "ct.nii.gz"),
        (["PT.NII.GZ", "CT.NII.GZ"], "PT.NII.GZ", "CT.NII.GZ"),
    ],
)
def test_known_layouts(names, pet, ct) -> None:
    layout = find_layout(files(*names))
    assert layout.pet.name == pet
    assert (layout.ct.name if layout.ct else None) == ct


@pytest.mark.parametrize(
    ("given", "pet", "ct"),
    [
        ("a_0001.nii.gz", "a_0001.nii.gz", "a_0000.nii.gz"),
        ("b_0000.nii.gz", "b_0001.nii.gz", "b_0000.nii.gz"),
        ("c_0001.nii.gz", "c_0001.nii.gz", None),
    ],
)
def test_one_file_of_many_cases(given, pet, ct) -> None:
    many = files("a_0000.nii.gz", "a_0001.nii.gz", "b_0000.nii.gz", "b_0001.nii.gz", "c_0001.nii.gz")
    layout = find_layout(many, Path("d") / given)
    assert layout.pet.name == pet
    assert (layout.ct.name if layout.ct else None) == ct


def test_a_file_without_a_telling_name_is_the_pet_when_given() -> None:
    layout = find_layout(files("DOE.nii.gz", "ct.nii.gz", "other.nii.gz"), Path("d/DOE.nii.gz"))
    assert layout.pet.name == "DOE.nii.gz" and layout.ct == Path("d/ct.nii.gz")


def test_cases_in_folders_do_not_lend_each_other_a_ct() -> None:
    layout = find_layout([Path("a/SUV.nii.gz"), Path("b/CT.nii.gz")])
    assert layout.ct is None


@pytest.mark.parametrize(
    ("names", "given", "code"),
    [
        (["a_0001.nii.gz", "b_0001.nii.gz"], None, "IO-E-CHOOSE"),
        (["x/SUV.nii.gz", "y/SUV.nii.gz"], None, "IO-E-CHOOSE"),
        (["pt_1.nii.gz", "pt.1.nii.gz"], None, "IO-E-CHOOSE"),
        (["one.nii.gz", "two.nii.gz"], None, "IO-E-NOPET"),
        (["CT.nii.gz"], None, "IO-E-NOPET"),
        (["SEG.nii.gz"], "SEG.nii.gz", "IO-E-NOPET"),
        (["CT.nii.gz"], "CT.nii.gz", "IO-E-NOPET"),
    ],
)
def test_what_cannot_be_decided_is_asked(names, given, code) -> None:
    with pytest.raises(LymphoscopeError) as caught:
        find_layout(files(*names), Path("d") / given if given else None)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("names", "cases"),
    [
        (
            "a_0000 a_0001 b_0001 b_0000 labels",
            [("a_0001", "a_0000"), ("b_0001", "b_0000")],
        ),
        ("SUV CTres SEG PET", [("PET", "SUV", "CTres")]),
        ("SEG organs", []),
        ("CT SEG", []),
        ("one two SEG", [("one", "two")]),
        ("scan ct", [("scan", "ct")]),
    ],
)
def test_files_of_a_folder_are_sorted_into_cases(names: str, cases: list[tuple[str, ...]]) -> None:
    found = sort_cases([Path(f"{name}.nii.gz") for name in names.split()])
    assert [{path.name.split(".")[0] for path in case} for case in found] == [set(case) for case in cases]
