"""The structured report says the numbers of the record, no other, and points at the segments."""

from __future__ import annotations

import io
import json

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset

from lymphoscope.io.case import canonical_json
from lymphoscope.io.objects import codes
from lymphoscope.io.objects.codes import CONCEPTS
from lymphoscope.io.objects.sr import LESION_NUMBERS, measurement_report

SHAPE = (14, 20, 18)


def _value_of(code: Dataset) -> str:
    return code.get("CodeValue") or code.LongCodeValue


def numbers_in(group: Dataset) -> dict[tuple[str, str], tuple[float, str]]:
    """Value and unit by concept and derivation."""
    found = {}
    for item in group.ContentSequence:
        if item.ValueType != "NUM":
            continue
        below = item.get("ContentSequence", ())
        derived = [
            c.ConceptCodeSequence[0].CodeValue for c in below if c.ConceptNameCodeSequence[0].CodeValue == "121401"
        ]
        value = item.MeasuredValueSequence[0]
        key = (item.ConceptNameCodeSequence[0].CodeValue, derived[0] if derived else "")
        assert key not in found
        found[key] = (float(value.NumericValue), _value_of(value.MeasurementUnitsCodeSequence[0]))
    return found


def groups_of(report: Dataset) -> list[Dataset]:
    measurements = [c for c in report.ContentSequence if c.ConceptNameCodeSequence[0].CodeValue == "126010"]
    return list(measurements[0].ContentSequence)


def expected(values: dict[str, object]) -> dict[tuple[str, str], tuple[float, str]]:
    said = {n: v for n, v in values.items() if n in CONCEPTS and isinstance(v, int | float)}
    return {
        (CONCEPTS[n].name.value, CONCEPTS[n].derivation.value if CONCEPTS[n].derivation else ""): (
            v, CONCEPTS[n].unit.value,
        )
        for n, v in said.items()
    }  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 2])
def test_numbers_equal_those_of_the_json(archive, tools, count: int) -> None:
    labels = np.where(tools.two_lesions(SHAPE) <= count, tools.two_lesions(SHAPE), 0)
    record = tools.record_of(archive.segments(count))
    seg = archive.seg(labels) if count else None
    report = tools.read(measurement_report(archive.making(), record, seg))
    written = json.loads(canonical_json(record))
    *lesions, patient = groups_of(report)
    assert [numbers_in(g) for g in lesions] == [expected(row) for row in written["lesions"]]
    indices = {n: i["value"] for n, i in written["indices"].items()}
    assert numbers_in(patient) == expected(written["patient"] | indices)
    assert ("QPET", "") not in numbers_in(patient), "what cannot be given is left out"


def test_highdicom_finds_the_groups_and_their_segments(archive, tools) -> None:
    seg = archive.seg(tools.two_lesions(SHAPE))
    segments = archive.segments(2)
    made = measurement_report(archive.making(), tools.record_of(segments), seg)
    content = hd.sr.srread(io.BytesIO(made.content)).content
    groups = content.get_volumetric_roi_measurement_groups()
    assert [g.tracking_uid for g in groups] == [s.tracking_uid for s in segments]
    assert [g.tracking_identifier for g in groups] == ["L01", "L02"]
    for number, group in enumerate(groups, start=1):
        segment = group.referenced_segment
        assert segment.referenced_sop_instance_uid == seg.dataset.SOPInstanceUID
        assert segment[0].ReferencedSOPSequence[0].ReferencedSegmentNumber == number
        assert group.finding_type == codes.LESION
        assert group.finding_sites[0].value == codes.SITES["cervical"]
        assert group.finding_sites[0].laterality == codes.RIGHT
        volume = group.get_measurements(codes.CONCEPTS["mtv_ml"].name)
        assert [m.value for m in volume] == [float(f"{12.3456789123 * number:.9g}")]
    patient = content.get_image_measurement_groups()
    assert [g.finding_type for g in patient] == [codes.LYMPHOMA]


def test_it_is_a_draft_that_nobody_has_signed(archive, tools) -> None:
    report = tools.read(archive.every_kind()["sr"])
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert report.ContentQualification == "RESEARCH"
    scheme = report.CodingSchemeIdentificationSequence[0]
    assert (scheme.CodingSchemeDesignator, scheme.CodingSchemeUID) == ("99LYMSEG", codes.PRIVATE_SCHEME_UID)


def test_the_method_is_said_in_words(archive, tools) -> None:
    group = groups_of(tools.read(archive.every_kind()["sr"]))[0]
    words = [c.TextValue for c in group.ContentSequence if c.ValueType == "TEXT"]
    assert {"method suv4.0", "threshold SUV ≥ 4.0", "Lymphoscope", "1.2.3"} <= set(words)


def test_lesions_need_their_segments(archive, tools) -> None:
    with pytest.raises(ValueError, match="segment"):
        measurement_report(archive.making(), tools.record_of(archive.segments(2)), None)


def test_all_numbers_fit(archive, tools) -> None:
    labels = np.zeros(SHAPE, np.int32)
    labels.reshape(-1)[: 12 * 7 : 7] = np.arange(1, 13)
    record = tools.record_of(archive.segments(12))
    for row in record["lesions"]:
        row.update(dict.fromkeys(LESION_NUMBERS, -1234567.890123))
    report = tools.read(measurement_report(archive.making(), record, archive.seg(labels)))
    groups = groups_of(report)
    assert len(groups) == 13
    assert all(value == -1234567.89 for value, _ in numbers_in(groups[11]).values())
    assert len(numbers_in(groups[11])) == len(LESION_NUMBERS)
