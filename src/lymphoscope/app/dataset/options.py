"""Options of the verbs that make data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DatasetOut = Annotated[
    Path,
    typer.Option("--out", "-o", metavar="FOLDER", help="The data set, by nnU-Net's custom named DatasetNNN_NAME."),
]
DataSets = Annotated[
    list[Path],
    typer.Argument(metavar="DATASET…", show_default=False, help="Data sets in nnU-Net's layout, or of case folders."),
]
Collection = Annotated[
    str, typer.Argument(metavar="hecktor|autopet|brats", show_default=False, help="Which collection it is.")
]
CollectionFolder = Annotated[
    Path, typer.Argument(metavar="FOLDER", show_default=False, help="Where it lies, as it was published.")
]
MaskLabels = Annotated[
    str,
    typer.Option("--labels", metavar="N,N…", show_default=False, help="Labels of the masks that are lesion; all else."),
]
Diagnoses = Annotated[
    str,
    typer.Option(
        "--diagnosis",
        metavar="WORD,WORD…",
        show_default=False,
        help="Take only patients of these diagnoses, by the collection's own table, such as LYMPHOMA,NEGATIVE.",
    ),
]
Grid = Annotated[str, typer.Option("--grid", metavar="pet|ct", help="Whose grid all images come to.")]
Register = Annotated[
    bool, typer.Option("--register", help="Register every CT to its PET, not only one of another frame of reference.")
]
Deformable = Annotated[
    bool,
    typer.Option(
        "--deformable", help="Register every CT and deform it by B-splines, where Jacobian, movement and gain allow it."
    ),
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
Smooth = Annotated[
    float, typer.Option("--smooth", metavar="MM", help="Smooth the PET by a Gaussian filter of this FWHM; 0 for none.")
]
Normalise = Annotated[
    str,
    typer.Option(
        "--normalise",
        metavar="z-score|percentile",
        show_default=False,
        help="Normalise PET and CT by the values in the body; they are then neither SUV nor HU.",
    ),
]
Candidates = Annotated[
    bool, typer.Option("--candidates", help="Write the regions that rules find, beside the labels, which they are not.")
]
Deface = Annotated[
    bool, typer.Option("--deface", help="Blank the front of the face in PET and CT; lesions and 10 mm round them stay.")
]
Unmarked = Annotated[
    bool,
    typer.Option("--unmarked", help="Take studies without a mask too: into imagesUn, of test patients into imagesTs."),
]
TestShare = Annotated[
    float,
    typer.Option(
        "--test-share",
        metavar="SHARE",
        help="Keep this share of the patients for a last test (imagesTs), chosen by hash; those of --table stay.",
    ),
]
PatientTable = Annotated[
    Path | None,
    typer.Option(
        "--table",
        metavar="FILE",
        show_default=False,
        help="CSV with the columns patient (PatientID), and by choice diagnosis, dataset (DatasetNNN_NAME) and "
        "part (train or test).",
    ),
]
PartTable = Annotated[
    Path | None,
    typer.Option(
        "--table",
        metavar="FILE",
        show_default=False,
        help="CSV with the columns patient (as the collection has it) and part (train or test).",
    ),
]
