"""What a training step sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from lymphoscope.io.dataset.cases import UNMARKED

IGNORE = UNMARKED
"""Label of a voxel that nobody marked: it has no part in any loss."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Examples of one training step.

    Attributes:
        images: Channels of the stage's inputs in their order, scaled: (batch, channels, *space), float.
        labels: 0 background, 1 … lesion classes, `IGNORE` where unknown: (batch, 1, *space), int64; None without masks.
            Where earlier scans are read, one channel a scan, the latest first.
        targets: Further things to learn by name, such as ``outcome:progression`` (batch,) or ``pet:suv``.
        cases: Case id of each example.
    """

    images: Tensor
    labels: Tensor | None
    targets: Mapping[str, Tensor] = field(default_factory=dict)
    cases: tuple[str, ...] = ()

    def to(self, device: str | torch.device) -> Batch:
        """The same batch on a device."""
        labels = None if self.labels is None else self.labels.to(device)
        targets = {name: target.to(device) for name, target in self.targets.items()}
        return replace(self, images=self.images.to(device), labels=labels, targets=targets)

    def laid_out(self, layout: torch.memory_format) -> Batch:
        """The same batch with the images' channels last, which is faster to convolve."""
        return replace(self, images=self.images.contiguous(memory_format=layout))

    @property
    def wanted(self) -> Tensor | None:
        """The image that is to be made, (batch, channels, *space); None where none is."""
        return next((target for target in self.targets.values() if target.ndim > 1), None)

    @property
    def voxels(self) -> int:
        """Voxels of all examples, channels not counted."""
        return int(self.images[:, 0].numel())
