from __future__ import annotations

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.evaluate.comparison import Entry, System, compare
from lymphoscope.evaluate.statistics import Resampling, holm

FEW = Resampling(300)
RNG = np.random.default_rng(2)
BASE = RNG.uniform(0.3, 0.8, 30)


def system(name: str, dice: np.ndarray, **others: np.ndarray) -> System:
    """Two cases a patient, with Dice and any other numbers."""
    columns = {"dice": dice, **others}
    entries = {}
    for n in range(len(dice)):
        numbers = {key: float(values[n]) for key, values in columns.items()}
        entries[f"c{n:02}"] = Entry(f"c{n:02}", f"p{n // 2}", "both", numbers)
    return System(name, entries)


SYSTEMS = (
    system("weak", BASE - 0.1),
    system("strong", BASE + 0.1 + RNG.normal(0, 0.01, 30)),
    system("same", BASE - 0.1 + RNG.normal(0, 0.01, 30)),
)
RECORD = compare(SYSTEMS, "dice", FEW)


def test_the_better_system_is_first_and_its_lead_is_tested() -> None:
    assert RECORD["order"][0] == "strong"
    assert RECORD["first_share"]["strong"] == 1.0
    tests = {(t["first"], t["second"]): t for t in RECORD["metrics"]["dice"]["tests"]}
    assert set(tests) == {("weak", "strong"), ("weak", "same"), ("strong", "same")}
    assert tests["weak", "strong"]["difference"] == pytest.approx(-0.2, abs=0.02)
    assert tests["weak", "strong"]["permutation_p_holm"] < 0.01
    assert tests["weak", "same"]["permutation_p_holm"] > 0.01
    assert tests["weak", "strong"]["n"] == 15, "patients, not cases"
    raw = [t["wilcoxon_p"] for t in RECORD["metrics"]["dice"]["tests"]]
    assert [t["wilcoxon_p_holm"] for t in RECORD["metrics"]["dice"]["tests"]] == holm(raw)


def test_distances_rank_from_the_smallest_and_a_missed_case_is_as_far_as_the_image() -> None:
    dice, far = np.full(4, 0.5), np.array([5.0, 5.0, 5.0, 5.0])
    good, lazy = system("good", dice, hd95_mm=far), system("lazy", dice, hd95_mm=far / 5)
    missed = Entry("c00", "p0", "missed", {"dice": 0.0, "hd95_mm": None}, 700.0)
    lazy = System("lazy", {**lazy.entries, "c00": missed})
    record = compare((lazy, good), "hd95_mm", FEW)
    assert record["order"] == ["good", "lazy"]
    assert record["metrics"]["hd95_mm"]["means"]["lazy"]["value"] == pytest.approx((700 + 3) / 4)


def test_calling_cases_rightly_is_tested_on_the_pairs_that_differ() -> None:
    def caller(name: str, kinds: list[str], scores: list[float]) -> System:
        rows = enumerate(zip(kinds, scores, strict=True))
        return System(name, {f"{n}": Entry(f"{n}", f"{n}", kind, {"dice": 0.5, "score": s}) for n, (kind, s) in rows})

    kinds = ["both"] * 5 + ["none"] * 5
    sure = [0.9, 0.8, 0.7, 0.6, 0.4, 0.5, 0.3, 0.2, 0.2, 0.1]
    vague = [0.7, 0.4, 0.8, 0.5, 0.3, 0.6, 0.2, 0.4, 0.1, 0.2]
    wrong = ["missed"] * 2 + ["both"] * 3 + ["false alarm"] + ["none"] * 4
    test = compare((caller("one", kinds, sure), caller("two", wrong, vague)), "dice", FEW)["case_detection"][0]
    assert (test["mcnemar"]["b"], test["mcnemar"]["c"]) == (3, 0)
    assert test["mcnemar"]["p"] == test["mcnemar_p_holm"] == pytest.approx(0.25)
    assert test["delong"]["z"] == pytest.approx(1.32288, abs=1e-5), "of the specification"
    assert RECORD["case_detection"][0]["delong"] is None, "no scores"


def test_equal_systems_share_the_first_place() -> None:
    twins = compare((system("a", BASE), system("b", BASE)), "dice", FEW)
    assert twins["first_share"] == {"a": 0.5, "b": 0.5}
    assert twins["metrics"]["dice"]["tests"][0]["wilcoxon_p"] == 1.0


@pytest.mark.parametrize(
    ("systems", "by", "code"),
    [
        ((SYSTEMS[0], system("short", BASE[:29])), "dice", "EVAL-E-CASES"),
        (SYSTEMS, "dise", "USE-E-NAME"),
        (SYSTEMS, "volume_ref_ml", "USE-E-VALUE"),
        (SYSTEMS, "nsd", "USE-E-VALUE"),
    ],
)
def test_what_cannot_be_compared_is_refused(systems: tuple[System, ...], by: str, code: str) -> None:
    with pytest.raises(LymphoscopeError) as refused:
        compare(systems, by, FEW)
    assert refused.value.code == code
