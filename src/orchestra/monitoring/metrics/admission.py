"""Which series there are: admitted by the store, in bounded number, remembered for a minute."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

import msgspec

from orchestra.clock import Clock
from orchestra.errors import Conflict, NotFound, TooMany
from orchestra.monitoring.metrics.names import PREFIX
from orchestra.monitoring.metrics.series import (
    ALL_MAX,
    HISTOGRAMS_MAX,
    KINDS,
    METRIC_MAX,
    OTHER,
    TENANT_MAX,
    Letter,
    Series,
    series_of,
)
from orchestra.store import metric_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

FRESH_S: Final = 60.0
IDLE_S: Final = 90 * 86_400
KNOWN_MAX: Final = 50_000
BATCH: Final = 200

Refusal = Literal["metric", "tenant", "installation", "type"]
_REFUSALS: Final[Mapping[int, Refusal]] = {-1: "metric", -2: "tenant", -3: "installation"}


class SeriesExhausted(TooMany):
    """There are too many series for another one. Context: `metric_name`, `limit`. Others go on."""


class MetricTypeFixed(Conflict):
    """The metric has another type or unit since its first record. Context: `type`, `unit`."""


class MetricUnknown(NotFound):
    """No metric of this name. Context: `near`."""


class About(msgspec.Struct, frozen=True):
    """A metric: what kind it is, its unit, whether it is ours."""

    kind: Letter
    unit: str
    own: bool


class Row(msgspec.Struct, frozen=True):
    """A series as it is registered."""

    name: str
    kind: Letter
    labels: dict[str, str]


class Admission:
    """The register of series."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._prefix = metric_keys.monitoring(store.space)
        scripts = load_scripts("orchestra.monitoring")
        self._admit, self._forget = scripts["series_admit"], scripts["series_forget"]
        self._known: dict[tuple[Tenant, str], float] = {}

    def fresh(self, series: Series) -> bool:
        """Whether it was admitted in the last minute."""
        at = self._known.get((series.tenant, series.sid))
        return at is not None and self._clock.monotonic() - at < FRESH_S

    def known(self, series: Series) -> bool:
        """Whether it was admitted by this process, and not forgotten here since."""
        return (series.tenant, series.sid) in self._known

    async def admit(
        self, wanted: Sequence[Series], *, whole: bool = False
    ) -> list[Refusal | About | None]:
        """For each None, or why not: what is full, or what the metric is instead. Raises StoreAway.

        All are of one tenant. Those that were kept stay, also when others were not; with `whole`
        none is kept that is new then, nothing is said of those behind it, and there are at most
        1,000.
        """
        found: list[Refusal | About | None] = []
        batch = len(wanted) if whole else BATCH
        for i in range(0, len(wanted), batch or 1):
            found += await self._admit_some(wanted[i : i + batch], whole=whole)
        return found

    async def _admit_some(
        self, wanted: Sequence[Series], *, whole: bool
    ) -> list[Refusal | About | None]:
        more: list[bytes] = []
        for one in wanted:
            parts = (one.sid, one.name, one.kind, one.unit, one.labels_json())
            more += [part.encode() for part in parts]
        own = "1" if wanted[0].name.startswith(PREFIX) else "0"
        now_s = self._clock.now_ms() // 1_000
        replies = await self._store.insist(
            lambda: self._store.run(
                self._admit, self._prefix, *more, tenant=wanted[0].tenant, now_s=now_s, own=own,
                metric_max=METRIC_MAX, tenant_max=TENANT_MAX, histograms_max=HISTOGRAMS_MAX,
                all_max=ALL_MAX, idle_s=IDLE_S, whole="1" if whole else "0",
            ),
            2.0,
        )  # fmt: skip
        found: list[Refusal | About | None] = []
        now, rows = self._clock.monotonic(), cast("list[Any]", replies)
        kept = not whole or all(reply == 1 for reply in rows)
        for one, reply in zip(wanted, rows, strict=not whole):
            key = (one.tenant, one.sid)
            if reply == 1:
                if kept:
                    self._remember(key, now)
                found.append(None)
            else:
                self._known.pop(key, None)
                found.append(_REFUSALS[reply] if isinstance(reply, int) else _about(reply))
        return found

    def _remember(self, key: tuple[Tenant, str], now: float) -> None:
        self._known.pop(key, None)
        self._known[key] = now
        if len(self._known) > KNOWN_MAX:
            self._known.pop(next(iter(self._known)))

    async def forget(self, tenant: Tenant, name: str) -> list[str]:
        """Forget a recorded metric: the series it had. Raises MetricUnknown, MetricTypeFixed."""
        if name[:1] == "#":  # no metric: a counter that lies beside them
            raise MetricUnknown("no metric has this name")
        reply = await self._store.insist(
            lambda: self._store.run(self._forget, self._prefix, tenant=tenant, name=name)
        )
        if reply is None:
            raise MetricUnknown(f"no metric is called {name}")
        if reply == -1:
            raise MetricTypeFixed("the metrics of the product itself stay", metric_name=name)
        gone = [one.decode() for one in cast("list[bytes]", reply)]
        for sid in gone:
            self._known.pop((tenant, sid), None)
        return gone

    async def metrics(self, tenant: Tenant) -> dict[str, About]:
        """All metrics of a tenant. Raises StoreAway."""
        key = metric_keys.metrics(self._prefix, tenant)
        flat = cast("list[bytes]", await self._read("HGETALL", key))
        rows = zip(flat[::2], flat[1::2], strict=True)
        return {name.decode(): _about(about) for name, about in rows if name[:1] != b"#"}

    async def about(self, tenant: Tenant, name: str) -> About | None:
        """One metric; None when it is unknown."""
        key = metric_keys.metrics(self._prefix, tenant)
        found = cast("bytes | None", await self._read("HGET", key, name))
        return None if found is None or name[:1] == "#" else _about(found)

    async def abouts(self, tenant: Tenant, names: Sequence[str]) -> list[About | None]:
        """Some metrics; None for one that is unknown. None of the names begins with `#`."""
        key = metric_keys.metrics(self._prefix, tenant)
        rows = cast("list[bytes | None]", await self._read("HMGET", key, *names))
        return [None if row is None else _about(row) for row in rows]

    async def series(self, tenant: Tenant, name: str, about: About) -> list[Series]:
        """All series of a metric."""
        key = metric_keys.series_of(self._prefix, tenant, name)
        sids = cast("list[bytes]", await self._read("SMEMBERS", key))
        if not sids:
            return []
        reg = metric_keys.series(self._prefix, tenant)
        rows = cast("list[bytes | None]", await self._read("HMGET", reg, *sids))
        found = [msgspec.json.decode(row, type=Row) for row in rows if row]
        return [series_of(tenant, name, one.kind, about.unit, one.labels) for one in found]

    async def counts(self, tenant: Tenant, names: Sequence[str]) -> list[int]:
        """How many series each has."""
        sent = [
            self._store.read(
                self._prefix, "SCARD", metric_keys.series_of(self._prefix, tenant, name)
            )
            for name in names
        ]
        return [int(await one) for one in sent]

    async def tenants(self) -> list[Tenant]:
        """All that ever had a series."""
        found = await self._read("SMEMBERS", metric_keys.metric_tenants(self._prefix))
        return sorted(Tenant(one.decode()) for one in cast("list[bytes]", found))

    async def _read(self, *command: bytes | str | int) -> Any:
        return await self._store.insist(lambda: self._store.read(self._prefix, *command), 2.0)


def other(series: Series) -> Series:
    """Where the values of a series go that there is no room for."""
    return series_of(series.tenant, series.name, series.kind, series.unit, dict(OTHER))


def refused(series: Series, why: "Refusal | About") -> TooMany | Conflict:
    """The error for a series that was recorded."""
    if isinstance(why, About):
        return MetricTypeFixed(
            f"{series.name} is a {KINDS[why.kind]} since its first record",
            metric_name=series.name,
            type=KINDS[why.kind],
            unit=why.unit or None,
        )
    limits = {"metric": METRIC_MAX, "tenant": TENANT_MAX, "installation": ALL_MAX}
    return SeriesExhausted(
        f"the {why} has all the series it may have: use labels with fewer values",
        metric_name=series.name,
        limit=limits.get(why, 0),
    )


def _about(text: bytes) -> About:
    kind, unit, own = text.decode().split(" ")
    return About(cast("Letter", kind), unit, own == "1")
