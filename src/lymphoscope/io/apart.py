"""Decoding in a process of its own: a decoder that breaks down on damaged input takes nothing else with it.

The parent sends paths on standard input, the child sends each slice back on standard output: a line with what
follows, then the bytes. A child that ends early had broken down on the slice it owed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from lymphoscope.io.codec import FAULTS, Stored, UndecodableError, decode

_COMMAND = "from lymphoscope.io.apart import serve; serve()"


def decode_apart(paths: Sequence[Path]) -> Iterator[Stored]:
    """Decode files one after the other in another process.

    Args:
        paths: The files.

    Yields:
        Stored values of each.

    Raises:
        UndecodableError: With the name of the fault of the file that was due.
    """
    # not multiprocessing: it would run the user's own script a second time
    command = [sys.executable, "-c", _COMMAND]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdin is not None and child.stdout is not None
        try:
            for path in paths:
                yield _asked(child.stdin, child.stdout, path)
        finally:
            child.kill()


def serve(source: IO[bytes] | None = None, target: IO[bytes] | None = None) -> None:
    """Answer requests until they end; runs in the child."""
    source, target = source or sys.stdin.buffer, target or sys.stdout.buffer
    while line := source.readline():
        try:
            array = np.ascontiguousarray(decode(Path(line.rstrip(b"\n").decode("utf-8", "surrogateescape"))))
            head = " ".join(["array", array.dtype.str, *(str(n) for n in array.shape)])
        except UndecodableError as problem:
            array, head = np.empty(0), str(problem)
        target.write(head.encode("ascii") + b"\n")
        target.write(array.tobytes())
        target.flush()


def _asked(source: IO[bytes], target: IO[bytes], path: Path) -> Stored:
    name = str(path.absolute())
    if "\n" in name:
        raise UndecodableError("cut")
    try:
        source.write(name.encode("utf-8", "surrogateescape") + b"\n")
        source.flush()
        kind, *facts = target.readline().decode("ascii").split()
    except (OSError, ValueError):  # nobody is there any more
        raise UndecodableError("cut") from None
    if kind in FAULTS:
        raise UndecodableError(kind)
    shape = tuple(int(n) for n in facts[1:])
    dtype = np.dtype(facts[0])
    wanted = int(np.prod(shape)) * dtype.itemsize
    data = target.read(wanted)
    if len(data) < wanted:
        raise UndecodableError("cut")
    return np.frombuffer(data, dtype).reshape(shape)
