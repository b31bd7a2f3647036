"""A picture as secondary capture.

Reference: DICOM PS3.3 A.8 (Secondary Capture Image).
"""

from __future__ import annotations

import io

import highdicom as hd
import numpy as np
from PIL import Image
from pydicom.uid import RLELossless

from lymphoscope.io.objects.making import MANUFACTURER, Made, Making, building, finished


def secondary_capture(making: Making, png: bytes) -> Made:
    """Write the picture of maximum-intensity projections. It names nobody, and says so.

    Args:
        making: What all objects share.
        png: The picture; colours are kept, transparency is not.
    """
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    words = {k: v for k, v in making.words("mip").items() if k not in ("device_serial_number", "manufacturer")}
    with building():
        made = hd.sc.SCImage.from_ref_dataset(
            ref_dataset=making.source.slices[0],
            pixel_array=pixels,
            photometric_interpretation="RGB",
            bits_allocated=8,
            coordinate_system="PATIENT",
            patient_orientation=("L", "F"),
            transfer_syntax_uid=RLELossless,
            series_description="Lymphoscope MIP",
            manufacturer=MANUFACTURER,
            **words,
        )
        made.ImageType = ["DERIVED", "SECONDARY"]
        made["PatientOrientation"].value = ""  # two views side by side have no orientation in common
        made.ConversionType, made.BurnedInAnnotation, made.BodyPartExamined = "WSD", "NO", "WHOLEBODY"
        made.DerivationDescription = "Maximum-intensity projections of SUV with regions drawn in"
        return finished(made, making, "mip")
