"""Lesions by a network: it proposes, the rules for normal uptake verify, and where they differ a reader decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lymphoscope.app.doubt import SPREAD, beside_practice, beside_training, spread_ml, unlike
from lymphoscope.app.fitness import check_organs, require_fit
from lymphoscope.app.models.store import Store
from lymphoscope.app.references import References
from lymphoscope.app.segment import PRESELECTION_SUV, ct_on_pet, known_organs, stages
from lymphoscope.app.settings import NetworkChoice
from lymphoscope.core.errors import Notes
from lymphoscope.core.measure import Decision, Doubt, Likeness, Segmentation
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.study import Study
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.anatomy import find_anatomy
from lymphoscope.image.components import by_volume, components
from lymphoscope.image.physiology import Judged, judge
from lymphoscope.image.resample import ct_on

if TYPE_CHECKING:
    from lymphoscope.learn.foreign.predictor import ForeignPrediction

NETWORK = "network"
"""Method and actor of lesions that a network drew."""

SURE = 0.7
"""Mean probability below which a reader is asked: a lesion of which a third of the mass is undecided."""
AGREED = 0.5
"""Share of a lesion that lies in uptake which the rules removed, from which a reader is asked."""
SEEN = 0.1
"""Share of a region that the network must have drawn for it to count as seen."""


@dataclass(frozen=True)
class Rules:
    """What the rules beside a network are told.

    Attributes:
        min_volume_ml: Smallest region of theirs, mL.
        connectivity: 6, 18 or 26.
        research_tracer: Go on with another tracer than FDG.
    """

    min_volume_ml: float = 3.0
    connectivity: int = 18
    research_tracer: bool = False


@dataclass(frozen=True, eq=False)
class _Said:
    """What a network said of a study.

    Attributes:
        labels: Its lesions, numbered by volume, (z, y, x).
        probability: Of a lesion, (z, y, x).
        volumes_ml: TMTV by each of its networks alone and the like, mL, by how.
        likeness: The study beside its training.
        gives_up: What of its own way was not computed, in words.
    """

    labels: NDArray[np.int32]
    probability: NDArray[np.float32]
    volumes_ml: Mapping[str, float]
    likeness: tuple[Likeness, ...] = ()
    gives_up: str = ""


def segment_network(
    study: Study, choice: NetworkChoice, rules: Rules | None = None, progress: Progress = silent
) -> Segmentation:
    """Find the lesions of a study by a stored model.

    Each connected part of the network's mask is a candidate. It counts, and a reader is asked about it where its mean
    probability is low or the rules take it for physiological uptake; a reader is also asked about hot regions that
    the rules would count and the network does not see, which do not count.

    Args:
        study: The study, PET in SUVbw.
        choice: The model and how much of it is computed.
        rules: What the rules are told.
        progress: Hears of every window.

    Raises:
        LymphoscopeError: ``TRACER-E-NOTFDG`` or ``GEO-E-ALIGN`` as for every method, ``USE-E-NAME`` for an unknown
            model or budget, ``DATA-E-MISSING`` when the model reads a CT and there is none, ``MODEL-E-*`` for a
            damaged one.
    """
    rules = rules or Rules()
    pet, notes = study.pet, Notes(list(require_fit(study, rules.research_tracer)))
    said = _ask(study, choice, rules, progress)
    progress("find organs", 0, 1)
    anatomy = find_anatomy(pet, known_organs(study, notes))
    notes.items.extend(check_organs(study, anatomy.regions))
    progress("judge regions", 0, 1)
    hot = pet.values(Unit.SUV_BW) >= PRESELECTION_SUV
    judged = judge(pet, hot, anatomy, ct_on_pet(study), (rules.min_volume_ml, rules.connectivity))
    candidates, decisions = _weighed(said, judged, pet)
    counted = [d.region for d in decisions if d.counted]
    lesions = LesionMask(by_volume(np.where(np.isin(candidates, counted), candidates, 0)), pet.geometry, NETWORK)
    liver = References.of(pet, anatomy.regions, anatomy.source, lesions).levels.get("liver")
    doubt = _doubt(said, study, None if liver is None else liver.mean)
    _tell(choice, doubt, lesions, notes)
    return Segmentation(
        lesions=lesions,
        candidates=LesionMask(candidates, pet.geometry, "candidates"),
        decisions=decisions,
        method=NETWORK,
        threshold=f"as drawn by {choice.name} (budget {choice.budget})",
        min_volume_ml=0.0,
        connectivity=rules.connectivity,
        stages=stages(decisions),
        alternatives=MappingProxyType(_others(said, judged, lesions, rules.connectivity)),
        organs=anatomy.regions,
        organs_source=anatomy.source,
        messages=tuple(notes),
        doubt=doubt,
    )


def _ask(study: Study, choice: NetworkChoice, rules: Rules, progress: Progress) -> _Said:
    """What the models say together: a lesion is what any of them draws."""
    from lymphoscope.learn.foreign.domain import domain_of  # noqa: PLC0415 - slow to load, and only for networks
    from lymphoscope.learn.foreign.plans import read_json  # noqa: PLC0415
    from lymphoscope.learn.foreign.predictor import predict  # noqa: PLC0415
    from lymphoscope.learn.foreign.stored import budget_named, open_stored  # noqa: PLC0415

    budget = budget_named(choice.budget)
    volumes = {"pet:suv": study.pet}
    if study.ct is not None:
        volumes["ct:hu"] = ct_on(study.ct, study.pet.geometry)
    drawn = np.zeros(study.pet.array.shape, bool)
    probability = np.zeros(drawn.shape, np.float32)
    volumes_ml: dict[str, float] = {}
    likeness: list[Likeness] = []
    for name, folder in [(name, Store(choice.store).folder(name)) for name in choice.names]:
        model = open_stored(folder, budget, choice.device)
        found = predict(model, volumes, budget.effort, progress)
        drawn |= found.labels.array > 0
        np.maximum(probability, found.lesion.array, out=probability)
        volumes_ml |= _ways(name, found, len(choice.names) > 1)
        domain = domain_of(read_json(folder / "plans.json"), model.plan.transpose, model.roles)
        likeness += beside_training(name, domain, volumes, found.classes.array > 0)
    return _Said(components(drawn, rules.connectivity), probability, volumes_ml, tuple(likeness), budget.gives_up)


def _ways(name: str, found: ForeignPrediction, several: bool) -> dict[str, float]:
    """TMTV by a model's networks each alone, and by all without mirroring, where that says something."""
    told = {f"{name}, network {n} alone": ml for n, ml in enumerate(found.volumes_ml, start=1)}
    if len(told) == 1:
        told = {f"{name} alone": ml for ml in told.values()} if several else {}
    return told if found.unmirrored_ml is None else told | {f"{name} without mirroring": found.unmirrored_ml}


