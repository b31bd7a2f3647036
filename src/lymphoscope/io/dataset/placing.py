"""Put files that are ready into nnU-Net's layout, without decoding them again."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lymphoscope.io.atomic import claim, draft, writing
from lymphoscope.io.dataset.writing import NNUNET_FILES, About, NewCase, require_id, write_facts


@dataclass(frozen=True)
class ReadyCase:
    """A case whose files lie ready: gzipped NIfTI, all on one grid.

    Attributes:
        id: Letters, digits, ``. _ -``.
        images: File by role.
        labels: File of its mask, whole numbers that the data set names; None where nobody drew one.
        patient: Whose it is.
        part: ``Tr`` to train on, ``Ts`` kept for a last test, ``Un`` to train on without a mask.
        further: Other files that are no labels, by the folder they go to, to whose name the part is added.
    """

    id: str
    images: Mapping[str, Path]
    labels: Path | None
    patient: str
    part: str = "Tr"
    further: Mapping[str, Path] = field(default_factory=dict)


def place_nnunet(folder: Path, cases: Iterable[ReadyCase], about: About, more: Mapping[str, bytes]) -> Path:
    """Write a data set of files that are ready; it appears whole or not at all, and replaces what is there.

    Args:
        folder: Its folder, by nnU-Net's custom named ``DatasetNNN_NAME``.
        cases: The cases.
        about: What is said of it.
        more: Other files by name below the folder.

    Returns:
        The folder.

    Raises:
        LymphoscopeError: ``DATA-E-DUPLICATE``, ``DATA-E-EMPTY``, ``USE-E-VALUE`` for an id that is none,
            ``USE-E-OUTPUT`` or ``IO-E-WRITE``.
    """
    with claim(folder, True, lambda entry: entry.name in NNUNET_FILES) as held, draft(held, durable=False) as new:
        written: dict[str, NewCase] = {}
        for case in cases:
            require_id(case.id, written)
            part = case.part
            for number, role in enumerate(about.channels):
                _copy(case.images[role], new / f"images{part}" / f"{case.id}_{number:04d}.nii.gz")
            if case.labels:
                _copy(case.labels, new / f"labels{part}" / f"{case.id}.nii.gz")
            for folder_name, path in case.further.items():
                _copy(path, new / f"{folder_name}{part}" / f"{case.id}.nii.gz")
            written[case.id.lower()] = NewCase(case.id, {}, None, case.patient, held_out=part != "Tr")
        write_facts(new, list(written.values()), about)
        with writing():
            for name, content in more.items():
                (new / name).parent.mkdir(exist_ok=True)
                (new / name).write_bytes(content)
    return held.folder


def _copy(source: Path, target: Path) -> None:
    with writing():
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)
