"""Write the reference pages that are made from the code: messages, command line, methods, quantities."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from typer.main import get_command

from lymphoscope.app.cli import app
from lymphoscope.core.codes import CODES
from lymphoscope.evaluate.catalogue import reference_page as metrics
from lymphoscope.prognosis.page import reference_page as clinical_scores
from lymphoscope.quant.catalogue import reference_page as quantities
from lymphoscope.recipes.page import recipes_page as recipes
from lymphoscope.recipes.page import reference_page as methods
from lymphoscope.recipes.parts.page import reference_page as losses_and_augmentation

HERE = Path(__file__).parent
FAMILIES = {
    "IO": "Reading and writing",
    "SUV": "SUV",
    "TRACER": "Tracer",
    "GEO": "Geometry",
    "FOV": "Field of view",
    "SEG": "Lesions and physiological uptake",
    "REF": "Reference organs",
    "RAD": "Texture",
    "D5PS": "Five-point scale",
    "OUT": "DICOM objects",
    "DATA": "Data sets",
    "EVAL": "Evaluation",
    "PROG": "Prognosis",
    "DEID": "De-identification",
    "NODE": "The DICOM node",
    "READ": "Reading a case",
    "WEB": "The reading page",
    "MODEL": "Models of others",
    "USE": "Use",
    "RUN": "Lymphoscope itself",
}
EXIT_STATUS = {"USE": 2, "RUN": 1, "MODEL": 1}


def messages() -> str:
    """The page of all message codes."""
    lines = [
        "# Messages",
        "",
        "Every message begins with a code. `E` stops the study (exit status 3 for the input, 2 for usage, 1 for a",
        "failure of Lymphoscope), `W` goes on and is printed on the report, `I` is kept in the record.",
        "`lymphoscope messages CODE` shows the same. Made from `lymphoscope.core.codes`; do not edit.",
    ]
    known = dict.fromkeys([*FAMILIES, *(code.split("-")[0] for code in CODES)])
    for family in known:
        rows = {code: entry for code, entry in CODES.items() if code.split("-")[0] == family}
        if rows:
            lines += [
                "",
                f"## {FAMILIES.get(family, family)}",
                "",
                "| code | says | effect | remedy |",
                "|---|---|---|---|",
            ]
            lines += [f"| `{code}` | {entry.means} | {entry.effect} | {entry.fix} |" for code, entry in rows.items()]
    return "\n".join(lines) + "\n"


def command_line() -> str:
    """The page of all verbs and options."""
    root: Any = get_command(app)
    lines = [
        "# Command line",
        "",
        f"{root.help}",
        "",
        "Results go to standard output, progress and messages to standard error. Exit status: 0 done, 1 failed, 2",
        "wrong usage, 3 input refused. The environment variable `LYMPHOSCOPE_THREADS` sets the number of threads.",
        "Made from `lymphoscope.app.cli`; do not edit.",
    ]
    for name, command in _commands(root):
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        usage = " ".join(["lymphoscope", name, *(_bare(p) for p in arguments), "[OPTIONS]"])
        lines += ["", f"## lymphoscope {name}", "", "```text", usage, "```", "", str(command.help).strip()]
        lines += ["", "| option | means | default |", "|---|---|---|"]
        lines += [f"| `{_bare(p)}` | {p.help} | {'required' if p.required else ''} |" for p in arguments]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        lines += [_option(p) for p in options]
    return "\n".join(lines) + "\n"


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb, and under a verb that has some its own."""
    for name, command in group.commands.items():
        yield f"{before}{name}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")


def _bare(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name).replace("{", "").replace("}", "")


def _option(option: Any) -> str:
    words = "/".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag else f" {option.metavar}".replace("|", "\\|")
    default = "required" if option.required else option.default
    shown = "" if default in (None, False, True, "", ()) else f"{default}"
    return f"| `{words}{value}` | {option.help} | {shown} |"


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/messages.md": messages,
    "reference/cli.md": command_line,
    "reference/methods.md": methods,
    "reference/recipes.md": recipes,
    "reference/losses-and-augmentation.md": losses_and_augmentation,
    "reference/quantities.md": quantities,
    "reference/metrics.md": metrics,
    "reference/clinical-scores.md": clinical_scores,
}


def write() -> None:
    """Write all pages."""
    for name, make in PAGES.items():
        path = HERE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    write()
