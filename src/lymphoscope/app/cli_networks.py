"""The verbs of networks: train, predict, and the store of models."""

from __future__ import annotations

import typer

from lymphoscope.app import options as o
from lymphoscope.app.leaving import verb as _verb

networks = typer.Typer()


@networks.command()
def train(
    context: typer.Context,
    recipe: o.RecipeId,
    data: o.Data,
    out: o.RunOut,
    folds: o.Folds = None,
    steps: o.Steps = None,
    minutes: o.Minutes = None,
    seed: o.TrainingSeed = 0,
    stratify: o.Stratify = "",
    device: o.Device = "cpu",
    precision: o.Precision = "fp32",
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Train a recipe on a data set, fold by fold, and predict the cases each fold has not seen.

    Run again with the same folder, it goes on where it was killed. Needs the extra `train`.
    """
    with _verb(context) as manner:
        from lymphoscope.app import settings, show, training
        from lymphoscope.app.libraries import prepared
        from lymphoscope.recipes.catalogue import RECIPES

        chosen = RECIPES[recipe]
        wanted = training.Training(
            training.numbers(folds), steps, minutes, seed, stratify, device, precision, settings.threads()
        )
        with prepared(settings.threads()), show.progress(manner) as progress:
            card = training.train(chosen, data, out, wanted, progress)
        show.trained(card, manner)


@networks.command()
def predict(
    context: typer.Context,
    run: o.RunFolder,
    data: o.Data,
    out: o.MasksOut,
    folds: o.Folds = None,
    engine: o.EngineName = "openvino",
    part: o.Part = "all",
    probability: o.ProbabilityMaps = False,
    entropy: o.EntropyMaps = False,
    force: o.Again = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Draw the lesions of every case of a data set with a trained run: label maps on the images' own grid."""
    with _verb(context) as manner:
        from lymphoscope.app import prediction, settings, show
        from lymphoscope.app.libraries import prepared
        from lymphoscope.app.training import numbers

        wanted = prediction.Wanted(numbers(folds), engine, part, probability, entropy, force)
        with prepared(settings.threads()), show.progress(manner) as progress:
            record = prediction.predict(run, data, out, wanted, progress)
        show.predicted(record, manner)
