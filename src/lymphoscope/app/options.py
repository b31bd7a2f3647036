"""The words of the command line: each option once, shared by the verbs that take it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_STUDY, _METHOD, _SUV, _SHOW = "What is read", "How it is measured", "What the header does not say", "What is shown"
_WRITTEN = "What is written"

Study = Annotated[
    Path,
    typer.Argument(
        metavar="STUDY",
        show_default=False,
        help="A DICOM folder, a zip of one, or a NIfTI file or folder (with --suv).",
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the case folder is made.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the output folder if it is there.")]

Ct = Annotated[
    Path | None,
    typer.Option("--ct", metavar="PATH", help="Where the CT is, if not beside the PET.", rich_help_panel=_STUDY),
]
Suv = Annotated[bool, typer.Option("--suv", help="NIfTI values are SUV (body weight).", rich_help_panel=_STUDY)]
PetSeries = Annotated[
    str | None,
    typer.Option(
        "--pet-series",
        metavar="SERIES",
        help="Take this PET series: UID, number or part of its description.",
        rich_help_panel=_STUDY,
    ),
]
CtSeries = Annotated[
    str | None,
    typer.Option(
        "--ct-series",
        metavar="SERIES",
        help="Take this CT series: UID, number or part of its description.",
        rich_help_panel=_STUDY,
    ),
]
Organs = Annotated[
    Path | None,
    typer.Option(
        "--organs",
        metavar="FILE",
        help="Organ label map (NIfTI), numbered as TotalSegmentator's unless named.",
        rich_help_panel=_STUDY,
    ),
]
OrganNames = Annotated[
    str | None,
    typer.Option(
        "--organ-names",
        metavar="NAMES",
        help="Labels of the organ map: 1=spleen,3=liver or a JSON file.",
        rich_help_panel=_STUDY,
    ),
]
ResearchTracer = Annotated[
    bool,
    typer.Option("--research-tracer", help="Go on although the tracer is not FDG; marked.", rich_help_panel=_STUDY),
]

Method = Annotated[
    str,
    typer.Option("--method", "-m", metavar="ID", help="Method of the TMTV: see `recipes`.", rich_help_panel=_METHOD),
]
AllMethods = Annotated[
    bool, typer.Option("--all-methods", help="Give the TMTV by every method beside it.", rich_help_panel=_METHOD)
]
Connectivity = Annotated[
    int, typer.Option("--connectivity", metavar="6|18|26", help="Neighbours of a voxel.", rich_help_panel=_METHOD)
]
MinVolume = Annotated[
    float,
    typer.Option(
        "--min-volume-ml", metavar="ML", help="Smallest region kept at preselection.", rich_help_panel=_METHOD
    ),
]

Mask = Annotated[
    Path,
    typer.Option(
        "--mask",
        metavar="FILE",
        show_default=False,
        help="The lesions: a DICOM segmentation, an RT structure set or a NIfTI label map.",
    ),
]
Segments = Annotated[
    str | None,
    typer.Option(
        "--segments",
        metavar="NAMES",
        help="Take these segments only: numbers or names, with commas between.",
        rich_help_panel=_METHOD,
    ),
]
Lesion = Annotated[
    str,
    typer.Option(
        "--lesion",
        metavar="component|segment",
        help="What counts as one lesion: a connected region, or a segment of the file.",
        rich_help_panel=_METHOD,
    ),
]

WeightKg = Annotated[float | None, typer.Option("--weight-kg", metavar="KG", help="Body weight.", rich_help_panel=_SUV)]
HeightM = Annotated[float | None, typer.Option("--height-m", metavar="M", help="Height.", rich_help_panel=_SUV)]
Sex = Annotated[str | None, typer.Option("--sex", metavar="M|F|O", help="Sex.", rich_help_panel=_SUV)]
DoseMbq = Annotated[
    float | None,
    typer.Option("--dose-mbq", metavar="MBQ", help="Activity at injection.", rich_help_panel=_SUV),
]
InjectionTime = Annotated[
    str | None,
    typer.Option(
        "--injection-time", metavar="TIME", help="Injection, such as 2026-03-11T09:05:00.", rich_help_panel=_SUV
    ),
]
ReferenceTime = Annotated[
    str | None,
    typer.Option("--reference-time", metavar="TIME", help="Time the PET is decay-corrected to.", rich_help_panel=_SUV),
]

Identify = Annotated[
    bool,
    typer.Option("--identify", help="Print the patient's name and number on the report.", rich_help_panel=_SHOW),
]
Dicom = Annotated[
    bool,
    typer.Option("--dicom/--no-dicom", help="Write DICOM objects, if the PET is DICOM.", rich_help_panel=_WRITTEN),
]
ParametricMap = Annotated[
    bool,
    typer.Option("--parametric-map", help="Write SUV as a DICOM parametric map too.", rich_help_panel=_WRITTEN),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON, and nothing else, to standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors and the result only.", rich_help_panel=_SHOW)]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show each step and all notes.", rich_help_panel=_SHOW)]

Kind = Annotated[str, typer.Option("--kind", metavar="body|digital", help="A body with organs, or exact spheres.")]
Vendor = Annotated[
    str | None,
    typer.Option(
        "--vendor",
        metavar="NAME",
        help="Whose way of writing PET, such as ge. Left out: siemens; with --whole-body the scanner's maker.",
    ),
]
Syntax = Annotated[
    str, typer.Option("--syntax", metavar="NAME", help="Transfer syntax: explicit, implicit, rle, jpeg-ls, jpeg-2000 …")
]

_WHOLE_BODY = "Whole body"
WholeBody = Annotated[
    Path | None,
    typer.Option(
        "--whole-body",
        metavar="MAPS",
        help="Whole-body phantoms with lymphoma, on the anatomies of this folder of organ maps (NIfTI).",
        rich_help_panel=_WHOLE_BODY,
    ),
]
Count = Annotated[
    int, typer.Option("--count", metavar="N", help="How many whole-body phantoms.", rich_help_panel=_WHOLE_BODY)
]
PhantomSeed = Annotated[
    int, typer.Option("--seed", metavar="N", help="Of all chance; same seed, same bytes.", rich_help_panel=_WHOLE_BODY)
]
Subtype = Annotated[
    str | None,
    typer.Option(
        "--subtype",
        metavar="NAME",
        help="DLBCL, HL, FL, PMBCL, MCL, or none for no lymphoma; drawn when left out.",
        rich_help_panel=_WHOLE_BODY,
    ),
]
ScannerName = Annotated[
    str | None,
    typer.Option(
        "--scanner",
        metavar="NAME",
        help="Scanner and reconstruction, such as ge_690; drawn when left out.",
        rich_help_panel=_WHOLE_BODY,
    ),
]
Layout = Annotated[
    str,
    typer.Option(
        "--layout",
        metavar="dicom|nnunet",
        help="DICOM studies with their truth beside them, or a data set to train on.",
        rich_help_panel=_WHOLE_BODY,
    ),
]
PhantomOrgans = Annotated[
    str | None,
    typer.Option(
        "--organ-names",
        metavar="NAMES",
        help="Labels of the organ maps: 1=spleen,3=liver or a JSON file.",
        rich_help_panel=_WHOLE_BODY,
    ),
]

NodeConfig = Annotated[
    Path | None,
    typer.Argument(metavar="CONFIG", show_default=False, help="The node's configuration, a TOML file."),
]
MakeConfig = Annotated[
    Path | None, typer.Option("--make-config", metavar="FILE", help="Write a commented configuration, and leave.")
]

_CREW = "Who does the work"

Tree = Annotated[
    Path,
    typer.Argument(metavar="TREE", show_default=False, help="A folder with studies in any order, also as zips."),
]
BatchOut = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where cases, table and page are made.")]
AllAgain = Annotated[bool, typer.Option("--force", help="Measure again what is done already.")]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        show_default=False,
        help="Processes; 0 for this one alone, as many as fit when left out.",
        rich_help_panel=_CREW,
    ),
]
MemoryGb = Annotated[
    float,
    typer.Option(
        "--memory-gb", metavar="GB", help="Memory of a process; a study that needs more fails.", rich_help_panel=_CREW
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Use the workers of a dask scheduler, such as tcp://host:8786.",
        rich_help_panel=_CREW,
    ),
]

DeidOut = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the de-identified files go.")]
CrosswalkFolder = Annotated[
    Path | None,
    typer.Option(
        "--crosswalk",
        metavar="FOLDER",
        show_default=False,
        help="Where key and crosswalk are kept, for the owner alone; beside the output when left out.",
    ),
]
Secondary = Annotated[bool, typer.Option("--secondary", help="Take images of type SECONDARY too; they may show text.")]
Deface = Annotated[
    bool,
    typer.Option("--deface", help="Blank the front of the face, found by the brain in the PET; lesions drawn stay."),
]
Words = Annotated[
    Path | None,
    typer.Option(
        "--words", metavar="FILE", show_default=False, help="Words that texts may keep beside ours, one a line."
    ),
]

SURE = "How sure the numbers are"

Replicates = Annotated[
    int,
    typer.Option("--replicates", metavar="N", min=100, help="Of the bootstrap.", rich_help_panel=SURE),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of the bootstrap.", rich_help_panel=SURE)]

_DOOR = "Who may come in"

Cases = Annotated[
    Path | None, typer.Argument(metavar="[CASES]", show_default=False, help="The folder that holds the case folders.")
]
Demo = Annotated[bool, typer.Option("--demo", help="Put a public demonstration case there first; needs no CASES.")]
Host = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="Where to listen; beyond loopback users log in by password.",
        rich_help_panel=_DOOR,
    ),
]
Port = Annotated[int, typer.Option("--port", metavar="PORT", help="Port; 0 takes a free one.", rich_help_panel=_DOOR)]
HostName = Annotated[
    str,
    typer.Option(
        "--name",
        metavar="NAMES",
        help="Names that the server is called by, separated by commas.",
        rich_help_panel=_DOOR,
    ),
]
AddUser = Annotated[
    str | None,
    typer.Option(
        "--add-user",
        metavar="LOGIN",
        show_default=False,
        rich_help_panel=_DOOR,
        help="Add a user or change one, and leave; the password is read from the terminal or from stdin.",
    ),
]
Role = Annotated[
    str,
    typer.Option(
        "--role", metavar="ROLE", help="Of the user: reader, adjudicator, admin or auditor.", rich_help_panel=_DOOR
    ),
]
UserName = Annotated[
    str,
    typer.Option("--user-name", metavar="NAME", help="Of the user, as printed in signatures.", rich_help_panel=_DOOR),
]
Database = Annotated[
    str, typer.Option("--database", metavar="URL", help="Another database than SQLite beside the cases.")
]
Suggestions = Annotated[
    str,
    typer.Option(
        "--suggestions",
        metavar="WHEN",
        help="When readers see what rules or network suggest: first, after (once their own reading is done) or off.",
        rich_help_panel=_DOOR,
    ),
]
VerifyAudit = Annotated[
    Path | None,
    typer.Option("--verify-audit", metavar="FILE", help="Verify an exported audit trail (CSV or JSON), and leave."),
]
RebuildIndex = Annotated[
    bool, typer.Option("--rebuild-index", help="Make the index of the cases again from their folders, and leave.")
]
