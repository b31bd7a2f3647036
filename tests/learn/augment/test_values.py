from __future__ import annotations

import numpy as np
import pytest
import torch

from lymphoscope.learn.augment.compose import Augmentation
from lymphoscope.learn.augment.values import Blur, ChannelDropout, Gamma, Intensity, LowResolution, Noise, SuvScale
from lymphoscope.recipes.spec import use

IMAGE = torch.rand(12, 14, 16, generator=torch.Generator().manual_seed(0)) * 3 + 1


def test_noise_has_the_drawn_spread() -> None:
    added = Noise().change(IMAGE, {"sd": 0.2, "seed": 5}) - IMAGE
    assert added.std().item() == pytest.approx(0.2, rel=0.05)
    assert added.mean().item() == pytest.approx(0, abs=0.02)


def test_blur_keeps_a_constant_and_spreads_a_point_as_a_gaussian() -> None:
    assert torch.allclose(Blur().change(torch.full((6, 7, 8), 2.5), {"sigma": 1.0}), torch.full((6, 7, 8), 2.5))
    point = torch.zeros(15, 15, 15)
    point[7, 7, 7] = 1
    seen = Blur().change(point, {"sigma": 1.3})
    assert seen.sum().item() == pytest.approx(1, abs=1e-3)
    assert (seen[9, 7, 7] / seen[7, 7, 7]).item() == pytest.approx(np.exp(-4 / (2 * 1.3**2)), rel=1e-4)


def test_low_resolution_keeps_a_constant_and_loses_detail() -> None:
    assert torch.equal(LowResolution().change(torch.ones(9, 9, 9), {"share": 0.5}), torch.ones(9, 9, 9))
    assert LowResolution().change(IMAGE, {"share": 0.5}).std() < 0.8 * IMAGE.std()


def test_brightness_multiplies_and_contrast_stretches_within_the_range() -> None:
    assert torch.allclose(Intensity().change(IMAGE, {"brightness": 1.2, "contrast": 1.0}), IMAGE * 1.2)
    stretched = Intensity().change(IMAGE, {"brightness": 1.0, "contrast": 1.25})
    expected = (IMAGE.mean() + 1.25 * (IMAGE - IMAGE.mean())).clamp(IMAGE.min(), IMAGE.max())
    assert torch.allclose(stretched, expected, atol=1e-5)
    alone = Intensity(brightness=None).channel(np.random.default_rng(0))
    assert alone["brightness"] == 1.0 != alone["contrast"]


def test_gamma_by_hand() -> None:
    low, high = IMAGE.min(), IMAGE.max()
    share = (IMAGE - low) / (high - low)
    assert torch.allclose(Gamma().change(IMAGE, {"exponent": 1.4}), share**1.4 * (high - low) + low, atol=1e-5)
    inverted = Gamma(inverted=True).change(IMAGE, {"exponent": 1.4})
    assert torch.allclose(inverted, high - (1 - share) ** 1.4 * (high - low), atol=1e-5)
    kept = Gamma(keep_statistics=True).change(IMAGE, {"exponent": 0.7})
    assert kept.mean().item() == pytest.approx(IMAGE.mean().item(), rel=1e-5)
    assert kept.std().item() == pytest.approx(IMAGE.std().item(), rel=1e-5)
    assert torch.equal(Gamma().change(torch.ones(3, 3), {"exponent": 2.0}), torch.ones(3, 3))


def test_inverted_gamma_is_that_of_the_negative() -> None:
    for kept in (False, True):
        plain = Gamma(keep_statistics=kept).change(-IMAGE, {"exponent": 1.3})
        inverted = Gamma(inverted=True, keep_statistics=kept).change(IMAGE, {"exponent": 1.3})
        assert torch.allclose(inverted, -plain, atol=1e-5)


def test_only_pet_is_scaled() -> None:
    drawn = SuvScale(pet=1).happening(np.random.default_rng(0), 3, 3)
    assert [one is None for one in drawn["channels"]] == [True, False, True]
    images = torch.stack([IMAGE] * 3)
    changed = SuvScale(pet=1).apply(images, drawn)
    assert torch.equal(changed[0], IMAGE)
    assert torch.allclose(changed[1], IMAGE * drawn["channels"][1]["factor"])


def test_one_channel_goes_and_never_the_only_one() -> None:
    rng = np.random.default_rng(0)
    gone = [ChannelDropout(fill=-1.0).happening(rng, 2, 3)["channels"] for _ in range(40)]
    assert all(sum(one is not None for one in channels) == 1 for channels in gone)
    assert {channels[0] is None for channels in gone} == {True, False}
    assert ChannelDropout().happening(rng, 1, 3)["channels"] == [None]
    assert ChannelDropout(fill=-1.0).apply(IMAGE[None], {"channels": [{"fill": -1.0}]}).unique().tolist() == [-1.0]


def test_channels_are_changed_one_by_one() -> None:
    augmentation = Augmentation((use("blur", probability=1.0, per_channel=0.5),))
    rng = np.random.default_rng(0)
    happened = [
        [one is not None for one in augmentation.draw(rng, (2, 8, 8, 8), (1, 1, 1))[0]["channels"]] for _ in range(400)
    ]
    assert np.mean(happened, 0) == pytest.approx([0.5, 0.5], abs=0.1)
    assert np.corrcoef(np.array(happened).T)[0, 1] == pytest.approx(0, abs=0.2)
