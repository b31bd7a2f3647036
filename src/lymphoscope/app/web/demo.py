"""The public demonstration case: a real whole-body PET that the wheel brings along, measured when it is asked for.

It is not a lymphoma; ``examples/README.md`` says what it is, and whom to cite.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from lymphoscope.app.pipeline import run
from lymphoscope.core.errors import LymphoscopeError

PACKED = "demo.zip"
IN_THE_CHECKOUT = "examples/sts001-wholebody-fdg-pet.zip"
CASE = "demonstration"


def with_demonstration(cases: Path) -> Path:
    """Put the demonstration case below a folder of cases, unless it is there.

    Args:
        cases: The folder; made if it is not there.

    Returns:
        The case folder.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` where the installation lacks it, ``IO-E-WRITE``.
    """
    case = cases / CASE
    if (case / "report.json").is_file():
        return case
    packed = files("lymphoscope.app.web") / PACKED
    checkout = Path(__file__).parents[4] / IN_THE_CHECKOUT
    if not packed.is_file() and not checkout.is_file():
        raise LymphoscopeError("IO-E-PATH", "the installation has no demonstration case", fix="Name a folder of cases.")
    with as_file(packed if packed.is_file() else checkout) as study:
        return run(study, case).folder
