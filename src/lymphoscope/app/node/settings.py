"""What a node is told: one TOML file, checked before anything is opened."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from lymphoscope.app.settings import RunSettings, run_settings
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.registry import unknown_name

_TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_PROSE = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", tuple: "a list of texts"}


def _within(default: float, low: float, high: float) -> Any:
    return field(default=default, metadata={"range": (low, high)})


@dataclass(frozen=True)
class Listen:
    """Where the node listens, and to whom.

    Attributes:
        callers: Calling AE titles that may associate; nobody else is answered.
        peers: Addresses or networks that may connect; others are hung up on.
        title: The node's own AE title; a caller must ask for it.
        address: Address to listen at; this machine only, unless told otherwise.
        port: TCP port; 0 takes a free one.
        associations: Most associations at once.
        max_pdu: Largest PDU taken, bytes.
        max_instance_mb: Largest instance taken, MB.
        min_free_mb: Space left on the disk below which instances are refused (status A700), MB.
        idle_s: Seconds of silence after which an association is ended.
    """

    callers: tuple[str, ...]
    peers: tuple[str, ...] = ("127.0.0.1", "::1")
    title: str = "LYMPHOSCOPE"
    address: str = "127.0.0.1"
    port: int = _within(11112, 0, 65535)
    associations: int = _within(8, 1, 256)
    max_pdu: int = _within(131072, 4096, 1 << 24)
    max_instance_mb: float = _within(64.0, 0.1, 4096)
    min_free_mb: float = _within(1024.0, 0, 1e7)
    idle_s: float = _within(60.0, 1, 3600)


@dataclass(frozen=True)
class Waiting:
    """When a study has arrived.

    Attributes:
        quiet_s: Seconds without a new instance after which a study is taken as it is.
        complete_s: The same for a study that holds a CT and as many PET slices as its headers promise.
    """

    quiet_s: float = _within(120.0, 0.1, 86400)
    complete_s: float = _within(30.0, 0.1, 86400)


@dataclass(frozen=True)
class Work:
    """How studies are worked.

    Attributes:
        runs: Runs at once.
        time_s: Seconds after which a run is ended.
        memory_gb: Address space a run may use, GB.
        attempts: How often a run that broke down is tried.
    """

    runs: int = _within(1, 1, 64)
    time_s: float = _within(3600.0, 1, 86400)
    memory_gb: float = _within(12.0, 1, 1024)
    attempts: int = _within(3, 1, 20)


@dataclass(frozen=True)
class Destination:
    """Where results go: an AE (title, address, port), or a DICOMweb server (url).

    Attributes:
        name: What the log calls it.
        title: AE title of the destination.
        address: Its address.
        port: Its port.
        url: Address of its DICOMweb service, in place of the three.
        user: User for the DICOMweb service.
        password_file: File whose first line is the user's password.
        objects: Results to send, by the names of the case folder without ``.dcm``; all when empty.
        attempts: How often a result is offered to a destination that answers but refuses it.
        retry_s: Seconds to the first new attempt; doubled each time, up to ten minutes.
    """

    name: str
    title: str = ""
    address: str = "127.0.0.1"
    port: int = _within(104, 1, 65535)
    url: str = ""
    user: str = ""
    password_file: str = ""
    objects: tuple[str, ...] = ()
    attempts: int = _within(5, 1, 1000)
    retry_s: float = _within(10.0, 0.1, 3600)


@dataclass(frozen=True)
class Source:
    """A DICOMweb server that is asked for new studies.

    Attributes:
        name: What the log calls it.
        url: Address of its DICOMweb service.
        user: User for the service.
        password_file: File whose first line is the user's password.
        every_s: Seconds between questions.
        days: Studies of the last so many days are asked for.
    """

    name: str
    url: str
    user: str = ""
    password_file: str = ""
    every_s: float = _within(60.0, 0.5, 86400)
    days: int = _within(2, 1, 36500)


@dataclass(frozen=True)
class NodeSettings:
    """Everything a node is told.

    Attributes:
        folder: Where it keeps all it has; made when absent.
        listen: Where and to whom it listens.
        waiting: When a study has arrived.
        work: How studies are worked.
        run: How studies are measured, in the words of ``lymphoscope run``.
        send: Where results go.
        pull: Where studies are fetched.
        log: File of the log; standard error when None.
    """

    folder: Path
    listen: Listen
    waiting: Waiting = Waiting()
    work: Work = Work()
    run: Mapping[str, Any] = field(default_factory=dict)
    send: tuple[Destination, ...] = ()
    pull: tuple[Source, ...] = ()
    log: Path | None = None


def read_settings(path: Path) -> NodeSettings:
    """Read and check a configuration.

    Raises:
        LymphoscopeError: ``IO-E-PATH`` when the file cannot be read, ``USE-E-VALUE`` or ``USE-E-NAME`` for what is
            wrong in it.
    """
    try:
        words = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError:
        raise LymphoscopeError("IO-E-PATH", "the configuration cannot be read") from None
    except ValueError as error:
        where = re.search(r"at line \d+", str(error))
        raise LymphoscopeError(
            "USE-E-VALUE", "the configuration is not TOML" + (f" {where[0]}" if where else ""), "the configuration"
        ) from None
    return settings_of(words)


def settings_of(words: Mapping[str, Any]) -> NodeSettings:
    """Settings from the words of a configuration; see `read_settings`."""
    sections = ("node", "listen", "study", "work", "run", "send", "pull")
    for name in words:
        if name not in sections:
            raise unknown_name("section of the configuration", name, dict.fromkeys(sections))
    place = _filled(_Place, words.get("node", {}), "[node]")
    listen = _filled(Listen, words.get("listen", {}), "[listen]")
    _check_listen(listen)
    send = tuple(_filled(Destination, item, f"[[send]] {n}") for n, item in _listed(words, "send"))
    pull = tuple(_filled(Source, item, f"[[pull]] {n}") for n, item in _listed(words, "pull"))
    _check_partners(send, pull)
    return NodeSettings(
        folder=Path(place.folder),
        log=Path(place.log) if place.log else None,
        listen=listen,
        waiting=_filled(Waiting, words.get("study", {}), "[study]"),
        work=_filled(Work, words.get("work", {}), "[work]"),
        run=_checked_run(words.get("run", {})),
        send=send,
        pull=pull,
    )


@dataclass(frozen=True)
class _Place:
    folder: str
    log: str = ""


def _listed(words: Mapping[str, Any], name: str) -> list[tuple[int, Any]]:
    items = words.get(name, [])
    if not isinstance(items, list):
        raise LymphoscopeError("USE-E-VALUE", "this is a list of tables", f"[[{name}]]", f"Write [[{name}]].")
    return list(enumerate(items, start=1))


def _filled(kind: type[Any], words: Any, where: str) -> Any:
    """A settings class from a table: names known, types right, numbers in range, nothing missing."""
    if not isinstance(words, Mapping):
        raise LymphoscopeError("USE-E-VALUE", "this is a table of settings", where)
    known = {f.name: f for f in fields(kind)}
    for name in words:
        if name not in known:
            raise unknown_name(f"setting in {where}", name, known)
    given = {name: _typed(value, known[name], where) for name, value in words.items()}
    missing = [n for n, f in known.items() if n not in given and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise LymphoscopeError("USE-E-VALUE", f"{missing[0]} is missing", where, "Supply it in the configuration.")
    return kind(**given)


def _typed(value: Any, known: Any, where: str) -> Any:
    wanted = {"int": int, "float": float, "str": str, "bool": bool}.get(known.type, tuple)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if wanted is tuple and isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = tuple(value)
    if type(value) is not wanted:
        raise LymphoscopeError("USE-E-VALUE", f"{known.name} is {_PROSE[wanted]}", where)
    low, high = known.metadata.get("range", (None, None))
    if low is not None and not low <= value <= high:
        raise LymphoscopeError("USE-E-VALUE", f"{known.name} is between {low:g} and {high:g}, not {value:g}", where)
    return value


def _check_listen(listen: Listen) -> None:
    if not listen.callers:
        raise LymphoscopeError("USE-E-VALUE", "callers is empty", "[listen]", "Name the AE titles that may send.")
    for title in (listen.title, *listen.callers):
        _check_title(title, "[listen]")
    for peer in (*listen.peers, listen.address):
        try:
            ipaddress.ip_network(peer, strict=False)
        except ValueError:
            raise LymphoscopeError(
                "USE-E-VALUE", "an address is not one", "[listen]", "Write numbers, such as 10.0.3.7 or 10.0.3.0/24."
            ) from None


def _check_title(title: str, where: str) -> None:
    if not _TITLE.fullmatch(title):
        raise LymphoscopeError("USE-E-VALUE", "an AE title has 1 to 16 plain characters", where)


def _check_partners(send: tuple[Destination, ...], pull: tuple[Source, ...]) -> None:
    partners: list[Destination | Source] = [*send, *pull]
    for partner in partners:
        if not _NAME.fullmatch(partner.name):
            raise LymphoscopeError("USE-E-VALUE", "a name has small letters, digits and hyphens", "[[send]], [[pull]]")
        if partner.url and not re.match(r"https?://[^/]", partner.url):
            raise LymphoscopeError("USE-E-VALUE", "url begins with http:// or https://", partner.name)
    for group in (send, pull):
        names = [partner.name for partner in group]
        if len(set(names)) < len(names):
            raise LymphoscopeError("USE-E-VALUE", "two have one name", "[[send]], [[pull]]", "Give each its own.")
    for destination in send:
        if bool(destination.title) == bool(destination.url):
            raise LymphoscopeError("USE-E-VALUE", "a destination has a title or a url", destination.name)
        if destination.title:
            _check_title(destination.title, destination.name)


_RUN_FLAGS = ("all_methods", "identify", "parametric_map", "research_tracer")
_RUN_TEXTS = ("method",)
_RUN_NUMBERS = ("connectivity", "min_volume_ml")


def _checked_run(words: Any) -> Mapping[str, Any]:
    """The words of a run that hold for every study; those that belong to one patient are not among them."""
    known = dict.fromkeys((*_RUN_TEXTS, *_RUN_NUMBERS, *_RUN_FLAGS))
    if not isinstance(words, Mapping):
        raise LymphoscopeError("USE-E-VALUE", "this is a table of settings", "[run]")
    for name, value in words.items():
        if name not in known:
            raise unknown_name("setting in [run]", name, known)
        wanted: Any = bool if name in _RUN_FLAGS else str if name in _RUN_TEXTS else (int, float)
        if not isinstance(value, wanted) or (name in _RUN_NUMBERS and isinstance(value, bool)):
            raise LymphoscopeError("USE-E-VALUE", f"{name} is of another type", "[run]")
    settings: RunSettings = run_settings(words)  # refuses values that cannot be
    del settings
    return dict(words)


EXAMPLE = """\
# A Lymphoscope node. Start it with: lymphoscope node THIS-FILE
# Lines that are commented out show the defaults.

