"""Whether those at higher risk fare worse: concordance by Harrell and by Uno, and AUC at a time.

Each is a ratio of sums over pairs of patients. The pairs are written down once, so that a bootstrap over patients is a
product with their multiplicities; going through the pairs again in each of 2000 replicates would take minutes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lymphoscope.prognosis.curves import Censoring
from lymphoscope.prognosis.outcome import Outcome, Rows

Pairs = NDArray[np.float32]

_AT_RISK = 0.1
"""Share of patients still at risk up to which Uno's weights are taken; later they rest on a handful."""


@dataclass(frozen=True, eq=False)
class Concordance:
    """Pairs of patients of whom it is known who fared worse.

    Attributes:
        weight: (n, n), of the pair in which the patient of the row fared worse; 0 where the pair tells nothing.
        right: (n, n), the part of it in which the risks are in that order; half of it where they are equal.
    """

    weight: Pairs
    right: Pairs

    @property
    def value(self) -> float | None:
        """Share of pairs in the right order; None where no pair tells anything."""
        return self._share(float(self.right.sum(dtype=np.float64)), float(self.weight.sum(dtype=np.float64)))

    def of(self, rows: Rows) -> float | None:
        """The share among some patients, who may come more than once."""
        times = np.bincount(rows, minlength=len(self.weight)).astype(np.float32)
        return self._share(float(times @ (self.right @ times)), float(times @ (self.weight @ times)))

    @staticmethod
    def _share(right: float, whole: float) -> float | None:
        return right / whole if whole > 0 else None


def harrell(outcome: Outcome, risk: ArrayLike) -> Concordance:
    """Harrell's concordance: pairs in which one is known to have had the event before the other.

    Of two with one time, the one with the event fared worse than the one who was censored.

    Args:
        outcome: Of n patients.
        risk: (n,), higher for a worse prognosis.

    Reference:
        Harrell et al., Stat Med 1996;15:361.
    """
    return _ordered(_worse(outcome), risk)


def uno(outcome: Outcome, risk: ArrayLike, until: float | None = None) -> Concordance:
    """Uno's concordance: each pair weighted by the inverse square of the share still observed, up to a time.

    So it does not depend on how long patients were followed. The share observed is that of all patients given, also
    where the concordance of some is asked for.

    Args:
        outcome: Of n patients.
        risk: (n,), higher for a worse prognosis.
        until: Events from this time on do not count; until 10 % of the patients are at risk when None.

    Reference:
        Uno et al., Stat Med 2011;30:1105.
    """
    until = uno_limit(outcome) if until is None else until
    kept = np.maximum(Censoring.of(outcome).before(outcome.time), 1e-12)
    weight = np.where(outcome.event & (outcome.time < until), kept**-2, 0.0)
    return _ordered(_worse(outcome) * weight[:, None], risk)


def uno_limit(outcome: Outcome) -> float:
    """Time until which at least 10 % of the patients are at risk."""
    return float(np.sort(outcome.time)[::-1][max(0, int(np.ceil(_AT_RISK * len(outcome))) - 1)])


def auc_at(outcome: Outcome, risk: ArrayLike, time: float) -> Concordance:
    """Cumulative/dynamic AUC: who has had the event by a time against who is still without it.

    Those censored before are made up for by weights: each event counts as the inverse of the share still observed just
    before it.

    Args:
        outcome: Of n patients.
        risk: (n,), higher for a worse prognosis.
        time: In the unit of the outcome.

    Reference:
        Uno et al., J Am Stat Assoc 2007;102:527; Hung and Chiang, Can J Stat 2010;38:8.
    """
    had = outcome.event & (outcome.time <= time)
    weight = np.where(had, 1 / np.maximum(Censoring.of(outcome).before(outcome.time), 1e-12), 0.0)
    return _ordered(weight[:, None] * (outcome.time > time)[None, :], risk)


def _worse(outcome: Outcome) -> NDArray[np.bool_]:
    """Where the patient of the row is known to have had the event before the patient of the column."""
    t, event = outcome.time, outcome.event
    earlier = t[:, None] < t[None, :]
    together = (t[:, None] == t[None, :]) & ~event[None, :]
    return np.asarray(event[:, None] & (earlier | together))


def _ordered(weight: ArrayLike, risk: ArrayLike) -> Concordance:
    w, r = np.asarray(weight, np.float32), np.asarray(risk, np.float64)
    right = (r[:, None] > r[None, :]) + 0.5 * (r[:, None] == r[None, :])
    return Concordance(w, np.asarray(w * right, np.float32))
