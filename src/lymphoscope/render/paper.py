"""The report as PDF: A4, tagged, with alternative texts; set by typst in a process of its own that can be stopped."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from matplotlib.ft2font import FT2Font

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.study import Identity
from lymphoscope.render.drawing import FONT_DIRECTORY
from lymphoscope.render.pictures import Pictures
from lymphoscope.render.view import view

SECONDS = 120
"""A report takes about two; what takes longer is stopped."""

_FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
_LONG_WORD = re.compile(r"\S{31,}")
_HASH = re.compile(r"[0-9a-f]{64}")
_STEP = 15
_SETTER = """
import json, sys, typst
folder, fonts, known = sys.argv[1:4]
typst.compile(f"{folder}/report.typ", output=f"{folder}/report.pdf", root=folder, font_paths=[fonts],
              ignore_system_fonts=known == "known", pdf_standards=["ua-1"],
              package_path=folder, package_cache_path=folder)
"""


def paper(
    record: Mapping[str, Any], pictures: Pictures, identity: Identity | None = None, report_sha256: str = ""
) -> bytes:
    """Render a record, measured or refused.

    Args:
        record: The record.
        pictures: Its pictures.
        identity: Who the patient is, when that is wanted on the paper; a pseudonym stands otherwise.
        report_sha256: Hash of the written record, printed at the foot.

    Returns:
        The PDF; the same input gives the same bytes.

    Raises:
        LymphoscopeError: ``RUN-E-UNEXPECTED`` when the PDF could not be set.
    """
    blocks = _breakable(view(record, pictures, identity, report_sha256))
    with tempfile.TemporaryDirectory(prefix="lymphoscope-") as name:
        folder = Path(name)
        for picture in pictures:
            (folder / picture.name).write_bytes(picture.png)
        written = json.dumps(blocks, ensure_ascii=False, sort_keys=True)
        (folder / "data.json").write_text(written, encoding="utf-8")
        template = files("lymphoscope.render").joinpath("report.typ").read_bytes()
        (folder / "report.typ").write_bytes(template)
        return _set(folder, "known" if _covered(written) else "any")


def _set(folder: Path, known: str) -> bytes:
    command = [sys.executable, "-P", "-c", _SETTER, str(folder), str(FONT_DIRECTORY), known]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, cwd=folder)
    except subprocess.TimeoutExpired:
        raise LymphoscopeError(
            "RUN-E-UNEXPECTED", f"setting the PDF took more than {SECONDS} s", "report.pdf"
        ) from None
    except OSError:
        raise LymphoscopeError("RUN-E-UNEXPECTED", "the PDF could not be set: no process", "report.pdf") from None
    made = folder / "report.pdf"
    if done.returncode or not made.is_file():
        # what typst says may quote the report's texts, so only that it failed is told
        raise LymphoscopeError("RUN-E-UNEXPECTED", "the PDF could not be set", "report.pdf")
    return made.read_bytes()


def _covered(text: str) -> bool:
    """True where our own fonts have every character, so that the machine's fonts are not needed."""
    known = set(FT2Font(str(FONT_DIRECTORY / _FONTS[0])).get_charmap())
    return all(ord(character) in known or character in "\n\t\u200b" for character in set(text))


def _breakable(part: Any) -> Any:
    """Texts in which very long words may break, so that none leaves its column."""
    if isinstance(part, str):
        return _LONG_WORD.sub(_broken, part)
    if isinstance(part, Mapping):
        return {name: inner if name == "image" else _breakable(inner) for name, inner in part.items()}
    if isinstance(part, list):
        return [_breakable(inner) for inner in part]
    return part


def _broken(word: re.Match[str]) -> str:
    text = word.group()
    if _HASH.fullmatch(text):
        return text
    return "\u200b".join(text[start : start + _STEP] for start in range(0, len(text), _STEP))
