"""Versions: kept by their logs, one writer at a time, signed for good, reopened with a reason."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest

from lymphoscope.app.pipeline import run
from lymphoscope.app.reading import chain
from lymphoscope.app.reading.case import Begun, ReadCase, Version
from lymphoscope.app.reading.numbers import record_of, report_of
from lymphoscope.app.reading.signing import MEANINGS, SOFTWARE, Signature, draft_record, sign
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.units import Unit
from lymphoscope.io.dicom_write import write_study
from lymphoscope.io.nifti import read_nifti
from lymphoscope.io.pet_physics import ScanFacts


@pytest.fixture
def case(read_case: Path, tmp_path: Path) -> ReadCase:
    return ReadCase(Path(shutil.copytree(read_case, tmp_path / "case")))


def act(op: str, **words: Any) -> dict[str, Any]:
    return {"op": op, "words": words, "reason": ""}


def do(version: Version, op: str, **words: Any) -> dict[str, Any]:
    return version.do(op, act(op, **words) if words else {}, version.author, version.tip, {})


def signature(version: Version, **changes: Any) -> Signature:
    return Signature(**{"by": version.author, "name": "A. Reader", "meaning": MEANINGS[0], "head": version.now.head}
                     | changes)  # fmt: skip


def code_of(call: Any) -> str:
    with pytest.raises(LymphoscopeError) as error:
        call()
    return error.value.code


def counted(version: Version) -> list[int]:
    return [r.number for r in version.now if r.counted]


def test_a_version_is_its_log(case: ReadCase) -> None:
    version = case.new("ann")
    first = counted(version)[0]
    before = version.now.counted_voxels
    event = do(version, "remove", regions=[first])
    assert event["was"]["n"] - event["is"]["n"] == 1
    do(version, "undo")
    do(version, "redo")
    again = ReadCase(case.folder).version("v1")
    assert again.now.head == version.now.head
    assert again.now.counted_voxels < before
    assert [e["kind"] for e in again.events] == ["begin", "act", "act", "act"]


def test_numbers_after_an_edit_are_those_of_the_mask(case: ReadCase) -> None:
    version = case.new("ann")
    first = counted(version)[0]
    was = draft_record(version)
    do(version, "remove", regions=[first], organ="spleen")
    record = draft_record(version)
    gone = version.now[first].voxels.size * case.kept.study.pet.geometry.voxel_ml
    tmtv = {k["name"]: k["value"] for k in record["key_numbers"]}["TMTV"]
    assert tmtv == pytest.approx(version.now.counted_voxels * case.kept.study.pet.geometry.voxel_ml)
    stages = {s["stage"]: s["tmtv_ml"] for s in record["segmentation"]["stages"]}
    assert stages["TMTV1"] == pytest.approx(tmtv + gone)
    assert stages["TMTV2"] == pytest.approx(tmtv)
    do(version, "undo")
    back = draft_record(version)
    assert back["lesions"] == was["lesions"], "all measures come back, SUVpeak among them"
    assert back["patient"] == was["patient"]


def test_measuring_only_what_was_touched_gives_the_numbers_of_measuring_all(case: ReadCase) -> None:
    version = case.new("ann")
    region = version.now[counted(version)[0]]
    liver = np.argwhere(case.scene.organs["liver"])[::40].tolist() if "liver" in case.scene.organs else []
    acts: list[tuple[str, dict[str, Any]]] = [
        ("erase", {"runs": [[int(region.voxels[0]), 3]], "region": region.number}),
        ("remove", {"regions": [region.number]}),
        ("undo", {}),
        ("doubt", {"regions": [region.number], "doubtful": True}),
        *(("paint", {"runs": [[int(np.ravel_multi_index(p, version.now.shape)), 2]]}) for p in liver[:3]),
    ]
    draft_record(version)
    for op, words in acts:
        do(version, op, **words)
        fresh = ReadCase(case.folder).version("v1")
        assert draft_record(version) == draft_record(fresh), op
    assert len(case.known.lesions) > 2


def without_radiomics(record: Any) -> Any:
    """A record as if texture had not been asked for; every other number stands."""
    if isinstance(record, dict):
        return {k: without_radiomics(v) for k, v in record.items() if not k.startswith("ibsi_")}
    if isinstance(record, list):
        return [without_radiomics(v) for v in record if not (isinstance(v, dict) and v.get("code") == "RAD-W-SMALL")]
    return record


def test_a_draft_s_numbers_after_any_acts_are_those_of_measuring_the_whole_anew(case: ReadCase) -> None:
    version, rng = case.new("ann"), np.random.default_rng(11)
    flat = case.scene.suv.reshape(-1)
    hot, done = np.flatnonzero(flat >= 2.0), set()
    for _ in range(24):
        numbers = [r.number for r in version.now]
        one = version.now[int(rng.choice(numbers))]
        seed = [int(v) for v in np.unravel_index(int(rng.choice(hot)), case.scene.suv.shape)]
        first = int(rng.choice(one.voxels))
        words: dict[str, dict[str, Any]] = {
            "remove": {"regions": [one.number], "organ": str(rng.choice(["", "marrow"]))},
            "restore": {"regions": [one.number]},
            "doubt": {"regions": [one.number], "doubtful": bool(rng.integers(2))},
            "grow": {"seed": seed, "at": float(rng.choice([2.0, 3.0]))},
            "redraw": {"region": one.number, "at": float(rng.choice([2.0, 5.0]))},
            "erase": {"runs": [[first, 4]]},
            "paint": {"runs": [[first, 9]], "region": one.number, "at": 1.0},
            "undo": {},
            "redo": {},
        }
        op = str(rng.choice(list(words)))
        try:
            do(version, op, **words[op])
        except LymphoscopeError:
            continue
        done.add(op)
        draft = draft_record(version)
        whole = record_of(case.kept, report_of(case.kept, version.now, case.preselected), SOFTWARE, {})
        measured = [m for m in draft["messages"] if m["code"] != "READ-W-BELOW"]  # that is said of the reader's acts
        assert {**draft, "messages": measured, "reading": {}} == without_radiomics(whole), op
    assert len(done) >= 6, f"only {sorted(done)} could be done"


def test_two_readers_begin_from_the_same_and_do_not_meet(case: ReadCase) -> None:
    one, two = case.new("ann"), case.new("ben")
    do(one, "remove", regions=[counted(one)[0]])
    assert (one.name, two.name) == ("v1", "v2")
    assert two.now.head == case.start.head


def test_an_unaided_reader_begins_from_all_that_was_preselected_and_sees_no_suggestion(case: ReadCase) -> None:
    judged = case.start.with_regions(
        replace(next(iter(case.start)), action="remove", organ="heart", why="in the heart")
    )
    case.__dict__["start"] = judged
    version = case.new("ann", of=Begun(unaided=True))
    assert all(r.counted and not (r.organ or r.why or r.read or r.doubtful) for r in version.now)
    assert version.now.owned().tolist() == judged.owned().tolist()
    record = draft_record(version)
    stages = {row["stage"]: row["tmtv_ml"] for row in record["segmentation"]["stages"]}
    assert len(set(stages.values())) == 1, "nothing was removed yet"
    assert "heart" not in json.dumps([record["lesions"], record["segmentation"]["removed"]])
    do(version, "remove", regions=[counted(version)[0]])
    again = ReadCase(case.folder)
    again.__dict__["start"] = judged
    assert again.version("v1").now.head == version.now.head


def test_a_stale_tab_changes_nothing(case: ReadCase) -> None:
    version = case.new("ann")
    tip = version.tip
    first = counted(version)[0]
    do(version, "doubt", regions=[first], doubtful=True)
    size = case.log("v1").stat().st_size
    assert code_of(lambda: version.do("undo", {}, "ann", tip, {})) == "READ-E-STALE"
    other = ReadCase(case.folder).version("v1")
    do(other, "undo")
    assert code_of(lambda: do(version, "undo")) == "READ-E-STALE", "another process wrote in between"
    assert case.log("v1").stat().st_size > size
    assert case.version("v1").now.head == case.start.head, "the case loads what the other wrote"


def test_time_spent_is_told_by_the_log_without_long_pauses(case: ReadCase) -> None:
    version = case.new("ann")
    times = ("10:00:00", "10:00:20", "10:04:20", "10:09:21", "10:09:30")
    version.events = [{"kind": "act", "when": f"2026-03-11T{time}.000Z"} for time in times]
    assert version.active_s == 20 + 240 + 9, "one pause is longer than five minutes"


def test_an_act_sent_twice_is_done_once(case: ReadCase) -> None:
    version = case.new("ann")
    words = act("remove", regions=[counted(version)[0]])
    event = version.do("remove", words, "ann", version.tip, {"id": "7"})
    assert version.do("remove", words, "ann", "anything", {"id": "7"}) == event
    assert len(version.events) == 2


def test_signing_locks_and_reopening_makes_a_new_version(case: ReadCase) -> None:
    version = case.new("ann")
    version.write({"kind": "seen", "by": "ann", "regions": counted(version)}, version.tip)
    answers = {"deauville": "4", "new_lesion": "", "stage": "III"}
    event = sign(version, signature(version, impression="Nodal disease.", answers=answers), version.tip)
    folder = case.folder / "reading" / "v1"
    for name, digest in event["documents"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    record = json.loads((folder / "report.json").read_text())
    assert record["reading"]["word"] == "SIGNED"
    assert {row["status"] for row in record["lesions"]} <= {"confirmed", "doubtful"}
    page = (folder / "report.html").read_text()
    assert "A. Reader" in page
    assert event["signed"] in page
    assert MEANINGS[0] in page
    assert "Nodal disease." in page
    assert event["answers"] == {"deauville": "4", "stage": "III"}
    assert record["reading"]["answers"] == [
        {"name": "Deauville", "shown": "4", "code": "NCIt:C99749"}, {"name": "Stage", "shown": "III", "code": None},
    ]  # fmt: skip
    assert '<dt>Deauville</dt>\n<dd><span class="value">4</span> <span class="beside">(reader)' in page
    assert code_of(lambda: do(version, "undo")) == "READ-E-SIGNED"
    assert code_of(lambda: sign(version, signature(version), version.tip)) == "READ-E-SIGNED"
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert code_of(lambda: case.new("ann", "reopen", Begun("v1"))) == "READ-E-SIGN"
    later = case.new("ann", "reopen", Begun("v1"), "a node was missed")
    assert (later.name, later.begin["parent"], later.now.head) == ("v2", "v1", version.now.head)
    do(later, "remove", regions=[counted(later)[0]])
    assert ReadCase(case.folder).version("v2").now.head == later.now.head
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_signing_makes_the_dicom_objects_again(chest: Any, tmp_path: Path) -> None:
    pet, ct = chest()
    write_study(tmp_path / "study", pet, ct, facts=ScanFacts(name="DOE^JANE"))
    folder = run(tmp_path / "study", tmp_path / "case").folder
    first = pydicom.dcmread(folder / "seg.dcm")
    shutil.rmtree(tmp_path / "study")
    version = ReadCase(folder).new("ann")
    do(version, "remove", regions=[counted(version)[0]])
    event = sign(version, signature(version), version.tip)
    assert {"seg.dcm", "removed.dcm", "rtstruct.dcm", "sr.dcm", "mip.dcm", "report.dcm"} <= set(event["documents"])
    made = {path.name: pydicom.dcmread(path) for path in (folder / "reading" / "v1").glob("*.dcm")}
    mask = read_nifti(folder / "reading" / "v1" / "lesions.nii.gz", Unit.LABEL)
    drawn = hd.seg.segread(folder / "reading" / "v1" / "seg.dcm").get_volume(combine_segments=True)
    place = np.argwhere(drawn.array > 0) @ drawn.affine[:3, :3].T + drawn.affine[:3, 3]
    index = np.rint(mask.geometry.to_index(place)).astype(int)
    assert np.array_equal(drawn.array[drawn.array > 0], mask.array[tuple(index.T)]), "the archive has what was signed"
    assert len(index) == np.count_nonzero(mask.array)
    assert [s.SegmentLabel for s in made["seg.dcm"].SegmentSequence] != [s.SegmentLabel for s in first.SegmentSequence]
    assert {d.StudyInstanceUID for d in made.values()} == {first.StudyInstanceUID}
    assert {str(d.PatientName) for d in made.values()} == {"DOE^JANE"}
    assert made["seg.dcm"].SOPInstanceUID != first.SOPInstanceUID
    paper = made["report.dcm"].EncapsulatedDocument[: made["report.dcm"].EncapsulatedDocumentLength]
    assert paper == (folder / "reading" / "v1" / "report.pdf").read_bytes()
    assert b"DOE" not in (folder / "images.json").read_bytes()


def test_only_what_is_displayed_is_signed_and_only_by_its_reader(case: ReadCase) -> None:
    version = case.new("ann")
    for wrong, code in (
        ({"head": "0" * 64}, "READ-E-STALE"),
        ({"by": "ben"}, "READ-E-SIGN"),
        ({"meaning": "whatever"}, "READ-E-SIGN"),
        ({"answers": {"deauville": "6"}}, "READ-E-SIGN"),
        ({"answers": {"<b>": "1"}}, "READ-E-SIGN"),
    ):
        assert code_of(lambda wrong=wrong: sign(version, signature(version, **wrong), version.tip)) == code
    assert not (case.folder / "reading" / "v1").exists()


def test_unseen_lesions_and_what_was_painted_below_the_threshold_are_said(case: ReadCase) -> None:
    version = case.new("ann")
    unread = counted(version)
    do(version, "paint", runs=[[0, 5]])
    told = [m["text"] for m in draft_record(version)["messages"] if m["code"] == "READ-W-BELOW"]
    assert len(told) == 1
    assert "5 voxels (1.9 mL) below SUV 4.0" in told[0], "it is said at once, and not only when it is signed"
    event = sign(version, signature(version), version.tip)
    record = json.loads((case.folder / "reading" / "v1" / "report.json").read_text())
    assert event["unseen"] == unread
    said = {m["code"]: m["what"] for m in record["messages"]}
    assert "READ-W-UNSEEN" in said
    assert said["READ-W-BELOW"].startswith("the lesions include 5 voxels (1.9 mL) below SUV 4.0")
    confirmed = {row["region"] for row in record["lesions"] if row["status"] == "confirmed"}
    assert confirmed == set(counted(version)) - set(unread), "what the reader painted, and nothing else"


def test_no_lesion_is_signed_only_after_a_search(case: ReadCase) -> None:
    version = case.new("ann")
    do(version, "remove", regions=counted(version))
    assert code_of(lambda: sign(version, signature(version), version.tip)) == "READ-E-SIGN"
    sign(version, signature(version, searched=True), version.tip)
    record = json.loads((case.folder / "reading" / "v1" / "report.json").read_text())
    assert record["lesions"] == []


def test_a_case_that_was_read_is_not_replaced(case: ReadCase, read_case: Path) -> None:
    case.new("ann")
    with pytest.raises(LymphoscopeError, match="USE-E-OUTPUT"):
        run(read_case.parent / "study", case.folder, force=True, dicom=False)
    assert ReadCase(case.folder).names() == ["v1"]


def test_a_half_written_line_is_no_event_and_is_cut_off(case: ReadCase) -> None:
    version = case.new("ann")
    do(version, "remove", regions=[counted(version)[0]])
    log = case.log("v1")
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"kind":"act","by":"an')
    again = ReadCase(case.folder).version("v1")
    assert again.now.head == version.now.head
    do(again, "undo")
    assert log.read_bytes().startswith(whole)
    assert len(chain.read(log)) == 3


@pytest.mark.parametrize(
    "tamper",
    [
        lambda text: text.replace('"by":"ann"', '"by":"eve"', 1),
        lambda text: "".join(text.splitlines(keepends=True)[1:]),
        lambda text: "".join([*text.splitlines(keepends=True)[:1], text.splitlines(keepends=True)[2]]),
        lambda text: re.sub(r'"hash":"."', '"hash":"x"', text),
        lambda text: "null\n" + text,
    ],
)
def test_a_log_that_was_changed_is_refused(case: ReadCase, tamper: Any) -> None:
    version = case.new("ann")
    first = counted(version)[0]
    do(version, "doubt", regions=[first], doubtful=True)
    do(version, "doubt", regions=[first], doubtful=False)
    log = case.log("v1")
    changed = tamper(log.read_text())
    if changed == log.read_text():
        changed = changed.replace('"n":', '"N":', 1)
    log.write_text(changed)
    assert code_of(lambda: ReadCase(case.folder).version("v1")) == "READ-E-CHANGED"


def test_a_case_measured_anew_under_a_version_is_refused(case: ReadCase) -> None:
    case.new("ann")
    record = json.loads((case.folder / "report.json").read_text())
    record["lesions"][0]["site"] = "moved"
    (case.folder / "report.json").write_text(json.dumps(record))
    assert code_of(lambda: ReadCase(case.folder).version("v1")) == "READ-E-CHANGED"


@pytest.mark.parametrize("name", ["../v1", "v0", "v1/../../x", "", "V1", "v99999", "v1\x00"])
def test_no_name_reaches_beside_the_logs(case: ReadCase, name: str) -> None:
    assert code_of(lambda: case.version(name)) == "READ-E-VERSION"
