"""Options of the verbs that make data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DatasetOut = Annotated[
    Path,
    typer.Option("--out", "-o", metavar="FOLDER", help="The data set, by nnU-Net's custom named DatasetNNN_NAME."),
]
Grid = Annotated[str, typer.Option("--grid", metavar="pet|ct", help="Whose grid all images come to.")]
Register = Annotated[
    bool, typer.Option("--register", help="Register every CT to its PET, not only one of another frame of reference.")
]
Readers = Annotated[
    str,
    typer.Option(
        "--readers",
        metavar="majority|staple",
        show_default=False,
        help="Several masks of a study are of as many readers; two must agree, more settle it like this.",
    ),
]
PatientTable = Annotated[
    Path | None,
    typer.Option(
        "--table",
        metavar="FILE",
        show_default=False,
        help="CSV with the columns patient (PatientID), diagnosis, and by choice dataset (DatasetNNN_NAME).",
    ),
]
