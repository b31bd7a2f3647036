"""All pictures of a report: projections, key slices, thumbnails of what was removed, or one for a refused study."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Report, Segmentation
from lymphoscope.core.shown import NONE
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, Volume
from lymphoscope.image.projections import View, axial, axial_points, layout, mip
from lymphoscope.render.drawing import COLOUR, INCLUDED, REMOVED, Board, Box, Ink
from lymphoscope.render.mip_picture import GREY, UNSEEN, Region, Scene, mip_picture
from lymphoscope.render.words import organ

KEY_SLICES = 8
THUMBNAILS = 24
WINDOW = 10.0
"""SUV drawn black: 4.0 is then 40 % grey, and hot organs keep their shape."""

CT_WINDOWS = {"lung": (1500.0, -600.0), "bone": (2000.0, 500.0), "soft tissue": (400.0, 40.0)}
"""Width and level, HU; printed beside the picture, as presets vary."""

_TILE, _BETWEEN, _HEAD = 330, 26, 30
_TEXT = {2: 22, 3: 17}
"""Pixels by number of tiles: 8 point as printed."""

_CT_STEP_MM, _AIR = 1.0, -1024.0
_LUNG_BELOW, _BONE_ABOVE = -400.0, 200.0
_THUMB_PIXELS, _THUMB_MM = 168, 170.0


@dataclass(frozen=True, repr=False)
class Picture:
    """A PNG with words for those who cannot see it.

    Attributes:
        name: File name.
        png: The bytes.
        alt: What it shows, in words.
        caption: What is printed under it.
    """

    name: str
    png: bytes
    alt: str
    caption: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels, from the PNG's header."""
        width, height = struct.unpack(">II", self.png[16:24])
        return width, height


@dataclass(frozen=True, repr=False)
class Pictures:
    """The pictures of one report.

    Attributes:
        mip: The picture of page 1, or None where nothing could be read.
        slices: Key slices.
        references: Slices through the reference organs.
        removed: Thumbnails by region number.
    """

    mip: Picture | None = None
    slices: tuple[Picture, ...] = ()
    references: tuple[Picture, ...] = ()
    removed: Mapping[int, Picture] = field(default_factory=lambda: MappingProxyType({}))

    def __iter__(self) -> Iterator[Picture]:
        """Iterate over all of them."""
        yield from (
            picture
            for picture in (self.mip, *self.references, *self.slices, *self.removed.values())
            if picture is not None
        )


def draw(report: Report, record: Mapping[str, Any], window: float = WINDOW) -> Pictures:
    """Draw everything that a measured report shows.

    Args:
        report: The report.
        record: Its record; what is printed under the pictures is taken from there.
        window: SUV drawn black, the same in all pictures.
    """
    segmentation = report.segmentation
    if segmentation is None:
        raise ValueError("a refused study has no measured pictures: use orientation_picture")
    labels, regions = combined(segmentation, report), _regions(record)
    scene = Scene(report.study.pet, labels, regions, record["segmentation"]["threshold_suv"], window)
    boxes = dict(enumerate(ndimage.find_objects(labels), start=1))
    hottest = {n: _hottest(report.study.pet.array, labels, n, box) for n, box in boxes.items() if box is not None}
    return Pictures(
        Picture("mip.png", mip_picture(scene), _mip_words(record)),
        tuple(_key_slice(scene, report.study.ct, row, hottest[row["region"]]) for row in _key_rows(record, hottest)),
        tuple(_references(scene, report.study.ct, record["reference"])),
        MappingProxyType(
            {
                row["region"]: _thumbnail(scene, row, hottest[row["region"]])
                for row in record["segmentation"]["removed"][:THUMBNAILS]
                if row["region"] in hottest
            }
        ),
    )


def orientation_picture(volume: Volume | None) -> Pictures:
    """The one picture of a refused study: the anterior projection in arbitrary grey, without bar, window or number."""
    if volume is None:
        return Pictures()
    projection = mip(volume, View.ANTERIOR)
    finite = projection.image[np.isfinite(projection.image)]
    high = float(np.percentile(finite, 99.5)) if finite.size else 1.0
    low = float(finite.min(initial=0.0)) if finite.size else 0.0
    height, width = projection.size_mm
    scale = min(520.0 / width, 760.0 / height)
    box = Box(10, 40, max(1, round(width * scale)), max(1, round(height * scale)))
    board = Board(max(box.width + 20, 420), box.height + 50)
    board.picture(box, np.nan_to_num(projection.image), (low, max(high, low + 1e-6)), GREY)
    board.frame(box)
    board.text(box.left, 20, "Uncalibrated – orientation only", Ink(20, bold=True))
    board.text(box.left + 6, box.top + 18, "R", Ink(20, bold=True, fill="white", edge="white"))
    board.text(
        box.left + box.width - 6, box.top + 18, "L", Ink(20, bold=True, fill="white", edge="white", across="right")
    )
    words = "Anterior projection of the uncalibrated image, patient's right at the left; for orientation only."
    return Pictures(Picture("mip.png", board.png(), words))


