"""DICOMweb: results are pushed by STOW, studies are pulled by QIDO and WADO."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pydicom import dcmread, dcmwrite

from lymphoscope.app.node.extra import needed
from lymphoscope.app.node.settings import Destination, Source
from lymphoscope.app.node.store import Kept, Store, hashed
from lymphoscope.core.errors import LymphoscopeError

_TIMEOUT_S = (10.0, 60.0)
_PAGE = 100
_BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_STUDY, _SERIES, _SOP = "0020000D", "0020000E", "00080018"
_STUDY_INSTANCES, _MODALITY = "00201208", "00080060"


def _client(partner: Destination | Source) -> Any:
    """A client that asks nothing of the environment: no proxy, no password that somebody left in a home folder."""
    web = needed("dicomweb_client")
    session = needed("dicomweb_client.session_utils").create_session()
    session.trust_env = False
    if partner.user:
        session.auth = (partner.user, _password(partner))
    client = web.DICOMwebClient(partner.url, session=session, timeout=_TIMEOUT_S)
    client.set_http_retry_params(retry=False)
    return client


def _password(partner: Destination | Source) -> str:
    try:
        return Path(partner.password_file).read_text(encoding="utf-8").splitlines()[0].strip()
    except (OSError, IndexError, ValueError):
        raise LymphoscopeError("USE-E-VALUE", "the password file cannot be read", partner.name) from None


def push(files: Sequence[Path], destination: Destination) -> Iterator[tuple[Path, str]]:
    """Store files one by one; see `lymphoscope.app.node.send.deliver`."""
    client = _client(destination)
    for file in files:
        yield file, _pushed(client, file)


def _pushed(client: Any, file: Path) -> str:
    exceptions = needed("requests.exceptions")
    dataset = dcmread(file)
    try:
        answer = client.store_instances([dataset])
    except exceptions.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        transient = status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == 0
        return "unreachable" if transient else f"http {status}"
    except (exceptions.RequestException, OSError):
        return "unreachable"
    failed = answer.get("FailedSOPSequence") or []
    return f"status {int(failed[0].get('FailureReason', 0)):04X}" if failed else ""


def pull(source: Source, store: Store, today: date) -> Iterator[Kept]:
    """Fetch what a source has of recent PET studies and the store has not.

    A study is asked for again only when the source has come to hold another number of its instances.

    Yields:
        Each instance that was kept.

    Raises:
        OSError: The source cannot be reached, or the disk is full.
    """
    client, http_error = _client(source), needed("requests.exceptions").HTTPError
    dates = f"{today - timedelta(days=source.days):%Y%m%d}-{today + timedelta(days=1):%Y%m%d}"
    words = {"ModalitiesInStudy": "PT", "StudyDate": dates}
    for study in _every(client.search_for_studies, search_filters=words, fields=["NumberOfStudyRelatedInstances"]):
        uid, count = _first(study, _STUDY), int(_first(study, _STUDY_INSTANCES) or 0)
        key = hashed(uid)
        if count and store.queue.asked(source.name, key) == count:
            continue
        try:
            yield from _study(client, store, uid)
        except (http_error, ValueError, KeyError, AttributeError):
            continue  # this study cannot be had now; it is asked for again, and does not keep the next ones waiting
        store.queue.ask(source.name, key, count)


def _study(client: Any, store: Store, study: str) -> Iterator[Kept]:
    for series in _every(client.search_for_series, study_instance_uid=study):
        if _first(series, _MODALITY) not in ("PT", "CT"):
            continue
        uid = _first(series, _SERIES)
        for instance in _every(client.search_for_instances, study_instance_uid=study, series_instance_uid=uid):
            sop = _first(instance, _SOP)
            if not store.queue.holds(hashed(sop)):
                encoded = io.BytesIO()
                dcmwrite(encoded, client.retrieve_instance(study, uid, sop), enforce_file_format=True)
                yield store.keep(encoded.getvalue(), sop)


def _every(search: Any, **words: Any) -> Iterator[dict[str, Any]]:
    """All answers of a search, page by page."""
    offset = 0
    while found := search(limit=_PAGE, offset=offset, **words):
        yield from found
        offset += len(found)
        if len(found) < _PAGE:
            return


def _first(answer: dict[str, Any], tag: str) -> str:
    values = answer.get(tag, {}).get("Value") or [""]
    return str(values[0])
