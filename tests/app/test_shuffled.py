"""A network that foretells, trained through the whole program on outcomes that mean something and on shuffled ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.app.training import Training, train
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.progress import silent
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.recipes.joint import JOINT
from lymphoscope.recipes.spec import Recipe, Use

N = 24
GRID = Geometry.axial((16, 16, 16), (5.0, 5.0, 5.0))


def small(rate: float = 5e-3) -> Recipe:
    """ResNet-34's recipe made so narrow that a training takes some seconds."""
    (stage,) = JOINT["m3-resnet34"].stages
    learn = stage.trained
    net = Use("resnet", {**learn.net.params, "depth": 18, "widths": (4, 4, 8, 8)})
    learn = replace(
        learn,
        net=net,
        batch=8,
        grid=Use("boxed"),
        augment=(),
        optimizer=Use("adamw", {"rate": rate, "decay": 0.0}),
    )
    return replace(JOINT["m3-resnet34"], stages=(replace(stage, learn=learn),))


def area(events: list[float], folder: Path) -> float:
    """AUC on unseen patients of whom every other is hot, after a short training on these outcomes."""
    rng = np.random.default_rng(5)
    cases = []
    for n, event in enumerate(events):
        suv = rng.uniform(0.5, 1.5, GRID.shape).astype(np.float32)
        suv[5:11, 5:11, 5:11] += 15.0 if n % 2 else 3.0
        labels = Volume((suv > 2).astype(np.int16), GRID, Unit.LABEL)
        pet = Volume(suv, GRID, Unit.SUV_BW)
        cases.append(NewCase(f"c{n:02}", {"pet:suv": pet}, labels, outcome={"event": event}))
    data = write_nnunet(folder / "Dataset006_Shuffled", cases, About("Shuffled", ("pet:suv",)))
    asked = Training(steps=40, outcome="event", threads=1)
    return float(train(small(), data, folder / "run", asked, silent)["outcome"]["auc"]["value"])


@pytest.mark.long
def test_a_network_trained_on_shuffled_outcomes_ranks_unseen_patients_as_a_coin_does(tmp_path: Path) -> None:
    true = [float(n % 2) for n in range(N)]
    assert area(true, tmp_path / "true") > 0.9, "what there is to learn is learnt"
    rng = np.random.default_rng(0)
    shuffled = [area(rng.permutation(true).tolist(), tmp_path / str(n)) for n in range(6)]
    assert np.mean(shuffled) == pytest.approx(0.5, abs=0.15), shuffled  # standard error 0.05
