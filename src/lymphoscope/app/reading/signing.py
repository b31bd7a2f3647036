"""Signing: the displayed mask becomes a version that never changes, with report and masks of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lymphoscope import __version__
from lymphoscope.app.again import Kept
from lymphoscope.app.objects import dicom_objects_again
from lymphoscope.app.reading import suggestion
from lymphoscope.app.reading.answers import checked, printed
from lymphoscope.app.reading.case import Version, now
from lymphoscope.app.reading.comparison import Earlier, comparison
from lymphoscope.app.reading.numbers import draft_of, record_of, report_of
from lymphoscope.core import shown
from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.measure import Report
from lymphoscope.core.reading import Reading, voxel_set
from lymphoscope.core.volume import LesionMask
from lymphoscope.image.delineation import at_least
from lymphoscope.io.atomic import writing
from lymphoscope.io.case import canonical_json, write_case
from lymphoscope.io.gzipped import gzipped
from lymphoscope.io.nifti import to_nifti_bytes
from lymphoscope.render.page import page
from lymphoscope.render.paper import paper
from lymphoscope.render.pictures import draw
from lymphoscope.render.table import table

_ONE_SUV = re.compile(r"SUV ≥ ([0-9.]+)")

MEANINGS = ("I performed this read", "I adjudicated these reads")
SOFTWARE = {"name": "lymphoscope", "version": __version__, "git": None, "model_sha256": None}


@dataclass(frozen=True)
class Signature:
    """What a reader signs with.

    Attributes:
        by: Login.
        name: Name as printed.
        meaning: One of `MEANINGS`.
        head: Hash of the mask that was displayed.
        impression: The reader's free text, or empty.
        searched: The reader says to have searched the whole volume; wanted where nothing is counted.
        answers: What else was answered, by the keys of `lymphoscope.app.reading.answers.QUESTIONS`.
    """

    by: str
    name: str
    meaning: str
    head: str
    impression: str = ""
    searched: bool = False
    answers: Mapping[str, str] = field(default_factory=dict)


def sign(version: Version, signature: Signature, expected: str, earlier: Sequence[Earlier] = ()) -> dict[str, Any]:
    """Sign a version: write its report and masks, then the signature into the log.

    Args:
        version: A draft.
        signature: Who signs, what was displayed.
        expected: `Version.tip` that the reader saw.
        earlier: The patient's earlier scans, for the report's comparison.

    Returns:
        The signing event, with the hash of every document.

    Raises:
        LymphoscopeError: ``READ-E-SIGN``, ``READ-E-SIGNED``, ``READ-E-STALE`` for another mask than the displayed
            one, ``IO-E-WRITE``.
    """
    _require_signable(version, signature, expected)
    when = now()
    with writing():  # drawing and setting type use the disk as well
        documents = _documents(version, *_filed(version, reading_block(version, signature, when), earlier))
    write_case(version.folder, documents, force=True)
    written = {
        name: hashlib.sha256(gzipped(content) if name.endswith(".gz") else content).hexdigest()
        for name, content in documents.items()
    }
    said: dict[str, Any] = {"name": signature.name, "meaning": signature.meaning, "impression": signature.impression}
    said |= {"answers": checked(signature.answers)}
    facts = {"signed": when, "is": version.figures(version.now), "unseen": _unseen(version), "documents": written}
    return version.write({"kind": "sign", "by": signature.by, **said, **facts}, expected)


def to_be_filed(version: Version, impression: str, answers: Mapping[str, str], earlier: Sequence[Earlier] = ()) -> str:
    """The page of the report that signing now would file, without a signature; nothing is written.

    Args:
        version: A draft.
        impression: The reader's free text, or empty.
        answers: As in `Signature`.
        earlier: As for `sign`.

    Raises:
        LymphoscopeError: ``READ-E-SIGN`` for an answer that cannot be given, ``READ-E-SIGNED``.
    """
    if version.signature is not None:
        raise LymphoscopeError("READ-E-SIGNED", f"version {version.name} is signed", fix="Its report is filed.")
    said = {"impression": impression, "answers": printed(checked(answers)) + _of_suggestion(version)}
    report, made = _filed(version, reading_block(version) | said, earlier)
    return page(made, draw(report, made))


def _filed(version: Version, block: Mapping[str, Any], earlier: Sequence[Earlier]) -> tuple[Report, dict[str, Any]]:
    """Every number of a version and its record."""
    report = _report(version)
    made = record_of(version.case.kept, report, SOFTWARE, block)
    return report, made | {"comparison": comparison(made, earlier)}


def _require_signable(version: Version, signature: Signature, expected: str) -> None:
    if version.signature is not None:
        raise LymphoscopeError("READ-E-SIGNED", f"version {version.name} is signed")
    if signature.by != version.author:
        raise LymphoscopeError("READ-E-SIGN", "only the reader of a version can sign it")
    if signature.head != version.now.head or expected != version.tip:
        raise LymphoscopeError("READ-E-STALE", "the mask displayed is not the mask of the version")
    if signature.meaning not in MEANINGS:
        raise LymphoscopeError("READ-E-SIGN", "the meaning of the signature is not one that is known")
    answers = checked(signature.answers)
    if answers.get("new_lesion") == "no" and any(r.new for r in version.now if r.counted):
        raise LymphoscopeError("READ-E-SIGN", "a lesion is said to be new, and none by the answer", fix="Say which.")
    if not any(r.counted for r in version.now) and not signature.searched:
        raise LymphoscopeError("READ-E-SIGN", "nothing is counted", fix="Say that you searched the whole volume.")


def confirmed(version: Version) -> Reading:
    """The regions with all that the reader saw, and left as they are, marked as the reader's decision."""
    seen = version.seen
    return version.now.with_regions(*(replace(r, read=True) for r in version.now if r.number in seen))


