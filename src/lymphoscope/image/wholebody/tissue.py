"""What a whole-body phantom is made of: a table of tissues, and the body being painted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lymphoscope.image.wholebody.frame import Frame
from lymphoscope.image.wholebody.paint import Stroke


class Tissue(IntEnum):
    """Kinds of tissue; the number stands in the tissue map."""

    AIR = 0
    FAT = auto()
    MUSCLE = auto()
    LUNG = auto()
    MARROW = auto()
    FAR_MARROW = auto()
    COMPACT = auto()
    DISC = auto()
    CORD = auto()
    GREY = auto()
    WHITE = auto()
    CEREBELLUM = auto()
    CSF = auto()
    LIVER = auto()
    SPLEEN = auto()
    RENAL_CORTEX = auto()
    MEDULLA = auto()
    RENAL_PELVIS = auto()
    URETER = auto()
    URINE = auto()
    ARTERY = auto()
    VEIN = auto()
    HEART_BLOOD = auto()
    MYOCARDIUM = auto()
    STOMACH_WALL = auto()
    STOMACH_LUMEN = auto()
    SMALL_BOWEL = auto()
    COLON = auto()
    STOOL = auto()
    PANCREAS = auto()
    GALLBLADDER = auto()
    OESOPHAGUS = auto()
    AIRWAY = auto()
    THYROID = auto()
    PAROTID = auto()
    SALIVARY = auto()
    TONSIL = auto()
    LINGUAL = auto()
    PALATE = auto()
    TONGUE = auto()
    VOCAL = auto()
    PROSTATE = auto()
    TESTIS = auto()
    UTERUS = auto()
    ENDOMETRIUM = auto()
    OVARY = auto()
    BREAST = auto()
    THYMUS = auto()
    BROWN_FAT = auto()
    INJECTION = auto()
    LESION = auto()
    NECROSIS = auto()
    LOOKALIKE = auto()


class Nature(NamedTuple):
    """Lasting facts about a tissue.

    Attributes:
        organ: Word of `ORGANS`, ``other`` for physiological uptake without one, or empty.
        hu: CT number without contrast.
        enhanced: CT number in the portal venous phase.
        grain: σ of the lognormal spread of true uptake inside the tissue.
        moves: Whether it moves with breathing.
        density: g/mL.
    """

    organ: str
    hu: float
    enhanced: float
    grain: float = 0.08
    moves: bool = False
    density: float = 1.05


NATURE: dict[Tissue, Nature] = {
    Tissue.AIR: Nature("", -1000, -1000, 0.0, density=0.0),
    Tissue.FAT: Nature("", -100, -100, 0.25, density=0.92),
    Tissue.MUSCLE: Nature("muscle", 50, 62, 0.22),
    Tissue.LUNG: Nature("lungs", -810, -800, 0.12, True, 0.26),
    Tissue.MARROW: Nature("marrow", 170, 190, 0.10, density=1.15),
    Tissue.FAR_MARROW: Nature("marrow", 130, 140, 0.15, density=1.1),
    Tissue.COMPACT: Nature("", 600, 600, 0.1, density=1.6),
    Tissue.DISC: Nature("", 80, 85),
    Tissue.CORD: Nature("", 35, 40),
    Tissue.GREY: Nature("brain", 39, 42, 0.06),
    Tissue.WHITE: Nature("brain", 29, 31, 0.08),
    Tissue.CEREBELLUM: Nature("brain", 39, 42, 0.08),
    Tissue.CSF: Nature("", 6, 6),
    Tissue.LIVER: Nature("liver", 55, 111, 0.05, True),
    Tissue.SPLEEN: Nature("spleen", 45, 120, 0.05, True),
    Tissue.RENAL_CORTEX: Nature("kidneys", 32, 180, 0.12, True),
    Tissue.MEDULLA: Nature("kidneys", 30, 160, 0.18, True),
    Tissue.RENAL_PELVIS: Nature("kidneys", 8, 30, 0.15, True),
    Tissue.URETER: Nature("ureters", 10, 60, 0.15),
    Tissue.URINE: Nature("bladder", 5, 8, 0.02),
    Tissue.ARTERY: Nature("aorta", 42, 150, 0.03),
    Tissue.VEIN: Nature("", 42, 140, 0.03),
    Tissue.HEART_BLOOD: Nature("heart", 42, 140, 0.04, True),
    Tissue.MYOCARDIUM: Nature("heart", 50, 110, 0.08, True),
    Tissue.STOMACH_WALL: Nature("stomach", 42, 85, 0.2, True),
    Tissue.STOMACH_LUMEN: Nature("stomach", 15, 18, 0.1, True),
    Tissue.SMALL_BOWEL: Nature("bowel", 25, 55, 0.2),
    Tissue.COLON: Nature("bowel", 35, 60, 0.2),
    Tissue.STOOL: Nature("bowel", -60, -60, 0.1),
    Tissue.PANCREAS: Nature("", 38, 95, 0.1, True),
    Tissue.GALLBLADDER: Nature("", 10, 12, 0.05, True),
    Tissue.OESOPHAGUS: Nature("", 35, 60, 0.15),
    Tissue.AIRWAY: Nature("", -980, -980, 0.0, density=0.0),
    Tissue.THYROID: Nature("thyroid", 100, 160, 0.1),
    Tissue.PAROTID: Nature("head_glands", 10, 60, 0.12),
    Tissue.SALIVARY: Nature("head_glands", 40, 85, 0.12),
    Tissue.TONSIL: Nature("tonsils", 45, 80, 0.1),
    Tissue.LINGUAL: Nature("tonsils", 45, 75, 0.15),
    Tissue.PALATE: Nature("tonsils", 45, 70, 0.15),
    Tissue.TONGUE: Nature("muscle", 50, 65, 0.15),
    Tissue.VOCAL: Nature("muscle", 50, 60, 0.15),
    Tissue.PROSTATE: Nature("prostate", 40, 70, 0.1),
    Tissue.TESTIS: Nature("other", 30, 45, 0.08),
    Tissue.UTERUS: Nature("other", 45, 95, 0.12),
    Tissue.ENDOMETRIUM: Nature("other", 35, 60, 0.1),
    Tissue.OVARY: Nature("other", 35, 55, 0.1),
    Tissue.BREAST: Nature("other", -20, 0, 0.2, density=0.98),
    Tissue.THYMUS: Nature("other", 40, 60, 0.12),
    Tissue.BROWN_FAT: Nature("brown_fat", -70, -65, 0.3, density=0.95),
    Tissue.INJECTION: Nature("injection_site", 40, 45, 0.3),
    Tissue.LESION: Nature("", 42, 80, 0.0),
    Tissue.NECROSIS: Nature("", 20, 22, 0.0),
    Tissue.LOOKALIKE: Nature("", 45, 75, 0.1),
}
"""CT numbers, spread and names by tissue; uptake is drawn for each body (see `wholebody.uptake`)."""


def column(name: str) -> NDArray[np.float32]:
    """One numeric column of `NATURE`, indexed by tissue number."""
    return np.array([float(getattr(NATURE[t], name)) for t in Tissue], np.float32)


@dataclass(frozen=True, eq=False)
class Overlay:
    """A small thing laid over the body with soft edges.

    Attributes:
        stroke: Where and how much.
        tissue: What.
        gain: Uptake relative to the tissue's level, a number or one per voxel of the box.
    """

    stroke: Stroke
    tissue: Tissue
    gain: float | NDArray[np.float32] = 1.0


@dataclass(eq=False)
class Body:
    """A body while it is painted.

    Attributes:
        frame: Where things are.
        tissue: Tissue numbers, (z, y, x) uint8.
        gain: Uptake relative to the tissue's level.
        depth: Distance under the skin, mm; 0 outside.
        overlays: Small things with soft edges, in the order they were laid.
        anchors: Named LPS points and lines that later steps need.
        sex: ``M`` or ``F``.
        age: Years.
        bmi: Drawn body mass index, kg/m².
    """

    frame: Frame
    tissue: NDArray[np.uint8]
    gain: NDArray[np.float32]
    depth: NDArray[np.float32]
    sex: str
    age: float
    bmi: float
    overlays: list[Overlay] = field(default_factory=list)
    anchors: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def free(self, *kinds: Tissue) -> NDArray[np.bool_]:
        """Voxels of the kinds named; fat without any."""
        return np.asarray(np.isin(self.tissue, [int(k) for k in kinds or (Tissue.FAT,)]))

    def fill(self, stroke: Stroke, tissue: Tissue, over: tuple[Tissue, ...] = (Tissue.FAT, Tissue.MUSCLE)) -> None:
        """Set the solid part of a stroke to a tissue where one of `over` is now."""
        view = self.tissue[stroke.box]
        view[stroke.solid & np.isin(view, [int(t) for t in over])] = int(tissue)

    def lay(
        self,
        stroke: Stroke,
        tissue: Tissue,
        gain: float | NDArray[np.float32] = 1.0,
        keep: tuple[Tissue, ...] = (Tissue.AIR,),
    ) -> None:
        """Lay a soft-edged thing over the body, leaving the tissues in `keep` as they are."""
        view = self.tissue[stroke.box]
        cover = stroke.cover * ~np.isin(view, [int(t) for t in keep])
        view[cover >= 0.5] = int(tissue)
        self.overlays.append(Overlay(Stroke(stroke.box, cover.astype(np.float32), stroke.along), tissue, gain))
