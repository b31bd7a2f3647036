"""nnU-Net models read, prepared and predicted as nnU-Net does: against arrays that nnunetv2 2.5.2 itself made.

The arrays are made by ``tests/oracles/nnunet_golden.py``; ``tests/oracles/test_nnunet.py`` compares at full length.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.transform import resize

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.learn.foreign.convert import Evidence, export, is_difference, network_with
from lymphoscope.learn.foreign.effort import Effort
from lymphoscope.learn.foreign.plans import ForeignPlan, foreign_plan
from lymphoscope.learn.foreign.predictor import Foreign, background, decided, predict
from lymphoscope.learn.foreign.preparing import prepared, settled, turn_of
from lymphoscope.learn.foreign.resize import Rule, coarse_axis, resized
from lymphoscope.learn.foreign.stored import across, gains_by
from lymphoscope.learn.graph_engine import by_graph
from lymphoscope.learn.openvino_engine import by_openvino

GOLDEN = Path(__file__).parent / "golden"
ROLES = ("ct:hu", "pet:suv")


def _models() -> Any:
    path = Path(__file__).parents[2] / "oracles" / "nnunet_models.py"
    found = importlib.util.spec_from_file_location("nnunet_models", path)
    assert found and found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


MODELS = _models()


def plan_of(kind: str, **changes: Any) -> ForeignPlan:
    made = MODELS.spec(kind)
    made["plans"]["configurations"]["3d_fullres"] |= changes
    return foreign_plan(made["plans"], made["dataset"], made["configuration"])


def golden(kind: str) -> tuple[ForeignPlan, dict[str, np.ndarray], dict[str, Volume]]:
    with np.load(GOLDEN / f"{kind}.npz") as file:
        held = dict(file)
    grid = Geometry.axial(held["ct"].shape, tuple(held["spacing"].tolist()))
    images = {
        "ct:hu": Volume(held["ct"], grid, Unit.HU),
        "pet:suv": Volume(held["pet"].astype(np.float32), grid, Unit.SUV_BW),
    }
    return plan_of(kind), held, images


@pytest.mark.parametrize("kind", ["plain", "residual", "planes", "cascade"])
def test_images_are_prepared_as_by_nnunet(kind: str) -> None:
    """Transposed, cropped, normalised, resampled; `residual` with masks, thick slices and turned axes.

    Slices keep their distance, and a cascade reads the labels of the network before as images of 0 and 1.
    """
    plan, held, images = golden(kind)
    grid = images["ct:hu"].geometry
    case = prepared(settled(plan, grid), [images[role].array for role in ROLES], grid, held.get("before"))
    assert case.images.shape == tuple(held["data_shape"])
    assert np.abs(case.images[:, ::2, ::2, ::2] - held["data"]).max() < 2e-5


@pytest.mark.parametrize("kind", ["plain", "residual", "planes"])
def test_masks_and_probabilities_are_those_of_nnunet(kind: str) -> None:
    """With mirroring, windows that overlap by half, and logits resampled before they become classes."""
    plan, held, images = golden(kind)
    weights = {name[7:]: torch.from_numpy(value) for name, value in held.items() if name.startswith("weight:")}
    module = Evidence(network_with(plan, weights), is_difference(plan))

    def network(patch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(patch)).numpy()

    flat = plan.dimensions == 2
    members, mirror = ([across(network)], (1, 2)) if flat else ([network], (0, 1, 2))
    model = Foreign(plan, members, ROLES, (len(plan.labels.names) - 1,), mirror)
    found = predict(model, images)
    assert (found.classes.array == held["labels"]).all() and (held["labels"] > 0).sum() > 50
    assert np.abs(found.lesion.array - held["probability"]).max() < 6e-4  # half a step of what is stored
    drawn = np.count_nonzero(found.labels.array) * images["ct:hu"].geometry.voxel_ml
    if kind == "plain":  # the other one has random weights and draws specks, which change with the grid
        assert found.volumes_ml[0] == pytest.approx(drawn, rel=0.25)
        assert found.unmirrored_ml == predict(model, images, Effort(mirror=False)).volumes_ml[0] != found.volumes_ml[0]


@pytest.mark.parametrize("kind", ["plain", "residual", "planes"])
def test_a_network_says_the_same_by_torch(kind: str, tmp_path: Path) -> None:
    plan, held, _ = golden(kind)
    weights = {name[7:]: torch.from_numpy(value) for name, value in held.items() if name.startswith("weight:")}
    export(plan, network_with(plan, weights), tmp_path / "model.xml")
    shape = (2, plan.inputs, *plan.patch[-plan.dimensions :])
    images = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    wanted = by_openvino(tmp_path / "model.xml")(images)
    network = by_graph(tmp_path / "model.xml", "cpu")
    found = network(images)
    assert (network(images) == found).all(), "also the second time"
    assert found.shape == wanted.shape and found.dtype == np.float32
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()
    rough = by_graph(tmp_path / "model.xml", "cpu", "bf16")(images)
    assert 0 < np.abs(rough - wanted).max() < 0.1 * np.abs(wanted).max()


@pytest.mark.parametrize("order", [1, 3])
def test_resampling_is_scikit_images(order: int) -> None:
    image = np.random.default_rng(order).standard_normal((9, 12, 7)).astype(np.float32)
    for shape in ((13, 8, 7), (5, 20, 11)):
        wanted = resize(image.astype(float), shape, order, mode="edge", anti_aliasing=False)
        assert np.abs(resized(image, shape, Rule(order, 0, False), (1, 1, 1), (1, 1, 1)) - wanted).max() < 1e-5


def test_thick_axes_are_resampled_apart() -> None:
    rule = Rule(3)
    assert coarse_axis(rule, (5.0, 1.0, 1.0), (2.0, 1.0, 1.0)) == 0
    assert coarse_axis(rule, (2.0, 1.0, 1.0), (1.0, 1.0, 4.0)) == 2, "the new grid may be the thick one"
    assert coarse_axis(rule, (3.0, 1.0, 1.0), (1.0, 1.0, 1.0)) is None, "the limit itself is not above it"
    assert coarse_axis(rule, (0.2, 1.2, 1.2), (1.0, 1.0, 1.0)) is None, "two coarse axes are not one"
    assert coarse_axis(Rule(3, 0, False), (9.0, 1.0, 1.0), (1.0, 1.0, 1.0)) is None


def test_turned_images_come_back() -> None:
    """Against nibabel's closest canonical orientation, and there and back."""
    nibabel = pytest.importorskip("nibabel")
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    affine = np.eye(4)
    affine[:3, :3] = [[0, 2.0, 0], [0, 0, -3.0], [-4.0, 0, 0]]  # array axes (z, y, x) in LPS
    grid = Geometry(array.shape, affine)
    plan = plan_of("plain")
    turning = ForeignPlan(**{**plan.__dict__, "reorients": True})
    assert turn_of(plan, grid).axes == (0, 1, 2)
    turn = turn_of(turning, grid)
    ras = np.diag([-1.0, -1, 1, 1]) @ affine[:, [2, 1, 0, 3]]
    canonical = nibabel.as_closest_canonical(nibabel.Nifti1Image(array.transpose(2, 1, 0).astype(np.int16), ras))
    assert (turn.there(array) == np.asarray(canonical.dataobj).transpose(2, 1, 0)).all()
    assert (turn.back(turn.there(array)) == array).all()


