"""When a study has arrived: nothing has come for a while, and a shorter while when everything promised is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from lymphoscope.app.node.settings import Waiting


def is_complete(series: Iterable[tuple[str, int, int]]) -> bool:
    """True for a study with a CT and with every PET series as long as its header says.

    Args:
        series: Modality, slices held, slices promised (0: the header does not say) of each series.
    """
    rows = list(series)
    pet = [(held, promised) for modality, held, promised in rows if modality == "PT"]
    whole = bool(pet) and all(0 < promised <= held for held, promised in pet)
    return whole and any(modality == "CT" for modality, _, _ in rows)


class Quiet:
    """Knows how long each study has been silent. Kept in memory: after a restart every study counts as just heard.

    Args:
        waiting: How long to wait.
        clock: Seconds that never run backwards.
    """

    def __init__(self, waiting: Waiting, clock: Callable[[], float] = time.monotonic) -> None:
        self._waiting, self._clock = waiting, clock
        self._heard: dict[str, float] = {}
        self._lock = threading.Lock()

    def heard(self, study: str, later_s: float = 0.0) -> None:
        """Note that something came for a study, or that it is to be left alone for `later_s` more."""
        with self._lock:
            self._heard[study] = self._clock() + later_s

    def forget(self, study: str) -> None:
        """Drop a study that was worked."""
        with self._lock:
            self._heard.pop(study, None)

    def arrived(self, study: str, series: Iterable[tuple[str, int, int]]) -> bool:
        """True when the study has been silent for long enough."""
        with self._lock:
            since = self._clock() - self._heard.setdefault(study, self._clock())
        return since >= (self._waiting.complete_s if is_complete(series) else self._waiting.quiet_s)
