"""The command line: one command with verbs. Results to stdout, progress and messages to stderr."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from lymphoscope.app import model_options as m
from lymphoscope.app import options as o
from lymphoscope.app.cli_dataset import data_sets
from lymphoscope.app.cli_evaluation import evaluation
from lymphoscope.app.cli_networks import networks
from lymphoscope.app.cli_nnunet import nnunet_app
from lymphoscope.app.cli_prognosis import survival
from lymphoscope.app.leaving import FAILED, REFUSED, leaving_well
from lymphoscope.app.leaving import verb as _verb

app = typer.Typer(
    name="lymphoscope",
    help="FDG PET/CT of lymphoma: checked SUV, lesions, metabolic tumour volume and a report, "
    "or a refusal that says why.",
    epilog="Research and decision support. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit status: 0 done, 1 failed, 2 usage, 3 input refused."""
    for stream in (sys.stdout, sys.stderr):  # a terminal without UTF-8 is no reason to fail
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    with leaving_well():
        app(args=arguments, prog_name="lymphoscope")
    sys.exit(0)


def _version(wanted: bool) -> None:
    if wanted:
        from lymphoscope import __version__

        typer.echo(f"lymphoscope {__version__}")
        raise typer.Exit


def _case(context: typer.Context, study: Path, out: Path) -> None:
    """Make a case folder, and show what it holds."""
    with _verb(context) as manner:
        from lymphoscope.app import pipeline, settings, show, summary
        from lymphoscope.app.libraries import prepared

        wanted = settings.run_settings(context.params)
        with prepared(settings.threads()), show.progress(manner) as progress:
            outcome = pipeline.run(study, out, wanted, progress)
        summary.result(outcome.record, outcome.folder, manner)
    if outcome.record["status"] == "refused":
        sys.exit(REFUSED)


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    context: typer.Context,
    study: o.Study,
    out: o.Out,
    force: o.Force = False,
    ct: o.Ct = None,
    suv: o.Suv = False,
    pet_series: o.PetSeries = None,
    ct_series: o.CtSeries = None,
    organs: o.Organs = None,
    organ_names: o.OrganNames = None,
    research_tracer: o.ResearchTracer = False,
    method: o.Method = "suv4.0",
    all_methods: o.AllMethods = False,
    model: m.RunModel = None,
    budget: m.BudgetName = None,
    device: m.RunDevice = None,
    store: m.StoreFolder = None,
    second_look: m.SecondLook = True,
    prognosis: m.PrognosisRun = None,
    connectivity: o.Connectivity = 18,
    min_volume_ml: o.MinVolume = 3.0,
    weight_kg: o.WeightKg = None,
    height_m: o.HeightM = None,
    sex: o.Sex = None,
    dose_mbq: o.DoseMbq = None,
    injection_time: o.InjectionTime = None,
    reference_time: o.ReferenceTime = None,
    identify: o.Identify = False,
    dicom: o.Dicom = True,
    parametric_map: o.ParametricMap = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Measure one study and make its case folder: lesions, numbers, pictures, report.

    The study is never written to. A study that cannot be trusted is refused, with the reason and the remedy.
    """
    _case(context, study, out)


@app.command()
def measure(
    context: typer.Context,
    study: o.Study,
    mask: o.Mask,
    out: o.Out,
    segments: o.Segments = None,
    lesion: o.Lesion = "component",
    force: o.Force = False,
    ct: o.Ct = None,
    suv: o.Suv = False,
    pet_series: o.PetSeries = None,
    ct_series: o.CtSeries = None,
    organs: o.Organs = None,
    organ_names: o.OrganNames = None,
    research_tracer: o.ResearchTracer = False,
    connectivity: o.Connectivity = 18,
    weight_kg: o.WeightKg = None,
    height_m: o.HeightM = None,
    sex: o.Sex = None,
    dose_mbq: o.DoseMbq = None,
    injection_time: o.InjectionTime = None,
    reference_time: o.ReferenceTime = None,
    identify: o.Identify = False,
    dicom: o.Dicom = True,
    parametric_map: o.ParametricMap = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Measure lesions that were drawn elsewhere, and make the case folder as `run` does.

    They are taken as they were drawn: nothing is added, removed or judged. A mask that does not belong to the PET is
    refused, with the reason.
    """
    _case(context, study, out)


@app.command()
def series(context: typer.Context, study: o.Study, as_json: o.Json = False) -> None:
    """List the series of a study: which are taken, and why the others are not."""
    with _verb(context) as manner:
        from lymphoscope.app import settings, show
        from lymphoscope.app.libraries import prepared
        from lymphoscope.io.intake import list_series

        with prepared(settings.threads()):
            facts = list_series(study)
        show.series(facts, manner)