def test_a_case_without_anything_is_background() -> None:
    plan = plan_of("plain")
    grid = Geometry.axial((20, 30, 30), (3.0, 4.0, 4.0))
    images = {"ct:hu": Volume(np.zeros(grid.shape, np.int16), grid, Unit.HU),
              "pet:suv": Volume(np.zeros(grid.shape, np.float32), grid, Unit.SUV_BW)}  # fmt: skip
    model = Foreign(plan, [_never], ROLES, (1,), ())
    found = predict(model, images, Effort(mirror=False, body_only=True))
    assert not found.labels.array.any() and found.lesion.array.max() < 1e-6 and found.volumes_ml == (0.0,)


def _never(patch: np.ndarray) -> np.ndarray:
    raise AssertionError("no window holds anything")


def small_body() -> tuple[ForeignPlan, dict[str, Volume]]:
    """A body of SUV 2 with a hot box of 48 voxels in a wide field, and a plan of small windows of plain values."""
    unchanged = {"normalization_schemes": ["NoNormalization"] * 2}
    plan = plan_of("plain", patch_size=[16, 16, 16], spacing=[3.0, 4.0, 4.0], **unchanged)
    grid = Geometry.axial((60, 70, 66), (3.0, 4.0, 4.0))
    suv = np.zeros(grid.shape, np.float32)
    suv[10:24, 15:30, 12:33] = 2.0
    suv[12:15, 18:22, 20:24] = 8.0
    return plan, {"ct:hu": Volume(np.full(grid.shape, -1000, np.int16), grid, Unit.HU),
                  "pet:suv": Volume(suv, grid, Unit.SUV_BW)}  # fmt: skip


