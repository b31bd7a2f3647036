"""The verbs train and predict on patients who were scanned twice: phantoms whose change is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.app.prediction import Wanted, predict
from lymphoscope.app.training import Training, train
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import silent
from lymphoscope.core.units import Unit
from lymphoscope.image.course_phantom import course_phantom
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.recipes.courses import COURSES
from lymphoscope.recipes.spec import use

LEAN = COURSES["lean-course"]
(STAGE,) = LEAN.stages
TOY = replace(
    LEAN,
    id="toy",
    stages=(
        replace(
            STAGE,
            learn=replace(
                STAGE.trained,
                net=use("las_net", width=4, heads=(1, 2), window=4),
                heads=(use("segment_scans", levels=(0, 1, 2)),),
                sampler=use("class_ratio", size=16),
                batch=2,
            ),
        ),
    ),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five patients with two scans each, and one who was scanned once."""
    cases = []
    for number in range(5):
        made = course_phantom(number)
        for day, scan in ((0.0, made.earlier), (60.0, made.later)):
            # ids do not rise with time
            name = f"p{number}_{'b' if day == 0.0 else 'a'}"
            cases.append(NewCase(name, scan.images, scan.lesions, f"p{number}", day=day))
    once = course_phantom(9).later
    cases.append(NewCase("once", once.images, once.lesions, "once", day=0.0))
    return write_nnunet(tmp_path_factory.mktemp("data") / "Dataset004_Courses", cases, About("Courses"))


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "toy"
    card = train(TOY, data, folder, Training(folds=(0,), steps=2), silent)
    assert card["data"]["cases"] == 5
    return folder


@pytest.mark.long
def test_scans_that_have_one_before_are_drawn_and_so_is_the_one_before(run: Path, data: Path) -> None:
    (drawn,) = (run / "validation").iterdir()
    assert drawn.name.endswith("_a.nii.gz")
    earlier = read_nifti(run / "out_of_fold" / "lesions-earlier" / drawn.name, Unit.ARBITRARY)
    assert not earlier.geometry.difference(read_nifti(drawn, Unit.LABEL).geometry)
    assert earlier.array.min() >= 0.0 and earlier.array.max() <= 1.0 and earlier.array.std() > 0.0


@pytest.mark.long
def test_prediction_of_a_course_does_not_let_the_later_scan_change_the_earlier_one(
    run: Path, data: Path, tmp_path: Path
) -> None:
    wanted = Wanted(probability=True, further=True)
    assert predict(run, data, tmp_path / "masks", wanted)["cases"] == 5
    assert not (tmp_path / "masks" / "once.nii.gz").exists()
    other = []
    for number in range(2):
        one, two = course_phantom(number), course_phantom(number + 20)
        for name, scan in (("b", one.earlier), ("a", two.later)):
            day = 0.0 if name == "b" else 60.0
            other.append(NewCase(f"p{number}_{name}", scan.images, scan.lesions, f"p{number}", day=day))
    changed = write_nnunet(tmp_path / "Dataset005_Other", other, About("Other"))
    predict(run, changed, tmp_path / "other", wanted)
    for name, same in (("earlier", True), ("probability", False)):
        pair = [read_nifti(tmp_path / of / name / "p0_a.nii.gz", Unit.ARBITRARY).array for of in ("masks", "other")]
        assert np.array_equal(*pair) == same, name


def test_without_an_earlier_scan_there_is_nothing_to_learn(data: Path, tmp_path: Path) -> None:
    (data / "patients.csv").rename(tmp_path / "patients.csv")
    try:
        with pytest.raises(LymphoscopeError, match=r"DATA-E-COURSE.*patients\.csv"):
            train(TOY, data, tmp_path / "run", Training(steps=1), silent)
    finally:
        (tmp_path / "patients.csv").rename(data / "patients.csv")
