"""How soon a change of the engine is on the screen: chromium looks at an execution as it runs."""

import shutil
from typing import Any, Final

from bench.events import quantiles
from bench.serving import Served

RATE: Final = 50
"""Changes a second: each step begins and ends."""


def seen_ms(server: Served, changes: int) -> dict[str, Any] | str:
    """Milliseconds from a change to the frame that shows it."""
    if not shutil.which("chromium"):
        return "no chromium"
    return "not measured"
