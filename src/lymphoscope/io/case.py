"""The case folder: what a run hands on, always under the same names, whole or not at all."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.atomic import Claim, claim, draft
from lymphoscope.io.gzipped import gzipped

FRONT_FILE = "front.png"
"""The projection from the front, SUV 0–10: the first picture of the reading page."""

CASE_FILES = (
    "study.json",
    "pet.nii.gz",
    "ct.nii.gz",
    "lesions.nii.gz",
    "removed.nii.gz",
    "organs.nii.gz",
    "report.json",
    "report.html",
    "report.pdf",
    "report.csv",
    "mip.png",
    FRONT_FILE,
    "seg.dcm",
    "removed.dcm",
    "rtstruct.dcm",
    "sr.dcm",
    "mip.dcm",
    "report.dcm",
    "suv.dcm",
    "images.json",
    "run.json",
)
"""Names in a case folder; no other is written, and a folder with any other is never replaced."""

SIGNIFICANT_DIGITS = 9


class Case:
    """A case folder that this run alone may write, until the claim ends."""

    def __init__(self, held: Claim) -> None:
        self._held = held

    @property
    def folder(self) -> Path:
        """The case folder, links resolved."""
        return self._held.folder

    def write(self, contents: Mapping[str, bytes]) -> Path:
        """Write all files of the case and put them in place at once; what was there before goes when they stand.

        Args:
            contents: Bytes by name, names from `CASE_FILES`. What goes under a ``.gz`` name is given plain and
                compressed here.

        Returns:
            The folder.

        Raises:
            LymphoscopeError: ``IO-E-WRITE`` when the system refuses; what was there before is there still.
            KeyError: A name is not of the case.
        """
        for name in contents:
            if name not in CASE_FILES:
                raise KeyError(f"{name} is not a file of the case folder")
        with draft(self._held) as new:
            for name, content in contents.items():
                (new / name).write_bytes(gzipped(content) if name.endswith(".gz") else content)
        return self.folder


@contextlib.contextmanager
def claimed_case(folder: Path, force: bool = False, inputs: Iterable[Path] = ()) -> Iterator[Case]:
    """Keep an output folder for a run from its start, so that a long run does not end in a refusal.

    Args:
        folder: The case folder; made when something is written.
        force: Replace the case that is there.
        inputs: Folders and files that are read; the output may not lie in them, nor they in it.

    Yields:
        The case, to be written once.

    Raises:
        LymphoscopeError: ``USE-E-OUTPUT``, ``IO-E-LOCKED`` or ``IO-E-WRITE``.
    """
    for path in inputs:
        require_apart(Path(folder), Path(path))
    with claim(Path(folder), force, _is_case_file) as held:
        yield Case(held)


def write_case(folder: Path, contents: Mapping[str, bytes], force: bool = False, inputs: Iterable[Path] = ()) -> Path:
    """Claim a case folder and write it; see `claimed_case` and `Case.write`."""
    with claimed_case(folder, force, inputs) as case:
        return case.write(contents)


def require_apart(out: Path, study: Path) -> None:
    """Refuse an output folder that lies in the input, or the input in it: inputs are never written to.

    Raises:
        LymphoscopeError: ``USE-E-OUTPUT``.
    """
    out, study = out.resolve(), study.resolve()
    if out == study or study in out.parents:
        raise LymphoscopeError("USE-E-OUTPUT", "the output lies in the study's own folder", fix="Give another folder.")
    if out in study.parents:
        raise LymphoscopeError("USE-E-OUTPUT", "the study lies in the output folder", fix="Give another folder.")


def _is_case_file(entry: Path) -> bool:
    return entry.name in CASE_FILES and entry.is_file() and not entry.is_symlink()


def canonical_json(value: Any) -> bytes:
    """JSON of which equal content gives equal bytes: sorted keys, 9 significant digits, null for what is not known.

    Args:
        value: Mappings, sequences, strings, numbers (also of numpy), booleans, enums, dates and None.

    Returns:
        UTF-8 with a line end.

    Raises:
        TypeError: The content holds anything else.
    """
    text = json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False)
    # a file name may hold bytes that are no text; their escape is valid JSON
    return (text + "\n").encode("utf-8", "backslashreplace")


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.value
    elif isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, float):
        # + 0.0 makes minus zero zero
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0.0 if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no place in the record")
