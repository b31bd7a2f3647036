"""Lymphoscope: FDG PET/CT of lymphoma, from DICOM to checked numbers and a report."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "load_study": "lymphoscope.io.intake",
    "segment": "lymphoscope.app.pipeline",
    "measure": "lymphoscope.app.pipeline",
    "run": "lymphoscope.app.pipeline",
}

__all__ = ["__version__", "load_study", "measure", "run", "segment"]


def __getattr__(name: str) -> Any:
    """Import a public function when it is first used, so that importing the package does nothing else."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'lymphoscope' has no attribute {name!r}")
