"""Checkpoints: what nnU-Net writes is read, and nothing in them runs."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.learn.foreign.checkpoint import read_checkpoint


def held(**more: Any) -> dict[str, Any]:
    """A checkpoint as nnU-Net's trainer leaves it."""
    return {
        "network_weights": {"_orig_mod.a.weight": torch.ones(2, 3)},
        "logging": {"mean_fg_dice": [np.float64(0.5), np.float32(0.25)], "lr": np.array(0.1).reshape(())[()]},
        "init_args": {"configuration": "3d_fullres", "device": torch.device("cuda:0"), "fold": 0},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 2),
        **more,
    }


class Trap:
    """Unpickled freely, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_what_nnunet_writes_is_read(tmp_path: Path) -> None:
    torch.save(held(), tmp_path / "checkpoint_final.pth")
    found = read_checkpoint(tmp_path / "checkpoint_final.pth")
    assert found.configuration == "3d_fullres" and found.mirror == (0, 2) and found.trainer == "nnUNetTrainer"
    assert found.weights["a.weight"].sum() == 6


def test_nothing_in_a_checkpoint_runs(tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    torch.save(held(extra=Trap(trap)), tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(pickle.dumps(Trap(trap)))
    assert _code(tmp_path / "a.pth") == _code(tmp_path / "b.pth") == "MODEL-E-CHECKPOINT"
    assert not trap.exists()


@pytest.mark.parametrize(
    "more",
    [
        {"network_weights": {}}, {"network_weights": {"a": [1, 2]}}, {"network_weights": None}, {"init_args": {}},
        {"inference_allowed_mirroring_axes": (7,)},
    ],
)  # fmt: skip
def test_what_is_not_nnunets_is_refused(tmp_path: Path, more: dict[str, Any]) -> None:
    torch.save(held(**more), tmp_path / "c.pth")
    assert _code(tmp_path / "c.pth") == "MODEL-E-CHECKPOINT"


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    torch.save(held(), tmp_path / "whole.pth")
    data = (tmp_path / "whole.pth").read_bytes()
    for number, damaged in enumerate((b"", data[:-200], data[: len(data) // 2], b"PK\x03\x04" + data[40:])):
        path = tmp_path / f"{number}.pth"
        path.write_bytes(damaged)
        assert _code(path) == "MODEL-E-CHECKPOINT"
    assert _code(tmp_path / "absent.pth") == "MODEL-E-CHECKPOINT"


def test_a_file_that_unpacks_to_much_more_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 50_000_000)
    assert _code(tmp_path / "bomb.pth") == "MODEL-E-CHECKPOINT"


def _code(path: Path) -> str:
    with pytest.raises(LymphoscopeError) as refused:
        read_checkpoint(path)
    return refused.value.code


def test_checkpoints_of_an_older_numpy_are_read(tmp_path: Path) -> None:
    """numpy 1 knew its scalars by another name; the pickle of a checkpoint keeps the name it was written with."""
    torch.save(held(), tmp_path / "new.pth")
    with zipfile.ZipFile(tmp_path / "new.pth") as new, zipfile.ZipFile(tmp_path / "old.pth", "w") as old:
        for entry in new.infolist():
            data = new.read(entry)
            if entry.filename.endswith("data.pkl"):
                assert b"cnumpy._core.multiarray\nscalar\n" in data
                data = data.replace(b"cnumpy._core.multiarray\nscalar\n", b"cnumpy.core.multiarray\nscalar\n")
            old.writestr(entry, data)
    assert read_checkpoint(tmp_path / "old.pth").configuration == "3d_fullres"
