from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from lymphoscope.app import cli
from lymphoscope.app.node.extra import needed
from lymphoscope.core.errors import LymphoscopeError


def _say(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(["node", *words])
    return int(left.value.code or 0)


def test_a_configuration_is_written_and_a_node_needs_one(tmp_path: Path, capfd) -> None:
    path = tmp_path / "node.toml"
    assert _say("--make-config", str(path)) == 0
    assert "[listen]" in path.read_text()
    assert _say() == 2
    assert _say(str(path), "--make-config", str(path)) == 2
    assert _say(str(tmp_path / "absent.toml")) == 3
    said = capfd.readouterr().err
    assert "USE-E-VALUE" in said
    assert "IO-E-PATH" in said


def test_a_node_runs_until_it_is_told_to_end(tmp_path: Path, net: ModuleType) -> None:
    port = net.free_port()
    config = tmp_path / "node.toml"
    config.write_text(f'[node]\nfolder = "kept"\n[listen]\ncallers = ["{net.CALLER}"]\nport = {port}\n')
    command = [sys.executable, "-c", "from lymphoscope.app.cli import main; main()", "node", str(config)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        net.until(lambda: net.echo(port) == 0, 60)
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert (events[0], events[-1]) == ("started", "stopped")
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0, "nobody else may look"


def test_the_node_says_which_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynetdicom", None)
    with pytest.raises(LymphoscopeError, match=r"USE-E-EXTRA: pynetdicom is not installed.*\[node\]"):
        needed("pynetdicom")


def test_the_command_line_does_not_load_the_network_unasked() -> None:
    code = "import sys; import lymphoscope.app.cli; print({'pynetdicom', 'dicomweb_client'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
