"""DICOM files of our own kinds, damaged, and what the readers that a user meets make of them."""

from __future__ import annotations

import functools
import io
import os
import random
import re
import resource
import shutil
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gdcm
import pydicom
from fuzz import FAULT
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless

from lymphoscope.app.libraries import prepared
from lymphoscope.app.pipeline import run
from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.image.phantom import Imaging, Shape, image
from lymphoscope.io.dicom_encode import SYNTAXES, encode
from lymphoscope.io.dicom_write import pet_datasets, write_study
from lymphoscope.io.foreign.drawn import read_drawn
from lymphoscope.io.intake import glance, list_series, load_study
from lymphoscope.io.pet_physics import ScanFacts

FACTS = ScanFacts(name="DOE^JANE", patient_id="SECRET123", birth_date="19700101", beds=1)
SECRETS = ("DOE^", "JANE", "SECRET123")
GRID = Geometry.axial((3, 32, 34), (4.0, 4.0, 4.0), frame="2.25.1001")
MOST_BYTES = 8 * 2**30
"""Address space: a file that wants more than this fails, and does not take the machine with it."""

APART = "pet lossless jpeg"
WAYS = ("bytes", "zeros", "swap", "cut", "insert", "delete", "double", "length", "value", "remove")
ODD = (
    b"", b"nan", b"inf", b"1e400", b"-1", b"0", b"-0.0", b"99999999999999999999", b"1\\2\\3", b"\\", b"\0", b" ",
    b"\xff" * 8, b"%s%n", b"../../etc", b"20240230", b"256060", b"0" * 400, b"1.2.840.10008.1.2.4.90", b"\x1b$B",
)  # fmt: skip
"""What stands where a number, a date or a name is expected."""


@dataclass(frozen=True)
class Kind:
    """Files of one kind.

    Attributes:
        name: The kind.
        files: Contents by name; one of them, or all in the same way, are damaged.
        beside: Files that stay sound, beside them.
        pet: The PET that a mask file belongs to; None for what is no mask.
        share: How often it comes.
    """

    name: str
    files: Mapping[str, bytes]
    beside: Mapping[str, bytes]
    pet: Volume | None = None
    share: int = 10


def kinds(scratch: Path) -> tuple[Kind, ...]:
    """One kind a PET syntax, one for CT, one an object."""
    pet = _phantom()
    write_study(scratch / "sound", pet, facts=FACTS)
    sound = _contents(scratch / "sound" / "pet")
    found = [Kind(f"pet {syntax}", _encoded(scratch, pet, syntax), {}) for syntax in SYNTAXES]
    found.append(Kind(APART, {name: _as_lossless_jpeg(scratch, c) for name, c in sound.items()}, {}, share=1))
    write_study(scratch / "both", pet, _ct(), FACTS)
    found.append(Kind("ct", _contents(scratch / "both" / "ct"), sound))
    case = run(scratch / "sound", scratch / "case", parametric_map=True).folder
    objects = {path.stem: path.read_bytes() for path in sorted(case.glob("*.dcm"))}
    objects |= {
        "seg jpeg-2000": _recoded(objects["seg"], JPEG2000Lossless),
        "seg jpeg-ls": _recoded(objects["seg"], JPEGLSLossless),
    }
    shares = {name: 10 if name.startswith(("seg", "rtstruct")) else 4 for name in objects}
    return (*found, *(Kind(n, {"object.dcm": content}, sound, pet, shares[n]) for n, content in objects.items()))


def _phantom() -> Volume:
    ball = Shape("lesion", "ellipsoid", (68.0, 64.0, 6.0), (24.0, 24.0, 24.0), suv=9.0, lesion=True)
    return image((ball,), GRID, Imaging(), background=0.8)


def _ct() -> Volume:
    return Volume((_phantom().array * 40.0 - 900.0).round().astype("int16"), GRID, Unit.HU)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _encoded(scratch: Path, pet: Volume, syntax: str) -> dict[str, bytes]:
    folder = scratch / syntax
    folder.mkdir()
    for number, dataset in enumerate(pet_datasets(pet, FACTS), 1):
        encode(dataset, folder / f"IM{number}.dcm", syntax)
    return _contents(folder)


def _as_lossless_jpeg(scratch: Path, content: bytes) -> bytes:
    """By gdcm, as pydicom writes none."""
    source, target = scratch / "plain.dcm", scratch / "jpeg.dcm"
    source.write_bytes(content)
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(source))
    reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    change.Change()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.Write()
    return target.read_bytes()


