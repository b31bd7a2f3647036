"""Other people's libraries, made quiet and given their threads."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def prepared(threads: int) -> Iterator[None]:
    """Keep other libraries from writing warnings, which may quote headers and paths, and limit their threads.

    Args:
        threads: Threads that image filters may use.
    """
    import SimpleITK  # noqa: PLC0415 - slow to load, and not every verb needs it

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)  # type: ignore[no-untyped-call]
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)  # type: ignore[no-untyped-call]
    with contextlib.suppress(ImportError):
        import gdcm  # noqa: PLC0415

        for switch_off in (gdcm.Trace.WarningOff, gdcm.Trace.ErrorOff, gdcm.Trace.DebugOff):
            switch_off()
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        yield
