"""Heads by name: what is made of a backbone's features."""

from lymphoscope.core.registry import Shelf

HEADS = Shelf("head")
"""Builders ``(widths, dims, classes, **params) -> lymphoscope.nets.network.Head``."""

HEADS.put(
    "segment",
    "lymphoscope.nets.heads:segment",
    params={
        "levels": "levels of the backbone that speak, finest 0; the one predicted comes first",
        "average": "whether the mean of all levels is predicted instead of the first",
        "kernel": "side of the convolution, odd; 1 unless said",
    },
)
HEADS.put(
    "segment_scans",
    "lymphoscope.nets.heads:segment_scans",
    params={
        "scans": "scans whose features stand side by side: 2, or 1 where there is no earlier one",
        "levels": "levels of the backbone that speak, finest 0; the one predicted comes first",
    },
)
HEADS.put(
    "features",
    "lymphoscope.nets.heads:features",
    params={"levels": "levels of the backbone that a loss looks at, finest 0, bottom -1"},
)
HEADS.put("image", "lymphoscope.nets.image:image", params={})
HEADS.put("weighted_mean", "lymphoscope.nets.flat:weighted_mean", params={})
HEADS.put(
    "retina",
    "lymphoscope.nets.retina:retina",
    params={
        "levels": "levels of the backbone that find boxes, finest 0",
        "width": "channels that each is brought to, a multiple of 8",
        "anchors": "sides of the anchors of each level, voxels along (z, y, x); those of a plan, or one cube",
    },
)
HEADS.put(
    "fcn",
    "lymphoscope.nets.fcn:fcn",
    params={},
)
HEADS.put(
    "evidence",
    "lymphoscope.nets.evidence:evidence",
    params={
        "layer": "enn (prototypes support classes) or rbf (they are evidence for or against a lesion)",
        "prototypes": "of each source",
        "features": "length of the vectors that are compared with prototypes",
        "sources": "inputs whose features stand side by side, combined by Dempster's rule",
        "discount": "whether each source has a reliability for each class, learnt from ½ on",
        "decide": "probabilities from masses: pignistic or plausibility",
    },
)

_NORM = "instance, batch, group (of 8), none, or auto: batch norm where a step has 8 examples, else instance norm"
_POOLED = {
    "levels": "levels of the backbone whose means over space speak, finest 0, bottom -1",
    "weights": "what each level counts in the prediction",
}
HEADS.put("classify", "lymphoscope.nets.heads:classify", params=_POOLED)
HEADS.put("risk", "lymphoscope.nets.heads:risk", params={**_POOLED, "outcomes": "outcomes told apart"})
HEADS.put(
    "risk_branches",
    "lymphoscope.nets.branches:risk_branches",
    params={
        "levels": "levels of the backbone that speak, each through a branch of its own, finest 0, bottom -1",
        "weights": "what each level counts in the prediction",
        "convs": "channels of the 3-wide convolutions of each branch, the last being its features; none for the level",
        "pools": "of how many of them, from the first on, a maximum pooling by 2 follows; one number a level",
        "hidden": "features between the two dense layers; 0 for one layer",
        "outcomes": "outcomes told apart",
        "norm": _NORM,
    },
)
HEADS.put(
    "risk_fused",
    "lymphoscope.nets.branches:risk_fused",
    params={
        "levels": "levels of the backbone that are told from together, finest 0, bottom -1",
        "features": "channels that a 1×1 convolution brings each level to",
        "hidden": "features between the two dense layers; 0 for one layer",
        "outcomes": "outcomes told apart",
        "norm": _NORM,
    },
)
