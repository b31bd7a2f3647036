"""Run a part of nnU-Net with a trainer it does not have: another number of epochs or iterations, another optimiser.

This file is run by the Python of nnU-Net's installation, as a script, and uses nothing of Lymphoscope:
``python launch.py PART BASE EPOCHS ITERATIONS ARGUMENTS``. The trainer becomes an attribute of nnU-Net's own module,
where nnU-Net looks for trainers by name, in training and in predicting.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import Any

_PARTS = {
    "plan": ("nnunetv2.experiment_planning.plan_and_preprocess_entrypoints", "plan_and_preprocess_entry"),
    "train": ("nnunetv2.run.run_training", "run_training_entry"),
    "predict": ("nnunetv2.inference.predict_from_raw_data", "predict_entry_point"),
}
_TRAINERS = "nnunetv2.training.nnUNetTrainer"
_BASES = {
    "nnUNetTrainer": f"{_TRAINERS}.nnUNetTrainer",
    "nnUNetTrainerVanillaAdam": f"{_TRAINERS}.variants.optimizer.nnUNetTrainerAdam",
    "nnUNetTrainerVanillaAdam3en4": f"{_TRAINERS}.variants.optimizer.nnUNetTrainerAdam",
}
_DEFAULT_ITERATIONS = 250
_VALIDATION_SHARE = 5


def trainer_name(base: str, epochs: int, iterations: int) -> str:
    """What the trainer is called: as nnU-Net calls its own where it has one."""
    if iterations == _DEFAULT_ITERATIONS:
        return base if epochs == 1000 else f"{base}_{epochs}epoch{'s' if epochs > 1 else ''}"
    return f"{base}_{epochs}epochs_{iterations}iterations"


def add_trainer(base: str, epochs: int, iterations: int) -> str:
    """Make the trainer known to nnU-Net, unless it has it. Returns its name."""
    module: Any = importlib.import_module(_BASES[base])
    name = trainer_name(base, epochs, iterations)
    fixed = {
        "num_epochs": epochs,
        "num_iterations_per_epoch": iterations,
        "num_val_iterations_per_epoch": max(1, iterations // _VALIDATION_SHARE),
    }
    if not hasattr(module, name):
        setattr(module, name, type(name, (getattr(module, base),), {k: _constant(v) for k, v in fixed.items()}))
    return name


def _constant(value: int) -> property:
    """An attribute that stays what it is when nnU-Net's constructor sets its default."""
    return property(lambda _: value, lambda *_: None)


def _bear_new_torch() -> None:
    """Let nnU-Net 2.5 give its learning rate's schedule the argument that PyTorch 2.7 has no more."""
    scheduler: Any = importlib.import_module("torch.optim.lr_scheduler").LRScheduler
    own = scheduler.__init__
    if "verbose" not in inspect.signature(own).parameters:
        scheduler.__init__ = lambda self, optimizer, last_epoch=-1, *_: own(self, optimizer, last_epoch)


def main() -> None:
    """Run the part."""
    part, base, epochs, iterations, *arguments = sys.argv[1:]
    _bear_new_torch()
    if part != "plan":
        add_trainer(base, int(epochs), int(iterations))
    module, entry = _PARTS[part]
    sys.argv = [f"nnUNetv2_{part}", *arguments]
    getattr(importlib.import_module(module), entry)()


if __name__ == "__main__":
    main()
