"""Cases made ready for a stage: on its grid, scaled, with the places of their lesions, kept on disk and mapped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.components import components
from lymphoscope.image.resample import labels_on, resample
from lymphoscope.io.dataset.cases import UNMARKED
from lymphoscope.learn.parts import made
from lymphoscope.recipes.spec import Stage

_MOST_VOXELS_OF_A_LESION = 4096
"""Places kept of a lesion: a patch centred on one of some thousand voxels is as good as one of all."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A case as a stage is trained on it.

    Attributes:
        id: Case.
        patient: Whose it is.
        images: Channels of what the stage reads, in its order, scaled: (channels, z, y, x), float32; read-only.
        labels: 0 background, 1 … classes, `UNMARKED` where unknown: (z, y, x), int8; None without a mask. Where earlier
            scans are read (scans, z, y, x), the latest first.
        lesions: Voxels of each lesion, or a sample of them: one (n, 3) array of (z, y, x) a lesion.
        grid: Where the stage works.
        targets: Further things to learn, by name.
        wanted: Images that are to be made, by name: the last channels of `images`, which the network does not see.
    """

    id: str
    patient: str
    images: NDArray[np.float32]
    labels: NDArray[np.int8] | None
    lesions: tuple[NDArray[np.int32], ...]
    grid: Geometry
    targets: Mapping[str, float]
    wanted: tuple[str, ...] = ()

    @property
    def seen(self) -> int:
        """Channels that the network sees."""
        return len(self.images) - len(self.wanted)

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along (z, y, x)."""
        return self.images.shape[1:]


def inputs(stage: Stage, volumes: Mapping[str, Volume]) -> tuple[NDArray[np.float32], Geometry]:
    """The channels of a stage, resampled to its grid and scaled.

    Args:
        stage: What reads them.
        volumes: Images by what a stage reads: ``pet:suv``, ``ct:hu``, or the id of an earlier stage.

    Returns:
        Channels (channels, z, y, x) and the grid.

    Raises:
        LymphoscopeError: ``DATA-E-MISSING`` when one is missing.
    """
    missing = [role for role in stage.reads if role not in volumes]
    if missing:
        raise LymphoscopeError("DATA-E-MISSING", f"stage {stage.id} reads {' and '.join(missing)}, which is not given")
    grid = made("grid", stage.trained.grid)(volumes[stage.reads[0]])
    return _scaled(stage, stage.reads, volumes, grid), grid


def wanted(stage: Stage, volumes: Mapping[str, Volume], grid: Geometry) -> NDArray[np.float32]:
    """The images that a stage is to make, as channels like those it sees: (images, z, y, x); none for most.

    Args:
        stage: What is to make them.
        volumes: Images by role.
        grid: Where it works.
    """
    return _scaled(stage, stage.trained.images, volumes, grid)


def channels(stage: Stage) -> int:
    """Channels that the network of a stage sees: those its scale makes of each input, for each slice seen at once."""
    scale, voxel = made("scale", stage.trained.scale), np.zeros((1, 1, 1), np.float32)
    seen: int = made("sampler", stage.trained.sampler).view.channels(sum(scale(r, voxel).size for r in stage.reads))
    return seen


def truths(labels: Sequence[Volume | None], grid: Geometry) -> NDArray[np.int8] | None:
    """What is known of the scans that a stage sees, on its grid.

    Args:
        labels: Of each scan, the latest first; None where nobody drew a mask.
        grid: Where the stage works.

    Returns:
        (z, y, x) of a single scan, else (scans, z, y, x), `UNMARKED` where a scan has no mask; None where none has.
    """
    if all(one is None for one in labels):
        return None
    unknown = np.full(grid.shape, UNMARKED, np.int8)
    marked = [unknown if one is None else truth(one, grid) for one in labels]
    return marked[0] if len(marked) == 1 else np.stack(marked)


def truth(labels: Volume, grid: Geometry) -> NDArray[np.int8]:
    """A label map on the grid of a stage; `UNMARKED` stays where the nearest voxel has it.

    Args:
        labels: Whole numbers, `UNMARKED` where unknown.
        grid: Where the stage works.
    """
    array = np.asarray(labels.values(Unit.LABEL))
    if not grid.difference(labels.geometry):
        return array.astype(np.int8)
    known = LesionMask(np.maximum(array, 0).astype(np.int32), labels.geometry, "reference")
    out = labels_on(known, grid)[0].labels.astype(np.int8)
    if (array < 0).any():
        unknown = Volume((array < 0).astype(np.float32), labels.geometry, Unit.PROBABILITY)
        out[resample(unknown, grid).array > 0.5] = UNMARKED
    return out


