"""The reference page of losses and augmentations, made from their shelves."""

from __future__ import annotations

from collections.abc import Iterator

from lymphoscope.core.registry import Entry
from lymphoscope.recipes.parts.augments import AUGMENTS, NNUNET_AUGMENT
from lymphoscope.recipes.parts.losses import LOSSES
from lymphoscope.recipes.spec import Use

_OF = {
    "labels": "Of logits and labels.",
    "outputs": "Of all outputs of a network.",
    "either": "Of whatever its terms are of.",
}
_KIND = {"space": "Moves images and labels.", "values": "Changes images alone."}


def reference_page() -> str:
    """The page, in Markdown."""
    lines = [
        "# Losses and augmentation",
        "",
        "What a recipe can name as `loss` and in `augment`, with the settings of each. What they cost is under",
        "[speed](benchmarks-training-parts.md). Made from `lymphoscope.recipes.parts`; do not edit.",
        "",
        "## Losses",
        "",
        "p is the softmax of the logits, g the label (0 or 1) of a class. Sums and means run over the voxels whose",
        "label is known: an unknown voxel has a gradient of exactly zero, and a batch in which nothing is known costs",
        "0. Lesion classes count, the background only where it is said. A loss is applied to the finest logits unless",
        "`deep` asks for more. Everything is computed in single precision, whatever the network runs in.",
    ]
    for name in LOSSES:
        lines += ["", *_loss(LOSSES[name])]
    lines += [
        "",
        "## Augmentation",
        "",
        "Whatever the order in a recipe, movements come first and share one resampling; changes of values follow.",
        "Lengths are mm, so that thick slices turn as the body would. What comes from outside a patch is as dark as",
        "its darkest voxel, and unknown. What happens to an example is drawn as plain data that JSON can hold, and the",
        "same drawing gives the same voxels.",
    ]
    for name in AUGMENTS:
        lines += ["", *_augment(AUGMENTS[name])]
    lines += ["", "### The list of nnU-Net 2.5.2", "", *(f"- {_written(one)}" for one in NNUNET_AUGMENT)]
    return "\n".join(lines) + "\n"


def _loss(entry: Entry) -> Iterator[str]:
    source = entry.facts["source"]
    yield from (f"### {entry.name}", "", f"`{entry.facts['formula']}`", "", _OF[entry.facts["of"]])
    if source:
        yield from ("", f"Source: {source}.")
    yield from _settings(entry)


def _augment(entry: Entry) -> Iterator[str]:
    yield from (f"### {entry.name}", "", _KIND[entry.facts["kind"]])
    yield from _settings(entry)


def _settings(entry: Entry) -> Iterator[str]:
    if entry.facts["params"]:
        yield ""
    yield from (f"- `{name}`: {means}" for name, means in entry.facts["params"].items())


def _written(one: Use) -> str:
    return ", ".join([f"`{one.name}`", *(f"{name} {_short(value)}" for name, value in one.params.items())])


def _short(value: object) -> str:
    if isinstance(value, tuple):
        return " … ".join(map(_short, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
