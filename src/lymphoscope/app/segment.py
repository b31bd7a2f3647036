"""From a study to its lesions: hot regions, what is physiological among them, and the method's outline of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from lymphoscope.app.fitness import check_organs, require_fit
from lymphoscope.app.references import References
from lymphoscope.app.second_look import look_again
from lymphoscope.core.body import DEFAULT_LEAN_MASS
from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.measure import Decision, Segmentation
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.study import Study
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, LesionMask, Volume
from lymphoscope.image.anatomy import Anatomy, find_anatomy
from lymphoscope.image.components import by_volume
from lymphoscope.image.delineation import Context
from lymphoscope.image.physiology import Judged, judge
from lymphoscope.image.resample import covered, ct_on, labels_on
from lymphoscope.recipes.classical import METHODS
from lymphoscope.recipes.shelf import apply

PRESELECTION_SUV = 4.0
"""Threshold of the international benchmark's preselection (Boellaard 2024); every method starts from its regions."""


def segment(  # noqa: PLR0913 - the words of a user
    study: Study,
    method: str = "suv4.0",
    *,
    all_methods: bool = False,
    min_volume_ml: float = 3.0,
    connectivity: int = 18,
    research_tracer: bool = False,
    second_look: bool = True,
    progress: Progress = silent,
) -> Segmentation:
    """Find the lesions of a study.

    Regions of SUV ≥ 4.0 and at least `min_volume_ml` are preselected; physiological uptake is removed by rules, each
    removal a record; the network that comes with the program looks at each decision, decides where the rules doubt and
    it is sure, and a reader is asked wherever it differs; the method outlines what counts.

    Args:
        study: The study, PET in SUVbw.
        method: Method id, such as ``suv4.0`` or ``max41``.
        all_methods: Outline by every method beside it.
        min_volume_ml: Smallest preselected region, mL.
        connectivity: 6, 18 or 26.
        research_tracer: Go on with another tracer than FDG, marked on every output.
        second_look: Let the network look; without it the rules decide alone.
        progress: Told as ``find organs``, ``judge regions`` and ``outline lesions``.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for an unknown method, ``TRACER-E-NOTFDG`` for another tracer,
            ``GEO-E-ALIGN`` when PET and CT do not show the same body, ``SEG-E-REFERENCE`` when the method needs an
            organ that was not found.
    """
    recipe = METHODS[method]
    pet, notes = study.pet, Notes(list(require_fit(study, research_tracer)))
    progress("find organs", 0, 1)
    anatomy = find_anatomy(pet, known_organs(study, notes))
    notes.items.extend(check_organs(study, anatomy.regions))
    progress("judge regions", 0, 1)
    hot = pet.values(Unit.SUV_BW) >= PRESELECTION_SUV
    judged = judge(pet, hot, anatomy, ct_on_pet(study), (min_volume_ml, connectivity))
    judged, looked = look_again(study, judged, notes, progress) if second_look else (judged, None)
    context = _context(study, anatomy, judged, connectivity)
    progress("outline lesions", 0, 1)
    main = apply(recipe, context)
    notes.items.extend(main.messages)
    others = _alternatives(context, notes) if all_methods else {}
    _note_decisions(judged.decisions, notes)
    return Segmentation(
        lesions=LesionMask(by_volume(main.labels), pet.geometry, recipe.id),
        candidates=judged.candidates,
        decisions=judged.decisions,
        method=recipe.id,
        threshold=main.words,
        min_volume_ml=min_volume_ml,
        connectivity=connectivity,
        stages=stages(judged.decisions),
        alternatives=MappingProxyType(others),
        organs=anatomy.regions,
        organs_source=anatomy.source,
        messages=tuple(notes),
        looked=looked,
    )


