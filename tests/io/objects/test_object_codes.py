"""Codes are what they claim to be: looked up in the dictionaries of PS3.16 that pydicom carries."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from pydicom.sr import _concepts_dict as dictionary
from pydicom.sr.codedict import codes as lookup
from pydicom.sr.coding import Code

from lymphoscope.core.study import ORGANS
from lymphoscope.io.objects import codes
from lymphoscope.io.objects.sr import INDICES, LESION_NUMBERS, PATIENT_NUMBERS
from lymphoscope.quant.catalogue import CATALOGUE

RENAMED = {
    "17861009": (
        "oropharyngeal tonsil",
        "the code is that of the whole ring, which CID 7601 names after one part of it",
    ),
}
ABSENT = {"113276009": "Intestine: in SNOMED CT (Intestinal structure), not in the dictionaries of PS3.16"}


def _all() -> Iterator[Code]:
    for value in vars(codes).values():
        if isinstance(value, Code):
            yield value
    for concept in codes.CONCEPTS.values():
        yield from (part for part in concept if part is not None)
    yield from codes.ORGAN_CODES.values()
    yield from codes.SITES.values()


ALL = sorted({(c.scheme_designator, c.value, c.meaning) for c in _all()})


def _meanings(scheme: str, value: str) -> set[str]:
    found = {names[value][0] for names in dictionary.concepts[scheme].values() if value in names}
    return found | {re.sub(r" \([a-z ]+\)$", "", name) for name in found}


@pytest.mark.parametrize(("scheme", "value", "meaning"), ALL)
def test_code_and_meaning_are_in_the_dictionary(scheme: str, value: str, meaning: str) -> None:
    assert len(meaning) <= 64 and meaning.isascii() and len(value) <= 16 + 16 * (scheme == "UCUM")
    if scheme == codes.PRIVATE_SCHEME or value in {c.value for c in codes.UNITS_BY_HAND}:
        return
    if value in ABSENT:
        assert not _meanings(scheme, value), "the dictionary has it by now: drop the exception"
    elif value in RENAMED:
        assert RENAMED[value][0] in _meanings(scheme, value) and meaning not in _meanings(scheme, value)
    else:
        assert meaning in _meanings(scheme, value)


def test_units_by_hand_are_not_in_the_dictionary() -> None:
    for unit in codes.UNITS_BY_HAND:
        assert not _meanings("UCUM", unit.value), "the dictionary has it by now: take it from there"


@pytest.mark.parametrize(
    ("code", "group"),
    [
        (codes.ABNORMAL, 7150), (codes.ANATOMY, 7150), (codes.TISSUE, 7150), (codes.LESION, 7151),
        (codes.SOFT_TISSUE, 7151), (codes.FAMILY, 7162), (codes.MAXIMUM, 7464), (codes.MEAN, 7464),
        (codes.MINIMUM, 7464), (codes.DEVIATION, 7464), (codes.PEAK, 7464), (codes.SUV_BW, 7469),
        (codes.METHOD_VOXELS, 7474), (codes.RIGHT, 244), (codes.LEFT, 244), (codes.LYMPHOMA, 6030),
        (codes.PROCEDURE, 100), (codes.REPORT_TITLE, 7000),
    ],
)  # fmt: skip
def test_codes_are_of_the_group_that_their_place_asks_for(code: Code, group: int) -> None:
    assert code in getattr(lookup, f"cid{group}").concepts.values()


def test_a_meaning_is_used_for_one_code_in_a_scheme() -> None:
    assert len({(scheme, meaning) for scheme, _, meaning in ALL}) == len({(s, v) for s, v, _ in ALL})


def test_every_organ_has_a_code() -> None:
    assert set(codes.ORGAN_CODES) == set(ORGANS)


@pytest.mark.parametrize("name", codes.CONCEPTS)
def test_concepts_agree_with_the_catalogue_of_quantities(name: str) -> None:
    row, concept = CATALOGUE["n_lesions" if name == "n" else name], codes.CONCEPTS[name]
    said = [f"{c.scheme_designator}:{c.value}" for c in (concept.name, concept.derivation) if c is not None]
    told_apart = ("bulk_ml", "tumour_to_liver_peak", "tumour_to_liver_mean")
    assert row.code.split("+") == (said[:1] if name in told_apart else said)
    bare = re.sub(r"\{.*\}", "", concept.unit.value) or "1"
    assert bare == {"mL": "ml", "g/mL": "g/ml", "m-1": "/m"}.get(row.unit, row.unit)


def test_no_two_numbers_of_a_group_are_said_alike() -> None:
    for names in (LESION_NUMBERS, (*PATIENT_NUMBERS, *INDICES)):
        said = [(codes.CONCEPTS[n].name, codes.CONCEPTS[n].derivation) for n in names]
        assert len(set(said)) == len(said)


@pytest.mark.parametrize(
    ("words", "value", "side"),
    [
        ("cervical, right", "81105003", codes.RIGHT),
        ("Inguinal, Left", "113340006", codes.LEFT),
        ("mediastinum", "62683002", None),
        ("elsewhere", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_sites_are_known_by_their_words(words: str | None, value: str | None, side: Code | None) -> None:
    found = codes.site_of(words)
    assert (found and found[0].value, found and found[1]) == (value, side)
