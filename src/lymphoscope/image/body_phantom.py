"""A whole body of simple shapes: an FDG PET/CT examination of which everything is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.registry import unknown_name
from lymphoscope.image.phantom import Imaging, Phantom, Point, Shape, assemble, ct_image, image

Span = tuple[float, float]

FIELD_MM = (960.0, 704.0, 704.0)
"""Field of view along (z, y, x): mid-thigh to vertex, arms at the sides."""
LOWEST_MM = -160.0
"""LPS z of the field's lower edge; z = 0 is the bladder."""


SCANNER = Imaging(fwhm_mm=6.0, noise=0.05, noise_hu=10.0)
"""A present-day scanner: 6 mm resolution, 5 % noise."""


@dataclass(frozen=True)
class BodyOptions:
    """What is made, and on which grids. Both grids cover the same field, so the size sets the spacing.

    Attributes:
        pet_shape: PET voxels along (z, y, x); the default is 5 × 4 × 4 mm.
        ct_shape: CT voxels along (z, y, x); the default is 4 × 2.75 × 2.75 mm. None makes no CT.
        lesions: Names of lesions to include, from `LESIONS`; None includes all but ``bladder-node``.
        imaging: Blur and noise of the scanner.
    """

    pet_shape: tuple[int, int, int] = (192, 176, 176)
    ct_shape: tuple[int, int, int] | None = (240, 256, 256)
    lesions: tuple[str, ...] | None = None
    imaging: Imaging = SCANNER


class _Tissue(NamedTuple):
    """What a shape is filled with."""

    suv: float
    hu: float
    organ: str = ""


def _ellipsoid(name: str, centre: Point, half: Point, tissue: _Tissue) -> Shape:
    return Shape(name, "ellipsoid", centre, half, *tissue)


def _column(name: str, at: tuple[float, float], radii: tuple[float, float], z: Span, tissue: _Tissue) -> Shape:
    """An upright elliptic cylinder from z[0] to z[1]."""
    return Shape(name, "cylinder", (*at, (z[0] + z[1]) / 2), (*radii, (z[1] - z[0]) / 2), *tissue)


def _tube(name: str, start: Point, end: Point, radius: float, tissue: _Tissue) -> Shape:
    """A round cylinder between two points."""
    axis = (end[0] - start[0], end[1] - start[1], end[2] - start[2])
    centre = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, (start[2] + end[2]) / 2)
    return Shape(name, "cylinder", centre, (radius, radius, math.hypot(*axis) / 2), *tissue, axis=axis)


_FAT = _Tissue(0.3, -100)
_MUSCLE = _Tissue(0.7, 50, "muscle")
_MARROW = _Tissue(1.3, 350, "marrow")
_BLOOD = _Tissue(1.4, 45, "aorta")
_LIVER = _Tissue(2.0, 60, "liver")
_URINE = _Tissue(10.0, 10, "ureters")
_LEFT, _RIGHT = 1, -1


def _trunk() -> tuple[Shape, ...]:
    """Skin to muscle."""
    segments: tuple[tuple[str, tuple[float, float], tuple[float, float], Span, float], ...] = (
        ("thorax", (0, 0), (165, 115), (235, 540), 15),
        ("abdomen", (0, 0), (155, 110), (20, 260), 20),
        ("pelvis", (0, 0), (170, 115), (-90, 60), 22),
        ("neck", (0, 5), (60, 62), (520, 610), 8),
        ("left thigh", (88, 0), (84, 84), (-400, -60), 16),
        ("right thigh", (-88, 0), (84, 84), (-400, -60), 16),
        ("left arm", (222, 10), (42, 42), (20, 520), 8),
        ("right arm", (-222, 10), (42, 42), (20, 520), 8),
    )
    skin = [_column(name, at, radii, z, _FAT) for name, at, radii, z, _ in segments]
    muscle = [
        _column(f"{name} muscle", at, (radii[0] - rim, radii[1] - rim), z, _MUSCLE)
        for name, at, radii, z, rim in segments
    ]
    shoulders = _ellipsoid("shoulders", (0, 5, 520), (235, 80, 55), _FAT)
    head = _ellipsoid("head", (0, -5, 690), (82, 102, 107), _Tissue(0.7, 40))
    return (*skin, shoulders, head, *muscle, _ellipsoid("shoulder muscle", (0, 5, 520), (222, 68, 45), _MUSCLE))


