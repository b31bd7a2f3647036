"""What every augmentation on the shelf keeps."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor

from lymphoscope.learn.augment.augment import Drawn
from lymphoscope.learn.augment.compose import Augmentation
from lymphoscope.learn.batch import IGNORE
from lymphoscope.recipes.parts.augments import AUGMENTS, NNUNET_AUGMENT
from lymphoscope.recipes.spec import Use, use

NOTHING = (
    use("flip", probability=0.0),
    use("rotate", degrees=0.0, probability=1.0),
    use("scale", factor=(1.0, 1.0), probability=1.0),
    use("affine", degrees=0.0, factor=(1.0, 1.0), probability=1.0),
    use("elastic", mm=0.0, probability=1.0),
    use("noise", sd=(0.0, 0.0), probability=1.0),
    use("blur", sigma=(0.0, 0.0), probability=1.0),
    use("low_resolution", share=(1.0, 1.0), probability=1.0),
    use("intensity", brightness=(1.0, 1.0), contrast=(1.0, 1.0), probability=1.0),
    use("gamma", exponent=(1.0, 1.0), probability=1.0),
    use("suv_scale", factor=(1.0, 1.0), probability=1.0),
    use("channel_dropout", probability=0.0),
)
SURE = [use(name, probability=1.0) for name in AUGMENTS]
SPATIAL = [one for one in SURE if AUGMENTS[one.name].facts["kind"] == "space"]
SPACING = {2: (2.0, 1.5), 3: (3.0, 2.0, 1.5)}


def _example(dims: int) -> tuple[Tensor, Tensor]:
    """A smooth body with a bright lesion, two channels; one slab is unknown."""
    shape = (18, 24, 28)[-dims:]
    places = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) - (n - 1) / 2 for n in shape), indexing="ij")
    off = [3.0, -3.5, 5.0][-dims:]
    near = sum(((x - o) * mm) ** 2 for x, o, mm in zip(places, off, SPACING[dims], strict=True))
    pet = torch.exp(-torch.as_tensor(near) / 60) + 0.05
    labels = (pet > 0.5).long()[None]
    labels[:, :2] = IGNORE
    ct = torch.sin(places[-1] / 3)
    return torch.stack([pet, ct]), labels


def _drawn(uses: tuple[Use, ...], dims: int, seed: int = 0) -> tuple[Augmentation, list[dict]]:
    augmentation = Augmentation(uses)
    shape = tuple(_example(dims)[0].shape)
    return augmentation, augmentation.draw(np.random.default_rng(seed), shape, SPACING[dims])


def test_every_augmentation_has_a_setting_of_no_strength() -> None:
    assert [one.name for one in NOTHING] == list(AUGMENTS)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("one", NOTHING, ids=lambda one: one.name)
def test_no_strength_changes_nothing(one: Use, dims: int) -> None:
    images, labels = _example(dims)
    augmentation, drawn = _drawn((one,), dims)
    assert bool(drawn) == (one.params["probability"] == 1)
    changed, same = augmentation.apply(images, labels, drawn)
    assert torch.equal(changed, images)
    assert torch.equal(same, labels)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("one", SURE, ids=lambda one: one.name)
def test_the_same_drawing_gives_the_same_voxels(one: Use, dims: int) -> None:
    images, labels = _example(dims)
    before = images.clone(), labels.clone()
    augmentation, drawn = _drawn((one,), dims)
    first = augmentation.apply(images, labels, drawn)
    torch.randn(5)
    again = Augmentation((one,)).apply(images, labels, json.loads(json.dumps(drawn)))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(before, (images, labels), strict=True)), "the example itself stays"
    assert not torch.equal(first[0], images)
    assert first[0].dtype == torch.float32
    assert first[1].dtype == torch.int64
    assert first[0].shape == images.shape
    assert first[1].shape == labels.shape


@pytest.mark.parametrize("one", [use(name, probability=0.9) for name in AUGMENTS], ids=lambda one: one.name)
def test_another_seed_draws_something_else(one: Use) -> None:
    drawings = [_drawn((one,), 3, seed)[1] for seed in range(12)]
    assert any(one_drawn != drawings[0] for one_drawn in drawings[1:])
    assert drawings[0] == _drawn((one,), 3, 0)[1]


def _agree(image: Tensor, labels: Tensor) -> bool:
    """A label may be off by half a voxel, at the outline, where the image changes by 0.11 a mm at most."""
    half_voxel = 0.11 * float(np.linalg.norm(SPACING[image.ndim])) / 2
    lesion, background = image[labels[0] == 1], image[labels[0] == 0]
    return float(lesion.min()) > 0.5 - half_voxel and float(background.max()) < 0.5 + half_voxel


def _strong(dims: int) -> dict[str, Drawn]:
    """A large movement of each kind."""
    degrees = [40.0, 25.0, -30.0] if dims == 3 else [40.0]
    factors = [0.8, 1.4, 1.2][-dims:]
    shear = [0.2, -0.1, 0.2] if dims == 3 else [0.2]
    return {
        "flip": {"signs": [-1, 1, -1][-dims:]},
        "rotate": {"degrees": degrees},
        "scale": {"factors": factors},
        "affine": {
            "degrees": degrees[::-1],
            "factors": factors[::-1],
            "shift": [4.0, -6.0, 5.0][-dims:],
            "shear": shear,
        },
        "elastic": {"seed": 3, "mm": 5.0, "every": 30.0, "dims": dims},
    }


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(
    "names", [*((one.name,) for one in SPATIAL), ("flip", "rotate", "scale", "elastic")], ids="-".join
)
def test_labels_go_where_the_lesion_goes(names: tuple[str, ...], dims: int) -> None:
    images, labels = _example(dims)
    known = labels.clamp(min=0)
    moves = _strong(dims)
    drawn = [{"place": place, "spacing": SPACING[dims], **moves[name]} for place, name in enumerate(names)]
    moved, followed = Augmentation(tuple(map(use, names))).apply(images, known, drawn)
    assert int((followed == 1).sum()) > 5
    assert _agree(moved[0], followed)
    assert not _agree(moved[0], known), "and labels that stayed would be wrong"


@pytest.mark.parametrize("one", SPATIAL, ids=lambda one: one.name)
def test_unknown_voxels_stay_unknown_and_no_label_is_invented(one: Use) -> None:
    images, labels = _example(3)
    augmentation, drawn = _drawn((one,), 3)
    _, followed = augmentation.apply(images, labels, drawn)
    assert set(followed.unique().tolist()) == {IGNORE, 0, 1}


@pytest.mark.parametrize("one", [one for one in SURE if one not in SPATIAL], ids=lambda one: one.name)
def test_changes_of_values_leave_labels_alone(one: Use) -> None:
    images, labels = _example(3)
    augmentation, drawn = _drawn((one,), 3)
    changed, same = augmentation.apply(images, labels, drawn)
    assert same is labels
    assert torch.isfinite(changed).all()


def test_things_happen_as_often_as_the_list_of_nnunet_says() -> None:
    augmentation = Augmentation(NNUNET_AUGMENT)
    rng = np.random.default_rng(3)
    examples = 3000
    drawings = [augmentation.draw(rng, (2, 8, 8, 8), (1, 1, 1)) for _ in range(examples)]
    for place, one in enumerate(NNUNET_AUGMENT):
        expected = one.params["probability"] if one.name != "flip" else 1 - 0.5**3
        share = sum(any(what["place"] == place for what in drawn) for drawn in drawings) / examples
        assert share == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / examples))
    factors = [
        channel["brightness"]
        for drawn in drawings
        for what in drawn
        if what["place"] == 4
        for channel in what["channels"]
    ]
    assert np.mean(np.array(factors) < 1) == pytest.approx(0.5, abs=0.07), "as often darker as brighter"
    assert min(factors) >= 0.75
    assert max(factors) <= 1.25
