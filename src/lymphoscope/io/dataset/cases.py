"""What a data set is: cases with files by role, masks, patients, outcomes. Files are read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.course import scans_seen, steps_back
from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, Volume
from lymphoscope.io.nifti import NiftiImage, read_image, read_nifti

UNITS: Mapping[str, Unit] = MappingProxyType(
    {"pet:suv": Unit.SUV_BW, "ct:hu": Unit.HU}
    | dict.fromkeys(("ct:normalised", "pet:normalised", "mr:t1", "mr:t1ce", "mr:t2", "mr:flair"), Unit.ARBITRARY)
)
"""Roles an image of a case can have, with the unit of its values."""

LESIONS: Mapping[str, int] = MappingProxyType({"background": 0, "lesion": 1})
"""Classes of a data set whose masks hold numbered lesions."""

Fact = float | str
T = TypeVar("T")

UNMARKED = -1
"""Class of a voxel about which a mask says nothing."""


@dataclass(frozen=True)
class Entry:
    """One case of a data set, not yet read.

    Attributes:
        id: Name within the data set.
        patient: Whose it is; cases of one patient are never parted by a split.
        images: File by role, such as ``pet:suv``.
        mask: File of the mask; None where nobody drew one.
        outcome: Facts by name, numbers where they are numbers; what is not known is left out.
        earlier: The patient's scans before this one, the nearest first; none where nobody says when they were made.
    """

    id: str
    patient: str
    images: Mapping[str, Path]
    mask: Path | None = None
    outcome: Mapping[str, Fact] = field(default_factory=dict)
    earlier: tuple[Entry, ...] = ()


@dataclass(frozen=True, eq=False)
class Sample:
    """One case, read.

    Attributes:
        volumes: Images by role, each on its own grid (in nnU-Net's layout all on one).
        labels: Class of every voxel on the grid of the mask file, `UNMARKED` where nothing is said; None without mask.
        earlier: The same of the scans before that were read, the nearest first.
    """

    volumes: Mapping[str, Volume]
    labels: Volume | None
    earlier: tuple[Volume | None, ...] = ()


@dataclass(frozen=True)
class DataSet:
    """Cases to learn from.

    Attributes:
        cases: In the order of their ids.
        labels: Classes by name, background 0.
        path: The folder.
        ignore: Label of voxels about which nothing is said; None where there is none.
        numbered: Masks hold numbered lesions, all of class 1, instead of classes.
        one_grid: All files of a case must lie on one grid.
        held_out: Cases kept for a last test; never trained on.
        splits: Ids of training and validation cases by fold, where the folder says so.
    """

    cases: tuple[Entry, ...]
    labels: Mapping[str, int]
    path: Path
    ignore: int | None = None
    numbered: bool = False
    one_grid: bool = True
    held_out: tuple[Entry, ...] = ()
    splits: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()

    def __getitem__(self, case: str) -> Entry:
        """Find a case by id.

        Raises:
            KeyError: There is none of that id.
        """
        for entry in (*self.cases, *self.held_out):
            if entry.id == case:
                return entry
        raise KeyError(case)

    def read(self, entry: Entry, reads: Sequence[str], notes: Notes | None = None) -> Sample:
        """Read the images of a case and its mask.

        Args:
            entry: The case.
            reads: Roles wanted; with ``@1`` of the scan before, whose mask is read too.
            notes: Takes warnings of reading.

        Returns:
            Volumes by role and the classes of the voxels, (z, y, x).

        Raises:
            LymphoscopeError: ``DATA-E-MISSING`` where the case has no such image, ``DATA-E-GRID``, ``DATA-E-LABELS``,
                ``SUV-E-NONFINITE``, and those of `read_nifti`; each names the file.
        """
        notes = Notes() if notes is None else notes
        volumes: dict[str, Volume] = {}
        labels = []
        for back in range(scans_seen(reads)):
            if back > len(entry.earlier):
                what = f"there is no scan {back} before this one"
                raise LymphoscopeError("DATA-E-MISSING", what, f"case {entry.id}")
            roles = {role: steps_back(role)[0] for role in reads if steps_back(role)[1] == back}
            found, mask = self._scan(entry.earlier[back - 1] if back else entry, list(roles.values()), notes)
            volumes |= {role: found[plain] for role, plain in roles.items()}
            labels.append(mask)
        return Sample({role: volumes[role] for role in reads}, labels[0], tuple(labels[1:]))

    def looking_back(self, reads: Sequence[str]) -> DataSet:
        """The cases with as many scans before them as is read; a patient's first scans are then only looked back at.

        Args:
            reads: Roles wanted. Without ``@1`` among them all cases are there.

        Raises:
            LymphoscopeError: ``DATA-E-COURSE`` where no case has.
        """
        back = scans_seen(reads) - 1
        if not back:
            return self
        cases = tuple(entry for entry in self.cases if len(entry.earlier) >= back)
        if not cases:
            raise LymphoscopeError("DATA-E-COURSE", f"no case has {back} scans before it that are known")
        ids = {entry.id for entry in cases}
        kept = [tuple(tuple(case for case in part if case in ids) for part in fold) for fold in self.splits]
        held_out = tuple(entry for entry in self.held_out if len(entry.earlier) >= back)
        return replace(self, cases=cases, held_out=held_out, splits=tuple((train, val) for train, val in kept))

    def _scan(self, entry: Entry, roles: Sequence[str], notes: Notes) -> tuple[Mapping[str, Volume], Volume | None]:
        volumes = {role: self._volume(entry, role, notes) for role in roles}
        labels = None if entry.mask is None else self._mask(entry.mask, notes)
        if self.one_grid:
            self._require_one_grid(entry, volumes, labels)
        return volumes, labels

    def _volume(self, entry: Entry, role: str, notes: Notes) -> Volume:
        if role not in entry.images:
            has = ", ".join(entry.images)
            raise LymphoscopeError("DATA-E-MISSING", f"there is no image {role} (there is {has})", f"case {entry.id}")
        path = entry.images[role]
        volume = self._named(path, lambda: read_nifti(path, UNITS[role], notes))
        if not np.isfinite(volume.array).all():
            raise LymphoscopeError("SUV-E-NONFINITE", "an image holds values that are not finite", self.name_of(path))
        return volume

    def _mask(self, path: Path, notes: Notes) -> Volume:
        image = self._named(path, lambda: read_image(path, notes))
        labels = _whole(image)
        if labels is None:
            raise LymphoscopeError(
                "DATA-E-LABELS", "a mask holds values that are not whole numbers", self.name_of(path)
            )
        classes = np.minimum(labels, 1) if self.numbered else labels
        strange = sorted(set(np.unique(classes).tolist()) - {*self.labels.values(), self.ignore})
        if strange:
            what = f"a mask holds label {', '.join(map(str, strange[:5]))}, which the data set does not name"
            raise LymphoscopeError("DATA-E-LABELS", what, self.name_of(path))
        if self.ignore is not None:
            classes = np.where(classes == self.ignore, UNMARKED, classes)
        return Volume(classes.astype(np.int16), image.geometry, Unit.LABEL)

    def _require_one_grid(self, entry: Entry, volumes: Mapping[str, Volume], labels: Volume | None) -> None:
        grids = [(entry.images[role], volume.geometry) for role, volume in volumes.items()]
        if labels is not None and entry.mask is not None:
            grids.append((entry.mask, labels.geometry))
        for path, geometry in grids[1:]:
            difference = grids[0][1].difference(geometry)
            if difference:
                what = f"an image does not lie on the grid of {self.name_of(grids[0][0])}: {difference}"
                raise LymphoscopeError("DATA-E-GRID", what, self.name_of(path))

    def _named(self, path: Path, read: Callable[[], T]) -> T:
        """Read, and say of which file it was where that fails."""
        try:
            return read()
        except LymphoscopeError as error:
            raise LymphoscopeError(error.code, error.message.what, self.name_of(path), error.message.fix) from None

    def name_of(self, path: Path) -> str:
        """A file's path within the data set."""
        return path.relative_to(self.path).as_posix() if path.is_relative_to(self.path) else path.name


def _whole(image: NiftiImage) -> NDArray[np.int64] | None:
    """Values as whole numbers; None where they are none."""
    array: Array = image.array
    whole = np.issubdtype(array.dtype, np.integer) or (np.isfinite(array).all() and (array == np.rint(array)).all())
    return array.astype(np.int64) if whole else None