def _skeleton(side: int) -> tuple[Shape, ...]:
    return (
        _ellipsoid("ilium", (side * 88, 40, 25), (45, 18, 55), _MARROW),
        _tube("femur", (side * 95, 0, -40), (side * 80, 0, -400), 15, _MARROW),
        _ellipsoid("femoral head", (side * 90, 5, -35), (24, 24, 24), _MARROW),
        _column("humerus", (side * 222, 10), (11, 11), (30, 500), _Tissue(0.9, 450)),
    )


def _head_and_spine() -> tuple[Shape, ...]:
    return (
        _ellipsoid("skull", (0, -5, 715), (75, 93, 80), _Tissue(1.0, 900)),
        _ellipsoid("brain", (0, -5, 720), (66, 84, 66), _Tissue(9.0, 35, "brain")),
        _ellipsoid("white matter", (0, -5, 722), (34, 52, 34), _Tissue(6.0, 30, "brain")),
        _column("spine", (0, 62), (19, 19), (-20, 560), _Tissue(1.6, 250, "marrow")),
    )


def _neck(side: int) -> tuple[Shape, ...]:
    return (
        _ellipsoid("parotid", (side * 52, 10, 618), (11, 14, 20), _Tissue(2.2, 20, "head_glands")),
        _ellipsoid("tonsil", (side * 17, -20, 610), (6, 7, 10), _Tissue(3.2, 40, "tonsils")),
        _ellipsoid("thyroid lobe", (side * 20, -25, 548), (9, 10, 20), _Tissue(1.6, 100, "thyroid")),
    )


def _chest() -> tuple[Shape, ...]:
    lung = _Tissue(0.5, -800, "lungs")
    return (
        *(_ellipsoid("lung", (side * 82, 0, 400), (56, 82, 125), lung) for side in (_LEFT, _RIGHT)),
        _column("mediastinum", (0, -10), (32, 70), (285, 500), _Tissue(1.0, 20)),
        _column("trachea", (0, -8), (8, 8), (440, 600), _Tissue(0.4, -1000)),
        _ellipsoid("right heart", (0, -45, 330), (40, 38, 45), _Tissue(1.5, 45, "heart")),
        _ellipsoid("left ventricle", (45, -35, 330), (40, 40, 48), _Tissue(7.0, 50, "heart")),
        _ellipsoid("left ventricular cavity", (45, -35, 330), (28, 28, 36), _Tissue(1.5, 45, "heart")),
        _column("ascending aorta", (-14, -20), (15, 15), (370, 440), _BLOOD),
        _tube("aortic arch", (-14, -20, 445), (22, 32, 445), 13, _BLOOD),
        _column("descending aorta", (22, 34), (12, 12), (40, 455), _BLOOD),
    )


def _belly() -> tuple[Shape, ...]:
    loops: tuple[Point, ...] = ((-40, -50, 110), (0, -55, 90), (40, -50, 115), (-30, -45, 65), (30, -50, 60))
    return (
        _column("visceral fat", (0, -15), (110, 55), (40, 230), _Tissue(0.4, -100)),
        _ellipsoid("liver", (-68, -8, 215), (72, 76, 75), _LIVER),
        _ellipsoid("left liver lobe", (8, -45, 232), (60, 38, 38), _LIVER),
        _ellipsoid("spleen", (103, 28, 232), (27, 42, 52), _Tissue(1.7, 50, "spleen")),
        _ellipsoid("stomach", (62, -35, 200), (38, 34, 36), _Tissue(1.8, 20, "stomach")),
        *(_ellipsoid("loop", at, (26, 18, 16), _Tissue(1.5, 20, "bowel")) for at in loops),
        _column("ascending colon", (-95, -10), (20, 20), (50, 130), _Tissue(2.2, -50, "bowel")),
        _column("descending colon", (98, 5), (16, 16), (40, 160), _Tissue(1.8, -50, "bowel")),
        _ellipsoid("prostate", (0, -10, -38), (22, 18, 17), _Tissue(1.8, 40, "prostate")),
        _ellipsoid("bladder", (0, -25, 8), (38, 33, 32), _Tissue(20.0, 5, "bladder")),
    )


