"""From the words of a recipe to what a training minimises."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lymphoscope.learn.batch import Batch
from lymphoscope.learn.losses.loss import Loss
from lymphoscope.learn.losses.outputs import of_outputs
from lymphoscope.learn.losses.sums import Sum
from lymphoscope.learn.parts import made
from lymphoscope.nets.network import Outputs
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
        self.loss: Loss = of_outputs(made("loss", use))

    def forward(self, outputs: Outputs, batch: Batch, done: float = 0.0) -> dict[str, Tensor]:
        """Weighted values by name, in fp32 also under autocast.

        Args:
            outputs: Of the network.
            batch: What they were computed from.
            done: Share of the training that is done, 0 … 1.
        """
        self._hear(done)
        with torch.autocast(batch.images.device.type, enabled=False):
            return self.loss.parts(outputs, batch)

    def tasks(self, outputs: Outputs, batch: Batch, done: float = 0.0) -> list[dict[str, Tensor]]:
        """Named values of each term of a sum, not weighted; of another loss all of it is one task."""
        self._hear(done)
        terms = self.loss.terms if isinstance(self.loss, Sum) else [self.loss]
        with torch.autocast(batch.images.device.type, enabled=False):
            return [term.parts(outputs, batch) for term in terms if isinstance(term, Loss)]

    def _hear(self, done: float) -> None:
        for part in self.modules():
            if isinstance(part, Loss):
                part.at(done)
