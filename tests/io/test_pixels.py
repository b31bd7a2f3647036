"""Pixels: every lossless way of storing them gives the same bits; what cannot be trusted is refused by name."""

from __future__ import annotations

import io
import random
from pathlib import Path

import gdcm
import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from lymphoscope.io import apart
from lymphoscope.io.dicom_encode import SYNTAXES

HT = ["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"]


def retagged(folder: Path, syntax: str, **facts: object) -> None:
    """Name another transfer syntax, or change facts, without touching the pixels."""
    for path in folder.iterdir():
        dataset = dcmread(path)
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        for keyword, value in facts.items():
            setattr(dataset, keyword, value)
        if UID(syntax).is_encapsulated:
            dataset.PixelData = encapsulate([dataset.PixelData])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = UID(syntax).is_encapsulated
        dcmwrite(path, dataset, implicit_vr=False, little_endian=True)


def transcode(folder: Path, kind: int) -> None:
    """Recompress by another library than the one that wrote the files."""
    for path in folder.iterdir():
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(path))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(kind))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()


@pytest.mark.parametrize("convention", ["siemens", "ge"])
@pytest.mark.parametrize("syntax", sorted(SYNTAXES))
def test_every_syntax_gives_the_same_bits(clinic, syntax, convention) -> None:
    """H 28, 30; unsigned and signed, with values below zero."""
    if convention == "ge":
        clinic.pet_volume = clinic.pet_volume.with_array(clinic.pet_volume.array - 1)
        clinic.ct_volume = clinic.ct_volume.with_array(clinic.ct_volume.array - 100)
    clinic.pet("plain/pet", convention=convention), clinic.ct("plain/ct")
    wanted = clinic.load(clinic.root / "plain")
    clinic.pet("coded/pet", syntax=syntax, convention=convention), clinic.ct("coded/ct", syntax=syntax)
    found = clinic.load(clinic.root / "coded")
    assert found.pet.array.tobytes() == wanted.pet.array.tobytes()
    assert found.ct is not None and wanted.ct is not None
    assert found.ct.array.tobytes() == wanted.ct.array.tobytes()
    assert not wanted.pet.geometry.difference(found.pet.geometry)


@pytest.mark.parametrize(
    "kind", ["JPEGLosslessProcess14", "JPEGLosslessProcess14_1", "JPEG2000Lossless", "RLELossless"]
)
def test_files_of_another_encoder(clinic, kind) -> None:
    """H 28."""
    clinic.pet()
    wanted = clinic.load().pet.array
    transcode(clinic.root / "pet", getattr(gdcm.TransferSyntax, kind))
    np.testing.assert_array_equal(clinic.load().pet.array, wanted)


def encapsulated(path: Path) -> int:
    """Where the compressed image begins in a file."""
    data = path.read_bytes()
    return max(data.find(b"\xff\x4f\xff\x51"), data.find(b"\xff\xd8\xff"))


@pytest.mark.parametrize(
    ("syntax", "offset", "lie"),
    [("jpeg-2000", 8, b"\x00\x00\x80\x00\x00\x00\x80\x00"), ("jpeg-ls", 7, b"\xff\xf0\xff\xf0")],
)
def test_compressed_image_that_lies_about_its_size_is_refused_unread(clinic, syntax, offset, lie) -> None:
    """H 54: decoders believe such a size, and fill the memory."""
    folder = clinic.pet(syntax=syntax)
    victim = folder / "IM0004.dcm"
    data = bytearray(victim.read_bytes())
    start = encapsulated(victim) + offset
    data[start : start + len(lie)] = lie
    victim.write_bytes(data)
    error = clinic.refusal()
    assert error.code == "IO-E-PIXELS" and "IM0004.dcm" in str(error)


@pytest.mark.parametrize("seed", [1, 53, 68])
def test_decoder_that_breaks_down_takes_nothing_with_it(clinic, seed) -> None:
    """H 31: these changes made gdcm end the whole process when it ran inside it."""
    transcode(clinic.pet(), gdcm.TransferSyntax.JPEGLosslessProcess14_1)
    victim = clinic.root / "pet" / "IM0007.dcm"
    data, chance = bytearray(victim.read_bytes()), random.Random(seed)
    start = encapsulated(victim)
    for _ in range(chance.randrange(1, 6)):
        end = min(len(data), start + 140) if chance.random() < 0.7 else len(data)
        data[chance.randrange(start, end)] = chance.choice([0, 255, chance.randrange(256)])
    victim.write_bytes(data)
    assert clinic.refused() in ("IO-E-TRUNCATED", "IO-E-PIXELS")


