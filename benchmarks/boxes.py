"""Boxes of the connected parts of probability maps, so that what draws is judged like what finds boxes.

    python benchmarks/boxes.py RUN/out_of_fold/lesions OUT --at 0.3 [--parts RUN/out_of_fold/candidates]

With --parts the parts are those of other maps (of a first stage), and the score of each is the highest value that MAPS
has in it; without, they are those of MAPS. `lymphoscope evaluate MASKS REFERENCES --boxes OUT -o F` reads them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from lymphoscope.core.units import Unit
from lymphoscope.evaluate.boxes import lesion_boxes
from lymphoscope.image.components import components
from lymphoscope.io.boxes import ScoredBoxes, write_boxes
from lymphoscope.io.nifti import read_nifti


def main() -> None:
    """Write a table of boxes for every map."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("maps", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--at", type=float, default=0.3, help="probability from which a voxel belongs to a part")
    parser.add_argument("--parts", type=Path, help="maps whose parts are taken instead")
    asked = parser.parse_args()
    for path in sorted(asked.maps.glob("*.nii.gz")):
        told = read_nifti(path, Unit.PROBABILITY)
        found = read_nifti(asked.parts / path.name, Unit.PROBABILITY) if asked.parts else told
        parts = components(found.array >= asked.at)
        scores = [told.array[parts == number].max() for number in range(1, int(parts.max()) + 1)]
        edges = lesion_boxes(parts, (1, 1, 1))
        boxes = ScoredBoxes.on(told.geometry, edges, np.array(scores))
        write_boxes(asked.out / f"{path.name.removesuffix('.nii.gz')}.csv", boxes)


if __name__ == "__main__":
    main()