def combined(segmentation: Segmentation, report: Report) -> Array:
    """One label map of all regions by the number printed for people, (z, y, x).

    Lesion voxels carry their region's number, whatever method outlined them; voxels of regions that are not counted
    carry that of their candidate.
    """
    lesions, candidates = segmentation.lesions.labels, segmentation.candidates.labels
    region_of = np.zeros(int(lesions.max(initial=0)) + 1, np.int32)
    for finding in report.findings:
        if finding.lesion < region_of.size:
            region_of[finding.lesion] = finding.region
    out = np.zeros(int(candidates.max(initial=0)) + 1, np.int32)
    for decision in segmentation.decisions:
        if not decision.counted and decision.region < out.size:
            out[decision.region] = decision.region
    return np.where(lesions > 0, region_of[lesions], out[candidates]).astype(np.int32)


def _regions(record: Mapping[str, Any]) -> list[Region]:
    kept = [Region(r["region"], r["id"], r["status"], True, r.get("mtv_ml") or 0.0) for r in record["lesions"]]
    out = [Region(r["region"], r["id"], r["status"], False, r["volume_ml"]) for r in record["segmentation"]["removed"]]
    return [*kept, *out]


def _hottest(suv: Array, labels: Array, number: int, box: tuple[slice, ...]) -> tuple[int, int, int]:
    inside = np.where(labels[box] == number, suv[box], -np.inf)
    k, j, i = (int(n) for n in np.unravel_index(int(inside.argmax()), inside.shape))
    return k + box[0].start, j + box[1].start, i + box[2].start


def _key_rows(record: Mapping[str, Any], hottest: Mapping[int, Any]) -> list[Mapping[str, Any]]:
    """The largest, the hottest, every doubtful and every reader-added lesion, eight at most."""
    lesions = [row for row in record["lesions"] if row["region"] in hottest]
    rows = [max(lesions, key=lambda r: r[key] or 0.0) for key in ("mtv_ml", "suvmax") if lesions]
    rows += [row for row in lesions if row["status"] == "doubtful" or row["origin"] == "added"]
    out = record["segmentation"]["removed"]
    rows += [row for row in out if row["status"] == "doubtful" and row["region"] in hottest]
    return list({row["region"]: row for row in rows}.values())[:KEY_SLICES]


def _mip_words(record: Mapping[str, Any]) -> str:
    lesions, out = record["lesions"], record["segmentation"]["removed"]
    doubtful = [r["id"] for r in (*lesions, *out) if r["status"] == "doubtful"]
    gone = [r["id"] for r in out if r["status"] == "removed"]
    named = ", ".join(r["id"] for r in lesions) or "none"
    return (
        "Anterior and left lateral maximum-intensity projections, each clean and beside it with regions drawn in. "
        f"Counted: {named}. Doubtful: {', '.join(doubtful) or 'none'}. Removed: {', '.join(gone) or 'none'}."
    )


def _key_slice(scene: Scene, ct: Volume | None, row: Mapping[str, Any], voxel: tuple[int, int, int]) -> Picture:
    inside = scene.labels == row["region"]
    name = "soft tissue" if ct is None else ct_window(ct, scene.pet.geometry, inside)
    mask = axial(inside, scene.pet.geometry, voxel)
    png = _slices(scene, ct, voxel, _Outline(mask, COLOUR.get(row["status"], INCLUDED), name))
    size = row["shown"].get("mtv_ml") or row["shown"].get("volume_ml")
    words = f"{row['glyph']} {row['id']} {row['word']}: {size} mL, SUVmax {row['shown']['suvmax']}"
    where = row.get("site") or organ(row.get("organ"))
    seen = "axial PET, clean and outlined," if ct is None else "axial CT, PET and both fused"
    alt = (
        f"{row['id']}, {row['word']}: {seen} through its hottest voxel, cross-hair there, patient's right at the left."
    )
    return Picture(f"slice-{row['id']}.png", png, alt, f"{words}{', ' + where if where else ''}")


