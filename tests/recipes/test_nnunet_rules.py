from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lymphoscope.recipes import nnunet_rules as rules

# Four data sets, and what ExperimentPlanner of nnunetv2 2.5.2 said of their fingerprints (8 GB, 2 classes), axes with
# the coarsest first; ResEncUNetPlanner said the same of the first.
DATA: dict[str, tuple[list[list[float]], list[list[int]]]] = {
    "body": (
        [[3.0, 2.04, 2.04]] * 10 + [[3.27, 3.65, 3.65]] * 6 + [[5.0, 4.07, 4.07]] * 4,
        [[326, 400, 400]] * 10 + [[299, 192, 192]] * 6 + [[200, 168, 168]] * 4,
    ),
    "thick": (
        [[mm, 0.75, 0.75] for mm in (3.0, 5.0, 5.0, 7.5, 8.0, 10.0, 5.0, 6.0)],
        [[n, 512, 512] for n in (120, 40, 44, 30, 28, 24, 52, 40)],
    ),
    "small": ([[3.27, 5.47, 5.47]] * 5, [[50, 30, 33], [61, 29, 26], [85, 46, 43], [59, 43, 41], [66, 34, 33]]),
    "turned": ([[2.0, 2.0, 4.5], [2.0, 2.0, 5.0], [2.5, 2.5, 4.0]], [[180, 200, 90], [160, 220, 80], [150, 170, 100]]),
}
ISO, PLANE = (2, 2, 2), (1, 2, 2)
NNUNET_3D: dict[str, dict[str, Any]] = {
    "body": {
        "order": (0, 1, 2), "spacing": (3.135, 2.845, 2.845), "median": (312.0, 266.5, 266.5),
        "patch": (128, 128, 128), "batch": 2, "strides": (ISO,) * 5, "thin": 0,
    },
    "thick": {
        "order": (0, 1, 2), "spacing": (4.4, 0.75, 0.75), "median": (53.0, 512.0, 512.0),
        "patch": (28, 256, 256), "batch": 2, "strides": (PLANE, PLANE, ISO, ISO, PLANE, PLANE), "thin": 2,
    },
    "small": {
        "order": (1, 0, 2), "spacing": (5.47, 3.27, 5.47), "median": (34.0, 61.0, 33.0),
        "patch": (40, 64, 40), "batch": 2, "strides": (ISO,) * 3, "thin": 0,
    },
    "turned": {
        "order": (2, 0, 1), "spacing": (4.5, 2.0, 2.0), "median": (89.0, 180.0, 212.0),
        "patch": (80, 160, 160), "batch": 2, "strides": (PLANE, ISO, ISO, ISO, ISO), "thin": 1,
    },
}  # fmt: skip
NNUNET_2D = {
    "body": ((320, 320), 32, (32, 64, 128, 256, 512, 512, 512)),
    "thick": ((512, 512), 12, (32, 64, 128, 256, 512, 512, 512, 512)),
    "small": ((64, 40), 7, (32, 64, 128, 256)),
    "turned": ((192, 224), 12, (32, 64, 128, 256, 512, 512)),
}


def working(name: str) -> tuple[tuple[int, ...], list[float], list[float], int]:
    """Order of the axes, and in it spacing and median shape; number of cases."""
    spacings, shapes = DATA[name]
    target = rules.target_spacing(spacings, shapes)
    resampled = [rules.resampled_shape(n, mm, target) for n, mm in zip(shapes, spacings, strict=True)]
    median = np.median(resampled, axis=0)
    order = rules.coarsest_first(target)
    return order, [target[axis] for axis in order], [float(median[axis]) for axis in order], len(shapes)


@pytest.mark.parametrize("name", DATA)
def test_volumes_are_planned_as_nnunet_does(name: str) -> None:
    order, spacing, median, cases = working(name)
    said = NNUNET_3D[name]
    assert order == said["order"]
    assert spacing == pytest.approx(said["spacing"])
    assert median == list(said["median"])
    found = rules.configure(spacing, median, cases, rules.PLAIN, 2, 8.0)
    assert (found.patch, found.batch) == (said["patch"], said["batch"])
    assert found.topology.strides == ((1, 1, 1), *said["strides"])
    levels = len(said["strides"]) + 1
    assert found.topology.kernels == ((1, 3, 3),) * said["thin"] + ((3, 3, 3),) * (levels - said["thin"])
    assert found.widths == (32, 64, 128, 256, 320, 320, 320)[:levels]


@pytest.mark.parametrize("name", DATA)
def test_planes_are_planned_as_nnunet_does(name: str) -> None:
    _, spacing, median, cases = working(name)
    found = rules.configure(spacing[1:], median[1:], cases * median[0], rules.PLAIN, 2, 8.0)
    assert (found.patch, found.batch, found.widths) == NNUNET_2D[name]
    assert set(found.topology.kernels) == {(3, 3)}


