"""The structured report: every lesion with its numbers and its segment, and the patient's numbers.

All numbers come from the record, written as there, so that the report and ``report.json`` cannot disagree.

Reference: DICOM PS3.16 TID 1500 (Measurement Report), TID 1411, TID 1501.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from lymphoscope.io.case import SIGNIFICANT_DIGITS
from lymphoscope.io.dicom_write import uid
from lymphoscope.io.objects import codes
from lymphoscope.io.objects.codes import CONCEPTS
from lymphoscope.io.objects.making import MANUFACTURER, Made, Making, building, finished

LESION_NUMBERS = (
    "mtv_ml", "tlg_g", "suvmax", "suvmean", "suvpeak", "suvmin", "suvsd", "suvpeak_sul", "tumour_to_liver_peak",
    "tumour_to_liver_mean", "max3d_mm", "volume_mesh_ml", "surface_cm2", "sphericity", "axial_diameter_mm",
    "qpet_peak", "auc_csh",
)  # fmt: skip
"""Numbers of a lesion in the report; texture stays in ``report.json``."""

PATIENT_NUMBERS = (
    "n", "tmtv_ml", "tlg_g", "suvmax", "suvmean", "suvpeak", "suvpeak_sul", "bulk_ml", "tumour_to_liver_peak",
    "tumour_to_liver_mean", "axial_diameter_mm", "qpet_peak", "dmax_cm", "dmax_bulk_cm", "dmax_voxel_cm",
    "spread_sum_cm", "dmax_spleen_cm", "sdmax_per_m", "tvsr_cm", "spleen_to_liver", "marrow_to_liver",
    "blood_pool_to_liver",
)  # fmt: skip
"""Numbers of the patient in the report."""

INDICES = ("deauville_aid", "qpet", "qpet_score")
"""Response aids in the report."""


def measurement_report(making: Making, record: Mapping[str, Any], seg: Made | None) -> Made:
    """Write the report: one group a lesion, referring to its segment, and one group for the patient.

    Args:
        making: What all objects share.
        record: The record of a measured study, tracking UIDs filled in.
        seg: The lesions' segmentation, segments in the order of the record's lesions; None without lesions.

    Raises:
        ValueError: The record has lesions and there is no segmentation, or they are not as many.
    """
    lesions = record["lesions"]
    if len(lesions) != (0 if seg is None else len(seg.dataset.SegmentSequence)):
        raise ValueError("each lesion of the record needs its segment")
    with building():
        groups = [_lesion(making, row, number, seg) for number, row in enumerate(lesions, start=1)]
        content = sr.MeasurementReport(
            observation_context=_context(making),
            procedure_reported=codes.PROCEDURE,
            imaging_measurements=[*groups, _patient(making, record)],
        )
        made = sr.Comprehensive3DSR(
            evidence=[*([] if seg is None else [seg.dataset]), *making.source.slices],
            content=content,
            transfer_syntax_uid=ExplicitVRLittleEndian,
            is_complete=True,
            is_final=False,
            is_verified=False,
            specific_character_set="ISO_IR 192",
            series_description="Lymphoscope measurements",
            **making.words("sr"),
        )
        made.CodingSchemeIdentificationSequence = [_scheme()]
        made.ContentQualification = "RESEARCH"
        return finished(made, making, "sr")


def _scheme() -> Dataset:
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeUID = codes.PRIVATE_SCHEME, codes.PRIVATE_SCHEME_UID
    scheme.CodingSchemeName = "Lymphoscope private codes"
    scheme.CodingSchemeResponsibleOrganization = "The Lymphoscope developers"
    return scheme


def _context(making: Making) -> sr.ObservationContext:
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=uid("device", MANUFACTURER, making.version),
        name=MANUFACTURER,
        manufacturer_name=MANUFACTURER,
        model_name=MANUFACTURER,
    )
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=sr.CodedConcept("121007", "DCM", "Device"), observer_identifying_attributes=device
        )
    )


def _lesion(
    making: Making, row: Mapping[str, Any], number: int, seg: Made | None
) -> sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    assert seg is not None
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=row["tracking_uid"], identifier=row["id"]),
        referenced_segment=sr.ReferencedSegment(
            sop_class_uid=seg.dataset.SOPClassUID,
            sop_instance_uid=seg.dataset.SOPInstanceUID,
            segment_number=number,
            source_series=sr.SourceSeriesForSegmentation(referenced_series_instance_uid=making.source.series_uid),
        ),
        finding_category=codes.ABNORMAL,
        finding_type=codes.LESION,
        finding_sites=_sites(row),
        algorithm_id=_algorithm(making),
        measurements=list(_measured({name: row.get(name) for name in LESION_NUMBERS})),
    )


def _patient(making: Making, record: Mapping[str, Any]) -> sr.MeasurementsAndQualitativeEvaluations:
    values = {name: record["patient"].get(name) for name in PATIENT_NUMBERS}
    values |= {name: record["indices"].get(name, {}).get("value") for name in INDICES}
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=uid("tracking", making.source.series_uid, "patient"), identifier="Patient"
        ),
        finding_type=codes.LYMPHOMA,
        finding_sites=[sr.FindingSite(anatomic_location=codes.ENTIRE_BODY)],
        algorithm_id=_algorithm(making),
        measurements=list(_measured(values)),
    )


def _sites(row: Mapping[str, Any]) -> Sequence[sr.FindingSite] | None:
    site = codes.site_of(row.get("site"))
    return None if site is None else [sr.FindingSite(anatomic_location=site[0], laterality=site[1])]


def _algorithm(making: Making) -> sr.AlgorithmIdentification:
    return sr.AlgorithmIdentification(
        name=MANUFACTURER, version=making.version, parameters=list(making.parameters), family=codes.FAMILY
    )


def _measured(values: Mapping[str, Any]) -> Iterator[sr.Measurement]:
    """Measurements of the values that are there; one that cannot be given is left out, never 0."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        concept = CONCEPTS[name]
        yield sr.Measurement(
            name=concept.name,
            value=as_recorded(value),
            unit=concept.unit,
            derivation=concept.derivation,
            method=concept.method,
        )


def as_recorded(value: float) -> float:
    """A number with the digits it has in ``report.json``, which fit into a decimal string."""
    return value if isinstance(value, int) else float(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0.0


__all__ = ["CONCEPTS", "INDICES", "LESION_NUMBERS", "PATIENT_NUMBERS", "as_recorded", "measurement_report"]
