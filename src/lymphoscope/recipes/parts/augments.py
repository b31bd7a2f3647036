"""Augmentations by name, and published lists of them."""

from lymphoscope.core.registry import Shelf
from lymphoscope.recipes.spec import use

AUGMENTS = Shelf("augmentation")
"""Builders ``(**params) -> lymphoscope.learn.augment.augment.Augment``. Fact ``kind``: ``space`` for what moves images
and labels, ``values`` for what changes images alone. Whatever the order in a recipe, all of ``space`` come first and
share one resampling; those of ``values`` follow in their order."""

_PROBABILITY = {"probability": "that it happens to an example"}
_CHANNEL = {**_PROBABILITY, "per_channel": "that it then happens to a channel, each drawn anew"}

AUGMENTS.put(
    "flip",
    "lymphoscope.learn.augment.space:Flip",
    kind="space",
    params={"axes": "axes that may be mirrored, as in zyx", "probability": "that an axis is mirrored, each for itself"},
)
AUGMENTS.put(
    "rotate",
    "lymphoscope.learn.augment.space:Rotate",
    kind="space",
    params={"degrees": "largest angle, one number or one for each of the axes (z, y, x)", **_PROBABILITY},
)
AUGMENTS.put(
    "scale",
    "lymphoscope.learn.augment.space:Scale",
    kind="space",
    params={
        "factor": "smallest and largest; above 1 things grow",
        "per_axis": "a factor for each axis",
        **_PROBABILITY,
    },
)
AUGMENTS.put(
    "affine",
    "lymphoscope.learn.augment.space:Affine",
    kind="space",
    params={
        "degrees": "largest angle, one number or one for each of the axes (z, y, x)",
        "factor": "smallest and largest scale",
        "per_axis": "a scale for each axis",
        "shift": "largest shift along each axis, mm",
        "shear": "largest shear, mm per mm",
        **_PROBABILITY,
    },
)
AUGMENTS.put(
    "elastic",
    "lymphoscope.learn.augment.space:Elastic",
    kind="space",
    params={"mm": "standard deviation of the displacement", "every": "mm between control points", **_PROBABILITY},
)
AUGMENTS.put(
    "noise",
    "lymphoscope.learn.augment.values:Noise",
    kind="values",
    params={
        "sd": "smallest and largest standard deviation of Gaussian noise, in units of the scaled image",
        **_CHANNEL,
    },
)
AUGMENTS.put(
    "blur",
    "lymphoscope.learn.augment.values:Blur",
    kind="values",
    params={"sigma": "smallest and largest width of the Gaussian, voxels", **_CHANNEL},
)
AUGMENTS.put(
    "low_resolution",
    "lymphoscope.learn.augment.values:LowResolution",
    kind="values",
    params={"share": "smallest and largest share of the voxels along an axis that is kept", **_CHANNEL},
)
AUGMENTS.put(
    "intensity",
    "lymphoscope.learn.augment.values:Intensity",
    kind="values",
    params={
        "brightness": "smallest and largest factor; None to leave it",
        "contrast": "smallest and largest factor of the distance from the mean, within the image's range; None",
        **_CHANNEL,
    },
)
AUGMENTS.put(
    "gamma",
    "lymphoscope.learn.augment.values:Gamma",
    kind="values",
    params={
        "exponent": "smallest and largest",
        "inverted": "true to work on the negative",
        "keep_statistics": "true to give mean and standard deviation back",
        **_CHANNEL,
    },
)
AUGMENTS.put(
    "suv_scale",
    "lymphoscope.learn.augment.values:SuvScale",
    kind="values",
    params={
        "factor": "smallest and largest, as of a wrong weight or dose",
        "pet": "number of the PET channel",
        **_PROBABILITY,
    },
)
AUGMENTS.put(
    "channel_dropout",
    "lymphoscope.learn.augment.values:ChannelDropout",
    kind="values",
    params={"fill": "value of the channel that is dropped; never the only one", **_PROBABILITY},
)

_ABOUT_ONE = (0.75, 1.25)

NNUNET_AUGMENT = (
    use("rotate", degrees=30.0, probability=0.2),
    use("scale", factor=(1 / 1.4, 1 / 0.7), probability=0.2),
    use("noise", sd=(0.0, 0.1), probability=0.1),
    use("blur", sigma=(0.5, 1.0), probability=0.2, per_channel=0.5),
    use("intensity", brightness=_ABOUT_ONE, contrast=None, probability=0.15),
    use("intensity", brightness=None, contrast=_ABOUT_ONE, probability=0.15),
    use("low_resolution", share=(0.5, 1.0), probability=0.25, per_channel=0.5),
    use("gamma", exponent=(0.7, 1.5), inverted=True, keep_statistics=True, probability=0.1),
    use("gamma", exponent=(0.7, 1.5), keep_statistics=True, probability=0.3),
    use("flip", probability=0.5),
)
"""nnU-Net 2.5.2 on patches of about equal sides. There ranges of scale are those of the inverse, noise of a channel is
one drawing for all, and what comes from outside the patch is background; here it is unknown."""