def test_low_resolution_is_planned_as_nnunet_does() -> None:
    for name, said in (("body", (4.3396, 3.9381, 3.9381)), ("thick", None), ("small", None), ("turned", None)):
        _, spacing, median, cases = working(name)
        full = rules.configure(spacing, median, cases, rules.PLAIN, 2, 8.0)
        low = rules.low_resolution(full, cases, rules.PLAIN, 2, 8.0)
        assert (low is None) == (said is None)
        if low is not None:
            assert [round(mm, 4) for mm in low.spacing] == list(said or ())
            assert (low.median_shape, low.patch, low.batch) == ((225, 193, 193), (128, 128, 128), 2)


def test_more_memory_gives_a_larger_patch_as_in_nnunet() -> None:
    _, spacing, median, cases = working("body")
    found = rules.configure(spacing, median, cases, rules.PLAIN, 2, 24.0)
    assert (found.patch, found.batch) == ((224, 192, 160), 2)
    assert rules.low_resolution(found, cases, rules.PLAIN, 2, 24.0) is None
    plane = rules.configure(spacing[1:], median[1:], cases * median[0], rules.PLAIN, 2, 24.0)
    assert (plane.patch, plane.batch) == ((320, 320), 95)


def test_residual_encoders_are_planned_as_nnunet_does() -> None:
    _, spacing, median, cases = working("body")
    found = rules.configure(spacing, median, cases, rules.RESIDUAL, 2, 8.0)
    assert (found.patch, found.batch) == ((128, 128, 128), 2)
    plane = rules.configure(spacing[1:], median[1:], cases * median[0], rules.RESIDUAL, 2, 8.0)
    assert (plane.patch, plane.batch) == ((320, 320), 32)


def test_a_thick_axis_gets_the_tenth_percentile_but_none_finer_than_the_others() -> None:
    few, many = [[20, 400, 400]] * 3, [[200, 400, 400]] * 3
    thick = [[9.0, 1.0, 1.0], [10.0, 1.0, 1.0], [12.0, 1.0, 1.0]]
    assert rules.target_spacing(thick, few) == pytest.approx((9.2, 1.0, 1.0))
    assert rules.target_spacing(thick, many) == (10.0, 1.0, 1.0)  # coarse, and still many slices
    assert rules.target_spacing([[2.9, 1.0, 1.0]] * 3, few) == (2.9, 1.0, 1.0)  # not thrice as coarse
    mixed = [[0.5, 1.0, 1.0]] * 4 + [[4.0, 1.0, 1.0]] * 6
    assert rules.target_spacing(mixed, [[20, 400, 400]] * 10) == pytest.approx((1.00001, 1.0, 1.0))


def test_an_axis_is_halved_while_its_side_is_8_or_more() -> None:
    assert len(rules.topology((1.0, 1.0, 1.0), (7, 7, 7)).strides) == 1
    assert rules.topology((1.0, 1.0, 1.0), (8, 8, 8)).strides == ((1, 1, 1), (2, 2, 2))
    assert len(rules.topology((1.0, 1.0, 1.0), (15, 15, 15)).strides) == 3  # 15 → 8 → 4
    assert rules.topology((1.0, 1.0, 1.0), (4, 4, 11)).strides == ((1, 1, 1),)  # one axis alone: from 12
    assert rules.topology((1.0, 1.0, 1.0), (4, 4, 12)).strides == ((1, 1, 1), (1, 1, 2))
    assert rules.topology((2.0, 1.0, 1.0), (64, 16, 16)).strides[1] == (1, 2, 2)  # twice as coarse: not yet
    assert rules.topology((1.99, 1.0, 1.0), (64, 16, 16)).strides[1] == (2, 2, 2)
    assert rules.topology((1.0,) * 3, (24, 16, 9)).multiple == (4, 4, 2)


def test_feature_values_are_those_of_nnunet() -> None:
    # PlainConvUNet and ResidualEncoderUNet.compute_conv_feature_map_size, dynamic_network_architectures 0.3.1
    plan = rules.topology((1.0,) * 3, (128,) * 3)
    assert rules.feature_values((128,) * 3, plan, rules.PLAIN, 2) == 450_699_264
    assert rules.feature_values((128,) * 3, plan, rules.RESIDUAL, 2) == 555_323_392


def test_the_batch_shows_no_more_than_a_twentieth_of_the_data() -> None:
    few = rules.configure((4.0,) * 3, (48.0,) * 3, 40, rules.PLAIN, 2, 8.0)
    many = rules.configure((4.0,) * 3, (48.0,) * 3, 4000, rules.PLAIN, 2, 8.0)
    assert few.patch == many.patch == (48, 48, 48)
    assert few.batch == 2  # a twentieth of 40 images of the patch's size
    assert many.batch == round(560e6 / rules.feature_values((48,) * 3, many.topology, rules.PLAIN, 2) * 2)


def test_every_plan_fits_the_memory_and_its_own_strides() -> None:
    for side in range(20, 200, 7):
        found = rules.configure((3.0, 4.0, 4.0), (float(side),) * 3, 30, rules.PLAIN, 2, 4.0)
        assert all(n % m == 0 for n, m in zip(found.patch, found.topology.multiple, strict=True))
        assert rules.feature_values(found.patch, found.topology, rules.PLAIN, 2) <= 280e6
        assert min(n // m for n, m in zip(found.patch, found.topology.multiple, strict=True)) >= 4
