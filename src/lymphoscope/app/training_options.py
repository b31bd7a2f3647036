"""Options and arguments of the verbs that train a recipe and predict with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_TRAINING, _PREDICTING = "How it is trained", "How it is predicted"

RecipeId = Annotated[
    str, typer.Argument(metavar="RECIPE", show_default=False, help="Id of a recipe: `lymphoscope recipes` lists them.")
]
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", show_default=False, help="A data set in nnU-Net's layout, or a folder of case folders."
    ),
]
RunFolder = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        show_default=False,
        help="Folder that `lymphoscope train` made, a stored model, or the id of a rule (suv4.0).",
    ),
]
RunOut = Annotated[
    Path, typer.Option("--out", "-o", metavar="RUN", help="Run folder; one that was killed is gone on with.")
]
MasksOut = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where label maps are written.")]
Folds = Annotated[
    str | None,
    typer.Option("--folds", metavar="N,N…", show_default=False, help="Folds, such as 0,1; all when left out."),
]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        metavar="N",
        show_default=False,
        help="Steps of each network. The recipe's own when left out.",
        rich_help_panel=_TRAINING,
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        metavar="N",
        show_default=False,
        help="Minutes of each network, instead of steps. Then weights depend on the machine.",
        rich_help_panel=_TRAINING,
    ),
]
TrainingSeed = Annotated[
    int, typer.Option("--seed", metavar="N", min=0, help="Same seed, same weights.", rich_help_panel=_TRAINING)
]
AtOnce = Annotated[
    int,
    typer.Option(
        "--at-once",
        metavar="N",
        help="Folds trained side by side, each in a process of its own with its share of the processor.",
        rich_help_panel=_TRAINING,
    ),
]
Labelled = Annotated[
    float,
    typer.Option(
        "--labelled",
        metavar="SHARE",
        help="Use the masks of this share of the training patients only, to see what a method makes of the others.",
        rich_help_panel=_TRAINING,
    ),
]
Outcome = Annotated[
    str,
    typer.Option(
        "--outcome",
        metavar="COLUMN[:TIME:HORIZON]",
        show_default=False,
        help="What is foretold: a column of 0 and 1 of outcome.csv, or its event within so much time: who was censored "
        "before is left out of that task. Folds are stratified by it.",
        rich_help_panel=_TRAINING,
    ),
]
Stratify = Annotated[
    str,
    typer.Option(
        "--stratify",
        metavar="OUTCOME",
        show_default=False,
        help="Spread the values of this outcome (outcome.csv) evenly over the folds.",
        rich_help_panel=_TRAINING,
    ),
]
Device = Annotated[str, typer.Option("--device", metavar="DEVICE", help="cpu or cuda.", rich_help_panel=_TRAINING)]
PredictingDevice = Annotated[
    str,
    typer.Option(
        "--device", metavar="DEVICE", help="cpu, or cuda, which computes by torch.", rich_help_panel=_PREDICTING
    ),
]
Precision = Annotated[
    str, typer.Option("--precision", metavar="TYPE", help="fp32, bf16 or fp16.", rich_help_panel=_TRAINING)
]
EngineName = Annotated[
    str, typer.Option("--engine", metavar="ENGINE", help="openvino or torch.", rich_help_panel=_PREDICTING)
]
Part = Annotated[
    str,
    typer.Option(
        "--part",
        metavar="PART",
        help="training (imagesTr), held-out (imagesTs) or all.",
        rich_help_panel=_PREDICTING,
    ),
]
ProbabilityMaps = Annotated[
    bool, typer.Option("--probability", help="Write the probability of a lesion too.", rich_help_panel=_PREDICTING)
]
EntropyMaps = Annotated[
    bool, typer.Option("--entropy", help="Write the entropy of the classes too, bits.", rich_help_panel=_PREDICTING)
]
FurtherMaps = Annotated[
    bool,
    typer.Option(
        "--further",
        help="Write what else the networks tell too, such as the ignorance of evidential ones.",
        rich_help_panel=_PREDICTING,
    ),
]
Again = Annotated[bool, typer.Option("--force", help="Make again what is there.", rich_help_panel=_PREDICTING)]
