"""The words of the verb that compares runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunFolders = Annotated[
    list[Path], typer.Argument(metavar="RUN…", show_default=False, help="Folders that `lymphoscope train` made.")
]
TrainedOn = Annotated[
    Path, typer.Option("--data", metavar="DATA", help="The data set they were trained on, with masks and outcome.csv.")
]
JointOut = Annotated[
    Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where record, page, tables and pictures are made.")
]
Quantities = Annotated[
    Path | None,
    typer.Option(
        "--quantities",
        metavar="TABLE",
        show_default=False,
        help="A CSV with a column `case` and quantities to stand beside the runs, such as SUVmax.",
    ),
]
QuantityColumns = Annotated[
    str,
    typer.Option("--columns", metavar="COLUMN,COLUMN…", show_default=False, help="Which of them; higher is worse."),
]
CurveTime = Annotated[
    str,
    typer.Option(
        "--time",
        metavar="COLUMN",
        show_default=False,
        help="Time of the survival curves; the endpoint's when left out.",
    ),
]
CurveEvent = Annotated[
    str, typer.Option("--event", metavar="COLUMN", show_default=False, help="Event of the survival curves.")
]
Features = Annotated[
    bool,
    typer.Option(
        "--features",
        help="Draw what every level of the first run that draws and foretells makes of two cases. Needs extra `train`.",
    ),
]
