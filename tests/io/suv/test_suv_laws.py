"""What must leave SUV as it is, the vendors' conventions, and headers damaged at random."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.conventions import CONVENTIONS
from lymphoscope.io.dicom_write import pet_datasets
from lymphoscope.io.pet_physics import ScanFacts
from lymphoscope.io.suv import SuvFactors, audit_lines, suv_factors

NONE = {"DecayCorrection": "NONE", "CorrectedImage": "ATTN\\SCAT"}
RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def beds(pet_headers, day=0, **changes):
    """Six slices of three beds, dates moved by whole days."""
    clock = ["235500", "235500", "235800", "235800", "000100", "000100"]
    dates = [datetime(2024, 3, 1 + (k > 3)) + timedelta(days=day) for k in range(6)]
    frame = 89.858
    base = {
        "SeriesDate": f"{datetime(2024, 3, 1) + timedelta(days=day):%Y%m%d}",
        "SeriesTime": "235500",
        "AcquisitionDate": lambda k: f"{dates[k]:%Y%m%d}",
        "AcquisitionTime": lambda k: clock[k],
        "ActualFrameDuration": "180000",
        "FrameReferenceTime": lambda k: f"{1000 * (frame + 180 * (k // 2)):.1f}",
        "RadiopharmaceuticalStartDateTime": f"{datetime(2024, 3, 1, 22, 50) + timedelta(days=day):%Y%m%d%H%M%S}",
    }
    return pet_headers(n=6, **{**base, **changes})


@pytest.mark.parametrize("decay", [{}, {"DecayCorrection": "ADMIN"}, NONE])
@given(order=st.permutations(range(6)), days=st.integers(-40000, 40000))
@RELAXED
def test_order_of_slices_and_whole_days_change_no_bit(pet_headers, decay, order, days):
    expected = suv_factors(beds(pet_headers, **decay))
    moved = beds(pet_headers, day=days, **decay)
    found = suv_factors([moved[k] for k in order])
    assert np.array_equal(found.factors, expected.factors[list(order)])
    assert found.audit.uptake_min == expected.audit.uptake_min
    assert [m.code for m in found.messages] == [m.code for m in expected.messages]


@given(hours=st.integers(-12, 14))
@RELAXED
def test_time_zone_changes_no_bit(pet_headers, hours):
    local = datetime(2024, 3, 1, 22, 50)
    utc = local - timedelta(hours=hours)
    zone = f"{hours:+03d}00"
    expected = suv_factors(beds(pet_headers)).factors
    for stated in (f"{utc:%Y%m%d%H%M%S}+0000", f"{local:%Y%m%d%H%M%S}{zone}", f"{local:%Y%m%d%H%M%S}"):
        headers = beds(pet_headers, RadiopharmaceuticalStartDateTime=stated, TimezoneOffsetFromUTC=zone)
        assert np.array_equal(suv_factors(headers).factors, expected)


def test_slope_takes_no_part(pet_headers):
    split = beds(pet_headers, RescaleSlope=lambda k: str(k + 0.5))
    assert np.array_equal(suv_factors(split).factors, suv_factors(beds(pet_headers)).factors)


@pytest.mark.parametrize("after_midnight", [False, True])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_vendor_convention_gives_back_the_suv_written(convention, after_midnight):
    """The writer's forward model is kept apart from the reader; both must agree to the rounding of stored values."""
    rng = np.random.default_rng(1)
    suv = rng.uniform(0.2, 12, (12, 4, 5)).astype(np.float32)
    affine = np.diag([5.0, 4.0, 4.0, 1.0])[[2, 1, 0, 3]]
    facts = ScanFacts(sex="F", height_m=1.63, weight_kg=61)
    if after_midnight:
        facts = ScanFacts(injected=datetime(2024, 3, 1, 23, 20), scanned=datetime(2024, 3, 2, 0, 25))
    headers = list(pet_datasets(Volume(suv, Geometry(suv.shape, affine), Unit.SUV_BW), facts, convention))
    result = suv_factors(headers)
    for k, header in enumerate(headers):
        stored = np.frombuffer(header.PixelData, np.int16 if header.PixelRepresentation else np.uint16).reshape(4, 5)
        step = float(header.RescaleSlope) * result.factors[k]
        assert np.abs(stored * step - suv[k]).max() <= 0.51 * step + 2e-6 * suv[k].max()


