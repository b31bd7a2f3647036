"""Whether the methods may be applied to a study at all: the tracer is FDG, and PET and CT show one body."""

from __future__ import annotations

from collections.abc import Mapping

from lymphoscope.core.errors import Message
from lymphoscope.core.study import Study
from lymphoscope.core.volume import Array
from lymphoscope.image.alignment import check_alignment, check_sides
from lymphoscope.io.tracer import require_fdg


def require_fit(study: Study, research_tracer: bool = False) -> tuple[Message, ...]:
    """Refuse a study that the methods were not made for.

    Args:
        study: The study.
        research_tracer: Go on with another tracer than FDG; it is said on every output.

    Returns:
        ``TRACER-W-*`` and, where there is a CT, ``GEO-W-COVERAGE`` and ``GEO-W-ALIGN``.

    Raises:
        LymphoscopeError: ``TRACER-E-NOTFDG`` for another tracer, ``GEO-E-ALIGN`` where PET and CT do not show the same
            body.
    """
    found = require_fdg(study.suv, research_tracer)
    return found if study.ct is None else (*found, *check_alignment(study.pet, study.ct))


def check_organs(study: Study, regions: Mapping[str, Array]) -> tuple[Message, ...]:
    """Ask of the user's organ masks whether left and right are exchanged: ``GEO-W-FLIP``."""
    return () if study.organs is None else check_sides(regions, study.pet.geometry)
