"""What a step of the joint networks costs at the published widths and size, on one processor core.

    OMP_NUM_THREADS=1 python benchmarks/prognosis_cost.py m1-joint m1-a m1-b --batch 1

Each network in a process of its own: random patients of 224 × 64 × 64 voxels, the recipe's loss and optimizer, one step
to get warm, then the median of others. Seconds are those of the processor, which other work on the machine disturbs
less than the clock; `whole_days` is the published training, 3,583 steps of 12 patients, at this price a patient.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

PUBLISHED_BATCH = 12
EVENTS, OTHERS = 89, 180


def cost(name: str, patients: int, steps: int) -> dict[str, Any]:
    """Parameters, seconds of a step, peak memory of this process."""
    import torch  # noqa: PLC0415 - in the child alone

    from lymphoscope.learn.batch import Batch  # noqa: PLC0415
    from lymphoscope.learn.build import network, supervision  # noqa: PLC0415
    from lymphoscope.learn.parts import made  # noqa: PLC0415
    from lymphoscope.recipes.endpoint import weighted  # noqa: PLC0415
    from lymphoscope.recipes.joint import BOX, JOINT  # noqa: PLC0415

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    learn = weighted(JOINT[name].stages[0].trained, EVENTS, OTHERS)
    net = network(learn, channels=1, classes=2, dims=3).to(memory_format=torch.channels_last_3d)
    owner = supervision(learn, net)
    moved = made("optimizer", learn.optimizer)(net.parameters())
    images = torch.rand(patients, 1, *BOX)
    known = torch.arange(patients).float() % 2
    batch = Batch(images, (images > 0.9).long(), {"outcome:event": known})

    def update(loss: torch.Tensor, *_: str) -> None:
        moved.zero_grad()
        loss.backward()
        moved.step()

    spent, clock = [], []
    for _ in range(steps + 1):
        began, wall = time.process_time(), time.perf_counter()
        owner.step(batch, update, 0.0)
        spent.append(time.process_time() - began)
        clock.append(time.perf_counter() - wall)
    trained = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    with torch.inference_mode():
        began = time.process_time()
        net.eval().predict(images[:1])
        predicted = time.process_time() - began
    step = statistics.median(spent[1:])
    whole = step / patients * PUBLISHED_BATCH * learn.steps / 86400
    return {
        "recipe": name,
        "parameters": sum(weight.numel() for weight in net.parameters()),
        "patients": patients,
        "step_s": round(step, 1),
        "step_clock_s": round(statistics.median(clock[1:]), 1),
        "memory_gb": round(trained, 2),
        "predict_s": round(predicted, 1),
        "whole_days": round(whole, 1),
    }


def main() -> None:
    """Measure each network in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--here", action="store_true", help="in this process")
    given = parser.parse_args()
    for name in given.recipes:
        if given.here:
            print(json.dumps(cost(name, given.batch, given.steps)), flush=True)
        else:
            words = [name, "--batch", str(given.batch), "--steps", str(given.steps), "--here"]
            subprocess.run([sys.executable, __file__, *words], check=True)


if __name__ == "__main__":
    main()
