"""Numbers with a name, a unit, a method and a status; findings; and the report that holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lymphoscope.core.errors import Message
from lymphoscope.core.study import Study
from lymphoscope.core.volume import Array, LesionMask

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measure:
    """One number.

    Attributes:
        name: Key with its unit, such as ``mtv_ml`` or ``suvmax``.
        value: The number, or None where it is not defined.
        unit: UCUM-like unit: ``mL``, ``g/mL``, ``g``, ``cm``, ``m-1``, ``1``.
        method: How it was obtained, such as ``suv4.0/18/3mL`` or ``highest/partial``.
        code: IBSI or DICOM code, where there is one.
        status: ``ok`` or ``not-computable``.
        why: Why there is no value.
    """

    name: str
    value: float | int | str | None
    unit: str = "1"
    method: str = ""
    code: str = ""
    status: str = "ok"
    why: str = ""

    @classmethod
    def missing(cls, name: str, why: str, unit: str = "1", method: str = "", code: str = "") -> Measure:
        """A number that cannot be given, with the reason."""
        return cls(name, None, unit, method, code, "not-computable", why)


@dataclass(frozen=True)
class Measures:
    """Numbers in a fixed order, found by name."""

    items: tuple[Measure, ...] = ()

    def __getitem__(self, name: str) -> Measure:
        """Find a number by its name."""
        for measure in self.items:
            if measure.name == name:
                return measure
        raise KeyError(name)

    def __iter__(self) -> Iterator[Measure]:
        """Iterate in order."""
        return iter(self.items)

    def __len__(self) -> int:
        """Count the numbers."""
        return len(self.items)

    def __add__(self, other: Measures) -> Measures:
        """Join two sets of numbers."""
        return Measures((*self.items, *other.items))

    def value(self, name: str) -> Any:
        """Value by name, None where there is none."""
        return self[name].value

    def as_dict(self) -> dict[str, float | int | str | None]:
        """Values by name."""
        return {m.name: m.value for m in self.items}

    def to_frame(self) -> pd.DataFrame:
        """One row a number: name, value, unit, method, code, status, why."""
        import pandas as pd  # noqa: PLC0415 - heavy, and only for those who ask

        return pd.DataFrame([vars(m) for m in self.items])


@dataclass(frozen=True)
class Decision:
    """What became of one candidate region, who decided and by which rule. Reversible: the region's voxels are kept.

    Attributes:
        region: Number in the candidate label map (one numbering for all candidates, in or out).
        action: ``include``, ``remove`` or ``doubt-in`` / ``doubt-out`` (counted / not counted until read).
        stage: Benchmark stage that the decision belongs to, 1–4 (0: kept from preselection).
        organ: Organ concerned, in the words of `lymphoscope.core.study.ORGANS`; empty for none.
        overlap: Fraction q of the region inside the organ, 0–1, or None without an organ region.
        volume_ml: Volume of the region, mL.
        suvmax: Highest SUV in the region, g/mL.
        rule: Name of the rule.
        why: The reason in words for a reader.
        actor: ``rules``, ``organ-map``, ``network`` or a reader's name.
        read: True where a reader decided.
        site: Site in words as the reader named it, or empty.
        nodal: True nodal, False extranodal, None not said.
        probability: Mean probability of a lesion by the network that drew the region or looked at it, or None.
    """

    region: int
    action: str
    stage: int
    organ: str
    overlap: float | None
    volume_ml: float
    suvmax: float
    rule: str
    why: str
    actor: str = "rules"
    read: bool = False
    site: str = ""
    nodal: bool | None = None
    probability: float | None = None

    @property
    def counted(self) -> bool:
        """True where the region's volume is in the TMTV."""
        return self.action in ("include", "doubt-in")

    @property
    def doubtful(self) -> bool:
        """True where a reader should decide."""
        return self.action.startswith("doubt")


@dataclass(frozen=True)
class Likeness:
    """One fact of a study beside what a network was trained on.

    Attributes:
        fact: What is compared.
        here: In the study, in words.
        trained: In the training, or what is usual where the model does not say, in words.
        unlike: True where they differ so much that its lesions are less certain.
        model: The model; empty for what is usual.
    """

    fact: str
    here: str
    trained: str
    unlike: bool
    model: str = ""


@dataclass(frozen=True)
class Doubt:
    """How far lesions that a network drew may be trusted.

    Attributes:
        volumes_ml: TMTV that it could have been as well, mL, by how.
        likeness: The study beside the training.
        gives_up: What of the model's own way was not computed, in words.
    """

    volumes_ml: Mapping[str, float]
    likeness: tuple[Likeness, ...]
    gives_up: str


