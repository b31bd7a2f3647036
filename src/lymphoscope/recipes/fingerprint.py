"""What a plan knows of a data set: sizes, spacings, intensities inside lesions, volumes of lesions. No image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from statistics import median
from typing import Any

from lymphoscope.core.errors import LymphoscopeError


@dataclass(frozen=True)
class CaseFacts:
    """One case.

    Attributes:
        id: Case.
        shape: Voxels along (z, y, x) of the grid that is worked on.
        spacing: mm along (z, y, x).
        lesions_ml: Volume of each connected lesion, mL, largest first.
    """

    id: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    lesions_ml: tuple[float, ...] = ()


@dataclass(frozen=True)
class Intensities:
    """Values of one image inside the lesions of a data set; every case counts as much as another.

    Attributes:
        mean: Mean.
        sd: Standard deviation.
        median: Median.
        low: Percentile 0.5.
        high: Percentile 99.5.
        least: Smallest.
        most: Largest.
    """

    mean: float
    sd: float
    median: float
    low: float
    high: float
    least: float
    most: float


@dataclass(frozen=True)
class Fingerprint:
    """What a plan is made from.

    Attributes:
        cases: Cases with a mask, in the order of their ids.
        intensities: By role, such as ``ct:hu``; empty where there is no lesion.
        labels: Classes by name, background 0.
    """

    cases: tuple[CaseFacts, ...]
    intensities: Mapping[str, Intensities] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse to know nothing.

        Raises:
            LymphoscopeError: ``DATA-E-EMPTY``.
        """
        if not self.cases:
            raise LymphoscopeError("DATA-E-EMPTY", "no case with a mask is there to plan from")

    @property
    def median_spacing(self) -> tuple[float, ...]:
        """Median of the spacings along (z, y, x), mm."""
        return tuple(median(case.spacing[axis] for case in self.cases) for axis in range(3))

    @property
    def digest(self) -> str:
        """SHA-256 of what it says."""
        return digest(fingerprint_record(self))


def fingerprint_record(fingerprint: Fingerprint) -> dict[str, Any]:
    """A fingerprint as JSON-able data."""
    return {
        "cases": [_words(case) for case in fingerprint.cases],
        "intensities": {role: _words(found) for role, found in fingerprint.intensities.items()},
        "labels": dict(fingerprint.labels),
    }


def fingerprint_from(record: Mapping[str, Any]) -> Fingerprint:
    """A fingerprint from JSON data.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where the data are not those of a fingerprint.
    """
    try:
        cases = tuple(
            CaseFacts(
                str(case["id"]),
                _three(case["shape"], int),
                _three(case["spacing"], float),
                tuple(float(ml) for ml in case["lesions_ml"]),
            )
            for case in record["cases"]
        )
        intensities = {str(role): Intensities(**found) for role, found in record["intensities"].items()}
        labels = {str(name): int(number) for name, number in record["labels"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise LymphoscopeError("USE-E-VALUE", "the record is not that of a data set's fingerprint") from None
    return Fingerprint(cases, intensities, labels)


def digest(record: Any) -> str:
    """SHA-256, as hex, of JSON-able data: equal content gives equal digests, whatever the order of keys."""
    text = json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return sha256(text.encode("utf-8")).hexdigest()


def _words(value: CaseFacts | Intensities) -> dict[str, Any]:
    found = {f.name: getattr(value, f.name) for f in fields(value)}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in found.items()}


def _three(values: Any, kind: Any) -> Any:
    z, y, x = (kind(value) for value in values)
    return z, y, x