def _references(scene: Scene, ct: Volume | None, found: Mapping[str, Any]) -> Iterator[Picture]:
    """A slice through the middle of each reference region, so that its place can be confirmed."""
    geometry = scene.pet.geometry
    for name, block in sorted(found.items()):
        centre = [block.get(key) for key in ("centre_l_mm", "centre_p_mm", "centre_s_mm")]
        if any(not isinstance(place, int | float) for place in centre):
            continue
        index = np.rint(geometry.to_index(centre)).astype(int)
        if (index < 0).any() or (index >= geometry.shape).any():
            continue
        voxel = (int(index[0]), int(index[1]), int(index[2]))
        alt = f"Axial slice through the reference region of the {organ(name)}, cross-hair at its middle."
        words = f"Reference {organ(name)}: SUVmean {block['shown'].get('mean', NONE)}; circle of the region's volume"
        outline = _Outline(_disc(geometry, voxel, block.get("volume_ml") or 0.0), "#FFFFFF", "soft tissue")
        yield Picture(f"reference-{name}.png", _slices(scene, ct, voxel, outline), alt, words)


def _disc(geometry: Geometry, voxel: tuple[int, int, int], volume_ml: float) -> NDArray[np.bool_]:
    """The middle section of a sphere of a volume, on the axial slice through a voxel."""
    laid = layout(geometry)
    _, back, across = laid.place(voxel, geometry.shape)
    rows, columns = (np.arange(geometry.shape[axis]) for axis in laid.order[1:])
    square = ((rows - back)[:, None] * laid.spacing[1]) ** 2 + ((columns - across)[None, :] * laid.spacing[2]) ** 2
    return np.asarray(square <= (3000.0 * volume_ml / (4 * np.pi)) ** (2 / 3))


@dataclass(frozen=True, eq=False)
class _Outline:
    mask: Array
    colour: str
    ct_window: str


def _slices(scene: Scene, ct: Volume | None, voxel: tuple[int, int, int], outline: _Outline) -> bytes:
    """CT, PET and both fused, or the PET twice; the last tile with the outline."""
    geometry = scene.pet.geometry
    pet = axial(scene.pet.array, geometry, voxel)
    tiles = _Tiles(geometry, voxel, 3 if ct is not None else 2, _body(pet, outline.mask, geometry, scene.window))
    board = Board(*tiles.size)
    tiles.picture(board, tiles.count - 2, f"PET SUVbw 0–{scene.window:g}", pet, (0.0, scene.window))
    if ct is None:
        tiles.picture(board, 1, "outlined", pet, (0.0, scene.window))
    else:
        width, level = CT_WINDOWS[outline.ct_window]
        hounsfield, shades = ct_on_slice(ct, geometry, voxel, tiles.part), (level - width / 2, level + width / 2)
        tiles.start(board, 0, f"CT HU {width:g}/{level:g} {outline.ct_window}".replace("-", "−"))
        tiles.start(board, 2, "SUVbw 50 % on HU")
        for tile in (0, 2):
            board.picture(tiles.box(tile), hounsfield, shades, "gray")
        board.picture(tiles.box(2), pet[tiles.part], (0.0, scene.window), "hot", 0.5)
    board.regions(tiles.box(tiles.count - 1), outline.mask[tiles.part], outline.colour, width=2)
    tiles.finish(board)
    return board.png()


def _body(pet: Array, mask: Array, geometry: Geometry, window: float) -> tuple[slice, slice]:
    """Rows and columns in which anything can be seen, and 2 cm more."""
    seen = (pet > UNSEEN * window) | mask
    spacing = layout(geometry).spacing[1:]
    cuts = []
    for axis in (0, 1):
        places = np.flatnonzero(seen.any(axis=1 - axis)) if seen.any() else np.array([0, seen.shape[axis] - 1])
        border = int(np.ceil(20.0 / spacing[axis]))
        cuts.append(slice(max(0, int(places[0]) - border), min(seen.shape[axis], int(places[-1]) + 1 + border)))
    return cuts[0], cuts[1]


def ct_window(ct: Volume, geometry: Geometry, region: Array) -> str:
    """Which CT window suits a region, by the median HU at its voxels."""
    voxels = np.argwhere(region)
    index = ct.geometry.to_index(geometry.to_lps(voxels))
    values = ndimage.map_coordinates(
        ct.values(Unit.HU), index.T, order=1, mode="constant", cval=_AIR, output=np.float32
    )
    median = float(np.median(values)) if values.size else 0.0
    return "lung" if median < _LUNG_BELOW else "bone" if median > _BONE_ABOVE else "soft tissue"


