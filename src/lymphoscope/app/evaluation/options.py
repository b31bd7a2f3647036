"""Options and arguments of the verbs that evaluate and compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lymphoscope.app.options import SURE

_METHOD = "How it is measured"
_PAIRS = "What is compared"

Predictions = Annotated[
    Path,
    typer.Argument(
        metavar="PREDICTIONS",
        show_default=False,
        help="Folder of NIfTI label maps, or of case folders.",
    ),
]
References = Annotated[
    Path,
    typer.Argument(metavar="REFERENCES", show_default=False, help="The same cases, drawn by readers."),
]
Systems = Annotated[
    list[Path],
    typer.Argument(
        metavar="SYSTEM…",
        show_default=False,
        help="Folders of predictions, evaluated folders, or summary.json files of nnU-Net; two or more.",
    ),
]
ComparedReferences = Annotated[
    Path | None,
    typer.Option("--references", metavar="FOLDER", help="References of the predictions.", rich_help_panel=_PAIRS),
]
EvaluationOut = Annotated[
    Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where tables, pictures and page are made.")
]
Probabilities = Annotated[
    Path | None,
    typer.Option(
        "--probabilities",
        metavar="FOLDER",
        help="Probability maps of the predictions: FROC, AP and calibration.",
        rich_help_panel=_PAIRS,
    ),
]
EvaluatedPet = Annotated[
    Path | None,
    typer.Option(
        "--pet",
        metavar="FOLDER",
        help="PET images in SUV: hottest voxels, TLG and pictures.",
        rich_help_panel=_PAIRS,
    ),
]
ScoredTables = Annotated[
    Path | None,
    typer.Option(
        "--boxes",
        metavar="FOLDER",
        help="Scored boxes CASE.csv as `predict` writes them: FROC and AP of boxes instead of masks.",
        rich_help_panel=_PAIRS,
    ),
]
Label = Annotated[
    int | None,
    typer.Option(
        "--label",
        metavar="N",
        min=1,
        show_default=False,
        help="Evaluate this label only; all above 0 when left out.",
        rich_help_panel=_METHOD,
    ),
]
ToleranceMm = Annotated[
    float,
    typer.Option("--tolerance-mm", metavar="MM", min=0.0, help="Of NSD and boundary F1.", rich_help_panel=_METHOD),
]
VolumeStrata = Annotated[
    str,
    typer.Option(
        "--strata",
        metavar="ML,ML…",
        help="Limits of the classes of lesion volume.",
        rich_help_panel=_METHOD,
    ),
]
Group = Annotated[
    Path | None,
    typer.Option(
        "--group",
        metavar="FILE",
        help="CSV (case,patient): cases of one patient stay together in the bootstrap.",
        rich_help_panel=SURE,
    ),
]
RankBy = Annotated[str, typer.Option("--by", metavar="METRIC", help="The metric that ranks, such as dice, nsd, c1_f1.")]
