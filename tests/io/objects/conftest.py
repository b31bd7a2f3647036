"""A PET series that objects can refer to, on grids of every kind, and a way to paste what was written back."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import Dataset

from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import LesionMask, Volume
from lymphoscope.io.dicom_write import pet_datasets
from lymphoscope.io.header import Header
from lymphoscope.io.objects import codes
from lymphoscope.io.objects.capture import secondary_capture
from lymphoscope.io.objects.making import Made, Making, tracking_uid
from lymphoscope.io.objects.parametric import parametric_map
from lymphoscope.io.objects.pdf import encapsulated_pdf
from lymphoscope.io.objects.seg import Segment, binary_seg, probability_seg
from lymphoscope.io.objects.source import Source, source_of
from lymphoscope.io.objects.sr import measurement_report
from lymphoscope.io.pet_physics import ScanFacts
from lymphoscope.io.slices import stack

SHAPE = (14, 20, 18)
PATIENT = ScanFacts(name="MÜLLER^ÄNNE", patient_id="SECRET123", birth_date="19700101")
FRAME = "2.25.4711"


def grid_of(across: Sequence[float], down: Sequence[float], shape: tuple[int, int, int] = SHAPE) -> Geometry:
    """A grid with rows and columns pointing anywhere, slices along their normal."""
    along = np.cross(across, down)
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([along * 4.07283, np.array(down) * 5.0, np.array(across) * 3.3])
    affine[:3, 3] = (-31.7, 20.25, -433.1)
    return Geometry(shape, affine, FRAME)


def turned(degrees: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Row and column direction after turns about x, y and z."""
    a, b, c = np.radians(degrees)
    about_x = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    about_y = [[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]]
    about_z = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    turn = np.array(about_z) @ np.array(about_y) @ np.array(about_x)
    return turn[:, 0], turn[:, 1]


GRIDS = {
    "axial": (grid_of((1, 0, 0), (0, 1, 0)), "HFS"),
    "prone": (grid_of((-1, 0, 0), (0, -1, 0)), "HFP"),
    "feet-first": (grid_of((-1, 0, 0), (0, 1, 0)), "FFS"),
    "coronal": (grid_of((1, 0, 0), (0, 0, -1)), "HFS"),
    "sagittal": (grid_of((0, 1, 0), (0, 0, -1)), "HFS"),
    "oblique": (grid_of(*turned((17.0, -23.0, 31.0))), "HFS"),
}


@dataclass
class Archive:
    """Makes objects of one patient's PET on one grid."""

    grid: Geometry
    position: str = "HFS"
    edit: Callable[[Dataset, int], object] | None = None
    version: str = "1.2.3"

    def source(self) -> Source:
        suv = np.random.default_rng(3).uniform(0, 9, self.grid.shape).astype(np.float32)
        facts = replace(PATIENT, position=self.position)
        headers = []
        for k, dataset in enumerate(pet_datasets(Volume(suv, self.grid, Unit.SUV_BW), facts)):
            del dataset.PixelData
            if self.edit is not None:
                self.edit(dataset, k)
            headers.append(Header(Path(f"IM{k}"), dataset))
        return source_of(stack(headers), self.grid)

    def making(self) -> Making:
        return Making(self.source(), self.version, "5e" * 32, ("method suv4.0", "threshold SUV ≥ 4.0"))

    def segments(self, count: int) -> list[Segment]:
        return [
            Segment(f"L{n:02d} cervical", codes.ABNORMAL, codes.LESION, f"L{n:02d}", tracking_uid("s", "c", n))
            for n in range(1, count + 1)
        ]

    def seg(self, labels: np.ndarray, kind: str = "seg") -> Made:
        mask = LesionMask(labels.astype(np.int32), self.grid, "suv4.0")
        return binary_seg(self.making(), kind, mask, self.segments(int(labels.max())), "LESIONS")

    def probability(self, values: np.ndarray) -> Made:
        return probability_seg(self.making(), Volume(values, self.grid, Unit.PROBABILITY), self.segments(1)[0])

    def every_kind(self) -> dict[str, Made]:
        """One object of each kind."""
        labels = two_lesions(self.grid.shape)
        making, seg = self.making(), self.seg(labels)
        suv = np.random.default_rng(3).uniform(0, 9, self.grid.shape).astype(np.float32)
        return {
            "seg": seg,
            "removed": self.seg(labels, "removed"),
            "probability": self.probability(np.where(labels > 0, 0.7, 0.0)),
            "sr": measurement_report(making, record_of(self.segments(2)), seg),
            "mip": secondary_capture(making, png()),
            "report": encapsulated_pdf(making, b"%PDF-1.7 something odd"),
            "suv": parametric_map(making, Volume(suv, self.grid, Unit.SUV_BW)),
        }


