"""Small models in nnU-Net's format, as plans and data set descriptions; shared by the oracle and its golden arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

FIGURES = {"mean": 31.5, "std": 80.25, "percentile_00_5": -400.0, "percentile_99_5": 220.0}


def spec(kind: str, **more: Any) -> dict[str, Any]:
    """What `nnunet_peer.py make` wants.

    Args:
        kind: ``plain``: isotropic; ``residual``: thick slices, turned axes, three classes, masked normalisation;
            ``regions``: overlapping outputs, old plans; ``planes``: slice by slice; ``cascade``: reads the labels of
            another, which is ``before``.
        more: Words that differ.
    """
    made: dict[str, Any] = {"folds": 1, "seed": 5, "steps": 0, "mirror": [0, 1, 2], "configuration": "3d_fullres"}
    made |= {
        "plain": _plain, "residual": _residual, "regions": _regions, "planes": _planes, "cascade": _cascade,
        "before": _before,
    }[kind]()  # fmt: skip
    return made | more


def case(kind: str, seed: int = 0) -> tuple[np.ndarray, tuple[float, ...]]:
    """Images (channels, z, y, x) of a case and their spacing, mm."""
    rng = np.random.default_rng(seed)
    shape, spacing = {"residual": ((12, 34, 30), (5.0, 2.0, 2.0))}.get(kind, ((26, 30, 28), (3.0, 4.0, 4.0)))
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    body = z**2 / 1.2 + y**2 / 0.5 + x**2 / 0.6 < 1
    pet = np.where(body, 1.0 + 0.3 * rng.standard_normal(shape), 0.0)
    for _ in range(4):
        centre = rng.uniform(-0.5, 0.5, 3)
        pet[(z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 < 0.03] += 6.0
    ct = np.where(body, 40.0 + 15 * rng.standard_normal(shape), -1000.0)
    if kind == "residual":  # a margin without any value, which nnU-Net cuts off
        ct[~body] = 0.0
    return np.stack([np.rint(ct), np.float16(np.abs(pet))]).astype(np.float32), spacing


def _base(configuration: dict[str, Any], transpose: list[int]) -> dict[str, Any]:
    order = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    full = {
        "preprocessor_name": "DefaultPreprocessor",
        "normalization_schemes": ["CTNormalization", "ZScoreNormalization"],
        "use_mask_for_norm": [False, False],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": order,
        "resampling_fn_seg_kwargs": {**order, "is_seg": True, "order": 1},
        "resampling_fn_probabilities_kwargs": {**order, "order": 1},
        **configuration,
    }
    return {
        "dataset_name": "Dataset001_Test", "plans_name": "nnUNetPlans", "transpose_forward": transpose,
        "transpose_backward": [int(n) for n in np.argsort(transpose)], "image_reader_writer": "SimpleITKIO",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": FIGURES, "1": {**FIGURES, "mean": 5.0}},
        "configurations": {"3d_fullres": full, "3d_lowres": {"inherits_from": "3d_fullres"}},
    }  # fmt: skip


def _architecture(name: str, **words: Any) -> dict[str, Any]:
    return {
        "network_class_name": f"dynamic_network_architectures.architectures.unet.{name}",
        "arch_kwargs": {
            "conv_op": "torch.nn.modules.conv.Conv3d", "conv_bias": True, "dropout_op": None, "dropout_op_kwargs": None,
            "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d", "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": {"inplace": True}, **words,
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }  # fmt: skip


def _plain() -> dict[str, Any]:
    architecture = _architecture(
        "PlainConvUNet", n_stages=3, features_per_stage=[4, 6, 8], kernel_sizes=[[3, 3, 3]] * 3,
        strides=[[1, 1, 1], [2, 2, 2], [2, 2, 2]], n_conv_per_stage=[2, 2, 2], n_conv_per_stage_decoder=[2, 2],
    )  # fmt: skip
    configuration = {"spacing": [3.3, 3.1, 3.1], "patch_size": [16, 24, 24], "architecture": architecture}
    dataset = {"channel_names": {"0": "CT", "1": "PET"}, "labels": {"background": 0, "lymphoma": 1}, "numTraining": 1,
               "file_ending": ".nii.gz"}  # fmt: skip
    return {"plans": _base(configuration, [0, 1, 2]), "dataset": dataset}


def _residual() -> dict[str, Any]:
    architecture = _architecture(
        "ResidualEncoderUNet", n_stages=3, features_per_stage=[4, 6, 6], kernel_sizes=[[3, 1, 3], [3, 3, 3], [3, 3, 3]],
        strides=[[1, 1, 1], [2, 1, 2], [2, 2, 2]], n_blocks_per_stage=[1, 2, 2], n_conv_per_stage_decoder=[1, 1],
    )  # fmt: skip
    configuration = {
        "spacing": [1.6, 6.0, 1.7], "patch_size": [24, 8, 24], "architecture": architecture,
        "use_mask_for_norm": [True, True], "normalization_schemes": ["CTNormalization", "ZScoreNormalization"],
    }  # fmt: skip
    labels = {"background": 0, "organ": 1, "lesion": 2, "ignore": 3}
    dataset = {"channel_names": {"0": "CT", "1": "PET"}, "labels": labels, "numTraining": 1, "file_ending": ".nii.gz"}
    return {"plans": _base(configuration, [1, 0, 2]), "dataset": dataset}


def _planes() -> dict[str, Any]:
    words = {"conv_op": "torch.nn.modules.conv.Conv2d", "norm_op": "torch.nn.modules.instancenorm.InstanceNorm2d"}
    architecture = _architecture(
        "PlainConvUNet", n_stages=3, features_per_stage=[4, 6, 8], kernel_sizes=[[3, 3]] * 3,
        strides=[[1, 1], [2, 2], [2, 2]], n_conv_per_stage=[2, 2, 2], n_conv_per_stage_decoder=[2, 2], **words,
    )  # fmt: skip
    flat = {"spacing": [3.1, 3.3], "patch_size": [24, 16], "architecture": architecture}
    made = _plain()
    return {**made, "plans": _base(flat, [0, 1, 2]), "mirror": [0, 1]}


def _cascade() -> dict[str, Any]:
    """Three classes, of which two come from the network before; coarse, so that labels are resampled."""
    made = _before()
    made["plans"]["configurations"]["3d_cascade"] = {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"}
    return {**made, "configuration": "3d_cascade"}


def _before() -> dict[str, Any]:
    made = _plain()
    made["dataset"]["labels"] = {"background": 0, "organ": 1, "lesion": 2}
    made["plans"]["configurations"]["3d_lowres"]["spacing"] = [6.0, 6.0, 6.0]
    return {**made, "configuration": "3d_lowres"}


def _regions() -> dict[str, Any]:
    old = {
        "spacing": [4.0, 4.0, 4.0], "patch_size": [16, 24, 24], "UNet_class_name": "PlainConvUNet",
        "UNet_base_num_features": 4, "unet_max_num_features": 6, "n_conv_per_stage_encoder": [2, 2],
        "n_conv_per_stage_decoder": [2], "num_pool_per_axis": [1, 1, 1], "pool_op_kernel_sizes": [[1, 1, 1], [2, 2, 2]],
        "conv_kernel_sizes": [[3, 3, 3], [3, 3, 3]],
    }  # fmt: skip
    dataset = {"channel_names": {"0": "CT", "1": "PET"}, "labels": {"background": 0, "tumor": [1, 2], "hot": [2]},
               "regions_class_order": [1, 2], "numTraining": 1, "file_ending": ".nii.gz"}  # fmt: skip
    return {"plans": _base(old, [0, 1, 2]), "dataset": dataset}
