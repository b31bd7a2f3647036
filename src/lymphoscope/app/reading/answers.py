"""What a reader answers when signing, besides the mask; the five-point score is the reader's, never the machine's.

Reference: specification of the report, 2.7 and 3.2 (what sends two reads to an adjudicator).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from lymphoscope.core.errors import LymphoscopeError


class Question(NamedTuple):
    """Something asked when signing; no answer is one too.

    Attributes:
        name: As it is printed.
        options: What may be answered.
        one_side: Answers that stand against all others between two readers; empty where every answer may differ.
    """

    name: str
    options: tuple[str, ...]
    one_side: frozenset[str] = frozenset()


QUESTIONS: Mapping[str, Question] = MappingProxyType(
    {
        "deauville": Question("Deauville", ("1", "2", "3", "4", "5", "X"), frozenset({"4", "5"})),
        "new_lesion": Question("New lesion", ("no", "yes"), frozenset({"yes"})),
        "stage": Question("Stage", ("I", "II", "III", "IV"), frozenset({"III", "IV"})),
        "quality": Question("Image quality", ("good", "limited", "poor")),
    }
)
"""Questions by the key of their answer."""


_DEAUVILLE = dict(zip("12345X", ("C99728", "C99747", "C99748", "C99749", "C99750", "C136879"), strict=True))
"""NCI Thesaurus codes of the scores, as in the value set of HL7 mCODE."""


def checked(answers: Mapping[str, str]) -> dict[str, str]:
    """The answers that were given, in the order of the questions.

    Raises:
        LymphoscopeError: ``READ-E-SIGN`` for an answer that may not be given.
    """
    for key, answer in answers.items():
        if key not in QUESTIONS or (answer and answer not in QUESTIONS[key].options):
            raise LymphoscopeError("READ-E-SIGN", "an answer is not one that can be given")
    return {key: answers[key] for key in QUESTIONS if answers.get(key)}


def printed(answers: Mapping[str, str]) -> list[dict[str, str | None]]:
    """Answers as a report prints them; the score with its code."""
    return [
        {
            "name": QUESTIONS[key].name,
            "shown": answers[key],
            "code": f"NCIt:{_DEAUVILLE[answers[key]]}" if key == "deauville" else None,
        }
        for key in QUESTIONS
        if answers.get(key)
    ]


def disputes(one: Mapping[str, str], two: Mapping[str, str]) -> list[str]:
    """Questions that two readers answered from different sides: 1–3 and 4–5, yes and no, I–II and III–IV."""
    return [
        question.name
        for key, question in QUESTIONS.items()
        if question.one_side
        and one.get(key)
        and two.get(key)
        and (one[key] in question.one_side) != (two[key] in question.one_side)
    ]
