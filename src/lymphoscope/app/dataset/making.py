"""How cases are made, and what their files are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lymphoscope.app.dataset.masks import Wanted
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.image.intensity import NORMALISATIONS

CT_FILE, PET_FILE, LABELS_FILE, CASE_FILE, PICTURE_FILE = (
    "ct.nii.gz",
    "pet.nii.gz",
    "labels.nii.gz",
    "case.json",
    "check.png",
)
NORMALISED = {"ct-normalised.nii.gz": CT_FILE, "pet-normalised.nii.gz": PET_FILE}
"""Files of normalised images, and of what they are."""
CANDIDATES_FILE = "candidates.nii.gz"
CASE_NAMES = (CT_FILE, PET_FILE, LABELS_FILE, CASE_FILE, PICTURE_FILE, *NORMALISED, CANDIDATES_FILE)
"""All that a case may hold."""

PET_GRID, CT_GRID = "pet", "ct"
MOST_SMOOTHING_MM = 20.0
LESION_ML = 0.5, 5.0, 50.0
"""Borders of the classes of lesion size that a data set tells of, mL."""


@dataclass(frozen=True)
class Making:
    """How cases are made.

    Attributes:
        grid: Whose grid all images come to: ``pet``, on which everything is measured here, or ``ct``.
        register: ``rigid`` or ``deformable``: register every CT to its PET; empty: only one of another frame of
            reference, rigidly.
        masks: Which masks count, and what several come to.
        research_tracer: Take other tracers than FDG.
        smooth_mm: Full width at half maximum of a Gaussian filter of the PET, mm; 0 for none.
        normalise: Name in `NORMALISATIONS`; empty for SUV and HU.
        candidates: Write the regions that the rules find, beside the labels.
        deface: Blank the front of the face in PET and CT.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` or ``USE-E-NAME`` for what cannot be.
    """

    grid: str = PET_GRID
    register: str = ""
    masks: Wanted = field(default_factory=Wanted)
    research_tracer: bool = False
    smooth_mm: float = 0.0
    normalise: str = ""
    candidates: bool = False
    deface: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.grid not in (PET_GRID, CT_GRID):
            raise LymphoscopeError("USE-E-VALUE", "the grid is pet or ct", "--grid")
        if not 0 <= self.smooth_mm <= MOST_SMOOTHING_MM:
            raise LymphoscopeError("USE-E-VALUE", f"smoothing is 0 to {MOST_SMOOTHING_MM:g} mm", "--smooth")
        if self.normalise not in ("", *NORMALISATIONS):
            raise LymphoscopeError(
                "USE-E-NAME", f"images are normalised by {' or '.join(NORMALISATIONS)}", "--normalise"
            )

    def names(self, marked: bool) -> tuple[str, ...]:
        """Files of a case, with a mask or without."""
        absent = {*(() if self.normalise else NORMALISED), *(() if self.candidates else (CANDIDATES_FILE,))}
        return tuple(name for name in CASE_NAMES if name not in absent and (marked or name != LABELS_FILE))

    @property
    def images(self) -> Mapping[str, str]:
        """File by role of the images that the data set takes; normalised ones are no SUV and no HU, and named so."""
        if self.normalise:
            return dict(zip(("ct:normalised", "pet:normalised"), NORMALISED, strict=True))
        return {"ct:hu": CT_FILE, "pet:suv": PET_FILE}
