"""What a run is told: checked, complete, and the only file that reads the environment."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.registry import unknown_name
from lymphoscope.core.study import ORGANS
from lymphoscope.recipes.classical import DEFAULT, METHODS

if TYPE_CHECKING:
    from lymphoscope.io.deid.study import Choice
    from lymphoscope.io.intake import LoadOptions

CONNECTIVITIES = (6, 18, 26)
SEXES = ("M", "F", "O")


def environment_with(names: Mapping[str, str]) -> dict[str, str]:
    """The environment for another program, with some names set in it."""
    return {**os.environ, **names}


COMPONENT, SEGMENT = "component", "segment"


@dataclass(frozen=True)
class DrawnChoice:
    """Lesions that were drawn elsewhere.

    Attributes:
        mask: The file: DICOM segmentation, RT structure set or NIfTI label map.
        segments: Numbers or names of the segments to take; all when empty.
        lesion: What counts as one lesion: a connected ``component`` of all that is taken, or a ``segment``.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` when `lesion` is neither.
    """

    mask: Path
    segments: tuple[str, ...] = ()
    lesion: str = COMPONENT

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.lesion not in (COMPONENT, SEGMENT):
            raise LymphoscopeError("USE-E-VALUE", "a lesion is a component or a segment", "--lesion")


@dataclass(frozen=True)
class NetworkChoice:
    """Stored models that draw the lesions.

    Attributes:
        name: Its name in the store; of several, separated by commas, the union is taken.
        budget: How much of it is computed: ``glance``, ``fast``, ``standard`` or ``full``.
        store: Where models are kept.
        device: ``cpu`` or ``cuda``.
    """

    name: str
    budget: str
    store: Path
    device: str = "cpu"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(dict.fromkeys(word.strip() for word in self.name.split(",")))


@dataclass(frozen=True)
class RunSettings:
    """Everything that a run of one study depends on, besides the study.

    Attributes:
        load: How the study is read: series choice, SUV overrides, organ masks.
        method: Method id that the reported TMTV is made by.
        all_methods: Give the TMTV by every method beside it.
        connectivity: Neighbours of a voxel: 6, 18 or 26.
        min_volume_ml: Smallest region kept at preselection, mL.
        identify: Print name, number and birth date on the report; they are left out otherwise.
        force: Replace the output folder if there is one.
        dicom: Write DICOM objects, where the PET came as DICOM.
        parametric_map: Write SUV as a DICOM parametric map too.
        drawn: Lesions drawn elsewhere; they take the place of the method.
        network: A stored model; it takes the place of the method, whose rules verify it.
        prognosis: A run whose networks foretell an outcome.
        second_look: Let the network that comes with the program look at the rules' decisions.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` or ``USE-E-NAME`` for a setting that cannot be.
    """

    load: LoadOptions = field(default_factory=lambda: load_options({}))
    method: str = DEFAULT
    all_methods: bool = False
    connectivity: int = 18
    min_volume_ml: float = 3.0
    identify: bool = False
    force: bool = False
    dicom: bool = True
    parametric_map: bool = False
    drawn: DrawnChoice | None = None
    network: NetworkChoice | None = None
    prognosis: Path | None = None
    second_look: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.connectivity not in CONNECTIVITIES:
            raise LymphoscopeError(
                "USE-E-VALUE", f"connectivity is 6, 18 or 26, not {self.connectivity}", "--connectivity"
            )
        if not (math.isfinite(self.min_volume_ml) and 0 <= self.min_volume_ml <= 1000):
            raise LymphoscopeError(
                "USE-E-VALUE",
                f"the smallest volume is between 0 and 1000 mL, not {self.min_volume_ml:g}",
                "--min-volume-ml",
            )
        METHODS[self.method]  # refuses a name that nobody knows

    def as_record(self) -> dict[str, Any]:
        """The settings that the numbers depend on, for the record; no path and nobody's name."""
        drawn = {} if self.drawn is None else {"method": "drawn", "lesion": self.drawn.lesion, "min_volume_ml": 0.0}
        if self.network is not None:
            drawn |= {
                "method": "network",
                "model": self.network.name,
                "budget": self.network.budget,
                "device": self.network.device,
            }
        return {
            "method": self.method,
            "all_methods": self.all_methods,
            "connectivity": self.connectivity,
            "min_volume_ml": self.min_volume_ml,
            "suv_declared": self.load.suv,
            "research_tracer": self.load.research_tracer,
            "organs_given": self.load.organs is not None,
            "second_look": self.second_look and self.drawn is None and self.network is None,
            **drawn,
        }


