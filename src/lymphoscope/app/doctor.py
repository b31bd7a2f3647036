"""What this machine has: versions, threads, memory, decoders, extras, fonts, space."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lymphoscope import __version__
from lymphoscope.app.settings import threads

LATER = {"torch": "training of networks", "openvino": "networks without torch"}
"""Packages that no part of this version needs, and what they will be for."""
MIN_MEMORY_GB = 4.0
MIN_DISK_GB = 1.0


@dataclass(frozen=True)
class Check:
    """One line of the examination.

    Attributes:
        subject: What was looked at.
        found: What was found, in words.
        status: ``ok``, ``absent`` (optional, not there) or ``bad`` (runs will fail or be slow).
        note: What it is for, or what to do.
    """

    subject: str
    found: str
    status: str = "ok"
    note: str = ""


def examine() -> tuple[Check, ...]:
    """Look at the machine; loads every decoder once."""
    return (
        Check("lymphoscope", __version__),
        Check("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        Check("threads", str(threads()), note="LYMPHOSCOPE_THREADS sets another number"),
        _memory(),
        _disk(),
        *_packages(),
        *_decoders(),
        *_fonts(),
    )


def as_record(checks: tuple[Check, ...]) -> dict[str, Any]:
    """The examination for ``--json``."""
    return {"ok": healthy(checks), "checks": [asdict(check) for check in checks]}


def healthy(checks: tuple[Check, ...]) -> bool:
    """True where nothing that is needed is missing."""
    return all(check.status != "bad" for check in checks)


def _memory() -> Check:
    gigabytes = _memory_gb()
    if gigabytes is None:
        return Check("memory", "unknown", "absent")
    enough = gigabytes >= MIN_MEMORY_GB
    note = "" if enough else f"whole-body studies need about {MIN_MEMORY_GB:g} GB"
    return Check("memory", f"{gigabytes:.1f} GB", "ok" if enough else "bad", note)


def _memory_gb() -> float | None:
    """Memory that a process may use: the machine's, or the container's limit where that is lower."""
    try:
        pages = Path("/proc/meminfo").read_text(encoding="ascii").split("MemTotal:")[1].split()[0]
    except (OSError, IndexError):
        return None
    total = int(pages) * 1024
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(limit).read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return total / 1e9


def _disk() -> Check:
    free = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    enough = free >= MIN_DISK_GB
    return Check("temporary space", f"{free:.1f} GB free", "ok" if enough else "bad", "" if enough else "make room")


def requirements() -> dict[str, str]:
    """The packages that the installed Lymphoscope asks for, each with the extra it belongs to, or an empty string."""
    found = {}
    for line in importlib.metadata.requires("lymphoscope") or ():
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra\s*==\s*[\"'](\w+)", line)
        if name:
            found[name.group()] = extra.group(1) if extra else ""
    return found


def _packages() -> list[Check]:
    try:
        known = requirements()
    except importlib.metadata.PackageNotFoundError:
        return [Check("installation", "Lymphoscope is not installed", "bad", "pip install .")]
    needed = [_package(name, "bad", "install lymphoscope again") for name, extra in known.items() if not extra]
    optional = [
        _package(name, "absent", f"optional: pip install lymphoscope[{extra}]")
        for name, extra in known.items()
        if extra
    ]
    return needed + optional + [_package(name, "absent", f"optional: {use}") for name, use in LATER.items()]


def _package(name: str, without: str, note: str) -> Check:
    try:
        return Check(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, "not installed", without, note)


def _decoders() -> list[Check]:
    """Whether the decoder that is named for each pixel compression works here."""
    from pydicom import uid  # noqa: PLC0415
    from pydicom.pixels.decoders import base  # noqa: PLC0415

    from lymphoscope.io.codec import SYNTAXES  # noqa: PLC0415

    kinds = {
        "RLE": uid.RLELossless,
        "JPEG lossless": uid.JPEGLosslessSV1,
        "JPEG-LS": uid.JPEGLSLossless,
        "JPEG 2000": uid.JPEG2000Lossless,
    }
    checks = []
    for name, syntax in kinds.items():
        decoder = SYNTAXES[syntax].decoder
        works = decoder in base.get_decoder(syntax).available_plugins
        checks.append(Check(f"decode {name}", decoder, "ok" if works else "bad", "" if works else "does not work here"))
    return checks


def _fonts() -> list[Check]:
    """The font that pictures are lettered with; the one of the PDF is inside typst."""
    from matplotlib import font_manager  # noqa: PLC0415

    path = Path(font_manager.findfont("DejaVu Sans"))
    return [Check("font", path.stem, "ok" if path.exists() else "bad")]
