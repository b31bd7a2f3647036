"""A real cohort, planned as nnunetv2 2.5.2 planned it when it was run on it by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.dataset.writing import write_nnunet
from lymphoscope.learn.planned import planned
from lymphoscope.recipes.catalogue import RECIPES
from lymphoscope.recipes.planning import Plan

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "sts_dataset.py"


@pytest.fixture(scope="module")
def plan(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    spec = importlib.util.spec_from_file_location("sts_dataset", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    sts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sts)
    folder = tmp_path_factory.mktemp("sts") / "Dataset001_STS"
    write_nnunet(folder, sts.cases(shared / "sts_fdg_petct"), sts.ABOUT)
    return planned(RECIPES["b8-nnunet"], open_dataset(folder))


@pytest.mark.shared
def test_the_fingerprint_is_nnunets_to_within_its_chance(plan: Plan) -> None:
    hu, suv = plan.fingerprint.intensities["ct:hu"], plan.fingerprint.intensities["pet:suv"]
    assert (hu.low, hu.median, hu.high, hu.least) == (-409.0, 33.0, 225.0, -992.0)
    assert (hu.mean, hu.sd) == pytest.approx((27.8746, 78.9456), abs=0.02)
    assert (suv.mean, suv.sd, suv.median) == pytest.approx((4.4894, 3.6878, 3.3470), abs=0.001)
    assert (suv.low, suv.high) == pytest.approx((0.3208, 19.5252), abs=0.005)
    assert plan.fingerprint.cases[0].lesions_ml == (366.0787,)  # 366.1 mL by the cohort's own table
    assert [len(case.lesions_ml) for case in plan.fingerprint.cases] == [1] * 36


@pytest.mark.shared
def test_the_plan_is_nnunets(plan: Plan) -> None:
    learn = plan.recipe.stages[0].trained
    assert learn.grid.params["mm"] == pytest.approx((3.27, 5.46875, 5.46875), abs=1e-6)
    assert (learn.sampler.params["size"], learn.batch) == ((64, 40, 40), 2)
    assert learn.net.params["widths"] == (32, 64, 128, 256)
    assert learn.net.params["strides"] == ((1, 1, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2))
    assert [len(fold.val) for fold in plan.folds] == [8, 7, 7, 7, 7]
    assert plan.folds[0].val == tuple(f"STS_{n:03d}" for n in (1, 3, 4, 5, 6, 22, 26, 29))