def test_child_that_dies_is_a_refusal(clinic, monkeypatch) -> None:
    transcode(clinic.pet(), gdcm.TransferSyntax.JPEGLosslessProcess14_1)
    monkeypatch.setattr(apart, "_COMMAND", "import os; os._exit(3)")
    assert clinic.refused() == "IO-E-TRUNCATED"


def test_child_answers_faults_and_arrays(clinic) -> None:
    folder = clinic.pet(edit=lambda d, n: d.__delitem__("PixelData") if n == 2 else None)
    asked = io.BytesIO(b"".join(str(folder / f"IM000{n}.dcm").encode() + b"\n" for n in (1, 2)))
    answer = io.BytesIO()
    apart.serve(asked, answer)
    head, rest = answer.getvalue().split(b"\n", 1)
    assert head == b"array <u2 34 32" and rest[2 * 34 * 32 :] == b"none\n"


@pytest.mark.parametrize("syntax", HT)
def test_ht_jpeg_2000_is_refused_by_name(clinic, syntax) -> None:
    """H 28."""
    retagged(clinic.pet(), syntax)
    error = clinic.refusal()
    assert error.code == "IO-E-SYNTAX" and "High-Throughput JPEG 2000" in str(error)


@pytest.mark.parametrize(
    ("syntax", "flag"),
    [
        ("1.2.840.10008.1.2.4.50", "00"),
        ("1.2.840.10008.1.2.4.51", "01"),
        ("1.2.840.10008.1.2.4.91", "01"),
        ("1.2.840.10008.1.2.4.81", None),
        ("1.2.840.10008.1.2.1", "01"),
    ],
)
def test_lossy_pet_is_refused(clinic, syntax, flag) -> None:
    """H 29: also where the pixels were decompressed again and only the flag is left."""
    retagged(clinic.pet(), syntax, **({"LossyImageCompression": flag} if flag else {}))
    assert clinic.refused() == "IO-E-LOSSY"


def test_lossy_ct_warns(clinic) -> None:
    """H 29."""
    clinic.pet()
    clinic.ct(edit=lambda d, n: setattr(d, "LossyImageCompression", "01"))
    study = clinic.load()
    assert study.ct is not None and "IO-W-LOSSY" in {m.code for m in study.messages}


@pytest.mark.parametrize("syntax", ["explicit", "rle", "jpeg-ls", "jpeg-2000", "deflated"])
def test_truncated_file_is_named(clinic, syntax) -> None:
    """H 31."""
    folder = clinic.pet(syntax=syntax)
    victim = folder / "IM0007.dcm"
    victim.write_bytes(victim.read_bytes()[:-200])
    error = clinic.refusal()
    assert error.code == "IO-E-TRUNCATED"
    if syntax != "deflated":
        assert "IM0007.dcm" in str(error)


def test_a_file_name_that_may_be_a_person_is_not_said(clinic) -> None:
    """H 61."""
    folder = clinic.pet()
    victim = folder / "IM0007.dcm"
    victim.write_bytes(victim.read_bytes()[:-200])
    victim.rename(folder / "DOE_JANE_SECRET123.dcm")
    error = clinic.refusal()
    assert error.code == "IO-E-TRUNCATED" and "instance number 7" in str(error)


def test_pixels_missing(clinic) -> None:
    clinic.pet(edit=lambda d, n: d.__delitem__("PixelData") if n == 4 else None)
    assert clinic.refused() == "IO-E-PIXELS"


@pytest.mark.parametrize(("keyword", "value"), [("NumberOfFrames", 2), ("HighBit", 11), ("BitsAllocated", 12)])
def test_pixel_format_that_contradicts_itself(clinic, keyword, value) -> None:
    """H 33."""
    clinic.pet(edit=lambda d, n: setattr(d, keyword, value))
    assert clinic.refused() in ("IO-E-PIXELS", "IO-E-TRUNCATED")


