"""nnU-Net's checkpoints, read without running what is in them.

A checkpoint is a pickle in a zip. Unpickled freely it may run any program; here nothing is made of it but tensors,
plain containers, and the numbers that nnU-Net keeps beside them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lymphoscope.core.errors import LymphoscopeError

_PREFIXES = ("_orig_mod.", "module.")
_MOST_GROWTH = 2.0
"""A zip that unpacks to more than this many times its size is no checkpoint: torch does not compress."""


@dataclass(frozen=True, eq=False)
class ForeignCheckpoint:
    """What a checkpoint holds that prediction needs.

    Attributes:
        weights: By nnU-Net's names.
        configuration: Name of the configuration that was trained.
        trainer: Name of nnU-Net's trainer.
        mirror: Axes that may be mirrored, as the network has them; empty for none.
    """

    weights: Mapping[str, Tensor]
    configuration: str
    trainer: str
    mirror: tuple[int, ...]


def read_checkpoint(path: Path) -> ForeignCheckpoint:
    """Read a checkpoint.

    Args:
        path: ``checkpoint_final.pth`` or its like.

    Raises:
        LymphoscopeError: ``MODEL-E-CHECKPOINT`` when it is damaged, holds anything that could run, or is not nnU-Net's.
    """
    _require_plain_zip(path)
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.serialization.safe_globals(_harmless()))
            held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        weights = {_bare(str(name)): tensor for name, tensor in held["network_weights"].items()}
        if not weights or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
            raise TypeError("weights are not tensors")
        mirror = tuple(int(axis) for axis in held.get("inference_allowed_mirroring_axes") or ())
        if not set(mirror) <= {0, 1, 2}:
            raise ValueError("mirrored axes are not axes")
        return ForeignCheckpoint(
            weights, str(held["init_args"]["configuration"]), str(held.get("trainer_name", "")), mirror
        )
    except Exception as error:  # whatever a damaged or hostile file makes torch raise
        what = f"the checkpoint is damaged, or holds what may not be read ({type(error).__name__})"
        raise LymphoscopeError("MODEL-E-CHECKPOINT", what, where=_place(path)) from None


def _require_plain_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        sound = unpacked <= _MOST_GROWTH * path.stat().st_size + 2**20
    except (OSError, zipfile.BadZipFile):
        sound = False
    if not sound:
        raise LymphoscopeError("MODEL-E-CHECKPOINT", "the file is no checkpoint of torch", where=_place(path))


def _place(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _harmless() -> list[Any]:
    """What may stand in a checkpoint beside tensors: numbers of numpy, which nnU-Net logs, by all names they had."""
    scalar = np.float64(0).__reduce__()[0]
    kinds = [np.dtype, *(type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "?"))]
    return [scalar, (scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar"), *kinds]