def _kidney(side: int, z: float) -> tuple[Shape, ...]:
    """A kidney with its hot pelvis and a ureter that is seen in two pieces, as urine passes in waves."""
    return (
        _ellipsoid("kidney", (side * 68, 52, z), (28, 27, 54), _Tissue(3.0, 32, "kidneys")),
        _ellipsoid("renal pelvis", (side * 54, 48, z), (10, 11, 18), _Tissue(16.0, 10, "kidneys")),
        _tube("upper ureter", (side * 46, 44, z - 20), (side * 38, 36, 82), 3.5, _URINE),
        _tube("lower ureter", (side * 38, 30, 60), (side * 22, -5, 22), 3.0, _URINE),
    )


def _lesion(name: str, centre: Point, half: Point, suv: float) -> Shape:
    return Shape(name, "ellipsoid", centre, half, suv, 40.0, lesion=True)


LESIONS = {
    s.name: s
    for s in (
        _lesion("cervical-left", (40, 15, 570), (10, 10, 12), 8.0),
        _lesion("mediastinal", (-2, -42, 460), (24, 20, 26), 12.0),
        _lesion("para-aortic", (-14, 22, 82), (14, 12, 25), 10.0),
        _lesion("inguinal-right", (-80, -62, -55), (11, 11, 11), 7.0),
        _lesion("spleen-focus", (108, 26, 240), (12, 12, 12), 9.0),
        _lesion("axillary-left", (140, 5, 500), (10, 10, 14), 6.5),
        _lesion("bladder-node", (46, -25, 8), (12, 12, 15), 9.0),
    )
}
"""Lesions that can be put in, by name; ``bladder-node`` lies against the bladder and dents it."""


def body_shapes(lesions: tuple[str, ...] | None = None) -> tuple[Shape, ...]:
    """The table of the body, from skin to lesions.

    Args:
        lesions: Names from `LESIONS`; None for all but ``bladder-node``.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for an unknown lesion.
    """
    names = tuple(n for n in LESIONS if n != "bladder-node") if lesions is None else lesions
    for name in names:
        if name not in LESIONS:
            raise unknown_name("lesion", name, LESIONS)
    both = (_LEFT, _RIGHT)
    return (
        *_trunk(),
        *(shape for side in both for shape in _skeleton(side)),
        *_head_and_spine(),
        *(shape for side in both for shape in _neck(side)),
        *_chest(),
        *_belly(),
        *_kidney(_LEFT, 140.0),
        *_kidney(_RIGHT, 125.0),
        *(LESIONS[name] for name in names),
    )


def body_grid(shape: tuple[int, int, int], frame: str | None = None) -> Geometry:
    """A grid of that many voxels over the whole field."""
    z, y, x = (f / n for f, n in zip(FIELD_MM, shape, strict=True))
    origin = (-FIELD_MM[2] / 2 + x / 2, -FIELD_MM[1] / 2 + y / 2, LOWEST_MM + z / 2)
    return Geometry.axial(shape, (z, y, x), origin, frame)


def body_phantom(options: BodyOptions | None = None) -> Phantom:
    """A PET/CT examination of the body, with the truth about its lesions and organs.

    Args:
        options: Sizes, lesions and imaging; the defaults when None.
    """
    options = options or BodyOptions()
    shapes = body_shapes(options.lesions)
    pet = image(shapes, body_grid(options.pet_shape), options.imaging)
    ct = None if options.ct_shape is None else ct_image(shapes, body_grid(options.ct_shape), options.imaging)
    return assemble(shapes, pet, ct, "body phantom")
