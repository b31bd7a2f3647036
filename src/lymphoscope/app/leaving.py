"""How every verb begins and leaves: with an exit status, a sentence where something is wrong, and never a traceback."""

# ruff: noqa: PLC0415 - a verb loads what it needs, so that --help is fast

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from lymphoscope.app.show import Manner

FAILED, REFUSED, INTERRUPTED = 1, 3, 130


@contextlib.contextmanager
def leaving_well(as_json: bool = False, beside: Path | None = None) -> Iterator[None]:
    """Leave with a sentence and a status when something is wrong, and quietly when interrupted."""
    from lymphoscope.app.failure import known_errors
    from lymphoscope.core.errors import LymphoscopeError

    try:
        with known_errors(beside):
            yield
    except LymphoscopeError as error:
        from lymphoscope.app import show

        show.error(error.message, as_json)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


@contextlib.contextmanager
def verb(context: typer.Context) -> Iterator[Manner]:
    """What every verb needs: errors that leave well, and how to speak."""
    words = context.params
    with leaving_well(words["as_json"], words.get("out")):
        from lymphoscope.app.show import Manner

        yield Manner(words["as_json"], words.get("quiet", False), words.get("verbose", False))
