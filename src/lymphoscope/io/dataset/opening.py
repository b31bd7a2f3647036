"""The door: a folder in, a data set out."""

from __future__ import annotations

from pathlib import Path

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.dataset.case_folders import open_case_folders
from lymphoscope.io.dataset.cases import DataSet
from lymphoscope.io.dataset.nnunet import DATASET_JSON, open_nnunet


def open_dataset(path: str | Path) -> DataSet:
    """Find the cases of a data set. Only names are looked at; images are read when they are asked for.

    Args:
        path: A folder in nnU-Net's layout (it holds ``dataset.json``), or one of case folders.

    Raises:
        LymphoscopeError: ``IO-E-PATH``, ``DATA-E-LAYOUT``, and those of `open_nnunet` and `open_case_folders`.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise LymphoscopeError("IO-E-PATH", "the data set is not a folder that can be read")
    if (folder / DATASET_JSON).is_file():
        return open_nnunet(folder)
    if (folder / "imagesTr").is_dir():
        raise LymphoscopeError("DATA-E-LAYOUT", f"there is imagesTr, and no {DATASET_JSON}")
    return open_case_folders(folder)
