from __future__ import annotations

from pathlib import Path

import pytest

from lymphoscope.app.failure import known_errors, trace_without_data
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.registry import Shelf

SECRET = "DOE^JOHN 19610402"


def _break(beside: Path | None) -> LymphoscopeError:
    with pytest.raises(LymphoscopeError) as caught, known_errors(beside):
        raise ValueError(SECRET)
    return caught.value


def test_a_foreign_error_becomes_ours_without_its_text(tmp_path: Path) -> None:
    error = _break(tmp_path / "case")
    assert error.code == "RUN-E-UNEXPECTED"
    assert error.exit_status == 1
    assert error.__cause__ is None and error.__suppress_context__
    [log] = tmp_path.iterdir()
    assert log.name in error.message.text
    for text in (error.message.text, log.read_text()):
        assert "DOE" not in text and "1961" not in text and str(tmp_path) not in text
    assert "ValueError" in log.read_text()


def test_the_same_failure_has_the_same_reference(tmp_path: Path) -> None:
    texts = {_break(tmp_path / "case").message.text for _ in range(2)}
    assert len(texts) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_the_log_goes_to_the_temporary_folder_where_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    error = _break(tmp_path / "not" / "there" / "case")
    assert "temporary folder" in error.message.text
    assert list(tmp_path.glob("lymphoscope-failure-*.log"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "gone"))
    assert "no log could be written" in _break(None).message.text


def test_our_own_errors_and_interrupts_pass() -> None:
    with pytest.raises(LymphoscopeError) as caught, known_errors():
        raise LymphoscopeError("SUV-E-WEIGHT", "missing")
    assert caught.value.code == "SUV-E-WEIGHT"
    with pytest.raises(KeyboardInterrupt), known_errors():
        raise KeyboardInterrupt


def test_the_trace_names_our_lines_and_every_type_of_a_chain() -> None:
    shelf = Shelf("thing")
    shelf.put("broken", f"lymphoscope.{SECRET}:x")
    try:
        try:
            shelf["broken"].load()
        except ModuleNotFoundError as error:
            raise RuntimeError(SECRET) from error
    except RuntimeError as error:
        text = trace_without_data(error)
    assert "DOE" not in text
    assert text.index("RuntimeError") < text.index("ModuleNotFoundError")
    assert "lymphoscope/core/registry.py:" in text and " load" in text
    assert "site-packages" not in text and "importlib" not in text
