"""What a training cost and how it went: figures of its log, and a picture of its curves."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope.learn.log import read

_UNIT = 1 if sys.platform == "darwin" else 1024
_SMOOTH = 50


def figures(log: Path) -> dict[str, Any]:
    """Steps, seconds, pace and memory of a finished training.

    Args:
        log: Its table of steps.

    Returns:
        ``steps``, ``seconds``, ``voxels_per_second`` (of images, all examples of a step), ``loss`` (mean of the last
        steps) and ``peak_memory_gb`` of this process.
    """
    rows = read(log)
    seconds = rows[-1]["seconds"] if rows else 0.0
    voxels = sum(row["voxels"] for row in rows)
    return {
        "steps": int(rows[-1]["step"]) if rows else 0,
        "seconds": round(seconds, 1),
        "voxels_per_second": round(voxels / seconds) if seconds else None,
        "loss": round(float(np.mean([row["loss"] for row in rows[-_SMOOTH:]])), 5) if rows else None,
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT / 1e9, 2),
    }


def curves(log: Path, picture: Path) -> None:
    """Draw the losses of a training over its steps.

    Args:
        log: Its table of steps.
        picture: PNG file to write.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to load

    rows = read(log)
    if not rows:
        return
    steps = [row["step"] for row in rows]
    names = [name for name in rows[-1] if name not in ("step", "seconds", "rate", "voxels")]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name in names:
        values = [row.get(name, np.nan) for row in rows]
        axes.plot(steps, smoothed(values), label=name, linewidth=2.0 if name == "loss" else 1.0)
    axes.set_xlabel("step")
    axes.set_ylabel(f"loss (running mean of {_SMOOTH} steps)")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, dpi=120)


def smoothed(values: Sequence[float], width: int = _SMOOTH) -> np.ndarray:
    """Mean of each value and those before it, `width` at most."""
    total = np.cumsum(np.asarray(values, float))
    before = np.concatenate([np.zeros(min(width, len(total))), total[:-width]])
    count = np.minimum(np.arange(1, len(total) + 1), width)
    mean: np.ndarray = (total - before) / count
    return mean
