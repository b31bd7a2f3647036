"""The verb `predict`: a run folder, or a recipe in which nothing is trained, applied to the cases of a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.dataset.cases import DataSet, Entry
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.io.nifti import write_nifti
from lymphoscope.learn.model import open_model
from lymphoscope.learn.run import Run


@dataclass(frozen=True)
class Wanted:
    """What is written of each case, and how it is made.

    Attributes:
        folds: Folds that speak; None for all.
        engine: ``openvino`` or ``torch``.
        part: ``training`` (imagesTr), ``held-out`` (imagesTs), or ``all``.
        probability: Write the probability of a lesion too.
        entropy: Write the entropy of the classes too, bits.
        force: Make again what is there.
    """

    folds: tuple[int, ...] | None = None
    engine: str = "openvino"
    part: str = "all"
    probability: bool = False
    entropy: bool = False
    force: bool = False


def predict(run: Path, data_path: Path, out: Path, wanted: Wanted, progress: Progress = silent) -> dict[str, Any]:
    """Apply a trained run to every case of a data set.

    A case that is there already is not made again, so that a killed prediction goes on.

    Args:
        run: Folder that `train` made.
        data_path: The data set.
        out: Folder of label maps ``CASE.nii.gz``; further maps lie in folders beside them.
        wanted: What is written.
        progress: Hears of every case.

    Returns:
        What was made: recipe, folds, engine, number of cases.

    Raises:
        LymphoscopeError: Those of opening the run and of reading the data.
    """
    data = open_dataset(data_path)
    model = open_model(Run(run), wanted.folds, wanted.engine)
    cases = _cases(data, wanted.part)
    for number, entry in enumerate(cases):
        progress("predicting", number, len(cases))
        if wanted.force or not (out / f"{entry.id}.nii.gz").exists():
            predicted = model.predict(data.read(entry, model.reads).volumes)
            extra: Mapping[str, tuple[bool, Callable[[], Volume]]] = {
                "probability": (wanted.probability, lambda made=predicted: made.lesion),  # type: ignore[misc]
                "entropy": (wanted.entropy, lambda made=predicted: made.entropy),  # type: ignore[misc]
            }
            for name, (asked, make) in extra.items():
                if asked:
                    _write(out / name / f"{entry.id}.nii.gz", make())
            _write(out / f"{entry.id}.nii.gz", predicted.labels)
    progress("predicting", len(cases), len(cases))
    return {
        "recipe": model.plan.recipe.id,
        "plan": model.plan.digest,
        "networks": sum(len(members) for _, members in model.stages),
        "engine": wanted.engine,
        "cases": len(cases),
    }


def _cases(data: DataSet, part: str) -> tuple[Entry, ...]:
    parts = {"training": data.cases, "held-out": data.held_out, "all": (*data.cases, *data.held_out)}
    if part not in parts:
        raise LymphoscopeError("USE-E-VALUE", f"a part is one of {', '.join(parts)}", "--part")
    if not parts[part]:
        raise LymphoscopeError("DATA-E-EMPTY", f"there is no case in the part {part!r}")
    return parts[part]


def _write(path: Path, image: Volume) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = image.array.astype(np.uint8 if image.unit is Unit.LABEL else np.float32)
    new = path.with_name(f".{path.name.removesuffix('.nii.gz')}.new.nii.gz")
    write_nifti(new, Volume(array, image.geometry, image.unit))
    new.replace(path)
