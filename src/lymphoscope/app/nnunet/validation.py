"""The cross-validation of an nnU-Net: its table with means both ways, and how its training went."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lymphoscope.app.evaluation.canvas import BLUE, GREEN, ORANGE, Canvas, house_style
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.evaluate.crossval_table import COLUMNS, CrossValidation, Row, crossval_table
from lymphoscope.evaluate.summary_json import read_summary
from lymphoscope.io.atomic import claim, draft

TABLE, PAGE, RECORD, PICTURE = "table.csv", "table.md", "validation.json", "progress.png"
_FILES = (TABLE, PAGE, RECORD, PICTURE)
_NUMBER = r"([-+0-9.einfa]+)"
_LINES = {
    "epoch": re.compile(r"Epoch (\d+)\s*$"),
    "rate": re.compile(rf"Current learning rate: {_NUMBER}"),
    "loss": re.compile(rf"train_loss {_NUMBER}"),
    "validation_loss": re.compile(rf"val_loss {_NUMBER}"),
    "dice": re.compile(r"Pseudo dice \[(.*)\]"),
    "seconds": re.compile(rf"Epoch time: {_NUMBER} s"),
}
_SAME = 1e-9


@dataclass
class Course:
    """How the training of a fold went, one number an epoch.

    Attributes:
        numbers: ``loss``, ``validation_loss``, ``dice`` (mean over the classes), ``seconds``, ``rate`` by epoch.
    """

    numbers: dict[str, dict[int, float]] = field(default_factory=dict)

    def of(self, name: str) -> tuple[list[int], list[float]]:
        """Epochs and values."""
        known = sorted(self.numbers.get(name, {}).items())
        return [epoch for epoch, _ in known], [value for _, value in known]


def validate(folder: Path, out: Path, force: bool = False) -> CrossValidation:
    """Read the folds of a trained nnU-Net and write table and picture.

    Args:
        folder: The folder that holds ``fold_0`` …, or one above it that holds a single such folder.
        out: Where ``table.csv``, ``table.md``, ``validation.json`` and ``progress.png`` go.
        force: Replace what is there.

    Returns:
        The table.

    Raises:
        LymphoscopeError: ``EVAL-E-SUMMARY`` where there is no fold, one cannot be read, or its own mean is another than
            that of its cases; ``USE-E-OUTPUT``, ``IO-E-WRITE``.
    """
    folds = {place.name: place for place in _folds(folder)}
    table = crossval_table({name: _cases(place) for name, place in folds.items()})
    for name, place in folds.items():
        _require_same(place, table.folds[name])
    courses = {name: read_course(place) for name, place in folds.items()}
    with claim(out, force, lambda entry: entry.name in _FILES) as held, draft(held) as new:
        (new / TABLE).write_text(_csv(table), encoding="utf-8")
        (new / PAGE).write_text(page(table), encoding="utf-8")
        (new / RECORD).write_text(json.dumps(record(table), indent=1) + "\n", encoding="utf-8")
        if any(course.numbers for course in courses.values()):
            (new / PICTURE).write_bytes(picture(courses))
    return table


def _folds(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("fold_*/validation/summary.json")) if folder.is_dir() else []
    if not found:
        raise LymphoscopeError("EVAL-E-SUMMARY", "no fold_*/validation/summary.json is in the folder")
    if len({path.parents[2] for path in found}) > 1:
        fix = "Give the folder that holds fold_0, fold_1, … of one of them."
        raise LymphoscopeError("EVAL-E-SUMMARY", "the folder holds the folds of several trainings", fix=fix)
    return [path.parents[1] for path in found]


def _cases(place: Path) -> Any:
    return read_summary((place / "validation" / "summary.json").read_bytes(), f"{place.name}/validation/summary.json")


def _require_same(place: Path, row: Row) -> None:
    """Refuse a summary whose own mean is not that of its cases: it was edited, or not written by nnU-Net."""
    written = json.loads((place / "validation" / "summary.json").read_bytes()).get("foreground_mean", {})
    for name in set(COLUMNS) & set(written):
        own, found = float(written[name]), row[name]
        if not (math.isclose(own, found, rel_tol=_SAME) or (math.isnan(own) and math.isnan(found))):
            what = f"its mean {name} is {own:g}, that of its cases {found:g}"
            raise LymphoscopeError("EVAL-E-SUMMARY", what, place.name, "Let nnU-Net validate this fold again.")


def read_course(place: Path) -> Course:
    """Read the logs of a fold; of an epoch that was trained twice, after an interruption, the later."""
    course = Course()
    for log in sorted(place.glob("training_log_*.txt"), key=_when):
        epoch = None
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            for name, pattern in _LINES.items():
                if match := pattern.search(line):
                    if name == "epoch":
                        epoch = int(match[1])
                    elif epoch is not None and (value := _value(name, match[1])) is not None:
                        course.numbers.setdefault(name, {})[epoch] = value
    return course


def _when(log: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", log.stem)))


def _value(name: str, text: str) -> float | None:
    parts = re.findall(r"\d+\.?\d*(?:e[-+]?\d+)?(?!\()", text.replace("float32", "")) if name == "dice" else [text]
    try:
        values = [float(part) for part in parts]
    except ValueError:
        return None
    return sum(values) / len(values) if values else None


def picture(courses: Mapping[str, Course]) -> bytes:
    """Loss and pseudo Dice, duration of an epoch, learning rate; a thin line a fold. PNG."""
    with house_style():
        canvas = Canvas(7, 8, heights=(2, 1, 1))
        loss, time, rate = canvas.axes
        dice = loss.twinx()
        for course in courses.values():
            loss.plot(*course.of("loss"), color=BLUE, lw=0.9)
            loss.plot(*course.of("validation_loss"), color=ORANGE, lw=0.9)
            dice.plot(*course.of("dice"), color=GREEN, lw=0.9, ls=":")
            time.plot(*course.of("seconds"), color=BLUE, lw=0.9)
            rate.plot(*course.of("rate"), color=BLUE, lw=0.9)
        loss.set_ylabel("loss: training blue, validation orange")
        dice.set_ylabel("pseudo Dice (green)")
        dice.set_ylim(0, 1)
        time.set_ylabel("seconds an epoch")
        rate.set_ylabel("learning rate")
        rate.set_xlabel("epoch")
        loss.set_title(f"Training of {len(courses)} folds")
        return canvas.png()


def _rows(table: CrossValidation) -> list[tuple[str, Row]]:
    rows = [(name.replace("_", " "), row) for name, row in table.folds.items()]
    means = [("mean of the folds", table.mean_of_folds), ("mean of the cases", table.mean_of_cases)]
    return [*rows, *means, ("SD of the cases", table.sd_of_cases)]


def _csv(table: CrossValidation) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(("", *COLUMNS))
    writer.writerows((name, *(_plain(row[c], "{:.9g}") for c in COLUMNS)) for name, row in _rows(table))
    return stream.getvalue()


def page(table: CrossValidation) -> str:
    """The table as the paper prints it."""
    head = ["", *COLUMNS]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, row in _rows(table):
        cells = [_plain(row[c], "{:.5f}" if c in ("Dice", "IoU") else "{:.2f}") for c in COLUMNS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    counts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in table.cases.items())
    lines += [
        "",
        f"Cases: {counts}. Voxels are means over cases. Dice and IoU leave out cases without a lesion on either",
    ]
    lines += ["side.", ""]
    return "\n".join(lines)


def _plain(value: float, form: str) -> str:
    return "" if math.isnan(value) else form.format(value)


def record(table: CrossValidation) -> dict[str, Any]:
    """The table as numbers; None where there is none."""

    def clean(row: Row) -> dict[str, float | None]:
        return {c: None if math.isnan(row[c]) else row[c] for c in COLUMNS}

    means: Sequence[tuple[str, Row]] = _rows(table)[len(table.folds) :]
    return {
        "folds": {name: clean(row) for name, row in table.folds.items()},
        "cases": dict(table.cases),
        **{name.replace(" ", "_"): clean(row) for name, row in means},
    }
