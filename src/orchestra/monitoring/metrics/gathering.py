"""Takes what the instruments of this process gathered, once a second, and gives it to the buffer.

A value with a label `tenant` is that tenant's; the others are the installation's. What there is no
room for goes to the series `other` of its metric, and is counted.
"""

from typing import Final

import anyio

from orchestra.clock import Clock
from orchestra.instruments import Deltas, Instrument, Tally, counter, take
from orchestra.monitoring.metrics.admission import Admission, other
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.names import scale_of, unit_of
from orchestra.monitoring.metrics.series import INSTALLATION, Letter, Series, series_of
from orchestra.store.keys import Tenant

_LETTERS: Final[dict[str, Letter]] = {"counter": "c", "gauge": "g", "histogram": "h"}
_REJECTED = counter("orchestra_series_rejected_total", ("metric",))
HELD_MAX: Final = 600
"""Gatherings that wait for the register, while the store is away."""

Reading = tuple[Series, float | Tally]


class Gatherer:
    """From the instruments to the buffer."""

    def __init__(self, admission: Admission, buffer: Buffer, clock: Clock) -> None:
        self._admission, self._buffer, self._clock = admission, buffer, clock
        self._series: dict[tuple[str, tuple[str, ...]], Series] = {}
        self._held: list[tuple[int, list[Reading]]] = []

    async def gather(self) -> None:
        """Take all there is. Raises StoreAway: then it is held until the next time."""
        self._hold(take())
        while self._held:
            at_s, readings = self._held[0]
            await self.put(readings, at_s)
            self._held.pop(0)
            await anyio.lowlevel.checkpoint()

    def _hold(self, deltas: Deltas) -> None:
        readings = [
            (self._series_of(instrument, values), value)
            for instrument, fresh in deltas
            for values, value in fresh.items()
        ]
        if readings:
            self._held.append((self._clock.now_ms() // 1_000, readings))
            del self._held[:-HELD_MAX]

    def _series_of(self, instrument: Instrument, values: tuple[str, ...]) -> Series:
        key = (instrument.name, values)
        found = self._series.get(key)
        if found is None:
            labels = dict(zip(instrument.labels, values, strict=True))
            tenant = Tenant(labels.pop("tenant", INSTALLATION))
            kind, unit = _LETTERS[instrument.kind], unit_of(instrument.name)
            found = series_of(tenant, instrument.name, kind, unit, labels)
            self._series[key] = found
        return found

    async def put(self, readings: list[Reading], at_s: int) -> None:
        """Add values of our own series. Nothing is added unless all could be. Raises StoreAway."""
        instead = await self.admitted([series for series, _ in readings])
        for series, value in readings:
            kept = instead.get(series.sid, series)
            if isinstance(value, Tally):
                self._buffer.merge(kept, at_s, value)
            elif series.kind == "c":
                self._buffer.add(kept, at_s, round(value * scale_of(series.name)))
            else:
                self._buffer.add(kept, at_s, value)

    async def admitted(self, wanted: list[Series]) -> dict[str, Series]:
        """Where the values of series go that there is no room for. Raises StoreAway."""
        stale: dict[Tenant, dict[str, Series]] = {}
        for one in wanted:
            if not self._admission.fresh(one):
                stale.setdefault(one.tenant, {})[one.sid] = one
        instead: dict[str, Series] = {}
        for rows in stale.values():
            every = list(rows.values())
            refusals = await self._admission.admit(every)
            over = [one for one, why in zip(every, refusals, strict=True) if why is not None]
            for one in over:
                instead[one.sid] = other(one)
                _REJECTED.add(1, one.name)
            if over:
                await self._admission.admit(
                    list({one.sid: one for one in instead.values()}.values())
                )
        return instead
