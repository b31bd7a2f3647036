"""What is to be done and what is done already. A case folder says itself what it was made from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from lymphoscope import __version__
from lymphoscope.app.batch.find import StudyFiles
from lymphoscope.app.settings import RunSettings

CASES = "cases"
_NOT_PART_OF_A_RESULT = ("force", "stamp", "store", "prognosis")
"""Where models and runs lie is none; what they hold is, by their hashes."""


@dataclass(frozen=True)
class Plan:
    """The studies of a tree, by what is left to do.

    Attributes:
        todo: To be measured, the largest first, so that the last to end is a small one.
        done: Measured or refused before, with the same settings, from the same files.
        settings_sha256: Hash of the settings.
        strangers: Number of cases in the output that no study of the tree belongs to.
    """

    todo: tuple[StudyFiles, ...]
    done: tuple[StudyFiles, ...]
    settings_sha256: str
    strangers: int = 0

    def stamp(self, study: StudyFiles) -> dict[str, str]:
        """What the case of a study is marked with, to be known again."""
        return {"input_sha256": study.input_sha256, "settings_sha256": self.settings_sha256}


def make_plan(studies: Sequence[StudyFiles], out: Path, settings: RunSettings) -> Plan:
    """Compare the studies found with the cases that are there.

    A case counts as done when it is complete and made from the same files with the same settings and version. A case
    folder appears whole or not at all, so one that a killed run was working on is not there and is to be done.

    Args:
        studies: What was found.
        out: The output folder of the batch.
        settings: What every run is told; with `force` nothing counts as done.
    """
    plan = Plan((), (), settings_sha256(settings))
    done = () if settings.force else tuple(s for s in studies if _marks(out / CASES / s.name) == plan.stamp(s))
    names = {study.name for study in done}
    todo = sorted((s for s in studies if s.name not in names), key=lambda s: (-s.size, s.name))
    there = {p.name for p in (out / CASES).iterdir() if p.is_dir()} if (out / CASES).is_dir() else set()
    strangers = {name for name in there if not name.startswith(".")} - {s.name for s in studies}
    return Plan(tuple(todo), done, plan.settings_sha256, len(strangers))


def settings_sha256(settings: RunSettings) -> str:
    """Hash of everything a result depends on besides the study: all settings, networks, and the version.

    Raises:
        LymphoscopeError: ``USE-E-NAME``, ``USE-E-VALUE`` or ``RUN-E-FOLDER`` for networks that are not there.
    """
    written = json.dumps(
        {"version": __version__, **_plain(settings), **_networks(settings)}, sort_keys=True, default=str
    )
    return sha256(written.encode()).hexdigest()


def _networks(settings: RunSettings) -> dict[str, str]:
    """Hashes of the networks that are asked; to be asked for none, no library of networks is loaded."""
    found = {}
    if settings.network is not None:
        from lymphoscope.app.network import card_sha256  # noqa: PLC0415

        found["model_sha256"] = card_sha256(settings.network)
    if settings.prognosis is not None:
        from lymphoscope.app.risk import run_sha256  # noqa: PLC0415

        found["prognosis_sha256"] = run_sha256(settings.prognosis)
    return found


def _plain(settings: Any) -> dict[str, Any]:
    values = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in _NOT_PART_OF_A_RESULT}
    return {name: _plain(value) if is_dataclass(value) else value for name, value in values.items()}


def _marks(case: Path) -> dict[str, str]:
    """The stamp of a complete case; empty when there is none."""
    try:
        marks = json.loads((case / "run.json").read_bytes())
        return {key: str(marks[key]) for key in ("input_sha256", "settings_sha256")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