def ct_on_slice(
    ct: Volume, geometry: Geometry, voxel: tuple[int, int, int], part: tuple[slice, slice] | None = None
) -> NDArray[np.float32]:
    """CT looked up along a PET slice, linear, for display only; air where there is no CT.

    Args:
        ct: The CT in HU.
        geometry: The PET's grid.
        voxel: A voxel of the slice, (z, y, x).
        part: Rows and columns of the slice; all when None.

    Returns:
        HU, rows from front to back, columns from the patient's right to the left.
    """
    index = ct.geometry.to_index(axial_points(geometry, voxel, _CT_STEP_MM, part))
    values = ct.values(Unit.HU)
    found = ndimage.map_coordinates(
        values, np.moveaxis(index, -1, 0), order=1, mode="constant", cval=_AIR, output=np.float32
    )
    return np.asarray(found, np.float32)


class _Tiles:
    """Equal tiles of one part of an axial slice side by side, with sides and a cross-hair."""

    def __init__(self, geometry: Geometry, voxel: tuple[int, int, int], count: int, part: tuple[slice, slice]) -> None:
        laid = layout(geometry)
        _, back, across = laid.place(voxel, geometry.shape)
        rows, columns = (cut.stop - cut.start for cut in part)
        tall, wide = rows * laid.spacing[1], columns * laid.spacing[2]
        scale = _TILE / max(tall, wide)
        self._wide, self._tall = max(1, round(wide * scale)), max(1, round(tall * scale))
        x, y = (across + 0.5 - part[1].start) / columns, (back + 0.5 - part[0].start) / rows
        self._cross = (x * self._wide, y * self._tall)
        self._text = _TEXT[count]
        self.count = count
        self.part = part
        self.size = (count * (_TILE + _BETWEEN) - _BETWEEN, self._tall + _HEAD)

    def box(self, tile: int) -> Box:
        """Place of a tile's picture."""
        return Box(tile * (_TILE + _BETWEEN) + (_TILE - self._wide) // 2, _HEAD, self._wide, self._tall)

    def start(self, board: Board, tile: int, title: str) -> None:
        """Write what a tile shows, between the letters of its sides."""
        middle = tile * (_TILE + _BETWEEN) + _TILE / 2
        board.text(middle, _HEAD / 2, title, Ink(self._text, across="center"))

    def picture(self, board: Board, tile: int, title: str, pet: Array, window: tuple[float, float]) -> None:
        """Show the PET in inverse grey."""
        self.start(board, tile, title)
        board.picture(self.box(tile), pet[self.part], window, GREY)

    def finish(self, board: Board) -> None:
        """Draw sides and cross-hair over all tiles."""
        x, y = self._cross
        for tile in range(self.count):
            box = self.box(tile)
            board.frame(box)
            for xs, ys in _hairs(box, box.left + x, box.top + y):
                board.line(xs, ys, "#CC0000", 1.2)
            board.text(box.left + 1, _HEAD / 2, "R", Ink(self._text, bold=True))
            board.text(box.left + box.width - 1, _HEAD / 2, "L", Ink(self._text, bold=True, across="right"))


def _hairs(
    box: Box, x: float, y: float, gap: float = 14.0
) -> Sequence[tuple[tuple[float, float], tuple[float, float]]]:
    right, bottom = box.left + box.width, box.top + box.height
    lines = [((box.left, x - gap), (y, y)), ((x + gap, right), (y, y))]
    lines += [((x, x), (box.top, y - gap)), ((x, x), (y + gap, bottom))]
    return [(xs, ys) for xs, ys in lines if xs[1] > xs[0] or ys[1] > ys[0]]


def _thumbnail(scene: Scene, row: Mapping[str, Any], voxel: tuple[int, int, int]) -> Picture:
    """A small axial PET picture round a region that is not counted, with its outline."""
    geometry = scene.pet.geometry
    laid = layout(geometry)
    _, back, across = laid.place(voxel, geometry.shape)
    cut = tuple(
        slice(max(0, middle - reach), middle + reach + 1)
        for middle, reach in zip(
            (back, across), (max(1, round(_THUMB_MM / 2 / s)) for s in laid.spacing[1:]), strict=True
        )
    )
    pet = axial(scene.pet.array, geometry, voxel)[cut]
    mask = axial(scene.labels == row["region"], geometry, voxel)[cut]
    tall, wide = pet.shape[0] * laid.spacing[1], pet.shape[1] * laid.spacing[2]
    scale = _THUMB_PIXELS / max(tall, wide)
    box = Box(0, 0, max(1, round(wide * scale)), max(1, round(tall * scale)))
    board = Board(box.width, box.height)
    board.picture(box, pet, (0.0, scene.window), GREY)
    board.regions(box, mask, COLOUR.get(row["status"], REMOVED), width=2)
    board.text(6, 20, "R", Ink(30, bold=True, fill="white", edge="white"))
    alt = f"{row['id']}, {row['word']}: axial PET, outlined, patient's right at the left."
    return Picture(f"removed-{row['id']}.png", board.png(), alt)
