"""What the alerts of a rule measure now. Rules that ask the same are answered once a round."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Protocol

import msgspec

from orchestra.clock import Clock
from orchestra.errors import Invalid
from orchestra.monitoring.alerts import judging
from orchestra.monitoring.alerts.judging import Measured, Row
from orchestra.monitoring.alerts.ration import NotLooked, Ration
from orchestra.monitoring.alerts.records import Rule
from orchestra.monitoring.alerts.ring import SPAN_MAX_S, Name
from orchestra.monitoring.metrics.admission import About
from orchestra.monitoring.metrics.functions import AGGREGATES, DEFAULTS
from orchestra.monitoring.metrics.series import INSTALLATION, KINDS
from orchestra.store.keys import Tenant

HOUR_S: Final = 3_600
WEEK_S: Final = 7 * 86_400
WEEKS: Final = 12
SHORT_S: Final = HOUR_S
LONG_S: Final = 6 * HOUR_S
LINES_MAX: Final = 10_000
LOG_EVERY_S: Final = 10.0
USUAL_MAX: Final = 1_000
_EXTENSIVE: Final = frozenset(("increase", "count"))

Count = Callable[[Tenant, str, int, int], Awaitable[int]]
"""How many lines of a tenant's log match in the last so many seconds; at most so many. Raises
Invalid, StoreAway."""
Values = dict[tuple[str, ...], Measured]


class Looks(Protocol):
    """What series had in windows: now, or at a moment of the past."""

    def forget(self) -> None:
        """What is at hand is old."""
        ...

    async def prepare(self, wanted: Mapping[Name, int], now_s: int) -> None:
        """Have the newest of these metrics at hand, for windows so long. Raises StoreAway."""
        ...

    def heard(self, name: Name) -> bool:
        """Whether anything of it is at hand."""
        ...

    async def about(self, name: Name) -> About | None:
        """What a metric is; None: nothing of it was ever heard."""
        ...

    async def rows(self, name: Name, window_s: int, ago_s: int = 0) -> list[Row]:
        """Each series of a metric, with what it had in a window. Raises StoreAway, QueryTooWide."""
        ...


class RuleFails(Invalid):
    """The rule cannot be evaluated as the metric is."""


class _Usual(msgspec.Struct):
    """What was measured in an hour of the weeks before, of so many weeks until now."""

    hour: int
    weeks: int = 0
    values: dict[tuple[str, ...], list[float]] = {}


class Meter:
    """Measures. `begin` a round, then ask for each rule."""

    def __init__(self, windows: Looks, count: Count, clock: Clock) -> None:
        self._windows, self._count, self._clock = windows, count, clock
        self._round: dict[object, list[Measured]] = {}
        self._usual: dict[object, _Usual] = {}
        self._lines: dict[tuple[Tenant, str, int], int] = {}
        self._ration = Ration(clock)
        self.now_s = 0

    def forget(self) -> None:
        """Somebody else judged for a while: what is at hand is old."""
        self._windows.forget()
        self._lines.clear()
        self._ration = Ration(self._clock)

    async def begin(self, rules: Iterable[Rule], now_ms: int) -> None:
        """Have at hand what these rules ask for. Raises StoreAway."""
        self.at(now_ms // 1_000)
        wanted: dict[Name, int] = {}
        for rule in rules:
            window_s = SHORT_S if rule.kind == "burn_rate" else rule.window_s
            if rule.metric and window_s <= SPAN_MAX_S:
                name = name_of(rule)
                wanted[name] = max(wanted.get(name, 0), window_s)
        await self._windows.prepare(wanted, self.now_s)

    def at(self, now_s: int) -> None:
        """It is this second: what was answered before counts no more."""
        self._round.clear()
        self._ration.begin()
        self.now_s = now_s

    def heard(self, rule: Rule) -> bool:
        """Whether there is anything to measure, as far as that is known without asking."""
        return self._windows.heard(name_of(rule))

    async def unit(self, rule: Rule) -> str:
        """What the values are in."""
        if rule.kind == "threshold":
            about = await self._windows.about(name_of(rule))
            if rule.agg == "ratio":
                return "ratio"
            return about.unit if about and rule.agg not in ("rate", "count") else ""
        return ""

    async def measure(self, rule: Rule) -> list[Measured]:
        """The label sets there are. Raises RuleFails, QueryTooWide, Invalid, StoreAway.

        NotLooked: not in this round.
        """
        if rule.kind == "log":
            return [await self._log(rule)]
        about = await self._windows.about(name_of(rule))
        if about is None:
            return [] if rule.by else [Measured({}, None)]
        agg = _agg(rule, about)
        match rule.kind:
            case "change":
                now = await self._window(rule, agg, rule.window_s)
                ago_s = rule.offset_s
                before = by_labels(await self._window(rule, agg, rule.window_s, ago_s))
                return [judging.changed(one, before.get(_key(one))) for one in now]
            case "burn_rate":
                short = await self._window(rule, "ratio", SHORT_S)
                long = by_labels(await self._window(rule, "ratio", LONG_S))
                return [judging.burning(one, long.get(_key(one)), rule.objective) for one in short]
            case "anomaly":
                return await self._anomalies(rule, agg)
            case _:
                return await self._window(rule, agg, rule.window_s)

    async def _window(self, rule: Rule, agg: str, window_s: int, ago_s: int = 0) -> list[Measured]:
        name = name_of(rule)
        key = (name, agg, rule.of, rule.by, rule.where, window_s, ago_s)
        found = self._round.get(key)
        if found is None:
            rows = await self._windows.rows(name, window_s, ago_s)
            found = self._round[key] = judging.measured(rows, rule, agg, float(window_s))
        return found

    async def _anomalies(self, rule: Rule, agg: str) -> list[Measured]:
        """How far off the usual: the lesser of this window and the one before it."""
        usual = await self._history(rule, agg)
        now = await self._window(rule, agg, rule.window_s)
        before = by_labels(await self._window(rule, agg, rule.window_s, rule.window_s))
        found: list[Measured] = []
        for one in now:
            history, earlier = usual.get(_key(one), []), before.get(_key(one))
            scores = (
                judging.deviation(one.value, history),
                judging.deviation(earlier.value if earlier else None, history),
            )
            score = None if None in scores else min(s for s in scores if s is not None)
            found.append(Measured(one.labels, score, one.samples))
        return found

    async def _history(self, rule: Rule, agg: str) -> Mapping[tuple[str, ...], list[float]]:
        """What was measured in this hour of the weeks before; read once an hour."""
        hour = self.now_s - self.now_s % HOUR_S
        key = (name_of(rule), agg, rule.of, rule.by, rule.where, rule.window_s)
        kept = self._usual.get(key)
        if kept is None or kept.hour != hour:
            if len(self._usual) >= USUAL_MAX:
                self._usual.clear()
            kept = self._usual[key] = _Usual(hour)
        share = rule.window_s / HOUR_S if agg in _EXTENSIVE else 1.0
        while kept.weeks < WEEKS:  # when there is no time for all of them, the next round goes on
            ago_s = self.now_s - (hour - (kept.weeks + 1) * WEEK_S + HOUR_S)
            for one in await self._window(rule, agg, HOUR_S, ago_s):
                if one.value is not None:
                    kept.values.setdefault(_key(one), []).append(one.value * share)
            kept.weeks += 1
        return kept.values

    async def _log(self, rule: Rule) -> Measured:
        key, began = (rule.tenant, rule.query, rule.window_s), self._clock.monotonic()
        lines = self._lines.get(key)
        if self._ration.may(key, LOG_EVERY_S if lines is not None else 0.0):
            lines = await self._count(rule.tenant, rule.query, rule.window_s, LINES_MAX)
            self._ration.spent(key, began)
            if len(self._lines) >= USUAL_MAX:
                self._lines.clear()
            self._lines[key] = lines
        if lines is None:
            raise NotLooked
        return Measured({}, float(lines), float(lines))


def name_of(rule: Rule) -> Name:
    """Whose metric it asks for."""
    return (INSTALLATION if rule.installation else rule.tenant), rule.metric


def by_labels(every: Iterable[Measured]) -> Values:
    """To be found by their labels."""
    return {_key(one): one for one in every}


def _key(one: Measured) -> tuple[str, ...]:
    return tuple(one.labels.values())


def _agg(rule: Rule, about: About) -> str:
    kind = KINDS[about.kind]
    agg = rule.agg or DEFAULTS[kind]
    if agg not in AGGREGATES[kind]:
        raise RuleFails(f"{rule.metric} is a {kind}: `agg` is one of {', '.join(AGGREGATES[kind])}")
    return agg