def _weighed(said: _Said, judged: Judged, pet: Volume) -> tuple[NDArray[np.int32], tuple[Decision, ...]]:
    """Candidates of the network and of the rules in one numbering, each with what becomes of it."""
    labels = said.labels
    count = int(labels.max(initial=0))
    decisions = [_of_network(number, said, judged, pet) for number in range(1, count + 1)]
    candidates = np.array(labels)
    for decision, inside in _of_rules(judged, labels):
        count += 1
        candidates[inside] = count
        volume = float(np.count_nonzero(inside)) * pet.geometry.voxel_ml
        decisions.append(replace(decision, region=count, volume_ml=volume, suvmax=float(pet.array[inside].max())))
    return candidates, tuple(decisions)


def _of_network(number: int, said: _Said, judged: Judged, pet: Volume) -> Decision:
    """What becomes of one lesion of the network."""
    inside = said.labels == number
    probability = float(said.probability[inside].mean(dtype=float))
    regions = Counter(judged.candidates.labels[inside].tolist())
    against = [d for d in judged.decisions if not d.counted and regions.get(d.region)]
    voxels = int(np.count_nonzero(inside))
    share = sum(regions[d.region] for d in against) / voxels
    organ, action, rule, why = "", "include", NETWORK, f"drawn by the network, probability {probability:.2f}"
    if share >= AGREED:
        most = max(against, key=lambda d: regions[d.region])
        organ, action, rule = most.organ, "doubt-in", "network against rules"
        why = f"the network sees a lesion (probability {probability:.2f}); the rules say: {most.why}"
    elif probability < SURE:
        action, rule, why = "doubt-in", "network unsure", f"the network is not sure (probability {probability:.2f})"
    return Decision(
        region=number, action=action, stage=0, organ=organ, overlap=round(share, 3) if against else None,
        volume_ml=voxels * pet.geometry.voxel_ml, suvmax=float(pet.array[inside].max()), rule=rule, why=why,
        actor=NETWORK, probability=round(probability, 4),
    )  # fmt: skip


