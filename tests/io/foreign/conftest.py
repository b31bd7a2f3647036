"""A PET to draw on, and masks written by others: plain datasets, made by hand."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.utils import pack_bits
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, SegmentationStorage

from lymphoscope.core.errors import Notes
from lymphoscope.core.geometry import Geometry
from lymphoscope.core.units import Unit
from lymphoscope.core.volume import Volume
from lymphoscope.io.foreign.drawn import LABEL_MAP_STORAGE, Drawn, read_drawn
from lymphoscope.io.foreign.regions import Region

FRAME = "2.25.777"
GRID = Geometry.axial((9, 12, 13), (4.0, 3.0, 2.5), (-10.0, -20.0, 100.0), FRAME)


@dataclass
class Desk:
    """Writes masks as others do, and reads them as ours."""

    root: Path
    grid: Geometry = GRID

    @property
    def pet(self) -> Volume:
        """A PET without a hot spot."""
        return Volume(np.ones(self.grid.shape, np.float32), self.grid, Unit.SUV_BW)

    def read(self, dataset: Dataset, notes: Notes | None = None) -> Drawn:
        return read_drawn(self.save(dataset), self.pet, notes if notes is not None else Notes())

    def save(self, dataset: Dataset, name: str = "mask.dcm") -> Path:
        path = self.root / name
        path.write_bytes(content(dataset))
        return path

    def on_pet(self, region: Region) -> np.ndarray:
        """A region on the PET's grid, provided its voxels are the PET's."""
        index = self.grid.to_index(region.geometry.to_lps(np.argwhere(region.inside)))
        whole = np.rint(index).astype(int)
        assert np.abs(index - whole).max(initial=0) < 1e-3
        out = np.zeros(self.grid.shape, bool)
        out[tuple(whole.T)] = True
        return out

    def seg(
        self, planes: Sequence[tuple[int, int, np.ndarray]], kind: str = "BINARY", names: Sequence[str] = ("one", "two")
    ) -> Dataset:
        """A segmentation of (segment, slice, plane) frames on the PET's slices."""
        dataset = _object(LABEL_MAP_STORAGE if kind == "LABELMAP" else SegmentationStorage, "SEG")
        dataset.FrameOfReferenceUID, dataset.SegmentationType = self.grid.frame, kind
        dataset.SegmentSequence = [_item(SegmentNumber=n, SegmentLabel=s) for n, s in enumerate(names, 1)]
        shared = _item()
        across = self.grid.direction[:, 2].tolist() + self.grid.direction[:, 1].tolist()
        shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=across)]
        z, y, x = self.grid.spacing
        shared.PixelMeasuresSequence = [_item(PixelSpacing=[y, x], SliceThickness=z, SpacingBetweenSlices=z)]
        dataset.SharedFunctionalGroupsSequence = [shared]
        dataset.PerFrameFunctionalGroupsSequence = [self._frame(segment, k) for segment, k, _ in planes]
        dataset.NumberOfFrames, (dataset.Rows, dataset.Columns) = len(planes), self.grid.shape[1:]
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
        stored = np.stack([plane for _, _, plane in planes])
        bits = 1 if kind == "BINARY" else 8
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
        pixels = pack_bits(stored.astype(np.uint8)) if bits == 1 else stored.astype(np.uint8).tobytes()
        dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
        dataset["PixelData"].VR = "OB"
        if kind == "FRACTIONAL":
            dataset.SegmentationFractionalType, dataset.MaximumFractionalValue = "PROBABILITY", 200
        return dataset

    def _frame(self, segment: int, k: int) -> Dataset:
        frame = _item()
        frame.PlanePositionSequence = [_item(ImagePositionPatient=self.grid.to_lps((k, 0, 0)).tolist())]
        frame.SegmentIdentificationSequence = [_item(ReferencedSegmentNumber=segment)]
        return frame

    def rtstruct(
        self, contours: Sequence[Sequence[tuple[float, float, float]]], kind: str = "CLOSED_PLANAR"
    ) -> Dataset:
        """A structure set of one region from (z, y, x) indices."""
        dataset = _object(RTStructureSetStorage, "RTSTRUCT")
        dataset.StructureSetROISequence = [
            _item(ROINumber=1, ROIName="DOE^JANE", ReferencedFrameOfReferenceUID=self.grid.frame)
        ]
        items = []
        for contour in contours:
            points = self.grid.to_lps(np.array(contour, float).reshape(-1, 3))
            data = [f"{v:.4f}" for v in points.ravel()]
            items.append(_item(ContourGeometricType=kind, NumberOfContourPoints=len(points), ContourData=data))
        dataset.ROIContourSequence = [_item(ReferencedROINumber=1, ContourSequence=items)]
        return dataset


def _object(kind: str, modality: str) -> Dataset:
    dataset = _item(SOPClassUID=kind, SOPInstanceUID="2.25.5", Modality=modality, PatientName="DOE^JANE")
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _item(**words: object) -> Dataset:
    item = Dataset()
    for keyword, value in words.items():
        setattr(item, keyword, value)
    return item


def content(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def square(k: float, low: tuple[float, float], high: tuple[float, float]) -> list[tuple[float, float, float]]:
    """A rectangle in a plane; corners as (z, y, x) indices."""
    return [(k, low[0], low[1]), (k, low[0], high[1]), (k, high[0], high[1]), (k, high[0], low[1])]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An empty desk beside an axial PET."""
    return Desk(tmp_path)


@pytest.fixture
def draw() -> Callable[..., list[tuple[float, float, float]]]:
    """Corners of a rectangle; see `square`."""
    return square
