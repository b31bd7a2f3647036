"""Cases of which only a part was marked, made of cases that are marked as a whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lymphoscope.image.hottest import hottest_part
from lymphoscope.io.dataset.cases import UNMARKED
from lymphoscope.learn.prepare import Prepared, places

SHARE = 0.2
"""Most of the hottest lesion that is marked."""


def weakened(case: Prepared) -> Prepared:
    """The case as if somebody had marked a small part of its hottest lesion and nothing else.

    What is not marked is unknown, not background.

    Reference: Huang et al., Comput Biol Med 2022;151:106230 had one small volume of one lesion drawn by hand.
    """
    if case.labels is None:
        return case
    part = hottest_part(case.labels, case.images[0], SHARE)
    labels = np.where(part, case.labels, UNMARKED).astype(np.int8)
    return replace(case, labels=labels, lesions=places(labels))
