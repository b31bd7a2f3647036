"""The container files, held to what can be told without a daemon: paths, stages, options, volumes, locked packages."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from lymphoscope.app.cli import app

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
COMPOSED = sorted((ROOT / "deploy").glob("*.yaml"))


def lines() -> list[str]:
    """The instructions of the Dockerfile, continued lines joined."""
    whole = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    return [line for line in whole.splitlines() if line and not line.startswith("#")]


def stages() -> dict[str, list[str]]:
    """Instructions by stage, in order; the last stage has no name."""
    found: dict[str, list[str]] = {}
    for line in lines():
        if line.startswith("FROM "):
            name = line.split(" AS ")[1] if " AS " in line else ""
            found[name] = []
        found[name].append(line)
    return found


def options_of(verb: str) -> set[str]:
    """The options of a verb of the command line."""
    command: Any = get_command(app).commands[verb]  # type: ignore[attr-defined]
    return {option for parameter in command.params for option in parameter.opts if option.startswith("--")}


def test_all_that_is_copied_is_there_or_made_by_an_earlier_stage() -> None:
    seen: list[str] = []
    for name, body in stages().items():
        for line in body:
            if line.startswith("FROM ") and (base := line.split()[1]) in stages():
                assert base in seen
            if not line.startswith("COPY "):
                continue
            *sources, _ = line.removeprefix("COPY ").split()
            if sources[0].startswith("--from="):
                assert sources[0].removeprefix("--from=") in seen, line
            else:
                assert all((ROOT / source).exists() for source in sources), line
        seen.append(name)


def test_the_wheel_is_built_of_what_is_copied() -> None:
    copied = [word for line in stages()["wheel"] if line.startswith("COPY ") for word in line.split()[1:-1]]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for path in (*included, project["project"]["readme"], *project["project"]["license-files"], "hatch_build.py"):
        assert Path(path).parts[0] in copied, path
    extras = project["project"]["optional-dependencies"]
    wanted = {e for line in lines() for found in re.findall(r"whl\)\[([a-z,]+)\]", line) for e in found.split(",")}
    assert wanted == {"serve", "postgres", "node"}
    assert wanted <= set(extras)


def test_the_viewer_is_no_package_that_the_image_leaves_out() -> None:
    package = json.loads((ROOT / "web" / "package.json").read_text())
    taken = re.findall(r"node_modules/(@?[\w-]+/[\w-]+)/", (ROOT / "web" / "vendor.mjs").read_text())
    assert taken and set(taken) <= set(package["dependencies"]), "npm ci leaves out what serves development"
    locked = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    for name, version in package["dependencies"].items():
        assert locked[f"node_modules/{name}"]["version"] == version
        assert locked[f"node_modules/{name}"]["integrity"].startswith("sha512-")


def test_every_option_of_a_container_is_one_of_the_command_line() -> None:
    for body in (stages()["reading"], stages()[""]):
        entry = json.loads(next(line for line in body if line.startswith("ENTRYPOINT")).removeprefix("ENTRYPOINT "))
        default = json.loads(next(line for line in body if line.startswith("CMD")).removeprefix("CMD "))
        given = {word for word in (*entry, *default) if word.startswith("--")}
        assert entry[0] == "lymphoscope"
        assert given <= options_of(entry[1])
        assert any(line.startswith("USER lymphoscope") for line in body), "nothing runs as root"
    composed = yaml.safe_load((ROOT / "deploy" / "reading.yaml").read_text())
    given = {word.split("=")[0] for word in composed["services"]["reading"]["command"]}
    commented = re.findall(r"--(?:add-user|user-name|database)", (ROOT / "deploy" / "reading.yaml").read_text())
    assert given | set(commented) <= options_of("serve")


@pytest.mark.parametrize("path", COMPOSED, ids=lambda path: path.name)
def test_a_compose_file_names_only_what_it_has(path: Path) -> None:
    composed = yaml.safe_load(path.read_text())
    for service in composed["services"].values():
        build = service.get("build", {})
        if "dockerfile" in build:
            assert (path.parent / build["context"] / build["dockerfile"]).resolve() == DOCKERFILE
            assert build.get("target", "") in stages()
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (path.parent / source).exists() if source.startswith(".") else source in composed["volumes"]
        assert set(service.get("networks", [])) <= set(composed["networks"])
        assert {config["source"] for config in service.get("configs", [])} <= set(composed.get("configs", {}))
        assert set(service.get("depends_on", [])) <= set(composed["services"])
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), "on this machine only"
