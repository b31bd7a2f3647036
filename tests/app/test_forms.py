"""Every form in which a user may have a study goes in at the command line and comes out as the same numbers."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lymphoscope.app import cli
from lymphoscope.core.volume import Volume
from lymphoscope.io.dicom_write import write_study
from lymphoscope.io.nifti import write_nifti

FORMS = {
    "folder": ("study", []),
    "zip": ("study.zip", []),
    "one file": ("flat/pet00007.dcm", []),
    "pair of NIfTI": ("pair/pet.nii.gz", ["--ct", "pair/ct.nii.gz", "--suv"]),
    "nnU-Net": ("nnunet", ["--suv"]),
    "autoPET": ("autopet", ["--suv"]),
}
"""What is given, and with which options; paths below the forms' folder."""

NIFTI = {"pair": ("pet", "ct"), "nnunet": ("case_0001", "case_0000"), "autopet": ("SUV", "CTres")}


@pytest.fixture(scope="module")
def forms(chest: Callable[..., tuple[Volume, Volume]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One study in every form."""
    root = tmp_path_factory.mktemp("forms")
    pet, ct = chest()
    write_study(root / "study", pet, ct)
    with zipfile.ZipFile(root / "study.zip", "w") as archive:
        for path in sorted((root / "study").rglob("*.dcm")):
            archive.write(path, path.relative_to(root))
    (root / "flat").mkdir()
    for path in (root / "study").rglob("*.dcm"):
        shutil.copy(path, root / "flat")
    for folder, names in NIFTI.items():
        (root / folder).mkdir()
        for name, volume in zip(names, (pet, ct), strict=True):
            write_nifti(root / folder / f"{name}.nii.gz", volume)
    return root


def json_of(capfd: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    with pytest.raises(SystemExit) as left:
        cli.main([str(word) for word in words])
    out, err = capfd.readouterr()
    assert not left.value.code and "Traceback" not in err, err
    return json.loads(out)


@pytest.mark.parametrize("form", FORMS)
def test_run_takes_it(form: str, forms: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path, options = FORMS[form]
    options = [str(forms / word) if "/" in word else word for word in options]
    found = json_of(capfd, "run", forms / path, "-o", tmp_path / "case", *options, "--json")
    assert found["status"] == "measured"
    # voxels of 6 × 8 × 8 mm whose centre lies within 14 and 16 mm of the lesions' centres
    assert sorted(row["mtv_ml"] for row in found["lesions"]) == pytest.approx([34 * 0.384, 38 * 0.384])
    assert sorted(row["suvmax"] for row in found["lesions"]) == pytest.approx([6.5, 9.0], rel=1e-4)
    assert found["input"]["ct"] is not None
    assert json.loads((tmp_path / "case" / "report.json").read_text(encoding="utf-8")) == found
    facts = json_of(capfd, "series", forms / path, "--json")["series"]
    assert {fact["role"] for fact in facts} >= {"pet"}
    audit = json_of(capfd, "suv", forms / path, *[o for o in options if o == "--suv"], "--json")
    assert audit["suv"]["type"] == "SUVbw"
