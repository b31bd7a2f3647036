"""Small studies, a stand-in for the pipeline, senders and receivers, all on loopback."""

from __future__ import annotations

import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RawDataStorage
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    PositronEmissionTomographyImageStorage,
    SecondaryCaptureImageStorage,
    Verification,
)

from lymphoscope.app.node.extra import at_once
from lymphoscope.app.node.pump import Node, running
from lymphoscope.app.node.settings import NodeSettings, settings_of
from lymphoscope.app.node.work import Ended
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.dicom_write import ScanFacts, ct_datasets, pet_datasets, uid

NAME, NUMBER = "SECRET^NAME", "SECRET-4711"
CALLER = "SENDER"


def small_study(seed: int = 1, slices: int = 4, ct: bool = True) -> list[Dataset]:
    """A PET (and CT) of a few 16 × 16 slices, of a patient of its own."""
    facts = ScanFacts(seed=seed, name=f"{NAME}{seed}", patient_id=f"{NUMBER}-{seed}", beds=1)
    geometry = Geometry.axial((slices, 16, 16), (4.0, 4.0, 4.0))
    array = np.ones(geometry.shape, np.float32)
    array[1:3, 6:9, 6:9] = 8.0
    series = [*pet_datasets(Volume(array, geometry, Unit.SUV_BW), facts)]
    if ct:
        series += ct_datasets(Volume(np.zeros(geometry.shape, np.float32), geometry, Unit.HU), facts)
    return series


def stand_in(study: Path, case: Path, settings: NodeSettings, stop: threading.Event) -> Ended:
    """Makes of a study what the pipeline would: a case with a result, the same bytes for the same study."""
    files = sorted(study.iterdir())
    header = dcmread(files[0], stop_before_pixels=True)
    result = Dataset()
    result.file_meta = FileMetaDataset()
    result.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    result.SOPClassUID = result.file_meta.MediaStorageSOPClassUID = RawDataStorage
    result.SOPInstanceUID = result.file_meta.MediaStorageSOPInstanceUID = uid("result", *(f.name for f in files))
    result.SeriesInstanceUID, result.Modality = uid("results", *(f.name for f in files)), "OT"
    for name in ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate"):
        setattr(result, name, header.get(name, ""))
    result.ImageComments = str(len(files))
    case.mkdir(parents=True, exist_ok=True)
    dcmwrite(case / "seg.dcm", result, enforce_file_format=True)
    dcmwrite(case / "sr.dcm", _sibling(result), enforce_file_format=True)
    (case / "report.json").write_text(json.dumps({"status": "measured"}))
    return Ended("measured")


def _sibling(result: Dataset) -> Dataset:
    other = dcmread(_bytes(result))
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = uid("sr", result.SOPInstanceUID)
    return other


def _bytes(dataset: Dataset) -> io.BytesIO:
    stream = io.BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    stream.seek(0)
    return stream


def words(folder: Path, *destinations: dict[str, Any], **listen: Any) -> dict[str, Any]:
    """A configuration for tests: loopback, any port, short waits."""
    return {
        "node": {"folder": str(folder / "node"), "log": str(folder / "node.log")},
        "listen": {"callers": [CALLER], "port": 0, "min_free_mb": 1.0, "idle_s": 10.0} | listen,
        "study": {"quiet_s": 0.4, "complete_s": 0.2},
        "send": [{"retry_s": 0.2} | d for d in destinations],
    }


def until(true: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return found


def send(port: int, datasets: Sequence[Dataset], caller: str = CALLER, called: str = "LYMPHOSCOPE") -> list[int]:
    """C-STORE datasets in one association; statuses, -1 for what was not answered."""
    entity = AE(ae_title=caller)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    for storage in (PositronEmissionTomographyImageStorage, CTImageStorage):
        entity.add_requested_context(storage, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", port, ae_title=called, evt_handlers=[(evt.EVT_CONN_OPEN, at_once)])
    if not association.is_established:
        return [-1] * len(datasets)
    try:
        return [association.send_c_store(d).get("Status", -1) if association.is_established else -1 for d in datasets]
    finally:
        if association.is_established:
            association.release()


def echo(port: int, caller: str = CALLER, called: str = "LYMPHOSCOPE") -> int:
    """C-ECHO; -1 when not answered."""
    entity = AE(ae_title=caller)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    entity.add_requested_context(Verification)
    association = entity.associate("127.0.0.1", port, ae_title=called)
    if not association.is_established:
        return -1
    status = association.send_c_echo().get("Status", -1)
    association.release()
    return int(status)


@dataclass
class Archive:
    """A storage SCP that remembers what it was sent."""

    got: list[Dataset] = field(default_factory=list)
    status: int = 0
    port: int = 0
    server: Any = None

    def open(self) -> Archive:
        entity = AE(ae_title="ARCHIVE")
        entity.add_supported_context(RawDataStorage)
        entity.add_supported_context(SecondaryCaptureImageStorage)  # not compressed
        self.server = entity.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
        )
        self.port = self.server.server_address[1]
        return self

    def _store(self, event: Any) -> int:
        if self.status == 0:
            self.got.append(event.dataset)
        return self.status

    def close(self) -> None:
        self.server.shutdown()

    @property
    def uids(self) -> list[str]:
        return [str(d.SOPInstanceUID) for d in self.got]

    @property
    def words(self) -> dict[str, Any]:
        return {"name": "archive", "title": "ARCHIVE", "port": self.port}


@pytest.fixture
def archive() -> Iterator[Archive]:
    made = Archive().open()
    yield made
    made.close()


@pytest.fixture
def node(tmp_path: Path, archive: Archive) -> Iterator[Node]:
    """A node with a stand-in for the pipeline, that sends to the archive."""
    with running(settings_of(words(tmp_path, archive.words)), stand_in) as made:
        yield made


@pytest.fixture
def log(tmp_path: Path) -> Callable[[str], list[dict[str, Any]]]:
    """Lines of the node's log about an event."""

    def lines(event: str = "") -> list[dict[str, Any]]:
        path = tmp_path / "node.log"
        found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [line for line in found if event in ("", line["event"])]

    return lines


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Killable:
    """A node in a process of its own, to be killed."""

    def __init__(self, words: dict[str, Any], folder: Path) -> None:
        self.port = words["listen"]["port"] = free_port()
        self._config = folder / "words.json"
        self._config.write_text(json.dumps(words))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("node_process.py")), str(self._config)]
        self._process = subprocess.Popen(command)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(timeout=30)


@pytest.fixture
def net() -> ModuleType:
    """This module: studies, senders, the archive, waiting."""
    return sys.modules[__name__]
