"""nnU-Net trained fold by fold and used to predict, each step in a process of its own installation."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lymphoscope.app.nnunet import launch
from lymphoscope.app.settings import environment_with
from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.progress import Progress, silent
from lymphoscope.io.atomic import writing
from lymphoscope.io.dataset.cases import DataSet
from lymphoscope.io.dataset.opening import open_dataset
from lymphoscope.learn.folds import folds as patient_folds

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "sgd": "nnUNetTrainer",
        "adam": "nnUNetTrainerVanillaAdam",
        "adam-3e-4": "nnUNetTrainerVanillaAdam3en4",
    }
)
"""nnU-Net's trainers by what they are called here. LymphAtlas says both that it used nnU-Net's defaults, which is SGD,
and Adam at nnU-Net's learning rate, which is ``adam``."""

FOLDERS = ("raw", "preprocessed", "results")
"""Folders of nnU-Net within a run."""

RUN, LOG = "nnunet-run.json", "nnunet.log"
SPLITS = "splits_final.json"
PLANS = "nnUNetPlans"
_TOOL = "nnUNetv2_train"
_NAME = re.compile(r"Dataset(\d{3})_[A-Za-z0-9_-]+")
_FOLDS = 5


@dataclass(frozen=True)
class Wish:
    """How nnU-Net trains.

    Attributes:
        setting: Name in `SETTINGS`.
        epochs: Number of them; LymphAtlas has 500.
        iterations: Steps an epoch; nnU-Net has 250.
        configuration: Such as ``3d_fullres``.
        device: ``cpu``, ``cuda`` or ``mps``.

    Raises:
        LymphoscopeError: ``USE-E-NAME`` or ``USE-E-VALUE``.
    """

    setting: str = "sgd"
    epochs: int = 500
    iterations: int = 250
    configuration: str = "3d_fullres"
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.setting not in SETTINGS:
            raise LymphoscopeError("USE-E-NAME", f"settings are {', '.join(SETTINGS)}", "--setting")
        if self.device not in ("cpu", "cuda", "mps"):
            raise LymphoscopeError("USE-E-NAME", "devices are cpu, cuda and mps", "--device")
        if min(self.epochs, self.iterations) < 1:
            raise LymphoscopeError("USE-E-VALUE", "epochs and iterations are at least 1")

    @property
    def trainer(self) -> str:
        """Name of the trainer."""
        return launch.trainer_name(SETTINGS[self.setting], self.epochs, self.iterations)


@dataclass(frozen=True)
class Place:
    """A run of nnU-Net.

    Attributes:
        folder: Where it is.
        python: The Python of nnU-Net's installation.
        wish: How it trains.
        data: The data set.
    """

    folder: Path
    python: Path
    wish: Wish
    data: Path

    @property
    def number(self) -> str:
        """nnU-Net's number of the data set."""
        match = _NAME.fullmatch(self.data.name)
        return match[1] if match else ""

    @property
    def preprocessed(self) -> Path:
        """What nnU-Net made of the data set."""
        return self.folder / "preprocessed" / self.data.name

    @property
    def results(self) -> Path:
        """Folder of the folds."""
        return self.folder / "results" / self.data.name / f"{self.wish.trainer}__{PLANS}__{self.wish.configuration}"

    def run(self, part: str, *arguments: str) -> None:
        """Run a part of nnU-Net; what it says goes to its log.

        Raises:
            LymphoscopeError: ``RUN-E-NNUNET`` when it fails, ``USE-E-EXTRA`` when it cannot be started.
        """
        wish = self.wish
        command = [str(self.python), launch.__file__, part, SETTINGS[wish.setting], str(wish.epochs)]
        command += [str(wish.iterations), *arguments]
        folders = {f"nnUNet_{name}": str(self.folder / name) for name in FOLDERS}
        known = environment_with(folders)
        try:
            with (self.folder / LOG).open("ab") as log:
                done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=known, check=False)
        except OSError:
            raise _absent() from None
        if done.returncode:
            what = f"nnU-Net's {part} ended with status {done.returncode}"
            raise LymphoscopeError("RUN-E-NNUNET", what, fix=f"See {LOG} in the folder of the run.")


def find_nnunet(folder: Path | None) -> Path:
    """The Python that has nnU-Net.

    Args:
        folder: Where its command ``nnUNetv2_train`` is; the search path when None.

    Raises:
        LymphoscopeError: ``USE-E-EXTRA`` where it is not.
    """
    tool = shutil.which(_TOOL, path=str(folder) if folder else None)
    if tool is None:
        raise _absent()
    python = next((p for name in ("python", "python.exe") if (p := Path(tool).parent / name).exists()), None)
    if python is None:
        raise _absent()
    return python


def _absent() -> LymphoscopeError:
    fix = "Install lymphoscope[nnunet], or give --nnunet the folder of nnU-Net's commands."
    return LymphoscopeError("USE-E-EXTRA", f"nnU-Net ({_TOOL}) was not found", "--nnunet", fix)


