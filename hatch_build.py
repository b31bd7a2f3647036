"""Puts what the reading page takes from npm, as locked, into the wheel; who installs the wheel needs no Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
VENDOR = ROOT / "src" / "lymphoscope" / "app" / "web" / "page" / "vendor"
TAKEN = {"niivue.js": "node_modules/@niivue/niivue/dist/index.min.js"}


def fetch() -> None:
    """Install the locked packages and take over the files that are served."""
    web = ROOT / "web"
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=web, check=True)
    VENDOR.mkdir(exist_ok=True)
    for name, source in TAKEN.items():
        shutil.copyfile(web / source, VENDOR / name)


class PageHook(BuildHookInterface):  # type: ignore[misc]
    """Runs before a wheel or source archive is packed; an editable install goes without the page's pictures."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch what is not there yet."""
        if version != "editable" and not all((VENDOR / name).is_file() for name in TAKEN):
            fetch()


if __name__ == "__main__":
    fetch()
