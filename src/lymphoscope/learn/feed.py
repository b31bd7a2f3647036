"""Batches in an order that depends on seed and step alone, so that a killed training goes on as if it had not been."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lymphoscope.io.dataset.cases import UNMARKED
from lymphoscope.learn.augment.compose import Augmentation
from lymphoscope.learn.batch import Batch
from lymphoscope.learn.prepare import Prepared
from lymphoscope.learn.sampling import Sampler, order

_CUT, _AUGMENT = 2, 3
"""Streams of chance that do not share numbers; 1 is the order of cases."""


@dataclass(frozen=True, eq=False)
class Feed:
    """Where batches come from.

    Attributes:
        cases: Training cases.
        sampler: How an example is cut.
        augmentation: What may happen to it.
        batch: Examples a step, on this device.
        seed: Of all chance.
        context: Voxels that the network needs round an example.
        rank: Number of this device among `devices`.
        devices: Devices that train together; each sees other examples.
    """

    cases: Sequence[Prepared]
    sampler: Sampler
    augmentation: Augmentation
    batch: int
    seed: int
    context: int = 0
    rank: int = 0
    devices: int = 1

    def at(self, step: int) -> Batch:
        """The batch of a step."""
        first = (step * self.devices + self.rank) * self.batch
        made = [self._example(first + offset) for offset in range(self.batch)]
        images = torch.stack([example[0] for example in made])
        cases = [example[2] for example in made]
        seen, thick = images.shape[1] - self._wanted, self.sampler.view.thick
        # of slices that are seen together the middle one is made
        wanted = torch.split(images[:, seen + thick // 2 :: thick], 1, dim=1) if self._wanted else ()
        told = {name: torch.tensor([case.targets.get(name, math.nan) for case in cases]) for name in self._targets}
        return Batch(
            images[:, :seen],
            torch.stack([example[1] for example in made]) if self._marked else None,
            {**told, **dict(zip(cases[0].wanted, wanted, strict=True))},
            tuple(case.id for case in cases),
        )

    def run(self, first: int, last: int) -> Iterator[Batch]:
        """The batches of the steps from `first` to before `last`; the next is made while one is used."""
        # one thread: a second team of threads would wait for the cores that the step is using, and the step for it
        with ThreadPoolExecutor(1, "feed", initializer=torch.set_num_threads, initargs=(1,)) as worker:
            coming = worker.submit(self.at, first)
            for step in range(first, last):
                batch = coming.result()
                if step + 1 < last:
                    coming = worker.submit(self.at, step + 1)
                yield batch

    @cached_property
    def _marked(self) -> bool:
        """Whether any case has a mask; beside one, a case without is one of which nobody marked a voxel."""
        return any(case.labels is not None for case in self.cases)

    @cached_property
    def _targets(self) -> list[str]:
        """What any case teaches beside its mask; of a case of which it is not known it is NaN."""
        return sorted({name for case in self.cases for name in case.targets})

    @cached_property
    def _wanted(self) -> int:
        """Channels of an example, the last ones, that are to be made."""
        return len(self.cases[0].wanted) * self.sampler.view.thick

    def _example(self, index: int) -> tuple[Tensor, Tensor, Prepared]:
        epoch, position = divmod(index, len(self.cases))
        case = self.cases[int(order(len(self.cases), self.seed, epoch)[position])]
        images, labels = self.sampler.cut(case, np.random.default_rng([self.seed, _CUT, index]), self.context)
        return *self._augmented(case, images, labels, index), case

    def _augmented(
        self, case: Prepared, images: np.ndarray, labels: np.ndarray | None, index: int
    ) -> tuple[Tensor, Tensor]:
        picture = torch.from_numpy(images)
        marked = (
            torch.full(picture.shape[1:], UNMARKED) if labels is None else torch.from_numpy(labels.astype(np.int64))
        )
        rng = np.random.default_rng([self.seed, _AUGMENT, index])
        spacing = [case.grid.spacing[axis] for axis in self.sampler.view.axes]
        seen = (len(picture) - self._wanted, *picture.shape[1:])
        drawn = self.augmentation.draw(rng, seen, spacing)
        return self.augmentation.apply(picture, marked.reshape(-1, *picture.shape[1:]), drawn, self._wanted)
