"""Stored values to quantities: decode each slice, apply its own slope and intercept in float64."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.progress import Progress, silent
from lymphoscope.io.apart import decode_apart
from lymphoscope.io.codec import SYNTAXES, Stored, UndecodableError, decode, fault, lossy, require_decodable
from lymphoscope.io.header import Header
from lymphoscope.io.slices import Stack

AIR_HU = -1024


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
    slices = stored_values(stack.headers)
    for k, (stored, (slope, intercept), factor) in enumerate(zip(slices, scales, factors, strict=True)):
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
            out[k] = (stored * slope + intercept) * factor
        progress("reading PET", k + 1, len(stack.headers))
    if not np.isfinite(out).all():
        raise LymphoscopeError("SUV-E-NONFINITE", "SUV is not finite somewhere", "the PET series")
    return out


def read_uncalibrated(stack: Stack) -> NDArray[np.float32]:
    """Read slices for a look at them: rescaled where they say how, otherwise as stored; float32, (z, y, x).

    Raises:
        LymphoscopeError: ``IO-E-SYNTAX``, ``IO-E-TRUNCATED`` or ``IO-E-PIXELS``.
    """
    require_decodable(stack.headers)
    try:
        scales = rescaling(stack.headers)
    except LymphoscopeError:
        scales = [(1.0, 0.0)] * len(stack.headers)
    out = np.empty(stack.geometry.shape, dtype=np.float32)
    for k, (stored, (slope, intercept)) in enumerate(zip(stored_values(stack.headers), scales, strict=True)):
        with np.errstate(over="ignore", invalid="ignore"):
            out[k] = stored * slope + intercept
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
    for k, (stored, (slope, intercept)) in enumerate(zip(stored_values(stack.headers), scales, strict=True)):
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
            hu = stored * slope + intercept
        if not np.isfinite(hu).all():
            raise LymphoscopeError("IO-E-PIXELS", "HU are not finite somewhere", "the CT series")
        padded = padded or bool(hu.min() < AIR_HU)
        out[k] = np.clip(hu, AIR_HU, 32767)
        progress("reading CT", k + 1, len(stack.headers))
    if padded:
        notes.add("IO-W-PADDING", f"CT values below {AIR_HU} HU are padding")
    return out


def stored_values(headers: Sequence[Header]) -> Iterator[NDArray[np.float64]]:
    """Decode slices one after the other.

    Args:
        headers: Slices that `require_decodable` has passed.

    Yields:
        Stored values of each, (y, x).

    Raises:
        LymphoscopeError: ``IO-E-TRUNCATED`` when a file is cut short or cannot be decoded, ``IO-E-PIXELS`` when
            pixels are missing or contradict the header.
    """
    apart = any(SYNTAXES[h.syntax].apart for h in headers)
    paths = [h.path for h in headers]
    slices = decode_apart(paths) if apart else (decode(path) for path in paths)
    for header in headers:
        yield _checked(slices, header).astype(np.float64)


def _checked(slices: Iterator[Stored], header: Header) -> Stored:
    """The next slice, in the size its header says."""
    try:
        pixels = next(slices)
    except UndecodableError as problem:
        raise fault(str(problem), header) from None
    if pixels.shape != (header.integer("Rows"), header.integer("Columns")):
        raise LymphoscopeError("IO-E-PIXELS", f"pixels of shape {pixels.shape} contradict the header", header.place)
    return pixels


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
