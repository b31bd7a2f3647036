from __future__ import annotations

import random
import socket
import struct
from pathlib import Path
from types import ModuleType

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.sop_class import EncapsulatedPDFStorage, PositronEmissionTomographyImageStorage, SegmentationStorage

from lymphoscope.app.node.pump import Node, running
from lymphoscope.app.node.settings import settings_of
from lymphoscope.core.errors import LymphoscopeError


def _files(folder: Path) -> list[Path]:
    return [p for p in (folder / "node" / "studies").rglob("*") if p.is_file()]


def _associate(port: int, storage: str = PositronEmissionTomographyImageStorage, syntax: str = ExplicitVRLittleEndian):
    entity = AE(ae_title="SENDER")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    entity.add_requested_context(storage, syntax)
    return entity.associate("127.0.0.1", port, ae_title="LYMPHOSCOPE")


def test_only_those_on_the_list_are_answered(node: Node, net: ModuleType, tmp_path: Path) -> None:
    assert net.echo(node.port) == 0
    assert net.echo(node.port, caller="STRANGER") == -1
    assert net.echo(node.port, called="SOMEBODY") == -1
    assert net.send(node.port, net.small_study()[:1], caller="STRANGER") == [-1]
    assert not _files(tmp_path)


def test_addresses_not_on_the_list_are_hung_up_on(tmp_path: Path, net: ModuleType, log) -> None:
    with running(settings_of(net.words(tmp_path, peers=["10.99.0.0/16"])), net.stand_in) as node:
        assert net.echo(node.port) == -1
    assert [line["why"] for line in log("hung-up")] == ["stranger"]


def test_what_is_answered_with_success_is_on_the_disk(node: Node, net: ModuleType, tmp_path: Path) -> None:
    datasets = net.small_study()
    assert net.send(node.port, datasets) == [0] * 8
    assert sorted(net.dcmread(p).SOPInstanceUID for p in _files(tmp_path)) == sorted(d.SOPInstanceUID for d in datasets)


@pytest.mark.parametrize("storage", [SegmentationStorage, EncapsulatedPDFStorage])
def test_results_are_not_taken_so_that_nothing_goes_in_circles(node: Node, storage: str) -> None:
    association = _associate(node.port, storage)
    assert not association.accepted_contexts
    association.abort()


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, "1.2.840.10008.1.2.4.100", "1.2.3.4.5"])
def test_unknown_transfer_syntaxes_are_not_accepted(node: Node, net: ModuleType, syntax: str) -> None:
    association = _associate(node.port, syntax=syntax)
    assert not association.accepted_contexts
    association.abort()
    assert net.echo(node.port) == 0


