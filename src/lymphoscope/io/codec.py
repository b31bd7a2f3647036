"""Decoding one slice's stored values: which decoder for which transfer syntax, and what is checked before it runs.

One decoder is named for each syntax, so that the same bits come out everywhere. Damaged input decides the choice:
of 3000 slices with a few bytes changed, gdcm ended the whole process for some 25 in JPEG 2000, 40 in JPEG-LS and 50
in lossless JPEG; OpenJPEG, CharLS and pydicom's own run-length decoder never did. gdcm is used only where nothing
else decodes, and then in a process of its own (see `lymphoscope.io.apart`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import generate_frames, get_frame
from pydicom.pixels.utils import iter_pixels, pixel_array
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.header import Header

Stored = NDArray[np.generic]

_PIXEL_TAGS = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")
_PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_START_OF_FRAME = {*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7}


@dataclass(frozen=True)
class Syntax:
    """How pixels are stored.

    Attributes:
        decoder: pydicom's name of the decoder; empty for pixels that are not compressed.
        loss: ``never``, ``always``, or ``perhaps`` where the syntax allows both.
        apart: The decoder may end the process on damaged input.
    """

    decoder: str = ""
    loss: str = "never"
    apart: bool = False


SYNTAXES = MappingProxyType(
    {
        "1.2.840.10008.1.2": Syntax(),
        "1.2.840.10008.1.2.1": Syntax(),
        "1.2.840.10008.1.2.1.99": Syntax(),
        "1.2.840.10008.1.2.2": Syntax(),
        "1.2.840.10008.1.2.5": Syntax("pydicom"),
        "1.2.840.10008.1.2.4.50": Syntax("gdcm", "always", apart=True),
        "1.2.840.10008.1.2.4.51": Syntax("gdcm", "always", apart=True),
        "1.2.840.10008.1.2.4.57": Syntax("gdcm", apart=True),
        "1.2.840.10008.1.2.4.70": Syntax("gdcm", apart=True),
        "1.2.840.10008.1.2.4.80": Syntax("pyjpegls"),
        "1.2.840.10008.1.2.4.81": Syntax("pyjpegls", "perhaps"),
        "1.2.840.10008.1.2.4.90": Syntax("pylibjpeg"),
        "1.2.840.10008.1.2.4.91": Syntax("pylibjpeg", "perhaps"),
        "": Syntax(),  # a file that lost its file meta information can only be uncompressed
    }
)
"""Transfer syntaxes that are read, by UID. High-throughput JPEG 2000 is not: nothing to check it against."""


class UndecodableError(Exception):
    """A slice that cannot be decoded; the text is one of `FAULTS`."""


FAULTS = MappingProxyType(
    {
        "cut": ("IO-E-TRUNCATED", "pixels are cut short or cannot be decoded"),
        "none": ("IO-E-PIXELS", "there are no pixels"),
        "size": ("IO-E-PIXELS", "the size of the compressed image contradicts the header"),
        "syntax": ("IO-E-SYNTAX", "pixels are compressed in a way that is not decoded here"),
    }
)
"""Faults of pixels by short name: message code and words."""


def fault(name: str, header: Header) -> LymphoscopeError:
    """The error for a slice that cannot be decoded."""
    code, what = FAULTS[name]
    return LymphoscopeError(code, what, header.place)


def decode(path: Path) -> Stored:
    """Decode the pixels of one file in this process.

    Returns:
        Stored values as the decoder gives them, usually (y, x).

    Raises:
        UndecodableError: With the fault's name.
    """
    try:
        dataset = dcmread(path, force=True)
        _name_syntax(dataset)
        present = any(keyword in dataset for keyword in _PIXEL_KEYWORDS)
        syntax = SYNTAXES[str(dataset.file_meta.TransferSyntaxUID)]
        fits = not present or not syntax.decoder or _fits(dataset)
        pixels = pixel_array(dataset, raw=True, decoding_plugin=syntax.decoder) if present and fits else None
    except Exception:  # decoders fail in many ways on broken data
        raise UndecodableError("cut") from None
    if not fits:
        raise UndecodableError("size")
    if pixels is None:
        # pydicom leaves out an element that the file's end cuts off
        raise UndecodableError("cut" if any(tag in path.read_bytes() for tag in _PIXEL_TAGS) else "none")
    return pixels


def decode_frames(dataset: Dataset, count: int) -> Iterator[Stored]:
    """Decode an object of several frames in this process, one after the other.

    Args:
        dataset: The object with its pixels.
        count: Number of frames that it says it has.

    Yields:
        Stored values of each, (y, x).

    Raises:
        UndecodableError: With the fault's name; ``syntax`` also for what only gdcm decodes.
    """
    syntax = SYNTAXES.get(str(dataset.file_meta.TransferSyntaxUID))
    if syntax is None or syntax.apart:
        raise UndecodableError("syntax")
    try:
        streams = generate_frames(dataset.PixelData, number_of_frames=count) if syntax.decoder else ()
        fit = {frame_size(stream) for stream in streams} <= {None, (dataset.Rows, dataset.Columns)}
    except Exception:  # as above
        raise UndecodableError("cut") from None
    if not fit:
        raise UndecodableError("size")
    frames = iter_pixels(dataset, raw=True, decoding_plugin=syntax.decoder)
    while (plane := _next(frames)) is not None:
        yield plane


def _next(frames: Iterator[Stored]) -> Stored | None:
    try:
        return next(frames, None)
    except Exception:  # as above
        raise UndecodableError("cut") from None


def require_decodable(headers: Sequence[Header]) -> None:
    """Refuse compressions that are not read, by name, and pixels that are not one grey value each.

    Raises:
        LymphoscopeError: ``IO-E-SYNTAX`` or ``IO-E-PIXELS``.
    """
    for header in headers:
        if header.syntax not in SYNTAXES:
            name = UID(header.syntax).name if header.syntax.replace(".", "").isdigit() else "an unknown syntax"
            raise LymphoscopeError("IO-E-SYNTAX", f"pixels are in {name}, which cannot be decoded", header.place)
        stored, high = header.integer("BitsStored"), header.integer("HighBit")
        if header.integer("SamplesPerPixel") not in (1, None) or (header.integer("NumberOfFrames") or 1) != 1:
            raise LymphoscopeError("IO-E-PIXELS", "a file holds colours or more than one image", header.place)
        if stored is not None and high is not None and high != stored - 1:
            what = f"high bit {high} does not fit {stored} bits stored"
            raise LymphoscopeError("IO-E-PIXELS", what, header.place, tags=("(0028,0102)",))


def lossy(headers: Sequence[Header]) -> bool:
    """Tell whether any slice was ever compressed with loss; where that is open, yes."""
    for header in headers:
        flag, loss = header.text("LossyImageCompression"), SYNTAXES[header.syntax].loss
        if flag == "01" or loss == "always" or (loss == "perhaps" and flag != "00"):
            return True
    return False


def frame_size(stream: bytes) -> tuple[int, int] | None:
    """Rows and columns that a compressed image says it has; None for one that says nothing, as run lengths do.

    Reference: ISO/IEC 15444-1 A.5.1 (SIZ), 10918-1 B.2.2 (frame header), 14495-1 C.2.2.
    """
    if stream[:4] == b"\xff\x4f\xff\x51":
        across, down, left, top = struct.unpack(">4I", stream[8:24])
        return down - top, across - left
    if stream[:2] != b"\xff\xd8":
        return None
    place = 2
    while place + 9 <= len(stream) and stream[place] == 0xFF:
        marker, length = stream[place + 1], int.from_bytes(stream[place + 2 : place + 4], "big")
        if marker in _START_OF_FRAME:
            rows, columns = struct.unpack(">2H", stream[place + 5 : place + 9])
            return rows, columns
        place += 1 if marker == 0xFF else 2 + length
    raise ValueError("no frame header")


def _fits(dataset: FileDataset) -> bool:
    """Whether a compressed image has the size the header promises; one that lies could fill the memory."""
    said = frame_size(get_frame(dataset.PixelData, 0, number_of_frames=1))
    return said is None or said == (dataset.Rows, dataset.Columns)


def _name_syntax(dataset: FileDataset) -> None:
    """Give a data set that lost its file meta information the transfer syntax it was read in."""
    if "TransferSyntaxUID" in dataset.file_meta:
        return
    implicit, little = dataset.original_encoding
    native = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    dataset.file_meta.TransferSyntaxUID = native if little else ExplicitVRBigEndian
