"""Compression that every reader takes and that repeats."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lymphoscope.io import gzipped as module
from lymphoscope.io.gzipped import gzipped


@given(st.binary(max_size=500), st.integers(1, 64))
@settings(max_examples=60, deadline=None)
def test_round_trip_over_any_part_size(content: bytes, part: int) -> None:
    whole = module._PART
    try:
        module._PART = part
        packed = gzipped(content)
    finally:
        module._PART = whole
    assert gzip.decompress(packed) == content
    # one member: a reader that stops after the first has everything
    reader = zlib.decompressobj(31)
    assert reader.decompress(packed) == content
    assert reader.eof
    assert reader.unused_data == b""


def test_bytes_repeat_and_hold_no_time() -> None:
    content = np.random.default_rng(0).normal(0, 100, 3_000_000).astype(np.int16).tobytes()
    assert gzipped(content) == gzipped(content)
    assert gzipped(content)[4:8] == bytes(4)
    assert len(gzipped(content)) < len(content)


@pytest.mark.system
@pytest.mark.skipif(shutil.which("gzip") is None, reason="gzip is not installed")
def test_the_systems_gzip_agrees() -> None:
    content = bytes(range(256)) * 50_000
    done = subprocess.run(["gzip", "-dc"], input=gzipped(content), capture_output=True, check=True)
    assert done.stdout == content
