"""Two readings lesion by lesion: what both count, what one counts, and how the volumes of what both count agree."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from lymphoscope.app.reading.acts import apply
from lymphoscope.app.reading.agreement import disputed_by, lesion_wise, needs_adjudicator
from lymphoscope.app.reading.scene import Scene
from lymphoscope.app.web.index import VersionFact, status_of
from lymphoscope.core.reading import Act, Reading
from lymphoscope.evaluate.agreement import icc

ML = 0.064


def version(scene: Scene, reading: Reading) -> Any:
    return SimpleNamespace(case=SimpleNamespace(kept=SimpleNamespace(study=scene), scene=scene), now=reading)


def done(scene: Scene, reading: Reading, op: str, **words: Any) -> Reading:
    return apply(scene, reading, Act(op, words), "ben")


def test_each_lesion_is_compared_and_what_only_one_reader_counts_is_told(scene: Scene, reading: Reading) -> None:
    other = done(scene, done(scene, reading, "redraw", region=1, at=6.0), "remove", regions=[2])
    other = done(scene, other, "paint", runs=[[0, 4]], at=None)
    found = lesion_wise(version(scene, reading), version(scene, other))
    assert found["found"] == {"both": 1, "only_a": 1, "only_b": 1, "f1": pytest.approx(0.5)}
    sizes = [(reading[1], other[1]), (reading[2], None), (None, other[other.last])]
    wanted = {tuple(0.0 if r is None else round(r.voxels.size * ML, 6) for r in pair) for pair in sizes}
    assert {(round(row["a_ml"], 6), round(row["b_ml"], 6)) for row in found["lesions"]} == wanted
    first = found["lesions"][0]
    a, b = reading[1].voxels, other[1].voxels
    assert first["dice"] == pytest.approx(2 * np.intersect1d(a, b).size / (a.size + b.size))
    assert all(row["disputed"] for row in found["lesions"][1:])
    middle = np.stack(np.unravel_index(a, reading.shape), axis=1).mean(axis=0)
    assert np.allclose(first["lps"], scene.pet.geometry.to_lps(middle))


def test_agreement_over_lesions_is_that_of_e4(scene: Scene, reading: Reading) -> None:
    other = done(scene, reading, "redraw", region=1, at=6.0)
    figures = lesion_wise(version(scene, reading), version(scene, other))["lesion_agreement"]
    volumes = np.array([[r[n].voxels.size * ML for r in (reading, other)] for n in (1, 2)])
    assert figures["n"] == 2
    assert figures["icc"]["value"] == pytest.approx(icc(volumes).value)
    assert figures["icc_fixed"]["value"] == pytest.approx(icc(volumes, "3,1").value)
    assert figures["mape"] == pytest.approx(100 * np.mean(np.abs(volumes[:, 0] - volumes[:, 1]) / volumes[:, 1]))
    alike = lesion_wise(version(scene, reading), version(scene, reading))
    assert (alike["found"]["f1"], [row["disputed"] for row in alike["lesions"]]) == (1.0, [False, False])


@pytest.mark.parametrize(
    ("one", "two", "reasons"),
    [
        ((100.0, {}), (111.0, {}), ["TMTV"]),
        ((100.0, {}), (109.0, {}), []),
        ((30.0, {}), (39.9, {}), []),
        ((50.0, {"deauville": "3"}), (50.0, {"deauville": "4"}), ["Deauville"]),
        ((50.0, {"deauville": "4"}), (50.0, {"deauville": "5"}), []),
        ((50.0, {"deauville": "3"}), (50.0, {}), []),
        ((50.0, {"new_lesion": "no", "stage": "II"}), (90.0, {"new_lesion": "yes", "stage": "III"}),
         ["TMTV", "New lesion", "Stage"]),
        ((50.0, {"stage": "III", "quality": "good"}), (50.0, {"stage": "IV", "quality": "poor"}), []),
    ],
)  # fmt: skip
def test_what_sends_two_reads_to_an_adjudicator(one: Any, two: Any, reasons: list[str]) -> None:
    events = [(ml, {"is": {"tmtv_ml": ml}, "answers": answers}) for ml, answers in (one, two)]
    assert disputed_by(*events) == disputed_by(*events[::-1]) == reasons
    facts = [VersionFact(f"v{k}", who, "read", True, "") for k, who in ((1, "ann"), (2, "ben"))]
    signed = {f"v{k}": event for k, (_, event) in enumerate(events, start=1)}
    assert status_of(facts, signed) == ("adjudicate" if reasons else "agreed")


def test_two_readers_who_count_nothing_agree(scene: Scene, reading: Reading) -> None:
    empty = version(scene, done(scene, reading, "remove", regions=[1, 2]))
    assert lesion_wise(empty, empty)["lesions"] == []
    assert lesion_wise(empty, empty)["found"]["f1"] is None
    assert not needs_adjudicator(0.0, 0.0)