@pytest.mark.parametrize("least", [0.0, 0.01])
@pytest.mark.parametrize("relaid", [False, True])
def test_less_effort_draws_the_same_where_something_is(relaid: bool, least: float) -> None:
    """A network that sees its own voxel only: windows laid over the body and left out elsewhere change nothing."""
    plan, images = small_body()
    calls: list[int] = []

    def network(patch: np.ndarray) -> np.ndarray:
        calls.append(1)
        return patch[:, 1:] - 3.0

    model = Foreign(plan, [network], ROLES, (1,), ())
    full = predict(model, images, Effort(mirror=False))
    every = len(calls)
    less = predict(model, images, Effort(mirror=False, body_only=True, relaid=relaid, least=least))
    assert (full.labels.array == less.labels.array).all()
    assert full.labels.array.sum() == 3 * 4 * 4
    assert len(calls) - every < every / 3


LOOK = Effort(mirror=False, least=0.01, look=Effort(overlap=0.25, mirror=False, body_only=True, relaid=True))


def test_only_what_a_first_look_sees_is_computed() -> None:
    """By a network that sees its own voxel only the mask is the same, from a few windows of each of two networks."""
    plan, images = small_body()
    calls = {"first": 0, "second": 0, "scout": 0}

    def network(name: str) -> Any:
        def said(patch: np.ndarray) -> np.ndarray:
            calls[name] += 1
            return 2 * (patch[:, 1:] - 5.0)

        return said

    model = Foreign(plan, [network("first"), network("second")], ROLES, (1,), (), scout=network("scout"))
    full = predict(model, images, Effort(mirror=False))
    every, calls["first"], calls["second"] = calls["first"], 0, 0
    less = predict(model, images, LOOK)
    assert (full.labels.array == less.labels.array).all() and less.labels.array.sum() == 3 * 4 * 4
    assert 0 < calls["first"] == calls["second"] < every / 10 and 0 < calls["scout"] < every / 10
    assert less.volumes_ml == full.volumes_ml


def test_what_a_first_look_does_not_see_is_background() -> None:
    """The network draws the whole body; the scout sees the hot box; nothing is drawn far from that."""
    plan, images = small_body()
    model = Foreign(plan, [lambda patch: patch[:, 1:] - 1.0], ROLES, (1,), (), scout=lambda patch: patch[:, 1:] - 7.0)
    found = predict(model, images, LOOK).labels.array > 0
    hot = images["pet:suv"].array == 8.0
    assert found[hot].all() and 0 < np.count_nonzero(found & ~hot) < np.count_nonzero(images["pet:suv"].array == 2.0)
    near = ndimage.maximum_filter(hot, (11, 9, 9))  # 12 mm, and a voxel for resampling
    assert not found[~near].any()
    blind = replace(model, scout=lambda patch: np.full_like(patch[:, 1:], -9.0), members=[_never])
    assert not predict(blind, images, LOOK).labels.array.any()


def test_a_first_look_that_is_unsure_of_air_does_not_lead_there() -> None:
    """12 mm and a few voxels of resampling beside the body, not the whole of the box that windows were laid over."""
    plan, images = small_body()
    unsure = Foreign(plan, [lambda patch: np.full_like(patch[:, 1:], 9.0)], ROLES, (1,), (),
                     scout=lambda patch: np.full_like(patch[:, 1:], -4.0))  # fmt: skip
    found, body = predict(unsure, images, LOOK).labels.array > 0, images["pet:suv"].array > 0
    assert found[body].all() and not found[~ndimage.maximum_filter(body, (19, 15, 15))].any()


