"""What holds of every backbone on the shelf, made narrow."""

from __future__ import annotations

import warnings
from dataclasses import fields
from typing import Any

import numpy as np
import openvino
import pytest
import torch

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.nets.backbone import Backbone
from lymphoscope.nets.deeplab import DeepLabSettings
from lymphoscope.nets.deepmedic import DeepMedicSettings
from lymphoscope.nets.densenet import DenseNetSettings
from lymphoscope.nets.fcn import VGGSettings
from lymphoscope.nets.network import Network
from lymphoscope.nets.resnet import ResNetSettings
from lymphoscope.nets.unet import UNetSettings
from lymphoscope.nets.unetpp import UNetPPSettings
from lymphoscope.nets.vnet import VNetSettings
from lymphoscope.recipes.parts.heads import HEADS
from lymphoscope.recipes.parts.nets import NETS

NARROW: dict[str, dict[str, Any]] = {
    "unet": {"widths": (4, 8, 8)},
    "resnet": {"depth": 18, "widths": (4, 4, 8, 8)},
    "resunet": {"depth": 18, "widths": (4, 4, 8, 8), "stem_stride": 1, "output_stride": 16},
    "densenet": {"blocks": (2, 2, 2), "growth": 4, "stem": 8},
    "dense_unet": {
        "blocks": (2, 2, 2),
        "growth": 4,
        "stem": 8,
        "stem_stride": 1,
        "pool": False,
        "decoder_widths": (4, 8, 8),
    },
    "vnet": {"widths": (4, 8, 8), "convs": 2, "kernel": 3},
    "deepmedic": {"widths": (4,) * 8, "joined": (8, 8)},
    "deeplabv3": {"depth": 18, "widths": (2, 2, 4, 4), "reach": 8, "low": 4},
    "fcn8s": {"widths": (2, 4, 4, 8, 8), "convs": (1, 1, 1, 1, 1), "bottom": 8},
    "unetpp": {"widths": (2, 4, 4), "norm": "batch"},
}
SETTINGS: dict[str, tuple[type, ...]] = {
    "unet": (UNetSettings,),
    "resnet": (ResNetSettings,),
    "resunet": (ResNetSettings,),
    "densenet": (DenseNetSettings,),
    "dense_unet": (DenseNetSettings,),
    "vnet": (VNetSettings,),
    "deepmedic": (DeepMedicSettings,),
    "deeplabv3": (ResNetSettings, DeepLabSettings),
    "fcn8s": (VGGSettings,),
    "unetpp": (UNetPPSettings,),
}
DECODED = {"resunet", "dense_unet"}
CASES = [(name, dims) for name in NARROW for dims in (2, 3)]


def made(name: str, dims: int, **more: Any) -> Backbone:
    torch.manual_seed(0)
    backbone: Backbone = NETS[name].load()(channels=2, dims=dims, **{**NARROW[name], **more})
    return backbone


def images(backbone: Backbone, dims: int, batch: int = 2) -> torch.Tensor:
    torch.manual_seed(1)
    step = backbone.multiple[0]
    side = 2 * backbone.context + 9 if backbone.context else max(step, 32)
    return torch.randn(batch, 2, *[side] * dims)


def test_every_backbone_is_tried_here() -> None:
    """Others add backbones of their own, with their own tests; what stands here must be on the shelf."""
    assert set(NARROW) == set(SETTINGS) <= set(NETS)


@pytest.mark.parametrize("name", NARROW)
def test_the_shelf_names_every_setting_and_no_other(name: str) -> None:
    words = {field.name for kind in SETTINGS[name] for field in fields(kind)}
    assert set(NETS[name].facts["params"]) == words | (
        {"decoder_widths", "decoder_convs", "up"} if name in DECODED else set()
    )