@dataclass(frozen=True)
class Range:
    """A quantity that a user can state: its range and the unit it is often given in by mistake.

    Attributes:
        option: Name of the option.
        unit: Unit of the option.
        low: Smallest value accepted.
        high: Largest value accepted.
        slips: Factors from the units that are given by mistake, tried in turn, to suggest what may have been meant.
    """

    option: str
    unit: str
    low: float
    high: float
    slips: tuple[float, ...]

    def checked(self, value: float | None) -> float | None:
        """The value if it is possible.

        Raises:
            LymphoscopeError: ``USE-E-VALUE``, with what may have been meant.
        """
        if value is None or (math.isfinite(value) and self.low <= value <= self.high):
            return value
        meant = [value * slip for slip in self.slips if self.low <= value * slip <= self.high]
        raise LymphoscopeError(
            "USE-E-VALUE",
            f"{value:g} {self.unit} is not between {self.low:g} and {self.high:g}",
            self.option,
            f"Did you mean {self.option} {meant[0]:g}?" if meant else f"Give it in {self.unit}.",
        )


WEIGHT = Range("--weight-kg", "kg", 2, 350, (1e-3,))
HEIGHT = Range("--height-m", "m", 0.4, 2.5, (1e-2, 1e-3))
DOSE = Range("--dose-mbq", "MBq", 1, 5000, (1e-6, 1e3, 37.0))


def sex_of(text: str | None) -> str | None:
    """Read ``M``, ``F`` or ``O`` from what a user wrote.

    Raises:
        LymphoscopeError: ``USE-E-VALUE``.
    """
    if text is None:
        return None
    letter = text.strip().upper()
    letter = {"MALE": "M", "FEMALE": "F", "OTHER": "O", "MAN": "M", "WOMAN": "F"}.get(letter, letter)
    if letter not in SEXES:
        raise LymphoscopeError("USE-E-VALUE", "sex is M, F or O", "--sex")
    return letter


def moment_of(text: str | None, option: str) -> datetime | None:
    """Read a date with a time in ISO 8601, scanner wall clock.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` when it is not one, has no time of day, or has a time zone.
    """
    if text is None:
        return None
    fix = f"Write date and time as on the scanner's clock: {option} 2026-03-11T09:05:00."
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise LymphoscopeError("USE-E-VALUE", "this is not a date with a time", option, fix) from None
    if moment.tzinfo is not None:
        raise LymphoscopeError("USE-E-VALUE", "a time zone was given", option, fix)
    if len(text.strip()) <= len("2026-03-11"):
        raise LymphoscopeError("USE-E-VALUE", "the time of day is missing", option, fix)
    return moment


def organ_names_of(text: str | None) -> Mapping[int, str] | None:
    """Read which label of an organ map is which organ.

    Args:
        text: ``1=spleen,3=liver``, or the name of a JSON file with ``{"1": "spleen", "3": "liver"}``.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` when it cannot be read, ``USE-E-NAME`` for an organ that is not known.
    """
    if text is None:
        return None
    fix = "Write --organ-names 1=spleen,3=liver or name a JSON file with the same."
    try:
        pairs = _pairs_in(text)
        names = {int(label): str(organ).strip() for label, organ in pairs.items()}
    except (ValueError, OSError, AttributeError):
        raise LymphoscopeError("USE-E-VALUE", "the names of the organs cannot be read", "--organ-names", fix) from None
    if min(names, default=0) < 1:
        raise LymphoscopeError("USE-E-VALUE", "labels are whole numbers from 1", "--organ-names", fix)
    for organ in names.values():
        if organ not in ORGANS:
            raise unknown_name("organ", organ, dict.fromkeys(ORGANS))
    return MappingProxyType(names)


def _pairs_in(text: str) -> dict[str, str]:
    if "=" not in text:
        pairs: dict[str, str] = json.loads(Path(text).read_text(encoding="utf-8"))
        return pairs
    return dict(part.split("=", 1) for part in text.split(",") if part.strip())


