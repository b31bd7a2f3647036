"""Whole-body phantoms from a small hand-made organ map, so that nothing outside the project is needed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.study import ORGANS, OrganMap
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask
from lymphoscope.image.wholebody.frame import CODE, frame_of
from lymphoscope.image.wholebody.phantom import (
    LESION_SUV,
    LOOKALIKE,
    OTHER,
    PHYSIOLOGICAL_NAMES,
    Phantom,
    WholeBodySettings,
    whole_body,
)
from lymphoscope.image.wholebody.tissue import NATURE, Tissue
from lymphoscope.image.wholebody.uptake import Condition

STEP = 7.0
BLOBS = (
    # organ, centre (x left, y back, z up) mm with the bladder at 0, half axes mm; medians of 160 real maps
    ("lungs", (70, 40, 450), (58, 85, 92)), ("lungs", (-70, 40, 450), (58, 85, 92)),
    ("liver", (-60, 20, 320), (85, 70, 75)), ("spleen", (95, 60, 310), (28, 42, 48)),
    ("stomach", (50, 0, 310), (45, 35, 50)), ("heart", (15, 10, 395), (55, 45, 50)),
    ("kidneys", (68, 70, 245), (26, 28, 55)), ("kidneys", (-68, 70, 240), (26, 28, 55)),
    ("bladder", (0, 0, 0), (38, 30, 28)), ("prostate", (0, 8, -42), (22, 18, 18)),
    ("brain", (0, 20, 730), (66, 84, 62)), ("head_glands", (58, 30, 650), (14, 18, 26)),
    ("head_glands", (-58, 30, 650), (14, 18, 26)),
)  # fmt: skip


def made_map(*leave_out: str, flip: bool = False) -> OrganMap:
    """Ellipsoids about where organs are; with `flip` the rows run from back to front, as some files store them."""
    shape = (129, 53, 82)
    geometry = Geometry.axial(shape, (STEP, STEP, STEP), (-285.0, -180.0, -165.0))
    z, y, x = (geometry.origin[2 - a] + STEP * np.arange(shape[a]) for a in range(3))
    labels = np.zeros(shape, np.int32)
    for name, (cx, cy, cz), (hx, hy, hz) in BLOBS:
        if name in leave_out:
            continue
        away = ((x - cx) / hx) ** 2 + ((y[:, None] - cy) / hy) ** 2 + ((z[:, None, None] - cz) / hz) ** 2
        labels[(away < 1) & ((labels == 0) | (name == "heart"))] = CODE[name]
    if flip:
        affine = geometry.affine.copy()
        affine[:3, 3] += affine[:3, 1] * (shape[1] - 1)
        affine[:3, 1] *= -1
        labels, geometry = labels[:, ::-1], Geometry(shape, affine)
    return OrganMap(LesionMask(labels, geometry, "made"), {v: k for k, v in CODE.items()})


@cache
def made(subtype: str, seed: int = 5, **more: object) -> Phantom:
    settings = WholeBodySettings(step_mm=STEP, subtype=subtype, scanner="ge_ste", whole_head=False, **more)  # type: ignore[arg-type]
    return whole_body(made_map(), seed, settings)


@pytest.fixture(scope="module")
def dlbcl() -> Phantom:
    return made("DLBCL")


def test_units_grids_and_names(dlbcl: Phantom) -> None:
    assert dlbcl.pet.unit is Unit.SUV_BW
    assert dlbcl.ct is not None and dlbcl.ct.unit is Unit.HU
    assert dlbcl.pet.geometry.spacing == pytest.approx((3.27, 5.46875, 5.46875))
    for mask in (dlbcl.lesions, dlbcl.core, dlbcl.objects, dlbcl.physiological):
        assert mask.geometry.difference(dlbcl.pet.geometry) == ""
    assert set(PHYSIOLOGICAL_NAMES.values()) == {*ORGANS, "other", "lookalike"}
    assert set(dlbcl.organs.names.values()) <= set(ORGANS)
    assert float(dlbcl.pet.array.min()) >= 0.0


def test_truths_are_what_they_say(dlbcl: Phantom) -> None:
    objects, core, lesions = (m.foreground for m in (dlbcl.objects, dlbcl.core, dlbcl.lesions))
    assert objects.any() and lesions.any()
    assert not (core & ~objects).any()
    assert dlbcl.noise_free.array[core].min() >= LESION_SUV
    assert dlbcl.pet.array[lesions].min() >= LESION_SUV
    away = ndimage.distance_transform_edt(~objects, dlbcl.pet.geometry.spacing)
    assert away[lesions].max() <= 4.0
    assert not (dlbcl.physiological.foreground & objects).any()
    assert dlbcl.objects.count <= len(dlbcl.facts["stations"])  # type: ignore[arg-type]


def test_shown_volume_meets_the_drawn_one(dlbcl: Phantom) -> None:
    drawn = float(dlbcl.facts["tmtv_drawn_ml"])  # type: ignore[arg-type]
    assert dlbcl.lesions.volume_ml == pytest.approx(drawn, rel=0.35)


def test_normal_uptake_of_a_body_without_lymphoma() -> None:
    p = made("none", with_lookalikes=False, condition=Condition(heart="diffuse"))
    assert p.lesions.count == 0 and p.objects.count == 0
    labels, image = p.physiological.labels, p.noise_free.array
    liver = ndimage.binary_erosion(labels == CODE["liver"], iterations=3)
    drawn, factor = float(p.facts["liver"]), float(p.facts["closure_factor"])  # type: ignore[arg-type]
    assert image[liver].mean() == pytest.approx(drawn * factor, rel=0.06)
    assert np.percentile(image[labels == CODE["bladder"]], 90) > 2.0
    assert image[labels == CODE["heart"]].max() > LESION_SUV
    hot = image >= LESION_SUV
    assert (labels[hot] > 0).all(), "every hot voxel of a healthy body has an organ's name"


def test_activity_closes() -> None:
    p = made("none", with_lookalikes=False, condition=Condition(heart="diffuse"))
    litres = p.pet.geometry.voxel_ml / 1000.0
    assert 0.5 < float(p.noise_free.array.sum()) * litres / float(p.facts["weight_kg"]) < 0.9  # type: ignore[arg-type]


def test_ct_shows_lung_bone_and_table_free_air(dlbcl: Phantom) -> None:
    assert dlbcl.ct is not None
    values = dlbcl.ct.array
    assert values.dtype == np.int16
    for low, high, least in (
        (-1000, -950, 0.3),
        (-900, -700, 0.01),
        (-130, -60, 0.01),
        (20, 130, 0.05),
        (150, 3000, 0.003),
    ):
        assert ((values >= low) & (values <= high)).mean() > least


@pytest.mark.long
def test_same_seed_same_phantom() -> None:
    settings = WholeBodySettings(step_mm=STEP, scanner="ge_ste", with_ct=False)
    one, two = (whole_body(made_map(), 11, settings) for _ in range(2))
    assert (one.pet.array == two.pet.array).all() and (one.lesions.labels == two.lesions.labels).all()
    other = whole_body(made_map(), 12, settings)
    assert other.pet.array.shape != one.pet.array.shape or (other.pet.array != one.pet.array).any()


def test_frame_does_not_depend_on_how_the_map_is_stored() -> None:
    plain, flipped = (frame_of(made_map(flip=f), STEP, False) for f in (False, True))
    assert plain.geometry.difference(flipped.geometry) == ""
    assert (plain.organ == flipped.organ).all()
    assert np.allclose(plain.spine, flipped.spine)


def test_body_coordinates_go_round() -> None:
    frame = frame_of(made_map(), STEP, True)
    points = np.array([[0.0, 0.0, 0.0], [0.45, 60.0, 30.0], [1.1, -20.0, 50.0]])
    assert np.allclose(frame.body(frame.place(points)), points, atol=1e-6)
    assert frame.place(np.zeros(3))[2] == pytest.approx(frame.centroid["bladder"][2])
    assert frame.mask("brain")[frame.z > 800].any() or frame.fov[1] < 812, "a cut brain is continued"


@pytest.mark.parametrize("organ", ["liver", "bladder", "lungs"])
def test_map_without_a_needed_organ_is_refused(organ: str) -> None:
    with pytest.raises(LymphoscopeError) as refused:
        whole_body(made_map(organ), 1, WholeBodySettings(step_mm=STEP))
    assert refused.value.code == "GEO-E-MASKLABELS" and organ in str(refused.value)


def test_absent_lesser_organs_do_no_harm() -> None:
    bare = made_map("spleen", "kidneys", "stomach", "heart", "head_glands", "brain", "prostate")
    p = whole_body(bare, 3, WholeBodySettings(step_mm=STEP, subtype="HL", scanner="ge_ste", with_ct=False))
    assert np.isfinite(p.pet.array).all()


def test_all_organs_on_request() -> None:
    p = made("FL", seed=8, all_organs=True, with_ct=False)
    assert {"aorta", "bowel", "thyroid", "marrow", "muscle"} <= set(p.organs.names.values())


def test_every_tissue_has_a_nature() -> None:
    assert set(NATURE) == set(Tissue)
    assert {n.organ for n in NATURE.values()} <= {*ORGANS, "other", ""}
    assert {OTHER, LOOKALIKE}.isdisjoint(CODE.values())


@pytest.mark.shared
def test_real_organ_map(shared: Path) -> None:
    import SimpleITK as sitk  # noqa: N813, PLC0415

    image = sitk.ReadImage(str(shared / "organ_maps" / "anatomy_012.nii.gz"))
    axes = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes[:, ::-1], image.GetOrigin()
    array = sitk.GetArrayFromImage(image)
    names = dict(
        enumerate(
            ("spleen", "kidneys", "liver", "bladder", "lungs", "brain", "heart", "stomach", "prostate", "head_glands"),
            1,
        )
    )
    organs = OrganMap(LesionMask(array.astype(np.int32), Geometry(array.shape, affine), "map"), names)
    p = whole_body(organs, 12, WholeBodySettings(step_mm=5.0, subtype="DLBCL", scanner="ge_ste", with_ct=False))
    assert 40 < float(p.facts["weight_kg"]) < 140  # type: ignore[arg-type]
    assert 1.45 < float(p.facts["height_m"]) < 2.0  # type: ignore[arg-type]
    liver = ndimage.binary_erosion(p.physiological.labels == CODE["liver"], iterations=3)
    assert 1.0 < p.pet.array[liver].mean() < 3.5
    assert p.lesions.volume_ml == pytest.approx(float(p.facts["tmtv_drawn_ml"]), rel=0.35)  # type: ignore[arg-type]
