"""The verbs of networks: train, predict, and the store of models."""

from __future__ import annotations

import sys

import typer

from lymphoscope.app import model_options as m
from lymphoscope.app import options as o
from lymphoscope.app import training_options as t
from lymphoscope.app.leaving import FAILED
from lymphoscope.app.leaving import verb as _verb

networks = typer.Typer()


@networks.command()
def train(
    context: typer.Context,
    recipe: t.RecipeId,
    data: t.Data,
    out: t.RunOut,
    folds: t.Folds = None,
    steps: t.Steps = None,
    minutes: t.Minutes = None,
    seed: t.TrainingSeed = 0,
    outcome: t.Outcome = "",
    stratify: t.Stratify = "",
    labelled: t.Labelled = 1.0,
    at_once: t.AtOnce = 1,
    device: t.Device = "cpu",
    precision: t.Precision = "fp32",
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
            training.numbers(folds),
            steps,
            minutes,
            seed,
            stratify,
            outcome,
            labelled,
            device,
            precision,
            at_once,
            settings.threads(),
        )
        with prepared(settings.threads()), show.progress(manner) as progress:
            card = training.train(chosen, data, out, wanted, progress)
        show.trained(card, manner)


@networks.command()
def predict(
    context: typer.Context,
    run: t.RunFolder,
    data: t.Data,
    out: t.MasksOut,
    folds: t.Folds = None,
    engine: t.EngineName = "openvino",
    device: t.PredictingDevice = "cpu",
    budget: m.BudgetName = None,
    store: m.StoreFolder = None,
    part: t.Part = "all",
    probability: t.ProbabilityMaps = False,
    entropy: t.EntropyMaps = False,
    further: t.FurtherMaps = False,
    force: t.Again = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Draw the lesions of every case of a data set: with a trained run, a stored model, or a rule.

    Label maps lie on the images' own grid. Of a stored model --budget says how much is computed.
    """
    with _verb(context) as manner:
        from lymphoscope.app import prediction, settings, show
        from lymphoscope.app.libraries import prepared
        from lymphoscope.app.training import numbers

        wanted = prediction.Wanted(
            folds=numbers(folds),
            engine=engine,
            device=device,
            part=part,
            probability=probability,
            entropy=entropy,
            further=further,
            force=force,
            budget=budget,
            store=store or settings.models_folder(),
        )
        with prepared(settings.threads()), show.progress(manner) as progress:
            record = prediction.predict(run, data, out, wanted, progress)
        show.predicted(record, manner)


models = typer.Typer(no_args_is_help=True)
networks.add_typer(models, name="models", help="Keep networks that others trained.")


@models.command("add")
def models_add(
    context: typer.Context,
    source: m.ModelSource,
    name: m.NewName = "",
    known_as: m.KnownAs = "",
    channels: m.Channels = "",
    lesion: m.LesionLabel = "",
    licence: m.Licence = "",
    training_data: m.TrainingData = "",
    citation: m.Citation = "",
    yes: m.Yes = False,
    force: m.Replace = False,
    store: m.StoreFolder = None,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Add a model of nnU-Net v2, plain or residual-encoder: of volumes, of slices, or a cascade.

    Its files are read without running anything in them, its networks exported and compared with the original. Nothing
    is fetched unasked. Needs the extra `train`; predicting does not.
    """
    with _verb(context) as manner:
        from lymphoscope.app import settings, show
        from lymphoscope.app.libraries import prepared
        from lymphoscope.app.models import add, terminal
        from lymphoscope.app.models.source import Fetching
        from lymphoscope.app.models.store import Store

        wish = add.Wish(name, known_as, channels, lesion, licence, training_data, citation, force)
        kept = Store(store or settings.models_folder())
        agree = terminal.asking(yes, manner)
        with prepared(settings.threads()), show.progress(manner) as progress:
            card = add.add(source, kept, wish, Fetching(agree), progress)
        terminal.one(str(card["name"]), card, manner)


@models.command("calibrate")
def models_calibrate(
    context: typer.Context,
    name: m.ModelName,
    data: t.Data,
    cases: m.CalibrationCases = 8,
    store: m.StoreFolder = None,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Give a model networks in 8-bit integers, for the budgets `glance` and `fast`, which glances first.

    Ranges of numbers are measured on cases of a data set, without their masks. What draws something else on other cases
    is not kept. Needs the extra `int8`; predicting does not.
    """
    with _verb(context) as manner:
        from lymphoscope.app import settings, show
        from lymphoscope.app.libraries import prepared
        from lymphoscope.app.models import terminal
        from lymphoscope.app.models.calibrate import calibrate
        from lymphoscope.app.models.store import Store

        kept = Store(store or settings.models_folder())
        with prepared(settings.threads()), show.progress(manner) as progress:
            card = calibrate(name, kept, data, cases, progress)
        terminal.one(name, card, manner)


@models.command("list")
def models_list(context: typer.Context, store: m.StoreFolder = None, as_json: o.Json = False) -> None:
    """List the models that are kept, and public ones that are known."""
    with _verb(context) as manner:
        from lymphoscope.app import settings
        from lymphoscope.app.models import add, terminal
        from lymphoscope.app.models.store import Store

        terminal.listing(add.listed(Store(store or settings.models_folder())), manner)


@models.command("show")
def models_show(
    context: typer.Context, name: m.ModelName, store: m.StoreFolder = None, as_json: o.Json = False
) -> None:
    """Tell all that is known of a model: licence, training data, citation, networks, hashes."""
    with _verb(context) as manner:
        from lymphoscope.app import settings
        from lymphoscope.app.models import add, terminal
        from lymphoscope.app.models.store import Store

        terminal.one(name, add.told(Store(store or settings.models_folder()), name), manner)


@models.command("verify")
def models_verify(
    context: typer.Context, name: m.ModelName, store: m.StoreFolder = None, as_json: o.Json = False
) -> None:
    """Check that every file of a model is as it was stored."""
    with _verb(context) as manner:
        from lymphoscope.app import settings
        from lymphoscope.app.models import terminal
        from lymphoscope.app.models.store import Store, holding

        changed = holding(Store(store or settings.models_folder()), name).verify(name)
        terminal.verified(name, changed, manner)
    if changed:
        sys.exit(FAILED)


@models.command("remove")
def models_remove(
    context: typer.Context,
    name: m.ModelName,
    yes: m.Yes = False,
    store: m.StoreFolder = None,
    as_json: o.Json = False,
) -> None:
    """Take a model out of the store, when it is agreed to."""
    with _verb(context) as manner:
        from lymphoscope.app import settings
        from lymphoscope.app.models import terminal
        from lymphoscope.app.models.store import Store

        kept = Store(store or settings.models_folder())
        kept.folder(name)
        terminal.remove(kept, name, yes, manner)
