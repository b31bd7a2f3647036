"""Time and event of every patient in one object, and what is known of them at a horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lymphoscope.core.errors import LymphoscopeError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Outcome:
    """Follow-up of patients.

    Attributes:
        time: (n,), from the start to the event or the last contact, above 0, any one unit.
        event: (n,), True where the event happened, False where the patient was censored.
    """

    time: Floats
    event: Flags

    @classmethod
    def of(cls, time: ArrayLike, event: ArrayLike) -> Outcome:
        """Check and take times and events.

        Raises:
            LymphoscopeError: ``PROG-E-TIME`` for a time that is not above 0, ``PROG-E-EVENT`` for an event that is
                neither 0 nor 1.
        """
        times, events = np.asarray(time, np.float64), np.asarray(event)
        if times.ndim != 1 or times.shape != events.shape:
            raise ValueError("time and event are two rows of equal length")
        odd = ~(np.isfinite(times) & (times > 0))
        if odd.any():
            raise LymphoscopeError("PROG-E-TIME", f"{odd.sum()} of {odd.size} times are not above 0")
        if not np.isin(events, (0, 1)).all():
            raise LymphoscopeError("PROG-E-EVENT", "events are not 0 and 1")
        return cls(times, events.astype(bool))

    def __len__(self) -> int:
        """Count the patients."""
        return int(self.time.size)

    @property
    def events(self) -> int:
        """Patients with the event."""
        return int(self.event.sum())

    def take(self, rows: Rows | Flags) -> Outcome:
        """The outcome of some patients."""
        return Outcome(self.time[rows], self.event[rows])

    def by(self, horizon: float) -> Endpoint:
        """What had happened by a horizon.

        An event at the horizon counts, and so does being followed exactly until then without one. Patients censored
        earlier are not known.

        Args:
            horizon: In the unit of the times.
        """
        happened = self.event & (self.time <= horizon)
        return Endpoint(horizon, happened | (self.time >= horizon), happened)


@dataclass(frozen=True, eq=False)
class Endpoint:
    """Yes or no at a horizon, such as progression within two years.

    Attributes:
        horizon: In the unit of the times.
        known: (n,), False where the patient was censored before the horizon and is left out.
        event: (n,), whether the event had happened; False where it is not known.
    """

    horizon: float
    known: Flags
    event: Flags

    @property
    def censored_before(self) -> int:
        """How many patients are left out, as they were censored before the horizon."""
        return int((~self.known).sum())
