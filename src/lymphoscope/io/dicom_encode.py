"""Write one dataset as a file in any lossless transfer syntax, byte for byte the same each time."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.registry import unknown_name

SYNTAXES = MappingProxyType(
    {
        "explicit": ExplicitVRLittleEndian,
        "implicit": ImplicitVRLittleEndian,
        "big-endian": ExplicitVRBigEndian,
        "deflated": DeflatedExplicitVRLittleEndian,
        "rle": RLELossless,
        "jpeg-ls": JPEGLSLossless,
        "jpeg-2000": JPEG2000Lossless,
    }
)
"""Transfer syntaxes by the names users give."""


def encode(dataset: Dataset, path: Path, syntax: str = "explicit") -> None:
    """Write a dataset of native little-endian 16-bit pixels as a file.

    Args:
        dataset: The dataset with its file meta information; changed in place when the syntax needs it.
        path: The file.
        syntax: Name in `SYNTAXES`.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` for an unknown syntax, ``USE-E-VALUE`` for JPEG 2000 below 32 × 32 voxels.
    """
    if syntax not in SYNTAXES:
        raise unknown_name("transfer syntax", syntax, SYNTAXES)
    wanted: UID = SYNTAXES[syntax]
    if wanted.is_compressed and wanted != DeflatedExplicitVRLittleEndian and "PixelData" in dataset:
        _compress(dataset, wanted)
    elif wanted == ExplicitVRBigEndian and "PixelData" in dataset:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
    if "PixelData" in dataset:
        dataset["PixelData"].VR = "OB" if dataset["PixelData"].is_undefined_length else "OW"
    dataset.file_meta.TransferSyntaxUID = wanted
    dcmwrite(
        path,
        dataset,
        enforce_file_format=True,
        implicit_vr=wanted == ImplicitVRLittleEndian,
        little_endian=wanted != ExplicitVRBigEndian,
    )


def _compress(dataset: Dataset, syntax: UID) -> None:
    if syntax != JPEG2000Lossless:
        dataset.compress(syntax, generate_instance_uid=False)
        return
    from openjpeg.utils import encode_array  # noqa: PLC0415 - only for JPEG 2000

    kind = "<i2" if dataset.PixelRepresentation else "<u2"
    if min(dataset.Rows, dataset.Columns) < 32:
        raise LymphoscopeError("USE-E-VALUE", "the JPEG 2000 encoder needs slices of at least 32 × 32 voxels")
    pixels = np.frombuffer(dataset.PixelData, kind).reshape(dataset.Rows, dataset.Columns)
    dataset.PixelData = encapsulate([bytes(encode_array(pixels, bits_stored=16))])
    dataset["PixelData"].is_undefined_length = True