def _recoded(seg: bytes, syntax: str) -> bytes:
    """A binary segmentation as a fractional one of compressed bytes, as others write it."""
    dataset = pydicom.dcmread(io.BytesIO(seg))
    planes = dataset.pixel_array.astype("uint8")
    dataset.SegmentationType, dataset.SegmentationFractionalType = "FRACTIONAL", "PROBABILITY"
    dataset.MaximumFractionalValue, dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 8, 8, 7
    dataset.PixelData = planes.tobytes()
    dataset["PixelData"].VR = "OB"
    dataset.compress(syntax, generate_instance_uid=False)
    return _written(dataset)


def _written(dataset: Dataset) -> bytes:
    out = io.BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


@dataclass(frozen=True)
class Places:
    """Where a file can be hurt.

    Attributes:
        lengths: Of elements: where their length is, in how many bytes, and where their value begins.
        paths: Tags from the data set down to each element, item numbers between them.
        header: Bytes before the pixels.
    """

    lengths: tuple[tuple[int, int, int], ...]
    paths: tuple[tuple[int, ...], ...]
    header: int

    @classmethod
    def of(cls, content: bytes) -> Places:
        dataset = pydicom.dcmread(io.BytesIO(content))
        pixels = max(content.find(b"\xe0\x7f\x10\x00", 132), content.find(b"\x7f\xe0\x00\x10", 132))
        header = pixels if pixels > 0 else len(content)
        lengths = [(m.start() + 6, 2, m.start() + 8) for m in _SHORT.finditer(content, 132, header)]
        lengths += [(m.start() + 8, 4, m.start() + 12) for m in _LONG.finditer(content, 132, header)]
        if dataset.file_meta.TransferSyntaxUID.is_implicit_VR:
            raw = [dataset.get_item(tag) for tag in list(dataset.keys())]
            tells = [element.value_tell for element in raw if isinstance(element, RawDataElement)]
            lengths += [(tell - 4, 4, tell) for tell in tells]
        return cls(tuple(lengths), tuple(_paths(dataset)), header)


_SHORT = re.compile(rb"[\0-\xff]{4}(?:AE|AS|AT|CS|DA|DS|DT|FD|FL|IS|LO|LT|PN|SH|SL|SS|ST|TM|UI|UL|US)")
_LONG = re.compile(rb"[\0-\xff]{4}(?:OB|OD|OF|OW|SQ|UC|UN|UR|UT)\0\0")


def _paths(dataset: Dataset) -> Iterator[tuple[int, ...]]:
    for element in dataset:
        yield (int(element.tag),)
        if element.VR == "SQ":
            for number, item in enumerate(element.value):
                yield from ((int(element.tag), number, *path) for path in _paths(item))


def damaged(content: bytes, places: Places, way: str, chance: random.Random) -> bytes:
    """Hurt a file in one way."""
    if way == "remove":
        return _without(content, places, chance)
    if way in ("length", "value") and places.lengths:
        return _misfit(content, places, way, chance)
    if way == "cut":
        return content[: chance.randrange(len(content))]
    bad = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        _hurt(bad, chance.randrange(min(len(bad), places.header if chance.random() < 0.8 else len(bad))), way, chance)
    return bytes(bad)


def _hurt(bad: bytearray, at: int, way: str, chance: random.Random) -> None:
    some = chance.randrange(1, 64)
    if way == "zeros":
        bad[at : at + 8] = bytes(len(bad[at : at + 8]))
    elif way == "swap":
        other = chance.randrange(len(bad))
        bad[at : at + 4], bad[other : other + 4] = bad[other : other + 4], bad[at : at + 4]
    elif way == "insert":
        bad[at:at] = chance.randbytes(some)
    elif way == "delete" and len(bad) > 128:
        del bad[at : at + some]
    elif way == "double":
        bad[at:at] = bad[at : at + some]
    else:
        bad[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, bad[at] ^ 1 << chance.randrange(8), chance.randrange(256)))


def _misfit(content: bytes, places: Places, way: str, chance: random.Random) -> bytes:
    """A file with a wrong length, or an odd value of the right one."""
    at, size, value = chance.choice(places.lengths)
    if way == "length":
        wrong = chance.choice(
            (0, 1, 2**31 - 1, 2**32 - 1, 0xFFFF, 0xFFFE, chance.randrange(2**16), chance.randrange(64))
        )
        return (
            content[:at] + (wrong % 2 ** (8 * size)).to_bytes(size, chance.choice(("little", "big"))) + content[value:]
        )
    order = "big" if b"1.2.840.10008.1.2.2\0" in content[:400] else "little"
    length = int.from_bytes(content[at : at + size], order)
    odd = chance.choice(ODD)
    odd += b" " * (len(odd) % 2)
    return content[:at] + len(odd).to_bytes(size, order) + odd + content[value + length :]


