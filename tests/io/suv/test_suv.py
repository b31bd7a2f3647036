"""Formulas, refusals and warnings of section A1 and A3, one header fact at a time."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.suv import SuvOverrides, suv_factors

PHILIPS = "Philips Medical Systems"
CREATOR = {0x70530010: ("LO", "Philips PET Private Group")}
ADMIN = {"DecayCorrection": "ADMIN"}
NONE = {"DecayCorrection": "NONE", "CorrectedImage": "ATTN\\SCAT"}
RATE = math.log(2) / 6586.2


def warned(result):
    """Codes of the warnings."""
    return {m.code for m in result.messages if m.severity == "warning"}


def refused(headers, overrides=None):
    """The code of the refusal."""
    with pytest.raises(LymphoscopeError) as caught:
        suv_factors(headers, overrides)
    assert caught.value.exit_status in (2, 3)
    return caught.value.code


def test_worked_example_1(pet_headers):
    result = suv_factors(pet_headers())
    assert result.factors == pytest.approx([2.921273e-4] * 3, rel=1e-6)
    assert 20000 * result.factors[0] == pytest.approx(5.842547, abs=5e-7)
    decayed = 1000 * 70 / result.factors[0]
    assert decayed == pytest.approx(239_621_521.85, abs=0.01)
    assert result.audit.branch == "BQML/START"
    assert result.audit.t_ref == datetime(2024, 3, 1, 10)
    assert result.audit.uptake_min == 60
    assert result.patient.sex == "M"
    assert result.patient.age_years == 50
    assert warned(result) == set()


def test_worked_example_1_with_the_dose_in_mbq(pet_headers):
    result = suv_factors(pet_headers(RadionuclideTotalDose="350"))
    assert np.array_equal(result.factors, suv_factors(pet_headers()).factors)
    assert warned(result) == {"SUV-W-DOSE-MBQ"}
    assert result.audit.dose_bq == 350e6


def test_worked_example_2_decay_corrected_to_injection(pet_headers):
    result = suv_factors(pet_headers(**ADMIN))
    assert result.factors == pytest.approx([2.0e-4] * 3, rel=1e-12)
    assert result.audit.t_ref == result.audit.t_inj
    assert result.audit.uptake_min == 60


def test_worked_example_3_without_decay_correction(pet_headers):
    result = suv_factors(pet_headers(AcquisitionTime="100500", **NONE))
    assert result.factors == pytest.approx([3.062823e-4] * 3, rel=1e-6)
    assert warned(result) == set()
    assert result.audit.t_ref is None


def test_worked_example_4_over_midnight(pet_headers):
    result = suv_factors(
        pet_headers(
            RadiopharmaceuticalStartDateTime=None,
            RadiopharmaceuticalStartTime="233000",
            SeriesDate="20240302",
            SeriesTime="003000",
            AcquisitionDate="20240302",
            AcquisitionTime="003000",
            RadionuclideTotalDose="368080000",
        )
    )
    assert result.factors == pytest.approx([2.777781e-4] * 3, rel=1e-6)
    assert result.audit.t_inj == datetime(2024, 3, 1, 23, 30)
    assert warned(result) == {"SUV-W-INJ-DATE-ASSUMED"}


def test_without_decay_correction_each_slice_has_its_factor(pet_headers):
    times = ["100000", "100500", "101000"]
    result = suv_factors(pet_headers(AcquisitionTime=lambda k: times[k], **NONE))
    expected = result.factors[0] * np.exp(RATE * np.array([0, 300, 600]))
    assert result.factors == pytest.approx(expected, rel=1e-12)
    assert "SUV-W-NONE-OVERLAP" in warned(result)
    assert (result.audit.factor_min, result.audit.factor_max) == (result.factors[0], result.factors[2])


@pytest.mark.parametrize(
    ("suv_type", "norm"),
    [("BW", 70.0), (None, 70.0), ("LBM", 57.80), ("LBMJAMES128", 56.52), ("LBMJANMA", 55.8569), ("IBW", 72.38)],
)
def test_gml_is_scaled_from_its_norm_to_weight(pet_headers, suv_type, norm):
    result = suv_factors(pet_headers(Units="GML", SUVType=suv_type))
    assert result.factors == pytest.approx([70 / norm] * 3, rel=1e-5)
    assert result.audit.branch == f"GML/{suv_type or 'BW'}"


@pytest.mark.parametrize("suv_type", ["BSA", None])
def test_cm2ml_is_scaled_from_surface_to_weight(pet_headers, suv_type):
    surface = 0.007184 * 70**0.425 * 175**0.725
    result = suv_factors(pet_headers(Units="CM2ML", SUVType=suv_type))
    assert result.factors == pytest.approx([1000 * 70 / (surface * 1e4)] * 3, rel=1e-12)


@pytest.mark.parametrize("decay", [{}, ADMIN, NONE])
def test_gml_by_weight_needs_nothing_of_the_header(pet_headers, decay):
    bare = dict.fromkeys(
        ("PatientWeight", "PatientSize", "PatientSex", "RadionuclideTotalDose", "RadionuclideHalfLife", "SeriesTime")
    )
    result = suv_factors(pet_headers(Units="GML", RadiopharmaceuticalStartDateTime=None, **bare, **decay))
    assert result.factors.tolist() == [1.0, 1.0, 1.0]
    assert result.patient.weight_kg is None
    assert result.audit.multipliers == {}


@pytest.mark.parametrize(
    ("private", "decay", "factor", "branch"),
    [
        ({0x70531000: ("DS", "0.000728"), 0x70531009: ("DS", "0")}, {}, 0.000728, "CNTS/philips-suv"),
        ({0x70531000: ("DS", "0.000728")}, ADMIN, 0.000728, "CNTS/philips-suv"),
        ({0x70531000: ("UN", "0.000728 ")}, {}, 0.000728, "CNTS/philips-suv"),
        ({0x70531000: ("DS", "0.0"), 0x70531009: ("DS", "2.5")}, {}, 2.5 * 2.921273e-4, "CNTS/philips-bqml/START"),
        ({0x70531009: ("DS", "2.5")}, ADMIN, 2.5 * 2.0e-4, "CNTS/philips-bqml/ADMIN"),
        ({0x70531000: ("DS", "1"), 0x70531009: ("DS", "2.5")}, NONE, None, "CNTS/philips-bqml/NONE"),
    ],
)
def test_philips_counts(pet_headers, private, decay, factor, branch):
    result = suv_factors(pet_headers(Units="CNTS", Manufacturer=PHILIPS, private={**CREATOR, **private}, **decay))
    if factor is None:
        factor = 2.5 * suv_factors(pet_headers(**decay)).factors[0]
    assert result.factors == pytest.approx([factor] * 3, rel=1e-6)
    assert result.audit.branch == branch


def test_philips_factor_is_found_by_its_creators_block(pet_headers):
    private = {
        0x70530010: ("LO", "SOMEBODY ELSE"),
        0x70531000: ("DS", "99"),
        0x705300E1: ("LO", "Philips PET Private Group "),
        0x7053E100: ("DS", "0.0005"),
    }
    assert suv_factors(pet_headers(Units="CNTS", private=private)).factors[0] == 0.0005
    del private[0x7053E100]
    assert refused(pet_headers(Units="CNTS", Manufacturer=PHILIPS, private=private)) == "SUV-E-UNITS"


@pytest.mark.parametrize(("maker", "good"), [(PHILIPS, True), ("PHILIPS", True), ("SYNTHETIC", False), (None, False)])
def test_bare_private_address_needs_the_maker(pet_headers, maker, good):
    headers = pet_headers(Units="CNTS", Manufacturer=maker, private={0x70531000: ("DS", "0.0005")})
    if good:
        assert suv_factors(headers).factors[0] == 0.0005
    else:
        assert refused(headers) == "SUV-E-UNITS"


@pytest.mark.parametrize(("bqml", "warns"), [(1.0, False), (1.019, False), (0.979, True), (1.021, True)])
def test_philips_factors_are_checked_against_each_other(pet_headers, bqml, warns):
    factor = f"{2.921273e-4 / bqml:.8e}"
    private = {**CREATOR, 0x70531000: ("DS", factor), 0x70531009: ("DS", "1")}
    for units in ("CNTS", "BQML"):
        found = warned(suv_factors(pet_headers(Units=units, Manufacturer=PHILIPS, private=private)))
        assert found == ({"SUV-W-PHILIPS-CROSSCHECK"} if warns else set())


def test_philips_bqml_uses_the_formula_and_not_the_private_factors(pet_headers):
    private = {**CREATOR, 0x70531000: ("DS", "0.0035"), 0x70531009: ("DS", "4.7")}
    result = suv_factors(pet_headers(Manufacturer=PHILIPS, private=private))
    assert np.array_equal(result.factors, suv_factors(pet_headers()).factors)
    assert "SUV-W-PHILIPS-CROSSCHECK" in warned(result)


def test_philips_factor_in_some_slices_only(pet_headers):
    headers = pet_headers(Units="CNTS", private={**CREATOR, 0x70531000: ("DS", "0.0005")})
    del headers[1][0x70531000]
    assert refused(headers) == "SUV-E-MIXED"


def test_philips_factor_that_is_no_number_is_not_used(pet_headers):
    private = {**CREATOR, 0x70531000: ("DS", "half"), 0x70531009: ("DS", "1")}
    result = suv_factors(pet_headers(Units="CNTS", private=private))
    assert result.audit.branch == "CNTS/philips-bqml/START"
    assert "IO-W-HEADER" in warned(result)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("SUV-E-MODALITY", {"Modality": "NM"}),
        ("SUV-E-MODALITY", {"Modality": "CT", "SOPClassUID": None}),
        ("SUV-E-MODALITY", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}),
        ("SUV-E-MODALITY", {"Modality": None, "SOPClassUID": None}),
        ("IO-E-ENHANCED", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.130"}),
        ("IO-E-ENHANCED", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.128.1"}),
        ("SUV-E-NAC", {"CorrectedImage": "DECY\\NORM"}),
        ("SUV-E-NAC", {"CorrectedImage": "DECY"}),
        ("SUV-E-NAC", {"CorrectedImage": "NOATTN\\DECY"}),
        ("SUV-E-NAC", {"CorrectedImage": None}),
        ("SUV-E-NAC", {"CorrectedImage": lambda k: "DECY\\ATTN" if k else "DECY"}),
        ("SUV-E-DECY-CONFLICT", {"CorrectedImage": "ATTN"}),
        ("SUV-E-DECY-CONFLICT", {"DecayCorrection": "ADMIN", "CorrectedImage": "ATTN\\SCAT"}),
        ("SUV-E-DECY-CONFLICT", {"DecayCorrection": "NONE"}),
        ("SUV-E-DECY-CONFLICT", {"Units": "GML", "DecayCorrection": "NONE"}),
        ("SUV-E-DECAY", {"DecayCorrection": None}),
        ("SUV-E-DECAY", {"DecayCorrection": "STARTT"}),
        ("SUV-E-UNITS", {"Units": None}),
        ("SUV-E-UNITS", {"Units": "CNTS"}),
        ("SUV-E-UNITS", {"Units": "CPS"}),
        ("SUV-E-UNITS", {"Units": "PROPCNTS"}),
        ("SUV-E-UNITS", {"Units": "PROPCPS"}),
        ("SUV-E-UNITS", {"Units": "1CM"}),
        ("SUV-E-UNITS", {"Units": "GML", "SUVType": "BSA"}),
        ("SUV-E-UNITS", {"Units": "GML", "SUVType": "LEAN"}),
        ("SUV-E-UNITS", {"Units": "CM2ML", "SUVType": "BW"}),
        ("SUV-E-WEIGHT", {"PatientWeight": None}),
        ("SUV-E-WEIGHT", {"PatientWeight": ""}),
        ("SUV-E-WEIGHT", {"PatientWeight": "0"}),
        ("SUV-E-WEIGHT", {"PatientWeight": "-70"}),
        ("SUV-E-WEIGHT", {"PatientWeight": "70 kg"}),
        ("SUV-E-WEIGHT", {"PatientWeight": "70,5"}),
        ("SUV-E-WEIGHT", {"PatientWeight": "nan"}),
        ("SUV-E-WEIGHT", {"PatientWeight": "1e999"}),
        ("SUV-E-WEIGHT", {"PatientWeight": "70\\80"}),
        ("SUV-E-WEIGHT-RANGE", {"PatientWeight": "1.9"}),
        ("SUV-E-WEIGHT-RANGE", {"PatientWeight": "351"}),
        ("SUV-E-WEIGHT-RANGE", {"PatientWeight": "999"}),
        ("SUV-E-SWAP", {"PatientWeight": "1.75", "PatientSize": "70"}),
        ("SUV-E-HEIGHT", {"Units": "GML", "SUVType": "LBM", "PatientSize": None}),
        ("SUV-E-HEIGHT", {"Units": "GML", "SUVType": "LBM", "PatientSize": "0"}),
        ("SUV-E-HEIGHT", {"Units": "GML", "SUVType": "IBW", "PatientSize": "0.39"}),
        ("SUV-E-HEIGHT", {"Units": "CM2ML", "PatientSize": "1750"}),
        ("SUV-E-HEIGHT", {"Units": "GML", "SUVType": "IBW", "PatientSize": "0.5"}),
        ("SUV-E-WEIGHT", {"Units": "GML", "SUVType": "LBM", "PatientWeight": None}),
        ("SUV-E-DOSE", {"RadionuclideTotalDose": None}),
        ("SUV-E-DOSE", {"RadionuclideTotalDose": "0"}),
        ("SUV-E-DOSE", {"RadionuclideTotalDose": "-350"}),
        ("SUV-E-DOSE", {"RadionuclideTotalDose": "10 mCi"}),
        ("SUV-E-DOSE-RANGE", {"RadionuclideTotalDose": "350000"}),
        ("SUV-E-DOSE-RANGE", {"RadionuclideTotalDose": "0.35"}),
        ("SUV-E-DOSE-RANGE", {"RadionuclideTotalDose": "9999"}),
        ("SUV-E-DOSE-RANGE", {"RadionuclideTotalDose": "6e9"}),
        ("SUV-E-HALFLIFE", {"RadionuclideHalfLife": None}),
        ("SUV-E-HALFLIFE", {"RadionuclideHalfLife": "0"}),
        ("SUV-E-HALFLIFE", {"RadionuclideHalfLife": "109.77"}),
        ("SUV-E-TIME", {"RadiopharmaceuticalStartDateTime": None}),
        ("SUV-E-TIME", {"RadiopharmaceuticalStartDateTime": "garbage"}),
        ("SUV-E-TIME", {"RadiopharmaceuticalStartDateTime": "20240301"}),
        ("SUV-E-TIME", {"AcquisitionTime": None}),
        ("SUV-E-TIME", {"AcquisitionDate": ""}),
        ("SUV-E-TIME", {"ActualFrameDuration": None, **NONE}),
        ("SUV-E-TIME", {"ActualFrameDuration": "0", **NONE}),
        ("SUV-E-NEGATIVE-UPTAKE", {"RadiopharmaceuticalStartDateTime": "20240301100001"}),
        ("SUV-E-NEGATIVE-UPTAKE", {"RadiopharmaceuticalStartDateTime": "20991231090000"}),
        ("SUV-E-NEGATIVE-UPTAKE", {"RadiopharmaceuticalStartDateTime": "20240301100001", **ADMIN}),
        ("SUV-E-UPTAKE-LONG", {"RadiopharmaceuticalStartDateTime": "20240301035959"}),
        ("SUV-E-UPTAKE-LONG", {"RadiopharmaceuticalStartDateTime": "19000101090000"}),
        ("SUV-E-UPTAKE-LONG", {"AcquisitionTime": lambda k: ["100000", "100500", "160000"][k], **NONE}),
        ("SUV-E-NEGATIVE-UPTAKE", {"SeriesDate": "19000101"}),
    ],
)
def test_refusals(pet_headers, code, changes):
    assert refused(pet_headers(**changes)) == code


def test_no_slice_at_all():
    assert refused([]) == "IO-E-NOPET"


@pytest.mark.parametrize(
    ("keyword", "other"),
    [
        ("PatientWeight", "71"),
        ("PatientWeight", None),
        ("PatientSize", "1.76"),
        ("PatientSex", "F"),
        ("RadionuclideTotalDose", "351000000"),
        ("RadionuclideTotalDose", None),
        ("RadionuclideHalfLife", "6588"),
        ("Units", "GML"),
        ("DecayCorrection", "ADMIN"),
        ("SeriesTime", "100001"),
        ("SeriesDate", "20240302"),
        ("RadiopharmaceuticalStartDateTime", "20240301090001"),
        ("CorrectedImage", "ATTN\\SCAT"),
        ("SUVType", "BW"),
    ],
)
def test_slices_that_disagree_about_the_series(pet_headers, keyword, other):
    headers = [*pet_headers(n=1, **{keyword: other}), *pet_headers(n=2)]
    assert refused(headers) == "SUV-E-MIXED"


def test_numbers_written_otherwise_are_the_same(pet_headers):
    written = ["70", "70.0 ", " 70.00"]
    dose = ["350000000", "3.5E8", "350000000.0\0"]
    headers = pet_headers(PatientWeight=lambda k: written[k])
    for k, header in enumerate(headers):
        header[0x00540016].value[0] = pet_headers(RadionuclideTotalDose=dose[k])[0][0x00540016].value[0]
    assert np.array_equal(suv_factors(headers).factors, suv_factors(pet_headers()).factors)


def test_activity_below_ten_thousand_is_mbq(pet_headers):
    assert suv_factors(pet_headers(RadionuclideTotalDose="4999")).audit.dose_bq == 4999e6


def test_several_injections(pet_headers):
    assert np.array_equal(suv_factors(pet_headers(items=2)).factors, suv_factors(pet_headers()).factors)
    headers = pet_headers(items=2)
    for header in headers:
        header[0x00540016].value[1] = pet_headers(RadionuclideTotalDose="100000000")[0][0x00540016].value[0]
    assert refused(headers) == "SUV-E-MIXED"
    assert suv_factors(headers, SuvOverrides(dose_mbq=450)).audit.dose_bq == 450e6


@pytest.mark.parametrize(
    ("code", "changes", "same_factor"),
    [
        ("SUV-W-WEIGHT-GRAMS", {"PatientWeight": "70000"}, True),
        ("SUV-W-HEIGHT-CM", {"PatientSize": "175"}, True),
        ("SUV-W-DOSE-MBQ", {"RadionuclideTotalDose": "350.0"}, True),
        ("SUV-W-INTERCEPT", {"RescaleIntercept": "-5"}, True),
        ("SUV-W-INTERCEPT", {"RescaleIntercept": lambda k: "0.001" if k == 1 else "0"}, True),
        ("SUV-W-SEX", {"PatientSex": "O"}, True),
        ("SUV-W-SEX", {"PatientSex": ""}, True),
        ("SUV-W-SEX", {"PatientSex": None}, True),
        ("SUV-W-LBM-JAMES-RANGE", {"PatientWeight": "132"}, False),
        ("SUV-W-ACTIVITY", {"RadionuclideTotalDose": "69000000"}, False),
        ("SUV-W-ACTIVITY", {"RadionuclideTotalDose": "701000000"}, False),
        ("SUV-W-HALFLIFE", {"RadionuclideHalfLife": "6653"}, False),
        ("SUV-W-HALFLIFE", {"RadionuclideHalfLife": "5000", "Radiopharmaceutical": "Fluciclovine"}, False),
        ("SUV-W-UPTAKE", {"RadiopharmaceuticalStartDateTime": "20240301080959"}, False),
        ("SUV-W-UPTAKE", {"RadiopharmaceuticalStartDateTime": "20240301091501"}, False),
        ("TRACER-W-UNKNOWN", {"Radiopharmaceutical": None}, True),
        ("TRACER-W-UNKNOWN", {"Radiopharmaceutical": "Solution"}, True),
    ],
)
def test_warnings(pet_headers, code, changes, same_factor):
    result = suv_factors(pet_headers(**changes))
    assert warned(result) == {code}
    assert np.array_equal(result.factors, suv_factors(pet_headers()).factors) == same_factor


@pytest.mark.parametrize(
    "changes",
    [
        {"PatientWeight": "350"},
        {"PatientSize": "2.5"},
        {"RadionuclideHalfLife": "6588"},
        {"RadionuclideHalfLife": "6652"},
        {"RadionuclideTotalDose": "70000000"},
        {"RadionuclideTotalDose": "700000000"},
        {"RadiopharmaceuticalStartDateTime": "20240301081000"},
        {"RadiopharmaceuticalStartDateTime": "20240301091500"},
    ],
)
def test_limits_belong_to_what_is_accepted(pet_headers, changes):
    assert warned(suv_factors(pet_headers(**changes))) <= {"SUV-W-LBM-JAMES-RANGE"}


def test_half_life_from_the_nuclides_code(pet_headers, code):
    for value, scheme in (("77004003", "SCT"), ("C-111A1", "SRT"), ("C-111A1", "99SDM")):
        codes = [code(value, "^18^Fluorine", scheme)]
        result = suv_factors(pet_headers(RadionuclideHalfLife=None, RadionuclideCodeSequence=codes))
        assert np.array_equal(result.factors, suv_factors(pet_headers()).factors)
        assert warned(result) == {"SUV-W-HALFLIFE-TABLE"}
        assert result.audit.nuclide == "F-18"


def test_file_half_life_is_used_and_the_nuclide_named(pet_headers, code):
    codes = [code("C-131A3", "^68^Gallium", "SRT")]
    changes = {"RadionuclideHalfLife": "4057.7", "RadionuclideCodeSequence": codes, "Radiopharmaceutical": "PSMA-11"}
    result = suv_factors(pet_headers(**changes))
    expected = 1000 * 70 / 350e6 * 2 ** (3600 / 4057.7)
    assert result.factors == pytest.approx([expected] * 3, rel=1e-12)
    assert (result.audit.nuclide, result.audit.fdg) == ("Ga-68", False)
    assert warned(result) == set()


def test_facts_that_are_not_needed_are_information(pet_headers):
    result = suv_factors(pet_headers(PatientSize="9"))
    assert result.patient.height_m is None
    assert [m.code for m in result.messages if "(0010,1020)" in m.tags] == ["SUV-I-UNUSED"]
    odd = pet_headers(Units="GML", RadiopharmaceuticalStartDateTime="20240301103000", RadionuclideTotalDose="x")
    assert warned(suv_factors(odd)) == {"SUV-W-UPTAKE"}


@pytest.mark.parametrize(
    ("given", "headers", "ratio"),
    [
        ({"weight_kg": 84}, {}, 1.2),
        ({"weight_kg": 70}, {"PatientWeight": None}, 1.0),
        ({"weight_kg": 70}, {"PatientWeight": lambda k: str(70 + k)}, 1.0),
        ({"weight_kg": 70}, {"PatientWeight": "garbage"}, 1.0),
        ({"weight_kg": 70, "height_m": 1.75}, {"PatientWeight": "1.75", "PatientSize": "70"}, 1.0),
        ({"dose_mbq": 175}, {}, 2.0),
        ({"dose_mbq": 350}, {"RadionuclideTotalDose": "0"}, 1.0),
        ({"sex": "F"}, {}, 1.0),
        ({"height_m": 1.6}, {}, 1.0),
        ({"injection_time": datetime(2024, 3, 1, 9, 30)}, {}, math.exp(-1800 * RATE)),
        ({"injection_time": datetime(2024, 3, 1, 9)}, {"RadiopharmaceuticalStartDateTime": None}, 1.0),
        ({"reference_time": datetime(2024, 3, 1, 10, 10)}, {}, math.exp(600 * RATE)),
        ({"reference_time": datetime(2024, 3, 1, 10)}, {"AcquisitionTime": "", "SeriesTime": ""}, 1.0),
        ({"reference_time": datetime(2024, 3, 1, 10)}, {"SeriesTime": lambda k: f"10000{k}"}, 1.0),
    ],
)
def test_overrides_act_and_are_recorded(pet_headers, given, headers, ratio):
    result = suv_factors(pet_headers(**headers), SuvOverrides(**given))
    assert result.factors == pytest.approx(ratio * suv_factors(pet_headers()).factors, rel=1e-12)
    assert len(result.audit.overrides) == len(given)
    for name in given:
        assert any(line.startswith(name + ":") for line in result.audit.overrides)
    assert [m.code for m in result.messages].count("SUV-W-OVERRIDE") == len(given)
    if "reference_time" in given:
        assert result.audit.t_ref_source == "override"


def test_overrides_show_in_patient_and_audit(pet_headers):
    result = suv_factors(pet_headers(), SuvOverrides(weight_kg=80, height_m=1.9, sex="F", dose_mbq=300))
    assert (result.patient.weight_kg, result.patient.height_m, result.patient.sex) == (80, 1.9, "F")
    assert (result.audit.weight_kg, result.audit.height_m, result.audit.sex) == (80, 1.9, "F")
    assert result.audit.dose_bq == 300e6
    assert result.audit.overrides[0] == "weight_kg: 70 in the header, 80 given"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"weight_kg": 1}, "SUV-E-WEIGHT-RANGE"),
        ({"weight_kg": 70000}, "SUV-E-WEIGHT-RANGE"),
        ({"weight_kg": math.nan}, "SUV-E-WEIGHT-RANGE"),
        ({"height_m": 175}, "SUV-E-HEIGHT"),
        ({"dose_mbq": 350e6}, "SUV-E-DOSE-RANGE"),
        ({"dose_mbq": 0}, "SUV-E-DOSE-RANGE"),
        ({"sex": "X"}, "USE-E-VALUE"),
        ({"injection_time": datetime(2024, 3, 1, 11)}, "SUV-E-NEGATIVE-UPTAKE"),
        ({"reference_time": datetime(2024, 3, 2, 11)}, "SUV-E-UPTAKE-LONG"),
    ],
)
def test_overrides_are_checked_too(pet_headers, given, code):
    assert refused(pet_headers(), SuvOverrides(**given)) == code


@pytest.mark.parametrize("decay", [ADMIN, NONE])
def test_a_reference_time_cannot_act_where_decay_was_not_corrected_to_the_start(pet_headers, decay):
    given = SuvOverrides(reference_time=datetime(2024, 3, 1, 10))
    assert refused(pet_headers(**decay), given) == "SUV-E-OVERRIDE"


def test_an_override_that_contradicts_finished_suv_is_refused(pet_headers):
    gml = {"Units": "GML"}
    assert refused(pet_headers(**gml), SuvOverrides(weight_kg=80)) == "SUV-E-OVERRIDE"
    assert refused(pet_headers(**gml), SuvOverrides(dose_mbq=300)) == "SUV-E-OVERRIDE"
    assert refused(pet_headers(**gml, SUVType="LBM"), SuvOverrides(sex="F")) == "SUV-E-OVERRIDE"
    later = SuvOverrides(injection_time=datetime(2024, 3, 1, 9, 30))
    assert refused(pet_headers(**gml), later) == "SUV-E-OVERRIDE"
    # what the header lacks may be supplied, for other norms; and sex and height do not touch SUV by weight
    supplied = suv_factors(pet_headers(**gml, PatientWeight=None), SuvOverrides(weight_kg=80, sex="F", height_m=1.6))
    assert supplied.factors.tolist() == [1.0] * 3
    assert supplied.audit.multipliers["LBMJANMA"] == pytest.approx(9270 / (8780 + 244 * 80 / 1.6**2))


def test_philips_suv_factor_gives_way_to_the_activity_factor_when_a_fact_is_replaced(pet_headers):
    private = {**CREATOR, 0x70531000: ("DS", "2.921273e-4"), 0x70531009: ("DS", "1")}
    headers = pet_headers(Units="CNTS", private=private)
    result = suv_factors(headers, SuvOverrides(weight_kg=84))
    assert result.audit.branch == "CNTS/philips-bqml/START"
    assert result.factors == pytest.approx([1.2 * 2.921273e-4] * 3, rel=1e-6)
    assert "SUV-W-PHILIPS-CROSSCHECK" not in warned(result)
    del private[0x70531009]
    assert refused(pet_headers(Units="CNTS", private=private), SuvOverrides(weight_kg=84)) == "SUV-E-OVERRIDE"


def test_an_override_with_a_time_zone_is_brought_to_the_studys(pet_headers):
    utc = datetime(2024, 3, 1, 8, 30, tzinfo=UTC)
    given = SuvOverrides(injection_time=utc)
    assert suv_factors(pet_headers(TimezoneOffsetFromUTC="+0100"), given).audit.t_inj == datetime(2024, 3, 1, 9, 30)
    assert suv_factors(pet_headers(), given).audit.t_inj == datetime(2024, 3, 1, 8, 30)
    east = SuvOverrides(injection_time=utc.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert suv_factors(pet_headers(TimezoneOffsetFromUTC="+0100"), east).audit.t_inj == datetime(2024, 3, 1, 9, 30)


def test_messages_name_no_value_that_could_be_a_name(pet_headers):
    with pytest.raises(LymphoscopeError) as caught:
        suv_factors(pet_headers(PatientWeight="DOE^JOHN"))
    assert "DOE" not in str(caught.value)
    for changes in ({"Units": "DOE^JOHN"}, {"DecayCorrection": "DOE JOHN"}, {"RadionuclideHalfLife": "DOE"}):
        with pytest.raises(LymphoscopeError) as caught:
            suv_factors(pet_headers(**changes))
        assert "DOE" not in str(caught.value)


def test_age_from_the_birth_date(pet_headers):
    born = pet_headers(PatientAge=None, PatientBirthDate="19740301")
    assert suv_factors(born).patient.age_years == pytest.approx(50, abs=0.01)
    no_study_date = pet_headers(PatientAge=None, PatientBirthDate="19740301", StudyDate=None)
    assert suv_factors(no_study_date).patient.age_years == pytest.approx(50, abs=0.01)
    assert suv_factors(pet_headers(PatientAge=None)).patient.age_years is None
