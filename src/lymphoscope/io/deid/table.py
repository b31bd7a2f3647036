"""What may stay: a list of what is kept, since what is not on it goes. How it is kept follows from its value type.

Dates are shifted, UIDs mapped, sequences entered, numbers and codes kept where they are such, and texts reduced to
known words. The list is the Basic Profile with the options of `OPTIONS`, so nothing that the profile removes is here,
unless an option retains it: patient's sex, age, size and weight, dates, and what PET is quantified by.

Reference: DICOM PS3.15 2026c, E.1 and table E.1-1; the project's quantification specification, section F6.
"""

from __future__ import annotations

from pydicom.datadict import tag_for_keyword

from lymphoscope.io.tags import GE_REFERENCE, PHILIPS_BQML, PHILIPS_SUV, SIEMENS_REFERENCE, PrivateElement

_STUDY = """
SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID Modality ImageType
StudyDate SeriesDate AcquisitionDate ContentDate AcquisitionDateTime StudyTime SeriesTime AcquisitionTime ContentTime
TimezoneOffsetFromUTC SeriesNumber AcquisitionNumber InstanceNumber SeriesDescription StudyDescription ProtocolName
Manufacturer ManufacturerModelName PatientSex PatientAge PatientSize PatientWeight PatientPosition BodyPartExamined
PositionReferenceIndicator TemporalPositionIdentifier NumberOfTemporalPositions ImagesInAcquisition
"""

_PIXELS = """
SamplesPerPixel PhotometricInterpretation Rows Columns NumberOfFrames PixelSpacing PixelAspectRatio BitsAllocated
BitsStored HighBit PixelRepresentation PixelPaddingValue PixelPaddingRangeLimit SmallestImagePixelValue
LargestImagePixelValue WindowCenter WindowWidth RescaleIntercept RescaleSlope RescaleType LossyImageCompression
LossyImageCompressionRatio LossyImageCompressionMethod BurnedInAnnotation ImagePositionPatient
ImageOrientationPatient SliceLocation SliceThickness SpacingBetweenSlices PresentationLUTShape
"""

_SCANNER = """
KVP XRayTubeCurrent ExposureTime Exposure ExposureInmAs DataCollectionDiameter ReconstructionDiameter
GantryDetectorTilt TableHeight RotationDirection ConvolutionKernel FilterType ScanOptions RevolutionTime
SingleCollimationWidth TotalCollimationWidth TableSpeed TableFeedPerRotation SpiralPitchFactor CTDIvol
DistanceSourceToDetector DistanceSourceToPatient FocalSpots ContrastBolusAgent AcquisitionType
EchoTime RepetitionTime InversionTime FlipAngle MagneticFieldStrength ScanningSequence SequenceVariant
MRAcquisitionType EchoTrainLength
"""

_PET = """
Units CountsSource SeriesType ReprojectionMethod CorrectedImage RandomsCorrectionMethod AttenuationCorrectionMethod
ScatterCorrectionMethod DecayCorrection DecayCorrectionDateTime ReconstructionMethod DetectorLinesOfResponseUsed
SUVType FrameReferenceTime ActualFrameDuration TriggerTime AcquisitionStartCondition AcquisitionTerminationCondition
FieldOfViewShape FieldOfViewDimensions CollimatorType TypeOfDetectorMotion
NumberOfSlices NumberOfTimeSlices NumberOfTimeSlots NumberOfRRIntervals ImageIndex AxialAcceptance
CoincidenceWindowWidth SliceSensitivityFactor DecayFactor DoseCalibrationFactor ScatterFractionFactor DeadTimeFactor
PrimaryPromptsCountsAccumulated SecondaryCountsAccumulated EnergyWindowRangeSequence EnergyWindowLowerLimit
EnergyWindowUpperLimit RadiopharmaceuticalInformationSequence Radiopharmaceutical RadiopharmaceuticalRoute
RadiopharmaceuticalVolume RadiopharmaceuticalStartTime RadiopharmaceuticalStopTime RadiopharmaceuticalStartDateTime
RadiopharmaceuticalStopDateTime RadionuclideTotalDose RadionuclideHalfLife RadionuclidePositronFraction
RadiopharmaceuticalSpecificActivity RadionuclideCodeSequence RadiopharmaceuticalCodeSequence
AdministrationRouteCodeSequence PatientOrientationCodeSequence PatientOrientationModifierCodeSequence
PatientGantryRelationshipCodeSequence
"""

_CODES = "CodeValue CodingSchemeDesignator CodeMeaning"

_REFERENCES = """
ReferencedImageSequence ReferencedSeriesSequence ReferencedInstanceSequence ReferencedSOPClassUID
ReferencedSOPInstanceUID ReferencedFrameNumber SourceImageSequence DerivationImageSequence DerivationCodeSequence
PurposeOfReferenceCodeSequence
"""

_FRAMES = """
SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence PixelMeasuresSequence PlanePositionSequence
PlaneOrientationSequence FrameContentSequence FrameAcquisitionDateTime FrameReferenceDateTime
FrameAcquisitionDuration DimensionIndexValues InStackPositionNumber StackID TemporalPositionIndex
PixelValueTransformationSequence CTImageFrameTypeSequence PETFrameTypeSequence FrameType FrameAnatomySequence
FrameLaterality AnatomicRegionSequence AnatomicRegionModifierSequence DimensionOrganizationSequence
DimensionOrganizationUID DimensionOrganizationType DimensionIndexSequence DimensionIndexPointer
FunctionalGroupPointer DimensionDescriptionLabel
"""

