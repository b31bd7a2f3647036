"""What a network computes on."""

from __future__ import annotations

from importlib.util import find_spec

from lymphoscope.core.errors import LymphoscopeError

DEVICES = ("cpu", "cuda")


def require_device(name: str) -> str:
    """A device that is there.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` for an unknown one or a graphics card that is not there, ``USE-E-EXTRA`` for
            one without torch.
    """
    if name not in DEVICES:
        raise LymphoscopeError("USE-E-VALUE", f"device is one of {', '.join(DEVICES)}", "--device")
    if name == "cuda" and find_spec("torch") is None:
        what = "a graphics card computes by torch, which is not installed"
        raise LymphoscopeError("USE-E-EXTRA", what, "--device", "Install the extra train, or give --device cpu.")
    if name == "cuda" and not _has_card():
        raise LymphoscopeError("USE-E-VALUE", "torch finds no graphics card here", "--device", "Give --device cpu.")
    return name


def _has_card() -> bool:
    import torch  # noqa: PLC0415 - slow to load, and not everywhere

    return torch.cuda.is_available()
