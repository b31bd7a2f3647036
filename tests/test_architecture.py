"""The house stands: rooms, arrows, sizes, message codes and quiet imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lymphoscope.core.codes import CODES

SRC = Path(__file__).parents[1] / "src" / "lymphoscope"
FILES = sorted(SRC.rglob("*.py"))

FLOORS = (
    {"core"},
    {"io", "image", "recipes", "nets"},
    {"quant", "evaluate", "render"},
    {"learn", "prognosis"},
    {"app"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
NO_ROOM = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
ENVIRONMENT = SRC / "app" / "settings.py"

CODE = re.compile(r"(?<![A-Z0-9-])[A-Z][A-Z0-9]*-[EWI]-[A-Z0-9]+(?:-[A-Z0-9]+)*(?![A-Z0-9*-])")
RESERVED: dict[str, str] = {}
"""Codes of the catalogue that nothing says yet, each with the reason it is there."""


def _name(file: Path) -> str:
    return file.relative_to(SRC).as_posix()


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def _room(file: Path) -> str:
    parts = file.relative_to(SRC).parts
    return parts[0] if len(parts) > 1 else ""


def _imports(tree: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    """Dotted names imported, also inside functions and under TYPE_CHECKING."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, *filter(None, [node.module])))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _rooms_imported(tree: ast.AST, package: tuple[str, ...]) -> set[str]:
    names = (name.split(".") for name in _imports(tree, package))
    return {parts[1] for parts in names if parts[0] == "lymphoscope" and len(parts) > 1 and parts[1] in FLOOR}


def test_every_package_is_a_room_of_the_house() -> None:
    found = {path.name for path in SRC.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert found <= set(FLOOR), f"unknown rooms: {sorted(found - set(FLOOR))}"
    assert [path.name for path in SRC.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_arrows_point_inward(file: Path) -> None:
    room = _room(file)
    own = FLOOR.get(room, -1)
    imported = _rooms_imported(_tree(file), ("lymphoscope", *file.relative_to(SRC).parts[:-1]))
    wrong = {other for other in imported if other != room and FLOOR[other] >= own}
    assert not wrong, f"{_name(file)} imports {sorted(wrong)}, on its own floor or above"


def test_the_arrow_test_sees_every_way_of_importing() -> None:
    source = "import lymphoscope.app.cli\nfrom lymphoscope import image\ndef f():\n    from ..quant import peak\n"
    assert _rooms_imported(ast.parse(source), ("lymphoscope", "io")) == {"app", "image", "quant"}


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_files_and_functions_fit(file: Path) -> None:
    assert file.stem not in NO_ROOM, f"{_name(file)}: name the subject"
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_FILE_LINES, f"{_name(file)} has {lines} lines: split it by subject"
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert length <= MAX_FUNCTION_LINES, f"{_name(file)}: {node.name} has {length} lines"


@pytest.mark.parametrize("file", [f for f in FILES if _room(f) != "app"], ids=_name)
def test_only_the_app_prints_or_reads_the_environment(file: Path) -> None:
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "input"), f"{_name(file)}:{node.lineno} talks to a terminal"
    assert not _reads_environment(file), f"{_name(file)} reads the environment"


def test_the_environment_is_read_in_one_file() -> None:
    readers = {file for file in FILES if _reads_environment(file)}
    assert readers <= {ENVIRONMENT}, f"{sorted(map(_name, readers - {ENVIRONMENT}))} read the environment"


def _reads_environment(file: Path) -> bool:
    names = {"environ", "environb", "getenv"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names) or (isinstance(node, ast.alias) and node.name in names)
        for node in ast.walk(_tree(file))
    )


def _codes_in(file: Path) -> set[str]:
    return set(CODE.findall(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", [f for f in FILES if f.name != "codes.py"], ids=_name)
def test_codes_in_the_source_are_in_the_catalogue(file: Path) -> None:
    unknown = {c for c in _codes_in(file) - set(CODES) if not any(code.startswith(f"{c}-") for code in CODES)}
    assert not unknown, f"{_name(file)} names {sorted(unknown)}, which the catalogue does not know"


def test_every_code_of_the_catalogue_is_said_somewhere() -> None:
    said = {
        code
        for file in FILES
        if file.name != "codes.py"
        for node in ast.walk(_tree(file))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for code in [node.value]
        if code in CODES
    }
    never = set(CODES) - said - set(RESERVED)
    assert not never, f"nothing says {sorted(never)}: use them, drop them, or reserve them with a reason"
    assert not set(RESERVED) & said, "a reserved code is used: take it off the reserved list"
    assert set(RESERVED) <= set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_codes_are_well_formed(code: str) -> None:
    assert CODE.fullmatch(code)
    entry = CODES[code]
    assert entry.means
    assert not entry.means.endswith("."), "the sentence is closed where it is shown"


def _loaded_after(statement: str) -> set[str]:
    probe = f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


HEAVY = {"torch", "SimpleITK", "scipy", "skimage", "pandas", "matplotlib", "lifelines", "pydicom", "typst", "jinja2"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not _loaded_after("import lymphoscope") & (HEAVY | {"numpy", "typer", "rich"})


def test_recipes_load_neither_torch_nor_simpleitk() -> None:
    assert not _loaded_after("import lymphoscope.recipes") & HEAVY


@pytest.mark.parametrize("module", [_name(f)[:-3].replace("/", ".") for f in FILES if _room(f) == "recipes"])
def test_every_recipe_table_is_plain_data(module: str) -> None:
    assert not _loaded_after(f"import lymphoscope.{module.removesuffix('.__init__')}") & HEAVY
