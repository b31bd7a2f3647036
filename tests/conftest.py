"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Several workers share the cores: one thread each is faster than threads that wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_SHARED = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of open data beside the project; skips, saying so, where it is absent."""
    if not _SHARED.is_dir():
        pytest.skip("the shared data folder is not beside the project")
    return _SHARED
