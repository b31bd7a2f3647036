"""How vendors write a PET series: units, decay correction, which clock means what, private tags.

A table for writing files, so that reading can be tried on every kind. Where the rows come from is said per row;
the rows marked "by the standard" are what DICOM asks for under another manufacturer's name, not seen on real files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

from lymphoscope.core.registry import unknown_name

_ATTENUATED = ("NORM", "DTIM", "ATTN", "SCAT", "RAN")


@dataclass(frozen=True)
class Convention:
    """One way of writing a PET series.

    Attributes:
        name: The name to choose it by.
        manufacturer: Manufacturer (0008,0070).
        model: Model name (0008,1090).
        source: Where the convention was seen.
        units: Units (0054,1001).
        suv_type: SUV Type (0054,1006); empty for none.
        decay: Decay Correction (0054,1102): ``START``, ``ADMIN`` or ``NONE``.
        frame_reference: What Frame Reference Time counts to, from the decay reference: ``average`` (the moment of
            average activity within the frame), ``start`` (the frame's start).
        acquisition: What Acquisition Time holds: ``frame`` (each bed's start) or ``series`` (one time for all).
        acquisition_shift_s: Seconds by which Acquisition Time is off what `acquisition` says.
        first_frame_s: Seconds from the decay reference to the first bed's start.
        series_late_s: Seconds by which Series Time lies after the decay reference (post-processed series).
        start_datetime: Write Radiopharmaceutical Start DateTime (0018,1078).
        start_time: Write Radiopharmaceutical Start Time (0018,1072).
        private: Private facts written: ``siemens-reference``, ``ge-reference``, ``philips-suv``, ``philips-bqml``.
        decay_datetime: Write Decay Correction DateTime (0018,9701).
        bq_per_count: Bq/mL of one count (CNTS only).
        slopes: ``slice`` (each slice its own rescale slope) or ``series``.
        signed: Stored values are signed.
        coding: Scheme of codes: ``SCT``, or the older ``SRT``.
        fractions: Times are written with six decimals, also when they are whole seconds.
    """

    name: str
    manufacturer: str
    model: str
    source: str
    units: str = "BQML"
    suv_type: str = ""
    decay: str = "START"
    frame_reference: str = "average"
    acquisition: str = "frame"
    acquisition_shift_s: float = 0.0
    first_frame_s: float = 0.0
    series_late_s: float = 0.0
    start_datetime: bool = True
    start_time: bool = True
    private: tuple[str, ...] = ()
    decay_datetime: bool = False
    bq_per_count: float = 1.0
    slopes: str = "slice"
    signed: bool = False
    coding: str = "SCT"
    fractions: bool = False

    @property
    def corrected(self) -> tuple[str, ...]:
        """Corrected Image (0028,0051): DECY is there exactly when decay was corrected for."""
        return _ATTENUATED if self.decay == "NONE" else (*_ATTENUATED, "DECY")


_SIEMENS = Convention(
    "siemens",
    "SIEMENS",
    "Biograph64",
    "scanner header SIEMENS and BQML_AC_DT of calculate-suv: Series Time is the reference, frame times average",
    acquisition_shift_s=-5e-6,
    private=("siemens-reference",),
    coding="SRT",
    fractions=True,
)
_GE = Convention(
    "ge",
    "GE MEDICAL SYSTEMS",
    "Discovery 690",
    "scanner header GE of calculate-suv and STS_010: frame times count to the frame's start",
    frame_reference="start",
    private=("ge-reference",),
    coding="SRT",
    signed=True,
)
_PHILIPS = Convention(
    "philips-cnts",
    "Philips Medical Systems",
    "GEMINI TF TOF 16",
    "scanner headers PHILIPS_CNTS_AND_SUV and _AND_BQML_SUV of calculate-suv: counts with private factors",
    units="CNTS",
    first_frame_s=1123.0,
    private=("philips-suv", "philips-bqml"),
    bq_per_count=1.602563,
    start_datetime=False,
    coding="SRT",
    signed=True,
)
_PLAIN = Convention("bqml", "SYNTHETIC", "Phantom", "by the standard")

_ROWS = (
    _SIEMENS,
    replace(
        _SIEMENS,
        name="siemens-late",
        source="as siemens, filed again later: Series Time comes after the scan, and no private tag",
        series_late_s=2730.0,
        acquisition_shift_s=0.0,
        private=(),
    ),
    replace(
        _SIEMENS,
        name="siemens-refiled",
        source="as siemens, filed again later with its private tag: Series Time comes after the scan",
        series_late_s=2730.0,
    ),
    _GE,
    replace(
        _GE,
        name="ge-refiled",
        source="QIBA's SUV pseudo-code: a post-processed GE series, whose private scan time tells the reference",
        series_late_s=2730.0,
    ),
    replace(
        _GE,
        name="ge-public",
        source="STS_001 and STS_010: a GE series whose private group is gone",
        private=(),
        start_datetime=False,
    ),
    replace(
        _GE,
        name="cps",
        manufacturer="CPS",
        model="1094",
        source="scanner header CPS of calculate-suv: filed 2730 s later, frame times count to the frame's start",
        series_late_s=2730.0,
        private=(),
        start_datetime=False,
        signed=False,
    ),
    _PHILIPS,
    replace(_PHILIPS, name="philips-cnts-suv", private=("philips-suv",)),
    replace(_PHILIPS, name="philips-cnts-bqml", private=("philips-bqml",)),
    replace(
        _PHILIPS,
        name="philips-bqml",
        model="Ingenuity TF PET/CT",
        source="scanner header PHILIPS_BQML of calculate-suv: Acquisition Time is the series' start, not the bed's",
        units="BQML",
        acquisition="series",
        acquisition_shift_s=1.0,
        first_frame_s=1267.0,
        start_datetime=True,
        bq_per_count=4.709921,
    ),
    replace(
        _GE,
        name="de-identified",
        source="STS_013: Acquisition Time was overwritten by Series Time, private groups removed",
        acquisition="series",
        private=(),
        start_datetime=False,
    ),
    replace(
        _PLAIN,
        name="decay-datetime",
        source="by the standard: Decay Correction DateTime tells the reference, Series Time comes after the scan",
        decay_datetime=True,
        series_late_s=1800.0,
        start_time=False,
    ),
    _PLAIN,
    replace(_PLAIN, name="bqml-admin", decay="ADMIN"),
    replace(_PLAIN, name="bqml-none", decay="NONE"),
    replace(_PLAIN, name="gml", units="GML", suv_type="BW", slopes="series"),
    replace(_PLAIN, name="gml-untyped", units="GML", slopes="series"),
    replace(_PLAIN, name="gml-lbm", units="GML", suv_type="LBM"),
    replace(_PLAIN, name="gml-james", units="GML", suv_type="LBMJAMES128"),
    replace(_PLAIN, name="gml-janma", units="GML", suv_type="LBMJANMA"),
    replace(_PLAIN, name="gml-ibw", units="GML", suv_type="IBW"),
    replace(_PLAIN, name="cm2ml", units="CM2ML", suv_type="BSA"),
    replace(_PLAIN, name="uih", manufacturer="UIH", model="uMI 550", fractions=True),
    replace(_PLAIN, name="canon", manufacturer="CANON_MEC", model="Cartesion Prime", signed=True),
)

CONVENTIONS = MappingProxyType({row.name: row for row in _ROWS})
"""Conventions by name."""


def convention_named(name: str) -> Convention:
    """Find a convention.

    Raises:
        LymphoscopeError: ``USE-E-NAME``, with the nearest names.
    """
    if name not in CONVENTIONS:
        raise unknown_name("vendor convention", name, CONVENTIONS)
    return CONVENTIONS[name]
