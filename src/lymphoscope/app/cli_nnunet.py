"""The verbs of the real nnU-Net."""

from __future__ import annotations

import typer

from lymphoscope.app import options as o
from lymphoscope.app.leaving import verb as _verb
from lymphoscope.app.nnunet import options as n

nnunet_app = typer.Typer(no_args_is_help=True)


@nnunet_app.command()
def train(
    context: typer.Context,
    data: n.Data,
    out: n.RunOut,
    setting: n.Setting = "sgd",
    epochs: n.Epochs = 500,
    iterations: n.Iterations = 250,
    configuration: n.Configuration = "3d_fullres",
    folds: n.Folds = None,
    device: n.Device = "cpu",
    nnunet: n.Installation = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Train nnU-Net v2 on a data set, fold by fold, in its own installation; `nnunet validate` tells how good it is.

    Run again with the same folder, it goes on where it ended.
    """
    with _verb(context) as manner:
        from lymphoscope.app import show
        from lymphoscope.app.nnunet import training
        from lymphoscope.app.training import numbers

        wish = training.Wish(setting, epochs, iterations, configuration, device)
        with show.progress(manner) as progress:
            place = training.train(data, out, wish, numbers(folds), nnunet, progress)
        show.out().print(str(place.results), markup=False, soft_wrap=True)


@nnunet_app.command()
def predict(
    context: typer.Context,
    run: n.Run,
    images: n.Images,
    out: n.MasksOut,
    folds: n.Folds = None,
    nnunet: n.Installation = None,
    as_json: o.Json = False,
) -> None:
    """Draw lesions with an nnU-Net that `nnunet train` trained."""
    with _verb(context):
        from lymphoscope.app import show
        from lymphoscope.app.nnunet import training
        from lymphoscope.app.training import numbers

        training.predict(run, images, out, numbers(folds), nnunet)
        show.out().print(str(out), markup=False, soft_wrap=True)


@nnunet_app.command()
def validate(
    context: typer.Context,
    folder: n.Results,
    out: n.TableOut,
    force: o.Force = False,
    as_json: o.Json = False,
) -> None:
    """Make the table of nnU-Net's cross-validation, with means both ways, and a picture of its training.

    nnU-Net need not be installed.
    """
    with _verb(context) as manner:
        from lymphoscope.app import show
        from lymphoscope.app.nnunet import validation

        table = validation.validate(folder, out, force)
        if manner.as_json:
            show.as_json(validation.record(table))
        else:
            show.out().print(validation.page(table), markup=False, soft_wrap=True)