def test_probability_of_nothing_is_what_all_classes_leave() -> None:
    two, three, regions = (plan_of(kind).labels for kind in ("plain", "residual", "regions"))
    assert background(two, np.array([[0.0, 2.0]])) == pytest.approx([0.5, 0.1192], abs=1e-4)
    assert background(three, np.log(np.array([[0.2], [0.3], [0.5]]))) == pytest.approx([0.2])
    assert background(regions, np.array([[-3.0], [2.0]])) == pytest.approx([0.1192], abs=1e-4)


def test_outputs_become_labels_and_a_probability() -> None:
    regions, three = plan_of("regions").labels, plan_of("residual").labels
    logits = np.array([[3.0, 3.0, -3.0], [-3.0, 3.0, -3.0]], np.float32)
    classes, probability = decided(regions, (0, 1), logits)
    assert classes.tolist() == [1, 2, 0] and probability == pytest.approx([0.9526, 0.9526, 0.0474], abs=1e-4)
    classes, probability = decided(three, (2,), np.log(np.array([[0.2], [0.3], [0.5]], np.float32)))
    assert classes.tolist() == [2] and probability == pytest.approx([0.5])


@pytest.mark.parametrize(
    ("kind", "change", "word"),
    [
        ("plain", {"spacing": [4.0], "patch_size": [8]}, "neither on volumes nor on planes"),
        ("regions", {"spacing": [4.0, 4.0], "patch_size": [8, 8]}, "other axes than its windows"),
        ("plain", {"normalization_schemes": ["CTNormalization", "SineNormalization"]}, "SineNormalization"),
        ("plain", {"resampling_fn_data": "resample_torch_fornnunet"}, "resample_torch"),
        ("plain", {"spacing": [3.0, float("nan"), 1.0]}, "not sizes"),
        ("plain", {"inherits_from": "3d_fullres"}, "circle"),
        ("plain", {"patch_size": [18, 24, 24]}, "halved"),
        ("plain", {"patch_size": [100_000, 100_000, 100_000]}, "windows"),
        ("regions", {"unet_max_num_features": 10**9, "UNet_base_num_features": 10**9}, "levels or channels"),
        ("plain", {"architecture": {"network_class_name": "os.system"}}, "lack"),
        ("regions", {"UNet_class_name": "UMamba"}, "UMamba"),
    ],
)
def test_plans_that_are_not_known_here_are_refused(kind: str, change: dict[str, Any], word: str) -> None:
    with pytest.raises(LymphoscopeError) as refused:
        plan_of(kind, **change)
    assert refused.value.code == "MODEL-E-PLANS" and word in str(refused.value)


def test_a_spacing_that_no_memory_can_hold_is_refused() -> None:
    plan, _, images = golden("plain")
    fine = ForeignPlan(**{**plan.__dict__, "spacing": (0.01, 0.01, 0.01)})
    with pytest.raises(LymphoscopeError) as refused:
        prepared(fine, [images[role].array for role in ROLES], images["ct:hu"].geometry)
    assert refused.value.code == "MODEL-E-PLANS"


def test_networks_that_do_not_fit_are_refused() -> None:
    plan, held, _ = golden("plain")
    weights = {name[7:]: torch.from_numpy(value) for name, value in held.items() if name.startswith("weight:")}
    first = "encoder.stages.0.0.convs.0.conv.weight"
    wrong = [
        {**weights, first: torch.zeros(1)},
        {name: value for name, value in weights.items() if name != first},
        {**weights, "encoder.squeeze.weight": torch.zeros(1)},
    ]
    for broken in wrong:
        with pytest.raises(LymphoscopeError) as refused:
            network_with(plan, broken)
        assert refused.value.code == "MODEL-E-NETWORK"


@pytest.mark.parametrize(
    ("processor", "gains"),
    [
        ("vendor_id : GenuineIntel\nflags : avx512f avx512_bf16", False),
        ("vendor_id : GenuineIntel\nflags : avx512f avx512_bf16 amx_bf16 amx_tile", True),
        ("vendor_id : AuthenticAMD\nflags : avx512f avx512_bf16", True),
        ("vendor_id : AuthenticAMD\nflags : avx512f", False),
        ("", False),
    ],
)
def test_half_precision_is_for_processors_that_are_faster_in_it(processor: str, gains: bool) -> None:
    assert gains_by("bf16", processor) is gains
    assert gains_by("f32", processor)
