"""The end of a run on the terminal: a view of the record, warnings first, the report's place last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lymphoscope.app import show
from lymphoscope.app.show import Manner
from lymphoscope.core.codes import CODES

REPORT = "report.html"
MOST_LESIONS = 12
_STYLE = {"error": "bold red", "warning": "yellow", "info": "dim"}


def result(record: Mapping[str, Any], folder: Path, manner: Manner) -> None:
    """Show the record of a run.

    Args:
        record: The result record, measured or refused.
        folder: The case folder.
        manner: How to speak.
    """
    if manner.as_json:
        show.as_canonical(record)
    if record["status"] == "refused":
        _messages([record["refusal"]], show.err())
    _not_written(folder, show.err())
    if manner.as_json:
        return
    console = show.out()
    if not manner.quiet:
        _messages(_wanted(record, manner), console)
        if record["status"] != "refused":
            _numbers(record, console)
    console.print(escape(str(folder / REPORT)), soft_wrap=True)


def _wanted(record: Mapping[str, Any], manner: Manner) -> Iterable[Mapping[str, Any]]:
    shown = ("warning", "info") if manner.verbose else ("warning",)
    return [message for message in record["messages"] if message["severity"] in shown]


def _messages(messages: Iterable[Mapping[str, Any]], console: Console) -> None:
    for message in messages:
        code, _, rest = message["text"].partition(":")
        effect = f" {message['effect']}" if message.get("effect") else ""
        console.print(f"[{_STYLE[message['severity']]}]{code}[/]{escape(':' + rest + effect)}", soft_wrap=True)


def _not_written(folder: Path, console: Console) -> None:
    """Say which results should be there and are not, each reason once; the run's provenance has it, not its record."""
    try:
        left_out = json.loads((folder / "run.json").read_bytes())["left_out"]
    except (OSError, ValueError, KeyError):
        return
    names: dict[tuple[str, str], list[str]] = {}
    for name, reason in left_out.items():
        if "-E-" in reason["code"]:
            names.setdefault((reason["code"], reason["why"]), []).append(name)
    for (code, why), files in names.items():
        was = "was" if len(files) == 1 else "were"
        text = f": {', '.join(files)} {was} not written: {why}. {CODES[code].fix}".rstrip()
        console.print(f"[{_STYLE['error']}]{code}[/]{escape(text)}", soft_wrap=True)


def _numbers(record: Mapping[str, Any], console: Console) -> None:
    console.print(_key_numbers(record))
    if record["lesions"]:
        console.print(_lesions(record["lesions"]))
    if record["segmentation"]["removed"]:
        console.print(_removed(record["segmentation"]["removed"]))
    methods = record["sensitivity"]["methods"]
    if len(methods) > 1:
        console.print(_methods(methods))
    console.print(f"{record['reading']['word']}. Research and decision support, not a medical device.")


def _key_numbers(record: Mapping[str, Any]) -> Table:
    rows = []
    for row in record["key_numbers"]:
        remarks = [row.get("note"), row["why"] if row["value"] is None else None]
        if row["key"] == "tmtv_ml":
            doubt = f"doubtful out/in {row['range_shown']}" if row["range"] else None
            rule = f"{row['threshold']}, conn. {row['connectivity']}, ≥ {row['min_volume_ml']:g} mL"
            told = record.get("doubt")
            interval = f"network's interval {told['shown']['tmtv_ml_range']}" if told else None
            remarks = [doubt, interval, rule, "AI only – not read" if row["status"] == "ai-only" else None]
        rows.append((row["name"], row["shown"], "; ".join(filter(None, remarks))))
    return show.table(("", "", ""), rows)


def _lesions(lesions: list[Mapping[str, Any]]) -> Table:
    rows = [
        (
            lesion["id"],
            f"{lesion['glyph']} {lesion['word']}",
            lesion["site"] or "",
            *(lesion["shown"].get(name, "–") for name in ("mtv_ml", "suvmax", "suvpeak", "tlg_g")),
            lesion["why"] or "",
        )
        for lesion in lesions[:MOST_LESIONS]
    ]
    left = len(lesions) - len(rows)
    title = f"Lesions (the largest; {left} more in the report)" if left else "Lesions"
    return show.table(("", "status", "site", "mL>", "SUVmax>", "SUVpeak>", "TLG g>", "note"), rows, title)


def _removed(removed: list[Mapping[str, Any]]) -> Table:
    rows = [
        (
            region["id"],
            f"{region['glyph']} {region['word']}",
            (region["organ"] or "").replace("_", " "),
            region["shown"]["volume_ml"],
            region["shown"]["suvmax"],
            region["why"] or "",
        )
        for region in removed[:MOST_LESIONS]
    ]
    left = len(removed) - len(rows)
    title = f"Not counted (the largest; {left} more in the report)" if left else "Not counted"
    return show.table(("", "status", "organ", "mL>", "SUVmax>", "why"), rows, title)


def _methods(methods: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = [
        (
            name,
            *(row["shown"].get(key, "–") for key in ("tmtv_ml", "percent_of_chosen", "n_lesions")),
            "chosen" if row["chosen"] else row["why"] or "",
        )
        for name, row in methods.items()
    ]
    return show.table(("method", "TMTV mL>", "of the chosen>", "lesions>", ""), rows, "Methods side by side")
