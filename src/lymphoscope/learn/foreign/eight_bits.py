"""Networks of a stored model in 8-bit integers: ranges measured on windows of real cases, compared on others.

Needs the extra `int8` (nncf) to be made; predicting with what was made needs OpenVINO only.

Reference: Kozlov et al., arXiv:2002.08679 (NNCF); post-training quantization with mixed ranges.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.volume import Volume
from lymphoscope.learn.foreign.effort import Effort, layout
from lymphoscope.learn.foreign.predictor import Foreign, decided
from lymphoscope.learn.foreign.preparing import Prepared, prepared, settled
from lymphoscope.learn.foreign.resize import Floats
from lymphoscope.learn.infer import Predict
from lymphoscope.learn.offline import openvino
from lymphoscope.learn.streaming import Windows, slabs

_SEEN = Effort(mirror=False, body_only=True)


def windows(model: Foreign, volumes: Mapping[str, Volume], count: int) -> list[Floats]:
    """Windows of a case with uptake in them, evenly over the body, as a network reads them: (1, channels, z, y, x).

    Args:
        model: Any model of volumes or of slices, but for a cascade.
        volumes: Images by role, all on one grid.
        count: How many at most.
    """
    grid = volumes[model.reads[0]].geometry
    plan = settled(model.plan, grid)
    case = prepared(plan, [volumes[role].array for role in model.roles], grid)
    where = layout(plan, case, volumes.get("pet:suv"), _SEEN)
    shown: list[Floats] = []
    total = _walk(case, where.windows, frozenset(), shown)
    _walk(case, where.windows, frozenset(np.linspace(0, total - 1, min(count, total)).astype(int).tolist()), shown)
    return shown


def _walk(case: Prepared, places: Windows, wanted: frozenset[int], shown: list[Floats]) -> int:
    """Look at every window, keep those that are wanted, by their number, and count them all."""
    seen = 0

    def look(patch: Floats) -> Floats:
        nonlocal seen
        if seen in wanted:
            shown.append(patch.copy())
        seen += 1
        return patch[:, :1]

    for _ in slabs(look, case.images, places, (0.0,)):
        pass
    return seen


def quantized(network: Path, shown: Sequence[Floats], out: Path) -> None:
    """Write a network in 8-bit integers, but for the convolution that gives its outputs.

    That one costs next to nothing, and its steps would move every border.

    Args:
        network: The ``.xml`` file.
        shown: What it reads, for the ranges of its numbers.
        out: The ``.xml`` file to write.

    Raises:
        LymphoscopeError: ``USE-E-EXTRA`` without nncf.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # it draws bars of its own, where only results belong
        try:
            import nncf  # noqa: PLC0415 - an extra, and slow to load
        except ImportError:
            what = "ranges of numbers are measured by nncf, which is not installed"
            raise LymphoscopeError("USE-E-EXTRA", what, fix="Install the extra int8.") from None
        logging.getLogger("nncf").setLevel(logging.CRITICAL)
        whole: Any = openvino.Core().read_model(network)
        flat = len(whole.inputs[0].shape) == 4
        examples = nncf.Dataset([window[:, :, 0] if flat else window for window in shown])
        made = nncf.quantize(
            whole, examples, preset=nncf.QuantizationPreset.MIXED, subset_size=len(shown),
            ignored_scope=nncf.IgnoredScope(names=last_convolutions(whole)),
        )  # fmt: skip
    openvino.save_model(made, out, compress_to_fp16=False)


def last_convolutions(network: Any) -> list[str]:
    """Names of the convolutions that give the outputs."""
    found = []
    for result in network.get_results():
        node = result.input_value(0).get_node()
        while not node.get_type_name().startswith("Convolution") and node.inputs():
            node = node.input_value(0).get_node()
        found.append(node.get_friendly_name())
    return found


def agreement(model: Foreign, pairs: Iterable[tuple[Predict, Predict]], shown: Sequence[Floats]) -> float | None:
    """Dice of the lesions that two forms of each network draw in windows, all together; None where there are none."""
    both = each = 0
    for one, other in pairs:
        for window in shown:
            masks = []
            for network in (one, other):
                classes, _ = decided(model.plan.labels, model.lesions, network(window)[0])
                masks.append(np.isin(classes, [model.plan.labels.values[n] for n in model.lesions]))
            both += int(np.count_nonzero(masks[0] & masks[1]))
            each += sum(int(np.count_nonzero(mask)) for mask in masks)
    return 2 * both / each if each else None
