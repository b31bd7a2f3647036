"""The verb `models calibrate`: networks of a stored model in 8-bit integers, as far as they draw the same."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lymphoscope.app.models.store import CARD, Store, keep
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.io.atomic import writing
from lymphoscope.io.dataset.opening import open_dataset

LEAST = 0.95
"""Dice with the networks in 32 bits, on cases that they were not calibrated on, below which none is kept."""
_WINDOWS = 4


def calibrate(name: str, store: Store, data: Path, cases: int, progress: Progress = silent) -> dict[str, Any]:
    """Give a stored model networks in 8-bit integers, for the budgets ``glance`` and ``fast``.

    Args:
        name: Of the model.
        store: Where it is kept.
        data: A data set, of whose cases the first are taken; no masks are read.
        cases: How many: half of them, but one at least, for the ranges of numbers, the others to compare.
        progress: Hears of the work.

    Returns:
        The model's card.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for an unknown model, ``USE-E-VALUE`` for a cascade or fewer than two cases,
            ``USE-E-EXTRA`` without nncf, ``RUN-E-EXPORT`` when they draw something else; the model stays as it was.
    """
    card = store.card(name)
    if "previous" in card:
        raise LymphoscopeError("USE-E-VALUE", f"{name} is a cascade, which is not calibrated")
    entries = open_dataset(data).cases[:cases]
    if len(entries) < 2:
        raise LymphoscopeError("USE-E-VALUE", "one case is for calibrating and another to compare", "--cases")
    return keep(store, name, _Calibration(store.folder(name), card, data, len(entries), progress), force=True)


class _Calibration:
    """A model with networks in 8-bit integers beside its own."""

    def __init__(self, old: Path, card: Mapping[str, Any], data: Path, cases: int, progress: Progress) -> None:
        self._old, self._card, self._data, self._cases, self._progress = old, card, data, cases, progress

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the model with its new networks, and say how they compare."""
        from lymphoscope.learn.foreign.effort import Effort  # noqa: PLC0415
        from lymphoscope.learn.foreign.eight_bits import agreement, quantized, windows  # noqa: PLC0415 - slow to load
        from lymphoscope.learn.foreign.stored import EIGHT_BITS, Arithmetic, Budget, open_stored  # noqa: PLC0415

        with writing():
            shutil.copytree(self._old, folder, dirs_exist_ok=True)
        model, data = open_stored(self._old, Budget(Effort(), "")), open_dataset(self._data)
        seen = [windows(model, data.read(entry, model.reads).volumes, _WINDOWS) for entry in data.cases[: self._cases]]
        half = len(seen) // 2
        shown, kept_back = ([w for case in part for w in case] for part in (seen[:half], seen[half:]))
        files = [folder / f"fold_{fold}" for fold in self._card["folds"]]
        for number, file in enumerate(files):
            self._progress("calibrating", number, len(files))
            quantized(file / "model.xml", shown, file / EIGHT_BITS)
        self._progress("calibrating", len(files), len(files))
        small = open_stored(folder, Budget(Effort(), "", Arithmetic(eight_bits=True)))
        same = agreement(model, zip(model.members, small.members, strict=True), kept_back)
        if same is None or same < LEAST:
            drawn = "draw nothing there" if same is None else f"agree with Dice {same:.3f}"
            what = f"networks in 8-bit integers {drawn}, on {self._cases - half} cases that they were not calibrated on"
            raise LymphoscopeError("RUN-E-EXPORT", what, fix="Give more cases, with lesions; the model is unchanged.")
        (folder / CARD).unlink()  # `keep` writes the new one
        about = {"cases": half, "compared_on": self._cases - half, "dice_with_32_bits": round(same, 4)}
        return {**{key: value for key, value in self._card.items() if key != "files"}, "int8": about}
