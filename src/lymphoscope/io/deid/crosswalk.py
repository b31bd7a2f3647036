"""The folder that leads back to the patients: the key, and who became whom. It never lies where the data go."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.atomic import writing
from lymphoscope.io.deid.secret import KEY_BYTES, Secret

KEY, TABLE, LEFT_OUT = "secret.key", "crosswalk.csv", "left-out.csv"
_STUDIES = "studies"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Crosswalk:
    """The folder, readable by its owner alone.

    Attributes:
        folder: Where it is.
        secret: The key in it.
    """

    folder: Path
    secret: Secret

    def record(self, study: str) -> dict[str, Any]:
        """What was written down about a study; empty when nothing was."""
        with suppress(OSError, ValueError):
            found = json.loads(self._place(study).read_bytes())
            return found if isinstance(found, dict) else {}
        return {}

    def write_record(self, study: str, record: Mapping[str, Any]) -> None:
        """Write down what a study became, whole or not at all."""
        private_write(self._place(study), json.dumps(record, sort_keys=True, indent=1).encode())

    def write_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write a table, for who may read it."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow(columns)
        writer.writerows(rows)
        private_write(self.folder / name, stream.getvalue().encode("utf-8", "surrogateescape"))

    def _place(self, study: str) -> Path:
        return self.folder / _STUDIES / f"{study}.json"


def open_crosswalk(folder: Path) -> Crosswalk:
    """Open the crosswalk of a project; a new one gets a new key.

    Args:
        folder: Made when it is not there, for its owner alone.

    Raises:
        LymphoscopeError: ``DEID-E-KEY`` when others may read it, or its key is no key; ``IO-E-WRITE``.
    """
    with writing():
        folder = Path(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / _STUDIES).mkdir(mode=0o700, exist_ok=True)
        key = folder / KEY
        with suppress(FileExistsError):
            _create(key, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        if os.name == "posix" and any(path.stat().st_mode & _OTHERS for path in (folder, key)):
            raise LymphoscopeError("DEID-E-KEY", "others than its owner may look into the crosswalk or at its key")
        text = key.read_text("ascii", "replace").strip()
    try:
        content = bytes.fromhex(text)
    except ValueError:
        content = b""
    if len(content) < KEY_BYTES:
        raise LymphoscopeError("DEID-E-KEY", f"the key has not the {2 * KEY_BYTES} hexadecimal digits of a key")
    return Crosswalk(folder, Secret(content))


def private_write(path: Path, content: bytes) -> None:
    """Write a file that its owner alone may read, whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing():
        part.unlink(missing_ok=True)
        _create(part, content)
        part.replace(path)


def _create(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
