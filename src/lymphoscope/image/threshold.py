"""Delineation by a threshold: fixed, relative to the lesion, or relative to a reference organ.

Every rule takes a `Context` and its own settings and returns a `Delineation`. Comparisons are ``>=`` on unrounded SUV
unless the rule says otherwise. The methods they make up are in `lymphoscope.recipes.classical`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.image.background import CORE, backgrounds, cores
from lymphoscope.image.components import components, keep_volume
from lymphoscope.image.delineation import Context, Delineation, ReferenceUptake, at_least
from lymphoscope.image.growth import grow_all, grow_tops

LOW_CONTRAST_SUV = 2.05
"""41 % of SUVmax 5: below it a relative threshold reaches into normal tissue."""


def fixed(context: Context, *, at: float) -> Delineation:
    """Voxels at or above a fixed SUV.

    With seeds: every region of the threshold mask that hangs together with a seed, contested voxels divided. Without:
    every connected region of the mask, numbered by volume; a region with physiological uptake in it is left out.

    Args:
        context: What is known.
        at: SUV threshold, g/mL.
    """
    return _cut_at(context, at, f"SUV ≥ {number(at)}")


def of_reference(
    context: Context, *, organ: str = "liver", times_mean: float = 1.0, plus_sd: float = 0.0
) -> Delineation:
    """Voxels at or above ``times_mean`` · mean + ``plus_sd`` · SD of a reference organ.

    The rule is the same on SUV and on SUL: both sides scale by the same factor of the patient.

    Args:
        context: With the organ among its references.
        organ: ``liver`` or ``blood_pool``.
        times_mean: Factor of the mean.
        plus_sd: Factor of the standard deviation.

    Raises:
        LymphoscopeError: ``SEG-E-REFERENCE`` without the organ.
    """
    uptake = reference(context, organ)
    at = times_mean * uptake.mean + plus_sd * uptake.sd
    formula = f"{number(times_mean)} × mean" + (f" + {number(plus_sd)} SD" if plus_sd else "")
    return _cut_at(context, at, f"{_in_units(context, '≥', at)} ({formula} of {_plain(organ)})")


def above_reference(context: Context, *, organ: str = "liver", times_mean: float | None = None) -> Delineation:
    """Voxels above (not at) the SUVmax of a reference organ, or above a multiple of its mean.

    Args:
        context: With the organ among its references.
        organ: ``liver`` or ``blood_pool``.
        times_mean: Factor of the mean; None takes the organ's SUVmax.

    Raises:
        LymphoscopeError: ``SEG-E-REFERENCE`` without the organ.
    """
    uptake = reference(context, organ)
    at = uptake.max if times_mean is None else times_mean * uptake.mean
    formula = "SUVmax" if times_mean is None else f"{number(times_mean)} × mean"
    # The next number of the image's precision: at or above it is the same as above the threshold.
    kind = context.values.dtype.type
    beyond = float(np.nextafter(kind(at), kind(np.inf)))
    return _cut_at(context, beyond, f"{_in_units(context, '>', at)} ({formula} of {_plain(organ)})")


def of_max(context: Context, *, fraction: float) -> Delineation:
    """For each seed the region connected to its SUVmax voxel with SUV ≥ ``fraction`` · SUVmax.

    Args:
        context: With seeds.
        fraction: Of the seed's SUVmax, 0–1.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` without seeds.
    """
    require_seeds(context, "a threshold relative to the lesion")
    thresholds = {s.number: fraction * s.suvmax for s in context.starts}
    return _relative(context, thresholds, f"SUV ≥ {number(fraction)} × SUVmax of the lesion")


def of_peak(context: Context, *, fraction: float = 0.5) -> Delineation:
    """For each seed the region connected to its SUVmax voxel with SUV ≥ ``fraction`` · (SUVpeak + background).

    Background is the mean of the shell 2–3 voxels outside the 70 % contour without hot neighbours.

    Args:
        context: With seeds.
        fraction: Of SUVpeak plus background.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` without seeds.
    """
    require_seeds(context, "a threshold relative to the lesion")
    around = backgrounds(context)
    thresholds = {s.number: fraction * (context.peaks[s.number] + around[s.number]) for s in context.starts}
    return _relative(context, thresholds, f"SUV ≥ {number(fraction)} × (SUVpeak + background) of the lesion")


def nestle(context: Context, *, beta: float = 0.15) -> Delineation:
    """For each seed the region connected to its SUVmax voxel with SUV ≥ ``beta`` · mean of its core + background.

    The core is what reaches 70 % of SUVmax; background is that of `of_peak`.

    Args:
        context: With seeds.
        beta: Factor of the core's mean.

    Raises:
        LymphoscopeError: ``USE-E-VALUE`` without seeds.
    """
    require_seeds(context, "a threshold relative to the lesion")
    suv, core, around = context.values.reshape(-1), cores(context), backgrounds(context)
    thresholds = {
        s.number: beta * float(suv[core[s.number]].mean(dtype=np.float64)) + around[s.number] for s in context.starts
    }
    words = f"SUV ≥ {number(beta)} × mean of the lesion's {CORE:.0%} core + background"
    return _relative(context, thresholds, words)


def drop_small(context: Context, drawn: Delineation, *, ml: float) -> Delineation:
    """Drop lesions below a volume, but only where the rule itself chose them.

    With seeds the choice was made before, and a lesion is measured however small a rule draws it.

    Args:
        context: What the lesions were drawn from.
        drawn: Lesions.
        ml: Smallest volume that is kept, mL (``>=``).
    """
    if context.seeds is not None:
        return drawn
    labels = keep_volume(drawn.labels, context.geometry.voxel_ml, ml)
    threshold = next(iter(drawn.thresholds.values()), None)
    return _all_of(labels, threshold, drawn.words)


def require_seeds(context: Context, what: str) -> None:
    """Refuse to draw without seeds.

    Raises:
        LymphoscopeError: ``USE-E-VALUE``.
    """
    if context.seeds is None:
        raise LymphoscopeError("USE-E-VALUE", f"{what} needs lesions to start from", fix="Preselect with suv4.0.")


def reference(context: Context, organ: str) -> ReferenceUptake:
    """Uptake of a reference organ.

    Raises:
        LymphoscopeError: ``SEG-E-REFERENCE`` where it is missing or not finite.
    """
    uptake = context.reference.get(organ)
    if uptake is None or not all(math.isfinite(v) for v in (uptake.mean, uptake.sd, uptake.max)):
        raise LymphoscopeError("SEG-E-REFERENCE", f"the method needs the uptake of the {_plain(organ)}")
    return uptake


def number(value: float) -> str:
    """A setting or threshold for people: two decimals, a trailing zero less (``4.0``, ``0.41``, ``2.87``)."""
    text = f"{value:.2f}"
    return text.removesuffix("0")


def low_contrast(thresholds: Mapping[int, float], words: str) -> tuple[Message, ...]:
    """The warning for relative thresholds below SUV 2.05, if any are."""
    low = [t for t in thresholds.values() if t < LOW_CONTRAST_SUV - 1e-9]
    if not low:
        return ()
    what = f"the threshold is below SUV {LOW_CONTRAST_SUV} for {len(low)} of {len(thresholds)} lesions (lowest "
    return (Message("SEG-W-LOWCONTRAST", f"{what}{number(min(low))})", where=words),)


def _cut_at(context: Context, at: float, words: str) -> Delineation:
    if context.seeds is None:
        return _all_of(_free(context, at), at, words)
    voxels, numbers = context.once(("fixed", at), lambda: grow_all(context, at))
    return Delineation(context.shape, voxels, numbers, words, {s.number: at for s in context.starts})


def _free(context: Context, at: float) -> np.ndarray:
    labels = components(at_least(context.values, at), context.connectivity)
    rivals = np.flatnonzero(context.owner < 0)
    if rivals.size:
        touched = np.zeros(int(labels.max(initial=0)) + 1, bool)
        touched[labels.reshape(-1)[rivals]] = True
        labels = keep_volume(np.where(touched[labels], 0, labels), context.geometry.voxel_ml, 0.0)
    return labels


def _all_of(labels: np.ndarray, at: float | None, words: str) -> Delineation:
    voxels = np.flatnonzero(labels)
    numbers = labels.reshape(-1)[voxels]
    thresholds = {} if at is None else dict.fromkeys(range(1, int(numbers.max(initial=0)) + 1), at)
    return Delineation(labels.shape, voxels, numbers, words, thresholds)


def _relative(context: Context, thresholds: Mapping[int, float], words: str) -> Delineation:
    key = ("relative", tuple(thresholds.items()))
    voxels, numbers = context.once(key, lambda: grow_tops(context, thresholds))
    return Delineation(context.shape, voxels, numbers, words, thresholds, low_contrast(thresholds, words))


def _in_units(context: Context, sign: str, at: float) -> str:
    if context.sul_factor is None:
        return f"SUV {sign} {number(at)}"
    return f"SUV {sign} {number(at)} = SUL {sign} {number(at * context.sul_factor)}"


def _plain(organ: str) -> str:
    return organ.replace("_", " ")
