"""Backbones by name: images in, features of several levels out."""

from lymphoscope.core.registry import Shelf

NETS = Shelf("network")
"""Builders ``(channels, dims, **params) -> lymphoscope.nets.backbone.Backbone``."""
