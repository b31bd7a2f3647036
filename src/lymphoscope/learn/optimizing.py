"""What moves the weights, and how the learning rate runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer, RMSprop

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
Rate = Callable[[float], float]
"""Share of the training that is done, 0 … 1, to a factor of the learning rate."""


def adamw(rate: float = 1e-3, decay: float = 1e-5, betas: tuple[float, float] = (0.9, 0.999)) -> MakeOptimizer:
    """AdamW. Reference: Loshchilov and Hutter, ICLR 2019."""
    return lambda weights: AdamW(weights, lr=rate, betas=betas, weight_decay=decay, fused=True)


def sgd(rate: float = 1e-2, decay: float = 3e-5, momentum: float = 0.99) -> MakeOptimizer:
    """Stochastic gradient descent with Nesterov momentum."""
    return lambda weights: SGD(weights, lr=rate, weight_decay=decay, momentum=momentum, nesterov=momentum > 0)


def rmsprop(
    rate: float = 1e-3, decay: float = 1e-4, momentum: float = 0.6, rho: float = 0.9, eps: float = 1e-4
) -> MakeOptimizer:
    """RMSProp with momentum; torch offers no Nesterov form of it."""
    return lambda weights: RMSprop(weights, lr=rate, weight_decay=decay, momentum=momentum, alpha=rho, eps=eps)


def cosine(warm_up: float = 0.05) -> Rate:
    """Rise over the first share of the training, then half a cosine down to zero."""

    def rate(done: float) -> float:
        if done < warm_up:
            return max(done / warm_up, 0.01)
        return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (done - warm_up) / max(1.0 - warm_up, 1e-9))))

    return rate


def polynomial(power: float = 0.9) -> Rate:
    """(1 − done) to a power, as nnU-Net has it."""
    return lambda done: float((1.0 - min(done, 1.0)) ** power)


def constant() -> Rate:
    """The same rate throughout."""
    return lambda done: 1.0


def stepped(at: float = 0.5, factor: float = 0.1) -> Rate:
    """The same rate, times a factor from some share of the training on."""
    return lambda done: factor if done >= at else 1.0


def set_rate(optimizer: Optimizer, factor: float) -> None:
    """Set the learning rate to a factor of the one the optimizer was made with."""
    for group in optimizer.param_groups:
        group.setdefault("first_lr", group["lr"])
        group["lr"] = group["first_lr"] * factor


def clip(weights: Iterable[nn.Parameter], norm: float = 12.0) -> None:
    """Bound the length of the gradient, as nnU-Net does."""
    torch.nn.utils.clip_grad_norm_(weights, norm)
