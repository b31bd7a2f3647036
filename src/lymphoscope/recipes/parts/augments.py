"""Augmentations by name."""

from lymphoscope.core.registry import Shelf

AUGMENTS = Shelf("augmentation")
"""Builders ``(**params) -> lymphoscope.learn.augment.Augment``."""
