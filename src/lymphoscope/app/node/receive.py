"""The node's ear: C-ECHO and C-STORE from those on the list, bounded in every direction."""

from __future__ import annotations

import ipaddress
import sqlite3
import threading
from collections.abc import Callable
from socket import SHUT_RDWR
from socketserver import BaseServer
from typing import Any

from pydicom.uid import (
    JPEG2000,
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedPETImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    LegacyConvertedEnhancedCTImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
    PositronEmissionTomographyImageStorage,
    RLELossless,
)

from lymphoscope.app.node.extra import at_once, needed
from lymphoscope.app.node.journal import Journal
from lymphoscope.app.node.settings import Listen
from lymphoscope.app.node.store import NotUnderstoodError, Store
from lymphoscope.core.errors import LymphoscopeError

CLASSES = (
    PositronEmissionTomographyImageStorage,
    CTImageStorage,
    EnhancedPETImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedPETImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
)
"""What is taken: PET and CT. Results are not, so that an archive that sends everything on makes no circle."""

SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    RLELossless,
    JPEGLosslessSV1,
    JPEGLossless,
    JPEGLSLossless,
    JPEG2000Lossless,
    JPEG2000,
    JPEGLSNearLossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
)
"""How it may be encoded. Lossy ones too, since the reader says why it refuses them; not deflated, which can burst."""

SUCCESS, OUT_OF_RESOURCES, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xC000
_LONGEST_REQUEST = 131072
_MAX_WAITING = 16


class Ear:
    """Listens until it is closed.

    Args:
        store: Where instances are kept.
        listen: Where and to whom to listen.
        journal: The log.
        heard: Called with the study's key after each instance.

    Raises:
        LymphoscopeError: ``NODE-E-LISTEN`` when the address cannot be had, ``USE-E-EXTRA`` without pynetdicom.
    """

    def __init__(self, store: Store, listen: Listen, journal: Journal, heard: Callable[[str], None]) -> None:
        self._store, self._listen, self._journal, self._heard = store, listen, journal, heard
        net, evt = needed("pynetdicom"), needed("pynetdicom.events")
        entity = net.AE(ae_title=listen.title)
        entity.require_called_aet, entity.require_calling_aet = True, list(listen.callers)
        entity.maximum_associations, entity.maximum_pdu_size = listen.associations, listen.max_pdu
        entity.network_timeout = entity.dimse_timeout = listen.idle_s
        entity.acse_timeout = min(30.0, listen.idle_s)
        entity.add_supported_context("1.2.840.10008.1.1")
        for storage in CLASSES:
            entity.add_supported_context(storage, list(SYNTAXES))
        handlers = [
            (evt.EVT_C_STORE, self._store_one),
            (evt.EVT_CONN_OPEN, self._guard),
            (evt.EVT_CONN_CLOSE, _gone),
            (evt.EVT_DIMSE_RECV, _message_ended),
            (evt.EVT_REJECTED, lambda event: journal("rejected", peer=_peer(event))),
            (evt.EVT_ABORTED, lambda event: journal("aborted", peer=_peer(event))),
        ]
        try:
            self._server = entity.make_server(
                (listen.address, listen.port), evt_handlers=handlers, server_class=_door(listen, journal)
            )
        except OSError:
            raise LymphoscopeError(
                "NODE-E-LISTEN", f"port {listen.port} cannot be listened at", fix="Is another node running?"
            ) from None
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="ear", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and end the associations."""
        self._server.shutdown()
        for association in self._server.active_associations:
            association.abort()
        self._thread.join(timeout=5)

    def _guard(self, event: Any) -> None:
        """Bound what one connection can make us hold: the length of a PDU, and of all PDUs of one message."""
        wire = event.assoc.dul.socket
        at_once(event)
        wire.socket.settimeout(self._listen.idle_s)  # half a PDU must not hold a place for ever
        event.assoc.lymphoscope_bytes = 0
        whole, receive = self._listen.max_instance_mb * 1e6, wire.recv
        longest = max(self._listen.max_pdu, _LONGEST_REQUEST) + 6

        def bounded(length: int) -> bytearray:
            if event.assoc.lymphoscope_bytes < 0:
                raise OSError("cut off")
            event.assoc.lymphoscope_bytes += length
            if length > longest or event.assoc.lymphoscope_bytes > whole + longest:
                event.assoc.lymphoscope_bytes = -1
                self._journal("too-large", peer=_peer(event))
                wire.socket.shutdown(SHUT_RDWR)
                raise OSError("too large")
            received: bytearray = receive(length)
            return received

        wire.recv = bounded

    def _store_one(self, event: Any) -> int:
        """Answer a C-STORE: success only when the instance is on the disk."""
        try:
            kept = self._store.keep(event.encoded_dataset(), str(event.request.AffectedSOPInstanceUID or ""))
        except NotUnderstoodError:
            self._journal("not-understood", peer=_peer(event))
            return NOT_UNDERSTOOD
        except (OSError, sqlite3.Error):
            self._journal("no-space", peer=_peer(event))
            return OUT_OF_RESOURCES
        except Exception as error:
            self._journal("not-understood", peer=_peer(event), kind=type(error).__name__)
            return NOT_UNDERSTOOD
        self._heard(kept.study)
        if kept.how != "same":
            self._journal("stored", study=kept.study, how=kept.how)
        return SUCCESS


def _message_ended(event: Any) -> None:
    event.assoc.lymphoscope_bytes = 0


def _gone(event: Any) -> None:
    """Free the place of a caller who hung up before asking for anything; it would be kept for the whole timeout."""
    if not event.assoc.is_established:
        event.assoc.dul.to_user_queue.put(None)


def _peer(event: Any) -> str:
    info = event.assoc.requestor.address_info
    return str(info.address) if info is not None else ""


def _door(listen: Listen, journal: Journal) -> type[Any]:
    """A server that hangs up on strangers before a byte is read, and holds only so many connections."""
    networks = [ipaddress.ip_network(peer, strict=False) for peer in listen.peers]

    class Door(needed("pynetdicom.transport").ThreadedAssociationServer):  # type: ignore[misc]
        request_queue_size = 64

        def verify_request(self, request: Any, client_address: Any) -> bool:
            address = ipaddress.ip_address(client_address[0].split("%")[0])
            address = getattr(address, "ipv4_mapped", None) or address
            known = any(address in network for network in networks)
            room = len(self.active_associations) < listen.associations + _MAX_WAITING
            if not (known and room):
                journal("hung-up", peer=str(address), why="full" if known else "stranger")
            return known and room

        def shutdown(self) -> None:
            BaseServer.shutdown(self)
            self.server_close()

        def handle_error(self, request: Any, client_address: Any) -> None:
            journal("connection-failed", peer=str(client_address[0]))

    return Door
