from __future__ import annotations

import re

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.prognosis.cohort import Columns, cohort_of
from lymphoscope.prognosis.table import number_of, read_table

COLUMNS = Columns("months", "died", ("mtv",), ("centre",), "id")
GOOD = "id,months,died,mtv,centre\na,12,1,300,X\nb,7.5,0,80,Y\nc,30,TRUE,45,X\n"


def refused(text: str, columns: Columns = COLUMNS, complete_cases: bool = False) -> LymphoscopeError:
    with pytest.raises(LymphoscopeError) as caught:
        cohort_of(read_table(text), columns, complete_cases)
    return caught.value


def test_a_sound_table_becomes_a_cohort() -> None:
    cohort = cohort_of(read_table("\ufeff" + GOOD.replace(",", ";") + "\n"), COLUMNS)
    assert cohort.patients == ("a", "b", "c")
    assert cohort.rows == (2, 3, 4)
    assert cohort.outcome.time.tolist() == [12, 7.5, 30]
    assert cohort.outcome.event.tolist() == [True, False, True]
    assert cohort.groups["centre"] == ("X", "Y", "X")


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (("12,1", "0,1"), "PROG-E-TIME", "months is 0 or less for 1 patient in row 2. Time runs from the start"),
        (("7.5,0", "-3,0"), "PROG-E-TIME", "months is 0 or less for 1 patient in row 3"),
        (("12,1", ",1"), "PROG-E-MISSING", "months is missing for 1 of 3 patients in row 2. Fill them in"),
        (("80", "NA"), "PROG-E-MISSING", "mtv is missing for 1 of 3 patients in row 3"),
        (
            ("12,1", ",NA"),
            "PROG-E-MISSING",
            "months is missing for 1 of 3 patients in row 2; died for 1 in row 2. Fill",
        ),
        (("80", "eighty"), "PROG-E-COLUMN", "mtv holds what is no number: 'eighty' in row 3"),
        (
            ("12,1", "2020-01-03,1"),
            "PROG-E-COLUMN",
            "in row 2. These are dates: give the time between two of them as a",
        ),
        (("80", "inf"), "PROG-E-COLUMN", "mtv holds what is no number: 'inf' in row 3. Write a number, or leave the"),
        (("7.5,0", "7.5,lost"), "PROG-E-EVENT", "died holds 1, lost, true, not 0 and 1 in row 3"),
        (("\nb,", "\na,"), "PROG-E-PATIENT", "id is the same in rows 2, 3. Give one row a patient"),
        (("80,Y", "80,Y,9"), "PROG-E-TABLE", "rows do not have the header's 5 cells in row 3"),
        (("mtv,", "died,"), "PROG-E-TABLE", "column 'died' is there twice in row 1"),
        (("mtv,", "mtv_ml,"), "PROG-E-COLUMN", "there is no column 'mtv' in the header. Did you mean mtv_ml?"),
    ],
)
def test_what_cannot_be_right_is_refused_by_column_and_row(change: tuple[str, str], code: str, says: str) -> None:
    error = refused(GOOD.replace(*change))
    assert error.code == code
    assert says in error.message.text
    assert error.exit_status == 3


def test_events_coded_as_in_r_are_not_guessed_at() -> None:
    error = refused("t,e\n1,1\n2,2\n3,2\n", Columns("t", "e"))
    assert error.message.text == (
        "PROG-E-EVENT: e is coded 1 and 2, not 0 and 1 in rows 3, 4. If 2 is the event and 1 censored, as in R, "
        "subtract 1 from e; the other way round, write 0 for 2."
    )


def test_a_decimal_comma_is_recognised() -> None:
    assert "Write decimals with a point." in refused("t;e;x\n1;1;2,5\n", Columns("t", "e", ("x",))).message.text


@pytest.mark.parametrize("text", ["", "a,b\n", 'a,b\n"1,2\n', "a,a\n1,2\n"])
def test_what_is_no_table_is_refused(text: str) -> None:
    assert refused(text, Columns("a", "b")).code == "PROG-E-TABLE"


def test_many_rows_are_named_in_few_words() -> None:
    text = "t,e\n" + "0,1\n" * 9
    assert "in rows 2, 3, 4, 5, 6 and 4 more" in refused(text, Columns("t", "e")).message.text


def test_with_complete_cases_each_patient_left_out_is_counted_once_by_the_first_reason() -> None:
    text = "id,months,died,mtv,centre\na,12,1,300,X\nb,,0,,Y\nc,0,1,45,X\nd,5,,3,X\ne,5,1,NA,X\nf,9,0,2,\n"
    cohort = cohort_of(read_table(text), COLUMNS, complete_cases=True)
    assert cohort.patients == ("a",)
    assert dict(cohort.left_out) == {
        "months is missing": 1, "died is missing": 1, "mtv is missing": 1, "centre is missing": 1,
        "months is not above 0": 1,
    }  # fmt: skip
    assert refused("id,months,died,mtv,centre\nb,,0,,Y\n", COLUMNS, complete_cases=True).code == "PROG-E-TABLE"


def test_columns_beyond_the_first_four_with_gaps_are_counted() -> None:
    names = [f"x{n}" for n in range(6)]
    text = f"t,e,{','.join(names)}\n1,1{',' * 6}\n2,0{',5' * 6}\n"
    said = refused(text, Columns("t", "e", tuple(names))).message.text
    assert "x0 is missing for 1 of 2 patients in row 2; x1 for 1 in row 2; x2" in said and "2 more columns too." in said


def test_a_logarithm_is_taken_on_wish_and_not_of_zero() -> None:
    doubled = Columns("months", "died", ("log2:mtv",))
    values = cohort_of(read_table(GOOD), doubled).values["log2:mtv"]
    assert values == pytest.approx(np.log2([300, 80, 45]))
    assert re.search(r"log2:mtv has no logarithm of 0 or less in row 3", str(refused(GOOD.replace("80", "0"), doubled)))


def test_numbers_are_read_as_people_write_them() -> None:
    assert number_of(" 1e3 ") == 1000
    assert all(np.isnan(number_of(word) or 0) for word in ("NA", "n/a", "", ".", "NaN"))
    assert number_of("inf") is None
