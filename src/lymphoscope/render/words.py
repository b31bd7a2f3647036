"""Words of the report: names of quantities and organs, and texts made safe to print."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

LABELS = MappingProxyType(
    {
        "n": "Lesions",
        "n_lesions": "Lesions",
        "tmtv_ml": "TMTV",
        "tlg_g": "TLG",
        "mtv_ml": "MTV",
        "suvmax": "SUVmax",
        "suvpeak": "SUVpeak",
        "suvpeak_sul": "SULpeak",
        "suvmean": "SUVmean",
        "suvsd": "SUV standard deviation",
        "qpet_peak": "qPET peak",
        "bulk_ml": "Largest lesion (bulk)",
        "bulk_lesion": "Number of the largest lesion",
        "dmax_cm": "Dmax, centroids",
        "dmax_bulk_cm": "Dmax from the largest lesion",
        "dmax_voxel_cm": "Dmax, voxels",
        "dmax_spleen_cm": "Dmax from the spleen",
        "spread_sum_cm": "Sum of distances",
        "sdmax_per_m": "SDmax",
        "tvsr_cm": "Volume / surface",
        "surface_cm2": "Surface",
        "axial_diameter_mm": "Largest axial diameter",
        "tumour_to_liver_peak": "SUVpeak / liver mean",
        "tumour_to_liver_mean": "SUVmean / liver mean",
        "spleen_to_liver": "Spleen / liver",
        "marrow_to_liver": "Marrow / liver",
        "blood_pool_to_liver": "Blood pool / liver",
        "deauville_aid": "Five-point scale, measured aid",
        "deauville_k": "Factor on the liver for score 5",
        "max_to_liver_max": "SUVmax / liver SUVmax",
        "max_to_liver_mean": "SUVmax / liver SUVmean",
        "max_to_blood_pool_max": "SUVmax / blood pool SUVmax",
        "blood_pool_max_to_liver_max": "Blood pool SUVmax / liver SUVmax",
        "qpet": "qPET",
        "qpet_score": "qPET score",
    }
)

SUV_FOOTNOTE = (
    "Repeatability of a single SUV on the same scanner is about 10 % (within-subject coefficient of variation); "
    "a change between −25 % and +33 % may be measurement (J Nucl Med 2017;58:523; 2012;53:1041)."
)
PURPOSE = "research/decision support"

_LONGEST = 600
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def label(name: str) -> str:
    """A quantity's name for people; names that are not known lose their underscores."""
    return LABELS.get(name, name.replace("_", " "))


def organ(name: str | None) -> str:
    """An organ's name for people."""
    return (name or "").replace("_", " ")


def safe(part: Any) -> Any:
    """The same data with texts that cannot steer a page: no control characters, no marks that turn reading direction.

    Each such character becomes �, so that it can be seen that there was one; very long texts are cut.
    """
    if isinstance(part, str):
        text = _SURROGATE.sub("\ufffd", _CONTROL.sub("\ufffd", part.replace("\r\n", "\n")))
        return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    if isinstance(part, Mapping):
        return {name: safe(inner) for name, inner in part.items()}
    if isinstance(part, list | tuple):
        return [safe(inner) for inner in part]
    return part
