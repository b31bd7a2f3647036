"""Run by the oracle tests in an interpreter that has nnunetv2: makes small models, predicts with nnU-Net's own code.

    python nnunet_peer.py make SPEC.json MODEL      a model folder as nnU-Net's trainer leaves it
    python nnunet_peer.py predict MODEL CASE.npz OUT.npz [--mirror] [--step 0.5] [--float32]

A case is images, their spacing, and for a cascade the labels of the network before.

nnU-Net adds windows up in half precision, which moves probabilities by up to 0.1; with --float32 it does so in single.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

HOT = 3.0
"""Of a PET as nnU-Net scales it, in standard deviations: what is as hot as a lesion."""
SPOTS = 20_000
"""Voxels of a kind that are held of a case to lay patches round."""


def main() -> None:
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    make_words = verbs.add_parser("make")
    make_words.add_argument("spec", type=Path)
    make_words.add_argument("model", type=Path)
    make_words.add_argument("--threads", type=int, default=1)
    predict_words = verbs.add_parser("predict")
    for name in ("model", "case", "out"):
        predict_words.add_argument(name, type=Path)
    predict_words.add_argument("--mirror", action="store_true")
    predict_words.add_argument("--float32", action="store_true")
    predict_words.add_argument("--quick", action="store_true", help="labels and the clock's seconds, nothing more")
    predict_words.add_argument("--step", type=float, default=0.5)
    predict_words.add_argument("--threads", type=int, default=1)
    predict_words.add_argument(
        "--times", type=int, default=1, help="predict so often, and tell the least processor time"
    )
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    if words.verb == "make":
        make(json.loads(words.spec.read_text()), words.model)
    else:
        predict(words)


def make(spec: dict[str, Any], folder: Path) -> None:
    """A model folder of random or shortly trained networks, one a fold."""
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager  # noqa: PLC0415

    folder.mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(spec["plans"]))
    (folder / "dataset.json").write_text(json.dumps(spec["dataset"]))
    manager = PlansManager(spec["plans"])
    configuration = manager.get_configuration(spec["configuration"])
    heads = manager.get_label_manager(spec["dataset"]).num_segmentation_heads
    for fold in range(spec["folds"]):
        torch.manual_seed(spec["seed"] + fold)
        channels = len(spec["dataset"]["channel_names"])
        if configuration.previous_stage_name is not None:
            channels += len(manager.get_label_manager(spec["dataset"]).foreground_labels)
        network = network_of(configuration, channels, heads)
        if spec.get("cases"):
            network = grown(spec, manager, heads)
        elif spec["steps"]:
            train(network, configuration.patch_size, heads, spec["steps"])
        network = network.half().float()  # so that the weights can be kept in half the space
        place = folder / f"fold_{fold}"
        place.mkdir()
        # what nnUNetTrainer.save_checkpoint writes, with what must not stop a careful reader: logs of numpy numbers
        checkpoint = {
            "network_weights": network.state_dict(),
            "optimizer_state": torch.optim.SGD(network.parameters(), 0.01, momentum=0.99).state_dict(),
            "grad_scaler_state": None,
            "logging": {"mean_fg_dice": [np.float64(0.5), np.float32(0.6)], "epoch_end_timestamps": [time.time()]},
            "_best_ema": np.float64(0.5),
            "current_epoch": 1000,
            "init_args": {"plans": spec["plans"], "configuration": spec["configuration"], "fold": fold,
                          "dataset_json": spec["dataset"], "device": torch.device("cuda")},
            "trainer_name": "nnUNetTrainer",
            "inference_allowed_mirroring_axes": tuple(spec["mirror"]),
        }  # fmt: skip
        torch.save(checkpoint, place / "checkpoint_final.pth")


def network_of(configuration: Any, channels: int, heads: int) -> Any:
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans  # noqa: PLC0415

    return get_network_from_plans(
        configuration.network_arch_class_name, configuration.network_arch_init_kwargs,
        configuration.network_arch_init_kwargs_req_import, channels, heads, deep_supervision=False,
    )  # fmt: skip


def train(network: Any, patch: list[int], heads: int, steps: int) -> None:
    """Some steps on bright blobs, so that the network draws something that has a shape."""
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    grid = torch.stack(torch.meshgrid(*[torch.arange(n).float() for n in patch], indexing="ij"))
    channels = next(iter(network.parameters())).shape[1]
    for _ in range(steps):
        centre, radius = torch.rand(len(patch)) * torch.tensor(patch), 2 + 4 * torch.rand(1)
        inside = ((grid - centre.reshape(-1, *[1] * len(patch))) ** 2).sum(0) < radius**2
        labels = inside.long() * int(torch.randint(1, heads, ()))
        image = torch.randn(1, channels, *patch) + 2.0 * labels
        loss = torch.nn.functional.cross_entropy(network(image), labels[None], weight=torch.ones(heads))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _read_cases(spec: dict[str, Any], configuration: Any, manager: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cases as nnU-Net prepares them: images (channels, z, y, x) and labels (z, y, x).

    But for resampling, which is linear: good enough to train on, in a small part of the time.
    """
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor  # noqa: PLC0415

    made = []
    for path in spec["cases"]:
        with np.load(path) as case:
            given = np.concatenate([case["images"], case["labels"][None]]).astype(np.float32)
            sides = zip(given.shape[1:], case["spacing"], configuration.spacing, strict=True)
        shape = [round(n * a / b) for n, a, b in sides]
        fine = torch.nn.functional.interpolate(torch.from_numpy(given)[None], shape, mode="trilinear")[0].numpy()
        images, labels = DefaultPreprocessor(verbose=False).run_case_npy(
            fine[:-1], (fine[-1:] > 0.5).astype(np.int8), {"spacing": list(configuration.spacing)}, manager,
            configuration, spec["dataset"],
        )  # fmt: skip
        made.append((images.astype(np.float16), labels[0]))
    return made