def train(
    data: Path, out: Path, wish: Wish, folds: Sequence[int] | None, nnunet: Path | None, progress: Progress = silent
) -> Place:
    """Plan, preprocess and train; what is done is not done again, and an interrupted fold goes on from its checkpoint.

    Args:
        data: A data set in nnU-Net's layout, named ``DatasetNNN_NAME``. Its ``splits_final.json`` is used; without one
            patients are divided into five folds, as nnU-Net divides cases, or as many as there are patients.
        out: Folder of the run.
        wish: How it trains.
        folds: Their numbers; all when None.
        nnunet: Folder of nnU-Net's commands.
        progress: Told of each step.

    Returns:
        The run; its `results` are what `validate` reads.

    Raises:
        LymphoscopeError: ``USE-E-EXTRA`` without nnU-Net, ``DATA-E-*`` for a data set that cannot be used,
            ``USE-E-VALUE`` for a fold that is not there, ``RUN-E-OTHER`` for a folder with a run of another data set,
            ``RUN-E-NNUNET``.
    """
    place = Place(out.resolve(), find_nnunet(nnunet), wish, data.resolve())
    known = open_dataset(data)  # refuses what cannot be used, in our words
    if not place.number:
        raise LymphoscopeError("DATA-E-LAYOUT", "the data set is not named like Dataset501_NAME")
    splits = _splits(known)
    numbers = tuple(range(len(splits))) if folds is None else tuple(folds)
    if not set(numbers) <= set(range(len(splits))):  # nnU-Net would make a fold of its own of it
        raise LymphoscopeError("USE-E-VALUE", f"folds are 0 to {len(splits) - 1}", "--folds")
    _claim(place)
    steps = len(numbers) + 1
    progress("nnU-Net", 0, steps)
    if not (place.preprocessed / f"{PLANS}_{wish.configuration}").is_dir():
        whose = ("-d", place.number, "-c", wish.configuration)
        place.run("plan", *whose, "-np", "1", "-npfp", "1", "--verify_dataset_integrity")
    with writing():
        (place.preprocessed / SPLITS).write_text(json.dumps(splits, indent=1) + "\n")
    for done, number in enumerate(numbers, 1):
        progress("nnU-Net", done, steps)
        if not (place.results / f"fold_{number}" / "validation" / "summary.json").is_file():
            arguments = (place.number, wish.configuration, str(number), "-tr", wish.trainer, "-device", wish.device)
            place.run("train", *arguments, "--c")
    progress("nnU-Net", steps, steps)
    return place


def _splits(known: DataSet) -> list[dict[str, list[str]]]:
    """Folds for nnU-Net, which by itself would part the cases of a patient, and refuse less than five cases."""
    marked = replace(known, cases=tuple(entry for entry in known.cases if entry.mask))
    count = min(_FOLDS, len({entry.patient for entry in marked.cases}))
    return [{"train": list(fold.train), "val": list(fold.val)} for fold in patient_folds(marked, count)]


def _claim(place: Place) -> None:
    """Make the run's folder, with the data set where nnU-Net looks for it."""
    said: dict[str, Any] = {"data": place.data.name, **asdict(place.wish)}
    file = place.folder / RUN
    with writing():
        if file.is_file() and json.loads(file.read_bytes())["data"] != said["data"]:
            raise LymphoscopeError("RUN-E-OTHER", "the folder holds a run on another data set")
        for name in FOLDERS:
            (place.folder / name).mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(said, indent=1) + "\n")
        link = place.folder / "raw" / place.data.name
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(place.data, target_is_directory=True)


def predict(run: Path, images: Path, out: Path, folds: Sequence[int] | None, nnunet: Path | None) -> None:
    """Draw the lesions of images named as nnU-Net names them, with what was trained last.

    Args:
        run: Folder of the run.
        images: ``CASE_0000.nii.gz`` (CT) and ``CASE_0001.nii.gz`` (PET).
        out: Where the masks go.
        folds: Networks that vote; all that were trained when None.
        nnunet: Folder of nnU-Net's commands.

    Raises:
        LymphoscopeError: ``USE-E-EXTRA``, ``RUN-E-FOLDER`` for a folder that is no run, ``RUN-E-NNUNET``.
    """
    try:
        said = json.loads((run / RUN).read_bytes())
        wish = Wish(**{name: said[name] for name in asdict(Wish())})
        data = run.resolve() / "raw" / said["data"]
    except (OSError, ValueError, KeyError, TypeError):
        raise LymphoscopeError("RUN-E-FOLDER", "the folder is no run of nnU-Net that was made here") from None
    place = Place(run.resolve(), find_nnunet(nnunet), wish, data)
    trained = sorted(int(p.parent.name[5:]) for p in place.results.glob("fold_*/checkpoint_final.pth"))
    numbers = trained if folds is None else list(folds)
    if not numbers or set(numbers) - set(trained):
        raise LymphoscopeError("RUN-E-FOLDER", f"trained folds are {', '.join(map(str, trained)) or 'none'}")
    arguments = ["-i", str(images.resolve()), "-o", str(out.resolve()), "-d", place.number, "-c", wish.configuration]
    arguments += ["-tr", wish.trainer, "-device", wish.device, "-npp", "1", "-nps", "1", "-f", *map(str, numbers)]
    place.run("predict", *arguments)
