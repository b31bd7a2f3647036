"""What is deployed fits the node: its configurations are valid, its paths and titles agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from lymphoscope.app.node.settings import read_settings, settings_of

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"


def test_the_configuration_of_the_containers_is_valid_and_agrees_with_them() -> None:
    settings = read_settings(DEPLOY / "node.toml")
    compose = (DEPLOY / "compose.yaml").read_text()
    image = (DEPLOY / "Dockerfile").read_text()
    (orthanc,) = settings.send
    assert f"ipv4_address: {orthanc.address}" in compose
    assert f'"DicomAet": "{orthanc.title}"' in compose
    assert f'"DicomPort": {orthanc.port}' in compose
    assert orthanc.title in settings.listen.callers
    assert f"subnet: {settings.listen.peers[0]}" in compose
    assert f'["{settings.listen.title}", "172.30.11.2", {settings.listen.port}]' in compose
    assert f"EXPOSE {settings.listen.port}" in image
    assert f"VOLUME {settings.folder}" in image
    ports = re.findall(r'"([\d.:]+:\d+:\d+)"', compose)
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_service_is_offline_and_starts_what_is_installed() -> None:
    unit = (DEPLOY / "lymphoscope-node.service").read_text()
    assert "ExecStart=/opt/lymphoscope/bin/lymphoscope node /etc/lymphoscope/node.toml" in unit
    assert "IPAddressDeny=any" in unit
    assert "StateDirectoryMode=0700" in unit


def test_the_configuration_in_the_docs_is_valid() -> None:
    page = (ROOT / "docs" / "how-to" / "run-a-node.md").read_text()
    (block,) = re.findall(r"^```toml\n(.*?)^```$", page, re.M | re.S)
    assert settings_of(tomllib.loads(block)).send[0].objects == ("seg", "sr", "report")
