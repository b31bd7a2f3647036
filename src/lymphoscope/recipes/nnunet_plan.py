"""nnU-Net's plan in the words of a recipe.

Differs from nnU-Net: images are not cropped to what is not zero, the label for unmarked voxels is not counted as a
class of the output, and for planes the images are resampled along the third axis too.

Reference: Isensee et al., Nat Methods 2021;18:203; nnU-Net 2.5.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.recipes import nnunet_rules as rules
from lymphoscope.recipes.fingerprint import Fingerprint
from lymphoscope.recipes.planning import AS_GIVEN, NetFacts, measured, median_shape
from lymphoscope.recipes.spec import Learn, Use, use


def nnunet(learn: Learn, fingerprint: Fingerprint, facts: NetFacts, memory_gb: float = rules.REFERENCE_GB) -> Learn:
    """nnU-Net's plan at full resolution: of volumes for ``patches``, of planes for ``slices``.

    It sets grid, network, heads (one a decoder level), size of examples, batch and scale. What the recipe says of the
    network's style stays; a residual encoder is planned by the rules for such. Steps stay as the recipe has them.

    Args:
        learn: As the recipe says.
        fingerprint: Of the data.
        facts: Not used: the network is planned here.
        memory_gb: Device memory planned for.
    """
    del facts
    work = _work(learn, fingerprint, memory_gb)
    axes = work.order[1:] if learn.sampler.name == "slices" else work.order
    return _in_words(learn, fingerprint, work, axes, work.configured(axes))


def nnunet_low_resolution(
    learn: Learn, fingerprint: Fingerprint, facts: NetFacts, memory_gb: float = rules.REFERENCE_GB
) -> Learn:
    """nnU-Net's plan of the first stage of a cascade.

    Args:
        learn: As the recipe says.
        fingerprint: Of the data.
        facts: Not used: the network is planned here.
        memory_gb: Device memory planned for.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` where the images are so small that nnU-Net makes no cascade.
    """
    del facts
    work = _work(learn, fingerprint, memory_gb)
    full = work.configured(work.order)
    found = rules.low_resolution(full, work.cases, work.family, work.classes, memory_gb)
    if found is None:
        what = "the images are small enough for one stage: nnU-Net makes no cascade here"
        raise LymphoscopeError("USE-E-VALUE", what, fix="Train a recipe of one stage.")
    return _in_words(learn, fingerprint, work, work.order, found)


@dataclass(frozen=True)
class _Work:
    """What the rules are applied to.

    Attributes:
        spacing: Worked on, (z, y, x), mm.
        shape: Median of the images there, (z, y, x), voxels.
        order: Axes in the order they are planned in.
    """

    spacing: tuple[float, ...]
    shape: tuple[float, ...]
    order: tuple[int, ...]
    cases: int
    classes: int
    family: rules.Family
    memory_gb: float

    def configured(self, axes: tuple[int, ...]) -> rules.Configuration:
        """Patch, batch and topology of a network that works along these axes; planes of the others count as images."""
        images = float(self.cases)
        for axis in set(self.order) - set(axes):
            images *= self.shape[axis]
        spacing, shape = [self.spacing[axis] for axis in axes], [self.shape[axis] for axis in axes]
        return rules.configure(spacing, shape, images, self.family, self.classes, self.memory_gb)


def _work(learn: Learn, fingerprint: Fingerprint, memory_gb: float) -> _Work:
    spacing = rules.target_spacing([c.spacing for c in fingerprint.cases], [c.shape for c in fingerprint.cases])
    return _Work(
        spacing,
        median_shape(use("spacing", mm=spacing), fingerprint),
        rules.coarsest_first(spacing),
        len(fingerprint.cases),
        len(fingerprint.labels),
        rules.RESIDUAL if learn.net.params.get("residual") else rules.PLAIN,
        memory_gb,
    )


def _in_words(
    learn: Learn, fingerprint: Fingerprint, work: _Work, axes: tuple[int, ...], found: rules.Configuration
) -> Learn:
    """What the rules say, as settings, axes in the order (z, y, x)."""
    order = sorted(range(len(axes)), key=lambda place: axes[place])

    def turned(values: Any) -> tuple[Any, ...]:
        return tuple(values[place] for place in order)

    levels = len(found.widths)
    net = {
        "down": "stride",
        "act": "leaky_relu",
        "bias": True,
        **learn.net.params,
        "widths": found.widths,
        "strides": tuple(turned(stride) for stride in found.topology.strides),
        "kernels": tuple(turned(kernel) for kernel in found.topology.kernels),
        "convs": work.family.blocks[:levels],
        "decoder_convs": work.family.decoder,
    }
    across = {} if len(axes) == 3 else {"axis": min(set(range(3)) - set(axes))}
    spacing = dict(enumerate(work.spacing)) | dict(zip(axes, found.spacing, strict=True))
    return replace(
        learn,
        net=Use("unet", net),
        heads=(use("segment", levels=tuple(range(max(1, levels - 1)))),),
        grid=use("spacing", mm=tuple(spacing.values())),
        sampler=Use(learn.sampler.name, {**learn.sampler.params, **across, "size": turned(found.patch)}),
        scale=measured(learn.scale if learn.scale.name == "nnunet" else use("nnunet"), fingerprint),
        batch=found.batch,
        plan=AS_GIVEN,
    )
