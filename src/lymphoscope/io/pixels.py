"""Stored values to quantities: decode each slice, apply its own slope and intercept in float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.progress import Progress, silent
from lymphoscope.io.header import Header
from lymphoscope.io.slices import Stack

AIR_HU = -1024
_PIXEL_TAGS = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")
_NATIVE = {
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
}
_LOSSLESS = {
    "1.2.840.10008.1.2.5",  # RLE
    "1.2.840.10008.1.2.4.57",  # JPEG lossless
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 lossless
}
_EITHER = {"1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"}  # JPEG-LS near-lossless, JPEG 2000
_LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"}


def read_pet(stack: Stack, factors: NDArray[np.float64], progress: Progress = silent) -> NDArray[np.float32]:
    """Read PET slices: ``(stored · slope + intercept) · factor``, computed in float64, kept as float32.

    Args:
        stack: Slices in order.
        factors: What the rescaled values of each slice are multiplied by, (z,).
        progress: Told as ``reading PET``.

    Returns:
        Values, (z, y, x).

    Raises:
        LymphoscopeError: ``IO-E-SYNTAX``, ``IO-E-LOSSY``, ``IO-E-SLOPE``, ``IO-E-TRUNCATED``, ``IO-E-PIXELS`` or
            ``SUV-E-NONFINITE``.
    """
    require_decodable(stack.headers)
    if lossy(stack.headers):
        raise LymphoscopeError("IO-E-LOSSY", "the PET was compressed with loss", tags=("(0028,2110)",))
    scales = rescaling(stack.headers)
    out = np.empty(stack.geometry.shape, dtype=np.float32)
    for k, (header, (slope, intercept), factor) in enumerate(zip(stack.headers, scales, factors, strict=True)):
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
            out[k] = (read_slice(header) * slope + intercept) * factor
        progress("reading PET", k + 1, len(stack.headers))
    if not np.isfinite(out).all():
        raise LymphoscopeError("SUV-E-NONFINITE", "SUV is not finite somewhere", "the PET series")
    return out


def read_ct(stack: Stack, notes: Notes, progress: Progress = silent) -> NDArray[np.int16] | NDArray[np.float32]:
    """Read CT slices in HU; values below air are padding and are raised to −1024.

    Args:
        stack: Slices in order.
        notes: Takes ``IO-W-LOSSY`` and ``IO-W-PADDING``.
        progress: Told as ``reading CT``.

    Returns:
        HU, (z, y, x): int16 where slopes and intercepts are whole numbers, otherwise float32.

    Raises:
        LymphoscopeError: ``IO-E-SYNTAX``, ``IO-E-SLOPE``, ``IO-E-TRUNCATED`` or ``IO-E-PIXELS``.
    """
    require_decodable(stack.headers)
    if lossy(stack.headers):
        notes.add("IO-W-LOSSY", "the CT was compressed with loss", tags=("(0028,2110)",))
    scales = rescaling(stack.headers)
    whole = all(s == int(s) and i == int(i) for s, i in scales)
    out = np.empty(stack.geometry.shape, dtype=np.int16 if whole else np.float32)
    padded = False
    for k, (header, (slope, intercept)) in enumerate(zip(stack.headers, scales, strict=True)):
        hu = read_slice(header) * slope + intercept
        padded = padded or bool(hu.min() < AIR_HU)
        out[k] = np.clip(hu, AIR_HU, 32767)
        progress("reading CT", k + 1, len(stack.headers))
    if padded:
        notes.add("IO-W-PADDING", f"CT values below {AIR_HU} HU are padding")
    return out


def read_slice(header: Header) -> NDArray[np.float64]:
    """Decode one slice.

    Returns:
        Stored values, (y, x).

    Raises:
        LymphoscopeError: ``IO-E-TRUNCATED`` when the file is cut short or cannot be decoded, ``IO-E-PIXELS`` when
            pixels are missing or contradict the header.
    """
    try:
        dataset = dcmread(header.path, force=True)
        _name_syntax(dataset)
        present = any(key in dataset for key in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
        pixels = pixel_array(dataset, raw=True) if present else None
    except Exception:  # decoders fail in many ways on broken data
        raise LymphoscopeError("IO-E-TRUNCATED", "pixels are cut short or cannot be decoded", header.place) from None
    if pixels is None:
        # pydicom leaves out an element that the file's end cuts off
        if any(tag in header.path.read_bytes() for tag in _PIXEL_TAGS):
            raise LymphoscopeError("IO-E-TRUNCATED", "pixels are cut short", header.place)
        raise LymphoscopeError("IO-E-PIXELS", "there are no pixels", header.place)
    if pixels.shape != (header.integer("Rows"), header.integer("Columns")):
        raise LymphoscopeError("IO-E-PIXELS", f"pixels of shape {pixels.shape} contradict the header", header.place)
    return pixels.astype(np.float64)


def _name_syntax(dataset: FileDataset) -> None:
    """Give a data set that lost its file meta information the transfer syntax it was read in."""
    if "TransferSyntaxUID" in dataset.file_meta:
        return
    implicit, little = dataset.original_encoding
    native = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    dataset.file_meta.TransferSyntaxUID = native if little else ExplicitVRBigEndian


def rescaling(headers: Sequence[Header]) -> list[tuple[float, float]]:
    """Slope and intercept of each slice.

    Raises:
        LymphoscopeError: ``IO-E-SLOPE`` where the slope is missing, zero or negative, or a CT has no intercept.
    """
    scales = []
    for header in headers:
        slope, intercept = header.number("RescaleSlope"), header.number("RescaleIntercept")
        if intercept is None and header.text("Modality") != "CT":
            intercept = 0.0
        if slope is None or slope <= 0 or intercept is None:
            what = "RescaleIntercept is missing" if slope and slope > 0 else "RescaleSlope is missing or not positive"
            raise LymphoscopeError("IO-E-SLOPE", what, header.place, tags=("(0028,1053)", "(0028,1052)"))
        scales.append((slope, intercept))
    return scales


def lossy(headers: Sequence[Header]) -> bool:
    """Tell whether any slice was ever compressed with loss; where that is open, yes."""
    for header in headers:
        flag, syntax = header.text("LossyImageCompression"), header.syntax
        if flag == "01" or syntax in _LOSSY or (syntax in _EITHER and flag != "00"):
            return True
    return False


def require_decodable(headers: Sequence[Header]) -> None:
    """Refuse compressions that cannot be decoded, by name, and pixel formats that are not one grey value a pixel.

    Raises:
        LymphoscopeError: ``IO-E-SYNTAX`` or ``IO-E-PIXELS``.
    """
    known = _NATIVE | _LOSSLESS | _EITHER | _LOSSY | {""}
    for header in headers:
        if header.syntax not in known:
            name = UID(header.syntax).name if header.syntax.replace(".", "").isdigit() else "an unknown syntax"
            raise LymphoscopeError("IO-E-SYNTAX", f"pixels are in {name}, which cannot be decoded", header.place)
        stored, high = header.integer("BitsStored"), header.integer("HighBit")
        if header.integer("SamplesPerPixel") not in (1, None) or (header.integer("NumberOfFrames") or 1) != 1:
            raise LymphoscopeError("IO-E-PIXELS", "a file holds colours or more than one image", header.place)
        if stored is not None and high is not None and high != stored - 1:
            what = f"high bit {high} does not fit {stored} bits stored"
            raise LymphoscopeError("IO-E-PIXELS", what, header.place, tags=("(0028,0102)",))
