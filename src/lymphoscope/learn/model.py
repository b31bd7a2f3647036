"""A run folder ready to predict: all stages, all folds asked for, by OpenVINO or torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.volume import Volume
from lymphoscope.learn.device import require_device
from lymphoscope.learn.predict import RISK, Member, Predicted, predict_all, refined
from lymphoscope.learn.run import Run, exported
from lymphoscope.recipes.planning import Plan
from lymphoscope.recipes.spec import Stage

ENGINES = ("openvino", "torch")


@dataclass(frozen=True, eq=False)
class Model:
    """Trained networks of a recipe.

    Attributes:
        plan: What they were trained by.
        stages: Each stage with its networks, one a fold; none where it is a rule.
    """

    plan: Plan
    stages: Sequence[tuple[Stage, Sequence[Member]]]

    @property
    def reads(self) -> tuple[str, ...]:
        """Images it needs, by role."""
        own = {stage.id for stage, _ in self.stages}
        return tuple(dict.fromkeys(role for stage, _ in self.stages for role in stage.reads if role not in own))

    @property
    def tells(self) -> tuple[str, ...]:
        """Names of the further maps that the last stage tells of."""
        return tuple(name for name in self._told if not name.startswith(RISK))

    @property
    def foretells(self) -> bool:
        """Whether the last stage tells a risk of the patient."""
        return any(name.startswith(RISK) for name in self._told)

    @property
    def _told(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for member in self.stages[-1][1] for name in member.tells))

    def predict(self, volumes: Mapping[str, Volume], progress: Progress = silent) -> Predicted:
        """Probabilities of a case on the grid of the recipe's first input.

        Args:
            volumes: Images by role.
            progress: Hears of every window.

        Raises:
            LymphoscopeError: ``DATA-E-MISSING`` when an image is missing.
        """
        return refined(predict_all(self.stages, volumes, progress), self.plan.recipe.post, volumes)


def open_model(run: Run, folds: Sequence[int] | None = None, engine: str = "openvino", device: str = "cpu") -> Model:
    """Load a run for prediction. OpenVINO needs no torch.

    Args:
        run: The run folder.
        folds: Which folds speak; None for all that are trained.
        engine: One of `ENGINES`.
        device: One of `DEVICES`; on a graphics card networks compute by torch.

    Raises:
        LymphoscopeError: ``RUN-E-FOLDER`` for no run folder or one without a trained fold, ``USE-E-VALUE`` for a fold
            that is not trained or an unknown engine, ``RUN-E-WEIGHTS`` for damaged weights; those of `require_device`.
    """
    if engine not in ENGINES:
        raise LymphoscopeError("USE-E-VALUE", f"an engine is one of {', '.join(ENGINES)}", "--engine")
    plan, there = run.plan(), run.folds()
    if not there:
        raise LymphoscopeError("RUN-E-FOLDER", "no fold of this run is trained yet", where=run.path.name)
    wanted = there if folds is None else tuple(folds)
    missing = sorted(set(wanted) - set(there))
    if missing:
        raise LymphoscopeError("USE-E-VALUE", f"fold {missing[0]} of this run is not trained", "--folds")
    on_card = require_device(device) == "cuda"
    load = _by_openvino if engine == "openvino" and not on_card else partial(_by_torch, device=device)
    members = {stage.id: [load(plan, run, stage, fold) for fold in wanted] for stage in plan.recipe.learnt}
    return Model(plan, [(stage, members.get(stage.id, [])) for stage in plan.recipe.stages])


def _by_openvino(plan: Plan, run: Run, stage: Stage, fold: int) -> Member:
    from lymphoscope.learn.openvino_engine import by_openvino  # noqa: PLC0415 - slow to load

    folder = run.stage(fold, stage.id)
    try:
        facts = json.loads((folder / "network.json").read_text(encoding="utf-8"))
        return Member(by_openvino(exported(folder)), int(facts["context"]), tuple(facts.get("tells", ())))
    except (OSError, ValueError, KeyError, RuntimeError):
        raise LymphoscopeError("RUN-E-WEIGHTS", "the exported network cannot be read", where=folder.name) from None


def _by_torch(plan: Plan, run: Run, stage: Stage, fold: int, device: str) -> Member:
    from lymphoscope.learn.fold import trained  # noqa: PLC0415 - needs torch
    from lymphoscope.learn.torch_engine import by_torch  # noqa: PLC0415

    net = trained(plan, run, stage, fold)
    return Member(by_torch(net, device), net.backbone.context, net.tells)
