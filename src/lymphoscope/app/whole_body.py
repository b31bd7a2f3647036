"""Whole-body phantoms on the disk: studies with their truth, or a data set to train on, from a folder of organ maps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.core.registry import unknown_name
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.resample import ct_on
from lymphoscope.image.wholebody.phantom import PHYSIOLOGICAL_NAMES, Phantom, WholeBodySettings, whole_body
from lymphoscope.image.wholebody.physics import SCANNERS
from lymphoscope.image.wholebody.tables import BURDEN
from lymphoscope.io.atomic import claim, draft, writing
from lymphoscope.io.case import canonical_json
from lymphoscope.io.conventions import convention_named
from lymphoscope.io.dataset.writing import About, NewCase, write_nnunet
from lymphoscope.io.dicom_write import WriteOptions, write_study
from lymphoscope.io.masks import read_organs
from lymphoscope.io.nifti import write_nifti
from lymphoscope.io.pet_physics import ScanFacts

LAYOUTS = ("dicom", "nnunet")
_CONVENTION = {"GE": "ge", "SIEMENS": "siemens", "PHILIPS": "philips-bqml"}
_OURS = re.compile(r"phantom-\d{4}")
_MAP_FILES = ("*.nii.gz", "*.nii")


@dataclass(frozen=True)
class Cohort:
    """Which phantoms are made, and how they are written.

    Attributes:
        maps: Folder of organ label maps, NIfTI.
        names: Label number → organ; None for the maps' own label tables, or TotalSegmentator's numbering.
        count: How many.
        seed: Of all chance.
        subtype: Lymphoma, as in `BURDEN`, or ``none``; None draws one for each.
        scanner: Name in `SCANNERS`; None draws one for each.
        vendor: Whose way of writing PET; None for that of the scanner's maker.
        ct: Make a CT too.
        step_mm: Edge of the voxels that the body is built of.
        layout: One of `LAYOUTS`.
        options: Transfer syntax, and whether a result may be replaced.
    """

    maps: Path
    names: Mapping[int, str] | None = None
    count: int = 1
    seed: int = 0
    subtype: str | None = None
    scanner: str | None = None
    vendor: str | None = None
    ct: bool = True
    step_mm: float = 4.0
    layout: str = "dicom"
    options: WriteOptions = field(default_factory=WriteOptions)

    def __post_init__(self) -> None:
        """Refuse words that mean nothing.

        Raises:
            LymphoscopeError: ``USE-E-NAME`` or ``USE-E-VALUE``.
        """
        _known("subtype", self.subtype, (*BURDEN, "none"))
        _known("scanner", self.scanner, [scanner.name for scanner in SCANNERS])
        _known("layout", self.layout, LAYOUTS)
        if self.vendor is not None:
            convention_named(self.vendor)
        if self.count < 1:
            raise LymphoscopeError("USE-E-VALUE", "at least one phantom is made", "--count")
        if self.layout == "nnunet" and not self.ct:
            raise LymphoscopeError("USE-E-VALUE", "a data set of phantoms has a CT", "--no-ct")


@dataclass(frozen=True, eq=False)
class _Made:
    """A phantom with its number and the organ map it was made of."""

    name: str
    map: str
    phantom: Phantom


def write(folder: Path, cohort: Cohort, progress: Progress = silent) -> dict[str, Any]:
    """Make phantoms and write them.

    Args:
        folder: ``dicom``: one folder a phantom, with ``study/`` (DICOM), ``truth/`` (masks) and ``truth.json``;
            ``nnunet``: a data set whose patients are the organ maps, so that folds split by map.
        cohort: What is made.
        progress: Hears of every phantom.

    Returns:
        What is true of each phantom, and maps that could not be used.

    Raises:
        LymphoscopeError: ``IO-E-NOTHING`` without maps, those of `read_organs` and `whole_body` when no map serves,
            ``USE-E-OUTPUT`` or ``IO-E-WRITE`` for the folder.
    """
    unfit: list[str] = []
    records: list[dict[str, Any]] = []
    phantoms = _phantoms(cohort, unfit, progress)
    if cohort.layout == "nnunet":
        about = About("phantoms", description="Synthetic FDG PET/CT made by Lymphoscope; no patient data.")
        write_nnunet(folder, _cases(phantoms, records), about, cohort.options.force)
    else:
        with claim(folder, cohort.options.force, _is_ours) as held, draft(held, durable=False) as new:
            for made in phantoms:
                _write_one(new / made.name, made, cohort)
                records.append(truth_record(made.phantom, made.name, made.map))
    return {"phantoms": records, "n_phantoms": len(records), "maps_left_out": unfit}


def truth_record(phantom: Phantom, name: str, source: str) -> dict[str, Any]:
    """What is true of a phantom, for ``truth.json`` and ``--json``.

    Args:
        phantom: The phantom.
        name: Its folder or case.
        source: The organ map it was made of.
    """
    labels, suv = phantom.lesions.labels, phantom.pet.array
    stations = phantom.facts.get("stations", ())
    assert isinstance(stations, tuple)
    lesions = []
    for number, station in enumerate(stations, start=1):
        inside = labels == number
        volume = float(np.count_nonzero(inside)) * phantom.pet.geometry.voxel_ml
        lesions.append({
            "number": number, "station": str(station), "volume_ml": volume,
            "suv_max": float(suv[inside].max()) if volume else None,
        })  # fmt: skip
    hot = phantom.lesions.foreground
    return {
        "name": name, "map": source, "lesions": lesions, "tmtv_ml": phantom.lesions.volume_ml,
        "tlg": float(suv[hot].sum()) * phantom.pet.geometry.voxel_ml,
        "core_ml": phantom.core.volume_ml, "objects_ml": phantom.objects.volume_ml,
        "physiological_labels": {str(k): v for k, v in sorted(PHYSIOLOGICAL_NAMES.items())},
        "organ_labels": {str(k): v for k, v in sorted(phantom.organs.names.items())},
        "facts": {key: _plain(value) for key, value in sorted(phantom.facts.items())},
    }  # fmt: skip


def _phantoms(cohort: Cohort, unfit: list[str], progress: Progress) -> Iterator[_Made]:
    """Phantoms one after the other; a map that does not serve is left out, and the next one taken."""
    files = sorted({path for kind in _MAP_FILES for path in cohort.maps.glob(kind)})
    if not files:
        raise LymphoscopeError("IO-E-NOTHING", "the folder holds no organ map", "--whole-body")
    order = np.random.default_rng(cohort.seed).permutation(len(files))
    settings = WholeBodySettings(cohort.step_mm, cohort.subtype, scanner=cohort.scanner, with_ct=cohort.ct)
    number = turn = 0
    while number < cohort.count:
        progress("making phantoms", number, cohort.count)
        path = files[order[turn % len(files)]]
        turn += 1
        name = path.name.removesuffix(".gz").removesuffix(".nii")
        if name in unfit:
            continue
        try:
            made = whole_body(read_organs(path, cohort.names), np.random.default_rng([cohort.seed, number]), settings)
        except LymphoscopeError as error:
            unfit.append(name)
            if len(unfit) == len(files):
                raise error from None
            continue
        number += 1
        yield _Made(f"phantom-{number:04d}", name, made)
    progress("making phantoms", cohort.count, cohort.count)


def _cases(phantoms: Iterator[_Made], records: list[dict[str, Any]]) -> Iterator[NewCase]:
    for made in phantoms:
        phantom = made.phantom
        assert phantom.ct is not None
        record = truth_record(phantom, made.name, made.map)
        records.append(record)
        labels = Volume(phantom.lesions.foreground.astype(np.uint8), phantom.pet.geometry, Unit.LABEL)
        volumes = {"ct:hu": ct_on(phantom.ct, phantom.pet.geometry), "pet:suv": phantom.pet}
        facts = {key: record["facts"][key] for key in ("subtype", "scanner", "weight_kg", "sex", "age_years")}
        yield NewCase(made.name, volumes, labels, made.map, {"tmtv_ml": round(record["tmtv_ml"], 3), **facts})


def _write_one(folder: Path, made: _Made, cohort: Cohort) -> None:
    phantom = made.phantom
    vendor = cohort.vendor or _CONVENTION[str(phantom.facts["vendor"])]
    facts = _scan_facts(phantom, made.name)
    write_study(folder / "study", phantom.pet, phantom.ct, facts, vendor, cohort.options)
    masks: dict[str, LesionMask] = {
        "lesions": phantom.lesions, "core": phantom.core, "objects": phantom.objects,
        "physiological": phantom.physiological, "organs": phantom.organs.mask,
    }  # fmt: skip
    with writing():
        (folder / "truth").mkdir()
        for name, mask in masks.items():
            write_nifti(folder / "truth" / f"{name}.nii.gz", mask)
        (folder / "truth.json").write_bytes(canonical_json(truth_record(phantom, made.name, made.map)))


def _scan_facts(phantom: Phantom, name: str) -> ScanFacts:
    """The header's facts, as they were drawn."""
    facts: Mapping[str, Any] = phantom.facts
    scanner = next(scanner for scanner in SCANNERS if scanner.name == facts["scanner"])
    geometry = phantom.pet.geometry
    plain = ScanFacts()
    return ScanFacts(
        weight_kg=float(facts["weight_kg"]),
        height_m=float(facts["height_m"]),
        sex=str(facts["sex"]),
        age_years=round(float(facts["age_years"])),
        dose_mbq=round(float(facts["dose_mbq"]), 1),
        injected=plain.scanned - timedelta(minutes=round(float(facts["uptake_min"]))),
        beds=max(1, round(geometry.shape[0] * geometry.spacing[0] / scanner.bed_mm)),
        name=f"SYNTHETIC^{name.upper()}",
        patient_id=f"SYNTHETIC-{name[-4:]}",
    )


def _is_ours(entry: Path) -> bool:
    return bool(_OURS.fullmatch(entry.name))


def _known(kind: str, name: str | None, names: Iterable[str]) -> None:
    known = dict.fromkeys(names)
    if name is not None and name not in known:
        raise unknown_name(kind, name, known)


def _plain(value: Any) -> Any:
    """A fact as JSON can hold it."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return value.item()
    return value
