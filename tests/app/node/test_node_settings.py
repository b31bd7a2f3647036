from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lymphoscope.app.node.settings import EXAMPLE, Destination, read_settings, settings_of, write_example
from lymphoscope.core.errors import LymphoscopeError

GOOD: dict[str, Any] = {"node": {"folder": "f"}, "listen": {"callers": ["A"]}}


def test_the_example_is_valid_and_its_comments_show_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    write_example(path)
    plain = read_settings(path)
    defaults = [f"# {n} = " for n in ("log", "peers", "title", "port", "quiet_s", "time_s", "runs", "max_pdu")]
    assert all(line in EXAMPLE for line in defaults)
    shown = EXAMPLE.replace("\n# [[", "\n[[").replace("\n# ", "\n").replace("# A Lympho", "\n# A Lympho")
    path.write_text("\n".join(line for line in shown.splitlines() if "=" in line or line.startswith("[")))
    every = read_settings(path)
    assert (every.listen, every.waiting, every.work) == (plain.listen, plain.waiting, plain.work)
    assert [d.name for d in every.send] == ["pacs", "web"]
    assert plain.listen.address == "127.0.0.1"


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text("mine")
    with pytest.raises(LymphoscopeError, match="USE-E-OUTPUT"):
        write_example(path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ({"listen": {"callers": ["A"]}}, "USE-E-VALUE", "folder is missing"),
        ({"node": {"folder": "f"}}, "USE-E-VALUE", "callers is missing"),
        ({"lisen": {}}, "USE-E-NAME", "listen"),
        ({"listen": {"callers": ["A"], "prot": 1}}, "USE-E-NAME", "port"),
        ({"listen": {"callers": []}}, "USE-E-VALUE", "callers is empty"),
        ({"listen": {"callers": "A"}}, "USE-E-VALUE", "a list of texts"),
        ({"listen": {"callers": ["A" * 17]}}, "USE-E-VALUE", "16"),
        ({"listen": {"callers": ["A\\B"]}}, "USE-E-VALUE", "16"),
        ({"listen": {"callers": ["A"], "port": 70000}}, "USE-E-VALUE", "between 0 and 65535"),
        ({"listen": {"callers": ["A"], "port": "104"}}, "USE-E-VALUE", "whole number"),
        ({"listen": {"callers": ["A"], "port": True}}, "USE-E-VALUE", "whole number"),
        ({"listen": {"callers": ["A"], "peers": ["host"]}}, "USE-E-VALUE", "address"),
        ({"listen": 3}, "USE-E-VALUE", "table"),
        ({"study": {"quiet_s": float("nan")}}, "USE-E-VALUE", "between"),
        ({"send": {}}, "USE-E-VALUE", "list of tables"),
        ({"send": [{"name": "a"}]}, "USE-E-VALUE", "a title or a url"),
        ({"send": [{"name": "a", "title": "A", "url": "http://x"}]}, "USE-E-VALUE", "a title or a url"),
        ({"send": [{"name": "A b", "title": "A"}]}, "USE-E-VALUE", "small letters"),
        ({"send": [{"name": "a", "title": "A"}] * 2}, "USE-E-VALUE", "one name"),
        ({"pull": [{"name": "a", "url": "ftp://x"}]}, "USE-E-VALUE", "http"),
        ({"run": {"method": "no-such"}}, "USE-E-NAME", "no-such"),
        ({"run": {"weight_kg": 70}}, "USE-E-NAME", "weight_kg"),
        ({"run": {"connectivity": 7}}, "USE-E-VALUE", "connectivity"),
        ({"run": {"identify": 1}}, "USE-E-VALUE", "type"),
    ],
)
def test_what_is_wrong_is_said(words: dict[str, Any], code: str, says: str) -> None:
    whole = words if "folder" in says or "callers is missing" in says else GOOD | words
    with pytest.raises(LymphoscopeError) as caught:
        settings_of(whole)
    assert caught.value.code == code
    assert says in str(caught.value)


def test_files_that_are_no_configuration_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LymphoscopeError, match="IO-E-PATH"):
        read_settings(tmp_path / "absent.toml")
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe[")
    with pytest.raises(LymphoscopeError, match="USE-E-VALUE"):
        read_settings(tmp_path / "x.toml")


def test_tables_become_settings() -> None:
    made = settings_of(GOOD | {"send": [{"name": "a", "title": "A", "objects": ["seg"]}], "run": {"identify": True}})
    assert made.send == (Destination("a", "A", objects=("seg",)),)
    assert made.run == {"identify": True}
