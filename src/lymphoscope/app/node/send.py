"""Results on their way: C-STORE to an AE, STOW to a DICOMweb server. What is not confirmed stays in the queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from lymphoscope.app.node.extra import at_once, needed
from lymphoscope.app.node.settings import Destination
from lymphoscope.app.node.web import push

UNREACHABLE = "unreachable"
SENT = ""
_TIMEOUT_S = 60.0
_CONNECT_S = 10.0
_WARNINGS = range(0xB000, 0xC000)
_NO_CONTEXT = "no presentation context"
_FULL = range(0xA700, 0xA800)


def results_of(case: Path, destination: Destination) -> list[str]:
    """Names of the results in a case folder that a destination is to have."""
    return [
        file.name for file in sorted(case.glob("*.dcm")) if not destination.objects or file.stem in destination.objects
    ]


def deliver(files: Sequence[Path], destination: Destination, own_title: str) -> Iterator[tuple[Path, str]]:
    """Offer files to a destination.

    Args:
        files: Results of one case.
        destination: Where to.
        own_title: The node's AE title.

    Yields:
        Each file as it is answered, with `SENT`, or `UNREACHABLE` (nothing is wrong with the file), or the status of
        a destination that refuses it.
    """
    if destination.url:
        yield from push(files, destination)
        return
    association = _associated(files, destination, own_title)
    try:
        for file in files:
            yield file, _sent(association, file)
    finally:
        if association.is_established:
            association.release()


def _associated(files: Sequence[Path], destination: Destination, own_title: str) -> Any:
    entity, evt = needed("pynetdicom").AE(ae_title=own_title), needed("pynetdicom.events")
    entity.connection_timeout = _CONNECT_S
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = _TIMEOUT_S
    for file in files:
        header = dcmread(file, stop_before_pixels=True, specific_tags=["SOPClassUID"])
        entity.add_requested_context(header.SOPClassUID, header.file_meta.TransferSyntaxUID)
        if header.file_meta.TransferSyntaxUID.is_compressed:
            entity.add_requested_context(header.SOPClassUID, ExplicitVRLittleEndian)
    return entity.associate(
        destination.address,
        destination.port,
        ae_title=destination.title,
        evt_handlers=[(evt.EVT_CONN_OPEN, at_once)],
    )


def _sent(association: Any, file: Path) -> str:
    """Offer one file. An association that ends while the file is on its way counts against the file, no other does."""
    if not association.is_established:
        turned_down = association.rejected_contexts and not association.accepted_contexts
        return _NO_CONTEXT if turned_down else UNREACHABLE
    try:
        answer = _offered(association, file)
    except ValueError:  # the destination did not accept this class or syntax
        return _NO_CONTEXT
    except RuntimeError:
        return UNREACHABLE
    if "Status" not in answer:
        return "aborted"
    if answer.Status in _FULL:
        return UNREACHABLE
    return SENT if answer.Status == 0 or answer.Status in _WARNINGS else f"status {answer.Status:04X}"


def _offered(association: Any, file: Path) -> Dataset:
    """Send a file as it is, or with its pixels unpacked to a destination that takes only that."""
    try:
        answer: Dataset = association.send_c_store(str(file))
    except ValueError:
        dataset = dcmread(file)
        if not dataset.file_meta.TransferSyntaxUID.is_compressed:
            raise
        dataset.decompress(generate_instance_uid=False)
        answer = association.send_c_store(dataset)
    return answer
