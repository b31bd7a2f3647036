"""One case: a prediction beside its reference becomes a row of numbers and a row a lesion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.geometry import Geometry, require_same
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.evaluate.boxes import Boxes, box_giou, box_iou, centre_in_box, lesion_boxes, voxels_in
from lymphoscope.evaluate.calibration import Reliability
from lymphoscope.evaluate.catalogue import levelled
from lymphoscope.evaluate.detection import Candidates
from lymphoscope.evaluate.matching import (
    IOU_LEVELS,
    Detection,
    Labels,
    Overlaps,
    any_overlap,
    hottest_voxel,
    one_to_one,
    panoptic_quality,
)
from lymphoscope.evaluate.overlap import Confusion, Mask, dice_with_empty_as_one, probability_error
from lymphoscope.evaluate.size import BY_SHORT_AXIS, BY_VOLUME, Strata, short_axis_mm
from lymphoscope.evaluate.surface import TOLERANCE_MM, surface_distances
from lymphoscope.image.components import by_volume, component_boxes, components
from lymphoscope.image.crop import Box, bounding_box
from lymphoscope.io.boxes import ScoredBoxes
from lymphoscope.io.warn import BODY_SUV

COMPONENT, SEGMENT = "component", "segment"
BOTH, NONE, MISSED, FALSE_ALARM = "both", "none", "missed", "false alarm"
KINDS = (BOTH, MISSED, FALSE_ALARM, NONE)
"""Whether reference and prediction hold anything."""

_LEAST_PROBABILITY = 0.01
Value = float | int | str | None


@dataclass(frozen=True)
class EvaluationSettings:
    """What the numbers of a case depend on.

    Attributes:
        lesion: What is one lesion: a connected ``component`` of the foreground, or a ``segment`` (a label number).
        connectivity: Of components: 6, 18 or 26.
        label: The label that is evaluated; every label above 0 when None.
        tolerance_mm: Of NSD and boundary F1.
        strata: Classes of lesion volume.
    """

    lesion: str = COMPONENT
    connectivity: int = 18
    label: int | None = None
    tolerance_mm: float = TOLERANCE_MM
    strata: Strata = BY_VOLUME


@dataclass(frozen=True, eq=False)
class Pair:
    """What is known of one case.

    Attributes:
        case: Its name.
        prediction: Label map.
        reference: Label map on the same grid.
        probability: Probability map of the prediction, or None.
        pet: PET in SUV, or None.
        boxes: Scored boxes that stand for the predicted lesions where detection is judged by scores, or None.
    """

    case: str
    prediction: LesionMask
    reference: LesionMask
    probability: Volume | None = None
    pet: Volume | None = None
    boxes: ScoredBoxes | None = None


@dataclass(frozen=True, eq=False)
class CaseResult:
    """The numbers of one case.

    Attributes:
        case: Its name.
        kind: One of `KINDS`.
        counts: Voxels.
        numbers: By the names of `lymphoscope.evaluate.catalogue.METRICS`; None where not defined.
        diagonal_mm: Diagonal of the image, mm: stands for a distance to nothing where systems are compared.
        lesions: One row a lesion of either side.
        detections: Lesions found and true by criterion: ``c1``, ``c2_10``, ``c2_25``, ``c2_50``, ``c3``.
        candidates: Predicted lesions with scores by the rule of a hit: ``iou_10``, ``iou_25``, ``iou_50``,
            ``any_overlap``, ``centre_in_box``; empty without probability map and boxes. Of boxes the IoU is that with
            the box round a lesion, and one overlaps a lesion of which it holds the middle of a voxel.
        reliability: Of voxels; None without probability map.
    """

    case: str
    kind: str
    counts: Confusion
    numbers: Mapping[str, float | int | None]
    diagonal_mm: float
    lesions: tuple[Mapping[str, Value], ...] = ()
    detections: Mapping[str, Detection] = field(default_factory=dict)
    candidates: Mapping[str, Candidates] = field(default_factory=dict)
    reliability: Reliability | None = None


def evaluate_case(pair: Pair, settings: EvaluationSettings | None = None) -> CaseResult:
    """Compute everything about one case.

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID`` when the grids differ.
    """
    settings = settings or EvaluationSettings()
    for image, what in ((pair.prediction, "prediction"), (pair.probability, "probability map"), (pair.pet, "PET")):
        if image is not None:
            require_same(pair.reference.geometry, image.geometry, f"reference and {what}")
    scene = _Scene.of(pair, settings)
    numbers = {
        **_voxels(scene.counts), **_surfaces(scene, settings.tolerance_mm), **_volumes(scene), **_lesions(scene),
    }  # fmt: skip
    reliability = None
    if pair.probability is not None:
        reliability = _reliability(pair.probability.array, scene.whole_reference)
        numbers |= _probabilities(pair, scene, reliability)
    shape, spacing = np.array(pair.reference.geometry.shape), np.array(pair.reference.geometry.spacing)
    return CaseResult(
        pair.case, _kind(scene.counts), scene.counts, numbers, float(np.linalg.norm(shape * spacing)),
        tuple(_lesion_rows(pair.case, scene)), scene.detections, scene.candidates, reliability,
    )  # fmt: skip


def _kind(counts: Confusion) -> str:
    if counts.n_ref:
        return BOTH if counts.n_pred else MISSED
    return FALSE_ALARM if counts.n_pred else NONE


@dataclass(frozen=True, eq=False)
class _Scene:
    """Both masks inside the box round them, and what several numbers need."""

    prediction: Labels
    reference: Labels
    whole_reference: Mask
    geometry: Geometry
    box: Box
    outside: int
    probability: NDArray[Any] | None
    suv: NDArray[Any] | None
    strata: Strata
    given: ScoredBoxes | None

    @classmethod
    def of(cls, pair: Pair, settings: EvaluationSettings) -> _Scene:
        masks = [_chosen(mask.labels, settings.label) for mask in (pair.prediction, pair.reference)]
        geometry = pair.reference.geometry
        box = bounding_box(masks[0] | masks[1]) or (slice(0, 1),) * 3
        labels = [
            components(mask[box], settings.connectivity)
            if settings.lesion == COMPONENT
            else by_volume(np.where(mask[box], source.labels[box], 0))
            for mask, source in zip(masks, (pair.prediction, pair.reference), strict=True)
        ]
        inside = labels[0].size
        return cls(
            labels[0], labels[1], masks[1], geometry, box, masks[0].size - inside,
            None if pair.probability is None else pair.probability.array[box],
            None if pair.pet is None else pair.pet.array[box],
            settings.strata,
            pair.boxes,
        )  # fmt: skip

    @cached_property
    def counts(self) -> Confusion:
        inside = Confusion.of(self.prediction > 0, self.reference > 0)
        return inside + Confusion(0, 0, 0, self.outside)

    @cached_property
    def overlaps(self) -> Overlaps:
        return Overlaps.of(self.prediction, self.reference)

    @cached_property
    def detections(self) -> dict[str, Detection]:
        found = {"c1": any_overlap(self.overlaps)}
        found |= {levelled("c2", level): one_to_one(self.overlaps, level) for level in IOU_LEVELS}
        if self.suv is not None:
            found["c3"] = hottest_voxel(self.prediction, self.reference, self.suv)
        return found

    @cached_property
    def candidates(self) -> dict[str, Candidates]:
        if self.given is not None:
            return self._of_boxes(self.given)
        if self.probability is None:
            return {}
        scores, iou = _highest(self.probability, self.prediction), self.overlaps.iou
        hits = {levelled("iou", level): iou >= level for level in IOU_LEVELS}
        hits |= {"any_overlap": self.overlaps.shared > 0, "centre_in_box": centre_in_box(*self.boxes)}
        return {rule: Candidates(scores, iou, hit) for rule, hit in hits.items()}

    def _of_boxes(self, given: ScoredBoxes) -> dict[str, Candidates]:
        edges = given.edges(self.geometry) - [s.start for s in self.box]
        boxes = np.asarray(edges * np.asarray(self.geometry.spacing))
        iou = box_iou(boxes, self.boxes[1])
        hits = {levelled("iou", level): iou >= level for level in IOU_LEVELS}
        hits |= {
            "any_overlap": voxels_in(edges, self.reference) > 0,
            "centre_in_box": centre_in_box(boxes, self.boxes[1]),
        }
        return {rule: Candidates(given.scores, iou, hit) for rule, hit in hits.items()}

    @cached_property
    def boxes(self) -> tuple[Boxes, Boxes]:
        spacing = self.geometry.spacing
        return lesion_boxes(self.prediction, spacing), lesion_boxes(self.reference, spacing)


def _chosen(labels: NDArray[Any], label: int | None) -> Mask:
    return np.asarray(labels > 0 if label is None else labels == label)


def _highest(values: NDArray[Any], labels: Labels) -> NDArray[np.float64]:
    """Highest value of each lesion."""
    inside = np.flatnonzero(labels)
    found = np.full(int(labels.max(initial=0)) + 1, -np.inf)
    np.maximum.at(found, labels.reshape(-1)[inside], values.reshape(-1)[inside])
    return found[1:]


def _mean(values: NDArray[Any], labels: Labels) -> NDArray[np.float64]:
    """Mean value of each lesion."""
    inside = np.flatnonzero(labels)
    numbers = labels.reshape(-1)[inside]
    sums = np.bincount(numbers, values.reshape(-1)[inside].astype(np.float64), minlength=1)
    return np.asarray(sums[1:] / np.bincount(numbers, minlength=1)[1:], dtype=np.float64)


def _centres(labels: Labels) -> NDArray[np.float64]:
    """Centroid of each lesion, (n, 3), index coordinates."""
    places = np.nonzero(labels)
    numbers = labels[places]
    counts = np.bincount(numbers, minlength=1)[1:]
    return np.stack([np.bincount(numbers, place, minlength=1)[1:] / counts for place in places], axis=1)


def _voxels(counts: Confusion) -> dict[str, float | int | None]:
    names = ("dice", "iou", "sensitivity", "precision", "specificity", "accuracy")
    return {name: getattr(counts, name) for name in names} | {"dice_empty_one": dice_with_empty_as_one(counts)}


def _surfaces(scene: _Scene, tolerance_mm: float) -> dict[str, float | int | None]:
    found = surface_distances(scene.prediction > 0, scene.reference > 0, scene.geometry.spacing)
    if found is None:
        near = None if _kind(scene.counts) == NONE else 0.0
        distances = ("hd_mm", "hd95_mm", "hd95_pooled_mm", "assd_mm", "ahd_mm")
        return {**dict.fromkeys(distances), "nsd": near, "boundary_f1": near}
    return {
        "hd_mm": found.hausdorff_mm(),
        "hd95_mm": found.hausdorff_mm(95),
        "hd95_pooled_mm": found.pooled_percentile_mm(95),
        "assd_mm": found.assd_mm,
        "ahd_mm": found.ahd_mm,
        "nsd": found.nsd(tolerance_mm),
        "boundary_f1": found.boundary_f1(tolerance_mm),
    }


def _volumes(scene: _Scene) -> dict[str, float | int | None]:
    ml, counts = scene.geometry.voxel_ml, scene.counts
    relative, overlaps = counts.relative_volume_difference, scene.overlaps
    numbers: dict[str, float | int | None] = {
        "volume_ref_ml": counts.n_ref * ml,
        "volume_pred_ml": counts.n_pred * ml,
        "avd_ml": abs(counts.n_pred - counts.n_ref) * ml,
        "avd_percent": None if relative is None else 100 * abs(relative),
        "rvd": relative,
        "fpv_ml": overlaps.false_positive_voxels * ml,
        "fnv_ml": overlaps.false_negative_voxels * ml,
    }
    if scene.suv is not None:
        for name, labels in (("tlg_ref_g", scene.reference), ("tlg_pred_g", scene.prediction)):
            numbers[name] = float(scene.suv[labels > 0].sum(dtype=np.float64)) * ml
    return numbers


def _lesions(scene: _Scene) -> dict[str, float | int | None]:
    quality = panoptic_quality(scene.overlaps)
    numbers: dict[str, float | int | None] = {
        "lesions_ref": int(scene.overlaps.referred.size), "lesions_pred": int(scene.overlaps.predicted.size),
    }  # fmt: skip
    for key, found in scene.detections.items():
        stem, _, level = key.partition("_")
        tail = f"_{level}" if level else ""
        for name in ("recall", "precision", "f1"):
            numbers[f"{stem}_{name}{tail}"] = getattr(found, name)
    return numbers | {"sq": quality.sq, "rq": quality.rq, "pq": quality.pq}


def _reliability(probability: NDArray[Any], reference: Mask) -> Reliability:
    said = (probability >= _LEAST_PROBABILITY) | reference
    return Reliability.of(probability[said], reference[said])


def _probabilities(pair: Pair, scene: _Scene, reliability: Reliability) -> dict[str, float | int | None]:
    assert pair.probability is not None
    body = None if pair.pet is None else np.asarray(pair.pet.array > BODY_SUV)
    error = probability_error(pair.probability.array, scene.whole_reference, body)
    return {
        "probability_mae": None if error is None else error.mae,
        "probability_mse": None if error is None else error.mse,
        "probability_mad": None if error is None else error.mad,
        "ece": reliability.expected_calibration_error,
        "score": float(pair.probability.array.max()),
    }


def _lesion_rows(case: str, scene: _Scene) -> list[dict[str, Value]]:
    pairs = scene.detections[levelled("c2", IOU_LEVELS[0])].pairs
    partners = (dict(pairs), {reference: predicted for predicted, reference in pairs})
    rows: list[dict[str, Value]] = []
    for side, (name, labels) in enumerate((("prediction", scene.prediction), ("reference", scene.reference))):
        sizes = scene.overlaps.predicted if side == 0 else scene.overlaps.referred
        facts = _facts(labels, scene)
        for n, size in enumerate(sizes):
            volume = float(size) * scene.geometry.voxel_ml
            short = float(facts["short_axis_mm"][n])
            row: dict[str, Value] = {
                "case": case, "side": name, "lesion": n + 1, "volume_ml": volume, "stratum": scene.strata.of(volume),
                "short_axis_mm": short, "short_axis_stratum": BY_SHORT_AXIS.of(short),
            }  # fmt: skip
            row |= {key: float(values[n]) for key, values in facts.items() if key != "short_axis_mm"}
            row |= {key: int((found.true, found.found)[side][n]) for key, found in scene.detections.items()}
            rows.append(row | _partner(partners[side].get(n), n, side, (scene.overlaps.iou, *scene.boxes)))
    return rows


def _partner(
    other: int | None, own: int, side: int, seen: tuple[NDArray[np.float64], Boxes, Boxes]
) -> dict[str, Value]:
    """Which lesion of the other side a lesion is paired with, and how well the two and their boxes overlap."""
    if other is None:
        return {"partner": None, "iou": None, "box_iou": None, "box_giou": None}
    p, r = (own, other) if side == 0 else (other, own)
    iou, predicted, referred = seen
    one, two = predicted[p : p + 1], referred[r : r + 1]
    return {
        "partner": other + 1,
        "iou": float(iou[p, r]),
        "box_iou": float(box_iou(one, two)[0, 0]),
        "box_giou": float(box_giou(one, two)[0, 0]),
    }


def _facts(labels: Labels, scene: _Scene) -> dict[str, NDArray[np.float64]]:
    """Numbers of each lesion by name."""
    places = component_boxes(labels)
    lps = scene.geometry.to_lps(_centres(labels) + [s.start for s in scene.box])
    facts = {
        "short_axis_mm": np.array([short_axis_mm(labels[box] == n, scene.geometry) for n, box in places.items()]),
        "centroid_l_mm": lps[:, 0],
        "centroid_p_mm": lps[:, 1],
        "centroid_s_mm": lps[:, 2],
    }
    if scene.suv is not None:
        facts["suvmax"] = _highest(scene.suv, labels)
    if scene.probability is not None:
        facts["probability_max"] = _highest(scene.probability, labels)
        facts["probability_mean"] = _mean(scene.probability, labels)
    return facts
