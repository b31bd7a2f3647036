"""The page on adding a method: what it shows obeys the laws of losses and of recipes, without a test of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "add-a-method.md"


@pytest.mark.long
def test_a_loss_and_a_recipe_in_one_file_get_their_laws_for_free(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (source,) = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    (tests,) = re.findall(r"^PYTHONPATH=\. python -m pytest (.*)$", page, re.M)
    (tmp_path / "log_dice.py").write_text(source, encoding="utf-8")
    chosen, *_ = re.findall(r'"(.*)"', tests)
    words = tests.replace(f'"{chosen}"', "@").split()
    command = [sys.executable, "-m", "pytest", *(chosen if word == "@" else word for word in words), "-rA"]
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.findall(r"^PASSED .*::(\w+)\[", done.stdout, re.M)
    assert {"test_it_learns_one_phantom", "test_right_costs_less_than_wrong"} <= set(passed)
    assert len(passed) >= 14
