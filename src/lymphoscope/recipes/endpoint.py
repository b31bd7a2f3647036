"""What of an outcome a network learns to foretell, and the weights that make up for how rare it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.recipes.parts import uses
from lymphoscope.recipes.spec import Learn, Recipe, Use

BALANCED = "balanced"
"""Weights of `outcome_ce` that are counted in the training cases of each fold."""

_OUTCOME_LOSS = "outcome_ce"
_TABLE = "outcome.csv"


@dataclass(frozen=True)
class Endpoint:
    """Yes or no of a patient: a column of 0 and 1, or whether an event has happened by a time.

    Attributes:
        event: Column of the event: 1 where it happened, 0 where it did not.
        time: Column of the time to the event or the last contact; empty where the event alone is asked for.
        horizon: By which time, in the unit of the times.
    """

    event: str
    time: str = ""
    horizon: float | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.event if self.horizon is None else f"{self.event}@{self.horizon:g}"

    def of(self, facts: Mapping[str, float | str], where: str = "") -> float | None:
        """1 for yes, 0 for no, None where it is not known.

        With a time, an event by the horizon is a yes, and so much follow-up without one a no; who was censored earlier
        is not known.

        Args:
            facts: Of the patient, by name.
            where: Whose they are, for messages.

        Raises:
            LymphoscopeError: ``DATA-E-TABLE`` for an event that is neither 0 nor 1, or a time that is none.
        """
        event, time = facts.get(self.event), facts.get(self.time) if self.time else None
        if event is not None and event not in (0.0, 1.0):
            raise LymphoscopeError("DATA-E-TABLE", f"{self.event} is {event!r}: 0 or 1 is expected", where or _TABLE)
        if event is None or self.horizon is None:
            return None if event is None else float(event)
        if time is None:
            return None
        if isinstance(time, str) or time < 0:
            raise LymphoscopeError("DATA-E-TABLE", f"{self.time} is {time!r}, which is no time", where or _TABLE)
        if event and time <= self.horizon:
            return 1.0
        return 0.0 if time >= self.horizon else None

    def censored(self, facts: Mapping[str, float | str]) -> bool:
        """Whether the patient was lost before the horizon."""
        return self.horizon is not None and facts.get(self.event) == 0.0 and self.of(facts) is None

    def as_record(self) -> dict[str, Any]:
        """As JSON-able data."""
        return asdict(self)


def endpoint(words: str) -> Endpoint:
    """An endpoint from ``COLUMN`` or ``EVENT:TIME:HORIZON``.

    Raises:
        LymphoscopeError: ``USE-E-VALUE``.
    """
    parts = [part.strip() for part in words.split(":")]
    try:
        if len(parts) == 1 and parts[0]:
            return Endpoint(parts[0])
        event, time, horizon = parts
        made = Endpoint(event, time, float(horizon))
    except ValueError:
        made = Endpoint("")
    if not (made.event and made.time and made.horizon is not None and 0 < made.horizon < float("inf")):
        fix = "Write --outcome COLUMN, or --outcome EVENT:TIME:HORIZON such as progression:days:730.5."
        raise LymphoscopeError("USE-E-VALUE", f"{words!r} is no outcome", "--outcome", fix)
    return made


def foretold(learn: Learn) -> bool:
    """Whether a stage learns an outcome."""
    return any(use.name == _OUTCOME_LOSS for _, use in uses(learn))


def foretells(recipe: Recipe) -> bool:
    """Whether any stage of a recipe learns an outcome."""
    return any(foretold(stage.trained) for stage in recipe.learnt)


def weighted(learn: Learn, events: int, others: int) -> Learn:
    """A training in which balanced weights of an outcome are numbers: w₁ = others / all and w₀ = events / all.

    Args:
        learn: How a stage is trained.
        events: Training patients with the event.
        others: Training patients known to be without it.

    Raises:
        LymphoscopeError: ``DATA-E-TABLE`` where either are missing: nothing could be learnt.

    Reference:
        Liu et al., IEEE Access 2022;10, equation 3.
    """

    def settled(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(settled(part) for part in value)
        if not isinstance(value, Use):
            return value
        params = {name: settled(one) for name, one in value.params.items()}
        if value.name == _OUTCOME_LOSS and params.get("weights") == BALANCED:
            if not events or not others:
                what = f"of the training patients {events} have the outcome and {others} are known not to"
                raise LymphoscopeError("DATA-E-TABLE", what, _TABLE, "Stratify the folds by it, or take another.")
            params["weights"] = (events / (events + others), others / (events + others))
        return Use(value.name, params)

    return replace(learn, loss=settled(learn.loss))
