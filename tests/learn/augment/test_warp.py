from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
import torch
from torch import Tensor

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.augment.along import along, blur_matrix, spline_matrix
from lymphoscope.learn.augment.compose import Augmentation
from lymphoscope.learn.augment.space import Rotate, turn
from lymphoscope.learn.augment.warp import Bend, Warp, bent, displaced, linear, resample
from lymphoscope.learn.batch import IGNORE
from lymphoscope.recipes.spec import use

THICK = (3.0, 2.0, 1.0)


def _ball(at: tuple[float, ...], radius: float = 8.0, shape: tuple[int, ...] = (21, 31, 61)) -> Tensor:
    """A soft ball at a place in mm from the middle, on voxels of 3 × 2 × 1 mm (or the last two)."""
    axes = ((torch.arange(n) - (n - 1) / 2) * mm - o for n, mm, o in zip(shape, THICK[-len(shape) :], at, strict=True))
    near = sum(place**2 for place in torch.meshgrid(*axes, indexing="ij"))
    return torch.exp(-torch.as_tensor(near) / (2 * (radius / 2) ** 2))[None]


def _centre(image: Tensor) -> list[float]:
    """Centre of mass, mm from the middle."""
    shape = image.shape[1:]
    axes = ((torch.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, THICK[-len(shape) :], strict=True))
    return [float((image[0] * place).sum() / image.sum()) for place in torch.meshgrid(*axes, indexing="ij")]


def _moved(image: Tensor, warp: Warp) -> Tensor:
    return resample(image, torch.zeros(image.shape, dtype=torch.int64), warp, THICK[-image.ndim + 1 :])[0]


def test_a_turn_is_a_turn_of_the_body_though_voxels_are_thick() -> None:
    about_z = _moved(_ball((6.0, 10.0, 0.0)), linear(turn([90.0, 0.0, 0.0])))
    assert _centre(about_z) == pytest.approx([6, 0, 10], abs=0.05)
    assert torch.allclose(about_z, _ball((6.0, 0.0, 10.0)), atol=0.06), "a ball stays a ball"
    assert _centre(_moved(_ball((0.0, 0.0, 10.0)), linear(turn([0.0, 90.0, 0.0])))) == pytest.approx(
        [-10, 0, 0], abs=0.05
    )
    assert _centre(_moved(_ball((10.0, 0.0, 0.0)), linear(turn([0.0, 0.0, 90.0])))) == pytest.approx(
        [0, 10, 0], abs=0.05
    )


def test_a_turn_in_a_plane() -> None:
    flat = _ball((10.0, 0.0), shape=(31, 61))
    assert _centre(_moved(flat, linear(turn([90.0])))) == pytest.approx([0, 10], abs=0.05)
    assert _centre(_moved(flat, linear(turn([30.0])))) == pytest.approx([10 * np.cos(np.pi / 6), 5], abs=0.05)


def test_turns_keep_lengths() -> None:
    matrix = turn([10.0, 20.0, 30.0])
    assert matrix @ matrix.T == pytest.approx(np.eye(3))
    assert np.linalg.det(matrix) == pytest.approx(1)


def test_shift_and_scale_are_in_mm_about_the_middle() -> None:
    assert _centre(_moved(_ball((0.0, 0.0, 0.0)), linear(np.eye(3), np.array([3.0, -4.0, 5.0])))) == pytest.approx(
        [3, -4, 5], abs=0.05
    )
    grown = _moved(_ball((3.0, 4.0, 5.0)), linear(np.eye(3) * 1.5))
    assert _centre(grown) == pytest.approx([4.5, 6, 7.5], abs=0.2)
    assert float(grown.sum() / _ball((3.0, 4.0, 5.0)).sum()) == pytest.approx(1.5**3, rel=0.02)


def test_movements_follow_one_another_as_written() -> None:
    shift, quarter = linear(np.eye(3), np.array([0.0, 10.0, 0.0])), linear(turn([90.0, 0.0, 0.0]))
    ball = _ball((0.0, 0.0, 0.0))
    assert _centre(_moved(ball, shift.then(quarter))) == pytest.approx([0, 0, 10], abs=0.05)
    assert _centre(_moved(ball, quarter.then(shift))) == pytest.approx([0, 10, 0], abs=0.05)


def test_all_movements_share_one_resampling() -> None:
    there, back = linear(turn([20.0, 10.0, 5.0])), linear(turn([20.0, 10.0, 5.0]).T)
    ball = _ball((3.0, 4.0, 5.0), radius=4.0)
    together = _moved(ball, reduce(Warp.then, [there, back]))
    assert float((together - ball).abs().max()) < 1e-4
    assert float((_moved(_moved(ball, there), back) - ball).abs().max()) > 0.05


