"""Put the network of a run of `whole-body` into the package: weights in 16 bits, plan, and a card with their hashes.

python benchmarks/whole_body_bundle.py RUN --version 1
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from lymphoscope import __version__
from lymphoscope.app.models.store import BUNDLED, CARD
from lymphoscope.app.second_look import NAME
from lymphoscope.io.case import canonical_json
from lymphoscope.learn.offline import openvino
from lymphoscope.learn.run import Run, exported

CARD_TEXTS = {
    "name": NAME,
    "title": "Which hot uptake of a whole-body FDG PET is a lesion, and which organ is the rest",
    "licence": "Apache-2.0, as the program; learnt from data under CC BY 3.0, see training_data",
    "training_data": "Synthetic whole-body FDG PET on open organ maps, 35 real soft-tissue sarcomas (Vallières et al. "
    "2015, doi 10.7937/K9/TCIA.2015.7GO2GSKS, prepared by the IBSI; CC BY 3.0) set into them. No lymphoma of a patient",
    "citation": "Vallières et al., Phys Med Biol 2015;60:5471 (sarcomas); Ronneberger et al., MICCAI 2015:234 (U-Net)",
    "page": "docs/reference/bundled-model.md",
    "note": "It has seen no lymphoma of a patient. It looks at what rules decided, decides where they doubt, and asks "
    "a reader; it draws nothing",
}


def main() -> None:
    """Write the folder anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--version", required=True)
    arguments = parser.parse_args()
    run, folder = Run(arguments.run), BUNDLED.path / NAME
    plan = run.plan()
    (stage,) = plan.recipe.stages
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    network = openvino.Core().read_model(exported(run.stage(0, stage.id)))
    openvino.save_model(network, folder / "model.xml", compress_to_fp16=True)
    # what every case of the data looked like is not needed to predict: one stands for all
    short = replace(plan, fingerprint=replace(plan.fingerprint, cases=plan.fingerprint.cases[:1]))
    (folder / "plan.json").write_bytes(canonical_json(short.as_record()))
    files = {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    learn = stage.trained
    card = {
        **CARD_TEXTS,
        "version": arguments.version,
        "made_by": f"lymphoscope {__version__}",
        "recipe": plan.recipe.id,
        "steps": learn.steps,
        "cases": len(plan.folds[0].train),
        "roles": list(stage.reads),
        "lesion": ["lesion"],
        "classes": sorted(plan.labels, key=lambda name: plan.labels[name]),
        "configuration": "2d, coronal slices of 8 mm, seven at a time",
        "folds": [0],
        "files": files,
    }
    (folder / CARD).write_bytes(canonical_json(card))
    print(sum(path.stat().st_size for path in folder.iterdir()), "bytes")


if __name__ == "__main__":
    main()
