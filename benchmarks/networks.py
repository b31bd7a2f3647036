"""Forward and backward of the networks on this processor: number format and memory layout, and single layers.

``python benchmarks/networks.py networks 48 96`` and ``python benchmarks/networks.py layers`` print tables (Markdown).
Names after the sides choose networks. Times are processor time of one example on two threads, best of a few: other work
on the machine does not bear on it, and on two free cores about half of it passes. Run it with OMP_WAIT_POLICY=passive,
or waiting counts as work.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import Style
from lymphoscope.nets.network import Network
from lymphoscope.recipes.parts.heads import HEADS
from lymphoscope.recipes.parts.nets import NETS

THREADS, REPEATS = 2, 2
NNUNET: dict[str, Any] = {"down": "stride", "act": "leaky_relu", "bias": True}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "unet 32–320, as nnU-Net": ("unet", {"widths": (32, 64, 128, 256, 320), **NNUNET}),
    "unet 32–512, pooled": ("unet", {"widths": (32, 64, 128, 256, 512)}),
    "unet 16–256, as nnU-Net": ("unet", {"widths": (16, 32, 64, 128, 256), **NNUNET}),
    "unet 16–256, group norm": ("unet", {"widths": (16, 32, 64, 128, 256), **NNUNET, "norm": "group"}),
    "unet 16–256, batch norm": ("unet", {"widths": (16, 32, 64, 128, 256), **NNUNET, "norm": "batch"}),
    "unet 16–256, linear up": ("unet", {"widths": (16, 32, 64, 128, 256), **NNUNET, "up": "linear"}),
    "unet 16–256, pooled": ("unet", {"widths": (16, 32, 64, 128, 256)}),
    "unet 16–256, residual": (
        "unet",
        {"widths": (16, 32, 64, 128, 256), **NNUNET, "residual": True, "decoder_convs": 1},
    ),
    "unet 8–128, as nnU-Net": ("unet", {"widths": (8, 16, 32, 64, 128), **NNUNET}),
    "unet 32–256 from stride 2 on": ("unet", {"widths": (32, 64, 128, 256), **NNUNET, "strides": (2, 2, 2, 2)}),
    "resunet 34": ("resunet", {"depth": 34}),
    "resunet 18, 16–128": ("resunet", {"depth": 18, "widths": (16, 32, 64, 128)}),
    "dense_unet 121": ("dense_unet", {"decoder_widths": (32, 64, 128, 256)}),
    "vnet": ("vnet", {}),
    "vnet, 3³": ("vnet", {"kernel": 3}),
    "deepmedic": ("deepmedic", {}),
    "deeplabv3, ResNet-50": ("deeplabv3", {"low": 48}),
    "unetpp 16–256": ("unetpp", {"widths": (16, 32, 64, 128, 256)}),
}
FORMATS = (
    ("fp32", torch.float32, torch.contiguous_format),
    ("fp32, channels last", torch.float32, torch.channels_last_3d),
    ("bf16", torch.bfloat16, torch.contiguous_format),
    ("bf16, channels last", torch.bfloat16, torch.channels_last_3d),
)


def best(work: Callable[[], Any]) -> float:
    """Fewest processor seconds of a few runs after one to warm up."""
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def network(name: str) -> Network:
    net, settings = NETWORKS[name]
    backbone = NETS[net].load()(channels=2, dims=3, **settings)
    head = HEADS["segment"].load()(widths=backbone.widths, dims=3, classes=2)
    return Network(backbone, [head])


def timed(model: nn.Module, images: Tensor, kind: torch.dtype, layout: torch.memory_format) -> tuple[float, float]:
    """Seconds of a forward pass without gradients, and of forward and backward."""
    model, leaf = model.to(memory_format=layout), images.requires_grad
    images = images.detach().to(memory_format=layout).requires_grad_(leaf)

    def forward() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
            out = model(images)
        found: Tensor = out["logits"][0] if isinstance(out, dict) else out
        return found

    def predict() -> None:
        with torch.no_grad():
            forward()

    def train() -> None:
        model.zero_grad(set_to_none=True)
        images.grad = None
        found = forward()
        found.backward(torch.ones_like(found))

    return best(predict), best(train)


def networks(side: int, names: list[str]) -> None:
    print(f"One patch of 2 × {side}³: processor seconds of prediction / of forward and backward\n")
    print("| network | parameters, M | " + " | ".join(name for name, *_ in FORMATS) + " |")
    print("|---|---|" + "---|" * len(FORMATS))
    for name in names or NETWORKS:
        model = network(name)
        model.train()
        backbone = model.backbone
        assert isinstance(backbone, Backbone)
        multiple = backbone.multiple[0]
        fitting = -(-(side + 2 * backbone.context) // multiple) * multiple
        images = torch.randn(1, 2, *[fitting] * 3)
        cells = [timed(model, images, kind, layout) for _, kind, layout in FORMATS]
        millions = sum(p.numel() for p in model.parameters()) / 1e6
        label = name if fitting == side else f"{name} ({fitting}³ in)"
        figures = " | ".join(f"{predict:.2f} / {train:.2f}" for predict, train in cells)
        print(f"| {label} | {millions:.2f} | {figures} |", flush=True)
    print()


def layers(width: int = 32, side: int = 48) -> None:
    style = Style(3)
    found: dict[str, nn.Module] = {
        "convolution 3³": style.plain(width, width, 3),
        "convolution 1×3×3": style.plain(width, width, (1, 3, 3)),
        "convolution 1³": style.plain(width, width),
        "convolution 3³, stride 2": nn.Conv3d(width, 2 * width, 3, 2, 1),
        "convolution 1³, stride 2": nn.Conv3d(width, 2 * width, 1, 2),
        "average pooling 2³, convolution 1³": nn.Sequential(style.pool("avg", 2), nn.Conv3d(width, 2 * width, 1)),
        "convolution 3³ of 8 channels": nn.Conv3d(8, 8, 3, padding=1),
        "convolution 3³, one group a channel": nn.Conv3d(width, width, 3, padding=1, groups=width),
        "transposed 2³ (out 48³)": style.transposed(width, width, 2),
        "trilinear × 2 (out 48³)": nn.Upsample(scale_factor=2, mode="trilinear"),
        "maximum pooling 2³": style.pool("max", 2),
        "average pooling 2³": style.pool("avg", 2),
        "instance norm": nn.InstanceNorm3d(width, affine=True),
        "group norm, 8 groups": nn.GroupNorm(8, width),
        "batch norm": nn.BatchNorm3d(width),
        "leaky ReLU": nn.LeakyReLU(0.01),
        "PReLU": nn.PReLU(),
    }
    print(f"One layer on {width} × {side}³: processor milliseconds of prediction / of forward and backward\n")
    print("| layer | " + " | ".join(name for name, *_ in FORMATS) + " |")
    print("|---|" + "---|" * len(FORMATS))
    for name, layer in found.items():
        channels = 8 if "of 8" in name else width
        images = torch.randn(1, channels, *[side // 2 if "out 48³" in name else side] * 3, requires_grad=True)
        cells = [timed(layer, images, kind, layout) for _, kind, layout in FORMATS]
        print(f"| {name} | " + " | ".join(f"{1e3 * p:.0f} / {1e3 * t:.0f}" for p, t in cells) + " |", flush=True)
    print()


def main() -> None:
    """Print what was asked for."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    what, *rest = sys.argv[1:] or ["networks", "48"]
    if what == "layers":
        layers()
        return
    for side in (int(word) for word in rest if word.isdigit()):
        networks(side, [word for word in rest if not word.isdigit()])


if __name__ == "__main__":
    main()
