"""The scans of one patient in the order of time, and how one speaks of an earlier one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from lymphoscope.core.errors import LymphoscopeError

T = TypeVar("T")


@dataclass(frozen=True)
class Course(Generic[T]):
    """What was made of a patient over time: studies, cases of a data set, or anything else that has a date.

    Attributes:
        patient: Whose course it is, by a name that says nothing to others.
        scans: The first first.
        days: When each was made, days from any day; they rise.
    """

    patient: str
    scans: tuple[T, ...]
    days: tuple[float, ...]

    @classmethod
    def of(cls, patient: str, dated: Iterable[tuple[float, T]]) -> Course[T]:
        """Put scans in order.

        Args:
            patient: Whose they are.
            dated: Day and scan, in any order.

        Raises:
            LymphoscopeError: ``DATA-E-COURSE`` where two were made at the same time: neither is the earlier one.
        """
        ordered = sorted(dated, key=lambda one: one[0])
        days = tuple(day for day, _ in ordered)
        if len(set(days)) < len(days):
            raise LymphoscopeError("DATA-E-COURSE", "two scans of a patient have the same date", f"patient {patient}")
        return cls(patient, tuple(scan for _, scan in ordered), days)

    def before(self, number: int) -> tuple[T, ...]:
        """The scans before one, the nearest first: what ``@1``, ``@2`` … of it mean.

        Args:
            number: Of the scan, 0 for the first.
        """
        return self.scans[:number][::-1]


def steps_back(role: str) -> tuple[str, int]:
    """What an input means: ``pet:suv@1`` is ``pet:suv`` of the scan before; without ``@`` it is of the scan itself."""
    plain, _, back = role.partition("@")
    return plain, int(back or 0)


def scans_seen(reads: Iterable[str]) -> int:
    """How many scans somebody looks at who reads these inputs: 1 for who looks at no earlier one."""
    return 1 + max((steps_back(role)[1] for role in reads), default=0)
