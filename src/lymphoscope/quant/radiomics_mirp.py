"""The full radiomics set by mirp, for those who install the extra ``radiomics``."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.measure import Measure, Measures
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.nifti import write_nifti
from lymphoscope.quant.grey_levels import TextureSettings
from lymphoscope.quant.region import region

MARGIN_MM = 30.0
"""Image kept round a lesion, mm."""


def mirp_measures(suv: Volume, mask: LesionMask, lesion: int, settings: TextureSettings | None = None) -> Measures:
    """Every IBSI feature that mirp computes for a lesion, under mirp's names.

    mirp resamples the lesion's surroundings rather than the whole image, so its grid, and with it resampled features,
    differ slightly from the native ones on grids that are not already at the spacing asked for.

    Args:
        suv: PET in SUVbw on its native grid.
        mask: Lesions on the same grid.
        lesion: Number of the lesion.
        settings: Grid and bins, as for the native texture.

    Returns:
        Numbers named ``mirp_…``; unit ``1`` stands for whatever mirp's documentation says.

    Raises:
        LymphoscopeError: ``USE-E-EXTRA`` where mirp is not installed; ``GEO-E-UNIT``, ``GEO-E-MASKGRID``;
            ``GEO-E-MASKLABELS`` for a number that no voxel has.
    """
    mirp = _mirp()
    suv.values(Unit.SUV_BW)
    settings = settings or TextureSettings()
    image, inside = _crop(suv, mask, lesion)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        files = [str(Path(folder) / name) for name in ("image.nii.gz", "mask.nii.gz")]
        write_nifti(files[0], image)
        write_nifti(files[1], inside)
        # mirp starts the bins at the lowest value allowed
        frames = mirp.extract_features(
            image=files[0],
            mask=files[1],
            image_modality="PET",
            new_spacing=settings.spacing_mm,
            spline_order=settings.order,
            anti_aliasing=False,
            resegmentation_intensity_range=[settings.lowest, math.nan],
            base_discretisation_method="fixed_bin_size",
            base_discretisation_bin_width=settings.bin_width,
            no_approximation=True,
        )
    row = frames[0].select_dtypes("number").iloc[0]
    method = f"mirp {version('mirp')}, {settings.label}"
    features = ((str(name), float(value)) for name, value in row.items())
    return Measures(tuple(_measure(name, value, method) for name, value in features if not name.startswith("image_")))


def _measure(name: str, value: float, method: str) -> Measure:
    if not math.isfinite(value):
        return Measure.missing(f"mirp_{name}", "mirp gives no value", method=method)
    return Measure(f"mirp_{name}", value, method=method)


def _mirp() -> ModuleType:
    try:
        return import_module("mirp")
    except ImportError:
        raise LymphoscopeError(
            "USE-E-EXTRA", "the full radiomics set needs mirp", fix="pip install lymphoscope[radiomics]"
        ) from None


def _crop(suv: Volume, mask: LesionMask, lesion: int) -> tuple[Volume, LesionMask]:
    one = region(suv, mask, lesion)
    if not len(one.index):
        raise LymphoscopeError("GEO-E-MASKLABELS", f"no voxel has the number {lesion}")
    grid = suv.geometry
    room = np.ceil(MARGIN_MM / np.array(grid.spacing)).astype(int)
    start = np.maximum(np.array(one.corner) - room, 0)
    stop = np.minimum(np.array(one.corner) + one.inside.shape + room, grid.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    part = grid.part(box)
    inside = (mask.labels[box] == lesion).astype(np.int32)
    return Volume(suv.array[box], part, suv.unit), LesionMask(inside, part, mask.source)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep mirp's log lines, which name files, out of ours."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