@dataclass(frozen=True)
class Looked:
    """The network that looked at what the rules decided.

    Attributes:
        model: Its name.
        version: Of the model.
        sha256: Of its card, which holds the hashes of its files.
        silent: Why it was not asked; empty where it was.
    """

    model: str
    version: str
    sha256: str
    silent: str = ""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Lesions of one study by one method, with everything that was removed on the way.

    Attributes:
        lesions: Counted regions, numbered by decreasing volume.
        candidates: All regions, in or out; numbers never reused.
        decisions: One per candidate region.
        method: Method id of B1, such as ``suv4.0``.
        threshold: Threshold in words, such as ``SUV ≥ 4.0``.
        min_volume_ml: Smallest preselected region, mL.
        connectivity: 6, 18 or 26.
        stages: TMTV1…TMTV4 in mL by stage name.
        alternatives: Other methods' lesion masks from the same seeds, by method id (``--all-methods``).
        organs: Organ regions the decisions rest on, name → bool (z, y, x) on the PET grid.
        organs_source: ``organ-map`` where the user gave masks, else ``rules``.
        messages: What was noted.
        doubt: How far a network may be trusted; None where none drew.
        looked: The network that looked at the rules' decisions; None where none was to.
        new_lesion: True where a reader says that a counted lesion was not there in the earlier scan.
    """

    lesions: LesionMask
    candidates: LesionMask
    decisions: tuple[Decision, ...]
    method: str
    threshold: str
    min_volume_ml: float
    connectivity: int
    stages: Mapping[str, float] = field(default_factory=dict)
    alternatives: Mapping[str, LesionMask] = field(default_factory=dict)
    organs: Mapping[str, Array] = field(default_factory=dict)
    organs_source: str = "rules"
    messages: tuple[Message, ...] = ()
    doubt: Doubt | None = None
    looked: Looked | None = None
    new_lesion: bool = False

    def candidate_of(self, lesion: int) -> int:
        """Candidate number of a lesion (the candidate most of its voxels lie in)."""
        return self._candidates.get(lesion, 0)

    @cached_property
    def _candidates(self) -> dict[int, int]:
        """The same for all lesions in one pass over their voxels."""
        import numpy as np  # noqa: PLC0415

        inside = self.lesions.voxels
        lesions, candidates = (m.labels.reshape(-1)[inside].astype(int) for m in (self.lesions, self.candidates))
        known = candidates > 0  # a lower threshold than the preselection's reaches beyond the candidate
        top = int(candidates.max(initial=0)) + 1
        pairs, count = np.unique(lesions[known] * top + candidates[known], return_counts=True)
        order = np.lexsort((-pairs, count))  # the last written stays: most voxels, of equal shares the first candidate
        return {int(pair) // top: int(pair) % top for pair in pairs[order]}

    def decision_of(self, region: int) -> Decision:
        """The decision on a candidate region."""
        return next(d for d in self.decisions if d.region == region)

    def to_frame(self) -> pd.DataFrame:
        """One row a candidate region, in or out."""
        import pandas as pd  # noqa: PLC0415

        return pd.DataFrame([vars(d) for d in self.decisions])


@dataclass(frozen=True)
class Finding:
    """One lesion with its numbers.

    Attributes:
        lesion: Number in the lesion mask.
        region: Number in the candidate map: the number printed for people.
        measures: Its numbers.
        status: ``ai-only``, ``doubtful`` or ``confirmed``.
        site: Suggested site in words, or empty.
        why: Reason for doubt.
    """

    lesion: int
    region: int
    measures: Measures
    status: str = "ai-only"
    site: str = ""
    why: str = ""


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that is said about one study. Rendering is elsewhere.

    Attributes:
        study: The study reported.
        segmentation: Lesions and removals; None for a refused study.
        findings: Lesions with numbers, by decreasing volume.
        patient: Patient-level numbers.
        reference: Reference organs by name.
        sensitivity: Patient-level numbers per method id, from the same seeds.
        indices: Deauville, qPET and similar.
        messages: All messages, most severe first.
    """

    study: Study
    segmentation: Segmentation | None
    findings: tuple[Finding, ...]
    patient: Measures
    reference: Mapping[str, Measures]
    sensitivity: Mapping[str, Measures] = field(default_factory=dict)
    indices: Measures = Measures()
    messages: tuple[Message, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """One row a lesion, one column a number."""
        import pandas as pd  # noqa: PLC0415

        rows = [
            {"lesion": f.lesion, "region": f.region, "status": f.status, "site": f.site, **f.measures.as_dict()}
            for f in self.findings
        ]
        return pd.DataFrame(rows)
