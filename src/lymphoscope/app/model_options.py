"""Options and arguments of the verbs of models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_SAYS = "What is not written in the model"

ModelSource = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE", show_default=False, help="A model folder of nnU-Net v2, a zip of one, an address, or a name."
    ),
]
PrognosisRun = Annotated[
    Path | None,
    typer.Option(
        "--prognosis",
        metavar="RUN",
        show_default=False,
        help="A run of `lymphoscope train --outcome`: its networks' risk stands on the report, with cohort and limits.",
    ),
]
ModelName = Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="A model: see `models list`.")]
NewName = Annotated[str, typer.Option("--name", metavar="NAME", help="Its name in the store.")]
KnownAs = Annotated[
    str,
    typer.Option("--as", metavar="NAME", help="The public model that the folder or file is, fetched another way."),
]
Channels = Annotated[
    str, typer.Option("--channels", metavar="NAMES", help="What it reads, such as ct,pet.", rich_help_panel=_SAYS)
]
LesionLabel = Annotated[
    str, typer.Option("--lesion", metavar="NAMES", help="Its labels that are lesions.", rich_help_panel=_SAYS)
]
Licence = Annotated[str, typer.Option("--licence", metavar="TEXT", help="Of its weights.", rich_help_panel=_SAYS)]
TrainingData = Annotated[
    str, typer.Option("--training-data", metavar="TEXT", help="What it was trained on.", rich_help_panel=_SAYS)
]
Citation = Annotated[str, typer.Option("--citation", metavar="TEXT", help="What to cite.", rich_help_panel=_SAYS)]
Yes = Annotated[bool, typer.Option("--yes", help="Agree to what would be asked: fetching, removing.")]
Replace = Annotated[bool, typer.Option("--force", help="Replace a model of that name, once the new one is whole.")]
CalibrationCases = Annotated[
    int, typer.Option("--cases", metavar="N", help="Cases that are looked at: half to calibrate, half to compare.")
]
RunModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        show_default=False,
        help="A stored model draws the lesions, and rules verify it; of several (A,B) the union counts.",
    ),
]
SecondLook = Annotated[
    bool,
    typer.Option(
        "--second-look/--no-second-look",
        help="Ask the network that comes with the program about what the rules decided.",
    ),
]
StoreFolder = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="FOLDER",
        show_default=False,
        help="Where models are kept; LYMPHOSCOPE_MODELS, or the user's folder of data, when left out.",
    ),
]
RunDevice = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="cpu|cuda",
        show_default=False,
        help="Where the model computes; a graphics card (cuda) needs the extra train. cpu when left out.",
    ),
]
BudgetName = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="glance|fast|standard|full",
        show_default=False,
        help="How much of a stored model is computed; full is what nnU-Net does, standard when left out.",
    ),
]
