"""The result record: everything that is known about one study as plain data. Page, paper and table are views of it.

It names nobody: series and study are hashes, and texts that others typed are searched for the patient's name. Units are
in the keys, what is not known is None, and every string that is printed stands beside its number.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from lymphoscope.core import shown
from lymphoscope.core.codes import CODES
from lymphoscope.core.errors import LymphoscopeError, Message, Severity
from lymphoscope.core.measure import Report, Segmentation
from lymphoscope.core.study import Identity, SeriesFact, Study, SuvAudit
from lymphoscope.core.volume import Volume
from lymphoscope.render import quantities

SCHEMA = "lymphoscope/report/1"
WITHHELD = "[withheld]"

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
_ROOM_RANK = {"TRACER": 0, "SUV": 1, "FOV": 2, "SEG": 3, "GEO": 4, "D5PS": 5, "REF": 6}
"""Within a severity, what can change the TMTV comes first."""
_DRAFT = {"state": "draft", "word": "DRAFT – NOT READ", "version": 1, "versions": 1}
_REFUSED = {"state": "refused", "word": "REFUSED", "version": 1, "versions": 1}


def record(report: Report, software: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Make the record of a measured study.

    Args:
        report: What was measured.
        software: ``name``, ``version``, ``git`` and ``model_sha256``; missing ones become None.
        settings: What the numbers depend on besides the study, JSON-able.

    Returns:
        Plain data (dict, list, str, float, int, bool, None).

    Raises:
        ValueError: The report has no segmentation: a refused study has a `refusal_record`.
    """
    segmentation, study = report.segmentation, report.study
    if segmentation is None:
        raise ValueError("a report without a segmentation is a refusal: use refusal_record")
    noted = in_order(report.messages)
    made = {
        **_head("measured", _DRAFT, software, settings),
        "input": _input(study),
        "series": _series(study.series, study.identity),
        "suv": suv_record(study.suv),
        "reference": quantities.reference(report),
        "segmentation": _segmentation(segmentation),
        "lesions": quantities.lesions(report, segmentation),
        "patient": quantities.patient(report),
        "key_numbers": quantities.key_numbers(report, segmentation, noted),
        "quantities": quantities.definitions(report),
        "sensitivity": quantities.sensitivity(report, segmentation),
        "doubt": quantities.doubt(report, segmentation),
        "indices": quantities.indices(report),
        "response": {},
        "messages": [message_record(m) for m in noted],
        "audit": _audit(study.suv),
    }
    return {name: plain(part) for name, part in made.items()}


def plain(part: Any) -> Any:
    """The same as dict, list, str, int, float, bool and None; a number that is not finite is None."""
    if isinstance(part, Mapping):
        return {str(name): plain(inner) for name, inner in part.items()}
    if isinstance(part, list | tuple):
        return [plain(inner) for inner in part]
    if isinstance(part, np.generic):
        part = part.item()
    return None if isinstance(part, float) and not math.isfinite(part) else part


def refusal_record(
    error: LymphoscopeError,
    series: Sequence[SeriesFact] = (),
    *,
    software: Mapping[str, Any],
    settings: Mapping[str, Any],
    study_uid_hash: str = "",
    messages: Iterable[Message] = (),
) -> dict[str, Any]:
    """Make the record of a refused study: the reason, the remedy, what was looked at, and no number.

    Args:
        error: Why the study was refused.
        series: The series that were considered, as `without_names` gives them.
        software: As for `record`.
        settings: As for `record`.
        study_uid_hash: Hash of the study, where one could be read.
        messages: What else was noted.
    """
    refusal = message_record(error.message)
    return {
        **_head("refused", _REFUSED, software, settings),
        "input": {"study_uid_hash": study_uid_hash or None, "scanned": None, "pet": None, "ct": None},
        "series": _series(series, Identity()),
        "refusal": refusal,
        "measures": [],
        "lesions": [],
        "key_numbers": [],
        "messages": [refusal, *(message_record(m) for m in in_order(messages) if m != error.message)],
        "audit": [],
    }


