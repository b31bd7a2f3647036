"""From a segmented study to its report: every number, the references they rest on, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lymphoscope.app.references import References
from lymphoscope.core.body import DEFAULT_LEAN_MASS
from lymphoscope.core.errors import Message, Severity
from lymphoscope.core.measure import Decision, Finding, Measures, Report, Segmentation
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.study import Study
from lymphoscope.core.volume import LesionMask
from lymphoscope.image.projections import layout
from lymphoscope.quant.catalogue import measured
from lymphoscope.quant.grey_levels import TextureSettings
from lymphoscope.quant.lesions import LesionOptions, lesion_messages, measure_lesions, patient_measures
from lymphoscope.quant.reference import ReferenceOrgan
from lymphoscope.quant.response import Uptake, response_aids

DRAWN = "drawn"
"""Rule of regions that were drawn elsewhere, and the status of their lesions."""

TEXTURE = TextureSettings()
"""How texture is taken."""

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass
class Known:
    """What was measured in a study before, so that after an edit only what it touched is measured again.

    Attributes:
        lesions: Numbers by all that they depend on.
        organs: Reference organs, likewise.
        candidates: The last candidate mask, by what a reading knows it by.
    """

    lesions: dict[str, Measures] = field(default_factory=dict)
    organs: dict[str, tuple[Any, str, ReferenceOrgan]] = field(default_factory=dict)
    candidates: dict[str, LesionMask] = field(default_factory=dict)


def measure(
    study: Study,
    segmentation: Segmentation,
    progress: Progress = silent,
    known: Known | None = None,
    texture: TextureSettings | None = TEXTURE,
) -> Report:
    """Measure the lesions of a study.

    Args:
        study: The study, PET in SUVbw.
        segmentation: Its lesions, as `lymphoscope.segment` gives them.
        progress: Told of each lesion.
        known: What was measured in this study before; the same numbers come out with and without it.
        texture: Settings of texture; None leaves radiomics out, most of the time, and changes no other number.

    Returns:
        The report: numbers of lesions and patient with unit, method and status, references, messages.

    Raises:
        LymphoscopeError: ``SUV-E-NONFINITE`` for lesions with values that are not finite.
    """
    references = References.beside(study.pet, segmentation, known.organs if known else None)
    liver = references.organs["liver"].measures.value("mean") if "liver" in references.organs else None
    lean = study.suv.multipliers.get(DEFAULT_LEAN_MASS)
    options = LesionOptions(lean=lean, liver_mean=liver, texture=texture)
    numbers = measure_lesions(study.pet, segmentation.lesions, options, progress, known.lesions if known else None)
    found = {name: organ.measures for name, organ in references.organs.items()}
    patient = patient_measures(study.pet, segmentation.lesions, numbers, study.patient, found)
    indices, aid_messages = response_aids(Uptake.of(patient, segmentation.new_lesion), found)
    messages = (
        *study.messages,
        *segmentation.messages,
        *references.messages,
        *lesion_messages(numbers),
        *aid_messages,
        *_doubts(segmentation),
        *_cut(segmentation),
    )
    return Report(
        study=study,
        segmentation=segmentation,
        findings=tuple(_finding(number, m, segmentation) for number, m in enumerate(numbers, start=1)),
        patient=patient,
        reference=found,
        sensitivity=_sensitivity(study, segmentation),
        indices=indices,
        messages=tuple(sorted(dict.fromkeys(messages), key=lambda m: _RANK[m.severity])),
    )


def _finding(number: int, measures: Measures, segmentation: Segmentation) -> Finding:
    region = segmentation.candidate_of(number)
    decision = segmentation.decision_of(region)
    settled = "drawn" if decision.rule == DRAWN else "ai-only"
    status = "doubtful" if decision.doubtful else "confirmed" if decision.read else settled
    return Finding(number, region, measures, status, decision.site, decision.why if decision.doubtful else "")


def _doubts(segmentation: Segmentation) -> tuple[Message, ...]:
    doubtful = [d for d in segmentation.decisions if d.doubtful]
    if not doubtful:
        return ()
    counted = sum(d.counted for d in doubtful)
    head = "1 region needs" if len(doubtful) == 1 else f"{len(doubtful)} regions need"
    names = ", ".join(_named(d) for d in doubtful[:6]) + (f" and {len(doubtful) - 6} more" if len(doubtful) > 6 else "")
    what = f"{head} a reader ({counted} counted, {len(doubtful) - counted} not): {names}"
    return (Message("SEG-W-DOUBTFUL", what),)


def _cut(segmentation: Segmentation) -> tuple[Message, ...]:
    """Say which lesions touch the first or last slice along the body: they may go on beyond it."""
    axis = layout(segmentation.lesions.geometry).order[0]
    ends = np.take(segmentation.lesions.labels, (0, -1), axis=axis)
    touching = [segmentation.candidate_of(int(n)) for n in np.unique(ends[ends > 0])]
    if not touching:
        return ()
    names = " and ".join(f"L{n:02d}" for n in sorted(touching))
    verb = "touches" if len(touching) == 1 else "touch"
    return (Message("FOV-W-CUT", f"{names} {verb} the end of the field of view"),)


def _named(decision: Decision) -> str:
    return f"L{decision.region:02d} {decision.volume_ml:.1f} mL{f' ({decision.organ})' if decision.organ else ''}"


def _sensitivity(study: Study, segmentation: Segmentation) -> Mapping[str, Measures]:
    return {name: _burden(study, mask) for name, mask in segmentation.alternatives.items()}


def _burden(study: Study, mask: LesionMask) -> Measures:
    """Number of lesions, volume and glycolysis by another method."""
    suv = study.pet.array[mask.foreground]
    numbers = {
        "n_lesions": len(np.unique(mask.labels[mask.foreground])),
        "tmtv_ml": mask.volume_ml,
        "tlg_g": float(suv.sum(dtype=float)) * mask.geometry.voxel_ml,
    }
    return Measures(tuple(measured(name, value, mask.source) for name, value in numbers.items()))
