"""Records what users measure: the first record of a metric fixes its type, and labels are few."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestra.clock import Clock
from orchestra.instants import instant
from orchestra.monitoring.metrics.admission import (
    About,
    Admission,
    MetricTypeFixed,
    refused,
)
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.series import KINDS, Letter, Series, series_of
from orchestra.monitoring.metrics.wishes import Wish
from orchestra.store.failures import StoreAway
from orchestra.store.keys import Tenant

HELD_S: Final = 60.0
KNOWN_MAX: Final = 20_000
Labels = tuple[tuple[str, str], ...]


class Recorder:
    """Takes values in. Those of a series that is known wait for nothing."""

    def __init__(self, admission: Admission, buffer: Buffer, clock: Clock) -> None:
        self._admission, self._buffer, self._clock = admission, buffer, clock
        self._series: dict[tuple[Tenant, str, Labels], Series] = {}
        self._touched: dict[str, Series] = {}
        self.away_since: float | None = None

    def add(self, tenant: Tenant, name: str, labels: Labels, value: float, at_s: int) -> bool:
        """Record a value of a series that is known here; False for one that is not.

        This is the hot path: `labels` are sorted by name, and everything was checked.
        """
        series = self._series.get((tenant, name, labels))
        if series is None or not self._admission.known(series):
            return False
        self._touched[series.sid] = series
        self._buffer.add(series, at_s, value)
        return True

    async def record(self, tenant: Tenant, wishes: Sequence[Wish]) -> list[dict[str, Any]]:
        """Record all of them or none. Returns what each was recorded as.

        Raises MetricTypeFixed, SeriesExhausted, StoreAway.
        """
        away = self.away_since
        if away is not None and self._clock.monotonic() - away > HELD_S:
            raise StoreAway("the store is away for too long to keep what is recorded")
        abouts = await self._abouts(tenant, wishes)
        made = [self._made(tenant, wish, abouts) for wish in wishes]
        new = list({one.sid: one for one in made if not self._admission.known(one)}.values())
        if new:
            for one, why in zip(new, await self._admission.admit(new, whole=True), strict=False):
                if why is not None:
                    raise refused(one, why)
        if len(self._series) > KNOWN_MAX:
            self._series.clear()
        for series, wish in zip(made, wishes, strict=True):
            self._series[tenant, series.name, series.labels] = series
            self._touched[series.sid] = series
            self._buffer.add(series, wish.at_ms // 1_000, wish.value)
        return [
            {
                "status": "recorded",
                "metric_name": wish.name,
                "value": wish.value,
                "type": KINDS[series.kind],
                "timestamp": instant(wish.at_ms),
            }
            for series, wish in zip(made, wishes, strict=True)
        ]

    async def _abouts(self, tenant: Tenant, wishes: Sequence[Wish]) -> dict[str, About]:
        """What the metrics are, as far as they are known; the first of a new one decides."""
        found: dict[str, About] = {}
        first: dict[str, Wish] = {}
        for wish in wishes:
            first.setdefault(wish.name, wish)
            if wish.name not in found:
                key = (tenant, wish.name, tuple(sorted(wish.labels.items())))
                series = self._series.get(key)
                if series is not None and self._admission.known(series):
                    found[wish.name] = About(series.kind, series.unit, own=False)
        new = [name for name in first if name not in found]
        if new:
            for name, about in zip(new, await self._admission.abouts(tenant, new), strict=True):
                one = first[name]
                found[name] = about or About(one.kind or "h", one.unit or "", own=False)
        return found

    def _made(self, tenant: Tenant, wish: Wish, abouts: Mapping[str, About]) -> Series:
        about = abouts[wish.name]
        kind: Letter = about.kind
        if wish.kind not in (None, kind) or wish.unit not in (None, about.unit):
            raise MetricTypeFixed(
                f"{wish.name} has another type or unit since its first record",
                metric_name=wish.name,
                type=KINDS[kind],
                unit=about.unit or None,
            )
        return series_of(tenant, wish.name, kind, about.unit, wish.labels)

    async def refresh(self) -> None:
        """Tell the register which series live, but of none that was forgotten. Raises StoreAway."""
        touched, self._touched = self._touched, {}
        stale: dict[Tenant, list[Series]] = {}
        for one in touched.values():
            if self._admission.known(one) and not self._admission.fresh(one):
                stale.setdefault(one.tenant, []).append(one)
        for wanted in stale.values():
            await self._admission.admit(wanted)
