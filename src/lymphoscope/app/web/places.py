"""Where earlier scans lie in later ones: found once a pair, since it takes seconds, and kept while the server runs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from lymphoscope.core.errors import LymphoscopeError
from lymphoscope.core.volume import Volume
from lymphoscope.image.followup import Placement, placed

_MOST_PLACES = 200


@dataclass
class Places:
    """Places by the names of two measured cases."""

    known: OrderedDict[tuple[str, str], Placement | str] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def of(self, names: tuple[str, str], now: Volume, before: Volume) -> Placement | str:
        """A place, or why there is none.

        Args:
            names: What the two measured cases are known by.
            now: PET of the later.
            before: PET of the earlier.
        """
        with self.lock:
            if names not in self.known:
                try:
                    found = placed(now, before)
                    self.known[names] = found.refusal or found
                except LymphoscopeError as error:
                    self.known[names] = error.message.what
                while len(self.known) > _MOST_PLACES:
                    self.known.popitem(last=False)
            return self.known[names]
