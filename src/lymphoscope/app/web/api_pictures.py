"""What the page draws: images, the turning projection, and the regions in both."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from lymphoscope.app.web.api import FOREVER, At, Who
from lymphoscope.app.web.pictures import TOPS, labels_file, labels_key
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.render.turntable import FRAMES

drawn = APIRouter(prefix="/api")


@drawn.get("/cases/{case}/{name}.nii.gz")
def volume(case: str, name: str, person: Who, desk: At, of: str = "") -> Response:
    """``pet`` (SUVbw, native grid), ``ct`` (HU), or ``ct-view``: of the CT what 2 mm pixels need.

    A browser keeps it where ``of`` says which measurement of the case it belongs to.
    """
    return Response(desk.case(case).volume(name), media_type="application/gzip", headers=FOREVER if of else None)


@drawn.get("/cases/{case}/mip/{frame}.png")
def mip(case: str, frame: int, person: Who, desk: At, top: int = 10, of: str = "") -> Response:
    """A frame of the turning projection, SUV 0 to ``top``; frame 0 is from the front, 9 from the patient's left."""
    if top not in TOPS or not 0 <= frame < FRAMES:
        raise LymphoscopeError("WEB-E-NOTHERE", "there is no such frame of the projection")
    return Response(desk.frame(case, frame, top), media_type="image/png", headers=FOREVER if of else None)


@drawn.get("/cases/{case}/mip/{frame}/pick")
def pick(
    case: str,
    frame: int,
    row: Annotated[float, Query(ge=0, le=1)],
    column: Annotated[float, Query(ge=0, le=1)],
    person: Who,
    desk: At,
) -> dict[str, Any]:
    """The hottest voxel behind a point of a frame."""
    opened = desk.case(case)
    index = opened.turntable.pick(360.0 / FRAMES * (frame % FRAMES), row, column)
    return {"index": index, "lps": opened.case.kept.study.pet.geometry.to_lps(index).tolist()}


@drawn.get("/cases/{case}/versions/{name}/labels/{key}.nii.gz")
def labels(case: str, name: str, key: str, person: Who, desk: At) -> Response:
    """The regions of a version, a slot each; for the state that is named and no other."""
    with desk.version(case, name, person) as version:
        if labels_key(version.now) != key:
            raise LymphoscopeError("READ-E-STALE", "the version was changed in the meantime")
        content = labels_file(version.now, version.case.kept.study.pet.geometry)
    return Response(content, media_type="application/gzip", headers=FOREVER)


@drawn.get("/cases/{case}/versions/{name}/mip/{frame}")
def marks(case: str, name: str, frame: int, person: Who, desk: At) -> dict[str, Any]:
    """Middle and outlines of the regions in a frame of the projection, row and column 0–1, by region number."""
    with desk.version(case, name, person) as version:
        reading = version.now
    shadows = desk.case(case).turntable.shadows(reading, 360.0 / FRAMES * (frame % FRAMES))
    marks = {number: middle for number, (middle, _) in shadows.items()}
    outlines = {number: lines for number, (_, lines) in shadows.items()}
    return {"labels": labels_key(reading), "marks": marks, "outlines": outlines}
