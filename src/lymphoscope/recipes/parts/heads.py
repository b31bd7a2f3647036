"""Heads by name: what is made of a backbone's features."""

from lymphoscope.core.registry import Shelf

HEADS = Shelf("head")
"""Builders ``(widths, dims, classes, **params) -> lymphoscope.nets.heads.Head``."""
