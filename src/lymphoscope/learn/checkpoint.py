"""Where a training stands, written so that a kill at any moment leaves the last one or the one before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import Optimizer

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.atomic import writing


class Checkpoint:
    """One file that is replaced as a whole.

    Args:
        path: Where it lies.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(
        self, parts: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer], step: int, seconds: float
    ) -> None:
        """Replace what was kept.

        Raises:
            LymphoscopeError: ``IO-E-WRITE`` when it cannot be written.
        """
        state: dict[str, Any] = {
            "parts": {name: part.state_dict() for name, part in parts.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in optimizers.items()},
            "step": step,
            "seconds": seconds,
        }
        with writing():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = self._path.with_suffix(".new")
            torch.save(state, new)
            new.replace(self._path)

    def restore(self, parts: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]) -> tuple[int, float]:
        """Bring back what was kept.

        Returns:
            Step and seconds spent; zeros where nothing was kept.

        Raises:
            LymphoscopeError: ``RUN-E-CHECKPOINT`` when the file is damaged or of another network.
        """
        if not self._path.exists():
            return 0, 0.0
        try:
            state = torch.load(self._path, map_location="cpu", weights_only=True)
            for name, part in parts.items():
                part.load_state_dict(state["parts"][name])
            for name, optimizer in optimizers.items():
                optimizer.load_state_dict(state["optimizers"][name])
            return int(state["step"]), float(state["seconds"])
        except Exception as error:  # whatever a damaged file makes torch raise
            raise LymphoscopeError(
                "RUN-E-CHECKPOINT", f"the checkpoint cannot be used ({type(error).__name__})", where=self._path.name
            ) from None


def save_weights(network: nn.Module, path: Path) -> None:
    """Write weights as safetensors.

    Raises:
        LymphoscopeError: ``IO-E-WRITE`` when it cannot be written.
    """
    with writing():
        new = path.with_suffix(".new")
        save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, new)
        new.replace(path)


def load_weights(network: nn.Module, path: Path) -> None:
    """Read weights into a network.

    Raises:
        LymphoscopeError: ``RUN-E-WEIGHTS`` when the file is damaged or of another network.
    """
    try:
        network.load_state_dict(load_file(path))
    except Exception as error:  # whatever a damaged file makes safetensors raise
        raise LymphoscopeError(
            "RUN-E-WEIGHTS", f"the weights cannot be used ({type(error).__name__})", where=path.name
        ) from None