def test_mirroring_alone_is_exact() -> None:
    image = torch.rand(2, 5, 6, 7)
    labels = torch.randint(-1, 2, (1, 5, 6, 7))
    mirror = linear(np.diag([-1.0, 1.0, -1.0]))
    assert mirror.mirrored == (0, 2)
    moved, followed = resample(image, labels, mirror, THICK)
    assert torch.equal(moved, image.flip(1, 3))
    assert torch.equal(followed, labels.flip(1, 3))
    assert mirror.then(mirror).mirrored == ()
    assert mirror.then(linear(turn([1.0, 0.0, 0.0]))).mirrored is None
    slow = resample(image, labels, Warp(mirror.matrix, np.array([1e-9, 0, 0])), THICK)
    assert torch.allclose(slow[0], moved, atol=1e-5)
    assert torch.equal(slow[1], followed)


def test_what_comes_from_outside_is_dark_and_unknown() -> None:
    image = torch.rand(2, 8, 8, 8) + torch.tensor([3.0, -7.0]).view(2, 1, 1, 1)
    labels = torch.ones(1, 8, 8, 8, dtype=torch.int64)
    moved, followed = resample(image, labels, linear(np.eye(3), np.array([0.0, 0.0, 4.0])), (1, 1, 1))
    assert torch.equal(followed[..., :4], torch.full((1, 8, 8, 4), IGNORE))
    assert torch.equal(followed[..., 4:], labels[..., :4])
    assert torch.allclose(moved[..., 4:], image[..., :4], atol=1e-5)
    assert torch.allclose(moved[..., :4], image.amin((1, 2, 3)).view(2, 1, 1, 1).expand(2, 8, 8, 4), atol=1e-5)


def test_a_lesion_class_keeps_its_number() -> None:
    labels = torch.zeros(1, 12, 12, dtype=torch.int64)
    labels[0, 3:6, 3:6], labels[0, 7:10, 7:10] = 7, 200
    _, followed = resample(torch.zeros(1, 12, 12), labels, linear(turn([33.0])), (1.0, 1.0))
    assert {7, 200} < set(followed.unique().tolist()) <= {IGNORE, 0, 7, 200}


def test_displacements_have_the_asked_spread_in_mm_whatever_the_voxels() -> None:
    for spacing in (THICK, (1.0, 1.0, 1.0)):
        fields = torch.stack([displaced(Bend(seed, 3.0, 10.0), (15, 20, 30), spacing) for seed in range(40)])
        assert fields.shape[1:] == (3, 15, 20, 30)
        assert fields.std(0).mean().item() == pytest.approx(3.0, rel=0.05)
        assert abs(fields.mean().item()) < 0.2


def test_displacements_are_smooth() -> None:
    field = displaced(Bend(1, 3.0, 40.0), (24, 24, 24), (2.0, 2.0, 2.0))
    slopes = torch.cat([field.diff(dim=axis).flatten() for axis in (1, 2, 3)]).abs() / 2.0
    assert slopes.max().item() < 0.5, "neighbours do not change places"


def test_a_constant_bend_would_be_a_shift() -> None:
    """Displacement is added where a voxel looks, before the other movements."""
    warp = bent(3, Bend(4, 2.0, 1e6)).then(linear(np.eye(3), np.array([0.0, 0.0, 5.0])))
    ball = _ball((0.0, 0.0, 0.0))
    shift = displaced(warp.bends[0], ball.shape[1:], THICK)[:, 10, 15, 30]
    expected = np.array([0.0, 0.0, 5.0]) - shift.numpy()
    assert _centre(_moved(ball, warp)) == pytest.approx(expected.tolist(), abs=0.1)


def test_splines_and_gaussians_as_matrices() -> None:
    splines = spline_matrix(20, 0.3)
    assert splines.shape == (20, 9)
    assert splines.square().sum(1) == pytest.approx(1)
    assert splines[0, :4] / splines[0, 1] == pytest.approx([0.25, 1, 0.25, 0], abs=1e-6)
    gaussian = blur_matrix(15, 1.0)
    assert gaussian.sum(1) == pytest.approx(1)
    assert gaussian[7, 8] / gaussian[7, 7] == pytest.approx(np.exp(-0.5))
    image = torch.rand(4, 5, 6)
    expected = np.einsum("ai,bj,ck,ijk->abc", *(blur_matrix(n, 0.7).numpy() for n in image.shape), image.numpy())
    assert along(image, [blur_matrix(n, 0.7) for n in image.shape]).numpy() == pytest.approx(expected, abs=1e-6)


def test_angles_for_each_axis() -> None:
    rng = np.random.default_rng(0)
    drawn = [Rotate(degrees=(180.0, 0.0, 5.0)).happening(rng, 1, 3)["degrees"] for _ in range(200)]
    assert np.abs(drawn).max(0) == pytest.approx([180, 0, 5], rel=0.05, abs=1e-9)
    flat = [Rotate(degrees=(180.0, 0.0, 5.0)).happening(rng, 1, 2)["degrees"] for _ in range(50)]
    assert all(len(angles) == 1 for angles in flat)


def test_axes_that_do_not_exist_are_refused() -> None:
    with pytest.raises(LymphoscopeError, match="zyx"):
        Augmentation((use("flip", axes="zyw"),))


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(LymphoscopeError, match=r"probability is 1\.5"):
        Augmentation((use("rotate", probability=1.5),))
