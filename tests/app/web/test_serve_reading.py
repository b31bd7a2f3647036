"""A reading over HTTP: begin, correct, undo, sign; two readers who do not see one another; documents that stay."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lymphoscope.app.reading import case as case_module
from lymphoscope.app.reading.case import ReadCase
from lymphoscope.app.reading.faint import Focus
from lymphoscope.app.web import api as api_module
from lymphoscope.app.web.access import Access
from lymphoscope.app.web.index import Index
from lymphoscope.app.web.server import create_app
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.units import Unit
from lymphoscope.io.nifti import read_nifti
from lymphoscope.render.record import message_record

from .conftest import Browser


def counted(table: dict[str, Any]) -> list[int]:
    return [row["region"] for row in table["rows"] if row["counted"]]


def tmtv(table: dict[str, Any]) -> float:
    return float(next(k["value"] for k in table["key_numbers"] if k["name"] == "TMTV"))


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_an_edit_answers_with_numbers_of_its_own_head_and_undo_brings_all_back(ann: Any) -> None:
    version = ann.begin()
    before = ann.get(version).json()
    first = before["rows"][0]
    after = ann.do(version, "remove", regions=[first["region"]], organ="bowel").json()
    assert after["head"] != before["head"]
    assert tmtv(after) < tmtv(before)
    assert next(r for r in after["rows"] if r["region"] == first["region"])["counted"] is False
    gone = tmtv(before) - tmtv(after)
    assert (after["edits"], after["added_ml"], round(after["removed_ml"], 6)) == (1, 0.0, round(gone, 6))
    back = ann.do(version, "undo").json()
    assert (back["edits"], back["removed_ml"]) == (2, 0.0)
    assert back["head"] == before["head"]
    assert (back["key_numbers"], back["rows"]) == (before["key_numbers"], before["rows"])


def test_labels_are_given_for_the_head_that_is_named_only(ann: Any, tmp_path: Path) -> None:
    version = ann.begin()
    table = ann.get(version).json()
    answer = ann.get(f"{version}/labels/{table['labels']}.nii.gz")
    (tmp_path / "labels.nii.gz").write_bytes(answer.content)
    labels = read_nifti(tmp_path / "labels.nii.gz", Unit.LABEL)
    voxel_ml = ann.get(ann.case).json()["voxel_ml"]
    for row in table["rows"]:
        assert np.isclose(np.count_nonzero(labels.array == row["slot"]) * voxel_ml, row["volume_ml"])
        assert labels.array[tuple(row["top"])] == row["slot"]
    removed = ann.do(version, "remove", regions=[counted(table)[0]]).json()
    assert removed["labels"] == table["labels"], "a decision moves no voxel"
    region = next(r for r in removed["rows"] if r["counted"])
    flat = int(np.ravel_multi_index(region["top"], labels.array.shape))
    ann.do(version, "erase", runs=[[flat, 1]], region=region["region"])
    assert code(ann.get(f"{version}/labels/{table['labels']}.nii.gz")) == (412, "READ-E-STALE")


def test_the_pet_is_the_one_measured_with_its_window(ann: Any, cases: Path, tmp_path: Path) -> None:
    content = ann.get(f"{ann.case}/pet.nii.gz").content
    header = gzip.decompress(content)[:352]
    assert np.frombuffer(header[124:132], "<f4").tolist() == [10.0, 0.0]
    (tmp_path / "pet.nii.gz").write_bytes(content)
    kept = ReadCase(next(p for p in cases.iterdir() if p.is_dir()))
    assert np.array_equal(read_nifti(tmp_path / "pet.nii.gz", Unit.SUV_BW).array, kept.kept.study.pet.array)


def test_the_first_picture_comes_before_the_images_are_read(ann: Any, app: Any, cases: Path) -> None:
    folder = next(p for p in cases.iterdir() if p.is_dir())
    told, first = ann.get(ann.case).json(), ann.get(f"{ann.case}/mip/0.png").content
    assert not app.app.state.desk._open, "neither the facts nor the first picture wait for the images"
    opened = app.app.state.desk.case(told["id"])
    assert opened.frame(0, 10.0) == first
    assert told["affine"] == opened.case.kept.study.pet.geometry.affine.tolist()
    assert ann.get(f"{ann.case}/pet.nii.gz").content == (folder / "pet.nii.gz").read_bytes(), "nothing is packed anew"
    (folder / "front.png").unlink()
    assert ann.get(f"{ann.case}/mip/0.png").content == first, "a case of an older version has none"


def test_a_pet_that_was_changed_under_the_server_is_not_shown(ann: Any, app: Any, cases: Path) -> None:
    path = next(p for p in cases.iterdir() if p.is_dir()) / "pet.nii.gz"
    opened = app.app.state.desk.case(ann.get(ann.case).json()["id"])
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:352] + bytes(4 * 32 * 30 * 40)))
    shown = gzip.decompress(ann.get(f"{ann.case}/pet.nii.gz").content)
    assert shown[352:] == opened.case.kept.study.pet.array.tobytes(), "the picture is the one that was measured"


def test_the_projection_from_the_front_is_the_report_s_and_picks_what_it_shows(ann: Any) -> None:
    version = ann.begin()
    rows = ann.get(version).json()["rows"]
    hottest = max(rows, key=lambda r: r["suvmax"])
    for frame in (0, 9, 18, 27):
        assert ann.get(f"{ann.case}/mip/{frame}.png").content.startswith(b"\x89PNG")
        row, column = ann.get(f"{version}/mip/{frame}").json()["marks"][str(hottest["region"])]
        found = ann.get(f"{ann.case}/mip/{frame}/pick", params={"row": row, "column": column}).json()
        assert np.abs(np.subtract(found["index"], hottest["top"])).max() <= 2
    front = ann.get(f"{version}/mip/0").json()["marks"]
    back = ann.get(f"{version}/mip/18").json()["marks"]
    assert np.isclose(front[str(rows[0]["region"])][1] + back[str(rows[0]["region"])][1], 1.0)


def test_a_preview_changes_nothing_and_is_right(ann: Any) -> None:
    version = ann.begin()
    table = ann.get(version).json()
    words = {"op": "remove", "words": {"regions": counted(table)}}
    told = ann.post(f"{version}/preview", words).json()
    assert ann.get(version).json()["head"] == table["head"]
    after = ann.do(version, "remove", **words["words"]).json()
    assert told["is"]["head"] == after["head"]
    assert np.isclose(told["change_ml"], tmtv(after) - tmtv(table))


def test_writes_name_the_state_they_were_made_on(ann: Any) -> None:
    version = ann.begin()
    table = ann.get(version).json()
    op = {"op": "remove", "words": {"regions": counted(table)[:1]}}
    assert code(ann.post(f"{version}/ops", op)) == (428, "WEB-E-TIP")
    ann.do(version, "doubt", regions=counted(table)[:1], doubtful=True)
    assert code(ann.post(f"{version}/ops", op, **{"if-match": table["tip"]})) == (412, "READ-E-STALE")


def test_two_readers_meet_only_when_both_have_signed(ann: Any, ben: Any, browser: Callable[[], Any]) -> None:
    one = ann.begin()
    two = ben.begin()
    assert one != two
    table = ann.get(one).json()
    ann.post(f"{one}/seen", {"regions": counted(table)[:1]}, **{"if-match": table["tip"]})
    for who, wanted in ((ann, [("R1", True, 0.5)]), (ben, [("R2", True, 0.0)])):
        told = [(v["place"], v["mine"], v["progress"]) for v in who.get("/api/cases").json()[0]["versions"]]
        assert told == wanted, "of another's draft not even that there is one"
    ann.do(one, "remove", regions=counted(ann.get(one).json()))
    for path in ("", "/log", "/mip/0", "/files/report.json"):
        assert code(ben.get(one + path)) == (403, "WEB-E-RIGHT")
    assert ann.sign(one, searched=True).status_code == 200
    assert code(ben.get(one)) == (403, "WEB-E-RIGHT")
    seen = [v for row in ben.get("/api/cases").json() for v in row["versions"]]
    assert [(v["signed"], v["mine"]) for v in seen] == [(True, False), (False, True)]
    assert "tmtv" not in json.dumps(ben.get("/api/cases").json()).lower()
    assert ben.sign(two).status_code == 200
    assert ben.get(one).status_code == 200
    assert code(ben.do(one, "undo")) == (403, "WEB-E-RIGHT")
    judge = browser().enter("cem")
    names = [path.rsplit("/", 1)[1] for path in (one, two)]
    found = judge.get(f"{judge.case}/compare", params={"a": names[0], "b": names[1]}).json()
    assert (found["a_ml"], round(found["difference_percent"], 9), found["dice"]) == (0.0, -200.0, 0.0)
    assert found["found"] == {"both": 0, "only_a": 0, "only_b": len(found["lesions"]), "f1": 0.0}
    assert np.isclose(sum(row["b_ml"] for row in found["lesions"]), found["b_ml"])
    assert found["adjudicate"] is (found["b_ml"] >= 10.0)
    (row,) = judge.get("/api/cases").json()
    assert row["status"] == ("adjudicate" if found["adjudicate"] else "agreed")
    assert row["pair"] == names
    third = judge.begin(purpose="adjudicate", parent=names[0], other=names[1])
    rows = judge.get(third).json()["rows"]
    assert {r["word"] for r in rows if r["volume_ml"]} == {"doubtful"}, "one counts nothing, so all is disputed"
    assert not {"ann", "ben"} & {r["actor"] for r in rows}
    assert judge.get(one).json()["by"] == "a reader"
    assert code(judge.get(f"{one}/log")) == (403, "WEB-E-RIGHT")
    regions = [r["region"] for r in rows]
    judge.do(third, "doubt", regions=regions, doubtful=False)
    judge.do(third, "restore", regions=regions)
    assert judge.sign(third, meaning="I adjudicated these reads").status_code == 200
    assert judge.get("/api/cases").json()[0]["status"] == "final"
    assert np.isclose(tmtv(judge.get(third).json()), found["b_ml"])
    told = judge.get("/api/agreement").json()
    assert (told["n"], told["within"]) == (1, 0.0 if found["adjudicate"] else 1.0)
    assert told["cases"][0]["b_ml"] == found["b_ml"]
    assert code(ben.get("/api/agreement")) == (403, "WEB-E-RIGHT")


def test_a_signed_version_stays_and_is_reopened_by_an_admin(ann: Any, browser: Callable[[], Any]) -> None:
    version = ann.begin()
    table = ann.get(version).json()
    assert code(ann.sign(version, password="wrong")) == (401, "WEB-E-LOGIN")
    tip = table["tip"]
    ann.post(f"{version}/seen", {"regions": counted(table)}, **{"if-match": tip})
    told = ann.sign(version).json()
    assert code(ann.do(version, "undo")) == (409, "READ-E-SIGNED")
    report = ann.get(f"{version}/files/report.json").content
    assert json.loads(report)["reading"]["signature"].startswith("Signed: Dr Ann · ")
    assert code(ann.post(f"{ann.case}/versions", {"purpose": "reopen", "parent": "v1", "reason": "x"}))[0] == 403
    chief = browser().enter("dee")
    assert code(chief.post(f"{chief.case}/versions", {"purpose": "reopen", "parent": "v1"})) == (422, "READ-E-SIGN")
    fresh = chief.begin(purpose="reopen", parent="v1", reason="a node was missed")
    assert chief.get(fresh).json()["head"] == told["head"]
    assert chief.get(f"{version}/files/report.json").content == report
    assert chief.get(f"{fresh}/files/report.json").status_code == 404, "a draft has no document"


def test_an_unaided_reader_is_not_told_what_rules_made_of_the_uptake(access: Access) -> None:
    told = {}
    for unaided in (False, True):
        reader = Browser(create_app(access.index, access, suggestions="off" if unaided else "first")).enter(
            "ben" if unaided else "ann"
        )
        version = reader.begin()
        said = [reader.get(reader.case).json()["messages"], reader.get(version).json()["messages"]]
        codes = {m["code"] for messages in said for m in messages} | set(reader.get("/api/cases").json()[0]["flags"])
        told[unaided] = {code for code in codes if code.startswith("SEG-")}
        assert all(row["counted"] for row in reader.get(version).json()["rows"]) or not unaided
    assert told[False]
    assert not told[True]


def test_a_suggestion_that_comes_after_is_shown_when_asked_for_and_what_follows_is_kept_apart(access: Access) -> None:
    reader = Browser(create_app(access.index, access, suggestions="after")).enter("ann")
    version = reader.begin()
    before = reader.get(version).json()
    assert before["may_reveal"]
    assert before["suggestion"]["words"] == "never shown to the reader"
    assert not [m for m in before["messages"] if m["code"].startswith("SEG-")]
    assert {row["suggested"] for row in before["rows"]} == {None}
    table = reader.post(f"{version}/reveal", **{"if-match": before["tip"]}).json()
    assert table["head"] == before["head"]
    assert not table["may_reveal"]
    assert [m for m in table["messages"] if m["code"].startswith("SEG-")]
    assert {row["suggested"]["word"].split(" ")[0] for row in table["rows"]} <= {"counted", "doubtful", "removed"}
    again = reader.post(f"{version}/reveal", **{"if-match": table["tip"]})
    assert code(again) == (422, "READ-E-ACT")
    number = counted(table)[0]
    after = reader.do(version, "remove", regions=[number]).json()
    row = next(row for row in after["rows"] if row["region"] == number)
    assert row["suggested"]["differs"] is (row["suggested"]["share"] >= 0.5)
    assert (after["suggestion"]["before_ml"], after["suggestion"]["acts"]) == (before["key_numbers"][0]["value"], 1)
    reader.sign(version)
    answers = reader.get(f"{version}/files/report.json").json()["reading"]["answers"]
    assert [a["shown"] for a in answers if a["name"] == "Suggestion"] == [after["suggestion"]["words"]]


def test_a_killed_server_loses_nothing_and_the_index_is_made_again(ann: Any, access: Access, cases: Path) -> None:
    version = ann.begin()
    table = ann.get(version).json()
    after = ann.do(version, "remove", regions=counted(table)[:1]).json()
    (cases / ".lymphoscope-index.sqlite").unlink()
    index = Index(cases)
    assert index.rebuild() == 1
    row = index.rows()[0]
    assert row.status == "reading"
    assert ReadCase(index.folder(row.id)).version("v1").now.head == after["head"]


def test_faint_foci_are_dismissed_and_taken_back_on_the_record(ann: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (case_module, api_module):
        monkeypatch.setattr(room, "faint_foci", lambda *_: [Focus((5, 10, 12), 3.1, 1.5)])
    version = ann.begin()
    before = ann.get(version).json()

    def dismiss(tip: str, top: list[int], gone: bool = True) -> Any:
        return ann.post(f"{version}/dismiss", {"top": top, "dismissed": gone}, **{"if-match": tip})

    assert [f["dismissed"] for f in ann.get(f"{version}/faint").json()] == [False]
    assert code(dismiss(before["tip"], [5, 10, 13])) == (422, "READ-E-ACT")
    after = dismiss(before["tip"], [5, 10, 12]).json()
    assert (after["head"], after["key_numbers"]) == (before["head"], before["key_numbers"]), "nothing is counted by it"
    assert [f["dismissed"] for f in ann.get(f"{version}/faint").json()] == [True]
    assert code(dismiss(before["tip"], [5, 10, 12], False)) == (412, "READ-E-STALE")
    dismiss(after["tip"], [5, 10, 12], False)
    assert [f["dismissed"] for f in ann.get(f"{version}/faint").json()] == [False]
    log = [(e["by"], e["top"], e["dismissed"]) for e in ann.get(f"{version}/log").json() if e["kind"] == "dismiss"]
    assert log == [("ann", [5, 10, 12], True), ("ann", [5, 10, 12], False)]


def test_a_stage_is_accepted_in_its_order_and_told_when_it_is_another(ann: Any, cases: Path) -> None:
    version = ann.begin()

    def accept(step: int) -> Any:
        return ann.post(f"{version}/steps/{step}", None, **{"if-match": ann.get(version).json()["tip"]})

    assert code(accept(2)) == (422, "READ-E-ACT")
    assert code(accept(0)) == code(accept(5)) == (422, "READ-E-ACT")
    first = accept(1).json()
    assert first["steps"] == {"1": True}
    assert accept(2).json()["steps"] == {"1": True, "2": True}
    marrow = ann.do(version, "remove", regions=counted(first)[:1], organ="marrow").json()
    assert marrow["steps"] == {"1": True, "2": False}, "marrow is of the second stage"
    assert accept(2).json()["steps"] == {"1": True, "2": True}
    kept = ReadCase(next(p for p in cases.iterdir() if p.is_dir())).version("v1")
    events = [e for e in kept.events if e["kind"] == "step"]
    assert [e["step"] for e in events] == [1, 2, 2]
    assert events[-1]["stages"] == kept.stages, "the log keeps the volumes, and is replayed with them in it"
    assert kept.stages["TMTV1"] - kept.stages["TMTV2"] == pytest.approx(first["rows"][0]["volume_ml"])
    assert ann.do(version, "undo").json()["steps"] == {"1": True, "2": False}


def test_what_would_be_filed_is_what_is_filed_but_for_the_signature(ann: Any, ben: Any, cases: Path) -> None:
    version = ann.begin()
    table = ann.get(version).json()
    ann.do(version, "remove", regions=counted(table)[:1])
    entered = {"impression": "Nodal <b>disease.", "answers": {"deauville": "5"}}
    assert ben.post(f"{version}/draft", entered).status_code == 403
    told = ann.post(f"{version}/draft", entered).json()
    first = ann.get(told["path"])
    assert "frame-ancestors 'self'" in first.headers["content-security-policy"]
    assert first.headers["x-frame-options"] == "SAMEORIGIN"
    assert ben.get(told["path"]).status_code == 403
    assert not list(cases.glob("*/reading/v1/*")), "nothing is written"
    assert ann.sign(version, **entered).status_code == 200
    filed = ann.get(f"{version}/files/report.html").text

    def lines(page: str) -> list[str]:
        said = (" ".join(re.sub(r"<[^>]*>", " ", line).split()) for line in page.splitlines())
        return [line for line in said if line]

    before, after = lines(first.text), lines(filed)
    assert "READ, NOT SIGNED" in " ".join(before)
    assert "Nodal &lt;b&gt;disease." in " ".join(before)
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert 1 <= len(pairs) <= 4, "status, signature, hash"
    assert not any("mL" in a or "SUV" in a for a, _ in pairs), "and no number"
    assert code(ann.post(f"{version}/draft", entered)) == (409, "READ-E-SIGNED")
    assert code(ann.get(told["path"].replace(told["path"][-20:], "0.html"))) == (404, "WEB-E-NOTHERE")


def test_a_refused_and_a_damaged_case_are_in_the_worklist_with_the_reason(cases: Path, ann: Any) -> None:
    for name, content in (("refused", None), ("damaged", b"{")):
        (cases / name).mkdir()
        record = json.loads((next(p for p in cases.iterdir() if "DOE" in p.name) / "report.json").read_bytes())
        refusal = message_record(LymphoscopeError("SUV-E-WEIGHT", "no weight", where="(0010,1030)").message)
        refused = {**record, "status": "refused", "refusal": refusal}
        (cases / name / "report.json").write_bytes(content or json.dumps(refused).encode())
    index = Index(cases)
    index.rebuild()
    assert {(r.folder, r.status, r.why) for r in index.rows() if "DOE" not in r.folder} == {
        ("refused", "refused", "SUV-E-WEIGHT"),
        ("damaged", "damaged", "READ-E-CASE"),
    }
    told = {}
    for row in index.rows():
        if row.status in ("refused", "damaged"):
            assert code(ann.get(f"/api/cases/{row.id}")) == (422, "READ-E-CASE")
            told[row.status] = ann.get(f"/api/cases/{row.id}/refusal").json()
        else:
            assert code(ann.get(f"/api/cases/{row.id}/refusal")) == (404, "WEB-E-NOTHERE")
    series = [(s["modality"], s["why"]) for s in told["refused"].pop("series")]
    assert series == [(s["modality"], s["why"]) for s in record["series"]]
    assert told["refused"] == {name: refusal[name] for name in ("code", "what", "where", "fix")}
    assert told["refused"]["fix"]
    assert (told["damaged"]["code"], bool(told["damaged"]["what"])) == ("READ-E-CASE", True)
