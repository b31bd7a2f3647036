"""The documentation does what it says: snippets run, their output is as shown, links lead somewhere.

In a ``console`` block a line that begins with ``$ lymphoscope`` is run; the lines under it, up to the next ``$``, must
each be found in what it prints (``…`` stands for anything). ``# exit 3`` after a command tells its exit status.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lymphoscope.core.codes import CODES

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.M)
FOREIGN_OPTIONS = {"--help", "--version", "--constraint"}
RUN = [sys.executable, "-c", "from lymphoscope.app.cli import main; main()"]


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@dataclass
class Command:
    """A command of a console block, its exit status and the lines shown under it."""

    line: str
    status: int
    shown: list[str] = field(default_factory=list)


def _commands(block: str) -> Iterator[Command]:
    command: Command | None = None
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield command
            told = re.search(r"\s+# exit (\d+)$", line)
            text = line[2 : told.start()] if told else line[2:]
            command = Command(text, int(told[1]) if told else 0)
        elif command and line.strip():
            command.shown.append(line)
    if command:
        yield command


def _blocks(page: Path, *languages: str) -> list[str]:
    return [body for language, body in BLOCK.findall(page.read_text(encoding="utf-8")) if language in languages]


def _pages_with(*languages: str) -> list[Path]:
    return [page for page in PAGES if _blocks(page, *languages)]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """An empty folder with the examples in it, where snippets run."""
    (tmp_path / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    return tmp_path


def _ran(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def _one_space(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("page", _pages_with("console", "bash"), ids=_name)
def test_commands_do_what_the_page_shows(page: Path, desk: Path) -> None:
    for block in _blocks(page, "console", "bash"):
        for command in _commands(block):
            words = shlex.split(command.line)
            if words[0] != "lymphoscope":
                continue
            done = _ran([*RUN, *words[1:]], desk)
            assert done.returncode == command.status, f"{command.line}\n{done.stdout}{done.stderr}"
            printed = _one_space(done.stdout + " " + done.stderr)
            for line in command.shown:
                wanted = re.escape(_one_space(line)).replace("…", ".*?")
                assert re.search(wanted, printed), (
                    f"{command.line} does not print\n{line}\nbut\n{done.stdout}{done.stderr}"
                )


@pytest.mark.parametrize("page", _pages_with("python"), ids=_name)
def test_python_snippets_run(page: Path, desk: Path) -> None:
    code = "\n".join(_blocks(page, "python"))
    done = _ran([sys.executable, "-c", code], desk)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.is_relative_to(ROOT) and there.exists(), f"{_name(page)} links to {target}"
        if anchor:
            titles = HEADING.findall(there.read_text(encoding="utf-8"))
            assert anchor in {_anchor(title) for title in titles}, f"{_name(page)} links to {target}"


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(_generator().PAGES))
def test_generated_pages_are_up_to_date(name: str) -> None:
    page = ROOT / "docs" / name
    assert page.read_text(encoding="utf-8") == _generator().PAGES[name](), (
        f"docs/{name} is out of date: run `make docs`"
    )


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_codes_and_options_named_on_a_page_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    unknown = set(re.findall(r"\b[A-Z][A-Z0-9]*-[EWI]-[A-Z0-9-]*[A-Z0-9]\b", text)) - set(CODES)
    assert not unknown, f"{_name(page)} names {sorted(unknown)}"
    benchmarks = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").glob("*.py"))
    known = set(re.findall(r"--[a-z][a-z-]+", _generator().PAGES["reference/cli.md"]())) | FOREIGN_OPTIONS
    known |= set(re.findall(r'"(--[a-z][a-z-]+)"', benchmarks))
    unknown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - known
    assert not unknown, f"{_name(page)} names {sorted(unknown)}"


def test_every_page_can_be_reached_from_the_index() -> None:
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        seen.add(page)
        links = (target.partition("#")[0] for target in LINK.findall(page.read_text(encoding="utf-8")))
        there = {(page.parent / link).resolve() for link in links if link.endswith(".md") and ":" not in link}
        todo += [path for path in there if path.exists() and path not in seen]
    assert not {_name(page) for page in PAGES} - {_name(page) for page in seen}
