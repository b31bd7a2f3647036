from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import lymphoscope.app
from lymphoscope.app import cli
from lymphoscope.core.codes import CODES
from lymphoscope.core.errors import LymphoscopeError, Message
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.measure import Decision, Finding, Measure, Measures, Report, Segmentation
from lymphoscope.core.study import SeriesFact, Study
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.case import canonical_json
from lymphoscope.render.record import record, refusal_record

SECRET = "DOE^JOHN"


@dataclass
class Said:
    """What a command wrote, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out, parse_constant=lambda text: pytest.fail(f"{text} is not JSON"))


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def command(*words: object) -> Said:
        with pytest.raises(SystemExit) as left:
            cli.main([str(word) for word in words])
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Said(int(left.value.code or 0), out, err)

    return command


def measured(doubt: bool = True) -> Report:
    """A report of two lesions (one doubtful) and one removed region on a 1 mL grid."""
    grid = Geometry.axial((8, 8, 8), (10.0, 10.0, 10.0))
    labels = np.zeros(grid.shape, np.int32)
    labels[1:4, 1:4, 1:4], labels[5:7, 5:7, 5:7] = 1, 3
    candidates = labels.copy()
    candidates[1:3, 5:7, 1:3] = 2
    lesions = np.where(labels == 3, 2, labels)
    pet = Volume(labels.astype(np.float32) * 5, grid, Unit.SUV_BW)
    action = "doubt-in" if doubt else "include"
    decisions = (
        Decision(1, "include", 0, "", None, 27.0, 5.0, "seed", "above the threshold"),
        Decision(2, "remove", 1, "bladder", 0.9, 8.0, 40.0, "position", "lies where the bladder is"),
        Decision(3, action, 0, "bowel", 0.4, 8.0, 15.0, "shape", "may be gut"),
    )
    segmentation = Segmentation(
        LesionMask(lesions, grid, "suv4.0"), LesionMask(candidates, grid, "suv4.0"), decisions,
        "suv4.0", "SUV ≥ 4.0", 3.0, 18, {"TMTV1": 35.0},
    )  # fmt: skip

    def numbers(volume: float, suv: float) -> Measures:
        return Measures((Measure("mtv_ml", volume, "mL"), Measure("suvmax", suv, "g/mL"),
                         Measure("suvpeak", suv, "g/mL"), Measure("tlg_g", volume * suv, "g")))  # fmt: skip

    findings = (Finding(1, 1, numbers(27.0, 5.0), site="neck"), Finding(2, 3, numbers(8.0, 15.0)))
    patient = Measures(
        (
            Measure("n_lesions", 2), Measure("tmtv_ml", 35.0, "mL"), Measure("tlg_g", 255.0, "g"),
            Measure("suvmax", 15.0, "g/mL"), Measure("dmax_cm", 6.9, "cm"),
        )
    )  # fmt: skip
    messages = (Message("SUV-W-UPTAKE", "uptake time is 118 min"), Message("SUV-I-CANDIDATES", "three were found"))
    return Report(Study({"pet": pet}), segmentation, findings, patient, {}, messages=messages)


class Pipeline(ModuleType):
    """A stand-in that remembers what it was given and does what it is told."""

    def __init__(self) -> None:
        super().__init__("lymphoscope.app.pipeline")
        self.given: Any = None
        self.does: Callable[[], Any] = lambda: record(measured(), {"version": "0"}, {})

    def run(self, path: Path, out: Path, settings: Any, progress: Any) -> Any:
        self.given = settings
        progress("measuring", 0, 2)
        progress("measuring", 2, 2)
        return SimpleNamespace(record=self.does(), folder=out, report=None)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    stand_in = Pipeline()
    monkeypatch.setitem(sys.modules, "lymphoscope.app.pipeline", stand_in)
    monkeypatch.setattr(lymphoscope.app, "pipeline", stand_in, raising=False)
    yield stand_in


def test_a_run_ends_with_numbers_doubt_warnings_and_the_report(say, pipeline: Pipeline, tmp_path: Path) -> None:
    said = say("run", "study", "-o", tmp_path / "case")
    assert said.status == 0 and said.err == ""
    lines = [" ".join(line.split()) for line in said.out.splitlines() if line.strip()]
    assert lines[0].startswith("SUV-W-UPTAKE: uptake time is 118 min")
    assert lines[-1] == str(tmp_path / "case" / "report.html")
    text = "\n".join(lines)
    assert "TMTV 35 mL doubtful out/in 27–35 mL; SUV ≥ 4.0, conn. 18, ≥ 3 mL; AI only – not read" in text
    assert "Lesions 2 1 doubtful" in text
    assert "TLG 255 g" in text and "Dmax (centroid) 6.9 cm" in text and "Removed 1 region, 8.0 mL" in text
    assert "L03 ? doubtful" in text and "L02 ✕ removed bladder" in text
    assert "SUV-I-CANDIDATES" not in text


def test_json_is_alone_on_stdout_and_is_the_record(say, pipeline: Pipeline, tmp_path: Path) -> None:
    said = say("run", "study", "-o", tmp_path / "case", "--json")
    assert said.status == 0 and said.err == ""
    assert said.json == json.loads(canonical_json(pipeline.does()))


@pytest.mark.parametrize("words", [(), ("--quiet",), ("--json",)])
def test_what_was_not_written_is_told_once_a_reason(say, pipeline: Pipeline, tmp_path: Path, words) -> None:
    left_out = {
        "seg.dcm": {"code": "OUT-E-OBJECT", "why": "building it failed (ValueError)"},
        "sr.dcm": {"code": "OUT-E-OBJECT", "why": "the segmentation that it would refer to is not there"},
        "mip.dcm": {"code": "OUT-E-SOURCE", "why": "SOPInstanceUID is missing in 2 of 9 slices"},
        "report.dcm": {"code": "OUT-E-SOURCE", "why": "SOPInstanceUID is missing in 2 of 9 slices"},
        "suv.dcm": {"code": "IO-I-NODICOM", "why": "it was not asked for"},
    }
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "run.json").write_text(json.dumps({"left_out": left_out}))
    said = say("run", "study", "-o", tmp_path / "case", *words)
    assert said.status == 0
    told = [" ".join(line.split()) for line in said.err.splitlines()]
    assert len(told) == 3
    assert told[0].startswith("OUT-E-OBJECT: seg.dcm was not written: building it failed (ValueError).")
    assert "sr.dcm was not written" in told[1]
    assert told[2].startswith("OUT-E-SOURCE: mip.dcm, report.dcm were not written: SOPInstanceUID is missing in 2 of 9")


def test_quiet_says_where_the_report_is(say, pipeline: Pipeline, tmp_path: Path) -> None:
    said = say("run", "study", "-o", tmp_path / "case", "--quiet")
    assert said.out.strip() == str(tmp_path / "case" / "report.html") and said.err == ""


def test_verbose_tells_steps_and_notes(say, pipeline: Pipeline, tmp_path: Path) -> None:
    said = say("run", "study", "-o", tmp_path / "case", "--verbose")
    assert "measuring: 0.0 s" in said.err and "SUV-I-CANDIDATES" in said.out


def test_options_reach_the_pipeline(say, pipeline: Pipeline, tmp_path: Path) -> None:
    words = "--method suv2.5 --all-methods --connectivity 6 --min-volume-ml 1.5 --weight-kg 71 --suv --identify --force"
    assert say("run", "study", "-o", tmp_path / "case", *words.split()).status == 0
    given = pipeline.given
    assert (given.method, given.all_methods, given.connectivity, given.min_volume_ml) == ("suv2.5", True, 6, 1.5)
    assert given.load.overrides.weight_kg == 71 and given.load.suv and given.identify and given.force


def _refuse() -> Any:
    raise LymphoscopeError(
        "SUV-E-WEIGHT", "Patient's Weight (0010,1030) is missing", "PT series 2", tags=("(0010,1030)",)
    )


def _refused_record() -> Any:
    try:
        _refuse()
    except LymphoscopeError as error:
        return refusal_record(error, [SeriesFact("1", "PT", "", 1, "", "")], software={}, settings={})


@pytest.mark.parametrize("does", [_refuse, _refused_record], ids=["raised", "returned"])
def test_a_refusal_says_code_place_and_remedy_and_leaves_with_3(say, pipeline: Pipeline, tmp_path: Path, does) -> None:
    pipeline.does = does
    said = say("run", "study", "-o", tmp_path / "case")
    assert said.status == 3
    for part in ("SUV-E-WEIGHT", "(0010,1030)", "PT series 2", "--weight-kg"):
        assert part in said.err
    said = say("run", "study", "-o", tmp_path / "case", "--json")
    assert said.status == 3
    assert said.json["status"] == "refused" and said.json["messages"][0]["code"] == "SUV-E-WEIGHT"


def test_a_failure_of_ours_leaves_with_1_a_reference_and_a_log(say, pipeline: Pipeline, tmp_path: Path) -> None:
    def break_down() -> Any:
        raise ZeroDivisionError(SECRET)

    pipeline.does = break_down
    said = say("run", "study", "-o", tmp_path / "case")
    assert said.status == 1 and "RUN-E-UNEXPECTED" in said.err
    [log] = tmp_path.glob("lymphoscope-failure-*.log")
    assert log.name in said.err
    assert SECRET not in said.out + said.err + log.read_text()
    said = say("run", "study", "-o", tmp_path / "case", "--json")
    assert said.status == 1 and said.json["status"] == "failed" and SECRET not in said.out


def test_an_interrupt_is_quiet(say, pipeline: Pipeline, tmp_path: Path) -> None:
    def interrupt() -> Any:
        raise KeyboardInterrupt

    pipeline.does = interrupt
    said = say("run", "study", "-o", tmp_path / "case")
    assert said.status == 130 and said.out == "" and said.err == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "study"], "--out"),
        (["runn"], "run"),
        (["run", "study", "-o", "x", "--wieght-kg", "70"], "--weight-kg"),
        (["run", "study", "-o", "x", "--connectivity", "8"], "USE-E-VALUE"),
        (["run", "study", "-o", "x", "--method", "suv4"], "suv4.0"),
        (["run", "study", "-o", "x", "--weight-kg", "71000"], "--weight-kg 71?"),
        (["messages", "SUV-E-WIEGHT"], "SUV-E-WEIGHT"),
        (["phantom", "x", "--kind", "bodi"], "body"),
        (["phantom", "x", "--vendor", "simens"], "siemens"),
    ],
)
def test_wrong_usage_leaves_with_2_and_a_hint(
    say, pipeline: Pipeline, words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = say(*words)
    assert said.status == 2 and told in said.err and said.out == ""
    assert list(tmp_path.iterdir()) == []


def test_messages_are_explained(say) -> None:
    said = say("messages", "suv-e-weight")
    assert said.out.startswith("SUV-E-WEIGHT") and "--weight-kg" in said.out and "RANGE" not in said.out
    assert set(say("messages", "TRACER", "--json").json) == {code for code in CODES if code.startswith("TRACER-")}
    assert set(say("messages", "--json").json) == set(CODES)


def test_doctor_answers(say) -> None:
    said = say("doctor", "--json")
    assert said.status == 0 and said.json["ok"] is True
    assert "Ready." in say("doctor").out


def test_version_and_help(say) -> None:
    assert say("--version").out.startswith("lymphoscope 0.")
    for verb in ("run", "series", "suv", "phantom", "recipes", "messages", "doctor"):
        said = say(verb, "--help")
        assert said.status == 0 and "--json" in said.out


def test_a_phantom_is_read_back(say, tmp_path: Path) -> None:
    said = say("phantom", tmp_path / "study", "--kind", "digital", "--vendor", "ge", "--json")
    assert said.status == 0
    # the digital phantom of the specification: 515, 123, 8 and 1 voxels of 0.064 mL
    assert [round(lesion["counted_ml"] / 0.064) for lesion in said.json["lesions"]] == [515, 123, 8, 1]
    [fact] = say("series", tmp_path / "study", "--json").json["series"]
    assert (fact["modality"], fact["count"], fact["role"]) == ("PT", 60, "pet")
    said = say("suv", tmp_path / "study", "--json")
    assert said.status == 0 and said.json["suv"]["weight_kg"] == 70
    again = say("phantom", tmp_path / "study", "--kind", "digital")
    assert again.status == 2 and "USE-E-OUTPUT" in again.err and str(tmp_path) not in again.err


def test_the_audit_of_the_example(say) -> None:
    example = Path(__file__).parents[2] / "examples" / "sts001-wholebody-fdg-pet.zip"
    said = say("suv", example, "--json")
    assert said.json["suv"]["factor_min"] == pytest.approx(2.4290298e-4, rel=1e-7)
    assert said.json["suv"]["factor_max"] == said.json["suv"]["factor_min"]
    assert "0.00024290298" in say("suv", example).out
    said = say("suv", example, "--weight-kg", "142", "--json")
    assert said.json["suv"]["factor_min"] == pytest.approx(2 * 2.4290298e-4, rel=1e-7)
    assert "SUV-W-OVERRIDE" in {m["code"] for m in said.json["messages"]}


def test_nothing_there_is_refused(say, tmp_path: Path) -> None:
    said = say("series", tmp_path / SECRET)
    assert said.status == 3 and "IO-E-PATH" in said.err and SECRET not in said.err
    said = say("suv", tmp_path)
    assert said.status == 3 and "IO-E-NOTHING" in said.err


def test_help_loads_nothing_heavy() -> None:
    probe = (
        "import sys\nfrom lymphoscope.app import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass\n"
        "print(*{m.split('.')[0] for m in sys.modules} & {'numpy', 'SimpleITK', 'pydicom'}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


def test_a_reader_that_leaves_early_is_no_failure(tmp_path: Path) -> None:
    command = f"{sys.executable} -c 'from lymphoscope.app.cli import main; main()' messages | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr and "RUN-E" not in done.stderr
