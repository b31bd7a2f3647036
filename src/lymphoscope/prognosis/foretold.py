"""Risks that networks foretold of patients they had not seen, judged as yes or no by cut-offs of training patients.

What a network says of the patients it was trained on serves one purpose here: a cut-off for the patients of a fold is
chosen on it. Nothing of the fold itself has a part in that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lymphoscope.evaluate.classification import Calls, auc, delong_test, mcnemar, roc
from lymphoscope.evaluate.statistics import Resampling, bootstrap, holm
from lymphoscope.prognosis.cutoff import CutOff, youden
from lymphoscope.prognosis.folds import Folds, fold_table
from lymphoscope.prognosis.models import calls_record, groups_record
from lymphoscope.prognosis.outcome import Flags, Floats, Outcome, Rows

Record = dict[str, Any]
Choice = Callable[[Flags, Floats], CutOff | None]
"""Events and risks of training patients to a cut-off."""

HALF = 0.5


@dataclass(frozen=True, eq=False)
class Foretold:
    """What was foretold of n patients, fold by fold.

    Attributes:
        name: Who foretold it.
        fold: (n,), from 0 without gaps.
        unseen: (n,), risk by what was trained without the patient's fold.
        trained: (folds, n), risk of the patients that each fold's network was trained on; NaN for the others.
        probability: Whether risks are probabilities, which may be cut at one half.
    """

    name: str
    fold: Folds
    unseen: Floats
    trained: Floats
    probability: bool = True

    @classmethod
    def of_quantity(cls, name: str, fold: Folds, values: ArrayLike) -> Foretold:
        """A quantity as it is, for which nothing is trained but the cut-off."""
        given = np.asarray(values, np.float64)
        trained = np.stack([np.where(fold == number, np.nan, given) for number in range(int(fold.max()) + 1)])
        return cls(name, fold, given, trained, probability=False)

    def cut_offs(self, event: Floats, choose: Choice) -> list[CutOff | None]:
        """The cut-off of each fold, chosen on those of known outcome whom its network was trained on.

        Args:
            event: (n,), 1, 0, or NaN where it is not known.
            choose: How.
        """
        found = []
        for number, risks in enumerate(self.trained):
            rows = ~np.isnan(event) & ~np.isnan(risks) & (self.fold != number)
            found.append(choose(event[rows] > 0, risks[rows]))
        return found

    def called(self, cut_offs: Sequence[CutOff | None]) -> Flags:
        """(n,), who is called at risk; nobody of a fold without a cut-off."""
        at_risk = np.zeros(len(self.fold), bool)
        for number, cut in enumerate(cut_offs):
            if cut is not None:
                inside = self.fold == number
                at_risk[inside] = cut.at_risk(self.unseen[inside])
        return at_risk


def at_half(event: Flags, risks: Floats) -> CutOff:
    """One half; nothing is looked at."""
    return CutOff(HALF)


def by_youden(event: Flags, risks: Floats) -> CutOff | None:
    """Youden's cut-off of the training patients."""
    return youden(event, risks)


CHOICES: dict[str, Choice] = {"half": at_half, "youden": by_youden}


def within_folds(event: Floats, foretold: Foretold) -> float | None:
    """AUC over pairs of one fold only: networks of different folds need not speak on one scale."""
    known = ~np.isnan(event)
    right = pairs = 0.0
    for number in np.unique(foretold.fold):
        inside = known & (foretold.fold == number)
        yes, no = foretold.unseen[inside & (event > 0)], foretold.unseen[inside & (event == 0)]
        difference = np.sign(yes[:, None] - no[None, :])
        right += float((difference + 1).sum()) / 2
        pairs += difference.size
    return right / pairs if pairs else None


def judged(event: Floats, foretold: Foretold, how: Resampling) -> Record:
    """AUC, ROC curve and calls at each cut-off, of the patients whose outcome is known.

    Args:
        event: (n,), 1, 0, or NaN where it is not known.
        foretold: Risks of the same patients.
        how: The bootstrap.
    """
    known = ~np.isnan(event)
    y, risk = event[known] > 0, foretold.unseen[known]
    area, curve = auc(y, risk), roc(y, risk)
    cut = {name: foretold.cut_offs(event, choose) for name, choose in CHOICES.items()
           if foretold.probability or name != "half"}  # fmt: skip
    return {
        "name": foretold.name,
        "patients": int(known.sum()),
        "events": int(y.sum()),
        "folds": fold_table(y, foretold.fold[known]),
        "auc": None if area is None else asdict(area),
        "auc_within_folds": within_folds(event, foretold),
        "roc": None if curve is None else {"sensitivity": curve.sensitivity.tolist(),
                                           "specificity": curve.specificity.tolist()},
        "calls": {name: _calls(y, foretold.called(chosen)[known], how) for name, chosen in cut.items()},
        "cut_offs": {name: [one.at if one else None for one in chosen] for name, chosen in cut.items()},
    }  # fmt: skip


def _calls(y: Flags, called: Flags, how: Resampling) -> Record:
    def again(rows: Rows) -> float | None:
        return Calls.of(y[rows], called[rows]).youden

    found = bootstrap(again, range(len(y)), how)
    return {**calls_record(Calls.of(y, called)), "youden_interval": [found.low, found.high]}


def separated(outcome: Outcome, followed: Flags, event: Floats, foretold: Foretold) -> Record:
    """Survival of those called at risk and of the others, by each cut-off, with the log-rank test.

    Args:
        outcome: Of the patients who were followed.
        followed: (n,), who they are.
        event: (n,), what the cut-offs are chosen for.
        foretold: Risks of all n patients.
    """
    names = [name for name in CHOICES if foretold.probability or name != "half"]
    called = {name: foretold.called(foretold.cut_offs(event, CHOICES[name])) for name in names}
    return {name: groups_record(outcome, at_risk[followed]) for name, at_risk in called.items()}


def compared(event: Floats, first: Foretold, others: Sequence[Foretold], how: Resampling) -> list[Record]:
    """One against each of the others on the same patients: AUC by DeLong, calls at Youden's cut-off by McNemar.

    P values are adjusted over the pairs by Holm; the difference of Youden's indices has an interval over patients.
    """
    known = ~np.isnan(event)
    y = event[known] > 0
    records: list[Record] = []
    for other in others:
        areas = delong_test(y, first.unseen[known], other.unseen[known])
        called = [one.called(one.cut_offs(event, by_youden))[known] for one in (first, other)]
        right = [one == y for one in called]
        gain = bootstrap(partial(_gain, y, called), range(len(y)), how)
        calls = mcnemar(int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum()))
        records.append({"first": first.name, "second": other.name, "patients": int(known.sum()),
                        "delong": asdict(areas) if areas else None, "mcnemar": asdict(calls),
                        "youden_difference": asdict(gain)})  # fmt: skip
    for test in ("delong", "mcnemar"):
        there = [record[test] for record in records if record[test]]
        for found, p in zip(there, holm([found["p"] for found in there]), strict=True):
            found["p_holm"] = p
    return records


def _gain(y: Flags, called: Sequence[Flags], rows: Rows) -> float | None:
    first, second = (Calls.of(y[rows], one[rows]).youden for one in called)
    return None if first is None or second is None else first - second
