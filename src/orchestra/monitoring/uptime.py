"""How long each part has been well, day by day: from the seconds that the leader counts."""

from collections import defaultdict
from typing import Any, Final

from orchestra.clock import Clock
from orchestra.monitoring.metrics.functions import Sum
from orchestra.monitoring.metrics.series import INSTALLATION
from orchestra.monitoring.once import Once
from orchestra.monitoring.windows import Windows

DAYS: Final = 90
DAY_S: Final = 86_400
FRESH_S: Final = 10.0
METRIC: Final = "orchestra_service_seconds_total"
UP: Final = ("healthy", "degraded")
"""Who does its job on some replicas does it."""

Document = dict[str, Any]


class Uptime:
    """Of the last 90 days; days of UTC, the present one last."""

    def __init__(self, windows: Windows, clock: Clock) -> None:
        self._windows = windows
        self._kept: Once[str, dict[str, Document]] = Once(clock, FRESH_S)

    async def read(self) -> dict[str, Document]:
        """By the name of a part: shares of the time that was watched. Raises StoreAway."""
        return await self._kept.get("", self._read)

    async def _read(self) -> dict[str, Document]:
        found = await self._windows.bins(INSTALLATION, METRIC, (DAYS - 1) * DAY_S, DAY_S)
        up: dict[str, list[float]] = defaultdict(lambda: [0.0] * DAYS)
        every: dict[str, list[float]] = defaultdict(lambda: [0.0] * DAYS)
        for labels, bins in found.items():
            of = dict(labels)
            for i, cell in bins.items():
                if i < DAYS and isinstance(cell, Sum):
                    every[of["service"]][i] += cell.n
                    up[of["service"]][i] += cell.n if of["status"] in UP else 0.0
        return {name: _shown(up[name], every[name]) for name in every}


def _shown(up: list[float], every: list[float]) -> Document:
    """No data is null, never 0: of a day when nobody watched nothing is said."""
    days = [_share(well, all_of) for well, all_of in zip(up, every, strict=True)]
    return {"share": _share(sum(up), sum(every)), "days": days}


def _share(well: float, all_of: float) -> float | None:
    return round(well / all_of, 6) if all_of else None
