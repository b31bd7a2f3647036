"""Laws of single values, identifiers and keys."""

from __future__ import annotations

import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.deid.crosswalk import KEY, TABLE, open_crosswalk
from lymphoscope.io.deid.engine import Cleaner, require_clean
from lymphoscope.io.deid.identifiers import Identifiers, patient_key
from lymphoscope.io.deid.secret import Secret
from lymphoscope.io.deid.table import EMPTIED, IDENTIFYING, KEPT
from lymphoscope.io.deid.values import Values
from lymphoscope.io.deid.words import DESCRIPTIONS, QUANTITY, TECHNICAL, TERMS

CALM = settings(deadline=None, max_examples=60)
SECRET = Secret(b"k" * 32)
DAYS = SECRET.day_shift("id 1")


def named(name: str) -> Identifiers:
    dataset = Dataset()
    dataset.PatientName = name
    return Identifiers.of([dataset])


def values(name: str = "") -> Values:
    return Values(SECRET, DAYS, named(name))


@CALM
@given(st.text(max_size=80))
def test_a_description_has_only_known_words(text: str) -> None:
    kept = values().clean("LO", text)
    for word in kept.upper().split():
        parts = word.split("-") if word not in DESCRIPTIONS else [word]
        assert QUANTITY.fullmatch(word) or all(part in DESCRIPTIONS for part in parts)


@CALM
@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=4, max_size=12))
def test_no_name_stays_in_a_text_whatever_it_is(name: str) -> None:
    for technical in (False, True):
        kept = values(name).clean("LO", f"PET {name} WB x{name}y {name.lower()}", technical)
        assert name.lower() not in kept.lower()


@CALM
@example("NO")
@given(st.sampled_from(sorted(word for word in DESCRIPTIONS | TECHNICAL if len(word) > 1 and word != "UNKNOWN")))
def test_not_even_a_name_that_is_a_known_word(word: str) -> None:
    kept = values(word).clean("LO", f"{word} WB {word}", technical=True)
    assert word.lower() not in kept.lower().split()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("PET WB 5mm AC", "PET WB 5mm AC"),
        ("PET 15.03.2011", "PET"),
        ("PET 15-03-11 WB", "PET WB"),
        ("CT 20110315", "CT"),
        ("WB_CTAC 1234567", "WB CTAC"),
        ("+49 30 123 456", ""),
        ("Müller, PET", "PET"),
        ("whole-body F-18", "whole-body F-18"),
    ],
)
def test_descriptions(text: str, kept: str) -> None:
    assert values().clean("LO", text) == kept


@pytest.mark.parametrize("text", ["Br38f", "B30f", "XYZGAUSS5.00", "Discovery 690", "PSF+TOF 4i5s", "SIEMENS", "FDG"])
def test_technical_texts_stay(text: str) -> None:
    assert values().clean("LO", text, technical=True) == text.replace("+", " ")


@CALM
@given(st.datetimes(datetime(1801, 6, 1), datetime(2900, 1, 1)), st.sampled_from(["", ".5", ".123456", "+0100"]))
def test_a_moment_moves_by_whole_days(moment: datetime, rest: str) -> None:
    after = values().clean("DT", f"{moment:%Y%m%d%H%M%S}{rest}")
    assert after[8:] == f"{moment:%H%M%S}{rest}"
    assert datetime.strptime(after[:14], "%Y%m%d%H%M%S") - moment.replace(microsecond=0) == timedelta(days=DAYS)
    assert values().clean("DA", f"{moment:%Y%m%d}") == after[:8]
    assert values().clean("DA", f"{moment:%Y.%m.%d}") == after[:8]
    assert values().clean("DT", f"{moment:%Y-%m-%d}T{moment:%H:%M}") == f"{after[:8]}T{moment:%H:%M}"


@CALM
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_stays_digit_for_digit(number: float) -> None:
    assert values().clean("DS", repr(number)) == repr(number)


@pytest.mark.parametrize(
    ("vr", "text"),
    [("DS", "DOE^JANE"), ("IS", "12 years"), ("DS", "nan"), ("TM", "noon"), ("DA", "2011"), ("DT", "2011"),
     ("CS", "DOE"), ("CS", "born 1947"), ("AS", "old"), ("UI", "not a uid"), ("PN", "DOE"), ("AE", "PACS"),
     ("UR", "http://x"), ("UTC offset", "Europe/Berlin")],
)  # fmt: skip
def test_what_does_not_keep_to_its_type_goes(vr: str, text: str) -> None:
    assert values().clean(vr, text) == ""


@CALM
@given(st.from_regex(r"1\.[1-9]\.[1-9][0-9]{2,20}\.[1-9][0-9]{0,9}", fullmatch=True))
def test_uids_are_mapped_one_to_one(uid: str) -> None:
    made = SECRET.uid(uid)
    assert made == SECRET.uid(uid) != SECRET.uid(uid + "1")
    assert made.startswith("2.25.") and len(made) <= 44
    assert made != Secret(b"x" * 32).uid(uid)


def test_the_standards_own_uids_stay_and_lookalikes_do_not() -> None:
    for uid in (CTImageStorage, ExplicitVRLittleEndian):
        assert SECRET.uid(uid) == uid
    assert SECRET.uid("1.2.840.10008.5.1.4.1.1.2.7718204").startswith("2.25.")