def grown(spec: dict[str, Any], manager: Any, heads: int) -> Any:
    """A network trained on cases in stages, first with a fraction of its features, then with all of them.

    A stage is `narrower`, by what features are divided; `side` of its patches, voxels; `steps`; and the highest `rate`.
    """
    cases = _read_cases(spec, manager.get_configuration(spec["configuration"]), manager)
    network = None
    for stage in spec["stages"]:
        wanted = _narrower(spec, stage["narrower"], heads)
        network = wanted if network is None else widened(network, wanted)
        train_on_cases(network, cases, stage["steps"], stage["side"], stage["rate"])
    return network


def _narrower(spec: dict[str, Any], by: int, heads: int) -> Any:
    """The network of a plan with fewer features."""
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager  # noqa: PLC0415

    plans = copy.deepcopy(spec["plans"])
    words = plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]
    words["features_per_stage"] = [features // by for features in words["features_per_stage"]]
    channels = len(spec["dataset"]["channel_names"])
    return network_of(PlansManager(plans).get_configuration(spec["configuration"]), channels, heads)


@torch.no_grad()
def widened(narrow: Any, wide: Any) -> Any:
    """`wide`, given weights by which it computes what `narrow` does (Net2Net, Chen 2016).

    Every feature is there several times, and what reads it shares its weight out among them at random.
    """
    given = dict(narrow.named_parameters())
    kinds = {f"{name}.weight": kind for name, kind in wide.named_modules() if hasattr(kind, "weight")}
    for name, weight in wide.named_parameters():
        old = given[name]
        into = None if old.ndim == 1 else 0 if isinstance(kinds[name], torch.nn.ConvTranspose3d) else 1
        for axis in range(old.ndim):
            times = weight.shape[axis] // old.shape[axis]
            old = old.repeat_interleave(times, axis)
            if axis == into:
                share = torch.rand(*old.shape[:2], *[1] * (old.ndim - 2)).unflatten(axis, (-1, times)) + 0.5
                old = old * (share / share.sum(axis + 1, keepdim=True)).flatten(axis, axis + 1)
        weight.copy_(old)
    return wide


def train_on_cases(
    network: Any, cases: list[tuple[np.ndarray, np.ndarray]], steps: int, side: int, rate: float
) -> None:
    """Patches of real shapes, round a lesion, round other uptake, in the body and anywhere, by cross-entropy and Dice.

    The rate falls to nothing. Images are those of a CT and a PET.
    """
    rng = np.random.default_rng(0)
    network.to(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    spots = [_spots(ct, pet, labels, rng) for (ct, pet), labels in cases]
    for step in range(steps):
        number = int(rng.integers(len(cases)))
        images, labels = cases[number]
        kinds = spots[number]
        centre = [int(v) for v in rng.choice(kinds[step % len(kinds)])]
        start = [min(max(c - side // 2, 0), n - side) for c, n in zip(centre, labels.shape, strict=True)]
        where = tuple(slice(a, a + side) for a in start)
        image = torch.from_numpy(images[(slice(None), *where)].astype(np.float32))[None]
        truth = torch.from_numpy(labels[where] > 0).long()[None]
        with torch.autocast("cpu", torch.bfloat16):
            found = network(image.to(memory_format=torch.channels_last_3d))
        lesion = torch.softmax(found.float(), dim=1)[:, 1]
        overlap = (2 * (lesion * truth).sum() + 1) / (lesion.sum() + truth.sum() + 1)
        loss = torch.nn.functional.cross_entropy(found.float(), truth) + 1 - overlap
        optimizer.zero_grad()
        loss.backward()
        if torch.isfinite(torch.nn.utils.clip_grad_norm_(network.parameters(), 12)):  # seldom it is not, in bf16
            optimizer.step()
        schedule.step()
        if step % 20 == 0:
            sys.stderr.write(f"step {step} of {steps}, loss {float(loss.detach()):.3f}\n")


def _spots(ct: np.ndarray, pet: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Voxels (number, 3) of each kind that there is: of lesions, of other uptake, of the body, of anything."""
    kinds = (labels > 0, (pet > HOT) & (labels <= 0), ct > ct.min(), np.ones_like(labels, bool))
    places = [np.flatnonzero(where) for where in kinds if where.any()]
    drawn = (found[rng.integers(len(found), size=SPOTS)] for found in places)
    return [np.stack(np.unravel_index(found, labels.shape), axis=1) for found in drawn]


def peak_gib() -> float:
    """Most memory of this process; what `getrusage` says counts the process that started it as well."""
    said = Path("/proc/self/status").read_text(encoding="ascii")
    return int(said.partition("VmHWM:")[2].split()[0]) / 2**20


def predict(words: argparse.Namespace) -> None:
    """nnU-Net's own prediction of one case, with what it saw on the way."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor  # noqa: PLC0415
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor  # noqa: PLC0415
    from nnunetv2.utilities.label_handling.label_handling import convert_labelmap_to_one_hot  # noqa: PLC0415

    if words.float32:
        torch.half = torch.float32  # type: ignore[misc]
    predictor = nnUNetPredictor(
        tile_step_size=words.step, use_mirroring=words.mirror, device=torch.device("cpu"), allow_tqdm=False
    )
    predictor.initialize_from_trained_model_folder(str(words.model), None, "checkpoint_final.pth")
    with np.load(words.case) as case:
        images, spacing = case["images"].astype(np.float32), [float(v) for v in case["spacing"]]
        before = case["before"][None].astype(np.float32) if "before" in case else None
    if words.quick:
        begun = time.perf_counter()
        labels = predictor.predict_single_npy_array(images, {"spacing": spacing}, before)
        seconds, peak = time.perf_counter() - begun, peak_gib()
        np.savez_compressed(words.out, labels=labels, seconds=seconds, peak_gib=peak)
        return
    data, masks = DefaultPreprocessor(verbose=False).run_case_npy(
        images, before, {"spacing": spacing}, predictor.plans_manager, predictor.configuration_manager,
        predictor.dataset_json,
    )  # fmt: skip
    if before is not None:
        data = np.vstack((data, convert_labelmap_to_one_hot(masks[0], predictor.label_manager.foreground_labels, "f4")))
    seconds = float("inf")
    for _ in range(words.times):
        begun = time.process_time()
        labels, probabilities = predictor.predict_single_npy_array(
            images, {"spacing": spacing}, before, save_or_return_probabilities=True
        )
        seconds = min(seconds, time.process_time() - begun)
    peak = peak_gib()
    np.savez_compressed(
        words.out, data=data, labels=labels, probabilities=probabilities, seconds=seconds, peak_gib=peak
    )


if __name__ == "__main__":
    main()