def message_record(message: Message) -> dict[str, Any]:
    """A message with the catalogue's effect and remedy filled in."""
    code = CODES[message.code]
    return {
        "code": message.code,
        "severity": message.severity.value,
        "text": message.text,
        "what": message.what,
        "where": message.where,
        "effect": code.effect,
        "fix": message.fix or code.fix,
        "tags": list(message.tags),
    }


def in_order(messages: Iterable[Message]) -> list[Message]:
    """Messages, most severe first, then what bears most on the TMTV, otherwise as they came; each once."""
    last = len(_ROOM_RANK)
    return sorted(
        dict.fromkeys(messages), key=lambda m: (_RANK[m.severity], _ROOM_RANK.get(m.code.split("-")[0], last))
    )


def uid_hash(uid: str) -> str | None:
    """First 16 hex digits of the SHA-256 of a UID; None without one."""
    return hashlib.sha256(uid.encode()).hexdigest()[:16] if uid else None


def suv_record(audit: SuvAudit) -> dict[str, Any]:
    """How SUV was computed: facts used, alternatives and overrides, with the strings that are printed."""
    candidates = {
        name: {
            "time": _time(when),
            "suv_change_percent": 100.0 * difference,
            "shown": shown.change(100.0 * difference),
        }
        for name, (when, difference) in audit.candidates.items()
    }
    dose_mbq = None if audit.dose_bq is None else audit.dose_bq / 1e6
    per_kg = dose_mbq / audit.weight_kg if dose_mbq is not None and audit.weight_kg else None
    return {
        "type": "SUVbw",
        "branch": audit.branch,
        "units": audit.units or None,
        "decay_correction": audit.decay_correction or None,
        "factor_min": audit.factor_min,
        "factor_max": audit.factor_max,
        "t_ref": _time(audit.t_ref),
        "t_ref_source": audit.t_ref_source or None,
        "candidates": candidates,
        "t_inj": _time(audit.t_inj),
        "t_inj_source": audit.t_inj_source or None,
        "uptake_min": audit.uptake_min,
        "dose_bq": audit.dose_bq,
        "weight_kg": audit.weight_kg,
        "height_m": audit.height_m,
        "sex": audit.sex,
        "half_life_s": audit.half_life_s,
        "nuclide": audit.nuclide or None,
        "tracer": audit.tracer or None,
        "fdg": audit.fdg,
        "multipliers": dict(audit.multipliers),
        "overrides": list(audit.overrides),
        "shown": {
            "uptake_min": shown.with_unit(audit.uptake_min, "min", cutoffs=quantities.UPTAKE_LIMITS),
            "dose_mbq": shown.with_unit(dose_mbq, "MBq"),
            "activity_mbq_per_kg": shown.with_unit(per_kg, "MBq/kg", cutoffs=quantities.ACTIVITY_LIMITS),
            "weight_kg": shown.with_unit(audit.weight_kg, "kg"),
            "height_m": shown.with_unit(audit.height_m, "m"),
        },
        "near": [
            f"uptake within 5 % of {limit.name}"
            for limit in quantities.UPTAKE_LIMITS
            if audit.uptake_min is not None and limit.near(audit.uptake_min)
        ],
    }


