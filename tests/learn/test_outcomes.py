"""The outcome of patients as something to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.dataset.cases import DataSet, Entry
from lymphoscope.learn.augment.compose import Augmentation
from lymphoscope.learn.feed import Feed
from lymphoscope.learn.folds import folds
from lymphoscope.learn.grids import boxed
from lymphoscope.learn.outcomes import targets_of, taught, with_endpoint
from lymphoscope.learn.prepare import Prepared, inputs
from lymphoscope.learn.sampling import Whole
from lymphoscope.recipes.endpoint import endpoint
from lymphoscope.recipes.joint import JOINT
from lymphoscope.recipes.spec import PET, Learn, Stage, use

GRID = Geometry.axial((4, 4, 4), (2.0, 2.0, 2.0))
TWO_YEARS = endpoint("event:days:730")


def cohort() -> DataSet:
    """30 patients: of every five one early event, one late, two followed for long, one lost early."""
    facts = ({"event": 1.0, "days": 90.0}, {"event": 1.0, "days": 900.0}, {"event": 0.0, "days": 800.0},
             {"event": 0.0, "days": 730.0}, {"event": 0.0, "days": 50.0})  # fmt: skip
    entries = (Entry(f"c{n:02}", f"p{n:02}", {}, outcome=facts[n % 5]) for n in range(30))
    return DataSet(tuple(entries), {"background": 0, "lesion": 1}, Path())


def test_folds_are_even_in_what_is_foretold_and_in_who_is_not_known() -> None:
    told = with_endpoint(cohort(), TWO_YEARS)
    values = {entry.id: entry.outcome.get(TWO_YEARS.name) for entry in told.cases}
    assert sorted(map(str, values.values())) == ["0.0"] * 18 + ["1.0"] * 6 + ["None"] * 6
    for fold in folds(told, by=TWO_YEARS.name):
        kinds = [values[case] for case in fold.val]
        assert (kinds.count(1.0) in (1, 2), kinds.count(None) in (1, 2), kinds.count(0.0) in (3, 4)) == (True,) * 3


def prepared(entry: Entry) -> Prepared:
    images = np.ones((1, *GRID.shape), np.float32)
    return Prepared(
        entry.id, entry.patient, images, np.zeros(GRID.shape, np.int8), (), GRID, targets_of(entry, TWO_YEARS)
    )


def test_a_patient_without_outcome_is_drawn_in_joint_training_and_left_out_of_the_other() -> None:
    cases = [prepared(entry) for entry in cohort().cases]
    joint, kept = taught(JOINT["m1-joint"].stages[0].trained, cases, TWO_YEARS)
    assert len(kept) == 30
    assert joint.loss.params["terms"][1].params["weights"] == (6 / 24, 18 / 24)
    alone, known = taught(JOINT["m1-b"].stages[0].trained, cases, TWO_YEARS)
    assert [case.id for case in known] == [f"c{n:02}" for n in range(30) if n % 5 != 4]
    assert alone.loss.params["weights"] == (6 / 24, 18 / 24)
    plain = Learn(use("unet"))
    assert taught(plain, cases, TWO_YEARS) == (plain, cases)


def test_an_outcome_that_is_not_known_comes_to_the_loss_as_such() -> None:
    feed = Feed([prepared(entry) for entry in cohort().cases[:5]], Whole(4), Augmentation(()), 5, seed=0)
    batch = feed.at(0)
    told = dict(zip(batch.cases, batch.targets["outcome:event@730"].tolist(), strict=True))
    assert {case: told[case] for case in ("c00", "c01", "c02", "c03")} == {"c00": 1, "c01": 0, "c02": 0, "c03": 0}
    assert np.isnan(told["c04"]) and batch.targets["outcome:event@730"].dtype == torch.float32


def body() -> Volume:
    """A body of 10 × 6 × 8 voxels of 10 mm, off the middle, and a hot lesion in it."""
    array = np.zeros((20, 16, 16), np.float32)
    array[8:18, 2:8, 1:9] = 1.0
    array[12, 5, 5] = 20.0
    return Volume(array, Geometry.axial((20, 16, 16), (10.0, 10.0, 10.0)), Unit.SUV_BW)


def test_a_box_lies_round_the_body_and_shows_what_is_in_it() -> None:
    volume = body()
    made = boxed((120.0, 80.0, 80.0), (12, 8, 8), "body")(volume)
    assert (made.shape, made.spacing) == ((12, 8, 8), (10.0, 10.0, 10.0))
    corner = volume.geometry.to_index(made.origin)
    np.testing.assert_allclose(corner, (7, 1, 1), atol=1e-9)
    stage = Stage(
        "s", PET, learn=Learn(use("unet"), grid=use("boxed", mm=(120.0, 80.0, 80.0), shape=(12, 8, 8), centre="body"))
    )
    images, grid = inputs(stage, {"pet:suv": volume})
    assert not grid.difference(made)
    np.testing.assert_allclose(images[0] * 30, volume.array[7:19, 1:9, 1:9], atol=1e-4)
    middle = boxed((100.0, 100.0, 100.0), (20, 20, 20))(volume)
    np.testing.assert_allclose(middle.to_lps([9.5] * 3), volume.geometry.to_lps([9.5, 7.5, 7.5]), atol=1e-9)
    beyond = boxed((400.0, 400.0, 400.0), (20, 20, 20))(volume)
    assert inputs(Stage("s", PET, learn=Learn(use("unet"), grid=use("boxed", mm=(400.0,) * 3, shape=(20,) * 3))),
                  {"pet:suv": volume})[0].shape == (1, *beyond.shape), "what is not there is empty"  # fmt: skip


def test_a_whole_case_is_an_example_as_it_is() -> None:
    case = prepared(cohort().cases[0])
    images, labels = Whole((4, 4, 4)).cut(case, np.random.default_rng(0), 0)
    np.testing.assert_array_equal(images, case.images)
    assert labels is not None and labels.shape == (4, 4, 4)
    larger, marked = Whole((6, 4, 4)).cut(case, np.random.default_rng(0), 0)
    assert larger.sum() == images.sum() and marked is not None and (marked[[0, -1]] == -1).all()
