"""SUV as a parametric map of single-precision numbers.

Reference: DICOM PS3.3 A.75 (Parametric Map).
"""

from __future__ import annotations

import highdicom as hd
import numpy as np
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian

from lymphoscope.core.geometry import require_same
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.objects import codes
from lymphoscope.io.objects.making import Made, Making, building, finished

_WINDOW_SUV = 10.0


def parametric_map(making: Making, pet: Volume) -> Made:
    """Write SUV (body weight) voxel for voxel, referring to the PET slices.

    Args:
        making: What all objects share.
        pet: PET in SUVbw.

    Raises:
        LymphoscopeError: ``GEO-E-MASKGRID`` when it lies on another grid than the series, ``GEO-E-UNIT`` for
            another unit.
    """
    require_same(making.source.geometry, pet.geometry, "SUV and PET series")
    suv = np.ascontiguousarray(pet.values(Unit.SUV_BW), dtype=np.float32)
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="SUVBW",
        lut_explanation="Standardized uptake value, body weight",
        unit=codes.G_PER_ML_BW,
        value_range=(float(suv.min()), float(suv.max())),
        slope=1.0,
        intercept=0.0,
        quantity_definition=Code(codes.SUV_BW.value, codes.SUV_BW.scheme_designator, codes.SUV_BW.meaning),
    )
    with building():
        made = hd.pm.ParametricMap(
            source_images=making.source.slices,
            pixel_array=suv,
            contains_recognizable_visual_features=False,
            real_world_value_mappings=[mapping],
            voi_lut_transformations=[hd.VOILUTTransformation(_WINDOW_SUV / 2, _WINDOW_SUV)],
            transfer_syntax_uid=ExplicitVRLittleEndian,
            content_label="SUVBW",
            content_description="Standardized uptake value, body weight",
            series_description="Lymphoscope SUV",
            **making.words("suv"),
        )
        made.BodyPartExamined = "WHOLEBODY"
        return finished(made, making, "suv")