def stages(decisions: Sequence[Decision]) -> dict[str, float]:
    """Volumes TMTV1–TMTV4 of the benchmark workflow, mL.

    TMTV1: whole physiological regions removed; TMTV2: diffuse marrow and spleen removed; TMTV3: organs cut from
    lesions they touch; TMTV4: regions added by a reader (none before one has read).

    Reference: Boellaard 2024, JNM 65:1343.
    """
    counted = sum(d.volume_ml for d in decisions if d.counted)
    cut = sum(d.volume_ml for d in decisions if not d.counted and d.stage == 3)
    diffuse = sum(d.volume_ml for d in decisions if not d.counted and d.stage == 2)
    return {"TMTV1": counted + cut + diffuse, "TMTV2": counted + cut, "TMTV3": counted, "TMTV4": counted}


def ct_on_pet(study: Study) -> Volume | None:
    """The CT on the PET grid; not a number where it does not reach, so that no rule takes what is not there for air."""
    if study.ct is None:
        return None
    ct, reached = ct_on(study.ct, study.pet.geometry), covered(study.ct.geometry, study.pet.geometry)
    return ct if reached.all() else ct.with_array(np.where(reached, ct.array, np.float32(np.nan)))


def known_organs(study: Study, notes: Notes) -> Mapping[str, Array]:
    """The user's organ masks on the PET grid, by name; labels of one organ are joined."""
    if study.organs is None:
        notes.add("SEG-W-NOORGANS", "no organ masks were given")
        return {}
    labels, messages = labels_on(study.organs.mask, study.pet.geometry)
    notes.items.extend(messages)
    regions: dict[str, Array] = {}
    for label, name in study.organs.names.items():
        region = labels.labels == label
        regions[name] = regions[name] | region if name in regions else region
    return regions


def _context(study: Study, anatomy: Anatomy, judged: Judged, connectivity: int) -> Context:
    """Seeds and rivals: counted regions are outlined, removed ones and organs compete for the voxels around."""
    labels = judged.candidates.labels
    number = np.zeros(int(labels.max(initial=0)) + 1, dtype=np.int32)
    counted = [d.region for d in judged.decisions if d.counted]
    number[counted] = np.arange(1, len(counted) + 1)
    seeds = LesionMask(number[labels], study.pet.geometry, "preselection")
    rivals = (labels > 0) & (seeds.labels == 0)
    for name in ("brain", "heart", "kidneys", "bladder", "liver"):
        organ = anatomy.regions.get(name)
        if organ is not None and not (organ & seeds.foreground).any():  # a lesion of the organ may grow in it
            rivals |= organ
    found = References.of(study.pet, anatomy.regions, anatomy.source, seeds)
    lean = study.suv.multipliers.get(DEFAULT_LEAN_MASS)
    return Context(study.pet, seeds, rivals, found.levels, connectivity, sul_factor=lean)


def _alternatives(context: Context, notes: Notes) -> dict[str, LesionMask]:
    """The lesions by every method whose reference organ was found, from the same seeds."""
    masks: dict[str, LesionMask] = {}
    for name in METHODS:
        try:
            drawn = apply(METHODS[name], context)
        except LymphoscopeError as error:
            if error.code != "SEG-E-REFERENCE":
                raise
            notes.add("SEG-W-REFERENCE", f"{name} was left out: {error.message.what}")
        else:
            masks[name] = drawn.to_mask(context.geometry, name)
    return masks


def _note_decisions(decisions: Sequence[Decision], notes: Notes) -> None:
    for decision in decisions:
        name, volume = f"L{decision.region:02d}", f"{decision.volume_ml:.0f} mL"
        if decision.organ == "marrow":
            notes.add("SEG-W-DIFFUSE-MARROW", f"diffuse marrow uptake of {volume} ({name}) was excluded")
        elif decision.organ == "injection_site":
            notes.add("SEG-W-EXTRAVASATION", f"very hot uptake in an arm ({name}, SUVmax {decision.suvmax:.0f})")
        elif decision.stage == 3 and not decision.counted:
            notes.add("SEG-W-CUT", f"{name} ({volume}) was cut off a lesion as part of the {decision.organ}")
        elif decision.action == "doubt-in" and decision.organ in _CONFLICTS:
            notes.add("SEG-W-ORGAN-CONFLICT", f"{name} ({volume}) overlaps the {decision.organ}")


_CONFLICTS = ("heart", "kidneys", "stomach", "prostate")
