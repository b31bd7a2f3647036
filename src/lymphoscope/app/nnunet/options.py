"""Options of the verbs of nnU-Net."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path, typer.Argument(metavar="DATASET", show_default=False, help="A data set in nnU-Net's layout, DatasetNNN_NAME.")
]
Run = Annotated[Path, typer.Argument(metavar="RUN", show_default=False, help="The folder that `nnunet train` made.")]
Folds = Annotated[
    str | None, typer.Option("--folds", metavar="N,N…", show_default=False, help="Fold numbers; all when left out.")
]
Setting = Annotated[
    str, typer.Option("--setting", metavar="NAME", help="sgd (nnU-Net's own), adam (its rate), or adam-3e-4.")
]
Epochs = Annotated[int, typer.Option("--epochs", metavar="N", help="Epochs.")]
Iterations = Annotated[int, typer.Option("--iterations", metavar="N", help="Steps an epoch.")]
Configuration = Annotated[str, typer.Option("--configuration", metavar="NAME", help="Of nnU-Net's plans.")]
Device = Annotated[str, typer.Option("--device", metavar="DEVICE", help="cpu, cuda or mps.")]
Installation = Annotated[
    Path | None,
    typer.Option(
        "--nnunet",
        metavar="FOLDER",
        show_default=False,
        help="Where nnU-Net's commands are, such as VENV/bin; the search path when left out.",
    ),
]
RunOut = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="The run.")]
Images = Annotated[
    Path, typer.Argument(metavar="IMAGES", show_default=False, help="CASE_0000.nii.gz (CT), CASE_0001.nii.gz (PET).")
]
MasksOut = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the masks go.")]
Results = Annotated[
    Path, typer.Argument(metavar="FOLDER", show_default=False, help="A run, or any folder with nnU-Net's fold_0, …")
]
TableOut = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where tables and picture go.")]
