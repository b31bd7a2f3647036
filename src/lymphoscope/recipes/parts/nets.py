"""Backbones by name: images in, features of several levels out."""

from lymphoscope.core.registry import Shelf

NETS = Shelf("network")
"""Builders ``(channels, dims, **params) -> lymphoscope.nets.backbone.Backbone``."""

_WIDTHS = "channels of each level, finest first"
_STYLE = {
    "norm": "instance, batch, group (of 8), none, or auto: batch norm where a step has 8 examples, else instance norm",
    "act": "relu, leaky_relu (0.01), prelu, elu, gelu or none",
    "batch": "examples a step, for norm auto",
}
_UP = "way up: transposed (convolution whose kernel is its stride) or linear (1×1 convolution, then interpolation)"

_DOWN = {
    "widths": _WIDTHS + "; a tuple in it says those of each convolution of the level",
    "strides": "stride into each level, a number or (z, y, x); empty for 1 and then 2",
    "kernels": "kernel of each level, a number or (z, y, x); one number for all",
    "convs": "convolutions of each encoder level, in residual networks blocks of two; one number for all",
    "down": "way down: pool (maximum) or stride (the first convolution of a level)",
    "residual": "whether the encoder is a stem and residual blocks",
    "zero_last": "whether each residual block begins as its shortcut",
    "bias": "whether convolutions have a bias",
    **_STYLE,
}
NETS.put(
    "unet",
    "lymphoscope.nets.unet:unet",
    params={**_DOWN, "decoder_convs": "convolutions of each decoder level; one number for all", "up": _UP},
)
NETS.put("unet_encoder", "lymphoscope.nets.unet:unet_encoder", params=_DOWN)

_RESNET = {
    "depth": "18, 34, 50 or 101 layers; from 50 on blocks are bottlenecks",
    "widths": "channels of the four stages; of bottlenecks a quarter of them",
    "stem_stride": "stride of the 7-wide first convolution",
    "pool": "whether maximum pooling follows it",
    "output_stride": "largest stride; stages that would go beyond are dilated instead",
    "grid": "factors of the last stage's dilation, block by block, repeated",
    "zero_last": "whether each block begins as its shortcut",
    **_STYLE,
}
_DENSENET = {
    "blocks": "layers of each dense block",
    "growth": "channels that each layer adds",
    "stem": "channels of the 7-wide first convolution",
    "stem_stride": "its stride",
    "pool": "whether maximum pooling follows it",
    "bottleneck": "channels of each layer's 1×1 convolution, in growths",
    "save_memory": "whether a layer's inside is computed again for the gradient instead of kept",
    **_STYLE,
}
_ON_ENCODER = {
    "decoder_widths": "channels of each decoder level, finest first; empty for the encoder's",
    "decoder_convs": "convolutions of each decoder level; one number for all",
    "up": _UP,
}

NETS.put("resnet", "lymphoscope.nets.resnet:resnet", params=_RESNET)
NETS.put("resunet", "lymphoscope.nets.resnet:resunet", params={**_RESNET, **_ON_ENCODER})
NETS.put("densenet", "lymphoscope.nets.densenet:densenet", params=_DENSENET)
NETS.put("dense_unet", "lymphoscope.nets.densenet:dense_unet", params={**_DENSENET, **_ON_ENCODER})
NETS.put(
    "side_by_side",
    "lymphoscope.nets.side_by_side:side_by_side",
    params={"net": "the network that each input image gets for itself"},
    inner={"net": "net"},
)
NETS.put(
    "three_planes",
    "lymphoscope.nets.three_planes:three_planes",
    params={"net": "the network of two dimensions that sees each plane through the middle"},
    inner={"net": "net"},
)
NETS.put(
    "multi_scale",
    "lymphoscope.nets.multi_scale:multi_scale",
    params={
        "net": "the network whose levels are seen together",
        "reach": "channels of each level and of each view of the pyramid",
        "rates": "dilations of the 3-wide views",
        "norm": _STYLE["norm"],
        "act": _STYLE["act"],
    },
    inner={"net": "net"},
)
NETS.put(
    "flat",
    "lymphoscope.nets.flat:flat",
    params={
        "widths": "channels of each convolution, all at full resolution; none for the input as it is",
        "kernels": "kernel of each, a number or (z, y, x); one number for all",
        "blocks": "residual blocks of two 3-wide convolutions behind them",
        "bias": "whether convolutions have a bias",
        **_STYLE,
    },
)
NETS.put(
    "fed_back",
    "lymphoscope.nets.fed_back:fed_back",
    params={"net": "the network", "passes": "how often it sees the input, each time with what it said before"},
    inner={"net": "net"},
)
NETS.put(
    "las_net",
    "lymphoscope.nets.las_net:las_net",
    params={
        "width": "channels at full resolution and behind the first halving; from there they double at each level",
        "heads": "heads of the attention at each level, from stride 2 on",
        "window": "side of the windows of attention, tokens",
        "depth": "blocks of self-attention at each level",
        "scans": "2, or 1 for the same network without an earlier scan",
        "save_memory": "whether the inside of attention is computed again for the gradient instead of kept",
    },
)
NETS.put(
    "vnet",
    "lymphoscope.nets.vnet:vnet",
    params={
        "widths": _WIDTHS + ", on the way down; on the way up twice as many",
        "convs": "convolutions of each level, down and up; one number for all",
        "kernel": "their kernel",
        "down_too": "whether the last level of the way down is a level too, behind the bottom",
        **_STYLE,
    },
)
NETS.put(
    "deepmedic",
    "lymphoscope.nets.deepmedic:deepmedic",
    params={
        "widths": "channels of the 3-wide valid convolutions of either way; n of them cost 3n voxels on each side",
        "joined": "channels of the 1×1 convolutions behind both ways",
        "dropout": "share of features dropped behind each of those",
        **_STYLE,
    },
)
NETS.put(
    "deeplabv3",
    "lymphoscope.nets.deeplab:deeplabv3",
    params={
        **_RESNET,
        "reach": "channels of each view and of what is made of them",
        "rates": "dilations of the 3-wide views",
        "low": "channels that the first stage of the trunk adds on the way up; 0 for no way up",
    },
)
NETS.put(
    "fcn8s",
    "lymphoscope.nets.fcn:fcn8s",
    params={
        "widths": "channels of each stage, pooled behind each",
        "convs": "convolutions of each stage",
        "bottom": "channels of the two convolutions that stand for dense layers",
        "dropout": "share of features dropped behind either",
        **_STYLE,
    },
)
NETS.put(
    "unetpp",
    "lymphoscope.nets.unetpp:unetpp",
    params={
        "widths": "channels of each row, finest first",
        "convs": "convolutions of each node",
        "prune": "depth that is built and predicted; 0 for all",
        "up": _UP,
        **_STYLE,
    },
)
