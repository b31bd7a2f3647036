"""NIfTI in and out. RAS lives here and nowhere else: what leaves this module is LPS.

The header is read field by field because the checks need what readers hide (which of the two matrices counts, whether
they agree), because a matrix with shear is a grid for us, and because a broken file must fail softly.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Array, LesionMask, Volume
from lymphoscope.io.slices import MOST_VOXELS

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_MATRICES_AGREE_MM = 0.1
_V1 = [
    ("sizeof_hdr", "i4"), ("unused1", "S35"), ("dim_info", "u1"), ("dim", "i2", (8,)), ("intent_p", "f4", (3,)),
    ("intent_code", "i2"), ("datatype", "i2"), ("bitpix", "i2"), ("slice_start", "i2"), ("pixdim", "f4", (8,)),
    ("vox_offset", "f4"), ("scl_slope", "f4"), ("scl_inter", "f4"), ("slice_end", "i2"), ("slice_code", "u1"),
    ("xyzt_units", "u1"), ("cal_max", "f4"), ("cal_min", "f4"), ("slice_duration", "f4"), ("toffset", "f4"),
    ("unused2", "i4", (2,)), ("descrip", "S80"), ("aux_file", "S24"), ("qform_code", "i2"), ("sform_code", "i2"),
    ("quatern", "f4", (3,)), ("qoffset", "f4", (3,)), ("srow", "f4", (3, 4)), ("intent_name", "S16"),
    ("magic", "S4"),
]  # fmt: skip
_V2 = [
    ("sizeof_hdr", "i4"), ("magic", "S8"), ("datatype", "i2"), ("bitpix", "i2"), ("dim", "i8", (8,)),
    ("intent_p", "f8", (3,)), ("pixdim", "f8", (8,)), ("vox_offset", "i8"), ("scl_slope", "f8"),
    ("scl_inter", "f8"), ("cal_max", "f8"), ("cal_min", "f8"), ("slice_duration", "f8"), ("toffset", "f8"),
    ("slice_start", "i8"), ("slice_end", "i8"), ("descrip", "S80"), ("aux_file", "S24"), ("qform_code", "i4"),
    ("sform_code", "i4"), ("quatern", "f8", (3,)), ("qoffset", "f8", (3,)), ("srow", "f8", (3, 4)),
    ("slice_code", "i4"), ("xyzt_units", "i4"), ("intent_code", "i4"), ("intent_name", "S16"), ("dim_info", "u1"),
    ("unused", "S15"),
]  # fmt: skip
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_CODES = {np.dtype(kind): code for code, kind in _TYPES.items()}
_MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_MOST_EXTENSION = 2**20
_WINDOW = {Unit.SUV_BW: (0.0, 10.0), Unit.HU: (-160.0, 240.0)}
"""What viewers are told to show: SUV 0–10, HU of soft tissue."""

_BROKEN = (OSError, EOFError, zlib.error)


@dataclass(frozen=True, eq=False)
class NiftiImage:
    """A NIfTI file as it stands.

    Attributes:
        array: Values after the file's own scaling, (z, y, x); whole numbers where stored so and not scaled.
        geometry: The grid, LPS.
    """

    array: Array
    geometry: Geometry


def read_nifti(path: str | Path, unit: Unit, notes: Notes | None = None) -> Volume:
    """Read a three-dimensional image.

    Args:
        path: ``.nii`` or ``.nii.gz``.
        unit: What the values are; NIfTI does not say.
        notes: Takes ``IO-W-AFFINE`` when the two matrices disagree.

    Returns:
        Values as float32 (whole HU as int16), (z, y, x), LPS grid without frame of reference.

    Raises:
        LymphoscopeError: ``IO-E-PATH``, ``IO-E-NIFTI``, ``IO-E-AFFINE`` or ``IO-E-SIZE``.
    """
    image = read_image(Path(path), notes or Notes())
    array = image.array
    if unit is Unit.HU and np.issubdtype(array.dtype, np.integer) and _fits(array, np.int16):
        return Volume(array.astype(np.int16), image.geometry, unit)
    return Volume(array.astype(np.float32), image.geometry, unit)


def read_image(path: Path, notes: Notes) -> NiftiImage:
    """Read a NIfTI file without deciding what its values mean.

    Raises:
        LymphoscopeError: As `read_nifti`.
    """
    try:
        with _opened(path) as file:
            header = _header(file)
            affine = _affine(header, notes)
            array = _values(file, header)
    except _BROKEN:
        raise LymphoscopeError("IO-E-NIFTI", "the file is cut short or damaged", "a NIfTI file") from None
    order = [2, 1, 0, 3]  # NIfTI's matrix takes (i, j, k), ours (k, j, i)
    return NiftiImage(array, Geometry(array.shape, (_RAS_TO_LPS @ affine)[:, order]))


def write_nifti(path: str | Path, image: Volume | LesionMask) -> None:
    """Write an image or a mask as NIfTI-1, compressed when the name ends in ``.gz``. Same input, same bytes.

    Args:
        path: The file.
        image: Written as it is stored; masks in the smallest type that holds their numbers.

    Raises:
        LymphoscopeError: ``IO-E-WRITE`` when the system refuses.
    """
    data = to_nifti_bytes(image)
    path = Path(path)
    if path.name.endswith(".gz"):
        data = gzip.compress(data, compresslevel=4, mtime=0)
    try:
        path.write_bytes(data)
    except OSError:
        raise LymphoscopeError("IO-E-WRITE", "a NIfTI file could not be written") from None


def to_nifti_bytes(image: Volume | LesionMask) -> bytes:
    """An image or a mask as the bytes of an uncompressed NIfTI-1 file."""
    array = image.array if isinstance(image, Volume) else _narrow(image.labels)
    if array.dtype not in _CODES:
        array = array.astype(np.uint8 if array.dtype == bool else np.float32)
    unit = image.unit if isinstance(image, Volume) else Unit.LABEL
    header = nifti_header(image.geometry, array.dtype, unit)
    return header + np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def nifti_header(geometry: Geometry, kind: np.dtype[Any], unit: Unit) -> bytes:
    """What stands before the voxels in a NIfTI-1 file of ours.

    Args:
        geometry: The grid.
        kind: Type of the voxels.
        unit: Their unit, for the window that viewers are told to show.
    """
    affine = _RAS_TO_LPS @ geometry.affine[:, [2, 1, 0, 3]]
    header = np.zeros((), dtype=np.dtype(_V1).newbyteorder("<"))
    quaternion, flip = _quaternion(affine)
    z, y, x = geometry.shape
    header["sizeof_hdr"], header["magic"], header["vox_offset"], header["scl_slope"] = 348, b"n+1", 352, 1
    header["dim"] = (3, x, y, z, 1, 1, 1, 1)
    header["pixdim"] = (flip, *geometry.spacing[::-1], 0, 0, 0, 0)
    header["datatype"], header["bitpix"] = _CODES[kind], 8 * kind.itemsize
    header["xyzt_units"], header["qform_code"], header["sform_code"] = 2, 1, 1
    header["cal_min"], header["cal_max"] = _WINDOW.get(unit, (0.0, 0.0))  # zeros: not said
    header["quatern"], header["qoffset"], header["srow"] = quaternion, affine[:3, 3], affine[:3]
    return header.tobytes() + bytes(4)


def _opened(path: Path) -> BinaryIO:
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError:
        raise LymphoscopeError("IO-E-PATH", "the NIfTI file cannot be opened") from None
    return gzip.open(path, "rb") if start == b"\x1f\x8b" else path.open("rb")  # type: ignore[return-value]


def label_table(path: Path) -> dict[int, str]:
    """Names of labels that a NIfTI file carries in an extension, by number; empty when it has none.

    Reference: the Caret label table, as TotalSegmentator writes it.
    """
    try:
        with _opened(path) as file:
            header = _header(file)
            extension = file.read(max(0, min(int(header["vox_offset"]), _MOST_EXTENSION) - int(header["sizeof_hdr"])))
    except (LymphoscopeError, *_BROKEN, ValueError, OverflowError):
        return {}
    found = re.findall(rb'<Label Key="(\d{1,9})"[^>]*><!\[CDATA\[([\w -]{1,64})\]\]>', extension)
    return {int(key): name.decode("ascii", "replace") for key, name in found}


def _header(file: BinaryIO) -> NDArray[Any]:
    """Read the header of either version in either byte order.

    Raises:
        LymphoscopeError: ``IO-E-NIFTI`` for what is not NIfTI, not 3-D or of an unknown type, ``IO-E-SIZE``.
    """
    start = file.read(4)
    orders: tuple[Literal["<", ">"], ...] = ("<", ">")
    for order in orders:
        size = int(np.frombuffer(start.ljust(4, b"\0"), order + "i4")[0])
        if size in (348, 540):
            layout = np.dtype(_V1 if size == 348 else _V2).newbyteorder(order)
            raw = start + file.read(size - 4)
            if len(raw) < size:
                raise EOFError
            header: NDArray[Any] = np.frombuffer(raw, layout)[0]
            break
    else:
        raise LymphoscopeError("IO-E-NIFTI", "the file is not NIfTI")
    if header["magic"][:3] not in (b"n+1", b"n+2"):
        raise LymphoscopeError("IO-E-NIFTI", "the file is Analyze or a header apart from its image, not one NIfTI file")
    shape = _shape(header)
    if int(header["datatype"]) not in _TYPES:
        raise LymphoscopeError("IO-E-NIFTI", f"values of NIfTI type {int(header['datatype'])} are not grey values")
    if math.prod(shape) > MOST_VOXELS:
        raise LymphoscopeError("IO-E-SIZE", f"{math.prod(shape) / 1e9:.2f}·10⁹ voxels; at most 1.50·10⁹ are read")
    return header


def _shape(header: NDArray[Any]) -> tuple[int, int, int]:
    """Voxels along (z, y, x)."""
    count, *sizes = (int(n) for n in header["dim"])
    if not 3 <= count <= 7 or min(sizes[:count]) < 1 or any(n > 1 for n in sizes[3:count]):
        found = "×".join(str(n) for n in sizes[: max(0, min(count, 7))])
        raise LymphoscopeError("IO-E-NIFTI", f"the image is not three-dimensional ({found or 'no size'})")
    return sizes[2], sizes[1], sizes[0]


def _values(file: BinaryIO, header: NDArray[Any]) -> Array:
    """Read exactly the voxels the header promises, scaled."""
    shape, kind = (
        _shape(header),
        np.dtype(_TYPES[int(header["datatype"])]).newbyteorder(header.dtype["dim"].base.byteorder),
    )
    offset, size = float(header["vox_offset"]), int(header["sizeof_hdr"])
    if not size <= offset < 2**24 or offset != int(offset):
        offset = 352 if size == 348 else 544
    file.read(int(offset) - size)
    wanted = math.prod(shape) * kind.itemsize
    raw = _read_exactly(file, wanted)
    if len(raw) < wanted:
        raise EOFError
    array = np.frombuffer(raw, kind).reshape(shape).astype(kind.newbyteorder("="), copy=False)
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not math.isfinite(slope) or slope == 0.0 or (slope == 1.0 and intercept == 0.0):  # 0 means: not scaled
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        return array * slope + (intercept if math.isfinite(intercept) else 0.0)


def _read_exactly(file: BinaryIO, wanted: int) -> bytes:
    """Read up to `wanted` bytes in pieces, so that a false promise costs no memory."""
    pieces, left = [], wanted
    while left and (piece := file.read(min(left, 2**26))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _affine(header: NDArray[Any], notes: Notes) -> NDArray[np.float64]:
    """Index (i, j, k) → RAS mm: the sform where there is one, else the qform.

    Raises:
        LymphoscopeError: ``IO-E-AFFINE`` when there is neither or it is no grid.
    """
    unit = _MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)
    scale = np.diag([unit, unit, unit, 1.0])
    sform = qform = None
    if header["sform_code"] > 0:
        sform = scale @ np.vstack([header["srow"].astype(np.float64), [0, 0, 0, 1]])
    if header["qform_code"] > 0:
        qform = scale @ _from_quaternion(header)
    affine = sform if sform is not None else qform
    if affine is None:
        raise LymphoscopeError("IO-E-AFFINE", "the NIfTI file has neither qform nor sform")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise LymphoscopeError("IO-E-AFFINE", "the NIfTI file's matrix is singular or not finite")
    if sform is not None and qform is not None and np.isfinite(qform).all():
        z, y, x = _shape(header)
        corners = np.array([(i, j, k, 1) for i in (0, x - 1) for j in (0, y - 1) for k in (0, z - 1)], dtype=float)
        apart = float(np.linalg.norm((corners @ (sform - qform).T)[:, :3], axis=1).max())
        if apart > _MATRICES_AGREE_MM:
            notes.add("IO-W-AFFINE", f"qform and sform of a NIfTI file differ by up to {apart:.1f} mm")
    return affine


def _from_quaternion(header: NDArray[Any]) -> NDArray[np.float64]:
    b, c, d = header["quatern"].astype(np.float64)
    length = b * b + c * c + d * d
    if length > 1:  # rounding; a half turn
        b, c, d, length = *(np.array([b, c, d]) / math.sqrt(length)), 1.0
    a = math.sqrt(max(0.0, 1 - length)) if math.isfinite(length) else math.nan
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    steps = header["pixdim"].astype(np.float64)[1:4] * (1, 1, -1 if header["pixdim"][0] < 0 else 1)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * steps, header["qoffset"]
    return affine


def _quaternion(affine: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """(b, c, d) and the handedness of the rotation nearest to a matrix."""
    turn, _, other = np.linalg.svd(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    nearest = turn @ other
    flip = 1.0 if np.linalg.det(nearest) > 0 else -1.0
    nearest[:, 2] *= flip
    from scipy.spatial.transform import Rotation  # noqa: PLC0415 - only writing needs it

    b, c, d, a = Rotation.from_matrix(nearest).as_quat()
    return np.array([b, c, d]) * (1.0 if a >= 0 else -1.0), flip


def _narrow(labels: Array) -> Array:
    for kind in (np.uint8, np.int16):
        if _fits(labels, kind):
            return labels.astype(kind)
    return labels


def _fits(array: Array, kind: type) -> bool:
    info = np.iinfo(kind)
    return bool(array.min(initial=0) >= info.min and array.max(initial=0) <= info.max)
