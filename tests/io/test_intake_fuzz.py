"""Whatever bytes come in, a study or a refusal comes out: never a crash, never a name."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.study import Study
from lymphoscope.io.intake import list_series, load_study
from lymphoscope.io.nifti import to_nifti_bytes

FEW = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
DAMAGE = st.tuples(
    st.integers(0, 2**32), st.integers(1, 40), st.sampled_from(["bytes", "cut", "zeros", "swap", "grow"])
)


def damaged(data: bytes, damage: tuple[int, int, str]) -> bytes:
    """Bytes with some changed, cut off, blanked, moved or put in."""
    seed, amount, kind = damage
    chance, out = random.Random(seed), bytearray(data)
    if kind == "cut":
        return bytes(out[: chance.randrange(len(out))])
    for _ in range(amount):
        place = chance.randrange(max(1, len(out)))
        if kind == "bytes":
            out[place] = chance.randrange(256)
        elif kind == "zeros":
            out[place : place + 8] = bytes(len(out[place : place + 8]))
        elif kind == "swap":
            other = chance.randrange(len(out))
            out[place : place + 4], out[other : other + 4] = out[other : other + 4], out[place : place + 4]
        else:
            out[place:place] = chance.randbytes(3)
    return bytes(out)


def survives(path: Path, **words: object) -> None:
    for read in (lambda: load_study(path, **words), lambda: list_series(path)):
        try:
            result = read()
            assert isinstance(result, (Study, tuple))
        except LymphoscopeError as refused:
            assert refused.exit_status == 3, refused
            assert "SECRET123" not in str(refused) and "DOE^" not in str(refused)
            assert refused.__cause__ is None


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """A folder for examples to be spoilt in."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "rle", "jpeg-ls", "jpeg-2000"])
def test_dicom(clinic, sound, syntax) -> None:
    small = clinic.pet(edit=lambda d, n: n <= 4, syntax=syntax)
    files = sorted(small.iterdir())

    @FEW
    @given(damage=DAMAGE, header=st.booleans(), victim=st.integers(0, 3))
    def spoil(damage, header, victim) -> None:
        folder = sound / "dicom"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(small, folder)
        data = files[victim].read_bytes()
        split = data.index(b"\xe0\x7f\x10\x00") if header else len(data)
        (folder / files[victim].name).write_bytes(damaged(data[:split], damage) + data[split:])
        survives(folder)

    spoil()


def test_nifti(clinic, sound) -> None:
    data = to_nifti_bytes(clinic.pet_volume.with_array(np.ascontiguousarray(clinic.pet_volume.array)))

    @settings(FEW, max_examples=150)
    @given(damage=DAMAGE, whole=st.booleans())
    def spoil(damage, whole) -> None:
        path = sound / "SUV.nii"
        path.write_bytes(damaged(data, damage) if whole else damaged(data[:352], damage) + data[352:])
        survives(path, suv=True)

    spoil()


def test_zip(clinic, sound) -> None:
    clinic.pet(edit=lambda d, n: n <= 3)
    archive = Path(shutil.make_archive(str(sound / "study"), "zip", clinic.root))
    data = archive.read_bytes()

    @settings(FEW, max_examples=80)
    @given(damage=DAMAGE, directory=st.booleans())
    def spoil(damage, directory) -> None:
        split = data.index(b"PK\x01\x02") if directory else 0
        archive.write_bytes(data[:split] + damaged(data[split:], damage))
        survives(archive)

    spoil()
