"""The door to mirp, without mirp."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.quant.radiomics_mirp import mirp_measures


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mirp", None)  # importing it fails
    geometry = Geometry.axial((4, 4, 4), (4.0, 4.0, 4.0))
    suv = Volume(np.ones((4, 4, 4)), geometry, Unit.SUV_BW)
    with pytest.raises(LymphoscopeError) as caught:
        mirp_measures(suv, LesionMask(np.ones((4, 4, 4), np.int32), geometry, "t"), 1)
    assert caught.value.code == "USE-E-EXTRA"
    assert "pip install lymphoscope[radiomics]" in str(caught.value)
    assert caught.value.exit_status == 2
