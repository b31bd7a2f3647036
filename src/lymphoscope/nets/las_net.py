"""LAS-Net: a Swin U-Net that sees two scans of a patient, of which only the later one is told about the other.

Both scans go through the same weights, each by itself. At every level of the encoder the later one looks at the earlier
one by attention within windows; on the way up the earlier one has a say in what the later one takes from its encoder.
Nothing ever goes the other way, so that the earlier scan is read as if the later one had not been made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from monai.networks.blocks.dynunet_block import UnetResBlock
from monai.networks.blocks.mlp import MLPBlock
from monai.networks.nets import swin_unetr
from monai.networks.nets.swin_unetr import PatchMergingV2, SwinTransformerBlock, WindowAttention
from torch import Tensor, nn
from torch.nn import functional

from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.blocks import NORMS, Style, require

swin: Any = swin_unetr
"""The library's functions as type checkers may see them: they have no types of their own."""

Scans = list[Tensor]
"""One tensor a scan, the latest first. Tokens are (batch, *space, channels), images (batch, channels, *space)."""


@dataclass(frozen=True)
class LasNetSettings:
    """What makes one such network another.

    Attributes:
        width: Channels at full resolution and behind the first halving; from there on they double at each level.
        heads: Heads of the attention at each level, from stride 2 on; they say how many levels there are.
        window: Side of the windows of attention, tokens.
        depth: Blocks of self-attention at each level, every second one with shifted windows.
        scans: 2, or 1 for the same network without an earlier scan.
        save_memory: Whether the inside of self-attention is computed again for the gradient instead of kept.
    """

    width: int = 48
    heads: tuple[int, ...] = (3, 6, 12, 24)
    window: int = 7
    depth: int = 2
    scans: int = 2
    save_memory: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            LymphoscopeError: ``USE-E-VALUE``.
        """
        require(self.scans in (1, 2), f"the network sees one scan or two, not {self.scans}")
        require(bool(self.heads), "the network has at least one level of attention")
        uneven = [n for n, width in zip(self.heads, self.widths[1:], strict=True) if width % n]
        require(not uneven, f"{uneven} heads do not share their level's channels evenly")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, of one scan."""
        return (self.width, *(self.width * 2**level for level in range(len(self.heads))))


