"""Instance norm that keeps the memory layout of what comes in.

torch's own gives back another layout than channels-last, so that on a processor every convolution behind it first
copies its input. Normalising each example with batch norm's kernel, which keeps the layout, gives the same numbers.
"""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Norm
from torch import Tensor, nn
from torch.nn import functional

INSTANCE = "LAYOUT_KEEPING_INSTANCE"
"""Its name among MONAI's norms."""


class InstanceNorm2d(nn.InstanceNorm2d):
    """Instance norm of slices, (batch, channels, y, x)."""

    def forward(self, images: Tensor) -> Tensor:
        """Normalise each channel of each example."""
        kept = _kept(self, images, torch.channels_last)
        return super().forward(images) if kept is None else kept


class InstanceNorm3d(nn.InstanceNorm3d):
    """Instance norm of volumes, (batch, channels, z, y, x)."""

    def forward(self, images: Tensor) -> Tensor:
        """Normalise each channel of each example."""
        kept = _kept(self, images, torch.channels_last_3d)
        return super().forward(images) if kept is None else kept


@Norm.factory_function(INSTANCE)
def _instance(dims: int) -> type[nn.Module]:
    return {2: InstanceNorm2d, 3: InstanceNorm3d}[dims]


def _kept(norm: nn.InstanceNorm2d | nn.InstanceNorm3d, images: Tensor, layout: torch.memory_format) -> Tensor | None:
    """The normed images, or None where torch's own way is as good: other devices and layouts, and exports."""
    exporting = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    if images.device.type != "cpu" or exporting or not images.is_contiguous(memory_format=layout):
        return None
    normed = [
        functional.batch_norm(one, None, None, norm.weight, norm.bias, True, 0.0, norm.eps)
        for one in torch.split(images, 1)
    ]
    return normed[0] if len(normed) == 1 else torch.cat(normed)
