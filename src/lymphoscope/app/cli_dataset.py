"""The verbs of data sets."""

from __future__ import annotations

import sys

import typer

from lymphoscope.app import options as o
from lymphoscope.app.dataset import options as of_data
from lymphoscope.app.leaving import FAILED
from lymphoscope.app.leaving import verb as _verb

data_sets = typer.Typer(no_args_is_help=True)


@data_sets.command("build")
def dataset_build(
    context: typer.Context,
    tree: o.Tree,
    out: of_data.DatasetOut,
    crosswalk: o.CrosswalkFolder = None,
    grid: of_data.Grid = "pet",
    register: of_data.Register = False,
    deformable: of_data.Deformable = False,
    segments: o.Segments = None,
    readers: of_data.Readers = "",
    smooth: of_data.Smooth = 0.0,
    normalise: of_data.Normalise = "",
    candidates: of_data.Candidates = False,
    deface: of_data.Deface = False,
    unmarked: of_data.Unmarked = False,
    test_share: of_data.TestShare = 0.0,
    table: of_data.PatientTable = None,
    research_tracer: o.ResearchTracer = False,
    workers: o.Workers = None,
    memory_gb: o.MemoryGb = 6.0,
    scheduler: o.Scheduler = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Make a de-identified data set in nnU-Net's layout of the DICOM studies of a tree.

    A study becomes a case when it has a PET of known SUV, a CT, and one segmentation or contours that belong to the
    PET. Of every other study it is told why not. Run again, it goes on where it ended and makes nothing twice.
    """
    with _verb(context) as manner:
        from lymphoscope.app import settings
        from lymphoscope.app.batch import crew, watch
        from lymphoscope.app.dataset import build, terminal
        from lymphoscope.app.dataset.making import Making
        from lymphoscope.app.dataset.masks import Wanted
        from lymphoscope.app.dataset.wish import Wish
        from lymphoscope.app.deid.run import Places
        from lymphoscope.app.libraries import prepared

        wanted = tuple(word.strip() for word in (segments or "").split(",") if word.strip())
        registration = "deformable" if deformable else "rigid" if register else ""
        making = Making(
            grid, registration, Wanted(wanted, readers, unmarked), research_tracer,
            smooth_mm=smooth, normalise=normalise, candidates=candidates, deface=deface,
        )  # fmt: skip
        wish = Wish(making, table, test_share)
        places, hands = Places.of(tree, out, crosswalk), crew.Crew(workers, memory_gb, scheduler)
        with prepared(settings.threads()), watch.watching(manner) as watcher:
            outcome = build.build(places, wish, hands, watcher)
        terminal.result(outcome, manner)
    if outcome.failed:
        sys.exit(FAILED)


@data_sets.command("adopt")
def dataset_adopt(
    context: typer.Context,
    collection: of_data.Collection,
    tree: of_data.CollectionFolder,
    out: of_data.DatasetOut,
    labels: of_data.MaskLabels = "",
    diagnosis: of_data.Diagnoses = "",
    test_share: of_data.TestShare = 0.0,
    table: of_data.PartTable = None,
    force: o.Force = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Make a data set in nnU-Net's layout of a public collection of NIfTI files, on one grid, with folds by patient.

    Collections of DICOM, such as those of TCIA, are for `build`. Nothing is downloaded.
    """
    with _verb(context) as manner:
        from lymphoscope.app import settings, show
        from lymphoscope.app.dataset import adoption, terminal
        from lymphoscope.app.libraries import prepared

        choice = adoption.Choice.of(labels, diagnosis, force=force, table=table, test_share=test_share)
        with prepared(settings.threads()), show.progress(manner) as progress:
            summary = adoption.adopt(tree, collection, out, choice, progress)
        terminal.adopted(summary, out, manner)


@data_sets.command("duplicates")
def dataset_duplicates(
    context: typer.Context,
    folders: of_data.DataSets,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Find examinations that lie twice, within a data set or in several, whatever their cases are called.

    A copy is the same PET to the voxel. Others look alike: the same examination on another grid, scaled, rounded or
    cropped of air. Nothing is changed.
    """
    with _verb(context) as manner:
        from lymphoscope.app import settings, show
        from lymphoscope.app.dataset import duplicates, terminal
        from lymphoscope.app.libraries import prepared

        with prepared(settings.threads()), show.progress(manner) as progress:
            found = duplicates.find_duplicates(folders, progress)
        terminal.duplicates(found, manner)