_KEYWORDS = [
    *("SOPClassUID", "Modality", "Manufacturer", "SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime"),
    *("PatientSex", "PatientSize", "PatientWeight", "PatientAge", "ActualFrameDuration", "FrameReferenceTime"),
    *("CorrectedImage", "RescaleIntercept", "Units", "SUVType", "DecayCorrection", "TimezoneOffsetFromUTC"),
    *("DecayCorrectionDateTime", "PatientBirthDate", "AcquisitionDateTime", "Radiopharmaceutical"),
    *("RadiopharmaceuticalStartDateTime", "RadiopharmaceuticalStartTime", "RadionuclideTotalDose"),
    *("RadionuclideHalfLife", "DecayFactor"),
]
_TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        [
            *("", " ", "0", "-1", "1e308", "1e-308", "nan", "inf", "70", "70\\80", "70.0000000001", "350", "5e9"),
            *(
                "19000101",
                "99991231",
                "20240301",
                "000000",
                "235960",
                "240000",
                "12:00:00",
                "10",
                "20240301100000+1400",
            ),
            *("19000101000000", "20240301100000.999999999", "-0000", "+0100", "START", "ADMIN", "NONE", "BQML", "CNTS"),
            *(
                "GML",
                "CM2ML",
                "LBM",
                "BSA",
                "IBW",
                "LBMJANMA",
                "O",
                "F",
                "ATTN\\DECY",
                "ATTN",
                "GE",
                "CT",
                "0.4",
                "2.5",
            ),
            *("0.001", "86400000", "109.77", "4062.6", "1.2.840.10008.5.1.4.1.1.130"),
        ]
    ),
    st.floats(allow_nan=False).map(repr),
    st.text(max_size=20).map(lambda t: t.encode("utf-8").decode("latin-1")),
)


@given(
    changes=st.dictionaries(st.sampled_from(_KEYWORDS), st.lists(_TEXTS, min_size=1, max_size=3), max_size=6),
    same=st.booleans(),
    private=st.dictionaries(
        st.sampled_from([0x70530010, 0x70531000, 0x70531009, 0x00711022, 0x0009100D, 0x00090010, 0x00710010]),
        st.one_of(
            st.sampled_from(["Philips PET Private Group", "GEMS_PETD_01", "SIEMENS MED PT", "0.0005", "0", "-1"]),
            st.sampled_from(["20240301095900", "x", ""]),
        ),
        max_size=3,
    ),
)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_header_gives_factors_or_a_refusal(pet_headers, changes, same, private):
    varied = {
        keyword: (lambda k, texts=texts: texts[0 if same else k % len(texts)]) for keyword, texts in changes.items()
    }
    headers = pet_headers(private={tag: ("LO", text) for tag, text in private.items()}, **varied)
    try:
        result = suv_factors(headers)
    except LymphoscopeError as refusal:
        assert refusal.code.startswith(("SUV-E-", "IO-E-ENHANCED"))
        return
    assert isinstance(result, SuvFactors)
    assert np.isfinite(result.factors).all()
    assert (result.factors > 0).all()
    audit_lines(result.audit)
    assert all(not isinstance(v, float) or math.isfinite(v) for v in vars(result.audit).values())
    assert np.array_equal(suv_factors(headers[::-1]).factors, result.factors[::-1])


@given(
    keyword=st.sampled_from(_KEYWORDS),
    vr=st.sampled_from(["US", "FD", "SQ", "OB", "UN", "PN", "DS", "DA", "TM", "UI", None]),
    raw=st.binary(max_size=24),
    implicit=st.booleans(),
)
@RELAXED
def test_bytes_of_any_kind_give_factors_or_a_refusal(pet_headers, keyword, vr, raw, implicit):
    headers, tag = pet_headers(n=2), Tag(tag_for_keyword(keyword))
    homes = [h[0x00540016].value[0] if tag in h[0x00540016].value[0] else h for h in headers]
    for home in homes:
        home[tag] = RawDataElement(tag, vr or dictionary_VR(tag), len(raw), raw, 0, implicit, True)
    headers[1][0x00540016] = RawDataElement(Tag(0x00540016), "SQ", len(raw), raw, 0, implicit, True)
    for series in (headers, headers[:1]):
        with suppress(LymphoscopeError):
            assert np.isfinite(suv_factors(series).factors).all()
