"""Damaged network messages at a running node: association requests, images and echoes with wrong bytes."""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fuzz import FAULT
from node_load import Archive, Node, store, study, until
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.dimse_messages import C_ECHO_RQ, C_STORE_RQ
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.sop_class import PositronEmissionTomographyImageStorage, Verification

WAIT_S = 0.05
"""How long an answer is waited for; a node that is owed bytes rightly says nothing."""

SOUND_EVERY = 500
"""Messages between two sound images, which the node must take."""

ANSWERS = {b"\x02": "accepted", b"\x03": "rejected", b"\x04": "answered", b"\x06": "released", b"\x07": "aborted"}
FRONT = 700
"""Bytes at the front, where lengths and headers are, that are hurt most."""


def cases(seed: int, first: int) -> Iterator[dict[str, Any]]:
    """Send one message after the other and tell of each; now and then a sound image must be taken."""
    with tempfile.TemporaryDirectory() as name:
        node = Node(Path(name), Archive().open(), 1, quiet_s=86400.0)
        node.start()
        try:
            until(node.listening, 60)
            yield from _sent(node, seed, first)
        finally:
            node.end(signal.SIGTERM)


def _sent(node: Node, seed: int, first: int) -> Iterator[dict[str, Any]]:
    request, sound = _request(node), study(0)[:1]
    whole = {"request": request, "image": _image(sound[0]), "echo": _echo()}
    number, peak, noted = first, 0.0, 0
    while True:
        chance = random.Random(f"{seed} {number}")
        kind, began = chance.choice(sorted(whole)), time.perf_counter()
        bad = damaged(whole[kind], chance)
        outcome = _outcome(node.port, bad if kind == "request" else request, b"" if kind == "request" else bad)
        if number % SOUND_EVERY == 0 and not _eventually(lambda: store(node.port, sound)):
            outcome = f"{FAULT} a sound image was not taken"
        if not node.alive():
            outcome = f"{FAULT} the node has ended"
        if number % SOUND_EVERY == 0:
            noted, outcome = _unquiet(node, noted, outcome)
        memory = node.memory_mb()[0]
        peak = max(peak, memory)
        threads, handles = node.held()
        yield {
            "n": number, "kind": kind, "way": "", "outcome": outcome, "s": round(time.perf_counter() - began, 3),
            "mb": round(memory, 1), "peak": round(peak), "process": os.getpid(), "threads": threads, "files": handles,
        }  # fmt: skip
        number += 1


def _unquiet(node: Node, noted: int, outcome: str) -> tuple[int, str]:
    """A traceback on the node's standard error, or a name in its log, is a fault."""
    errors = node.errors.stat().st_size
    if errors > noted:
        return errors, f"{FAULT} the node wrote to standard error"
    if any(name in node.log.read_text() for name in ("LOAD-0", "SYNTHETIC")):
        return errors, f"{FAULT} a name is in the log"
    if node.lines("failed"):
        return errors, f"{FAULT} a loop of the node failed"
    return errors, outcome


def _outcome(port: int, request: bytes, more: bytes) -> str:
    """What the node says last to a request, and to what comes after it when that was accepted."""
    said = ""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as wire:
        wire.settimeout(5.0 if more else WAIT_S)
        wire.sendall(request)
        said = _answer(wire)
        if more and said == "accepted":
            wire.settimeout(WAIT_S)
            wire.sendall(more)
            said = _answer(wire)
    return said or "hung up"


def _answer(wire: socket.socket) -> str:
    try:
        first = wire.recv(65536)[:1]
    except TimeoutError:
        return "waits for more"
    return ANSWERS.get(first, "hung up")


def damaged(good: bytes, chance: random.Random) -> bytes:
    """Bytes changed, put in, left out, doubled or cut off."""
    bad = bytearray(good)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 9))):
        at = chance.randrange(min(len(bad), FRONT if chance.random() < 0.9 else len(bad)))
        kind, some = chance.randrange(6), chance.randrange(1, 9)
        if kind < 3:
            bad[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif kind == 3 and len(bad) > 16:
            del bad[at : at + some]
        elif kind == 4:
            bad[at:at] = chance.randbytes(some)
        else:
            bad[at:at] = bad[at : at + 16 * some]
    return bytes(bad if chance.randrange(8) else bad[: chance.randrange(1, len(bad))])


def _request(node: Node) -> bytes:
    """An A-ASSOCIATE-RQ to the node, taken off the wire."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        entity = AE(ae_title="SENDER")
        entity.acse_timeout = 0.2
        entity.add_requested_context(PositronEmissionTomographyImageStorage, ExplicitVRLittleEndian)
        entity.add_requested_context(Verification, ExplicitVRLittleEndian)
        entity.associate("127.0.0.1", server.getsockname()[1], ae_title="LYMPHOSCOPE")
        with server.accept()[0] as wire:
            heard = wire.recv(65536)
    return heard[: 6 + int.from_bytes(heard[2:6], "big")]


def _image(dataset: Dataset) -> bytes:
    """A C-STORE request with its image, as PDUs."""
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    request.DataSet = io.BytesIO(encode(dataset, False, True) or b"")
    return _pdus(C_STORE_RQ(), request, 1)


def _echo() -> bytes:
    request = C_ECHO()
    request.MessageID, request.AffectedSOPClassUID = 1, Verification
    return _pdus(C_ECHO_RQ(), request, 3)


def _pdus(message: Any, request: Any, context: int) -> bytes:
    whole = b""
    message.primitive_to_message(request)
    for piece in message.encode_msg(context, 16382):
        pdu = P_DATA_TF()
        pdu.from_primitive(piece)
        whole += pdu.encode()
    return whole


def _eventually(true: Any, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.1)
    return False
