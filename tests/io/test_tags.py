from __future__ import annotations

import math

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from lymphoscope.io.tags import PHILIPS_SUV, items, made_by, number, private_texts, text, texts


def raw(tag, vr, value, implicit=False):
    dataset = Dataset()
    dataset[tag] = RawDataElement(Tag(tag), vr, len(value), value, 0, implicit, True)
    return dataset


def test_one_value_and_many_are_read_alike():
    """pydicom gives a single value of a multi-valued element as a string, where `in` would look for letters."""
    dataset = Dataset()
    dataset.CorrectedImage = "NOATTN"
    assert texts(dataset, 0x00280051) == ("NOATTN",)
    assert "ATTN" not in texts(dataset, 0x00280051)
    dataset.CorrectedImage = ["DECY", "ATTN "]
    assert texts(dataset, 0x00280051) == ("DECY", "ATTN")
    assert texts(raw(0x00280051, "CS", b"DECY\\ATTN \\"), 0x00280051) == ("DECY", "ATTN", "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"70", 70.0),
        (b" 70.50 ", 70.5),
        (b"+7.0E1\0", 70.0),
        (b".5", 0.5),
        (b"", None),
        (b"  \0", None),
        (b"seventy", math.nan),
        (b"70,5", math.nan),
        (b"7_0", math.nan),
        (b"0x46", math.nan),
        (b"nan", math.nan),
        (b"inf", math.nan),
        (b"1e400", math.nan),
        (b"70\\71", math.nan),
        (b"70\xff", math.nan),
    ],
)
@pytest.mark.parametrize("vr", ["DS", "UN", "LO", None])
def test_numbers(value, expected, vr):
    found = number(raw(0x00101030, vr, value, implicit=vr is None), 0x00101030)
    assert found == expected or (found is not None and math.isnan(found) and math.isnan(expected))


def test_decoded_elements_are_read_too():
    dataset = Dataset()
    dataset.PatientWeight = 70.25
    dataset.ActualFrameDuration = "120000"
    dataset.add_new(0x00431001, "FD", 1.5)
    assert number(dataset, 0x00101030) == 70.25
    assert number(dataset, 0x00181242) == 120000
    assert number(dataset, 0x00431001) == 1.5
    assert number(dataset, 0x00101020) is None


def test_damage_reads_as_absent():
    assert texts(raw(0x00101030, "FD", b"\x01\x02\x03"), 0x00101030) == ()
    assert items(raw(0x00540016, "SQ", b"\xfe\xff\x00\xe0\x10"), 0x00540016) == ()
    assert items(raw(0x00540016, "LO", b"words"), 0x00540016) == ()
    assert text(Dataset(), 0x00101030) == ""


@pytest.mark.parametrize(
    ("maker", "name", "is_maker"),
    [
        ("GE", "GE MEDICAL SYSTEMS", True),
        ("GE", "ge healthcare", True),
        ("GE", "GEHC", True),
        ("GE", "GEMS", True),
        ("GE", "GE_MEDICAL", True),
        ("GE", "General Electric", True),
        ("GE", "Gemini", False),
        ("GE", "Imaging Medical", False),
        ("GE", "GENERIC", False),
        ("SIEMENS", "Siemens Healthineers", True),
        ("SIEMENS", "CPS", False),
        ("PHILIPS", "Philips Medical Systems", True),
        ("PHILIPS", "", False),
    ],
)
def test_makers(maker, name, is_maker):
    dataset = Dataset()
    dataset.Manufacturer = name
    assert made_by(dataset, maker) is is_maker


def test_private_elements_are_found_in_the_creators_block():
    dataset = Dataset()
    block = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", "0.000551")
    assert private_texts(dataset, PHILIPS_SUV) == ("0.000551",)
    other = Dataset()
    other.private_block(0x7053, "Another", create=True).add_new(0x00, "DS", "9")
    assert private_texts(other, PHILIPS_SUV) == ()
    assert PHILIPS_SUV.tag == "(7053,xx00)"
