"""From the words of a recipe to what a training minimises."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lymphoscope.learn.batch import Batch
from lymphoscope.learn.losses.loss import Loss
from lymphoscope.learn.losses.outputs import Finest
from lymphoscope.nets.network import Outputs
from lymphoscope.recipes.parts.losses import LOSSES
from lymphoscope.recipes.spec import Use


class Objective(nn.Module):
    """What a recipe minimises: named values, to be added up.

    A loss of labels is applied to the finest logits unless ``deep`` says otherwise. A loss may learn something itself
    (the expected confidence of ``prior_shift``): the parameters of an objective belong to an optimizer as well.

    Args:
        use: The loss, by name.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for an unknown loss, ``USE-E-VALUE`` for settings that do not fit together.
    """

    def __init__(self, use: Use) -> None:
        super().__init__()
        self.loss = _of_outputs(make(use))

    def forward(self, outputs: Outputs, batch: Batch, done: float = 0.0) -> dict[str, Tensor]:
        """Weighted values by name, in fp32 also under autocast.

        Args:
            outputs: Of the network.
            batch: What they were computed from.
            done: Share of the training that is done, 0 … 1.
        """
        for part in self.modules():
            if isinstance(part, Loss):
                part.at(done)
        with torch.autocast(batch.images.device.type, enabled=False):
            return self.loss.parts(outputs, batch)


def make(use: Use) -> Loss:
    """Build a loss alone, as it stands on the shelf.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` or ``USE-E-VALUE``.
    """
    settings: dict[str, Any] = {}
    for name, value in use.params.items():
        if isinstance(value, tuple) and any(isinstance(part, Use) for part in value):
            settings[name] = _alike([make(part) for part in value])
        else:
            settings[name] = make(value) if isinstance(value, Use) else value
    loss: Loss = LOSSES[use.name].load()(**settings)
    loss.name = use.name
    return loss


def _alike(terms: list[Loss]) -> list[Loss]:
    """Terms of one kind: where one needs all outputs, the others are applied to the finest logits."""
    return terms if all(term.of == "labels" for term in terms) else [_of_outputs(term) for term in terms]


def _of_outputs(loss: Loss) -> Loss:
    return Finest(loss) if loss.of == "labels" else loss
