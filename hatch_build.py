"""Puts what the reading page takes from npm, as locked, into the wheel; who installs the wheel needs no Node."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):  # type: ignore[misc]
    """Runs before a wheel or source archive is packed; for an editable install, `make page` does the same."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch what is not there yet."""
        root = Path(self.root)
        if version == "editable" or (root / "src/lymphoscope/app/web/page/vendor/niivue.js").is_file():
            return
        try:
            for command in (["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], ["npm", "run", "vendor"]):
                subprocess.run(command, cwd=root / "web", check=True)
        except (OSError, subprocess.CalledProcessError):
            # everything but the reading page works without it, and `lymphoscope serve` says what is lacking
            self.app.display_warning("the reading page's viewer could not be taken from npm: it is left out")
