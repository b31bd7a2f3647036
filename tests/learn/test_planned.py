from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.dataset.writing import About, write_nnunet
from lymphoscope.learn.build import made, network
from lymphoscope.learn.planned import Division, images, net_facts, planned
from lymphoscope.recipes.catalogue import RECIPES
from lymphoscope.recipes.fingerprint import CaseFacts, Fingerprint
from lymphoscope.recipes.nnunet_plan import nnunet
from lymphoscope.recipes.planning import AS_GIVEN, Fold, NetFacts, Plan, median_shape, plan
from lymphoscope.recipes.spec import PET_CT, Use

from .test_fingerprinting import case

LABELS = {"background": 0, "lesion": 1}
# weights of PlainConvUNet and ResidualEncoderUNet (dynamic_network_architectures 0.3.1) as nnU-Net makes six stages
WEIGHTS_PLAIN, WEIGHTS_RESIDUAL = 31_196_458, 102_350_634
TRAINED = [name for name, recipe in RECIPES.items() if recipe.learnt]
SMALL = Fingerprint(tuple(CaseFacts(str(n), (61, 43, 37), (3.27, 5.47, 5.47)) for n in range(9)), {}, LABELS)
LARGE = Fingerprint(tuple(CaseFacts(str(n), (260, 256, 256), (3.0, 3.0, 3.0)) for n in range(9)), {}, LABELS)


@pytest.mark.parametrize("name", TRAINED)
def test_every_recipe_is_planned_into_examples_that_its_network_takes(name: str) -> None:
    made_plan = plan(RECIPES[name], SMALL, (Fold(("0",), ("1",)),), lambda stage: net_facts(stage, 2))
    assert Plan.from_record(json.loads(json.dumps(made_plan.as_record()))) == made_plan
    stated = {stage.id for stage in RECIPES[name].learnt if stage.trained.plan == AS_GIVEN}
    for stage in made_plan.recipe.learnt:
        facts, sampler = net_facts(stage, 2), made("sampler", stage.trained.sampler)
        assert stage.trained.plan == AS_GIVEN
        assert len(facts.multiple) == sampler.view.dims
        largest = max(median_shape(stage.trained.grid, SMALL))
        for side, multiple in zip(sampler.view.size, facts.multiple, strict=True):
            assert (side + 2 * facts.context) % multiple == 0
            assert side < largest + multiple or stage.id in stated


@pytest.mark.parametrize(("residual", "weights"), [(False, WEIGHTS_PLAIN), (True, WEIGHTS_RESIDUAL)])
def test_the_planned_network_has_the_weights_of_nnunets(residual: bool, weights: int) -> None:
    learn = RECIPES["b8-nnunet"].stages[0].trained
    net = Use("unet", {**learn.net.params, "residual": residual})
    found = nnunet(replace(learn, net=net), LARGE, NetFacts((1,)))
    assert found.net.params["widths"] == (32, 64, 128, 256, 320, 320)
    with torch.device("meta"):
        made_net = network(found, 2, 2, 3)
    assert sum(part.numel() for part in made_net.parameters()) == weights


def test_a_data_set_becomes_a_plan(tmp_path: Path) -> None:
    cases = [case(name, (8, 9, 10), np.array([10, 20, 30, 40])) for name in "abcdef"]
    data = open_dataset(write_nnunet(tmp_path / "d", cases, About("d")))
    heard: list[str] = []
    made_plan = planned(RECIPES["b8-nnunet"], data, Division(3), 5, lambda step, done, total: heard.append(step))
    learn = made_plan.recipe.stages[0].trained
    assert images(RECIPES["b8-nnunet"]) == PET_CT
    assert (len(made_plan.folds), made_plan.seed, made_plan.labels) == (3, 5, LABELS)
    assert learn.scale.params["hu_mean"] == 22.0
    assert learn.sampler.params["size"] == (8, 10, 10)
    assert set(heard) == {"measuring the data set"}
    assert planned(RECIPES["b8-nnunet"], data, Division(3), 5).digest == made_plan.digest