@pytest.mark.parametrize(("bits", "kind"), [(8, "u1"), (12, "<u2"), (16, "<i2"), (32, "<u4")])
def test_bit_depths(clinic, bits, kind) -> None:
    """H 33: 8, 12 in 16, signed and 32 bits; unused high bits that hold rubbish do not count."""
    wanted = np.arange(34 * 32).reshape(34, 32) % 200

    def edit(dataset: Dataset, number: int) -> None:
        dataset.BitsAllocated = max(8, int(kind[-1]) * 8)
        dataset.BitsStored, dataset.HighBit = bits, bits - 1
        dataset.PixelRepresentation = int("i" in kind)
        values = wanted + (0x7000 if bits == 12 else 0)
        dataset.PixelData = values.astype(kind).tobytes()
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.Units = "0.01", "0", "GML"

    folder = clinic.pet()
    for number, path in enumerate(sorted(folder.iterdir()), 1):
        dataset = dcmread(path)
        edit(dataset, number)
        dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
        dcmwrite(path, dataset)
    np.testing.assert_allclose(clinic.load().pet.array[3], wanted * 0.01, rtol=1e-6)


def test_padding_below_air_is_raised(clinic) -> None:
    """H 34."""
    clinic.pet()
    array = clinic.ct_volume.array.copy()
    array[:, 0, :5] = -2000
    clinic.ct_volume = clinic.ct_volume.with_array(array)
    clinic.ct()
    study = clinic.load()
    assert study.ct is not None and study.ct.array.min() == -1024 and study.ct.array.dtype == np.int16
    assert "IO-W-PADDING" in {m.code for m in study.messages}


def test_fractional_slope_of_ct_is_kept(clinic) -> None:
    clinic.pet()
    clinic.ct(edit=lambda d, n: setattr(d, "RescaleSlope", "0.5"))
    study = clinic.load()
    assert study.ct is not None and study.ct.array.dtype == np.float32
    assert (study.ct.array % 1 == 0.5).any()


@pytest.mark.parametrize("slope", ["0", "", "-1", None])
def test_slope_that_is_none(clinic, slope) -> None:
    """H 37."""

    def edit(dataset: Dataset, number: int) -> None:
        if slope is None:
            del dataset.RescaleSlope
        elif number == 5:
            dataset.RescaleSlope = slope

    clinic.pet(edit=edit)
    assert clinic.refused() == "IO-E-SLOPE"


def test_ct_without_intercept_is_refused(clinic) -> None:
    clinic.pet()
    clinic.ct(edit=lambda d, n: d.__delitem__("RescaleIntercept"))
    assert clinic.refused() == "IO-E-SLOPE"


def test_intercept_is_applied_and_told(clinic) -> None:
    """H 38: stored values moved down and the intercept up give the same SUV."""

    def edit(dataset: Dataset, number: int, offset: int = 100) -> None:
        stored = np.minimum(np.frombuffer(dataset.PixelData, "<u2"), 65000)
        dataset.PixelData = (stored + offset).astype("<u2").tobytes()
        dataset.RescaleSlope, dataset.RescaleIntercept = "0.0625", str(-0.0625 * offset)

    def plain(dataset: Dataset, number: int) -> None:
        edit(dataset, number, 0)

    reference = clinic.load(clinic.pet("reference", plain)).pet.array
    shifted = clinic.load(clinic.pet("shifted", edit))
    assert "SUV-W-INTERCEPT" in {m.code for m in shifted.messages}
    np.testing.assert_array_equal(shifted.pet.array, reference)


def test_slope_changes_between_slices(clinic) -> None:
    """H 26: each slice has its own slope, and one slice's slope is exactly 1."""

    def edit(dataset: Dataset, number: int) -> None:
        dataset.RescaleSlope = "1" if number == 1 else str(0.25 * number)

    array = clinic.load(clinic.pet("odd", edit)).pet.array
    plain = clinic.load(clinic.pet("even", lambda d, n: setattr(d, "RescaleSlope", "1"))).pet.array
    for k in range(1, 16):
        np.testing.assert_allclose(array[k], plain[k] * 0.25 * (k + 1), rtol=1e-6)


@pytest.mark.parametrize("convention", ["ge", "philips-cnts", "gml", "bqml-none"])
def test_negative_values_are_kept(clinic, convention) -> None:
    """H 36."""
    array = clinic.pet_volume.array.copy()
    array[:, :4, :] = -1.5
    clinic.pet_volume = clinic.pet_volume.with_array(array)
    study = clinic.load(clinic.pet(convention=convention))
    assert study.pet.array.min() == pytest.approx(-1.5, abs=1e-3)
    assert "IO-W-NEGATIVE" in {m.code for m in study.messages}
