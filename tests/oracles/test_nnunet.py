"""Our predictions with nnU-Net's weights against nnU-Net's own. Skips where no Python with nnunetv2 is at hand.

``NNUNET_PYTHON`` names one in an environment of its own (``pip install nnunetv2==2.5.2 torch==2.13.0``).
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.learn.foreign.checkpoint import read_checkpoint
from lymphoscope.learn.foreign.convert import export, network_with
from lymphoscope.learn.foreign.effort import Effort
from lymphoscope.learn.foreign.plans import foreign_plan, read_json
from lymphoscope.learn.foreign.predictor import Foreign, ForeignPrediction, predict
from lymphoscope.learn.foreign.preparing import prepared, settled
from lymphoscope.learn.foreign.stored import across
from lymphoscope.learn.openvino_engine import by_openvino

sys.path.insert(0, str(Path(__file__).parent))
from nnunet_models import case, spec

PYTHON = os.environ.get("NNUNET_PYTHON") or (sys.executable if importlib.util.find_spec("nnunetv2") else "")
SCRIPT = str(Path(__file__).parent / "nnunet_peer.py")

pytestmark = pytest.mark.skipif(
    not PYTHON, reason="nnunetv2 is not installed, and NNUNET_PYTHON names no Python with it"
)


def loaded(model: Path) -> Foreign:
    """Through reading, export and OpenVINO, as a stored model is used."""
    held = [read_checkpoint(path) for path in sorted(model.glob("fold_*/checkpoint_final.pth"))]
    plan = foreign_plan(read_json(model / "plans.json"), read_json(model / "dataset.json"), held[0].configuration)
    members = []
    for number, one in enumerate(held):
        export(plan, network_with(plan, one.weights), model / f"{number}.xml")
        network = by_openvino(model / f"{number}.xml")
        members.append(network if plan.dimensions == 3 else across(network))
    mirror = tuple(axis + 3 - plan.dimensions for axis in held[0].mirror)
    return Foreign(plan, members, ("ct:hu", "pet:suv"), (len(plan.labels.names) - 1,), mirror)


def ours(
    model: Path, images: np.ndarray, spacing: tuple[float, ...], mirror: bool, previous: Path | None = None
) -> tuple[ForeignPrediction, np.ndarray]:
    whole = replace(loaded(model), previous=None if previous is None else loaded(previous))
    grid = Geometry.axial(images.shape[1:], spacing)  # type: ignore[arg-type]
    volumes = {"ct:hu": Volume(images[0], grid, Unit.HU), "pet:suv": Volume(images[1], grid, Unit.SUV_BW)}
    seen = prepared(settled(whole.plan, grid), list(images), grid).images[: len(images)]
    return predict(whole, volumes, Effort(mirror=mirror)), seen


@pytest.mark.parametrize("kind", ["plain", "residual", "regions"])
@pytest.mark.parametrize("trained", [True, False])
def test_same_weights_same_mask(kind: str, trained: bool, tmp_path: Path) -> None:
    """Random: one fold, full resolution, no mirroring; trained: two folds, mirroring, low resolution."""
    words = {"steps": 80, "folds": 2, "configuration": "3d_lowres"} if trained else {}
    images, spacing = made(kind, tmp_path / "model", 3, tmp_path, **words)
    by_peer(tmp_path / "model", tmp_path, trained)
    found, images = ours(tmp_path / "model", images, spacing, trained)
    same(found, images, tmp_path)


@pytest.mark.parametrize("mirror", [False, True])
def test_slice_by_slice(mirror: bool, tmp_path: Path) -> None:
    images, spacing = made("planes", tmp_path / "model", 3, tmp_path, steps=80)
    by_peer(tmp_path / "model", tmp_path, mirror)
    same(*ours(tmp_path / "model", images, spacing, mirror), tmp_path)


def test_a_network_reads_the_labels_of_another(tmp_path: Path) -> None:
    images, spacing = made("before", tmp_path / "before", 3, tmp_path, steps=80)
    by_peer(tmp_path / "before", tmp_path, True)
    with np.load(tmp_path / "single.npz") as first:
        labels = first["labels"]
    made("cascade", tmp_path / "model", 3, tmp_path, before=labels, steps=0)
    by_peer(tmp_path / "model", tmp_path, True)
    same(*ours(tmp_path / "model", images, spacing, True, tmp_path / "before"), tmp_path)


def made(
    kind: str, model: Path, seed: int, folder: Path, before: np.ndarray | None = None, **words: object
) -> tuple[np.ndarray, tuple[float, ...]]:
    """A model folder and a case of that kind."""
    (folder / "spec.json").write_text(json.dumps(spec(kind, **words)))
    images, spacing = case(kind, seed=seed)
    np.savez(folder / "case.npz", images=images, spacing=spacing, **({} if before is None else {"before": before}))
    subprocess.run([PYTHON, SCRIPT, "make", folder / "spec.json", model], check=True)
    return images, spacing


def by_peer(model: Path, folder: Path, mirror: bool) -> None:
    """nnU-Net's own prediction, as published and with sums in single precision."""
    for name, more in (("half", []), ("single", ["--float32"])):
        call = [PYTHON, SCRIPT, "predict", model, folder / "case.npz", folder / f"{name}.npz"]
        subprocess.run([*map(str, call), *(["--mirror"] if mirror else []), *more], check=True)


def same(found: ForeignPrediction, images: np.ndarray, tmp_path: Path) -> None:
    with np.load(tmp_path / "single.npz") as single, np.load(tmp_path / "half.npz") as half:
        assert np.abs(images - single["data"][: len(images)]).max() < 2e-5
        assert np.abs(found.lesion.array - single["probabilities"][-1]).max() < 1e-4
        assert (found.classes.array == single["labels"]).mean() > 0.9999
        # as published it adds up in half precision, which alone flips voxels on the edge of its masks
        a, b = found.classes.array > 0, half["labels"] > 0
        own = single["labels"] > 0
        shares = [
            2 * np.count_nonzero(one & b) / max(1, np.count_nonzero(one) + np.count_nonzero(b)) for one in (a, own)
        ]
        assert np.count_nonzero(b) > 30 and shares[0] >= min(0.995, shares[1] - 1e-6)
