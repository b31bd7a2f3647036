"""The verbs of prognosis."""

from __future__ import annotations

import typer

from lymphoscope.app import options as o
from lymphoscope.app import training_options as t
from lymphoscope.app.joint import options as of_runs
from lymphoscope.app.leaving import verb as _verb
from lymphoscope.app.prognosis import options as of_patients

survival = typer.Typer()


@survival.command()
def prognosis(
    context: typer.Context,
    cohort: of_patients.CohortTable,
    out: of_patients.AnalysisOut,
    time: of_patients.TimeColumn = "time",
    event: of_patients.EventColumn = "event",
    variables: of_patients.Variables = "",
    model: of_patients.Models = None,
    signature: of_patients.Signatures = None,
    risk: of_patients.Risks = None,
    quantities: of_patients.MeasuredTable = None,
    curves: of_patients.Curves = "",
    horizon: of_patients.Horizon = None,
    unit: of_patients.TimeUnit = "",
    patient: of_patients.PatientColumn = "",
    complete_cases: of_patients.CompleteCases = False,
    folds: of_patients.ValidationFolds = 5,
    replicates: o.Replicates = 2000,
    seed: o.Seed = 20261,
    force: o.Force = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Analyse survival: curves, Cox models, cut-offs, and what a prediction is worth for patients it has not seen.

    Models are validated fold by fold and compared on the same patients. A table that cannot be right is refused: which
    column, which rows, what to do. Writes record, page, pictures and every patient's prediction.
    """
    with _verb(context) as manner:
        from lymphoscope.app import show
        from lymphoscope.app.prognosis import run as analysis
        from lymphoscope.app.prognosis import terminal, words

        request = words.request_of(context.params)
        with show.progress(manner) as progress:
            record = analysis.prognosis(cohort, out, request, progress)
        terminal.analysis(record, out, manner)


@survival.command()
def joint(
    context: typer.Context,
    runs: of_runs.RunFolders,
    data: of_runs.TrainedOn,
    out: of_runs.JointOut,
    quantities: of_runs.Quantities = None,
    columns: of_runs.QuantityColumns = "",
    time: of_runs.CurveTime = "",
    event: of_runs.CurveEvent = "",
    features: of_runs.Features = False,
    replicates: o.Replicates = 2000,
    seed: o.Seed = 20261,
    force: o.Force = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Compare runs that draw lesions and foretell an outcome, on patients their networks have not seen.

    Dice, precision, recall, AUC, accuracy, sensitivity, specificity and Youden's index with intervals, ROC curves and
    survival by predicted group; cut-offs come from training patients.
    """
    with _verb(context) as manner:
        from lymphoscope.app import show
        from lymphoscope.app.joint import run as comparison
        from lymphoscope.app.joint import terminal
        from lymphoscope.app.prognosis.words import listed
        from lymphoscope.evaluate.statistics import Resampling

        how = Resampling(replicates, seed)
        request = comparison.Request(quantities, listed(columns), time, event, how, features, force)
        with show.progress(manner) as progress:
            record = comparison.joint(runs, data, out, request, progress)
        terminal.comparison(record, out, manner)


@survival.command()
def scores(
    context: typer.Context,
    cohort: of_patients.CohortTable,
    out: of_patients.ScoresOut,
    scores: of_patients.ScoreNames = "",
    impi_parameters: of_patients.ImpiParameters = None,
    force: t.Again = False,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Compute clinical scores (IPI, NCCN-IPI, FLIPI, MIPI, IPS, IMPI, …) for every patient of a table.

    What is missing for a score is said, never guessed. For research and decision support.
    """
    with _verb(context) as manner:
        from lymphoscope.app.prognosis import scoring, terminal, words

        wanted = scoring.Wanted(words.listed(scores), impi_parameters, force)
        terminal.scores(scoring.score(cohort, out, wanted), out, manner)
