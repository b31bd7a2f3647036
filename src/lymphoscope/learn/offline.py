"""OpenVINO without its telemetry: `import openvino` alone would tell its maker over the network that it is used.

Everything here takes ``openvino`` from this module.
"""

from __future__ import annotations

import sys

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # its import fails: OpenVINO takes its stub

import openvino  # noqa: E402

__all__ = ["openvino"]