def _without(content: bytes, places: Places, chance: random.Random) -> bytes:
    """A sound file in which elements are missing."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    for path in chance.sample(places.paths, chance.choice((1, 1, 1, 2, 4))):
        *above, tag = path
        here: Any = dataset
        for step, number in zip(above[::2], above[1::2], strict=True):
            here = here[step].value[number] if step in here else Dataset()
        if tag in here:
            del here[tag]
    return _written(dataset)


def cases(seed: int, first: int) -> Iterator[dict[str, Any]]:
    """Do one case after the other and tell of it."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    with tempfile.TemporaryDirectory() as name, prepared(1):
        scratch = Path(name)
        found = kinds(scratch)
        number = first
        while True:
            began = time.perf_counter()
            kind, way, outcome = _case(seed, number, found, scratch)
            spent = round(time.perf_counter() - began, 3)
            yield {
                "n": number, "kind": kind, "way": way, "outcome": outcome, "s": spent, "mb": memory_mb(os.getpid()),
                "process": os.getpid(), "peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
            }  # fmt: skip
            number += 1


def again(seed: int, number: int) -> str:
    """Do one case with what fails shown."""
    with tempfile.TemporaryDirectory() as name, prepared(1):
        return str(_case(seed, number, kinds(Path(name)), Path(name), loud=True))


def _case(seed: int, number: int, found: tuple[Kind, ...], scratch: Path, loud: bool = False) -> tuple[str, str, str]:
    chance = random.Random(f"{seed} {number}")
    kind, way = chance.choices(found, [k.share for k in found])[0], chance.choice(WAYS)
    folder = scratch / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in (kind.beside | kind.files).items():
        (folder / name).write_bytes(content)
    victims = sorted(kind.files) if chance.random() < 0.3 else [chance.choice(sorted(kind.files))]
    same = chance.random()
    for name in victims:
        content = damaged(kind.files[name], _places(kind.files[name]), way, random.Random(same))
        (folder / name).write_bytes(content)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        outcome = _outcome(kind, folder, victims[0], same < 0.25, loud)
    if heard:
        outcome = f"{FAULT} {heard[0].category.__name__} in {Path(heard[0].filename).name}: {heard[0].message}"
    return kind.name, way, outcome


@functools.cache
def _places(content: bytes) -> Places:
    return Places.of(content)


def _outcome(kind: Kind, folder: Path, victim: str, whole: bool, loud: bool) -> str:
    """What comes of reading: ``read``, the code of a refusal, or a fault."""
    try:
        said = _read(kind, folder, victim, whole)
    except Exception as error:
        if loud:
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{FAULT} {type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
    outcome, texts = said
    for secret in SECRETS:
        if any(secret in text for text in texts):
            return f"{FAULT} a name is told after {outcome}"
    return outcome


def _read(kind: Kind, folder: Path, victim: str, whole: bool) -> tuple[str, list[str]]:
    """Read as a user does, the folder too for a mask file if `whole`; gives the outcome and all that was said."""
    texts: list[str] = []
    refusals: list[LymphoscopeError] = []

    def tried(read: Any) -> Any:
        try:
            return read()
        except LymphoscopeError as refusal:
            refusals.append(refusal)
            texts.append(str(refusal))
            if refusal.exit_status != 3 or refusal.__cause__ is not None:
                raise RuntimeError("a refusal that is none") from refusal
        return None

    pet, notes = kind.pet, Notes()
    if pet is None or whole:
        for series in tried(lambda: list_series(folder)) or ():
            texts += [series.modality, series.why, series.code]
        study = tried(lambda: load_study(folder))
        if study is None:
            glance(folder)
        else:
            texts += [message.text for message in study.messages]
    if pet is None:
        return (refusals[-1].code if study is None else "read"), texts
    drawn = tried(lambda: read_drawn(folder / victim, pet, notes))
    texts += [message.text for message in notes]
    return ("read" if drawn is not None else refusals[-1].code), texts


def memory_mb(process: int) -> float:
    """Resident memory of a process, MB."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
