"""With Debian's Orthanc and dcmtk: what hospitals have, on loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydicom.dataset import Dataset

from lymphoscope.app.node.pump import running
from lymphoscope.app.node.settings import NodeSettings, settings_of
from lymphoscope.app.node.work import run_case

pytestmark = pytest.mark.system
QUIET_S = 2.0
"""Programs on a busy machine pause for longer between two slices than the quick clients of other tests."""
ORTHANC = shutil.which("Orthanc") or shutil.which("/usr/sbin/Orthanc")
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@dataclass
class Orthanc:
    """An archive in a process of its own."""

    folder: Path
    http: int
    dicom: int
    node: int
    process: subprocess.Popen[bytes] | None = None

    def start(self, net: ModuleType) -> None:
        config = {
            "StorageDirectory": str(self.folder / "db"),
            "IndexDirectory": str(self.folder / "db"),
            "HttpPort": self.http,
            "DicomPort": self.dicom,
            "DicomAet": "ORTHANC",
            "DicomCheckCalledAet": True,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "OverwriteInstances": False,
            "DicomModalities": {"node": ["LYMPHOSCOPE", "127.0.0.1", self.node]},
            "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        (self.folder / "orthanc.json").write_text(json.dumps(config))
        with (self.folder / "orthanc.log").open("ab") as log:
            command = [str(ORTHANC), str(self.folder / "orthanc.json")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        net.until(self._alive, 60)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _alive(self) -> bool:
        try:
            return bool(self.get("/system"))
        except OSError:
            return False

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=20) as answer:
            return json.load(answer)

    def post(self, path: str, body: bytes) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", body)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def instances(self, *modalities: str) -> list[str]:
        """SOP instance UIDs held of these modalities; of results when none is named."""
        found = []
        for series in self.get("/series?expand"):
            modality = series["MainDicomTags"].get("Modality", "")
            if modality in modalities or (not modalities and modality not in ("PT", "CT")):
                tags = [self.get(f"/instances/{i}")["MainDicomTags"] for i in series["Instances"]]
                found += [t["SOPInstanceUID"] for t in tags]
        return sorted(found)

    @property
    def destination(self) -> dict[str, Any]:
        return {"name": "orthanc", "title": "ORTHANC", "port": self.dicom}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}/dicom-web"


@pytest.fixture
def orthanc(tmp_path: Path, net: ModuleType) -> Iterator[Orthanc]:
    if ORTHANC is None or not PLUGIN.exists():
        pytest.skip("Orthanc with its DICOMweb plugin is not installed")
    made = Orthanc(tmp_path, net.free_port(), net.free_port(), net.free_port())
    made.start(net)
    yield made
    made.stop()


@pytest.fixture
def storescu(tmp_path: Path, net: ModuleType) -> Callable[[int, Sequence[Dataset], str], int]:
    """Dcmtk's sender."""
    program = shutil.which("storescu")
    if program is None:
        pytest.skip("dcmtk is not installed")

    def send(port: int, datasets: Sequence[Dataset], called: str = "LYMPHOSCOPE") -> int:
        folder = tmp_path / "outgoing"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for number, dataset in enumerate(datasets):
            (folder / f"{number:04d}.dcm").write_bytes(net._bytes(dataset).getvalue())
        command = [program, "-aet", net.CALLER, "-aec", called, "127.0.0.1", str(port), "+sd", str(folder)]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode

    return send


def _settings(net: ModuleType, folder: Path, orthanc: Orthanc, **more: Any) -> NodeSettings:
    told = net.words(folder, orthanc.destination, port=orthanc.node, callers=[net.CALLER, "ORTHANC"])
    return settings_of(told | {"study": {"quiet_s": QUIET_S, "complete_s": QUIET_S}} | more)


def test_a_study_goes_in_with_storescu_and_its_results_are_in_orthanc(
    tmp_path: Path, net: ModuleType, orthanc: Orthanc, storescu, log
) -> None:
    settings = _settings(net, tmp_path, orthanc, run={"min_volume_ml": 0.0})  # the lesion is small
    with running(settings, run_case) as node:
        assert storescu(node.port, net.small_study(slices=12)) == 0
        net.until(lambda: log("answered"), 60)
        made = [net.dcmread(p) for p in (tmp_path / "node" / "cases").rglob("*.dcm")]
        net.until(lambda: len(log("sent")) == len(made))
    assert log("answered")[0]["status"] == "measured"
    assert {line["object"] for line in log("sent")} >= {"seg", "sr", "report", "mip", "rtstruct"}
    assert orthanc.instances() == sorted(str(d.SOPInstanceUID) for d in made)


