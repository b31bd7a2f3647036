"""Series with a known answer, as tools were found to get wrong: each must come out right, or be refused.

The true SUV is 5. What a scanner would store is worked out here from the physics, apart from the code under test.
"""

from __future__ import annotations

import math

import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.suv import suv_factors

TRUE_SUV = 5.0
WEIGHT_G, DOSE_BQ, HALF_LIFE_S, UPTAKE_S = 70_000.0, 350e6, 6586.2, 3600.0
AT_INJECTION = TRUE_SUV * DOSE_BQ / WEIGHT_G
"""Bq/mL, decay corrected to the injection."""


def at(seconds_after_injection):
    """Activity concentration, Bq/mL."""
    return AT_INJECTION * 2 ** (-seconds_after_injection / HALF_LIFE_S)


def frame_mean(start, length, steps=200_000):
    """Mean concentration over a frame, by summing."""
    return sum(at(start + length * (k + 0.5) / steps) for k in range(steps)) / steps


BED_STARTS = (3600.0, 3783.0, 3966.0)
BED_CLOCKS = ("100000", "100303", "100606")
GE = {
    "Manufacturer": "GE MEDICAL SYSTEMS",
    "AcquisitionTime": lambda k: BED_CLOCKS[k],
    "FrameReferenceTime": lambda k: f"{1000 * (BED_STARTS[k] - 3600):.0f}",
    "ActualFrameDuration": "180000",
}
SIEMENS = {
    "Manufacturer": "SIEMENS",
    "AcquisitionTime": lambda k: BED_CLOCKS[k],
    "FrameReferenceTime": lambda k: f"{1000 * (BED_STARTS[k] - 3600 + 89.8580):.3f}",
    "ActualFrameDuration": "180000",
}
TIME_ONLY = {"RadiopharmaceuticalStartDateTime": None, "RadiopharmaceuticalStartTime": "090000.00"}
PHILIPS = {"Manufacturer": "Philips Medical Systems", "Units": "CNTS", **TIME_ONLY}
CREATOR = {0x70530010: ("LO", "Philips PET Private Group")}
NONE = {"DecayCorrection": "NONE", "CorrectedImage": "ATTN\\SCAT"}
MIDNIGHT = {
    "RadiopharmaceuticalStartDateTime": None,
    "RadiopharmaceuticalStartTime": "231500",
    "SeriesDate": "20240302",
    "AcquisitionDate": "20240302",
    "SeriesTime": "001500",
    "AcquisitionTime": "001500",
}
PER_COUNT = 1.6


RIGHT = {
    "siemens, bed after bed": (SIEMENS, at(3600)),
    "siemens without the injection's date": ({**SIEMENS, **TIME_ONLY}, at(3600)),
    "siemens, filed again an hour later": ({**SIEMENS, "SeriesTime": "110000"}, at(3600)),
    "ge, frame times from the frame's start": (GE, at(3600)),
    "ge, filed again, private time kept": (
        {
            **GE,
            "SeriesTime": "143000",
            "private": {0x00090010: ("LO", "GEMS_PETD_01"), 0x0009100D: ("DT", "20240301100000.00")},
        },
        at(3600),
    ),
    "ge, filed again, private group gone": ({**GE, "SeriesTime": "143000"}, at(3600)),
    "philips counts with the SUV factor": (
        {**PHILIPS, "private": {**CREATOR, 0x70531000: ("DS", "0.0005")}},
        TRUE_SUV / 0.0005,
    ),
    "philips counts with the activity factor": (
        {**PHILIPS, "private": {**CREATOR, 0x70531000: ("DS", "0.0"), 0x70531009: ("DS", str(PER_COUNT))}},
        at(3600) / PER_COUNT,
    ),
    "philips, first bed twenty minutes after the reference": (
        {"AcquisitionTime": "102000", "FrameReferenceTime": "1349605", "Manufacturer": "Philips"},
        at(3600),
    ),
    "corrected to the injection": ({"DecayCorrection": "ADMIN"}, AT_INJECTION),
    "not corrected": ({**NONE, "ActualFrameDuration": "180000"}, frame_mean(3600, 180)),
    "over midnight": (MIDNIGHT, at(3600)),
    "over midnight, in the middle of the scan": (
        {
            "RadiopharmaceuticalStartDateTime": "20240301225500",
            "SeriesTime": "235500",
            "AcquisitionTime": lambda k: ("235500", "235803", "000106")[k],
            "AcquisitionDate": lambda k: ("20240301", "20240301", "20240302")[k],
            "FrameReferenceTime": SIEMENS["FrameReferenceTime"],
            "ActualFrameDuration": "180000",
        },
        at(3600),
    ),
    "activity in MBq, padded": ({"RadionuclideTotalDose": "350.0 "}, at(3600)),
    "suv already": ({"Units": "GML"}, TRUE_SUV),
    "suv by surface already": ({"Units": "CM2ML"}, TRUE_SUV * 0.007184e4 * 70**0.425 * 175**0.725 / 70_000),
    "uih": ({"Manufacturer": "UIH", "AcquisitionTime": "100000.123000", "SeriesTime": "100000.123000"}, at(3600.123)),
    "canon": ({"Manufacturer": "CANON_MEC"}, at(3600)),
}

REFUSED = {
    "weight missing": ({"PatientWeight": None}, "SUV-E-WEIGHT"),
    "activity missing": ({"RadionuclideTotalDose": ""}, "SUV-E-DOSE"),
    "injection missing": ({"RadiopharmaceuticalStartDateTime": None}, "SUV-E-TIME"),
    "no attenuation correction": ({"CorrectedImage": "NORM\\DTIM\\DECY"}, "SUV-E-NAC"),
    "philips counts without a factor": (PHILIPS, "SUV-E-UNITS"),
    "counts per second": ({"Units": "CPS"}, "SUV-E-UNITS"),
    "decay correction missing": ({"DecayCorrection": ""}, "SUV-E-DECAY"),
    "injection after the scan": ({"RadiopharmaceuticalStartDateTime": "20240301103000"}, "SUV-E-NEGATIVE-UPTAKE"),
    "injection of another day": ({"RadiopharmaceuticalStartDateTime": "20240228090000"}, "SUV-E-UPTAKE-LONG"),
    "enhanced": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.130"}, "IO-E-ENHANCED"),
    "a slice of another injection": (
        {"RadionuclideTotalDose": lambda k: "350000000" if k else "360000000"},
        "SUV-E-MIXED",
    ),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right(pet_headers, case):
    changes, stored = RIGHT[case]
    result = suv_factors(pet_headers(**changes))
    assert stored * result.factors == pytest.approx([TRUE_SUV] * 3, rel=2e-6)
    assert math.isclose(result.audit.weight_kg, 70)


@pytest.mark.parametrize("case", REFUSED)
def test_refused(pet_headers, case):
    changes, code = REFUSED[case]
    with pytest.raises(LymphoscopeError) as caught:
        suv_factors(pet_headers(**changes))
    assert caught.value.code == code
    assert caught.value.exit_status == 3
    assert caught.value.message.fix or str(caught.value).endswith(".")
