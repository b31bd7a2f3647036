"""The catalogue: complete, consistent, and in step with DICOM's own dictionary."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from pydicom.sr._concepts_dict import concepts

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Measures
from lymphoscope.core.study import Patient
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.quant.catalogue import CATALOGUE, Quantity, _index, measured, reference_page
from lymphoscope.quant.lesions import LesionOptions, measure_lesions, patient_measures
from lymphoscope.quant.radiomics_catalogue import IBSI_FEATURES
from lymphoscope.quant.reference import blood_pool_reference, liver_reference, spleen_reference
from lymphoscope.quant.response import Uptake, response_aids

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "quantities.md"

RECORD_LESION = {
    "mtv_ml", "suvmax", "suvmean", "suvpeak", "suvsd", "tlg_g", "max3d_mm", "auc_csh",
    "centroid_l_mm", "centroid_p_mm", "centroid_s_mm",
}  # fmt: skip
RECORD_PATIENT = {
    "n_lesions", "tmtv_ml", "tlg_g", "suvmax", "suvpeak", "dmax_cm", "dmax_bulk_cm", "sdmax_per_m", "bulk_ml",
}  # fmt: skip
RECORD_REFERENCE = {"mean", "sd", "max", "n"}


@pytest.fixture(scope="module")
def everything() -> dict[str, list[Measures]]:
    """Every kind of number, from a small body, with and without values."""
    geometry = Geometry.axial((40, 40, 40), (4.0, 4.0, 4.0))
    z, y, x = np.indices(geometry.shape)
    liver = (z - 20) ** 2 + (y - 20) ** 2 + (x - 12) ** 2 < 100
    array = np.where(liver, 2.0, 0.5) + np.random.default_rng(0).random(geometry.shape) * 0.1
    labels = np.zeros(geometry.shape, np.int32)
    labels[25:32, 25:32, 28:36] = 1
    labels[3, 3, 3] = 2
    array[labels > 0] += 5
    suv = Volume(array, geometry, Unit.SUV_BW)
    mask = LesionMask(labels, geometry, "suv4.0")
    references = {
        "liver": liver_reference(suv, liver, mask).measures,
        "spleen": spleen_reference(suv, liver, mask).measures,
        "blood_pool": blood_pool_reference(suv, liver, mask).measures,
    }
    lesions = measure_lesions(suv, mask, LesionOptions(lean=0.8, liver_mean=2.0))
    empty = LesionMask(np.zeros_like(labels), geometry, "suv4.0")
    person = Patient("F", 50.0, 60.0, 1.6)
    patients = [
        patient_measures(suv, mask, lesions, person, references),
        patient_measures(suv, empty, (), None, None),
    ]
    aids = [
        response_aids(Uptake.of(patients[0]), references)[0],
        response_aids(Uptake.of(patients[1]), {})[0],
    ]
    return {"lesion": list(lesions), "patient": patients, "reference": list(references.values()), "response": aids}


def test_every_number_is_in_the_catalogue_with_its_unit(everything: dict[str, list[Measures]]) -> None:
    for of, groups in everything.items():
        for measure in (m for group in groups for m in group):
            row = CATALOGUE[measure.name]
            assert measure.unit == row.unit, measure.name
            assert of in row.of.split(", "), measure.name
            if measure.name != "suvpeak_sul":
                assert measure.code == row.code, measure.name


def test_every_quantity_of_the_catalogue_is_produced(everything: dict[str, list[Measures]]) -> None:
    for row in CATALOGUE.values():
        for of in row.of.split(", "):
            assert any(row.name in group.as_dict() for group in everything[of]), (row.name, of)


def test_no_number_is_nan_and_none_is_missing_without_a_reason(everything: dict[str, list[Measures]]) -> None:
    for measure in (m for groups in everything.values() for group in groups for m in group):
        if measure.value is None:
            assert measure.status == "not-computable", measure.name
            assert measure.why, measure.name
        else:
            assert measure.status == "ok"
            assert isinstance(measure.value, int | str) or math.isfinite(measure.value), measure.name
            assert type(measure.value) in (int, float, str), measure.name


def test_no_name_is_given_twice(everything: dict[str, list[Measures]]) -> None:
    for groups in everything.values():
        for group in groups:
            assert len({m.name for m in group}) == len(group)


def test_the_records_keys_are_there(everything: dict[str, list[Measures]]) -> None:
    assert set(everything["lesion"][0].as_dict()) >= RECORD_LESION
    assert set(everything["patient"][0].as_dict()) >= RECORD_PATIENT
    assert set(everything["reference"][0].as_dict()) >= RECORD_REFERENCE


def test_codes_are_those_of_the_dictionary() -> None:
    """DICOM knows most IBSI codes; those of intensity statistics it does not list, as it codes them otherwise."""
    known = {
        scheme: {code for values in concepts[scheme].values() for code in values} for scheme in ("DCM", "SCT", "IBSI")
    }
    known["SCT"] |= {"246206008"}  # "Number of lesions": SNOMED, not in the dictionary's value sets
    not_in_dicom = {f"IBSI:{f.code}" for f in IBSI_FEATURES if f.family == "first order"}
    for row in CATALOGUE.values():
        for part in filter(None, row.code.split("+")):
            scheme, _, value = part.partition(":")
            if scheme == "99LYMSEG":
                assert value.isalnum()
                assert len(value) <= 16, "a DICOM code value has at most 16 characters"
            elif part not in not_in_dicom:
                assert value in known[scheme], part


def test_ibsi_codes_mean_what_they_are_used_for() -> None:
    """The dictionary's meaning of a code shares a telling word with ours."""
    meanings = {code: text for values in concepts["IBSI"].values() for code, (text, _) in values.items()}
    renamed = {"TLU2", "BJ5W"}  # "Intensity Histogram Entropy", "… Uniformity": found below as well
    for feature in IBSI_FEATURES:
        if feature.code in meanings:
            theirs = meanings[feature.code].lower().replace("gray", "grey").replace("normalized", "normalised")
            ours = feature.means.lower().removesuffix(", bits")
            words = [w for w in ours.replace("-", " ").split() if len(w) > 3]
            assert words[0] in theirs or words[-1] in theirs or feature.code in renamed, (feature, theirs)


def test_names_carry_their_code_and_are_identifiers() -> None:
    for feature in IBSI_FEATURES:
        assert feature.name.startswith(f"ibsi_{feature.code}_")
    assert all(name.isidentifier() for name in CATALOGUE)


def test_a_name_twice_is_refused() -> None:
    row = Quantity("a", "1", "", "", "", "lesion")
    with pytest.raises(KeyError, match="twice"):
        _index((row, row))


def test_what_is_not_finite_is_missing() -> None:
    assert measured("suvmax", 2.5).value == 2.5
    for value in (None, float("nan"), float("inf")):
        found = measured("suvmax", value, "m", "because")
        assert (found.value, found.status, found.why, found.unit) == (None, "not-computable", "because", "g/mL")
    assert measured("suvmax", None).why
    assert type(measured("suvmax", np.float32(2.5)).value) is float  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        measured("suv_max", 1.0)


def test_the_page_is_the_catalogue() -> None:
    page = reference_page()
    assert all(f"| `{name}` |" in page for name in CATALOGUE)
    assert PAGE.read_text(encoding="utf-8") == page, "run docs/generate.py"
