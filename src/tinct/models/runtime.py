"""onnxruntime, with what it would tell its makers switched off.

Since 1.30 its Linux and macOS builds write an identifier into the user's cache folder and send
events to Microsoft unless `ORT_DISABLE_TELEMETRY` is set before it is loaded. Nothing leaves the
machine when Tinct runs, so this is the only place that imports it.
"""

from __future__ import annotations

import os
from typing import Any


def onnxruntime() -> Any:
    """The module, imported when first asked for."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime as module

    module.disable_telemetry_events()  # Windows heeds this alone
    return module
