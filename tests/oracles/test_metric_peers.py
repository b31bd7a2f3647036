"""Metrics against MONAI, nnU-Net and panoptica, where their definitions are ours. Skips each that is not installed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from lymphoscope.evaluate.boxes import box_giou, box_iou
from lymphoscope.evaluate.classification import auc
from lymphoscope.evaluate.matching import Overlaps, one_to_one, panoptic_quality
from lymphoscope.evaluate.overlap import Confusion
from lymphoscope.evaluate.summary_json import CaseCounts, read_summary, write_summary
from lymphoscope.evaluate.surface import surface_distances
from lymphoscope.image.components import components

SPACINGS = ((1.0, 1.0, 1.0), (3.0, 2.0, 2.0), (5.0, 3.27, 3.27))


def blobs(seed: int, shape: tuple[int, int, int] = (24, 30, 28)) -> np.ndarray:
    """A few smooth lesions."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.2)
    return noise > np.quantile(noise, 0.93)


PAIRS = [(blobs(n), np.roll(blobs(n), n % 3 + 1, n % 3) | blobs(n + 100)) for n in range(6)]


@pytest.fixture(params=range(len(PAIRS)))
def pair(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    return PAIRS[request.param]


@pytest.mark.parametrize("spacing", SPACINGS)
def test_surfaces_agree_with_monai(pair: tuple[np.ndarray, np.ndarray], spacing: tuple[float, float, float]) -> None:
    torch, metrics = pytest.importorskip("torch"), pytest.importorskip("monai.metrics")
    prediction, reference = (torch.as_tensor(mask)[None, None] for mask in pair)
    both = (prediction, reference)
    found = surface_distances(*pair, spacing)
    assert found is not None
    hd, hd95 = (
        float(metrics.compute_hausdorff_distance(*both, percentile=percent, spacing=spacing)) for percent in (None, 95)
    )
    assert (found.hausdorff_mm(), found.hausdorff_mm(95)) == pytest.approx((hd, hd95), abs=1e-4)
    mean = metrics.compute_average_surface_distance(*both, symmetric=True, spacing=spacing)
    assert found.assd_mm == pytest.approx(float(mean), abs=1e-4)
    near = metrics.compute_surface_dice(*both, class_thresholds=[4.0], spacing=spacing)
    assert found.nsd(4.0) == pytest.approx(float(near), abs=1e-5)


def test_overlap_agrees_with_monai(pair: tuple[np.ndarray, np.ndarray]) -> None:
    torch, metrics = pytest.importorskip("torch"), pytest.importorskip("monai.metrics")
    prediction, reference = (torch.as_tensor(mask)[None, None].float() for mask in pair)
    counts = Confusion.of(*pair)
    assert counts.dice == pytest.approx(float(metrics.compute_dice(prediction, reference)), abs=1e-6)
    assert counts.iou == pytest.approx(float(metrics.compute_iou(prediction, reference)), abs=1e-6)
    matrix = metrics.get_confusion_matrix(prediction, reference)
    assert [counts.tp, counts.fp, counts.tn, counts.fn] == matrix.flatten().int().tolist()


def test_boxes_agree_with_monai() -> None:
    torch, boxes = pytest.importorskip("torch"), pytest.importorskip("monai.data.box_utils")
    low = np.random.default_rng(0).uniform(0, 20, (8, 3))
    ours = np.stack([low, low + np.random.default_rng(1).uniform(1, 9, (8, 3))], axis=1)
    theirs = torch.as_tensor(ours.reshape(8, 6))
    assert box_iou(ours, ours) == pytest.approx(boxes.box_iou(theirs, theirs).numpy(), abs=1e-6)
    assert box_giou(ours, ours) == pytest.approx(boxes.box_giou(theirs, theirs).numpy(), abs=1e-6)


def test_auc_agrees_with_monai() -> None:
    torch, metrics = pytest.importorskip("torch"), pytest.importorskip("monai.metrics")
    rng = np.random.default_rng(3)
    event, score = rng.random(80) < 0.4, rng.random(80).round(1)
    found = auc(event, score)
    assert found is not None
    theirs = metrics.compute_roc_auc(torch.as_tensor(score), torch.as_tensor(event.astype(float)))
    assert found.value == pytest.approx(theirs, abs=1e-9)


def test_counts_and_summary_agree_with_nnunet(pair: tuple[np.ndarray, np.ndarray], tmp_path) -> None:
    theirs = pytest.importorskip("nnunetv2.evaluation.evaluate_predictions")
    counts = Confusion.of(*pair)
    assert theirs.compute_tp_fp_fn_tn(pair[1], pair[0]) == (counts.tp, counts.fp, counts.fn, counts.tn)
    written = tmp_path / "summary.json"
    written.write_bytes(write_summary([CaseCounts("r", "p", "1", counts)]))
    loaded = theirs.load_summary_json(str(written))
    assert loaded["metric_per_case"][0]["metrics"][1]["Dice"] == pytest.approx(counts.dice)
    again = tmp_path / "again.json"
    theirs.save_summary_json(loaded, str(again))
    assert read_summary(again.read_bytes())[0].counts == counts


def test_panoptic_quality_agrees_with_panoptica(pair: tuple[np.ndarray, np.ndarray]) -> None:
    panoptica = pytest.importorskip("panoptica")
    prediction, reference = (components(mask, 26) for mask in pair)
    evaluator = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.UNMATCHED_INSTANCE,
        instance_matcher=panoptica.NaiveThresholdMatching(),
        instance_metrics=[panoptica.Metric.IOU],
        global_metrics=[],
        log_times=False,
        verbose=False,
    )
    theirs = next(iter(evaluator.evaluate(prediction.astype(np.uint16), reference.astype(np.uint16)).values()))
    overlaps = Overlaps.of(prediction, reference)
    ours, match = panoptic_quality(overlaps), one_to_one(overlaps, 0.5)
    wrong = (int((~match.true).sum()), int((~match.found).sum()))
    assert (len(match.pairs), *wrong) == (theirs.tp, theirs.fp, theirs.fn)
    assert ours.rq == pytest.approx(theirs.rq, abs=1e-9)
    if match.pairs:
        assert (ours.sq, ours.pq) == pytest.approx((theirs.sq, theirs.pq), abs=1e-9)
