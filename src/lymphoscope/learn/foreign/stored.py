"""A stored foreign model ready to predict, by OpenVINO and without torch; and what a budget of time buys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.registry import unknown_name
from lymphoscope.learn.device import require_device
from lymphoscope.learn.foreign.effort import Effort
from lymphoscope.learn.foreign.plans import PREVIOUS, ForeignPlan, foreign_plan, read_json
from lymphoscope.learn.foreign.predictor import Foreign
from lymphoscope.learn.infer import Predict
from lymphoscope.learn.openvino_engine import by_openvino

EIGHT_BITS = "int8.xml"
"""File of a network in 8-bit integers, beside that in 32."""
HARDLY = 0.01
"""Share of the blend up to which a window is not worth its time."""


@dataclass(frozen=True)
class Arithmetic:
    """In what numbers a network computes.

    Attributes:
        precision: ``f32``, or ``bf16`` on a graphics card and where the processor is the faster in it.
        eight_bits: Integers of 8 bits instead, on a processor and where the model was calibrated.
    """

    precision: str = "f32"
    eight_bits: bool = False


@dataclass(frozen=True)
class Budget:
    """What is computed, and how precisely.

    Attributes:
        effort: What is computed.
        gives_up: What nnU-Net does by default and this does not.
        arithmetic: Of what draws.
        looking: Of what looks first, where anything does.
    """

    effort: Effort
    gives_up: str
    arithmetic: Arithmetic = Arithmetic()
    looking: Arithmetic = Arithmetic()


_GLANCE = Effort(overlap=0.25, mirror=False, folds=1, body_only=True, relaid=True, least=HARDLY)
_COARSE = Arithmetic("bf16", eight_bits=True)
BUDGETS: Mapping[str, Budget] = MappingProxyType({
    "full": Budget(Effort(), "nothing"),
    "standard": Budget(
        Effort(mirror=False, body_only=True, least=HARDLY),
        "mirroring; windows over air, and those that have no more than 1 % of the blend anywhere in the body",
    ),
    "fast": Budget(
        Effort(mirror=False, folds=1, least=HARDLY, look=_GLANCE),
        "what standard gives up; all networks but the first; places to which glance gives less than 1 %; "
        "32-bit arithmetic, where the processor is faster in bf16", Arithmetic("bf16"), _COARSE,
    ),
    "glance": Budget(
        _GLANCE,
        "what standard gives up; all networks but the first; nnU-Net's places of windows; half of their overlap; "
        "32-bit arithmetic, where the model was calibrated or the processor is faster in bf16", _COARSE,
    ),
})  # fmt: skip
"""Budgets of time by name."""


def budget_named(name: str) -> Budget:
    """A budget.

    Raises:
        LymphoscopeError: ``USE-E-NAME``.
    """
    if name not in BUDGETS:
        raise unknown_name("budget", name, BUDGETS)
    return BUDGETS[name]


def open_stored(folder: Path, budget: Budget, device: str = "cpu") -> Foreign:
    """Load a model from its folder in the store.

    Args:
        folder: With model.json, plans.json, dataset.json and fold_*.
        budget: How many networks are loaded, and in what numbers they compute.
        device: One of `DEVICES`; a graphics card has no 8-bit form.

    Raises:
        LymphoscopeError: ``MODEL-E-STORED`` when a file is missing or damaged, ``MODEL-E-PLANS``; those of
            `require_device`.
    """
    broken = LymphoscopeError("MODEL-E-STORED", "a network or the card cannot be read", where=folder.name)
    require_device(device)
    try:
        card: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        configuration, roles, names = str(card["configuration"]), tuple(card["roles"]), tuple(card["lesion"])
        mirror, folds = tuple(int(axis) for axis in card["mirror"]), [str(fold) for fold in card["folds"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise broken from None
    plan = foreign_plan(read_json(folder / "plans.json"), read_json(folder / "dataset.json"), configuration)
    spoken = folds[: budget.effort.folds]
    try:
        forms = [_form(folder, fold, budget.arithmetic, device) for fold in spoken]
        members, first = [_loaded(plan, *form) for form in forms], _form(folder, spoken[0], budget.looking, device)
        scout = None if budget.effort.look is None or first == forms[0] else _loaded(plan, *first)
        if plan.dimensions == 2:
            mirror = tuple(axis + 1 for axis in mirror)
        lesions = tuple(plan.labels.names.index(name) for name in names)
    except (RuntimeError, OSError, ValueError, IndexError):
        raise broken from None
    if not members or len(roles) != len(plan.channels):
        raise broken
    previous = open_stored(folder / PREVIOUS, budget, device) if plan.previous else None
    if previous is not None and previous.plan.labels != plan.labels:
        raise broken
    return Foreign(plan, members, roles, lesions, mirror, previous, scout)


def _form(folder: Path, fold: str, arithmetic: Arithmetic, device: str) -> tuple[Path, str, str]:
    """The file of a network of a model, the precision it computes in here, and on what."""
    on_card = device != "cpu"
    precision = arithmetic.precision if on_card or _has(arithmetic.precision) else "f32"
    return network_file(folder, fold, arithmetic.eight_bits and not on_card), precision, device


def _loaded(plan: ForeignPlan, path: Path, precision: str, device: str) -> Predict:
    network = by_openvino(path, precision) if device == "cpu" else _on_card(path, precision, device)
    return across(network) if plan.dimensions == 2 else network


def _on_card(path: Path, precision: str, device: str) -> Predict:
    from lymphoscope.learn.graph_engine import by_graph  # noqa: PLC0415 - needs torch

    return by_graph(path, device, precision)


def network_file(folder: Path, fold: str, eight_bits: bool) -> Path:
    """The file of a network of a model: in 8-bit integers where that is wanted and there is one."""
    small = folder / f"fold_{fold}" / EIGHT_BITS
    return small if eight_bits and small.is_file() else folder / f"fold_{fold}" / "model.xml"


def across(network: Predict) -> Predict:
    """A network of planes as one of volumes that are a voxel thick."""
    return lambda images: network(images[:, :, 0])[:, :, None]


def _has(precision: str) -> bool:
    """Whether this processor gains by a precision."""
    try:
        return gains_by(precision, Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore"))
    except OSError:
        return precision == "f32"


def gains_by(precision: str, processor: str) -> bool:
    """Whether a precision is worth its loss on a processor, as Linux describes it.

    Many take bf16. Units for matrices of it (AMX) are fast, and so are AMD's vectors; Intel's without AMX were slower
    than in 32 bits.
    """
    vectors = "AuthenticAMD" in processor and f"avx512_{precision}" in processor
    return precision == "f32" or vectors or f"amx_{precision}" in processor