def draft_record(version: Version) -> dict[str, Any]:
    """The record of a version as it stands, without radiomics, marked as a draft."""
    case = version.case
    report = draft_of(case.kept, version.now, case.preselected, case.known)
    report = replace(report, messages=(*report.messages, *_below(version, version.now)))
    return record_of(case.kept, report, SOFTWARE, reading_block(version))


def reading_block(version: Version, signature: Signature | None = None, when: str = "") -> dict[str, Any]:
    """What the record says about the reading."""
    number, versions = int(version.name[1:]), len(version.case.names())
    block: dict[str, Any] = {"version": number, "versions": versions, "parent": version.begin["parent"] or None}
    if signature is None:
        return {
            **block,
            "state": "draft",
            "word": "READ, NOT SIGNED" if len(version.events) > 1 else "DRAFT – NOT READ",
        }
    line = f"Signed: {signature.name} · {when} · “{signature.meaning}”"
    reason = f" · reopened: {version.begin['reason']}" if version.begin["purpose"] == "reopen" else ""
    return {
        **block,
        "state": "signed",
        "word": "SIGNED",
        "signature": line + reason,
        "impression": signature.impression,
        "answers": printed(signature.answers) + _of_suggestion(version),
        "head": version.now.head,
        "log": version.tip,
    }


def _of_suggestion(version: Version) -> list[dict[str, str | None]]:
    """What the report says of a suggestion that the reader did not have from the beginning."""
    found = suggestion.told(version.begin, version.events, version.case.kept.study.pet.geometry.voxel_ml, version.now)
    return [] if found is None else [{"name": "Suggestion", "shown": found["words"], "code": None}]


def _unseen(version: Version) -> list[int]:
    """Counted regions that were never displayed."""
    return [r.number for r in confirmed(version) if r.counted and not r.read]


def _report(version: Version) -> Report:
    case, reading, unseen = version.case, confirmed(version), _unseen(version)
    report = report_of(case.kept, reading, case.preselected)
    if unseen:
        names = ", ".join(f"L{n:02d}" for n in unseen[:6]) + (f" and {len(unseen) - 6} more" if len(unseen) > 6 else "")
        warning = Message("READ-W-UNSEEN", f"{len(unseen)} counted lesions were never displayed: {names}")
        report = replace(report, messages=(*report.messages, warning))
    return replace(report, messages=(*report.messages, *_below(version, reading)))


def _below(version: Version, reading: Reading) -> tuple[Message, ...]:
    """What was added under the threshold that the case was drawn by, where that is one SUV for all of it."""
    case, fixed = version.case, _ONE_SUV.fullmatch(version.case.kept.segmentation.threshold)
    if fixed is None:
        return ()
    start = case.start.regions
    changed = [r for r in reading if r.counted and (r.number not in start or start[r.number].voxels is not r.voxels)]
    added = np.setdiff1d(np.concatenate([r.voxels for r in changed]), case.preselected) if changed else voxel_set([])
    low = int(np.count_nonzero(~at_least(case.scene.suv.reshape(-1)[added], float(fixed[1]))))
    volume = shown.with_unit(low * case.kept.study.pet.geometry.voxel_ml, "mL")
    what = f"the lesions include {low} voxels ({volume}) below SUV {fixed[1]}, which the reader added"
    return (Message("READ-W-BELOW", what),) if low else ()


def _documents(version: Version, report: Report, made: dict[str, Any]) -> dict[str, bytes]:
    case = version.case
    as_json = canonical_json(made)
    digest, pictures = hashlib.sha256(as_json).hexdigest(), draw(report, made)
    documents = {
        "report.json": as_json,
        "report.html": page(made, pictures, None, digest).encode(),
        "report.pdf": paper(made, pictures, None, digest),
        "report.csv": table(made).encode(),
        **_masks(case.kept, report),
    }
    documents |= {"mip.png": pictures.mip.png} if pictures.mip is not None else {}
    return documents | dict(dicom_objects_again(case.folder, report, made, documents).files)


def _masks(kept: Kept, report: Report) -> Mapping[str, bytes]:
    segmentation = report.segmentation
    assert segmentation is not None
    out = [d.region for d in segmentation.decisions if not d.counted]
    labels = segmentation.candidates.labels
    removed = LesionMask(np.where(np.isin(labels, out), labels, 0), kept.study.pet.geometry, "removed")
    return {"lesions.nii.gz": to_nifti_bytes(segmentation.lesions), "removed.nii.gz": to_nifti_bytes(removed)}