[node]
folder = "lymphoscope-node"   # everything it receives, makes and remembers; patient data, so guard it
# log = ""                    # a file; standard error when empty

[listen]
callers = ["MYPACS"]          # AE titles that may send; nobody else is answered
# peers = ["127.0.0.1", "::1"]  # addresses or networks that may connect, such as "10.0.3.0/24"
# title = "LYMPHOSCOPE"
# address = "127.0.0.1"       # this machine only; DICOM is not encrypted, so think before you open it
# port = 11112
# associations = 8
# max_pdu = 131072
# max_instance_mb = 64.0
# min_free_mb = 1024.0        # with less space left, senders are told so and keep their images
# idle_s = 60.0

[study]
# quiet_s = 120.0             # a study is taken when nothing has come for so long
# complete_s = 30.0           # ... and for so long when CT and all promised PET slices are there

[work]
# runs = 1                    # at once; each takes up to memory_gb
# time_s = 3600.0
# memory_gb = 12.0
# attempts = 3

[run]                         # as the options of `lymphoscope run`
# method = "suv4.0"
# all_methods = false
# identify = false            # print name, number and birth date on the report
# parametric_map = false      # an SUV map as a DICOM object too

# Where results go; any number of them.
# [[send]]
# name = "pacs"
# title = "MYPACS"
# address = "127.0.0.1"
# port = 104
# objects = ["seg", "sr"]     # all when left out

# [[send]]
# name = "web"
# url = "https://pacs.example/dicom-web"
# user = "lymphoscope"
# password_file = "/etc/lymphoscope/password"

# A DICOMweb server that is asked for new PET studies.
# [[pull]]
# name = "archive"
# url = "https://pacs.example/dicom-web"
# every_s = 60.0
# days = 2
"""
"""The configuration that ``lymphoscope node --make-config`` writes."""


def write_example(path: Path) -> None:
    """Write the commented example; an existing file is kept.

    Raises:
        LymphoscopeError: ``USE-E-OUTPUT`` when the file is there, ``IO-E-WRITE`` when the system refuses.
    """
    try:
        with Path(path).open("x", encoding="utf-8") as out:
            out.write(EXAMPLE)
    except FileExistsError:
        raise LymphoscopeError("USE-E-OUTPUT", "the file exists already", fix="Give another name.") from None
    except OSError:
        raise LymphoscopeError("IO-E-WRITE", "the configuration could not be written") from None