class Look(nn.Module):
    """A scan looks at itself: attention within windows, which are shifted by half in every second block.

    Args:
        width: Channels.
        heads: Heads of attention.
        window: Sides of a window, tokens.
        depth: Blocks.
        saving: Whether the inside is computed again for the gradient instead of kept.

    Reference: Liu et al., ICCV 2021.
    """

    def __init__(self, width: int, heads: int, window: Sequence[int], depth: int, saving: bool) -> None:
        super().__init__()
        self.window, self.shift = tuple(window), tuple(side // 2 for side in window)
        still = (0,) * len(window)
        # MONAI's own layer of such blocks needs a library beside it, only to turn axes
        self.blocks = nn.ModuleList(
            SwinTransformerBlock(width, heads, self.window, self.shift if n % 2 else still, use_checkpoint=saving)
            for n in range(depth)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens that have seen their neighbours."""
        space = [int(n) for n in tokens.shape[1:-1]]
        window, shift = swin.get_window_size(space, self.window, self.shift)
        mask = apart(tuple(-(-n // side) * side for n, side in zip(space, window, strict=True)), window, shift)
        mask = mask.to(tokens)
        tokens = tokens.reshape(-1, *space, tokens.shape[-1])  # so that an export knows every side
        for block in self.blocks:
            tokens = block(tokens, mask)
        return tokens


class LookBack(nn.Module):
    """Each window of the later scan asks the same window of the earlier one: x + attention, then + MLP.

    Reference:
        Tie et al., Radiol Artif Intell 2025 (longitudinally-aware window attention); windows and relative positions of
        Liu et al., ICCV 2021.
    """

    def __init__(self, width: int, heads: int, window: Sequence[int]) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.asks = WindowAttention(width, heads, tuple(window), qkv_bias=True)
        self.mlp = MLPBlock(width, 4 * width, act="GELU", dropout_mode="swin")
        self.window = tuple(window)

    def forward(self, later: Tensor, earlier: Tensor) -> Tensor:
        """Tokens of the later scan, having seen those of the earlier one."""
        space = [int(n) for n in later.shape[1:-1]]
        window = swin.get_window_size(space, self.window)
        mine, theirs = _windows(self.norms[0](later), window), _windows(self.norms[1](earlier), window)
        told = (self.weights(mine, theirs) @ self._split(theirs)[2]).transpose(1, 2).flatten(2)
        padded = [later.shape[0], *(-(-n // side) * side for n, side in zip(space, window, strict=True))]
        whole = swin.window_reverse(self.asks.proj(told).view(-1, *window, later.shape[-1]), window, padded)
        seen = later + whole[(slice(None), *(slice(0, n) for n in space))]
        found: Tensor = seen + self.mlp(self.norms[2](seen))
        return found

    def weights(self, later: Tensor, earlier: Tensor) -> Tensor:
        """What every token of the later scan makes of each of the earlier one: rows that add up to 1.

        Args:
            later: Windows of it, (windows, tokens, channels).
            earlier: The same places.

        Returns:
            (windows, heads, tokens, tokens).
        """
        query, key = self._split(later)[0], self._split(earlier)[1]
        count = later.shape[1]
        apart: Any = self.asks.relative_position_index  # a buffer, whose type nobody knows
        bias = self.asks.relative_position_bias_table[apart[:count, :count].reshape(-1)]
        scores = query * self.asks.scale @ key.transpose(-2, -1) + bias.view(count, count, -1).permute(2, 0, 1)
        found: Tensor = scores.softmax(dim=-1)
        return found

    def _split(self, windows: Tensor) -> Tensor:
        """Queries, keys and values: (3, windows, heads, tokens, channels of a head)."""
        found: Tensor = (
            self.asks.qkv(windows).view(*windows.shape[:2], 3, self.asks.num_heads, -1).permute(2, 0, 3, 1, 4)
        )
        return found


class Gate(nn.Module):
    """How much of each place of a skip is let through, by scan; the earlier scan has a say in the later one's.

    m = IN(1³ LeakyReLU(proj(skip) + proj(raised))) of each scan; the earlier one's skip is multiplied by σ(m₁), the
    later one's by σ(IN(7³ [m₂, m₁])).

    Reference: Tie et al., Radiol Artif Intell 2025 (longitudinally-aware attention gate).
    """

    def __init__(self, dims: int, width: int, scans: int) -> None:
        super().__init__()
        projecting = Style(dims, act="none")
        self.skip, self.raised = projecting.conv(width, width, 1), projecting.conv(width, width, 1)
        self.mask = projecting.conv(width, 1, 1)
        self.together = projecting.conv(2, 1, 7) if scans == 2 else nn.Identity()

    def forward(self, skips: Scans, raised: Scans) -> Scans:
        """The skips of all scans, gated."""
        pairs = zip(skips, raised, strict=True)
        masks = [self.mask(functional.leaky_relu(self.skip(skip) + self.raised(up), 0.01)) for skip, up in pairs]
        later = self.together(torch.cat(masks, dim=1))
        return [skip * mask.sigmoid() for skip, mask in zip(skips, [later, *masks[1:]], strict=True)]


class LasNet(Backbone):
    """The network. Every level holds the channels of the later scan, then those of the earlier one.

    Args:
        channels: Of the input: those of the later scan, then as many of the earlier one.
        dims: 2 or 3.
        settings: What makes it what it is.
    """

    def __init__(self, channels: int, dims: int, settings: LasNetSettings) -> None:
        super().__init__()
        self.scans, self.dims = settings.scans, dims
        require(channels % self.scans == 0, f"{channels} channels are not those of {self.scans} scans")
        widths, window = settings.widths, (settings.window,) * dims
        attended = list(zip(widths[1:], settings.heads, strict=True))
        self.stem = _residual(dims, channels // self.scans, settings.width)
        self.embed = Style(dims).conv(settings.width, widths[1], 3, 2, norm=None, act=None, bias=True)
        self.looks = nn.ModuleList(
            Look(width, heads, window, settings.depth, settings.save_memory) for width, heads in attended
        )
        self.looks_back = nn.ModuleList(
            LookBack(width, heads, window) for width, heads in (attended if self.scans == 2 else [])
        )
        self.halve = nn.ModuleList(PatchMergingV2(width, spatial_dims=dims) for width in widths[1:-1])
        self.refine = nn.ModuleList(_residual(dims, width, width) for width in widths[1:])
        levels = list(pairwise(widths))
        self.raises = nn.ModuleList(Style(dims).transposed(below, width, 2) for width, below in levels)
        self.gates = nn.ModuleList(Gate(dims, width, self.scans) for width, _ in levels)
        self.joins = nn.ModuleList(_residual(dims, 2 * width, width) for width, _ in levels)
        self.describe([self.scans * width for width in widths], [(2**level,) * dims for level in range(len(widths))])

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of the decoder, finest first, and the bottom; scans side by side."""
        levels = self.encode(list(images.chunk(self.scans, dim=1)))
        found = [levels.pop()]
        for raises, gate, joins in reversed(list(zip(self.raises, self.gates, self.joins, strict=True))):
            raised = [raises(below) for below in found[0]]
            gated = zip(raised, gate(levels.pop(), raised), strict=True)
            found.insert(0, [joins(torch.cat(pair, dim=1)) for pair in gated])
        return [torch.cat(level, dim=1) for level in found]

    def encode(self, scans: Scans) -> list[Scans]:
        """What the encoder hands to each level, finest first, by scan."""
        found = [[self.stem(scan) for scan in scans]]
        tokens = [self.embed(scan).movedim(1, -1) for scan in found[0]]
        for level, (look, refine) in enumerate(zip(self.looks, self.refine, strict=True)):
            tokens = [look(scan) for scan in tokens]
            if self.scans == 2:
                later, earlier = tokens
                tokens = [self.looks_back[level](later, earlier), earlier]
            found.append([refine(_normed(scan)) for scan in tokens])
            if level < len(self.halve):
                tokens = [self.halve[level](scan) for scan in tokens]
        return found


def las_net(channels: int, dims: int = 3, **settings: Any) -> Backbone:
    """LAS-Net.

    Reference: Tie et al., Radiol Artif Intell 2025; Hatamizadeh et al., BrainLes 2021 (Swin UNETR).
    """
    return LasNet(channels, dims, LasNetSettings(**settings))


@lru_cache(64)
def apart(space: tuple[int, ...], window: tuple[int, ...], shift: tuple[int, ...]) -> Tensor:
    """What keeps tokens apart that a cyclic shift has brought into one window: −100 for those, 0 for neighbours.

    Args:
        space: Tokens along each axis, whole windows.
        window: Sides of a window.
        shift: By how much everything was moved.

    Returns:
        (windows, tokens, tokens).

    Reference: Liu et al., ICCV 2021.
    """
    region = np.zeros(space, np.int64)
    for axis, (n, side, by) in enumerate(zip(space, window, shift, strict=True)):
        place = np.arange(n).reshape(-1, *(1,) * (len(space) - 1 - axis))
        region = 3 * region + (place >= n - side) + (place >= n - by)
    # made with numpy and kept: an export would otherwise hold every step of it
    cut = region.reshape([part for n, side in zip(space, window, strict=True) for part in (n // side, side)])
    axes = [*range(0, 2 * len(space), 2), *range(1, 2 * len(space), 2)]
    windows = cut.transpose(axes).reshape(-1, int(np.prod(window)))
    return torch.from_numpy(np.where(windows[:, None] == windows[:, :, None], 0.0, -100.0).astype(np.float32))


def _residual(dims: int, inside: int, outside: int) -> nn.Module:
    return UnetResBlock(dims, inside, outside, 3, 1, NORMS["instance"])


def _normed(tokens: Tensor) -> Tensor:
    """An image of tokens, each by its own mean and standard deviation, as Swin UNETR hands levels on."""
    return functional.layer_norm(tokens, tokens.shape[-1:]).movedim(-1, 1)


def _windows(tokens: Tensor, window: Sequence[int]) -> Tensor:
    """Tokens (batch, *space, channels), filled up with zeros, in windows: (windows, tokens, channels)."""
    pads = [(-n) % side for n, side in zip(tokens.shape[1:-1], window, strict=True)]
    filled = functional.pad(tokens, (0, 0, *(n for pad in reversed(pads) for n in (0, pad))))
    found: Tensor = swin.window_partition(filled.contiguous(), window)
    return found