def load_options(words: Mapping[str, Any]) -> LoadOptions:
    """How a study is read, from the words of the command line (absent ones are defaults).

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` or ``USE-E-NAME`` for a word that cannot be.
    """
    from lymphoscope.io.intake import LoadOptions  # noqa: PLC0415 - slow to load, and doctor must work without
    from lymphoscope.io.suv import SuvOverrides  # noqa: PLC0415

    overrides = SuvOverrides(
        weight_kg=WEIGHT.checked(words.get("weight_kg")),
        height_m=HEIGHT.checked(words.get("height_m")),
        sex=sex_of(words.get("sex")),
        dose_mbq=DOSE.checked(words.get("dose_mbq")),
        injection_time=moment_of(words.get("injection_time"), "--injection-time"),
        reference_time=moment_of(words.get("reference_time"), "--reference-time"),
    )
    names = ("suv", "pet_series", "ct_series", "ct", "organs", "research_tracer")
    given = {name: words[name] for name in names if words.get(name)}
    return LoadOptions(overrides=overrides, organ_names=organ_names_of(words.get("organ_names")), **given)


def run_settings(words: Mapping[str, Any]) -> RunSettings:
    """Everything a run depends on, from the words of the command line (absent ones are defaults).

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` or ``USE-E-NAME`` for a word that cannot be.
    """
    names = (
        "method", "all_methods", "connectivity", "min_volume_ml", "identify", "force", "dicom", "parametric_map",
        "prognosis", "second_look",
    )  # fmt: skip
    given = {name: words[name] for name in names if name in words}
    if given.get("prognosis") is not None:
        given["prognosis"] = given["prognosis"].absolute()
    return RunSettings(load=load_options(words), drawn=_drawn_choice(words), network=_network_choice(words), **given)


def _network_choice(words: Mapping[str, Any]) -> NetworkChoice | None:
    if words.get("model") is None:
        for word in ("budget", "device"):
            if words.get(word) is not None:
                raise LymphoscopeError("USE-E-VALUE", f"a {word} is of a model", f"--{word}", "Add --model NAME.")
        return None
    store = (words.get("store") or models_folder()).absolute()
    return NetworkChoice(str(words["model"]), words.get("budget") or "standard", store, words.get("device") or "cpu")


def _drawn_choice(words: Mapping[str, Any]) -> DrawnChoice | None:
    if words.get("mask") is None:
        return None
    segments = words.get("segments") or ()
    parts = segments.split(",") if isinstance(segments, str) else map(str, segments)
    chosen = tuple(part.strip() for part in parts if part.strip())
    return DrawnChoice(Path(words["mask"]), chosen, words.get("lesion", COMPONENT))


def deid_choice(words: Mapping[str, Any]) -> Choice:
    """What the user decides about de-identification, from the words of the command line.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` when the file of words cannot be read.
    """
    from lymphoscope.io.deid.study import Choice  # noqa: PLC0415 - slow to load, and not every verb needs it

    if words["words"] is None:
        return Choice(words["secondary"], deface=words["deface"])
    try:
        lines = words["words"].read_text("utf-8").split()
    except (OSError, ValueError):
        raise LymphoscopeError("USE-E-VALUE", "the file of words cannot be read", "--words") from None
    return Choice(words["secondary"], tuple(sorted({line.upper() for line in lines})), words["deface"])


def threads() -> int:
    """Threads to use: ``LYMPHOSCOPE_THREADS`` where it is set, else as many as the machine lets us have.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` when the variable is not a whole number from 1.
    """
    text = os.environ.get("LYMPHOSCOPE_THREADS", "")
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not (text.isdecimal() and int(text) >= 1):
        raise LymphoscopeError("USE-E-VALUE", "the number of threads is a whole number from 1", "LYMPHOSCOPE_THREADS")
    return int(text)


def models_folder() -> Path:
    """Where models are kept: ``LYMPHOSCOPE_MODELS`` where it is set, else below the user's folder of data."""
    text = os.environ.get("LYMPHOSCOPE_MODELS", "")
    if text:
        return Path(text)
    data = os.environ.get("XDG_DATA_HOME", "")
    return (Path(data) if data else Path.home() / ".local" / "share") / "lymphoscope" / "models"