def regions(mask: NDArray[np.bool_]) -> list[NDArray[np.int32]]:
    """Voxels of every connected region of a mask, (n, 3) of (z, y, x) each."""
    numbered = components(mask)
    voxels = np.argwhere(numbered > 0).astype(np.int32)
    region = numbered[numbered > 0]
    order = np.argsort(region, kind="stable")
    return np.split(voxels[order], np.flatnonzero(np.diff(region[order])) + 1) if len(order) else []


def places(labels: NDArray[np.int8]) -> tuple[NDArray[np.int32], ...]:
    """Voxels of every lesion, so that a small one can be drawn as often as a large one.

    Args:
        labels: Label map, (z, y, x); of several scans that of the latest counts.

    Returns:
        For each connected lesion up to some thousand of its voxels, evenly thinned: (n, 3) of (z, y, x).
    """
    latest = labels.reshape(-1, *labels.shape[-3:])[0]
    return tuple(group[:: -(-len(group) // _MOST_VOXELS_OF_A_LESION)] for group in regions(latest > 0))


def store(case: Prepared, folder: Path) -> None:
    """Write a prepared case; `load` maps it, so that a cohort need not fit into memory."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{case.id}.images.npy", case.images)
    if case.labels is not None:
        np.save(folder / f"{case.id}.labels.npy", case.labels)
    lesions = {f"lesion{i}": voxels for i, voxels in enumerate(case.lesions)}
    np.savez(folder / f"{case.id}.lesions.npz", allow_pickle=False, affine=case.grid.affine, **lesions)
    facts = {"id": case.id, "patient": case.patient, "targets": dict(case.targets), "frame": case.grid.frame}
    (folder / f"{case.id}.json").write_text(json.dumps({**facts, "wanted": case.wanted}), encoding="utf-8")


def load(folder: Path, cases: Sequence[str]) -> list[Prepared]:
    """Prepared cases by id, their voxels mapped from disk.

    Raises:
        LymphoscopeError: ``RUN-E-FOLDER`` for one that is damaged, or of a version that wrote other things.
    """
    found = []
    for case in cases:
        try:
            found.append(_load(folder, case))
        except (OSError, KeyError, ValueError, EOFError, BadZipFile):
            what = f"the prepared case {case} is damaged, or of another version"
            again = "Delete the folder `prepared` in that of the run, and train again: what is trained stays."
            raise LymphoscopeError("RUN-E-FOLDER", what, fix=again) from None
    return found


def _load(folder: Path, case: str) -> Prepared:
    facts = json.loads((folder / f"{case}.json").read_text(encoding="utf-8"))
    images = np.load(folder / f"{case}.images.npy", mmap_mode="r")
    marked = folder / f"{case}.labels.npy"
    with np.load(folder / f"{case}.lesions.npz") as kept:
        affine = kept["affine"]
        lesions = tuple(kept[f"lesion{i}"] for i in range(len(kept.files) - 1))
    return Prepared(
        id=facts["id"],
        patient=facts["patient"],
        images=images,
        labels=np.load(marked, mmap_mode="r") if marked.exists() else None,
        lesions=lesions,
        grid=Geometry(images.shape[1:], affine, facts["frame"]),
        targets=facts["targets"],
        wanted=tuple(facts["wanted"]),
    )


def _scaled(stage: Stage, roles: Sequence[str], volumes: Mapping[str, Volume], grid: Geometry) -> NDArray[np.float32]:
    scale = made("scale", stage.trained.scale)
    scaled = [scale(role, _on(volumes[role], grid).astype(np.float32)) for role in roles]
    # a scale may make several channels of an image
    parts = (one.reshape(-1, *grid.shape) for one in scaled)
    return np.concatenate([np.zeros((0, *grid.shape), np.float32), *parts], dtype=np.float32)


def _on(volume: Volume, grid: Geometry) -> NDArray[np.float32]:
    return np.asarray(resample(volume, grid).array)
