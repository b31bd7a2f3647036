"""What losses and augmentations cost on one thread, beside the network they train: prints a Markdown table.

python benchmarks/training_parts.py [--threads 1] [--repeats 5]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from monai.losses import DiceCELoss, TverskyLoss

from lymphoscope.learn.augment.compose import Augmentation
from lymphoscope.learn.batch import Batch
from lymphoscope.learn.losses.objective import Objective
from lymphoscope.recipes.parts.augments import AUGMENTS, NNUNET_AUGMENT
from lymphoscope.recipes.parts.losses import LOSSES
from lymphoscope.recipes.spec import Learn, Use, use

SIDES = (48, 96)
Find = Callable[[list[torch.Tensor], torch.Tensor], torch.Tensor]


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Processor time of the best of several runs after one to warm up; others may use the machine meanwhile."""
    work()
    found = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return min(found)


def example(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two examples with three lesions each: logits of two classes and labels."""
    chance = torch.Generator().manual_seed(0)
    labels = torch.zeros(2, 1, side, side, side, dtype=torch.int64)
    for start in (4, side // 2, side - 12):
        labels[:, :, start : start + 6, start : start + 8, start : start + 5] = 1
    return torch.randn(2, 2, side, side, side, generator=chance), labels


def losses() -> Iterator[tuple[str, Use]]:
    """Losses by the name of their row."""
    yield "dice + ce", Learn(net=use("unet")).loss
    yield "deep (dice + ce), 5 levels", use("deep", loss=Learn(net=use("unet")).loss)
    for name in LOSSES:
        if LOSSES[name].facts["of"] == "labels":
            yield name, use(name)
    yield "boundary, bidirectional", use("boundary", form="bidirectional")


def loss_rows(repeats: int) -> Iterator[str]:
    """Forward and backward of two examples."""
    data = {side: example(side) for side in SIDES}
    levels = {side: [data[side][0], *(torch.randn(2, 2, *(side >> k,) * 3) for k in range(1, 5))] for side in SIDES}

    def step(find: Find, side: int) -> None:
        for logits in levels[side]:
            logits.requires_grad_().grad = None
        find(levels[side], data[side][1]).backward()

    def ours(objective: Objective) -> Find:
        def find(logits: list[torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
            parts = objective({"logits": logits}, Batch(logits[0], labels))
            return torch.stack(list(parts.values())).sum()

        return find

    settings = {"softmax": True, "to_onehot_y": True, "include_background": False}
    theirs = {"dice + ce, MONAI": DiceCELoss(**settings), "tversky, MONAI": TverskyLoss(**settings)}
    finds: dict[str, Find] = {name: ours(Objective(one)) for name, one in losses()}
    for name, loss in theirs.items():
        finds[name] = lambda logits, labels, loss=loss: loss(logits[0], labels)
    for name, find in finds.items():
        cost = [1e3 * seconds(lambda find=find, side=side: step(find, side), repeats) for side in SIDES]
        yield f"| {name} | {cost[0]:.0f} | {cost[1]:.0f} |"


def augment_rows(repeats: int) -> Iterator[str]:
    """One example of two channels; what happens by chance is made to happen."""
    lists = {name: (use(name, probability=1.0),) for name in AUGMENTS}
    lists["rotate + scale + elastic + flip"] = sum((lists[n] for n in ("rotate", "scale", "elastic", "flip")), ())
    for name, uses in lists.items():
        augmentation = Augmentation(uses)
        cost = [1e3 * seconds(_one(augmentation, side), repeats) for side in SIDES]
        yield f"| {name} | {cost[0]:.1f} | {cost[1]:.1f} |"
    for name, uses in {"default": Learn(net=use("unet")).augment, "nnU-Net's": NNUNET_AUGMENT}.items():
        cost = [_mean(Augmentation(uses), side) for side in SIDES]
        yield f"| {name} list, mean of 40 drawings | {cost[0]:.1f} | {cost[1]:.1f} |"


def _pair(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    logits, labels = example(side)
    return logits[0].abs(), labels[0]


def _one(augmentation: Augmentation, side: int) -> Callable[[], object]:
    images, labels = _pair(side)
    drawn = augmentation.draw(np.random.default_rng(0), images.shape, (3.0, 2.0, 2.0))
    return lambda: augmentation.apply(images, labels, drawn)


def _mean(augmentation: Augmentation, side: int) -> float:
    images, labels = _pair(side)
    rng = np.random.default_rng(0)
    begun = time.process_time()
    for _ in range(40):
        augmentation.apply(images, labels, augmentation.draw(rng, images.shape, (3.0, 2.0, 2.0)))
    return 1e3 * (time.process_time() - begun) / 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print("| loss, forward and backward, 2 × 2 classes, CPU ms | 48³ | 96³ |\n|---|---|---|")
    for row in loss_rows(given.repeats):
        print(row, flush=True)
    print("\n| augmentation of an example of 2 channels, CPU ms | 48³ | 96³ |\n|---|---|---|")
    for row in augment_rows(given.repeats):
        print(row, flush=True)


if __name__ == "__main__":
    main()
