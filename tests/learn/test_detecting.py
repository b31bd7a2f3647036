"""Detection from the words of a recipe to boxes on disk: the checks of PD03, and what holds of boxes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lymphoscope.app.evaluation.pairing import Folders
from lymphoscope.app.evaluation.run import Request, evaluated
from lymphoscope.app.prediction import Wanted, predict
from lymphoscope.app.training import Training, train
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.progress import silent
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.evaluate.boxes import box_iou
from lymphoscope.image.lesion_phantom import lesion_phantom
from lymphoscope.io.boxes import read_boxes
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.nifti import read_nifti
from lymphoscope.learn import fit as fitting
from lymphoscope.learn.detecting import BoxWindows
from lymphoscope.learn.fit import Budget, Machine, Task, fit
from lymphoscope.learn.prepare import Prepared, inputs, places, truth
from lymphoscope.learn.torch_engine import by_torch
from lymphoscope.learn.view import View
from lymphoscope.recipes.detectors import DETECTORS
from lymphoscope.recipes.own import OWN
from lymphoscope.recipes.spec import Learn, Recipe, Use

LEAN = OWN["lean-detector"].stages[0]
SIDE = 12


def cube(first: tuple[int, int, int], shape: tuple[int, int, int] = (24, 24, 24)) -> tuple[dict[str, Volume], Volume]:
    """A cube of SUV 8 in SUV 1, voxels of 4 mm."""
    grid, where = Geometry.axial(shape, (4.0, 4.0, 4.0)), tuple(slice(a, a + SIDE) for a in first)
    suv, hu, labels = np.ones(shape, np.float32), np.full(shape, 20, np.float32), np.zeros(shape, np.int16)
    suv[where], labels[where] = 8.0, 1
    volumes = {"pet:suv": Volume(suv, grid, Unit.SUV_BW), "ct:hu": Volume(hu, grid, Unit.HU)}
    return volumes, Volume(labels, grid, Unit.LABEL)


def narrow(learn: Learn, size: int) -> Learn:
    """The same, narrow, with anchors for lesions of about `SIDE` voxels, and nothing but boxes to learn."""
    heads = (Use("retina", {"levels": (2, 3), "width": 16, "anchors": (((12.0,) * 3,), ((20.0,) * 3,))}),)
    return replace(
        learn,
        net=Use("unet", {"widths": (8, 16, 16, 32), "act": "leaky_relu"}),
        heads=heads,
        loss=Use("boxes", {"objects": "sampled"}),
        sampler=Use("patches", {"size": size, "positive": 1.0}),
        grid=Use("native"),
        augment=(Use("flip"),),
        plan=Use("as_given"),
    )


def test_a_cube_is_found_in_sixty_steps(tmp_path: Path) -> None:
    stage = replace(LEAN, learn=narrow(LEAN.trained, 24))

    def prepared(number: int, first: tuple[int, int, int]) -> Prepared:
        volumes, marked = cube(first)
        images, grid = inputs(stage, volumes)
        return Prepared(f"c{number}", f"p{number}", images, truth(marked, grid), places(truth(marked, grid)), grid, {})

    cases = [prepared(n, first) for n, first in enumerate([(2, 4, 10), (11, 7, 3), (6, 11, 8), (0, 9, 11)])]
    net = fit(Task(stage.trained, cases, 2, 0, Budget(60), tmp_path), Machine())
    first = (8, 5, 9)
    rows = BoxWindows()(by_torch(net), prepared(9, first).images, View((24, 24, 24)))
    best = rows[rows[:, 0].argmax(), 1:].reshape(1, 2, 3)
    wanted = np.array([[first, np.add(first, SIDE)]], float)
    assert box_iou(best, wanted)[0, 0] > 0.3


def test_windows_bring_a_box_to_its_place_and_those_that_miss_it_lower_its_score() -> None:
    lesion = np.array([20.0, 5.0, 6.0, 28.0, 11.0, 10.0])

    def oracle(sees_from: float) -> BoxWindows:
        return BoxWindows(overlap=0.5, least=sees_from)

    def predict_(images: np.ndarray) -> np.ndarray:
        """Where the first channel tells the coordinates: the box of the lesion, seen from this window, if whole."""
        start = images[0, 1:4, 0, 0, 0]
        box = lesion - np.tile(start, 2)
        seen = bool((box[:3] >= 0).all() and (box[3:] <= 16).all())
        return np.array([[[*box, 0.8 if seen else 0.0]]], np.float32)

    shape = (40, 16, 16)
    images = np.concatenate([np.zeros((1, *shape)), np.indices(shape)]).astype(np.float32)
    rows = oracle(0.5)(predict_, images, View((16, 16, 16)))
    assert rows.shape == (1, 7)
    np.testing.assert_allclose(rows[0, 1:], lesion, atol=1e-4)
    # of the windows from 0, 8, 16 and 24 two show its middle, and only the one from 16 shows it whole
    assert rows[0, 0] == pytest.approx(0.8 / 2, abs=1e-4)


def test_a_window_speaks_once_of_a_lesion() -> None:
    boxes = [[4, 4, 4, 10, 10, 10, 0.8], [3, 3, 3, 11, 11, 11, 0.1], [5, 4, 4, 10, 10, 10, 0.7]]
    rows = BoxWindows()(lambda _: np.array([boxes], np.float32), np.zeros((1, 16, 16, 16), np.float32), View((16,) * 3))
    np.testing.assert_allclose(rows, [[0.8, 4, 4, 4, 10, 10, 10]], rtol=1e-5)


def test_networks_that_do_not_find_it_lower_the_score_of_a_box() -> None:
    box = np.array([[0.9, 2, 2, 2, 6, 6, 6]], np.float32)
    none, images, view = np.zeros((0, 7), np.float32), np.zeros((1, 8, 8, 8), np.float32), View((8, 8, 8))
    alone, both, two_of_three = (
        BoxWindows().together(found, images, view).boxes for found in ([box], [box, box], [box, none, box])
    )
    for found, score in ((alone, 0.9), (both, 0.9), (two_of_three, 0.6)):
        assert found is not None
        np.testing.assert_allclose(found, [[score, 2, 2, 2, 6, 6, 6]], rtol=1e-6)
    empty = BoxWindows().together([none, none], images, view).boxes
    assert empty is not None and empty.shape == (0, 7)


def test_mirrored_windows_say_the_same_box() -> None:
    images = np.zeros((1, 16, 16, 16), np.float32)
    images[0, 3, 4, 5] = 1.0

    def corner(shown: np.ndarray) -> np.ndarray:
        place = np.argwhere(shown[0, 0] > 0)[0]
        return np.array([[[*(place - 2), *(place + 3), 0.7]]], np.float32)

    rows = BoxWindows(mirror="zyx")(corner, images, View((16, 16, 16)))
    np.testing.assert_allclose(rows, [[0.7, 1, 2, 3, 6, 7, 8]], atol=1e-4)


def data_set(folder: Path) -> Path:
    """Phantoms, of which the first fold predicts one and learns from the other, and one held out."""
    cases = (NewCase(f"case{n}", *lesion_phantom(n), held_out=n == 2) for n in range(3))
    data = write_nnunet(folder / "Dataset007_Phantoms", cases, About("Phantoms"))
    folds = [{"train": [f"case{1 - n}"], "val": [f"case{n}"]} for n in range(2)]
    (data / "splits_final.json").write_text(json.dumps(folds))
    return data


def small(recipe: Recipe) -> Recipe:
    """A detector on few channels and voxels, with its own loss, plan and rule for masks."""
    stage = recipe.stages[0]
    heads = (Use("retina", {"levels": (1, 2), "width": 8}), Use("segment"))
    net = Use("unet", {"widths": (4, 8, 8)})
    learn = replace(stage.trained, net=net, heads=heads, sampler=Use("patches", {"size": 16}), grid=Use("native"))
    return replace(
        recipe, stages=(replace(stage, learn=replace(learn, batch=2, infer=Use("box_windows", {"least": 1e-3}))),)
    )


def test_it_trains_predicts_boxes_and_masks_and_is_evaluated(tmp_path: Path) -> None:
    data, recipe, run = data_set(tmp_path), small(DETECTORS["pd03-nndetection"]), tmp_path / "run"
    card = train(recipe, data, run, Training(folds=(0,), steps=2), silent)
    log = (run / "fold_0" / "lesions" / "log.csv").read_text()
    assert {"objects", "boxes", "dice", "ce"} <= set(log.splitlines()[0].split(","))
    assert train(recipe, data, run, Training(folds=(0,), steps=2), silent) == card
    told = read_boxes(run / "out_of_fold" / "lesions-boxes" / "case0.csv")
    assert len(told.scores) and (told.scores[:-1] >= told.scores[1:]).all()

    predict(run, data, tmp_path / "masks", Wanted(None, "openvino", "held-out", probability=True))
    boxes = read_boxes(tmp_path / "masks" / "boxes" / "case2.csv")
    map_ = read_nifti(tmp_path / "masks" / "probability" / "case2.nii.gz", Unit.PROBABILITY)
    edges = boxes.edges(map_.geometry)
    assert map_.array.shape == (32, 32, 32) and len(edges) and edges.min() >= 0 and edges.max() <= 32
    assert map_.array.max() == pytest.approx(boxes.scores[0], abs=1e-4), "a map has the scores of the boxes"
    assert (read_nifti(tmp_path / "masks" / "case2.nii.gz", Unit.LABEL).array == (map_.array > 0.5)).all()

    (data / "labelsTr" / "case1.nii.gz").unlink()
    folders = Folders(run / "validation", data / "labelsTr", boxes=run / "out_of_fold" / "lesions-boxes")
    summary = evaluated(folders, Request()).record["summary"]
    rates = summary["froc"]["by_rule"]["any_overlap"]["sensitivity"]["luna7"]
    assert set(rates) == {"0.125", "0.25", "0.5", "1", "2", "4", "8", "mean"}
    assert 0 <= summary["froc"]["map"] <= 1


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the anchors that are looked at come from the number of the step."""
    monkeypatch.setattr(fitting, "_KEEP_SECONDS", 0.0)
    volumes, marked = lesion_phantom(1)
    stage = replace(LEAN, learn=narrow(LEAN.trained, 16))
    images, grid = inputs(stage, volumes)
    case = Prepared("c", "p", images, truth(marked, grid), places(truth(marked, grid)), grid, {})

    def trained(folder: str, stop_at: int = -1) -> torch.Tensor:
        def watch(step: str, done: int, total: int) -> None:
            if done == stop_at:
                raise KeyboardInterrupt

        net = fit(Task(stage.trained, [case], 2, 0, Budget(4), tmp_path / folder), Machine(), watch)
        return torch.cat([weight.detach().flatten() for weight in net.parameters()])

    whole = trained("whole")
    with pytest.raises(KeyboardInterrupt):
        trained("killed", 3)
    assert torch.equal(trained("killed"), whole)