_SEGMENTS = """
SegmentationType SegmentSequence SegmentNumber SegmentLabel SegmentDescription SegmentAlgorithmType
SegmentAlgorithmName SegmentedPropertyCategoryCodeSequence SegmentedPropertyTypeCodeSequence
RecommendedDisplayCIELabValue TrackingID TrackingUID SegmentIdentificationSequence ReferencedSegmentNumber
MaximumFractionalValue SegmentationFractionalType SegmentsOverlap ContentLabel ContentDescription ContentQualification
"""

_CONTOURS = """
StructureSetLabel StructureSetDate StructureSetTime ReferencedFrameOfReferenceSequence RTReferencedStudySequence
RTReferencedSeriesSequence ContourImageSequence StructureSetROISequence ROINumber ReferencedFrameOfReferenceUID
ROIName ROIGenerationAlgorithm ROIContourSequence ROIDisplayColor ContourSequence ContourGeometricType
NumberOfContourPoints ContourNumber ContourData ReferencedROINumber RTROIObservationsSequence ObservationNumber
RTROIInterpretedType
"""


def _tags(*texts: str) -> frozenset[int]:
    tags = {word: tag_for_keyword(word) for word in " ".join(texts).split()}
    unknown = [word for word, tag in tags.items() if tag is None]
    if unknown:
        raise ValueError(f"no such attributes: {unknown}")
    return frozenset(tag for tag in tags.values() if tag is not None)


KEPT = _tags(_STUDY, _PIXELS, _SCANNER, _PET, _CODES, _REFERENCES, _FRAMES, _SEGMENTS, _CONTOURS)
"""Tags that may stay, wherever they stand."""

TECHNICAL = _tags(
    "Manufacturer ManufacturerModelName ConvolutionKernel FilterType ReconstructionMethod AttenuationCorrectionMethod",
    "ScatterCorrectionMethod RandomsCorrectionMethod Radiopharmaceutical RescaleType CodeMeaning StackID",
)
"""Texts of makers, kernels, corrections, tracers and codes: they may keep technical words and numbers."""

EMPTIED = _tags("AccessionNumber ReferringPhysicianName PatientBirthDate StudyID")
"""Attributes that every object must have and that may be empty."""

NAMED = {
    tag_for_keyword("SegmentLabel"): "Segment",
    tag_for_keyword("ROIName"): "Region",
    tag_for_keyword("StructureSetLabel"): "Contours",
    tag_for_keyword("SegmentAlgorithmName"): "Algorithm",
    tag_for_keyword("CodeMeaning"): "unlisted",
    tag_for_keyword("Radiopharmaceutical"): "unlisted tracer",
}
"""What a text that must not be empty becomes when no word of it is known."""

CODE_VALUES = {
    "DCM": r"\d{6}",
    "SCT": r"\d{6,18}",
    "SRT": r"[A-Z]{1,2}-[0-9A-F]{4,5}",
    "SNM3": r"[A-Z]{1,2}-[0-9A-F]{4,5}",
    "99SDM": r"[A-Z]{1,2}-[0-9A-F]{4,5}",
}
"""Coding schemes that may stay, and what their values look like; codes of other schemes keep their meaning alone."""

PRIVATE: tuple[tuple[PrivateElement, str], ...] = (
    (PHILIPS_SUV, "DS"),
    (PHILIPS_BQML, "DS"),
    (GE_REFERENCE, "DT"),
    (PrivateElement(0x0009, "GEMS_PETD_01", 0x3B, "GE"), "DT"),
    (SIEMENS_REFERENCE, "DT"),
)
"""Private elements that SUV depends on, with the value type they are written in."""

IDENTIFYING_GROUPS = frozenset((0x0010, 0x0012, 0x0032, 0x0038, 0x0040))
"""Groups whose texts are about patient, visit and order: what stands there must not be found anywhere else."""

IDENTIFYING = _tags(
    "AccessionNumber StudyID InstitutionName InstitutionAddress InstitutionalDepartmentName StationName",
    "DeviceSerialNumber ReferringPhysicianAddress ReferringPhysicianTelephoneNumbers",
)
"""The same for single attributes of other groups."""

TAKEN = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "CT",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.128": "PT",
    "1.2.840.10008.5.1.4.1.1.128.1": "PT",
    "1.2.840.10008.5.1.4.1.1.130": "PT",
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.66.7": "SEG",
    "1.2.840.10008.5.1.4.1.1.481.3": "RTSTRUCT",
}
"""SOP classes that are taken, with their modality; reports, PDFs, presentation states and pictures are not."""

OPTIONS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113105", "Clean Descriptors Option"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
    ("113111", "Retain Safe Private Option"),
)
"""What is declared to have been done, codes of DICOM."""

FACE_OPTION = ("113102", "Clean Recognizable Visual Features Option")
"""The same of images whose face was blanked."""
