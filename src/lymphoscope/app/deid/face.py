"""Where the face of a study is, so that it can be blanked in all its images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from lymphoscope.app.batch.work import gathered
from lymphoscope.core.errors import LymphoscopeError, Notes
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.image.face import find_face
from lymphoscope.io.deid.faces import Blank
from lymphoscope.io.files import read_header
from lymphoscope.io.foreign.drawn import read_drawn
from lymphoscope.io.header import lenient_reading
from lymphoscope.io.intake import load_study

MOST_ML = 500.0
"""What somebody drew and is larger than this is no lesion of a face, but the skin or the head."""
_DRAWN = ("RTSTRUCT", "SEG")


def face_of(files: Iterable[Path]) -> Blank | None:
    """Find the front of the face by the brain in the PET of a study.

    Args:
        files: The files of one study.

    Returns:
        None where no brain is in view, by which it would be found.

    Raises:
        LymphoscopeError: ``DEID-E-FACE`` when there is no PET of known SUV to look at.
    """
    with gathered("dicom", [str(file) for file in files]) as folder:
        try:
            study = load_study(folder, research_tracer=True)
        except LymphoscopeError as error:
            what = f"there is no PET by which the face could be found: {error.code} {error.message.what}"
            raise LymphoscopeError("DEID-E-FACE", what) from None
        one_place = study.ct is not None and study.ct.geometry.frame == study.pet.geometry.frame
        face = find_face(study.pet, study.ct if one_place else None, _drawn(folder, study.pet))
    if face is None:
        return None
    return Blank(study.pet.geometry.frame or "", lambda grid: face.work.on(face.region, grid))


def _drawn(folder: Path, pet: Volume) -> Iterator[LesionMask]:
    """Lesions that somebody drew on the PET; their voxels stay as they are."""
    for path in sorted(folder.iterdir()):
        try:
            with lenient_reading(Notes()):
                header, _ = read_header(path)
            regions = read_drawn(path, pet, Notes()).regions if header and header.text("Modality") in _DRAWN else ()
        except LymphoscopeError:  # of another image; nothing is spared for its sake
            continue
        for region in regions:
            if region.voxels and region.voxels * region.geometry.voxel_ml <= MOST_ML:
                yield LesionMask(region.inside.astype("int32"), region.geometry, "drawn")
