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
    },
)
HEADS.put(
    "fcn",
    "lymphoscope.nets.fcn:fcn",
    params={},
)

_POOLED = {
    "levels": "levels of the backbone whose means over space speak, finest 0, bottom -1",
    "weights": "what each level counts in the prediction",
}
HEADS.put("classify", "lymphoscope.nets.heads:classify", params=_POOLED)
HEADS.put("risk", "lymphoscope.nets.heads:risk", params={**_POOLED, "outcomes": "outcomes told apart"})
