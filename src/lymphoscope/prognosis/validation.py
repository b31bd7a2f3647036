"""How a model fares with patients it has not seen: whatever is learnt from data is learnt inside the training folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.prognosis.cox import Cox, fit
from lymphoscope.prognosis.cutoff import CutOff, youden
from lymphoscope.prognosis.folds import Folds
from lymphoscope.prognosis.outcome import Flags, Floats, Outcome

Fitting = Callable[[Outcome, Mapping[str, Floats]], Cox]
Choosing = Callable[[Outcome, Floats], CutOff | None]
"""Chooses a cut-off of a predictor, from the outcome and predictor of training patients."""


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Predictions for every patient by the model of the other folds.

    Attributes:
        fold: (n,), fold of each patient.
        models: Fitted without each fold.
        predictor: (n,), linear predictor, 0 at the means of the training patients.
        score: (n,), the linear predictor in standard deviations of the training patients, to rank patients of all folds
            together. Neither risk nor predictor will do: a fold with many events leaves few to train on, so that its
            patients get low risks, and a worthless model would look worse than chance.
        times: (k,).
        risk: (n, k), predicted risk of the event by each time.
        trained: Linear predictors of the training patients of each fold, (n,), NaN for those of the fold itself.
    """

    fold: Folds
    models: tuple[Cox, ...]
    predictor: Floats
    score: Floats
    times: Floats
    risk: Floats
    trained: tuple[Floats, ...]

    def risk_by(self, time: float) -> Floats:
        """(n,), the risk by one of the times."""
        return np.asarray(self.risk[:, int(np.argmin(np.abs(self.times - time)))])

    def groups(self, outcome: Outcome, choose: Choosing) -> Flags:
        """Who is at risk, by a cut-off chosen for each fold on the patients of the others.

        Where no cut-off can be chosen for a fold its patients are called not at risk.
        """
        at_risk = np.zeros(len(outcome), bool)
        for number, known in enumerate(self.trained):
            inside = self.fold == number
            chosen = choose(outcome.take(~inside), known[~inside])
            if chosen is not None:
                at_risk[inside] = chosen.at_risk(self.predictor[inside])
        return at_risk


def out_of_fold(
    outcome: Outcome, values: Mapping[str, Floats], fold: Folds, times: ArrayLike, fitting: Fitting = fit
) -> OutOfFold:
    """Fit the model without each fold in turn, and predict that fold's patients.

    Args:
        outcome: Of n patients.
        values: (n,) of each variable.
        fold: (n,), from 0 without gaps.
        times: At which risks are wanted, in the unit of the outcome.
        fitting: Makes the model from training patients alone: scaling and choice of variables belong in there.

    Raises:
        LymphoscopeError: ``PROG-E-FIT`` where the model of any fold cannot be fitted.
    """
    table, at = np.stack(list(values.values()), axis=1), np.atleast_1d(np.asarray(times, np.float64))
    predictor, score, risk = np.empty(len(outcome)), np.empty(len(outcome)), np.empty((len(outcome), at.size))
    models, trained = [], []
    for number in range(int(fold.max()) + 1):
        inside = fold == number
        try:
            model = fitting(outcome.take(~inside), {name: column[~inside] for name, column in values.items()})
        except LymphoscopeError as error:
            what = f"{error.message.what}, where fold {number + 1} is left out"
            raise LymphoscopeError(error.code, what, error.message.where, error.message.fix) from None
        predictor[inside] = model.predictor(table[inside])
        risk[inside] = np.stack([model.risk(table[inside], time) for time in at], axis=1)
        known = np.full(len(outcome), np.nan)
        known[~inside] = model.predictor(table[~inside])
        score[inside] = predictor[inside] / max(float(np.std(known[~inside])), 1e-12)
        models.append(model)
        trained.append(known)
    return OutOfFold(fold, tuple(models), predictor, score, at, risk, tuple(trained))


def at_median(outcome: Outcome, predictor: Floats) -> CutOff:
    """The median of the training patients; the outcome is not looked at."""
    return CutOff(float(np.median(predictor)))


def by_youden(horizon: float) -> Choosing:
    """Youden's cut-off of the predictor for the event by a horizon, of training patients who are known then."""

    def choose(outcome: Outcome, predictor: Floats) -> CutOff | None:
        endpoint = outcome.by(horizon)
        return youden(endpoint.event[endpoint.known], predictor[endpoint.known])

    return choose
