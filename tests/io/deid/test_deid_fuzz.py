"""Whatever bytes come in: files without the patient, or a refusal. Never a crash, never a name."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.io.deid.study import deidentify_study

from .conftest import KEY, WORDS, bytes_below

FEW = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


@FEW
@given(seed=st.integers(0, 2**32), amount=st.integers(1, 60), kind=st.sampled_from(["bytes", "cut", "zeros", "types"]))
def test_damaged_headers_tell_nobody_either(planted: Callable, seed: int, amount: int, kind: str) -> None:
    root = _SEEN.setdefault("root", planted().root)
    paths = sorted(root.rglob("*.dcm"))
    chance = random.Random(seed)
    with TemporaryDirectory() as folder:
        files = []
        for number, source in enumerate((paths[0], paths[-1])):
            data = bytearray(source.read_bytes())
            for _ in range(amount):
                _damage(data, chance, kind)
            files.append(Path(folder) / f"{number}.dcm")
            files[-1].write_bytes(data)
        out = Path(folder) / "out"
        try:
            cleaned = deidentify_study(files, out, KEY)
            assert not [w for w in WORDS for m in cleaned.notes if w in m.text.lower()]
        except LymphoscopeError as error:
            assert not [w for w in WORDS if w in str(error).lower()]
        assert not [w for w in WORDS if w.encode() in bytes_below(out)]


_SEEN: dict[str, Path] = {}


def _damage(data: bytearray, chance: random.Random, kind: str) -> None:
    """Change the header, not the pixels; value types so that they stay value types."""
    place = chance.randrange(min(132, len(data) - 1), min(len(data), 6000))
    if kind == "cut":
        del data[max(140, place, len(data) - chance.randrange(400)) :]
    elif kind == "zeros":
        data[place : place + 4] = bytes(len(data[place : place + 4]))
    elif kind == "types":
        other = data.find(b"LO", place)
        if other > 0:
            data[other : other + 2] = chance.choice([b"PN", b"CS", b"DS", b"SH", b"UN", b"UI", b"IS"])
    else:
        data[place] = chance.randrange(256)