@app.command()
def suv(
    context: typer.Context,
    study: o.Study,
    suv: o.Suv = False,
    pet_series: o.PetSeries = None,
    research_tracer: o.ResearchTracer = False,
    weight_kg: o.WeightKg = None,
    height_m: o.HeightM = None,
    sex: o.Sex = None,
    dose_mbq: o.DoseMbq = None,
    injection_time: o.InjectionTime = None,
    reference_time: o.ReferenceTime = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Show how SUV is computed for a study: every fact used, every alternative, every override."""
    with _verb(context) as manner:
        from lymphoscope.app import settings, show
        from lymphoscope.app.libraries import prepared
        from lymphoscope.io.intake import load_study
        from lymphoscope.io.suv import audit_lines

        wanted = settings.load_options(context.params)
        with prepared(settings.threads()), show.progress(manner) as progress:
            loaded = load_study(study, wanted, progress)
        show.audit(loaded, audit_lines(loaded.suv), manner)


@app.command()
def phantom(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False, help="Where the study is written.")],
    kind: o.Kind = "body",
    vendor: o.Vendor = None,
    syntax: o.Syntax = "explicit",
    ct: Annotated[bool, typer.Option("--ct/--no-ct", help="Write a CT too.")] = True,
    whole_body: o.WholeBody = None,
    organ_names: o.PhantomOrgans = None,
    count: o.Count = 1,
    seed: o.PhantomSeed = 0,
    subtype: o.Subtype = None,
    scanner: o.ScannerName = None,
    layout: o.Layout = "dicom",
    force: o.Force = False,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Write a synthetic PET/CT study of which everything is known, as DICOM in a vendor's convention.

    With --whole-body: bodies with lymphoma on real anatomies, each with its true masks and numbers.
    """
    with _verb(context) as manner:
        from lymphoscope.app import phantom as made
        from lymphoscope.app import settings, show
        from lymphoscope.io.dicom_write import WriteOptions

        options = WriteOptions(syntax, force=force)
        if whole_body is None:
            truths = made.write(out, kind, vendor or "siemens", ct, options)
            show.truths(made.as_record(truths), manner)
            return
        from lymphoscope.app import whole_body as bodies

        names = settings.organ_names_of(organ_names)
        cohort = bodies.Cohort(
            whole_body, names, count, seed, subtype, scanner, vendor, ct, layout=layout, options=options
        )
        with show.progress(manner) as progress:
            record = bodies.write(out, cohort, progress)
        show.phantoms(record, manner)


recipes_app = typer.Typer(invoke_without_command=True)
app.add_typer(recipes_app, name="recipes")


@recipes_app.callback()
def recipes(context: typer.Context, as_json: o.Json = False) -> None:
    """List the published methods that are there, by family; `recipes show ID` tells one."""
    if context.invoked_subcommand is None:
        with _verb(context) as manner:
            from lymphoscope.app import recipes as told

            told.listing(manner)


@recipes_app.command(name="show")
def recipe(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", show_default=False, help="A recipe, such as suv4.0.")],
    as_json: o.Json = False,
) -> None:
    """Tell one recipe: its paper, how it differs, the data it needs, and what each of its parts computes."""
    with _verb(context) as manner:
        from lymphoscope.app import recipes as told

        told.one(name, manner)


@app.command()
def messages(
    context: typer.Context,
    code: Annotated[
        str, typer.Argument(metavar="[CODE]", show_default=False, help="A code such as SUV-E-WEIGHT, or its start.")
    ] = "",
    as_json: o.Json = False,
) -> None:
    """Explain a message code: what it says, what it does to the result, what to do."""
    with _verb(context) as manner:
        from lymphoscope.app import show
        from lymphoscope.core.codes import CODES
        from lymphoscope.core.registry import unknown_name

        wanted = code.strip().upper()
        family = [name for name in CODES if not wanted or name.startswith(f"{wanted}-")]
        found = {name: CODES[name] for name in ([wanted] if wanted in CODES else family)}
        if not found:
            raise unknown_name("message code", wanted, CODES)
        show.codes(found, manner)


@app.command()
def node(
    context: typer.Context,
    config: o.NodeConfig = None,
    make_config: o.MakeConfig = None,
    as_json: o.Json = False,
) -> None:
    """Run a DICOM node: studies come in over the network, are measured, and the results go back.

    It runs until it is told to end (Ctrl-C, SIGTERM). What it had received by then is worked on the next time.
    """
    with _verb(context):
        from lymphoscope.app.node import serve

        serve.node(config, make_config)


@app.command()
def batch(
    context: typer.Context,
    tree: o.Tree,
    out: o.BatchOut,
    force: o.AllAgain = False,
    workers: o.Workers = None,
    memory_gb: o.MemoryGb = 6.0,
    scheduler: o.Scheduler = None,
    suv: o.Suv = False,
    pet_series: o.PetSeries = None,
    ct_series: o.CtSeries = None,
    research_tracer: o.ResearchTracer = False,
    method: o.Method = "suv4.0",
    all_methods: o.AllMethods = False,
    model: m.RunModel = None,
    budget: m.BudgetName = None,
    device: m.RunDevice = None,
    store: m.StoreFolder = None,
    second_look: m.SecondLook = True,
    prognosis: m.PrognosisRun = None,
    connectivity: o.Connectivity = 18,
    min_volume_ml: o.MinVolume = 3.0,
    dicom: o.Dicom = False,
    parametric_map: o.ParametricMap = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """Measure every study of a folder tree: a case folder each, one table and one page over all.

    Ends with 0 when every study was measured or refused, with 1 when any failed. Run again, it goes on where it ended.
    No file names a patient, except DICOM objects, which have to and are written only with --dicom.
    """
    with _verb(context) as manner:
        from lymphoscope.app import settings
        from lymphoscope.app.batch import crew, run, watch
        from lymphoscope.app.libraries import prepared

        wanted, hands = settings.run_settings(context.params), crew.Crew(workers, memory_gb, scheduler)
        with prepared(settings.threads()), watch.watching(manner) as watcher:
            outcome = run.batch(tree, out, wanted, hands, watcher)
        watch.result(outcome, manner)
    if outcome.failed:
        sys.exit(FAILED)


@app.command()
def deid(
    context: typer.Context,
    tree: o.Tree,
    out: o.DeidOut,
    crosswalk: o.CrosswalkFolder = None,
    secondary: o.Secondary = False,
    words: o.Words = None,
    deface: o.Deface = False,
    workers: o.Workers = None,
    memory_gb: o.MemoryGb = 6.0,
    scheduler: o.Scheduler = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    as_json: o.Json = False,
) -> None:
    """De-identify every DICOM study of a folder tree; SUV stays the same to the bit.

    What is not known to be harmless goes: images, masks and contours are written anew from a list of what may stay.
    Reports, documents and pictures are left out, and so is what cannot be read; all of it is told. Key and crosswalk
    go into a folder of their own. Run again, it goes on where it ended.
    """
    with _verb(context) as manner:
        from lymphoscope.app import settings
        from lymphoscope.app.batch import crew, watch
        from lymphoscope.app.deid import run as cleaning
        from lymphoscope.app.deid import tell
        from lymphoscope.app.libraries import prepared

        places, hands = cleaning.Places.of(tree, out, crosswalk), crew.Crew(workers, memory_gb, scheduler)
        choice = settings.deid_choice(context.params)
        with prepared(settings.threads()), watch.watching(manner) as watcher:
            outcome = cleaning.deidentify_tree(places, choice, hands, watcher)
        tell.result(outcome, manner)
    if outcome.failed:
        sys.exit(FAILED)


@app.command()
def serve(
    context: typer.Context,
    cases: o.Cases = None,
    host: o.Host = "127.0.0.1",
    port: o.Port = 8765,
    name: o.HostName = "",
    add_user: o.AddUser = None,
    role: o.Role = "reader",
    user_name: o.UserName = "",
    database: o.Database = "",
    rebuild_index: o.RebuildIndex = False,
    demo: o.Demo = False,
    suggestions: o.Suggestions = "first",
    verify_audit: o.VerifyAudit = None,
    as_json: o.Json = False,
) -> None:
    """Serve the reading page: correct the lesions of measured cases, watch the numbers follow, sign.

    On loopback a one-time link logs in. It runs until Ctrl-C. Needs the extra `serve`.
    """
    with _verb(context):
        from lymphoscope.app.web import verb
        from lymphoscope.app.web.door import Door

        if verify_audit is not None:
            verb.verify_audit(verify_audit)
            return
        names = tuple(part.strip().lower() for part in name.split(",") if part.strip())
        door, user = Door(host, port, names, database, suggestions), verb.NewUser(add_user, role, user_name)
        verb.serve(cases, door, user, rebuild_index, demo)


@app.command()
def doctor(context: typer.Context, as_json: o.Json = False) -> None:
    """Look at this machine: versions, threads, memory, decoders, optional parts."""
    with _verb(context) as manner:
        from lymphoscope.app import doctor as medic
        from lymphoscope.app import show

        checks = medic.examine()
        show.checks(medic.as_record(checks), manner)
    if not medic.healthy(checks):
        sys.exit(FAILED)


app.add_typer(evaluation)
app.add_typer(networks)
app.add_typer(survival)
app.add_typer(data_sets, name="dataset", help="Make data sets to train on.")
app.add_typer(nnunet_app, name="nnunet", help="The real nnU-Net, in an installation of its own.")
