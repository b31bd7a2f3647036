"""Units a voxel value can have."""

from __future__ import annotations

from enum import StrEnum


class Unit(StrEnum):
    """Unit of the values of a `Volume`."""

    HU = "HU"
    SUV_BW = "SUVbw g/mL"
    SUV_LBM = "SUVlbm g/mL"
    BQ_ML = "Bq/mL"
    PROBABILITY = "probability"
    LABEL = "label"
    ARBITRARY = "arbitrary"
