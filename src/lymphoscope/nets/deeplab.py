"""DeepLab: a dilated ResNet and views of several reaches side by side."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import Style, he, stack
from lymphoscope.nets.heads import enlarged
from lymphoscope.nets.resnet import ResNet, ResNetSettings


@dataclass(frozen=True)
class DeepLabSettings:
    """What makes one DeepLab another, beside its `ResNetSettings`.

    Attributes:
        reach: Channels of each view and of what is made of them.
        rates: Dilations of the 3-wide views.
        low: Channels that the first stage of the trunk adds on the way up; 0 for no way up.
    """

    reach: int = 256
    rates: tuple[int, ...] = (2, 4, 6)
    low: int = 0


def deeplabv3(channels: int, dims: int = 3, **settings: Any) -> Backbone:
    """A DeepLabv3, or with a way up DeepLabv3+; one level.

    Reference: Chen et al., arXiv 1706.05587 (2017); Chen et al., ECCV 2018.
    """
    own = {field.name for field in fields(DeepLabSettings)}
    trunk = {"depth": 50, "output_stride": 16, "grid": (1, 2, 4), **settings}
    views = DeepLabSettings(**{name: trunk.pop(name) for name in own & set(trunk)})
    return DeepLab(channels, dims, ResNetSettings(**trunk), views)


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: 1×1, 3-wide at several dilations, and the mean of the whole image.

    The mean's branch has no norm: a single value has no spread to divide by.
    """

    def __init__(self, style: Style, inside: int, views: DeepLabSettings) -> None:
        super().__init__()
        width = views.reach
        self.views = nn.ModuleList([style.conv(inside, width, 1)])
        self.views.extend(style.conv(inside, width, 3, dilation=rate) for rate in views.rates)
        self.whole = style.without("norm").conv(inside, width, 1, bias=True)
        self.joined = style.conv((len(self.views) + 1) * width, width, 1)

    def forward(self, images: Tensor) -> Tensor:
        """The views, joined."""
        found = [view(images) for view in self.views]
        mean = images.mean(dim=tuple(range(2, images.dim())), keepdim=True)
        joined: Tensor = self.joined(torch.cat([*found, self.whole(mean).expand_as(found[0])], dim=1))
        return joined


class DeepLab(Backbone):
    """Trunk, views, and where asked for the way up to the trunk's first stage.

    Args:
        channels: Channels of the input.
        dims: 2 or 3.
        plan: The trunk's settings.
        views: The other settings.
    """

    def __init__(self, channels: int, dims: int, plan: ResNetSettings, views: DeepLabSettings) -> None:
        super().__init__()
        style = Style(dims, plan.norm, plan.act, batch=plan.batch)
        self.trunk = ResNet(channels, dims, plan)
        self.pyramid = ASPP(style, self.trunk.widths[-1], views)
        self.low: nn.Module | None = None
        widths, strides = [views.reach], [self.trunk.strides[-1]]
        if views.low:
            self.low = style.conv(self.trunk.widths[1], views.low, 1)
            self.refined = stack(style, views.reach + views.low, [views.reach] * 2)
            widths, strides = widths * 2, [self.trunk.strides[1], *strides]
        for part in (self.pyramid, self.low, getattr(self, "refined", None)):
            if part is not None:
                he(part)
        self.describe(widths, strides)

    def forward(self, images: Tensor) -> list[Tensor]:
        """What the views see; with a way up, that first at the stride of the trunk's first stage."""
        features = self.trunk(images)
        found = [self.pyramid(features[-1])]
        if self.low is not None:
            raised = enlarged(found[0], features[1].shape[2:])
            found.insert(0, self.refined(torch.cat([raised, self.low(features[1])], dim=1)))
        return found