def test_a_full_disk_is_said_so_and_the_image_is_taken_when_there_is_room(
    tmp_path: Path, net: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = net.small_study()
    with running(settings_of(net.words(tmp_path)), net.stand_in) as node:
        with monkeypatch.context() as patch:
            patch.setattr("lymphoscope.app.node.store.os.fsync", _full)
            assert net.send(node.port, datasets[:2]) == [0xA700, 0xA700]
        assert not _files(tmp_path)
        assert net.send(node.port, datasets) == [0] * 8


def _full(handle: int) -> None:
    raise OSError(28, "No space left on device")


def test_too_little_free_space_is_said_so(tmp_path: Path, net: ModuleType) -> None:
    with running(settings_of(net.words(tmp_path, min_free_mb=1e7)), net.stand_in) as node:
        assert net.send(node.port, net.small_study()[:1]) == [0xA700]


def test_an_instance_that_is_not_the_one_announced_is_refused(node: Node, net: ModuleType, tmp_path: Path) -> None:
    dataset = net.small_study()[0]
    del dataset.StudyInstanceUID
    assert net.send(node.port, [dataset]) == [0xC000]
    assert not _files(tmp_path)


def test_too_large_an_instance_ends_the_association_and_nothing_else(tmp_path: Path, net: ModuleType, log) -> None:
    dataset = net.small_study()[0]
    dataset.Rows = dataset.Columns = 1024
    dataset.PixelData = bytes(2 * 1024 * 1024)
    with running(settings_of(net.words(tmp_path, max_instance_mb=1.0)), net.stand_in) as node:
        assert net.send(node.port, [dataset]) == [-1]
        assert net.send(node.port, net.small_study(2)) == [0] * 8
        assert len(_files(tmp_path)) == 8
    assert log("too-large")


def _requested() -> bytes:
    """An A-ASSOCIATE-RQ as our own sender would write it, taken off the wire."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        entity = AE(ae_title="SENDER")
        entity.acse_timeout = 0.2
        entity.add_requested_context(PositronEmissionTomographyImageStorage, ExplicitVRLittleEndian)
        entity.associate("127.0.0.1", server.getsockname()[1], ae_title="LYMPHOSCOPE")
        connection, _ = server.accept()
        with connection:
            heard = connection.recv(65536)
            return heard[: 6 + struct.unpack(">L", heard[2:6])[0]]


def _answer_to(port: int, *parts: bytes) -> bytes:
    """Send bytes, the rest once the first is answered; hear until the node hangs up or 3 seconds have passed."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), timeout=3) as wire:
        try:
            for number, part in enumerate(parts):
                wire.sendall(part)
                if number == 0 and len(parts) > 1:
                    heard = wire.recv(4096)
            while more := wire.recv(4096):
                heard += more
        except OSError:
            pass
    return heard


def test_pdu_bombs_are_cut_off_at_once(node: Node, net: ModuleType, log) -> None:
    for kind in (1, 4):
        _answer_to(node.port, struct.pack(">BBL", kind, 0, 0xFFFFFFFF) + bytes(1000))
    assert len(log("too-large")) == 2
    heard = _answer_to(node.port, _requested(), struct.pack(">BBL", 4, 0, 0x7FFFFFFF) + bytes(1000))
    assert heard[:1] == b"\x02", "the association itself was accepted"
    assert len(log("too-large")) == 3
    assert net.echo(node.port) == 0


def test_a_message_that_never_ends_is_cut_off(tmp_path: Path, net: ModuleType, log) -> None:
    primitive = P_DATA()
    primitive.presentation_data_value_list = [[1, b"\x01" + bytes(60000)]]  # a piece of a command, not the last one
    pdu = P_DATA_TF()
    pdu.from_primitive(primitive)
    piece = pdu.encode()
    with running(settings_of(net.words(tmp_path, max_instance_mb=1.0)), net.stand_in) as node:
        _answer_to(node.port, _requested(), *([piece] * 40))
        assert log("too-large")
        assert net.echo(node.port) == 0


def test_malformed_messages_do_not_disturb_the_others(node: Node, net: ModuleType, tmp_path: Path) -> None:
    """Random bytes, random changes and cuts of a good request; the node answers everybody else all the while."""
    rng = random.Random(1)
    good = _requested()
    for turn in range(60):
        bad = bytearray(good if turn % 3 else rng.randbytes(rng.randrange(1, 300)))
        for _ in range(rng.randrange(1, 8)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        with socket.create_connection(("127.0.0.1", node.port), timeout=3) as wire:
            wire.sendall(bad[: rng.randrange(1, len(bad) + 1)])
    net.until(lambda: net.echo(node.port) == 0)
    assert net.send(node.port, net.small_study()) == [0] * 8
    assert len(_files(tmp_path)) == 8


def test_callers_who_hang_up_at_once_take_nobodys_place(node: Node, net: ModuleType, log) -> None:
    for _ in range(20):
        socket.create_connection(("127.0.0.1", node.port), timeout=3).close()
    net.until(lambda: net.echo(node.port) == 0, 3)
    assert [line["event"] for line in log()] == ["started"], "a look at whether it is alive fills no log"


def test_an_association_that_is_cut_in_a_message_leaves_what_was_answered(
    node: Node, net: ModuleType, tmp_path: Path
) -> None:
    association = _associate(node.port)
    datasets = net.small_study(ct=False)
    assert association.send_c_store(datasets[0]).Status == 0
    association.dul.socket.socket.sendall(struct.pack(">BBL", 4, 0, 1000) + bytes(300))
    association.dul.socket.socket.shutdown(socket.SHUT_RDWR)
    association.abort()
    assert net.send(node.port, datasets) == [0] * 4
    assert len(_files(tmp_path)) == 4


def test_the_port_of_another_is_not_taken(tmp_path: Path, net: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = net.words(tmp_path, port=server.getsockname()[1])
        with pytest.raises(LymphoscopeError, match="NODE-E-LISTEN"), running(settings_of(words), net.stand_in):
            pass
