"""Public collections as they are published: which file is whose image, told by its path. Nothing is fetched.

References: Andrearczyk et al., Head and Neck Tumor Segmentation 2021–2022 (HECKTOR); Gatidis et al., Sci Data
2022;9:601 (autoPET); Menze et al., IEEE Trans Med Imaging 2015;34:1993 and Baid et al., arXiv:2107.02314 (BraTS).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.registry import unknown_name
from lymphoscope.io.dataset.cases import Fact
from lymphoscope.io.files import walk

MASK = "mask"


@dataclass(frozen=True)
class PublicLayout:
    """How a collection names its files.

    Attributes:
        title: What it is.
        patterns: Paths below the collection; groups ``patient``, ``case`` (else patient and ``study``) and ``part``.
        parts: Role of each part; the part of a pattern without that group is empty.
        channels: Roles a case must have, the first of which gives the grid.
        subject: Column of the patients in tables beside the images.
        facts: Columns taken from there, by the name they get.
    """

    title: str
    patterns: tuple[str, ...]
    parts: Mapping[str, str]
    channels: tuple[str, ...] = ("pet:suv", "ct:hu")
    subject: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


_HECKTOR_CASE = r"(?P<case>(?P<patient>[A-Z]{3,4}-?\d{2,4}))"
_MR = ("mr:t1", "mr:t1ce", "mr:t2", "mr:flair")

LAYOUTS: Mapping[str, PublicLayout] = MappingProxyType(
    {
        "hecktor": PublicLayout(
            "HECKTOR: PET/CT of the head and neck, tumour and nodes",
            (
                rf"(?:.*/)?{_HECKTOR_CASE}__?(?P<part>CT|PT|ct|pt|gtvt|gtvn)\.nii(?:\.gz)?",
                rf"(?:.*/)?{_HECKTOR_CASE}\.nii(?:\.gz)?",
            ),
            {"CT": "ct:hu", "ct": "ct:hu", "PT": "pet:suv", "pt": "pet:suv", "gtvt": MASK, "gtvn": MASK, "": MASK},
            subject="PatientID",
            facts={"age": "Age", "sex": "Gender"},
        ),
        "autopet": PublicLayout(
            "autoPET: whole-body FDG PET/CT, lesions",
            (
                r"(?:.*/)?(?P<patient>PETCT_[0-9a-f]+)/(?P<study>[^/]+)/(?P<part>SUV|CTres|SEG)\.nii\.gz",
                r"(?:.*/)?imagesTr/(?P<case>(?P<patient>fdg_[0-9a-f]+)_.+)_(?P<part>000[01])\.nii\.gz",
                r"(?:.*/)?labelsTr/(?P<case>(?P<patient>fdg_[0-9a-f]+)_.+)\.nii\.gz",
            ),
            {"SUV": "pet:suv", "CTres": "ct:hu", "SEG": MASK, "0000": "ct:hu", "0001": "pet:suv", "": MASK},
            subject="Subject ID",
            facts={"diagnosis": "diagnosis", "age": "age", "sex": "Sex"},
        ),
        "brats": PublicLayout(
            "BraTS: four sequences of brain MRI, tumour",
            (
                r"(?:.*/)?(?P<case>(?P<patient>BraTS-[A-Z]+-\d+)-\d+)-(?P<part>t1n|t1c|t2w|t2f|seg)\.nii(?:\.gz)?",
                r"(?:.*/)?(?P<case>(?P<patient>[Bb]ra[Tt][Ss]\w*?_\d+))_(?P<part>t1|t1ce|t2|flair|seg)\.nii(?:\.gz)?",
            ),
            {"t1": _MR[0], "t1n": _MR[0], "t1ce": _MR[1], "t1c": _MR[1], "t2": _MR[2], "t2w": _MR[2],
             "flair": _MR[3], "t2f": _MR[3], "seg": MASK},
            _MR,
        ),
    }
)  # fmt: skip
"""Collections by name. TCIA's are DICOM: `lymphoscope dataset build` reads them as any tree."""


@dataclass(frozen=True)
class PublicCase:
    """A case of a collection, not yet read.

    Attributes:
        id: Letters, digits, ``. _ -``.
        patient: Whose it is.
        images: File by role.
        masks: Its masks, one or several that count together.
        outcome: What tables beside the images say of its patient.
    """

    id: str
    patient: str
    images: Mapping[str, Path]
    masks: tuple[Path, ...]
    outcome: Mapping[str, Fact]


def public_layout(name: str) -> PublicLayout:
    """The layout of a collection.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for another name.
    """
    if name not in LAYOUTS:
        raise unknown_name("collection", name, LAYOUTS)
    return LAYOUTS[name]


def find_public(folder: Path, layout: PublicLayout) -> tuple[PublicCase, ...]:
    """Find the cases of a collection; only names are looked at, and the tables beside them.

    Raises:
        LymphoscopeError: ``IO-E-PATH``, ``DATA-E-EMPTY`` where no file is named as the collection names them,
            ``DATA-E-DUPLICATE`` where two files would be the same image of a case.
    """
    if not folder.is_dir():
        raise LymphoscopeError("IO-E-PATH", "the collection is not a folder that can be read")
    patients: dict[str, str] = {}
    files: dict[str, dict[str, list[Path]]] = {}
    tables = []
    for path in walk(folder):
        if path.suffix.lower() == ".csv":
            tables.append(path)
        elif match := _match(path.relative_to(folder).as_posix(), layout):
            found = match.groupdict()
            case = re.sub(r"[^A-Za-z0-9._-]+", "-", found.get("case") or f"{found['patient']}_{found['study']}")
            patients[case] = found["patient"]
            files.setdefault(case, {}).setdefault(layout.parts[found.get("part") or ""], []).append(path)
    if not files:
        raise LymphoscopeError("DATA-E-EMPTY", "no file is named as the collection names its images")
    said = _facts(tables, layout)
    return tuple(_case(case, patients[case], files[case], said.get(patients[case], {})) for case in sorted(files))


def _match(path: str, layout: PublicLayout) -> re.Match[str] | None:
    return next((m for pattern in layout.patterns if (m := re.fullmatch(pattern, path))), None)


def _case(case: str, patient: str, files: Mapping[str, list[Path]], outcome: Mapping[str, Fact]) -> PublicCase:
    images = {role: paths for role, paths in files.items() if role != MASK}
    if any(len(paths) > 1 for paths in images.values()):
        raise LymphoscopeError("DATA-E-DUPLICATE", "two files are the same image of a case", f"case {case}")
    return PublicCase(case, patient, {r: p[0] for r, p in images.items()}, tuple(files.get(MASK, ())), outcome)


def _facts(tables: Iterable[Path], layout: PublicLayout) -> dict[str, dict[str, Fact]]:
    """What tables say, by patient."""
    found: dict[str, dict[str, Fact]] = {}
    for row in _rows(tables):
        if layout.subject and row.get(layout.subject):
            known = {name: row[column] for name, column in layout.facts.items() if row.get(column)}
            found.setdefault(row[layout.subject], {}).update(known)
    return found


def _rows(tables: Iterable[Path]) -> Iterator[Mapping[str, str]]:
    for table in tables:
        try:
            with table.open(encoding="utf-8-sig", newline="") as file:
                yield from ({k: (v or "").strip() for k, v in row.items() if k} for row in csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error, AttributeError):
            continue  # a table that cannot be read says nothing of anybody