def two_lesions(shape: tuple[int, int, int]) -> np.ndarray:
    labels = np.zeros(shape, np.int32)
    labels[3:6, 3:6, 3:7] = 1
    labels[9:11, 12:15, 9:12] = 2
    return labels


def record_of(segments: Sequence[Segment]) -> dict[str, object]:
    """A record with awkward numbers."""
    rows = [
        {
            "id": s.tracking_id,
            "tracking_uid": s.tracking_uid,
            "site": "cervical, right",
            "mtv_ml": 12.3456789123 * n,
            "tlg_g": 1.0e-7 / 3,
            "suvmax": 21.0,
            "suvmean": 1 / 3,
            "suvsd": 0.0,
            "sphericity": None,
            "auc_csh": 0.4999999999,
        }
        for n, s in enumerate(segments, start=1)
    ]
    patient = {"n": len(rows), "tmtv_ml": 123456.789123, "tlg_g": 7.0, "dmax_cm": 61.25, "sdmax_per_m": 0.0123}
    return {
        "lesions": rows,
        "patient": patient,
        "indices": {"deauville_aid": {"value": 5}, "qpet": {"value": None}},
    }


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(5).integers(0, 256, (60, 90, 3), np.uint8)).save(file, "png")
    return file.getvalue()


def read(made: Made) -> Dataset:
    return pydicom.dcmread(io.BytesIO(made.content))


def pasted(dataset: Dataset, grid: Geometry) -> np.ndarray:
    """Frames put back on a grid by nothing but their own positions: labels, or values of a fractional object."""
    frames = np.atleast_3d(dataset.pixel_array.T).T.reshape(-1, dataset.Rows, dataset.Columns)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    across, down = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
    step_down, step_across = (float(v) for v in shared.PixelMeasuresSequence[0].PixelSpacing)
    j, i = np.mgrid[: dataset.Rows, : dataset.Columns]
    back = np.zeros(grid.shape, np.int32)
    binary = dataset.get("SegmentationType", "") == "BINARY"
    for frame, groups in zip(frames, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        origin = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        points = origin + j[..., None] * step_down * down + i[..., None] * step_across * across
        index = grid.to_index(points)
        rounded = np.rint(index).astype(int)
        assert np.abs(index - rounded).max() < 0.01
        which = groups if "SegmentIdentificationSequence" in groups else shared
        number = int(which.SegmentIdentificationSequence[0].ReferencedSegmentNumber) if binary else 1
        k, rows, columns = np.moveaxis(rounded, -1, 0)
        inside = frame > 0
        assert not back[k, rows, columns][inside].any(), "a voxel belongs to one segment"
        back[k[inside], rows[inside], columns[inside]] = number * frame[inside]
    return back


def faults(made: Made, folder: Path) -> list[str]:
    """What dciodvfy calls an error."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian: dicom3tools) is not installed")
    path = folder / "object.dcm"
    path.write_bytes(made.content)
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    assert said, "dciodvfy names at least the kind of object"
    return [line for line in said if line.startswith("Error")]


@pytest.fixture
def archive() -> Archive:
    """An archive with an axial PET."""
    return Archive(*GRIDS["axial"])


@pytest.fixture(params=GRIDS)
def any_archive(request: pytest.FixtureRequest) -> Archive:
    """An archive with a PET on each kind of grid."""
    return Archive(*GRIDS[request.param])


@pytest.fixture
def tools() -> type:
    """Functions that tests share."""

    class Tools:
        pass

    for function in (pasted, read, faults, record_of, two_lesions, png, grid_of):
        setattr(Tools, function.__name__, staticmethod(function))
    return Tools
