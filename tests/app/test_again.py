"""A case folder read back gives the numbers it was written with."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphoscope.app.again import Kept, read_again
from lymphoscope.app.reading.numbers import preselected, record_of, report_of, start_of
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.reading import Reading
from lymphoscope.io.case import canonical_json


@pytest.fixture
def case(read_case: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(read_case, tmp_path / "case"))


def reread(folder: Path) -> tuple[Kept, Reading, dict[str, Any]]:
    kept = read_again(folder)
    start = start_of(kept)
    report = report_of(kept, start, preselected(start))
    return kept, start, record_of(kept, report, kept.record["software"], kept.record["reading"])


def test_an_unread_case_has_the_record_it_was_written_with_to_the_byte(case: Path) -> None:
    _, start, record = reread(case)
    assert len(start.regions) >= 2
    assert canonical_json(record) == (case / "report.json").read_bytes()


def test_images_and_organs_come_back_as_they_were(case: Path) -> None:
    kept, start, _ = reread(case)
    assert kept.study.pet.array.dtype == np.float32
    assert kept.ct is not None
    assert kept.segmentation.organs["liver"].any()
    assert np.array_equal(start.labels() > 0, kept.segmentation.candidates.labels > 0)


def damaged(case: Path, name: str, how: Callable[[bytes], bytes]) -> str:
    path = case / name
    path.write_bytes(how(path.read_bytes()))
    with pytest.raises(LymphoscopeError) as error:
        reread(case)
    assert str(case) not in str(error.value)
    return error.value.code


def flipped(content: bytes) -> bytes:
    plain = bytearray(gzip.decompress(content))
    plain[400] ^= 1
    return gzip.compress(bytes(plain))


@pytest.mark.parametrize(
    ("name", "how", "code"),
    [
        ("report.json", lambda b: b[:-9], "READ-E-CASE"),
        ("report.json", lambda b: b"[]", "READ-E-CASE"),
        ("study.json", lambda b: b"{}", "READ-E-CASE"),
        ("pet.nii.gz", lambda b: b[: len(b) // 2], "IO-E-NIFTI"),
        ("lesions.nii.gz", flipped, "READ-E-CHANGED"),
        ("organs.nii.gz", lambda b: b"", "IO-E-NIFTI"),
    ],
)
def test_a_folder_changed_by_hand_is_refused(case: Path, name: str, how: Callable[[bytes], bytes], code: str) -> None:
    assert damaged(case, name, how) == code


def test_a_refused_study_cannot_be_read(case: Path) -> None:
    record = json.loads((case / "report.json").read_text())
    (case / "report.json").write_text(json.dumps({**record, "status": "refused"}))
    with pytest.raises(LymphoscopeError, match="READ-E-CASE"):
        read_again(case)
