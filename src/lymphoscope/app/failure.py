"""How an error leaves the program: a code, a sentence, an exit status, and never a traceback or a patient."""

from __future__ import annotations

import contextlib
import hashlib
import platform
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from lymphoscope import __version__
from lymphoscope.core.errors import LymphoscopeError

_PACKAGE = Path(__file__).parents[1]


@contextlib.contextmanager
def known_errors(beside: Path | None = None) -> Iterator[None]:
    """Turn every error that is not ours into ``RUN-E-UNEXPECTED`` with a log that holds no patient data.

    The text of a foreign exception may quote the header, so neither it nor any value is kept: the log has exception
    types and lines of our own source.

    Args:
        beside: Output path; the log is written into the folder that holds it, else into the temporary folder.
    """
    try:
        yield
    except LymphoscopeError:
        raise
    except Exception as error:
        raise _unexpected(error, beside) from None


def _unexpected(error: Exception, beside: Path | None) -> LymphoscopeError:
    text = trace_without_data(error)
    reference = hashlib.sha256(text.encode()).hexdigest()[:8]
    place = _write_log(f"lymphoscope-failure-{reference}.log", text, beside)
    kind = type(error).__name__
    return LymphoscopeError("RUN-E-UNEXPECTED", f"Lymphoscope failed ({kind}, reference {reference}); {place}")


def trace_without_data(error: BaseException) -> str:
    """Exception types and our own source lines, outermost call first; no values, no messages, no foreign paths."""
    lines = [f"lymphoscope {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"]
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines.append(type(current).__name__)
        lines += [f"  {_ours(frame.filename)}:{frame.lineno} {frame.name}" for frame in _own_frames(current)]
        current = current.__cause__ or current.__context__
    return "\n".join(lines) + "\n"


def _own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    stack = traceback.extract_tb(error.__traceback__)
    return [frame for frame in stack if Path(frame.filename).is_relative_to(_PACKAGE)]


def _ours(filename: str) -> str:
    return Path(filename).relative_to(_PACKAGE.parent).as_posix()


def _write_log(name: str, text: str, beside: Path | None) -> str:
    """Write the log and say where it is, in words; a folder's name is not repeated, since it may name a patient."""
    places = {"in the temporary folder": Path(tempfile.gettempdir())}
    if beside is not None:
        places = {"beside the output folder": beside.absolute().parent, **places}
    for words, folder in places.items():
        with contextlib.suppress(OSError):
            (folder / name).write_text(text, encoding="utf-8")
            return f"the log is {name} {words}"
    return "no log could be written"
