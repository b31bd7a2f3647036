"""One examination of one patient, as the rest of the house sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from lymphoscope.core.errors import Message
from lymphoscope.core.volume import LesionMask, Volume


@dataclass(frozen=True)
class Patient:
    """Facts about the patient that a calculation may need. No name, no number."""

    sex: str | None = None
    """``M``, ``F``, ``O`` or None."""
    age_years: float | None = None
    weight_kg: float | None = None
    height_m: float | None = None


@dataclass(frozen=True, repr=False)
class Identity:
    """Who the patient is. Goes on the report when the user asks for it, and nowhere else."""

    name: str = ""
    patient_id: str = ""
    birth_date: str = ""
    accession: str = ""
    referrer: str = ""

    def __repr__(self) -> str:
        """Tell nothing, so that no log can."""
        return "Identity(withheld)"


@dataclass(frozen=True)
class SeriesFact:
    """A series that was found, and what became of it.

    Attributes:
        uid: Series instance UID; empty for files without one.
        modality: ``PT``, ``CT``, …
        description: Series description as written.
        count: Number of slices or files.
        role: ``pet``, ``ct`` or empty when refused.
        why: The reason it was taken or refused, in words.
        code: Message code of a refusal, or empty.
    """

    uid: str
    modality: str
    description: str
    count: int
    role: str
    why: str
    code: str = ""


@dataclass(frozen=True)
class SuvAudit:
    """How SUV was computed: every fact used, every alternative, every override.

    Times are scanner wall-clock date-times; `candidates` maps each rule that could give the decay reference
    to (time, relative SUV change if it were used instead of the chosen one).
    """

    branch: str
    """Formula used, such as ``BQML/START``, ``CNTS/philips-suv``, ``declared``."""
    units: str = ""
    decay_correction: str = ""
    factor_min: float | None = None
    factor_max: float | None = None
    t_ref: datetime | None = None
    t_ref_source: str = ""
    candidates: Mapping[str, tuple[datetime, float]] = field(default_factory=dict)
    t_inj: datetime | None = None
    t_inj_source: str = ""
    uptake_min: float | None = None
    dose_bq: float | None = None
    half_life_s: float | None = None
    nuclide: str = ""
    tracer: str = ""
    fdg: bool | None = None
    """Whether the tracer is FDG; None when it is not named."""
    weight_kg: float | None = None
    height_m: float | None = None
    sex: str | None = None
    multipliers: Mapping[str, float] = field(default_factory=dict)
    """What SUVbw is multiplied by for another normalisation, by DICOM-style name (``LBMJANMA``, ``LBM``,
    ``LBMJAMES128``, ``BSA``, ``IBW``); absent when weight or height is missing, and the mean of the male and the
    female value when the sex is."""
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """An aligned or not yet aligned examination.

    Attributes:
        volumes: ``pet`` (SUVbw, native PET grid) and, when there is one, ``ct`` (HU, its own grid).
        patient: Facts for calculations.
        identity: Who it is; withheld from logs.
        suv: Audit record of the SUV.
        series: All series found, with what became of them.
        scanner: Manufacturer, model, reconstruction and similar facts as strings.
        scanned: Date and time of the PET acquisition, or None.
        uid_hash: First 16 hex digits of SHA-256 of the study UID (or of the file contents without one).
        organs: Organ label map on its own grid with names by label, when the user has one.
        messages: What was noted while reading.
    """

    volumes: Mapping[str, Volume]
    patient: Patient = Patient()
    identity: Identity = Identity()
    suv: SuvAudit = SuvAudit(branch="declared")
    series: tuple[SeriesFact, ...] = ()
    scanner: Mapping[str, str] = field(default_factory=dict)
    scanned: datetime | None = None
    uid_hash: str = ""
    organs: OrganMap | None = None
    messages: tuple[Message, ...] = ()

    def __post_init__(self) -> None:
        """Make the mappings read-only."""
        object.__setattr__(self, "volumes", MappingProxyType(dict(self.volumes)))
        object.__setattr__(self, "scanner", MappingProxyType(dict(self.scanner)))

    @property
    def pet(self) -> Volume:
        """The PET, SUVbw on its native grid."""
        return self.volumes["pet"]

    @property
    def ct(self) -> Volume | None:
        """The CT in HU, or None."""
        return self.volumes.get("ct")

    def noting(self, *messages: Message) -> Study:
        """The same study with more messages."""
        return replace(self, messages=(*self.messages, *(m for m in messages if m not in self.messages)))


@dataclass(frozen=True, eq=False)
class OrganMap:
    """Organ labels with names.

    Attributes:
        mask: Label map on any grid.
        names: Label number → organ name in the words of `ORGANS`.
    """

    mask: LesionMask
    names: Mapping[int, str]


ORGANS = (
    "brain", "head_glands", "thyroid", "lungs", "heart", "aorta", "liver", "spleen", "stomach", "bowel",
    "kidneys", "ureters", "bladder", "prostate", "marrow", "muscle", "brown_fat", "tonsils", "injection_site",
)  # fmt: skip
"""The words for places of physiological uptake, used in organ maps, removal records and reports alike."""
