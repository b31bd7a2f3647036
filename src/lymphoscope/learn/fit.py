"""The training loop, and the only one. Whatever is special about a method is in its supervision."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from lymphoscope.core.progress import Progress, silent
from lymphoscope.learn.augment.compose import Augmentation
from lymphoscope.learn.build import network, supervision
from lymphoscope.learn.checkpoint import Checkpoint
from lymphoscope.learn.feed import Feed
from lymphoscope.learn.log import Log
from lymphoscope.learn.optimizing import clip, set_rate
from lymphoscope.learn.parts import made
from lymphoscope.learn.prepare import Prepared
from lymphoscope.nets.network import Network
from lymphoscope.recipes.spec import Learn

_KEEP_SECONDS = 60.0
"""A killed training loses at most about a minute."""


@dataclass(frozen=True)
class Budget:
    """How long a training takes: so many steps, or so many seconds of work.

    With steps the same seed gives the same weights; with seconds it depends on the machine.

    Attributes:
        steps: Number of steps; None where seconds count.
        seconds: Seconds of training, loading and checkpoints included.
    """

    steps: int | None
    seconds: float | None = None

    def done(self, step: int, seconds: float) -> float:
        """Share of the training that is over, 0 … 1."""
        if self.steps is not None:
            return step / self.steps
        return min(1.0, seconds / (self.seconds or 1.0))


@dataclass(frozen=True, eq=False)
class Task:
    """One network to train.

    Attributes:
        learn: How, with every number resolved by a plan.
        cases: On what.
        classes: Classes of the labels, background included.
        seed: Of all chance.
        budget: How long.
        folder: Where weights, log and checkpoint go.
    """

    learn: Learn
    cases: Sequence[Prepared]
    classes: int
    seed: int
    budget: Budget
    folder: Path


@dataclass(frozen=True)
class Machine:
    """What is trained on.

    Attributes:
        device: ``cpu`` or ``cuda``.
        precision: ``no`` (float32), ``bf16`` or ``fp16``.
    """

    device: str = "cpu"
    precision: str = "no"


def fit(task: Task, machine: Machine, progress: Progress = silent) -> Network:
    """Train a network, or go on where a killed training stopped.

    Args:
        task: What is trained.
        machine: On what.
        progress: Hears of every step.

    Returns:
        The network that predicts, on the CPU, in evaluation mode.
    """
    accelerator = Accelerator(cpu=machine.device == "cpu", mixed_precision=machine.precision)
    torch.manual_seed(task.seed)
    sampler = made("sampler", task.learn.sampler)
    channels = sampler.view.channels(task.cases[0].seen)
    net = network(task.learn, channels, task.classes, sampler.view.dims)
    owner = supervision(task.learn, net)
    layout = torch.channels_last_3d if sampler.view.dims == 3 else torch.channels_last
    trainer = _Trainer(task, accelerator, owner, layout)
    feed = Feed(
        task.cases,
        sampler,
        Augmentation(task.learn.augment),
        task.learn.batch,
        task.seed,
        net.backbone.context,
        accelerator.process_index,
        accelerator.num_processes,
    )
    trainer.run(feed, progress)
    predicting = accelerator.unwrap_model(owner.parts[owner.predicts]).to("cpu").float().eval()
    assert isinstance(predicting, Network)
    return predicting


class _Trainer:
    """State of one training: parts with their optimizers, step and seconds."""

    def __init__(self, task: Task, accelerator: Accelerator, owner: Any, layout: torch.memory_format) -> None:
        self._task, self._accelerator, self._owner, self._layout = task, accelerator, owner, layout
        self._rate = made("rate", task.learn.rate)
        make = made("optimizer", task.learn.optimizer)
        self._optimizers: dict[str, Optimizer] = {}
        for name, part in list(owner.parts.items()):
            part.to(device=accelerator.device, memory_format=layout)
            weights = [weight for weight in part.parameters() if weight.requires_grad]
            if weights:
                moved_by = owner.optimizers.get(name, make)
                owner.parts[name], self._optimizers[name] = accelerator.prepare(part, moved_by(weights))
        self._checkpoint = Checkpoint(task.folder / "checkpoint.pt")
        self._log = Log(task.folder / "log.csv")

    def run(self, feed: Feed, progress: Progress) -> None:
        """Train to the end of the budget."""
        budget = self._task.budget
        step, spent = self._checkpoint.restore(self._plain_parts(), self._optimizers)
        self._log.restart(step)
        begun = kept = time.monotonic()
        if budget.done(step, spent) >= 1.0:
            return
        self._owner.parts.train()
        for batch in feed.run(step, budget.steps or 2**31):
            now = time.monotonic()
            done = budget.done(step, spent + now - begun)
            if done >= 1.0:
                break
            if now - kept > _KEEP_SECONDS:
                self._keep(step, spent + now - begun)
                kept = now
            self._tell(progress, step, done)
            torch.manual_seed(self._task.seed * 1_000_003 + step)  # dropout goes on as if nothing had happened
            factor = self._rate(done)
            for optimizer in self._optimizers.values():
                set_rate(optimizer, factor)
            shown = batch.to(self._accelerator.device)
            losses = self._owner.step(shown.laid_out(self._layout), self._update, done)
            step += 1
            self._log.add(step, spent + time.monotonic() - begun, factor, losses, batch.voxels)
        self._keep(step, spent + time.monotonic() - begun)
        self._tell(progress, step, 1.0)

    def _update(self, loss: Tensor, *parts: str) -> None:
        moved = [self._optimizers[part] for part in parts if part in self._optimizers]
        for optimizer in moved:
            optimizer.zero_grad(set_to_none=True)
        self._accelerator.backward(loss)
        for optimizer in moved:
            clip(weight for group in optimizer.param_groups for weight in group["params"])
            optimizer.step()

    def _keep(self, step: int, seconds: float) -> None:
        if self._accelerator.is_main_process:
            self._checkpoint.save(self._plain_parts(), self._optimizers, step, seconds)
            self._log.flush()

    def _plain_parts(self) -> dict[str, nn.Module]:
        return {name: self._accelerator.unwrap_model(part) for name, part in self._owner.parts.items()}

    def _tell(self, progress: Progress, step: int, done: float) -> None:
        budget = self._task.budget
        if budget.steps is not None:
            progress("training", step, budget.steps)
        else:
            progress("training", round(done * (budget.seconds or 0.0)), round(budget.seconds or 0.0))
