from __future__ import annotations

import threading
from pathlib import Path
from types import ModuleType

import numpy as np
from pydicom.uid import RLELossless
from pynetdicom.sop_class import SecondaryCaptureImageStorage, SegmentationStorage

from lymphoscope.app.node.pump import Node, running
from lymphoscope.app.node.send import results_of
from lymphoscope.app.node.settings import Destination, NodeSettings, settings_of
from lymphoscope.app.node.work import Ended


def test_a_destination_that_is_gone_gets_everything_when_it_is_back(node: Node, net: ModuleType, archive, log) -> None:
    archive.close()
    for seed in (1, 2):
        net.send(node.port, net.small_study(seed))
    net.until(lambda: len(log("answered")) == 2 and log("unreachable"))
    archive.open()
    net.until(lambda: len(archive.got) == 4)
    assert len(set(archive.uids)) == 4


def test_what_was_not_confirmed_is_sent_after_a_restart(tmp_path: Path, net: ModuleType, archive, log) -> None:
    archive.close()
    settings = settings_of(net.words(tmp_path, archive.words))
    with running(settings, net.stand_in) as node:
        net.send(node.port, net.small_study())
        net.until(lambda: log("unreachable"))
    archive.open()
    with running(settings, net.stand_in):
        net.until(lambda: len(archive.got) == 2)
    with running(settings, net.stand_in) as node:
        assert not node.wait(0.8)
    assert (len(archive.got), len(log("run"))) == (2, 1)


def test_a_refused_result_is_left_after_a_while_and_holds_up_no_other(
    tmp_path: Path, net: ModuleType, archive, log
) -> None:
    other = net.Archive(status=0xC001).open()
    deaf = {"name": "deaf", "title": "ARCHIVE", "port": other.port, "attempts": 2, "retry_s": 0.1}
    settings = settings_of(net.words(tmp_path, archive.words, deaf))
    with running(settings, net.stand_in) as node:
        net.send(node.port, net.small_study())
        net.until(lambda: len(log("refused")) == 4)
        net.until(lambda: len(archive.got) == 2)
        assert not node.wait(0.6)
    assert [line["code"] for line in log("refused")] == ["", "", "NODE-E-SEND", "NODE-E-SEND"]
    assert {line["answer"] for line in log("refused")} == {"status C001"}
    other.status = 0
    with running(settings, net.stand_in):
        net.until(lambda: len(other.got) == 2)
    other.close()


def test_a_full_destination_is_waited_for(tmp_path: Path, net: ModuleType, archive, log) -> None:
    archive.status = 0xA700
    with running(settings_of(net.words(tmp_path, archive.words)), net.stand_in) as node:
        net.send(node.port, net.small_study())
        net.until(lambda: len(log("unreachable")) >= 2)
        archive.status = 0
        net.until(lambda: len(archive.got) == 2)
    assert not log("refused")


def test_a_destination_gets_the_objects_it_is_to_have(tmp_path: Path, net: ModuleType, archive, log) -> None:
    with running(settings_of(net.words(tmp_path, archive.words | {"objects": ["sr"]})), net.stand_in) as node:
        net.send(node.port, net.small_study())
        net.until(lambda: log("sent"))
        assert not node.wait(0.5)
    assert [line["object"] for line in log("sent")] == ["sr"]


def test_a_result_that_somebody_removed_is_said_so(tmp_path: Path, net: ModuleType, archive, log) -> None:
    archive.close()
    settings = settings_of(net.words(tmp_path, archive.words | {"attempts": 1}))
    with running(settings, net.stand_in) as node:
        net.send(node.port, net.small_study())
        net.until(lambda: log("unreachable"))
    next((tmp_path / "node" / "cases").rglob("seg.dcm")).unlink()
    archive.open()
    with running(settings, net.stand_in):
        net.until(lambda: log("sent") and log("refused"))
    assert [line["answer"] for line in log("refused")] == ["the file is gone"]


def test_destinations_have_an_object_filter_by_stem(tmp_path: Path) -> None:
    for name in ("seg.dcm", "sr.dcm", "report.pdf"):
        (tmp_path / name).touch()
    assert results_of(tmp_path, Destination("a", "A")) == ["seg.dcm", "sr.dcm"]
    assert results_of(tmp_path, Destination("a", "A", objects=("sr", "mip"))) == ["sr.dcm"]


def test_a_class_that_is_not_accepted_holds_up_no_other(tmp_path: Path, net: ModuleType, archive, log) -> None:
    """Alone in an association, a class that is turned down must not look like an archive that is away."""
    words = net.words(tmp_path, archive.words | {"attempts": 3, "retry_s": 0.1})

    def odd(study: Path, case: Path, settings: NodeSettings, stop: threading.Event) -> Ended:
        ended = net.stand_in(study, case, settings, stop)
        result = net.dcmread(case / "seg.dcm")
        result.SOPClassUID = result.file_meta.MediaStorageSOPClassUID = SegmentationStorage
        result.save_as(case / "seg.dcm")
        return ended

    with running(settings_of(words), odd) as node:
        net.send(node.port, net.small_study())
        net.until(lambda: len(log("refused")) == 3)
        net.send(node.port, net.small_study(2))
        net.until(lambda: len(archive.got) == 2)
    assert {line["answer"] for line in log("refused")} == {"no presentation context"}
    assert not log("unreachable")


def test_a_compressed_picture_is_unpacked_for_an_archive_that_takes_only_that(
    tmp_path: Path, net: ModuleType, archive
) -> None:
    """The picture stays the same object: UID and pixels."""
    pixels = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)

    def pictured(study: Path, case: Path, settings: NodeSettings, stop: threading.Event) -> Ended:
        ended = net.stand_in(study, case, settings, stop)
        result = net.dcmread(case / "seg.dcm")
        result.SOPClassUID = result.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        result.Rows, result.Columns, result.SamplesPerPixel = 64, 64, 1
        result.BitsAllocated = result.BitsStored = 8
        result.HighBit, result.PixelRepresentation, result.PhotometricInterpretation = 7, 0, "MONOCHROME2"
        result.PixelData = pixels.tobytes()
        result["PixelData"].VR = "OB"
        result.compress(RLELossless, generate_instance_uid=False)
        result.save_as(case / "seg.dcm")
        return ended

    with running(settings_of(net.words(tmp_path, archive.words)), pictured) as node:
        net.send(node.port, net.small_study())
        net.until(lambda: len(archive.got) == 2)
    sent = next(d for d in archive.got if d.SOPClassUID == SecondaryCaptureImageStorage)
    held = net.dcmread(next((tmp_path / "node" / "cases").rglob("seg.dcm")))
    assert held.file_meta.TransferSyntaxUID == RLELossless
    assert sent.SOPInstanceUID == held.SOPInstanceUID
    assert sent.PixelData == pixels.tobytes()
