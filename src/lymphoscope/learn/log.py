"""What a training said of itself, step by step, as a table."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor


class Log:
    """A CSV file: step, seconds, rate, loss, its parts, voxels.

    Args:
        path: Where it lies.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[dict[str, float]] = []

    def restart(self, step: int) -> None:
        """Go on after a step: what a killed training wrote beyond it is dropped."""
        self._rows = [row for row in read(self._path) if row["step"] <= step]

    def add(self, step: int, seconds: float, rate: float, losses: Mapping[str, Tensor], voxels: int) -> None:
        """Note a step."""
        parts = {name: float(loss.detach()) for name, loss in losses.items()}
        row = {"step": step, "seconds": round(seconds, 3), "rate": rate, "voxels": voxels}
        self._rows.append({**row, "loss": sum(parts.values()), **parts})

    def flush(self) -> None:
        """Write the table."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        with self._path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, names, restval="")
            table.writeheader()
            table.writerows(self._rows)


def read(path: Path) -> list[dict[str, float]]:
    """Rows of a log; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items() if value != ""} for row in csv.DictReader(file)]