def _of_rules(judged: Judged, network: NDArray[np.int32]) -> Iterator[tuple[Decision, NDArray[np.bool_]]]:
    """Regions of the rules that the network does not draw: removed ones stay removed, counted ones are asked about."""
    for decision in judged.decisions:
        region = judged.candidates.labels == decision.region
        rest = region & (network == 0)
        share = 1.0 - np.count_nonzero(rest) / np.count_nonzero(region)
        if not decision.counted and share < AGREED:
            yield decision, rest
        elif decision.counted and share < SEEN:
            why = "hot enough for a lesion and nothing else is known of it; the network does not see one"
            yield replace(decision, action="doubt-out", stage=1, rule="rules against network", why=why), rest


def _others(said: _Said, judged: Judged, lesions: LesionMask, connectivity: int) -> dict[str, LesionMask]:
    """The lesions by other probabilities, and by the rules alone."""
    grid = lesions.geometry
    found = {NETWORK: lesions}
    for limit in SPREAD:
        name = f"network p ≥ {limit}"
        found[name] = LesionMask(components(said.probability >= limit, connectivity), grid, name)
    counted = [d.region for d in judged.decisions if d.counted]
    alone = by_volume(np.where(np.isin(judged.candidates.labels, counted), judged.candidates.labels, 0))
    found["suv4.0"] = LesionMask(alone, grid, "suv4.0")
    return found


def _doubt(said: _Said, study: Study, liver_suv: float | None) -> Doubt:
    spread = spread_ml(said.probability, study.pet.geometry.voxel_ml)
    return Doubt({**spread, **said.volumes_ml}, (*said.likeness, *beside_practice(study, liver_suv)), said.gives_up)


def _tell(choice: NetworkChoice, doubt: Doubt, lesions: LesionMask, notes: Notes) -> None:
    volumes = (lesions.volume_ml, *doubt.volumes_ml.values())
    over = f"probabilities {SPREAD[0]} to {SPREAD[1]}"
    further = len(doubt.volumes_ml) - len(SPREAD)
    over += f" and {further} further ways" if further else ""
    who = f"the model {choice.name}" if len(choice.names) == 1 else f"the models {' and '.join(choice.names)}"
    what = f"{who} drew the lesions; TMTV is {min(volumes):.0f}–{max(volumes):.0f} mL over {over}"
    notes.add("SEG-W-NETWORK", what)
    if strange := unlike(doubt.likeness):
        notes.add("SEG-W-DOMAIN", strange)


def card_sha256(choice: NetworkChoice) -> str:
    """Hash of the cards of the models, which hold the hashes of all their files.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for an unknown model.
    """
    cards = [(Store(choice.store).folder(name) / "model.json").read_bytes() for name in choice.names]
    return sha256(b"".join(cards)).hexdigest()
