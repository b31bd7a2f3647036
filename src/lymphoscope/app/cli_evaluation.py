"""The verbs that judge drawn lesions: evaluate and compare."""

from __future__ import annotations

import typer

from lymphoscope.app import options as o
from lymphoscope.app.evaluation import options as e
from lymphoscope.app.leaving import verb as _verb

evaluation = typer.Typer()


@evaluation.command()
def evaluate(
    context: typer.Context,
    predictions: e.Predictions,
    references: e.References,
    out: e.EvaluationOut,
    force: o.Force = False,
    probabilities: e.Probabilities = None,
    pet: e.EvaluatedPet = None,
    boxes: e.ScoredTables = None,
    label: e.Label = None,
    lesion: o.Lesion = "component",
    connectivity: o.Connectivity = 18,
    tolerance_mm: e.ToleranceMm = 4.0,
    strata: e.VolumeStrata = "1,3,10,30",
    group: e.Group = None,
    replicates: o.Replicates = 2000,
    seed: o.Seed = 20261,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Compare predicted lesions with reference lesions, case by case and over all cases.

    Cases are paired by name, and refused where they do not pair up or lie on different grids. Writes tables, nnU-Net's
    summary.json, pictures and a page. Names of cases are names of files, and stand in what is written.
    """
    with _verb(context) as manner:
        from lymphoscope.app import show
        from lymphoscope.app.evaluation import run as cases
        from lymphoscope.app.evaluation import terminal, words
        from lymphoscope.app.evaluation.pairing import Folders

        folders = Folders(predictions, references, probabilities, pet, boxes)
        with show.progress(manner) as progress:
            made = cases.evaluate(folders, out, words.request_of(context.params), progress)
        terminal.evaluation(made.record, out, manner)


@evaluation.command()
def compare(
    context: typer.Context,
    systems: e.Systems,
    out: e.EvaluationOut,
    references: e.ComparedReferences = None,
    by: e.RankBy = "dice",
    force: o.Force = False,
    label: e.Label = None,
    lesion: o.Lesion = "component",
    connectivity: o.Connectivity = 18,
    tolerance_mm: e.ToleranceMm = 4.0,
    group: e.Group = None,
    replicates: o.Replicates = 2000,
    seed: o.Seed = 20261,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Rank systems on the same cases, with bootstrap intervals, and test every pair of them.

    A system is a folder of predictions, a folder that `evaluate` made, or nnU-Net's summary.json.
    """
    with _verb(context) as manner:
        from lymphoscope.app import show
        from lymphoscope.app.evaluation import compare as comparison
        from lymphoscope.app.evaluation import terminal, words

        question = comparison.Question(systems, references, by, words.request_of(context.params))
        with show.progress(manner) as progress:
            made = comparison.compare_systems(question, out, progress)
        terminal.comparison(made.record, out, manner)
