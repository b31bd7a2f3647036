"""Whether images are of one patient and one study. Identifiers are compared as hashes and never shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.header import Header, digest
from lymphoscope.io.series import Series


@dataclass(frozen=True)
class Person:
    """What tells one patient from another; empty where the header says nothing.

    Attributes:
        number: Hash of the patient ID.
        name: Hash of the patient's name, in one spelling.
        birth: Hash of the birth date.
        sex: ``M``, ``F``, ``O`` or empty.
    """

    number: str
    name: str
    birth: str
    sex: str

    def conflicts(self, other: Person) -> str:
        """Say what differs where both say something; empty when nothing does."""
        facts = (("patient ID", "number"), ("name", "name"), ("birth date", "birth"), ("sex", "sex"))
        return " and ".join(
            what
            for what, key in facts
            if getattr(self, key) and getattr(other, key) and getattr(self, key) != getattr(other, key)
        )


def person(header: Header) -> Person:
    """The patient a header names."""
    name = " ".join(header.words("PatientName").replace("^", " ").replace("=", " ").upper().split())
    parts = (header.text("PatientID"), name, header.text("PatientBirthDate"))
    number, named, birth = (digest(p) if p else "" for p in parts)
    return Person(number, named, birth, header.text("PatientSex").upper())


def require_one_study(series: Sequence[Series]) -> None:
    """Refuse a folder with images of several patients or studies.

    Args:
        series: All series found.

    Raises:
        LymphoscopeError: ``IO-E-PATIENTPAIR`` when all PET is of one patient and all CT of another,
            ``IO-E-MIXEDPATIENT`` for any other mixture.
    """
    images = [s for s in series if s.first.integer("Rows")]
    persons = {s.modality: _distinct(h for t in images if t.modality == s.modality for h in t.headers) for s in images}
    pets, cts = persons.get("PT", []), persons.get("CT", [])
    if len(pets) == 1 and len(cts) == 1 and pets[0].conflicts(cts[0]):
        raise LymphoscopeError("IO-E-PATIENTPAIR", f"PET and CT differ in {pets[0].conflicts(cts[0])}")
    everybody: list[Person] = []
    for found in persons.values():
        everybody = _merge(everybody, found)
    if len(everybody) > 1:
        raise LymphoscopeError("IO-E-MIXEDPATIENT", f"images of {len(everybody)} patients lie together")
    _require_one_uid([s for s in images if s.modality in ("PT", "CT")])


def require_same_person(pet: Series, ct: Series) -> None:
    """Refuse a CT that the user named if it is of another patient.

    Raises:
        LymphoscopeError: ``IO-E-PATIENTPAIR``.
    """
    conflict = person(pet.first).conflicts(person(ct.first))
    if conflict:
        raise LymphoscopeError("IO-E-PATIENTPAIR", f"PET and CT differ in {conflict}")


def _require_one_uid(images: Sequence[Series]) -> None:
    studies: dict[str, list[Header]] = {}
    for one in images:
        for header in one.headers:
            if uid := header.text("StudyInstanceUID"):
                studies.setdefault(uid, []).append(header)
    if len(studies) > 1:
        told = [f"{len(h)} images of {_day(h[0])}" for h in studies.values()]
        raise LymphoscopeError(
            "IO-E-MIXEDPATIENT", f"{len(studies)} studies of one patient lie together: {'; '.join(sorted(told))}"
        )


def _day(header: Header) -> str:
    moment = header.moment("Study") or header.moment("Series")
    return moment.strftime("%Y-%m-%d") if moment else "an unknown date"


def _distinct(headers: Iterable[Header]) -> list[Person]:
    return _merge([], dict.fromkeys(person(h) for h in headers))


def _merge(known: list[Person], more: Iterable[Person]) -> list[Person]:
    """Persons without those that contradict nobody already known."""
    merged = list(known)
    for one in more:
        if not merged or all(one.conflicts(other) for other in merged):
            merged.append(one)
    return merged
