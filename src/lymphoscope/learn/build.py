"""From the words of a recipe to networks and who trains them."""

from __future__ import annotations

from collections.abc import Mapping

from lymphoscope.learn.losses.objective import Objective
from lymphoscope.learn.parts import made, settings
from lymphoscope.learn.prepare import channels
from lymphoscope.learn.supervision import Supervision
from lymphoscope.nets.network import Network
from lymphoscope.recipes.parts import PARTS
from lymphoscope.recipes.spec import Learn, Stage


def network(learn: Learn, channels: int, classes: int, dims: int) -> Network:
    """The network of a stage, with new weights.

    Args:
        learn: How the stage is trained.
        channels: Channels of its input.
        classes: Classes of its output, background included.
        dims: 2 or 3.
    """
    net = PARTS["net"][learn.net.name].load()
    backbone = net(channels=channels, dims=dims, **settings("net", learn.net))
    heads = [
        PARTS["heads"][head.name].load()(widths=backbone.widths, dims=dims, classes=classes, **settings("heads", head))
        for head in learn.heads
    ]
    return Network(backbone, heads, channels)


def network_of(stage: Stage, labels: Mapping[str, int]) -> Network:
    """The network of a stage for a data set, with new weights.

    Args:
        stage: What is trained.
        labels: Classes of the data set, background included.
    """
    dims = made("sampler", stage.trained.sampler).view.dims
    return network(stage.trained, channels(stage), len(labels), dims)


def supervision(learn: Learn, net: Network) -> Supervision:
    """The owner of the training steps of a stage."""
    owner: Supervision = PARTS["supervision"][learn.supervision.name].load()(
        net, Objective(learn.loss), **settings("supervision", learn.supervision)
    )
    return owner