@pytest.mark.parametrize(("name", "dims"), CASES)
def test_features_are_as_described(name: str, dims: int) -> None:
    backbone = made(name, dims)
    given = images(backbone, dims)
    found = backbone(given)
    inner = [side - 2 * backbone.context for side in given.shape[2:]]
    assert [one.shape[1] for one in found] == list(backbone.widths)
    assert [list(one.shape[2:]) for one in found] == [
        [side // step for side, step in zip(inner, stride, strict=True)] for stride in backbone.strides
    ]
    for stride in backbone.strides:
        assert not any(multiple % step for multiple, step in zip(backbone.multiple, stride, strict=True))


@pytest.mark.parametrize("name", NARROW)
def test_the_gradient_of_all_levels_reaches_every_weight_and_both_channels(name: str) -> None:
    backbone = made(name, 2).double()
    given = images(backbone, 2).double().requires_grad_()
    sum(one.square().sum() for one in backbone(given)).backward()  # type: ignore[union-attr]
    silent = [key for key, weight in backbone.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not silent
    assert given.grad is not None
    assert all(given.grad[:, channel].abs().sum() > 0 for channel in range(2))


@pytest.mark.parametrize("name", NARROW)
def test_memory_layout_changes_nothing_and_bfloat16_little(name: str) -> None:
    backbone = made(name, 3, norm="none" if name == "fcn8s" else "batch").eval()
    given = images(backbone, 3, batch=1)
    with torch.inference_mode():
        plain = backbone(given)
        backbone.to(memory_format=torch.channels_last_3d)
        last = backbone(given.to(memory_format=torch.channels_last_3d))
        with torch.autocast("cpu", torch.bfloat16):
            coarse = backbone(given.to(memory_format=torch.channels_last_3d))
    for one, two, three in zip(plain, last, coarse, strict=True):
        scale = float(one.abs().max()) or 1.0
        assert float((one - two).abs().max()) < 1e-4 * scale
        assert float((one - three.float()).abs().max()) < 0.1 * scale


@pytest.mark.parametrize("name", NARROW)
def test_a_batch_of_slices_is_answered_as_each_slice_alone(name: str) -> None:
    """Prediction of a volume slice by slice is that of its stack."""
    backbone = made(name, 2).eval()
    given = images(backbone, 2, batch=3)
    with torch.inference_mode():
        stacked = backbone(given)
        single = [backbone(one[None]) for one in given]
    for level, together in enumerate(stacked):
        torch.testing.assert_close(together, torch.cat([one[level] for one in single]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("word", ["norm", "act"])
def test_unknown_norms_and_activations_are_refused(name: str, word: str) -> None:
    with pytest.raises(LymphoscopeError, match=word) as refused:
        made(name, 2, **{word: "loud"})
    assert refused.value.code == "USE-E-VALUE"


@pytest.mark.parametrize("name", NARROW)
def test_whole_networks_predict_shares_of_classes_at_full_size(name: str) -> None:
    backbone = made(name, 2).eval()
    given = images(backbone, 2)
    head = HEADS["fcn" if name == "fcn8s" else "segment"].load()
    whole = HEADS["risk"].load()(widths=backbone.widths, dims=2, classes=3)
    network = Network(backbone, [head(widths=backbone.widths, dims=2, classes=3), whole])
    with torch.inference_mode():
        told, outputs = network.predict(given), network(given)
    found = told[:, :3]
    assert network.tells == ("risk",) and told.shape[1] == 4
    assert found.shape == (2, 3, *(side - 2 * backbone.context for side in given.shape[2:]))
    torch.testing.assert_close(found.sum(dim=1), torch.ones_like(found[:, 0]))
    assert set(outputs) == {"logits", "risk"}
    assert [one.shape for one in outputs["risk"]] == [(2, 2)]


@pytest.mark.parametrize("name", ["unet", "deepmedic", "deeplabv3", "fcn8s"])
def test_openvino_says_the_same(name: str) -> None:
    """Prediction runs without torch where networks were exported. These four have every kind of layer of the others."""
    backbone = made(name, 2)
    head = HEADS["fcn" if name == "fcn8s" else "segment"].load()(widths=backbone.widths, dims=2, classes=2)
    network = Predicted(Network(backbone, [head]).eval())
    given = images(backbone, 2, batch=1)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = network(given).numpy()
        exported = openvino.convert_model(network, example_input=given)
    found = openvino.compile_model(exported, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(given.numpy())[0]
    np.testing.assert_allclose(found, wanted, atol=1e-4)


class Predicted(torch.nn.Module):
    """What a network predicts, as its own forward pass."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return self.network.predict(given)
