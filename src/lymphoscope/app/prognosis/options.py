"""The words of the verbs of prognosis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_ASKED, _VALIDATED = "What is asked", "How it is validated"

CohortTable = Annotated[
    Path, typer.Argument(metavar="COHORT", show_default=False, help="A CSV with a header and a row a patient.")
]
AnalysisOut = Annotated[
    Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where record, page, pictures and predictions are made.")
]
TimeColumn = Annotated[
    str, typer.Option("--time", metavar="COLUMN", help="Time to the event or the last contact.", rich_help_panel=_ASKED)
]
EventColumn = Annotated[
    str, typer.Option("--event", metavar="COLUMN", help="1 event, 0 censored.", rich_help_panel=_ASKED)
]
Variables = Annotated[
    str,
    typer.Option(
        "--variables",
        metavar="COLUMN,COLUMN…",
        show_default=False,
        help="Numbers that may predict, log2:COLUMN per doubling: each alone, and all in one model without --model.",
        rich_help_panel=_ASKED,
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAME=COLUMN+COLUMN",
        show_default=False,
        help="A model to compare with the others; the last is the main one. May be given again.",
        rich_help_panel=_ASKED,
    ),
]
Signatures = Annotated[
    list[str] | None,
    typer.Option(
        "--signature",
        metavar="NAME=COLUMN+COLUMN",
        show_default=False,
        help="A model among whose columns the lasso chooses, inside every fold; rad_* stands for all that begin so.",
        rich_help_panel=_ASKED,
    ),
]
Risks = Annotated[
    list[str] | None,
    typer.Option(
        "--risk",
        metavar="NAME=RUN",
        show_default=False,
        help="What the networks of a run foretold of patients they had not seen, as a column NAME; needs --patient.",
        rich_help_panel=_ASKED,
    ),
]
MeasuredTable = Annotated[
    Path | None,
    typer.Option(
        "--quantities",
        metavar="TABLE",
        show_default=False,
        help="Quantities of the same patients, such as a batch's cohort.csv, as further columns; the column of "
        "--patient is in both.",
        rich_help_panel=_ASKED,
    ),
]
Curves = Annotated[
    str,
    typer.Option(
        "--curves",
        metavar="COLUMN,COLUMN…",
        show_default=False,
        help="Classes that curves are drawn by.",
        rich_help_panel=_ASKED,
    ),
]
Horizon = Annotated[
    float | None,
    typer.Option(
        "--horizon",
        metavar="TIME",
        show_default=False,
        help="Risk is predicted by this time, in the unit of the times; the median time of events when left out.",
        rich_help_panel=_ASKED,
    ),
]
TimeUnit = Annotated[
    str, typer.Option("--unit", metavar="WORD", help="Of the times, such as months.", rich_help_panel=_ASKED)
]
PatientColumn = Annotated[
    str,
    typer.Option(
        "--patient", metavar="COLUMN", help="Identifies the patient; may not come twice.", rich_help_panel=_ASKED
    ),
]
CompleteCases = Annotated[
    bool,
    typer.Option(
        "--complete-cases",
        help="Leave out patients with a value missing or a time of 0, and count them.",
        rich_help_panel=_ASKED,
    ),
]
ValidationFolds = Annotated[
    int, typer.Option("--folds", metavar="N", min=2, help="Stratified by event.", rich_help_panel=_VALIDATED)
]

ScoresOut = Annotated[
    Path, typer.Option("--out", "-o", metavar="FILE", help="The table with the scores' columns, as CSV.")
]
ScoreNames = Annotated[
    str,
    typer.Option(
        "--scores",
        metavar="NAME,NAME…",
        show_default=False,
        help="Such as ipi,nccn_ipi; all that the table has the columns for when left out.",
    ),
]
ImpiParameters = Annotated[
    Path | None,
    typer.Option(
        "--impi-parameters",
        metavar="FILE",
        show_default=False,
        help="IMPI's baseline survival, typed from the paper; without it there is no probability.",
    ),
]
