"""The one road: study in, case folder out."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lymphoscope import __version__
from lymphoscope.app import again
from lymphoscope.app.drawn import segment_drawn
from lymphoscope.app.measure import measure
from lymphoscope.app.network import Rules, card_sha256, segment_network
from lymphoscope.app.objects import dicom_objects, tracked
from lymphoscope.app.risk import foretelling, risk_record
from lymphoscope.app.segment import segment
from lymphoscope.app.settings import RunSettings, run_settings
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.measure import Report, Segmentation
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.study import Identity, Study
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.case import FRONT_FILE, canonical_json, claimed_case
from lymphoscope.io.intake import glance, load_study
from lymphoscope.io.nifti import to_nifti_bytes
from lymphoscope.render.page import page
from lymphoscope.render.paper import paper
from lymphoscope.render.pictures import Pictures, draw, orientation_picture
from lymphoscope.render.record import record, refusal_record, without_names
from lymphoscope.render.table import table
from lymphoscope.render.turntable import FRONT_SUV, Turntable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Outcome", "measure", "run", "segment"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run came to.

    Attributes:
        record: What was written as ``report.json``; its ``status`` is ``measured`` or ``refused``.
        folder: The case folder.
        report: The report, or None for a refused study.
    """

    record: Mapping[str, Any]
    folder: Path
    report: Report | None = None

    def to_frame(self) -> pd.DataFrame:
        """One row a lesion, one column a number; empty for a refused study."""
        import pandas as pd  # noqa: PLC0415

        return pd.DataFrame() if self.report is None else self.report.to_frame()


def run(
    path: str | Path,
    out: str | Path,
    settings: RunSettings | None = None,
    progress: Progress = silent,
    stamp: Mapping[str, str] | None = None,
    **words: Any,
) -> Outcome:
    """Measure one study and write its case folder.

    Args:
        path: The study: whatever `load_study` takes. It is never written to.
        out: The case folder to make.
        settings: What the run is told.
        progress: Told of every step.
        stamp: What the caller wants to find in ``run.json`` again, such as a hash of the input.
        **words: The same in the words of the command line, such as ``method="max41"`` or ``weight_kg=70``.

    Returns:
        The outcome. A study that cannot be trusted is refused: the outcome says so, and so does the folder.

    Raises:
        LymphoscopeError: ``USE-E-*`` for settings or folders that cannot be, ``IO-E-WRITE``, ``IO-E-LOCKED``.
    """
    settings = settings or run_settings(words)
    source = Path(path)
    with claimed_case(Path(out), settings.force, _inputs(source, settings)) as case:
        try:
            contents, found, report = _measured(source, settings, progress)
        except LymphoscopeError as error:
            if error.exit_status != _REFUSED:
                raise
            contents, found, report = (*_refused(source, error, settings), None)
        if stamp:
            contents["run.json"] = canonical_json({**json.loads(contents["run.json"]), **stamp})
        progress("write", 0, 1)
        folder = case.write(contents)
    return Outcome(found, folder, report)


_REFUSED = 3


def _inputs(source: Path, settings: RunSettings) -> list[Path]:
    drawn = settings.drawn.mask if settings.drawn else None
    return [source, *(p for p in (settings.load.ct, settings.load.organs, drawn) if p is not None)]


def _software(settings: RunSettings) -> dict[str, Any]:
    card = None if settings.network is None else card_sha256(settings.network)
    return {"name": "lymphoscope", "version": __version__, "git": None, "model_sha256": card}


Written = tuple[dict[str, bytes], Mapping[str, Any]]


def _measured(
    source: Path, settings: RunSettings, progress: Progress
) -> tuple[dict[str, bytes], Mapping[str, Any], Report]:
    told = None if settings.prognosis is None else foretelling(settings.prognosis)
    study = load_study(source, settings.load, progress)
    segmentation = _segmented(study, settings, progress)
    report = measure(study, segmentation, progress)
    found = tracked(record(report, _software(settings), settings.as_record()))
    if told is not None:
        found = {**found, "prognosis": risk_record(study, told, progress)}
    progress("draw", 0, 1)
    identity = study.identity if settings.identify else None
    contents = _documents(found, draw(report, found), identity)
    contents |= _images(report)
    contents[FRONT_FILE] = Turntable(study.pet).frame(0.0, FRONT_SUV)
    known = {name: found[name] for name in ("input", "series", "suv")} | {"again": again.facts(report)}
    contents["study.json"] = canonical_json(known)
    progress("write objects", 0, 1)
    objects = dicom_objects(source, settings, report, found, contents)
    contents |= objects.files
    contents["run.json"] = canonical_json(_provenance(settings) | {"left_out": objects.as_record()})
    return contents, found, report


def _segmented(study: Study, settings: RunSettings, progress: Progress) -> Segmentation:
    """The lesions: found by the method, by a network, or drawn elsewhere."""
    if settings.drawn is not None:
        return segment_drawn(study, settings.drawn, settings.connectivity, progress, settings.load.research_tracer)
    if settings.network is not None:
        rules = Rules(settings.min_volume_ml, settings.connectivity, settings.load.research_tracer)
        return segment_network(study, settings.network, rules, progress)
    return segment(
        study,
        settings.method,
        all_methods=settings.all_methods,
        min_volume_ml=settings.min_volume_ml,
        connectivity=settings.connectivity,
        research_tracer=settings.load.research_tracer,
        second_look=settings.second_look,
        progress=progress,
    )


def _refused(source: Path, error: LymphoscopeError, settings: RunSettings) -> Written:
    """The case of a refused study: the reason, the series that were looked at, and no number."""
    seen = glance(source)
    series = without_names(seen.series, seen.identities)
    found = refusal_record(error, series, software=_software(settings), settings=settings.as_record())
    contents = _documents(found, orientation_picture(seen.pet), None)
    contents["study.json"] = canonical_json({"series": found["series"]})
    contents["run.json"] = canonical_json(_provenance(settings))
    return contents, found


def _documents(found: Mapping[str, Any], pictures: Pictures, identity: Identity | None) -> dict[str, bytes]:
    """The record and what is made from it."""
    as_json = canonical_json(found)
    sha256 = hashlib.sha256(as_json).hexdigest()
    documents = {
        "report.json": as_json,
        "report.html": page(found, pictures, identity, sha256).encode(),
        "report.pdf": paper(found, pictures, identity, sha256),
        "report.csv": table(found).encode(),
    }
    return documents | ({"mip.png": pictures.mip.png} if pictures.mip is not None else {})


def _images(report: Report) -> dict[str, bytes]:
    """PET, CT and masks as NIfTI; the masks carry the numbers of the report's regions."""
    segmentation, study = report.segmentation, report.study
    if segmentation is None:
        return {}
    candidates = segmentation.candidates
    out = [d.region for d in segmentation.decisions if not d.counted]
    removed = np.where(np.isin(candidates.labels, out), candidates.labels, 0)
    images: dict[str, Volume | LesionMask] = {
        "pet.nii.gz": study.pet,
        "lesions.nii.gz": segmentation.lesions,
        "removed.nii.gz": LesionMask(removed, candidates.geometry, "removed"),
        again.ORGANS_FILE: again.organ_bits(segmentation),
    }
    if study.ct is not None:
        images["ct.nii.gz"] = study.ct
    return {name: to_nifti_bytes(image) for name, image in images.items()}


def _provenance(settings: RunSettings) -> dict[str, Any]:
    """How to get the same bytes again."""
    return {"software": _software(settings), "python": platform.python_version(), "settings": settings.as_record()}