def _head(
    status: str, reading: Mapping[str, Any], software: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    known = {"name": "lymphoscope", "version": None, "git": None, "model_sha256": None}
    written = json.dumps(dict(settings), sort_keys=True, ensure_ascii=False, default=str)
    return {
        "schema": SCHEMA,
        "status": status,
        "reading": dict(reading),
        "software": {**known, **software},
        "settings": json.loads(written),
        "settings_sha256": hashlib.sha256(written.encode()).hexdigest(),
    }


def _input(study: Study) -> dict[str, Any]:
    roles = {fact.role: fact for fact in study.series if fact.role}
    scanner = {name: _scrubbed(text, study.identity) for name, text in study.scanner.items()}
    pet = _image(study.pet, roles.get("pet"))
    pet |= {"manufacturer": None, "model": None, **scanner}
    ct = None if study.ct is None else _image(study.ct, roles.get("ct"))
    return {"study_uid_hash": study.uid_hash or None, "scanned": _time(study.scanned), "pet": pet, "ct": ct}


def _image(volume: Volume, fact: SeriesFact | None) -> dict[str, Any]:
    grid = volume.geometry
    millimetres = " × ".join(shown.number(s, "m") for s in reversed(grid.spacing))
    return {
        "series_uid_hash": uid_hash(fact.uid) if fact else None,
        "n": fact.count if fact else None,
        "shape_zyx": list(grid.shape),
        "spacing_zyx_mm": list(grid.spacing),
        "voxel_ml": grid.voxel_ml,
        "affine_zyx_to_lps_mm": grid.affine.tolist(),
        "unit": volume.unit.value,
        "shown": {
            "voxel_mm": f"{millimetres} mm",
            "shape": " × ".join(str(n) for n in reversed(grid.shape)),
        },
    }


def _series(facts: Iterable[SeriesFact], identity: Identity) -> list[dict[str, Any]]:
    return [
        {
            "series_uid_hash": uid_hash(fact.uid),
            "modality": fact.modality,
            "description": _scrubbed(fact.description, identity),
            "n": fact.count,
            "role": fact.role or None,
            "why": fact.why,
            "code": fact.code or None,
        }
        for fact in facts
    ]


def without_names(facts: Iterable[SeriesFact], identities: Sequence[Identity]) -> tuple[SeriesFact, ...]:
    """The same series, nobody named in what was typed at the scanner; for a refused study, which is no `Study`."""
    return tuple(replace(fact, description=_scrubbed(fact.description, *identities)) for fact in facts)


def _scrubbed(text: str, *identities: Identity) -> str:
    """A text that a person typed at the scanner, without the patient's name or numbers."""
    words = {word for one in identities for word in re.split(r"[\^=\s,]+", one.name) if len(word) > 1}
    numbers = {n for one in identities for n in (one.patient_id, one.accession, one.birth_date) if len(n) > 2}
    for secret in sorted(words | numbers, key=lambda s: (-len(s), s)):
        text = re.sub(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", WITHHELD, text, flags=re.IGNORECASE)
    return text


def _segmentation(segmentation: Segmentation) -> dict[str, Any]:
    out = [d for d in segmentation.decisions if not d.counted]
    removed = [d for d in out if not d.doubtful]
    threshold = quantities.fixed_threshold(segmentation)
    apart = [d for d in removed if d.organ in ("marrow", "spleen")]
    return {
        "method": segmentation.method,
        "threshold": segmentation.threshold,
        "threshold_suv": None if threshold is None else threshold.at,
        "min_volume_ml": segmentation.min_volume_ml,
        "connectivity": segmentation.connectivity,
        "stages": quantities.stages(segmentation),
        "second_look": None if segmentation.looked is None else vars(segmentation.looked),
        "n_candidates": len(segmentation.decisions),
        "removed": [quantities.excluded(d) for d in sorted(out, key=lambda d: (-d.volume_ml, d.region))],
        "removed_total": _total(removed),
        "removed_marrow_spleen": _total(apart),
        "removed_other": _total([d for d in removed if d not in apart]),
        "lesions_sha256": segmentation.lesions.sha256,
        "candidates_sha256": segmentation.candidates.sha256,
    }


def _total(decisions: Sequence[Any]) -> dict[str, Any]:
    volume = float(sum(d.volume_ml for d in decisions))
    text = shown.number(volume, "mL", detail=True)
    return {
        "n": len(decisions),
        "volume_ml": volume,
        "shown": {"volume_ml": text, "page_1": shown.with_unit(volume, "mL")},
    }


def _audit(audit: SuvAudit) -> list[dict[str, Any]]:
    return [{"actor": "user", "time": None, "action": f"override {override}"} for override in audit.overrides]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
