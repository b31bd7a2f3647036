"""The process a run lives in: bounded, and gone when the node is gone."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

BROKEN_OFF = 9


def main(arguments: list[str]) -> None:
    """Run the command line within bounds.

    Args:
        arguments: Address space in bytes, then the words of ``lymphoscope``. Standard input is a pipe whose other
            end the node holds: it ends when the node does, however that ends.
    """
    _bound(int(arguments[0]))
    threading.Thread(target=_end_with_the_node, daemon=True).start()
    from lymphoscope.app.cli import main as command  # noqa: PLC0415 - under the bound

    command(arguments[1:])


def _bound(memory_bytes: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # a system without such bounds runs without
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_the_node() -> None:
    while os.read(0, 1):
        pass
    os._exit(BROKEN_OFF)


if __name__ == "__main__":
    main(sys.argv[1:])
