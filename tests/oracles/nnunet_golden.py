"""Writes what nnU-Net itself makes of two small cases, for the tests that run without it.

python tests/oracles/nnunet_golden.py PYTHON_WITH_NNUNETV2 [KIND …]
"""

# ruff: noqa: T201

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from nnunet_models import case, spec

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "learn" / "foreign" / "golden"
KINDS = {"plain": {"steps": 60}, "residual": {}, "planes": {"steps": 60}, "cascade": {}}


def main() -> None:
    python = sys.argv[1]
    GOLDEN.mkdir(exist_ok=True)
    for kind, more in KINDS.items():
        if sys.argv[2:] and kind not in sys.argv[2:]:
            continue
        with tempfile.TemporaryDirectory() as name:
            keep(kind, more, python, Path(name))


def keep(kind: str, more: dict[str, int], python: str, folder: Path) -> None:
    wanted = spec(kind, **more)
    (folder / "spec.json").write_text(json.dumps(wanted))
    images, spacing = case(kind)
    before = {"before": labels(images)} if kind == "cascade" else {}
    np.savez(folder / "case.npz", images=images, spacing=spacing, **before)
    script = str(HERE / "nnunet_peer.py")
    subprocess.run([python, script, "make", folder / "spec.json", folder / "model"], check=True)
    words = ["predict", folder / "model", folder / "case.npz", folder / "out.npz", "--float32", "--mirror"]
    subprocess.run([python, script, *words], check=True)
    held = torch.load(folder / "model" / "fold_0" / "checkpoint_final.pth", weights_only=False)
    doubles = ("decoder.encoder.", ".all_modules.")
    weights = {
        f"weight:{name}": tensor.numpy().astype(np.float16)
        for name, tensor in held["network_weights"].items() if not any(part in name for part in doubles)
    }  # fmt: skip
    with np.load(folder / "out.npz") as out:
        np.savez_compressed(
            GOLDEN / f"{kind}.npz",
            ct=images[0].astype(np.int16), pet=images[1].astype(np.float16), spacing=spacing,
            data=out["data"][:, ::2, ::2, ::2].astype(np.float32), data_shape=out["data"].shape,
            labels=out["labels"].astype(np.uint8), probability=out["probabilities"][-1].astype(np.float16),
            **weights, **before,
        )  # fmt: skip
    print(kind, (GOLDEN / f"{kind}.npz").stat().st_size)


def labels(images: np.ndarray) -> np.ndarray:
    """What a network before might have said: an organ, and what is hot."""
    inside = np.zeros(images.shape[1:], np.uint8)
    inside[5:17, 8:20, 6:15] = 1
    inside[images[1] > 4] = 2
    return inside


if __name__ == "__main__":
    main()
