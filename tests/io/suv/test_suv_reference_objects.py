"""Open reference data: 17 digital reference objects, 8 scanner headers, real series."""

from __future__ import annotations

import json

import numpy as np
import pydicom
import pytest
import SimpleITK

from lymphoscope.io.suv import suv_factors

OBJECTS = [
    *("DRO_0_0", "DRO_1_0", "DRO_2_0", "DRO_2_1", "DRO_2_2", "DRO_2_3", "DRO_2_4", "DRO_2_5"),
    *("DRO_3_0", "DRO_3_1", "DRO_3_2", "DRO_3_3", "DRO_3_4", "DRO_4_0", "DRO_4_1", "DRO_4_2", "DRO_5_0"),
]
# factors as calculate-suv (MIT) has them precomputed in its own tests
SCANNERS = {
    "SIEMENS": (0.00042748316187197236, "series"),
    "GE_MEDICAL_AND_BQML": (0.0005367387681819742, "series"),
    "BQML_AC_DT_lessThan_S_DT_SIEMENS": (0.0004069156854009332, "series"),
    "CPS_AND_BQML_AC_DT_-_S_DT": (0.00026503312764157046, "back_computed"),
    "RADIOPHARM_DATETIME_UNDEFINED": (0.0003721089202818729, "series"),
    "PHILIPS_BQML": (0.0007463747013889488, "series"),
    "PHILIPS_CNTS_AND_BQML_SUV": (0.000551, "series"),
    "PHILIPS_CNTS_AND_SUV": (0.000728, "series"),
}
PRIVATE = {"SUVScaleFactor": 0x70531000, "ActivityConcentrationScaleFactor": 0x70531009}


@pytest.mark.shared
@pytest.mark.parametrize("name", OBJECTS)
def test_digital_reference_objects(shared, name):
    folder = shared / "suv_dro" / "DRO" / name
    slices = [pydicom.dcmread(path) for path in (folder / "PT").rglob("*") if path.is_file()]
    slices.sort(key=lambda s: float(s.ImagePositionPatient[2]))
    assert len(slices) == 20
    factors = suv_factors(slices).factors
    slopes = np.array([float(s.RescaleSlope) for s in slices])
    suv = np.stack([s.pixel_array for s in slices]) * (slopes * factors)[:, None, None]
    mask = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / "mask" / "DRO_mask.nii.gz"))) > 0
    found = [float(f(suv[mask])) for f in (np.min, np.median, np.max)]
    tolerance = float((slopes * factors).max()) + 0.005
    assert np.abs(np.array(found) - [0.20, 1.00, 4.00]).max() <= tolerance


@pytest.mark.shared
def test_the_reference_objects_say_why(shared):
    def result(name):
        files = sorted(p for p in (shared / "suv_dro" / "DRO" / name / "PT").rglob("*") if p.is_file())
        return suv_factors([pydicom.dcmread(p, stop_before_pixels=True) for p in files])

    assert result("DRO_3_2").audit.t_ref_source == "back_computed"
    assert result("DRO_3_3").audit.t_ref_source == "ge_private"
    assert {m.code for m in result("DRO_4_2").messages} >= {"SUV-W-INJ-DATE-ASSUMED"}
    assert {m.code for m in result("DRO_3_0").messages} >= {"SUV-W-DOSE-MBQ"}
    gallium = result("DRO_5_0").audit
    assert (gallium.nuclide, gallium.fdg) == ("Ga-68", False)


@pytest.mark.shared
@pytest.mark.parametrize("name", SCANNERS)
def test_scanner_headers(shared, pet_headers, name):
    path = shared / "suv_vendor_metadata" / "test" / "metadata" / f"{name}-instances.json"
    headers = []
    for facts in json.loads(path.read_text()):
        factors = facts.pop("PhilipsPETPrivateGroup")
        private = {PRIVATE[key]: ("DS", value) for key, value in factors.items()}
        if private:
            private[0x70530010] = ("LO", "Philips PET Private Group")
        changes = {k: "\\".join(v) if isinstance(v, list) else str(v) for k, v in facts.items()}
        changes.setdefault("RadiopharmaceuticalStartDateTime", None)
        changes.setdefault("PatientSize", None)
        headers += pet_headers(n=1, private=private, Manufacturer=None, **changes)
    result = suv_factors(headers)
    factor, source = SCANNERS[name]
    assert result.factors == pytest.approx([factor] * len(headers), rel=1e-8)
    assert result.audit.t_ref_source == source
    assert "SUV-W-PHILIPS-CROSSCHECK" not in {m.code for m in result.messages}


@pytest.mark.shared
def test_the_real_whole_body_series(shared):
    files = sorted((shared / "wb_pet_ge_sts001" / "FDG_PET" / "image").rglob("*.dcm"))
    result = suv_factors([pydicom.dcmread(p, stop_before_pixels=True) for p in files])
    assert len(result.factors) == 267
    assert result.factors == pytest.approx([2.4290298e-4] * 267, abs=0.5e-11)
    assert result.audit.fdg
    assert result.audit.nuclide == "F-18"
    assert result.audit.uptake_min == pytest.approx(45 + 11 / 60)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["STS_002", "STS_019", "STS_032"])
def test_real_series_that_are_suv_already(shared, name):
    files = sorted(p for p in (shared / "sts_fdg_petct" / "dicom" / name).rglob("*") if p.is_file())
    headers = [pydicom.dcmread(p, stop_before_pixels=True) for p in files]
    result = suv_factors([h for h in headers if h.Modality == "PT"])
    assert set(result.factors) == {1.0}
    assert result.audit.branch == "GML/BW"
    # STS_002 was de-identified tag by tag: its injection DateTime is a day off, its Time is not
    assert result.audit.t_inj_source == "start_time"
    assert 45 <= result.audit.uptake_min <= 120
