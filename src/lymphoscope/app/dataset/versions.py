"""Which version of a data set it is, and what changed since the one before; a build that changes nothing makes none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from lymphoscope import __version__
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.tables import read_json

VERSIONS = "versions.json"


def read_versions(folder: Path) -> dict[str, Any]:
    """What a data set says of its versions; of none where there is none.

    Raises:
        LymphoscopeError: ``DATA-E-LAYOUT`` where the file cannot be understood.
    """
    if not (folder / VERSIONS).is_file():
        return {"versions": [], "cases": {}, "tables": {}}
    try:
        found = read_json(folder / VERSIONS)
        if isinstance(found, dict) and isinstance(found["versions"], list) and isinstance(found["cases"], dict):
            return {"versions": found["versions"], "cases": found["cases"], "tables": dict(found["tables"])}
    except (ValueError, KeyError, TypeError):
        pass
    raise LymphoscopeError("DATA-E-LAYOUT", "the file does not hold versions", VERSIONS, "Restore it, or build anew.")


def next_version(before: Mapping[str, Any], cases: Mapping[str, str], tables: Mapping[str, bytes]) -> dict[str, Any]:
    """The versions with this build.

    Args:
        before: As `read_versions` has it.
        cases: Hash of each case's files.
        tables: Splits and tables by name.

    Returns:
        The same where nothing changed, else with one entry more: number, software, cases added, changed and removed,
        tables changed.
    """
    hashes = {name: sha256(content).hexdigest() for name, content in tables.items()}
    old: Mapping[str, str] = before["cases"]
    entry = {
        "version": len(before["versions"]) + 1,
        "made_by": f"lymphoscope {__version__}",
        "count": len(cases),
        "added": sorted(set(cases) - set(old)),
        "changed": sorted(case for case in cases if case in old and old[case] != cases[case]),
        "removed": sorted(set(old) - set(cases)),
        "tables": sorted(name for name in hashes if before["tables"].get(name) != hashes[name]),
    }
    if not any(entry[name] for name in ("added", "changed", "removed", "tables")):
        return dict(before)
    return {"versions": [*before["versions"], entry], "cases": dict(sorted(cases.items())), "tables": hashes}


def versions_json(versions: Mapping[str, Any]) -> bytes:
    """The file."""
    return (json.dumps(versions, indent=1, sort_keys=True) + "\n").encode()


def changes_page(versions: Mapping[str, Any]) -> str:
    """The versions for people, the last one first."""
    lines = ["# Changes", ""]
    for entry in reversed(versions["versions"]):
        lines += [f"## Version {entry['version']}", "", f"{entry['count']} cases, made by {entry['made_by']}.", ""]
        for word in ("added", "changed", "removed"):
            if entry[word]:
                lines.append(f"- {word}: {', '.join(entry[word])}")
        if entry["tables"] and entry["version"] > 1:
            lines.append(f"- other content: {', '.join(entry['tables'])}")
        lines.append("")
    return "\n".join(lines)
