"""The packages that only the node needs: loaded when used, silent, and asked for by name when absent."""

from __future__ import annotations

import importlib
import logging
import socket
from typing import Any

from lymphoscope.core.errors import LymphoscopeError

_PACKAGES = {"pynetdicom": "pynetdicom", "dicomweb_client": "dicomweb-client"}


def needed(module: str) -> Any:
    """Import a module of an optional package.

    Args:
        module: Dotted name, such as ``pynetdicom.sop_class``.

    Raises:
        LymphoscopeError: ``USE-E-EXTRA`` when the package is not installed.
    """
    package = module.split(".", maxsplit=1)[0]
    logging.getLogger(package).setLevel(logging.CRITICAL + 1)  # its lines quote headers and addresses
    try:
        return importlib.import_module(module)
    except ImportError:
        raise LymphoscopeError(
            "USE-E-EXTRA",
            f"{_PACKAGES[package]} is not installed",
            fix="Install it with: pip install 'lymphoscope[node]'.",
        ) from None


def at_once(event: Any) -> None:
    """Have a connection of pynetdicom send small packets at once; it would wait 40 ms for each message otherwise."""
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
