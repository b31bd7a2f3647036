"""Losses by name."""

from lymphoscope.core.registry import Shelf

LOSSES = Shelf("loss")
"""Builders ``(**params) -> lymphoscope.learn.losses.Loss``. Fact ``of``: ``labels`` for a loss of logits and labels of
one size, ``outputs`` for one of all outputs of a network and the whole batch."""
