"""The pixels of an object, and nothing beside them: no compressed stream, no padding, no overlay in spare bits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from pydicom import Dataset
from pydicom.pixels.utils import pack_bits

from lymphoscope.io.apart import decode_apart
from lymphoscope.io.codec import SYNTAXES, Stored, UndecodableError, decode
from lymphoscope.io.header import Header

_BIT_DEPTHS = (1, 8, 16, 32)


def is_compressed(header: Header) -> bool:
    """Whether pixels must be decoded; a stream may hold comments, which nobody sees."""
    return bool(SYNTAXES[header.syntax].decoder) if header.syntax in SYNTAXES else True


def decoded(headers: Sequence[Header]) -> Iterator[Stored | UndecodableError]:
    """Decode the pixels of files one after the other; of one that cannot be decoded, the fault."""
    apart = any(header.syntax in SYNTAXES and SYNTAXES[header.syntax].apart for header in headers)
    paths = [header.path for header in headers]
    while paths:
        done = 0
        try:
            for pixels in decode_apart(paths) if apart else map(decode, paths):
                done += 1
                yield pixels
            return
        except UndecodableError as fault:
            yield fault
            paths = paths[done + 1 :]


def native_bytes(dataset: Dataset, pixels: Stored | None = None) -> tuple[bytes, str]:
    """Pixels in little-endian order, of exactly the size the header says.

    Args:
        dataset: The original data set.
        pixels: Decoded pixels, if they were compressed.

    Returns:
        The bytes and their value type.

    Raises:
        UndecodableError: When there are too few, or of a kind that is not taken.
    """
    bits = int(dataset.BitsAllocated)
    count = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("NumberOfFrames") or 1)
    if bits not in _BIT_DEPTHS:
        raise UndecodableError("size")
    if pixels is not None:
        if pixels.size != count:
            raise UndecodableError("size")
        content = pack_bits(pixels.astype(np.uint8), pad=False) if bits == 1 else _little(pixels, bits)
    else:
        content = _native(dataset, bits)
    size = math.ceil(count * bits / 8)
    if len(content) < size:
        raise UndecodableError("cut" if content else "none")
    content = content[:size]
    if bits == 16:
        content = _own_bits(dataset, content)
    return content + b"\0" * (size % 2), "OW" if bits > 8 else "OB"


def _native(dataset: Dataset, bits: int) -> bytes:
    content = bytes(dataset.get("PixelData") or b"")
    if bits in {1, 8} or dataset.original_encoding[1]:
        return content
    whole = len(content) - len(content) % (bits // 8)
    return np.frombuffer(content[:whole], f">u{bits // 8}").astype(f"<u{bits // 8}").tobytes()


def _little(pixels: Stored, bits: int) -> bytes:
    if pixels.dtype.itemsize * 8 != bits:
        raise UndecodableError("size")
    return pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()


def _own_bits(dataset: Dataset, content: bytes) -> bytes:
    """Set bits above the stored ones to the sign, or to zero: overlays used to be hidden there."""
    stored, high = int(dataset.BitsStored), int(dataset.HighBit)
    if stored >= 16 or high != stored - 1:
        return content
    values = np.frombuffer(content, "<u2")
    mask = np.uint16((1 << stored) - 1)
    own = values & mask
    if int(dataset.get("PixelRepresentation") or 0) == 1:
        own = np.where(own >> np.uint16(high), own | ~mask, own)
    return own.astype("<u2").tobytes()
