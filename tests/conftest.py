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


_LONG = (
    "test_docs.py",
    "laws/test_recipes.py",
    "web/test_page.py",
    "web/test_page_by_hand.py",
    "web/test_page_scripts.py",
)
"""Files that take long: begun first, so that no worker is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; the rest keeps its order."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(_LONG))
