"""The network that comes with the program: when it is asked, what is said where it is not, and what is known of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lymphoscope.app import second_look
from lymphoscope.app.models.add import listed, told
from lymphoscope.app.models.store import BUNDLED, Store
from lymphoscope.app.segment import segment
from lymphoscope.app.settings import run_settings
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.study import Study, SuvAudit
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume

FDG = SuvAudit(branch="kept", fdg=True)


def body(suv: float = 9.0) -> Study:
    """A cylinder of SUV 1 of 640 mm with a hot ball in its middle."""
    grid = Geometry.axial((80, 40, 50), (8.0, 8.0, 8.0))
    z, y, x = np.indices(grid.shape)
    array = np.where(((y - 19.5) / 14) ** 2 + ((x - 24.5) / 20) ** 2 <= 1, 1.0, 0.0)
    array[(z - 40) ** 2 + (y - 20) ** 2 + (x - 25) ** 2 <= 9] = suv
    return Study({"pet": Volume(array.astype(np.float32), grid, Unit.SUV_BW)}, suv=FDG)


def test_every_region_has_the_networks_word() -> None:
    found = segment(body())
    assert found.looked is not None and not found.looked.silent
    assert found.looked.sha256 == second_look.card_sha256()
    assert [d.probability is not None and 0 <= d.probability <= 1 for d in found.decisions] == [True]
    alone = segment(body(), second_look=False)
    assert alone.looked is None and [d.probability for d in alone.decisions] == [None]


def test_a_short_field_is_not_shown_to_it(chest: Callable[..., tuple[Volume, Volume]]) -> None:
    found = segment(Study({"pet": chest()[0]}, suv=FDG))
    assert found.looked is not None and "192 mm long" in found.looked.silent
    assert "SEG-I-NOLOOK" in {m.code for m in found.messages}


def test_rules_decide_alone_where_its_files_are_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / second_look.NAME
    folder.mkdir()
    for name in ("model.json", "plan.json", "model.xml", "model.bin"):
        (folder / name).write_bytes((BUNDLED.folder(second_look.NAME) / name).read_bytes())
    (folder / "model.bin").write_bytes(b"")
    monkeypatch.setattr(second_look, "BUNDLED", Store(tmp_path))
    second_look.opened.cache_clear()
    found, alone = segment(body()), segment(body(), second_look=False)
    assert "SEG-W-NOLOOK" in {m.code for m in found.messages}
    assert found.decisions == alone.decisions
    second_look.opened.cache_clear()
    monkeypatch.setattr(second_look, "BUNDLED", Store(tmp_path / "none"))
    assert "SEG-W-NOLOOK" in {m.code for m in segment(body()).messages}


def test_it_is_among_the_models_and_its_files_are_as_the_card_says(tmp_path: Path) -> None:
    assert [card["name"] for card in listed(Store(tmp_path))["bundled"]] == [second_look.NAME]
    card = told(Store(tmp_path), second_look.NAME)
    assert "No lymphoma" in card["training_data"] and "CC BY 3.0" in card["training_data"]
    assert BUNDLED.verify(second_look.NAME) == []
    folder = BUNDLED.folder(second_look.NAME)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3e6
    trained = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["folds"][0]["train"]
    assert not [name for name in trained if 65 <= int(name[8:11]) <= 99]  # what it is measured and tuned on


def test_it_can_be_left_out() -> None:
    assert run_settings({}).as_record()["second_look"] is True
    assert run_settings({"second_look": False}).as_record()["second_look"] is False
    assert run_settings({"model": "any"}).as_record()["second_look"] is False