@pytest.mark.long
def test_no_duplicates_no_circle_and_a_new_version_for_a_late_slice(
    tmp_path: Path, net: ModuleType, orthanc: Orthanc, storescu, log
) -> None:
    datasets = net.small_study()
    with running(_settings(net, tmp_path, orthanc), net.stand_in) as node:
        assert storescu(node.port, datasets[:-1]) == 0
        net.until(lambda: len(log("sent")) == 2)
        assert storescu(node.port, datasets[:-1]) == 0
        assert not node.wait(QUIET_S + 1.0)
        assert (len(orthanc.instances()), len(log("run"))) == (2, 1)
        assert storescu(node.port, datasets) == 0
        net.until(lambda: len(log("sent")) == 4)
        assert len(orthanc.instances()) == 4
        # Orthanc sends the whole study on, results too: the images are held, the results are not taken
        storescu(orthanc.dicom, datasets, "ORTHANC")
        for series in orthanc.get("/series?expand"):
            body = json.dumps({"Resources": [series["ID"]], "Synchronous": True, "Permissive": True})
            try:
                orthanc.post("/modalities/node/store", body.encode())
            except OSError:
                assert series["MainDicomTags"]["Modality"] == "OT"
        assert not node.wait(QUIET_S + 1.0)
        assert (len(orthanc.instances()), len(log("run")), len(log("stored"))) == (4, 2, 8)


def test_orthanc_gone_and_back(tmp_path: Path, net: ModuleType, orthanc: Orthanc, storescu, log) -> None:
    with running(_settings(net, tmp_path, orthanc), net.stand_in) as node:
        orthanc.stop()
        for seed in (1, 2):
            assert storescu(node.port, net.small_study(seed)) == 0
        net.until(lambda: len(log("answered")) == 2 and log("unreachable"))
        orthanc.start(net)
        net.until(lambda: len(log("sent")) == 4)
    assert len(orthanc.instances()) == 4


def test_dicomweb_pull_and_push(tmp_path: Path, net: ModuleType, orthanc: Orthanc, storescu, log) -> None:
    datasets = net.small_study()
    for dataset in datasets:
        dataset.StudyDate = date.today().strftime("%Y%m%d")
    old = net.small_study(2)  # of 2024: not asked for
    assert storescu(orthanc.dicom, datasets + old, "ORTHANC") == 0
    words = net.words(tmp_path, {"name": "web", "url": orthanc.url})
    words["pull"] = [{"name": "archive", "url": orthanc.url, "every_s": 0.5}]
    with running(settings_of(words), net.stand_in) as node:
        net.until(lambda: len(log("sent")) == 2)
        assert not node.wait(2.0)  # the results have changed the study; nothing is fetched or worked again
        assert (len(log("pulled")), len(log("run")), len(orthanc.instances())) == (8, 1, 2)
        held = [net.dcmread(p) for p in (tmp_path / "node" / "studies").rglob("*.dcm")]
        assert {d.SOPInstanceUID: d.PixelData for d in held} == {d.SOPInstanceUID: d.PixelData for d in datasets}
        orthanc.stop()
        net.until(lambda: log("not-pulled"))
        orthanc.start(net)
        late = net.small_study(slices=5, ct=False)[-1]
        late.StudyDate, late.StudyInstanceUID = datasets[0].StudyDate, datasets[0].StudyInstanceUID
        assert storescu(orthanc.dicom, [late], "ORTHANC") == 0
        net.until(lambda: len(log("sent")) == 4)
    assert [line["version"] for line in log("answered")] == [1, 2]


def test_dcmtk_is_answered(tmp_path: Path, net: ModuleType) -> None:
    program = shutil.which("echoscu")
    if program is None:
        pytest.skip("dcmtk is not installed")
    with running(settings_of(net.words(tmp_path)), net.stand_in) as node:
        for caller, status in ((net.CALLER, 0), ("STRANGER", 1)):
            command = [program, "-aet", caller, "-aec", "LYMPHOSCOPE", "127.0.0.1", str(node.port)]
            assert (subprocess.run(command, capture_output=True, timeout=30, check=False).returncode != 0) == status
