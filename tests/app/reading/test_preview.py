"""What an act would do is what it then does; what speaks against an addition is said before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lymphoscope.app.reading.acts import apply
from lymphoscope.app.reading.preview import told
from lymphoscope.app.reading.scene import Scene
from lymphoscope.core.reading import Act, Reading
from lymphoscope.image.correction import of_runs


def counted(reading: Reading) -> set[int]:
    return {int(v) for r in reading if r.counted for v in r.voxels}


@pytest.mark.parametrize(
    ("op", "words"),
    [
        ("remove", {"regions": [1]}),
        ("grow", {"seed": [11, 14, 18], "at": 2.0}),
        ("erase", {"runs": [[5 * 480 + 6 * 24 + 4, 4]]}),
        ("redraw", {"region": 1, "at": 6.0}),
        ("paint", {"runs": [[5 * 480 + 2 * 24 + 4, 3]], "at": None}),
        ("split", {"region": 1, "points": [[5, 6, 6], [5, 6, 11]]}),
    ],
)
def test_the_voxels_told_are_those_that_change(scene: Scene, reading: Reading, op: str, words: dict[str, Any]) -> None:
    without = reading.without(2) if op == "grow" else reading
    after = apply(scene, without, Act(op, words), "ann")
    found = told(scene, without, after)
    gained, lost = (set(of_runs(found[name], scene.suv.size).tolist()) for name in ("gained", "lost"))
    assert gained == counted(after) - counted(without)
    assert lost == counted(without) - counted(after)
    assert found["change_ml"] == pytest.approx((len(gained) - len(lost)) * 0.064)


def test_a_region_that_an_addition_meets_is_named(scene: Scene, reading: Reading) -> None:
    beside = reading[1].voxels[0] - 1
    after = apply(scene, reading, Act("paint", {"runs": [[int(beside), 1]], "at": None}), "ann")
    assert told(scene, reading, after)["meets"] == [1]
    far = apply(scene, reading, Act("paint", {"runs": [[0, 1]], "at": None}), "ann")
    assert told(scene, reading, far)["meets"] == []


def test_an_addition_mostly_in_the_bladder_or_too_large_is_said(scene: Scene, reading: Reading) -> None:
    empty = reading.without(1, 2)
    after = apply(scene, empty, Act("grow", {"seed": [5, 6, 4], "at": 4.0}), "ann")
    share = scene.organs["bladder"].reshape(-1)[after[after.last].voxels].mean()
    assert (told(scene, empty, after)["leak"] == "") is bool(share <= 0.5)
    whole = replace(scene, organs={"bladder": np.ones(scene.suv.shape, bool)})
    assert told(whole, empty, after)["leak"] == "100 % of it lies in the bladder"
    all_of_it = apply(scene, empty, Act("paint", {"runs": [[0, 7680]], "at": None}), "ann")
    assert told(scene, empty, all_of_it)["leak"] == "", "491.5 mL is below the limit of 500"
    coarse = replace(scene.pet.geometry, affine=np.diag([8.0, 4.0, 4.0, 1.0])[[2, 1, 0, 3]])
    larger = replace(scene, pet=type(scene.pet)(scene.suv, coarse, scene.pet.unit), organs={})
    assert told(larger, empty, all_of_it)["leak"] == "it is 983 mL"
