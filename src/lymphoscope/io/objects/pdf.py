"""The printed report as encapsulated PDF.

Reference: DICOM PS3.3 A.45.1 (Encapsulated PDF).
"""

from __future__ import annotations

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, EncapsulatedPDFStorage, ExplicitVRLittleEndian

from lymphoscope.io.objects import codes
from lymphoscope.io.objects.making import (
    MANUFACTURER,
    OBJECT_UID,
    SERIES_NUMBERS,
    SERIES_UID,
    Made,
    Making,
    building,
    finished,
)

_IMPLEMENTATION = UID("2.25.302938447412951832617523098812310557703")


def encapsulated_pdf(making: Making, pdf: bytes) -> Made:
    """Write the PDF as an object of the patient's study.

    Args:
        making: What all objects share.
        pdf: The report.
    """
    with building():
        made = making.source.about()
        made.file_meta = FileMetaDataset()
        made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = EncapsulatedPDFStorage
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = UID(OBJECT_UID)
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.file_meta.ImplementationClassUID = _IMPLEMENTATION
        made.SeriesInstanceUID, made.SeriesNumber = SERIES_UID, SERIES_NUMBERS["report"]
        made.Modality, made.SeriesDescription, made.InstanceNumber = "DOC", "Lymphoscope report", 1
        made.Manufacturer, made.ManufacturerModelName, made.SoftwareVersions = (
            MANUFACTURER,
            MANUFACTURER,
            making.version,
        )
        made.ConversionType, made.BurnedInAnnotation = "WSD", "YES"
        for kind in ("Series", "Content"):
            setattr(made, f"{kind}Date", making.source.acquired.strftime("%Y%m%d"))
            setattr(made, f"{kind}Time", making.source.acquired.strftime("%H%M%S"))
        made.AcquisitionDateTime = making.source.acquired.strftime("%Y%m%d%H%M%S")
        made.DocumentTitle = "FDG PET/CT lymphoma report, not read"
        made.ConceptNameCodeSequence = [_coded(codes.REPORT_TITLE)]
        made.MIMETypeOfEncapsulatedDocument = "application/pdf"
        made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
        made.EncapsulatedDocumentLength = len(pdf)
        return finished(made, making, "report")


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item
