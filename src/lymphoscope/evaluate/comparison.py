"""Several systems on the same cases: who is better, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.registry import unknown_name
from lymphoscope.evaluate.catalogue import HIGHER, LOWER, METRICS
from lymphoscope.evaluate.classification import delong_test, mcnemar
from lymphoscope.evaluate.cohort import mean_of
from lymphoscope.evaluate.statistics import Resampling, bootstrap, by_group, holm, paired_test

Record = dict[str, Any]

DEFAULT_METRICS = ("dice", "nsd", "hd95_mm", "c1_f1", "avd_ml", "fpv_ml", "fnv_ml")
_DISTANCES = ("hd_mm", "hd95_mm", "hd95_pooled_mm", "assd_mm", "ahd_mm")


@dataclass(frozen=True)
class Entry:
    """One case of one system.

    Attributes:
        case: Its name.
        patient: Whose it is.
        kind: Whether reference and prediction hold anything.
        numbers: By metric.
        diagonal_mm: Of the image; None where not known.
    """

    case: str
    patient: str
    kind: str
    numbers: Mapping[str, float | int | None]
    diagonal_mm: float | None = None

    def judged(self, metric: str) -> float | None:
        """The number that systems are compared by.

        A distance to nothing is the image diagonal, so that it cannot pay to predict nothing.
        """
        value = self.numbers.get(metric)
        if value is None and metric in _DISTANCES and self.kind in ("missed", "false alarm"):
            return self.diagonal_mm
        return None if value is None else float(value)


@dataclass(frozen=True)
class System:
    """The cases of one system, by name of the case."""

    name: str
    entries: Mapping[str, Entry]


def compare(systems: Sequence[System], by: str, how: Resampling) -> Record:
    """Rank systems and test every pair of them.

    Args:
        systems: Two or more, on the same cases.
        by: The metric that ranks.
        how: The bootstrap.

    Returns:
        Record with the order, a table of means with intervals for each metric, and paired tests with Holm's
        correction over all pairs of a metric.

    Raises:
        LymphoscopeError: ``EVAL-E-CASES`` when the cases differ, ``USE-E-NAME`` or ``USE-E-VALUE`` for a metric that
            cannot rank.
    """
    cases = _same_cases(systems)
    _require_ranking(by, systems)
    there = [m for m in dict.fromkeys((by, *DEFAULT_METRICS)) if all(_values(s, cases, m) is not None for s in systems)]
    patients = [systems[0].entries[case].patient for case in cases]
    table = {metric: _compared(systems, cases, patients, metric, how) for metric in there}
    means = table[by]["means"]
    order = sorted(systems, key=lambda s: _rank_key(means[s.name]["value"], METRICS[by].better))
    return {
        "by": by,
        "cases": len(cases),
        "patients": len(set(patients)),
        "order": [system.name for system in order],
        "first_share": _first_shares(systems, cases, patients, by, how),
        "case_detection": _detection_tests(systems, cases),
        "metrics": table,
    }


def _same_cases(systems: Sequence[System]) -> list[str]:
    first = systems[0]
    for system in systems[1:]:
        different = sorted(set(first.entries) ^ set(system.entries))
        if different:
            what = f"{first.name} and {system.name} were not evaluated on the same cases: {len(different)} differ"
            raise LymphoscopeError("EVAL-E-CASES", what, different[0])
    return sorted(first.entries)


def _require_ranking(by: str, systems: Sequence[System]) -> None:
    if by not in METRICS:
        raise unknown_name("metric", by, METRICS)
    if METRICS[by].better not in (HIGHER, LOWER):
        raise LymphoscopeError("USE-E-VALUE", f"{by} is neither better high nor low", "--by")
    if any(_values(system, list(system.entries), by) is None for system in systems):
        raise LymphoscopeError("USE-E-VALUE", f"not every system was evaluated with {by}", "--by")


def _values(system: System, cases: Sequence[str], metric: str) -> list[float | None] | None:
    """A metric of all cases; None where no case has it."""
    values = [system.entries[case].judged(metric) for case in cases]
    return values if any(v is not None for v in values) else None


def _rank_key(value: float | None, better: int) -> tuple[bool, float]:
    return (value is None, -better * (value or 0.0))


def _array(system: System, cases: Sequence[str], metric: str) -> NDArray[np.float64]:
    values = (system.entries[case].judged(metric) for case in cases)
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _compared(
    systems: Sequence[System], cases: Sequence[str], patients: Sequence[str], metric: str, how: Resampling
) -> Record:
    """Means of a metric with intervals, and tests of all pairs on the patients that both have a value for."""
    arrays = {system.name: _array(system, cases, metric) for system in systems}
    means = {name: asdict(bootstrap(mean_of(values), patients, how)) for name, values in arrays.items()}
    counts = {name: int((~np.isnan(values)).sum()) for name, values in arrays.items()}
    tests = []
    for one, other in combinations(arrays, 2):
        both = ~np.isnan(arrays[one]) & ~np.isnan(arrays[other])
        chosen = [patient for patient, kept in zip(patients, both, strict=True) if kept]
        first, second = (by_group(arrays[name][both].tolist(), chosen) for name in (one, other))
        found = paired_test(list(first.values()), list(second.values()), how.seed)
        if found is not None:
            difference = asdict(bootstrap(mean_of(arrays[one] - arrays[other]), patients, how))
            tests.append({"first": one, "second": other, **asdict(found), "interval": difference})
    for name in ("wilcoxon", "permutation"):
        for test, p in zip(tests, holm([test[f"{name}_p"] for test in tests]), strict=True):
            test[f"{name}_p_holm"] = p
    return {"better": METRICS[metric].better, "means": means, "n": counts, "tests": tests}


def _detection_tests(systems: Sequence[System], cases: Sequence[str]) -> list[Record]:
    """Who calls cases with and without disease rightly: McNemar's test, and DeLong's of the case scores."""
    tests: list[Record] = []
    for one, other in combinations(systems, 2):
        pairs = [(one.entries[case], other.entries[case]) for case in cases]
        right = np.array([[entry.kind in ("both", "none") for entry in pair] for pair in pairs])
        found = mcnemar(int((right[:, 0] & ~right[:, 1]).sum()), int((~right[:, 0] & right[:, 1]).sum()))
        scores = [_array(system, cases, "score") for system in (one, other)]
        event = np.array([pair[0].kind in ("both", "missed") for pair in pairs])
        known = not np.isnan(scores).any()
        areas = delong_test(event, *scores) if known else None
        tests.append(
            {
                "first": one.name,
                "second": other.name,
                "mcnemar": asdict(found),
                "delong": asdict(areas) if areas else None,
            }
        )
    for test, p in zip(tests, holm([test["mcnemar"]["p"] for test in tests]), strict=True):
        test["mcnemar_p_holm"] = p
    return tests


def _first_shares(
    systems: Sequence[System], cases: Sequence[str], patients: Sequence[str], by: str, how: Resampling
) -> dict[str, float]:
    """In what share of resampled cohorts each system is first; equals share."""
    members = [np.flatnonzero([p == patient for p in patients]) for patient in dict.fromkeys(patients)]
    arrays = [METRICS[by].better * _array(system, cases, by) for system in systems]
    rng, won = np.random.default_rng(how.seed), np.zeros(len(systems))
    for drawn in rng.integers(0, len(members), size=(how.replicates, len(members))):
        rows = np.concatenate([members[m] for m in drawn])
        means = [mean_of(values)(rows) for values in arrays]
        if any(mean is None for mean in means):
            continue
        best = np.isclose(np.asarray(means, np.float64), max(m for m in means if m is not None), rtol=0, atol=1e-12)
        won += best / best.sum()
    total = won.sum()
    return {s.name: float(share) for s, share in zip(systems, won / total if total else won, strict=True)}