def test_the_shift_is_one_a_patient_and_spread_over_a_year() -> None:
    days = [SECRET.day_shift(f"id {n}") for n in range(2000)]
    assert min(days) >= -365 and max(days) <= -1
    assert len(set(days)) > 350
    assert days == [SECRET.day_shift(f"id {n}") for n in range(2000)]


def test_a_secret_does_not_print_its_key() -> None:
    assert "k" * 8 not in repr(SECRET) and "107" not in repr(SECRET)


def test_nothing_that_identifies_is_on_the_list_of_what_stays() -> None:
    assert not KEPT & (IDENTIFYING | EMPTIED)
    never = {"PN", "AE", "UR", "OB", "OW", "UN", "OF", "OD", "OL"}
    assert not [f"{tag:08X}" for tag in KEPT if dictionary_VR(tag) in never]
    patient = {tag for tag in KEPT if tag >> 16 == 0x0010}
    assert patient == {0x00100040, 0x00101010, 0x00101020, 0x00101030}


def test_identifiers_come_from_any_depth_and_any_spelling() -> None:
    deep, nested = Dataset(), Dataset()
    deep.OperatorsName, deep.PatientAddress = "Quackenbush^Ottokar", "Elm Street 7"
    nested.RequestAttributesSequence = Sequence([deep])
    known = Identifiers.of([nested])
    for text in ("by OTTOKAR", "x_quackenbush_1", "elm  street 7", "elm^street^7"):
        assert known.in_text(text)
    assert not known.in_text("street")


def test_short_names_count_as_words_only() -> None:
    known = named("LI^AN")
    assert known.in_text("PET Li")
    assert not known.in_text("LIVER ANGLE")


def test_patients_are_known_by_number_then_by_name_and_birth() -> None:
    dataset = Dataset()
    assert patient_key(dataset) == ""
    dataset.PatientName = "DOE^JANE"
    assert patient_key(dataset) == ""
    dataset.PatientBirthDate = "19700101"
    named_only = patient_key(dataset)
    dataset.PatientID = " 17 "
    assert (named_only, patient_key(dataset)) == ("name doe jane 19700101", "id 17")


def test_codes_stay_only_in_known_schemes() -> None:
    dataset = Dataset()
    dataset.RadionuclideCodeSequence = Sequence([Dataset(), Dataset(), Dataset()])
    for item, (value, scheme) in zip(
        dataset.RadionuclideCodeSequence, [("C-111A1", "SRT"), ("7718204", "99HOSPITAL"), ("DOE", "SRT")], strict=True
    ):
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "^18^Fluorine"
    made = Cleaner.of(SECRET, "id 1", Identifiers()).clean(dataset)
    found = [(i.get("CodeValue"), i.get("CodingSchemeDesignator")) for i in made.RadionuclideCodeSequence]
    assert found == [("C-111A1", "SRT"), (None, None), (None, None)]


def test_a_tracer_that_nobody_knows_is_not_taken_for_fdg() -> None:
    dataset = Dataset()
    dataset.Radiopharmaceutical = "Wunderwaffe-77"
    made = Cleaner.of(SECRET, "id 1", Identifiers()).clean(dataset)
    assert made.Radiopharmaceutical == "unlisted tracer"


def test_the_last_search_finds_what_everything_else_missed() -> None:
    made, item = Dataset(), Dataset()
    item.SeriesDescription = "of Quackenbush"
    made.ReferencedSeriesSequence = Sequence([item])
    require_clean(made, named("LUNG"))
    with pytest.raises(LymphoscopeError) as caught:
        require_clean(made, named("Quackenbush"))
    assert caught.value.code == "DEID-E-LEAK"
    assert "uackenbush" not in str(caught.value)


def test_terms_are_upper_case_words() -> None:
    assert all(word == word.upper() for word in TERMS | DESCRIPTIONS | TECHNICAL)


def test_the_crosswalk_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "crosswalk"
    first = open_crosswalk(folder)
    first.write_table(TABLE, ("pseudonym",), [("LYM-A",)])
    first.write_record("s", {"a": 1})
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in [folder, *folder.rglob("*")]}
    assert all(mode in (0o700, 0o600) for mode in modes.values()), modes
    assert len((folder / KEY).read_text().strip()) == 64
    assert open_crosswalk(folder).secret == first.secret
    assert open_crosswalk(folder).record("s") == {"a": 1}
    assert open_crosswalk(tmp_path / "other").secret != first.secret


@pytest.mark.parametrize("damage", ["open", "key", "text"])
def test_a_crosswalk_others_can_read_or_without_a_key_is_refused(tmp_path: Path, damage: str) -> None:
    open_crosswalk(tmp_path / "c")
    if damage == "open":
        (tmp_path / "c").chmod(0o755)
    elif damage == "key":
        (tmp_path / "c" / KEY).chmod(0o644)
    else:
        (tmp_path / "c" / KEY).write_text("too short")
    with pytest.raises(LymphoscopeError) as caught:
        open_crosswalk(tmp_path / "c")
    assert caught.value.code == "DEID-E-KEY"
