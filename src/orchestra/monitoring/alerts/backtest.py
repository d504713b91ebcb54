"""Back-tests: when a rule would have fired. Measured, judged and moved on as it is alive."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import anyio
import msgspec

from orchestra.clock import Clock
from orchestra.errors import Problem
from orchestra.instants import instant
from orchestra.monitoring.alerts import judging, states
from orchestra.monitoring.alerts.desk import Desk
from orchestra.monitoring.alerts.judging import Measured, Row
from orchestra.monitoring.alerts.lines import Lines
from orchestra.monitoring.alerts.meter import HOUR_S, LONG_S, WEEK_S, WEEKS, Meter, name_of
from orchestra.monitoring.alerts.reading import RuleInvalid
from orchestra.monitoring.alerts.records import ALERTS_MAX, OPEN, Rule, alert_id
from orchestra.monitoring.alerts.ring import Name
from orchestra.monitoring.alerts.states import Standing
from orchestra.monitoring.alerts.tracks import Tracks
from orchestra.monitoring.alerts.turns import Turns
from orchestra.monitoring.metrics.admission import About
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import QueryInvalid, question
from orchestra.security import Principal
from orchestra.security.hardened import loads
from orchestra.store.keys import Tenant

RANGE_MAX_S: Final = 30 * 86_400
EPISODES_MAX: Final = 200
SPENT_MAX_S: Final = 10.0
BREATH: Final = 20
BUCKETS: Final = 400
DEFAULT_FROM: Final = "-24h"


class Moment:
    """A clock that stands at a moment of the past."""

    def __init__(self) -> None:
        self.at_s = 0

    def now_ms(self) -> int:
        """That moment."""
        return self.at_s * 1_000

    def monotonic(self) -> float:
        """Seconds, as it is moved on."""
        return float(self.at_s)

    async def sleep(self, seconds: float) -> None:
        """Nobody waits in the past."""
        raise NotImplementedError(seconds)


class Past:
    """What there was at that moment: what a `Meter` looks at."""

    def __init__(self, answers: Answers, rule: Rule, moment: Moment) -> None:
        self._answers, self._rule, self._moment = answers, rule, moment
        self._name = name_of(rule)
        self.near = Tracks(answers, self._name)
        self._far = Tracks(answers, self._name)

    async def load(self, begin_s: int, end_s: int, now_s: int) -> None:
        """Read what the rule may ask for. Raises StoreAway, QueryTooWide."""
        rule, window_s = self._rule, self._rule.window_s
        reach = {"burn_rate": LONG_S, "anomaly": 2 * window_s}.get(rule.kind, window_s)
        await self.near.load(begin_s, end_s, reach, now_s)
        if rule.kind == "change":
            span = (begin_s - rule.offset_s, end_s - rule.offset_s)
            await self._far.load(*span, window_s, now_s)
        elif rule.kind == "anomaly":
            span = (begin_s - WEEKS * WEEK_S - HOUR_S, end_s - WEEK_S + HOUR_S)
            await self._far.load(*span, HOUR_S, now_s)

    def forget(self) -> None:
        """The past does not change."""

    async def prepare(self, wanted: Mapping[Name, int], now_s: int) -> None:
        """It is read already."""

    def heard(self, name: Name) -> bool:
        """Whether anything of it is at hand."""
        return bool(self.near.sections) and name == self._name

    async def about(self, name: Name) -> About | None:
        """What a metric is; None: nothing of it was ever heard."""
        return await self._answers.admission.about(*name)

    async def rows(self, name: Name, window_s: int, ago_s: int = 0) -> list[Row]:
        """Each series of a metric, with what it had in a window."""
        assert name == self._name
        end_s = self._moment.at_s - ago_s
        before = self._rule.kind == "anomaly" and ago_s == window_s == self._rule.window_s
        tracks = self.near if not ago_s or before else self._far
        return tracks.rows(end_s, window_s)


class Episode(msgspec.Struct):
    """One firing."""

    labels: dict[str, str]
    pending_ms: int | None
    fired_ms: int
    resolved_ms: int | None = None
    worst: float | None = None
    flapping: bool = False


class BackTest:
    """Tries rules on what was measured."""

    def __init__(self, desk: Desk, answers: Answers, lines: Lines, clock: Clock) -> None:
        self._desk, self._answers, self._lines, self._clock = desk, answers, lines, clock
        self._turns = Turns()

    async def run(self, principal: Principal, body: bytes) -> dict[str, Any]:
        """The document of `/rules/test`.

        Raises RuleInvalid, BackTestsCrowded, QueryTooWide, StoreAway.
        """
        given: object = loads(body)
        now_s = self._clock.now_ms() // 1_000
        rest = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        span, findings = _span(rest, now_s)
        wish = {name: value for name, value in rest.items() if name not in ("from", "to")}
        try:
            rule, warnings = await self._desk.wished(principal, wish)
        except RuleInvalid as invalid:
            raise RuleInvalid(invalid.detail, [*invalid.findings, *findings]) from None
        if findings:
            raise RuleInvalid("the rule is not valid", findings)
        rule = msgspec.structs.replace(rule, id="alr_test")
        trial = Trial(rule, self._answers, self._lines, self._clock)
        async with self._turns.take(principal.tenant):
            return await trial.run(span, now_s) | {"warnings": warnings}


class Trial:
    """One back-test."""

    def __init__(self, rule: Rule, answers: Answers, lines: Lines, clock: Clock) -> None:
        self._rule, self._lines, self._clock = rule, lines, clock
        self._moment = Moment()
        self._past = Past(answers, rule, self._moment)
        self._meter = Meter(self._past, self._counted, self._moment)
        self._buckets: tuple[int, float, list[int]] = (0, 1.0, [])
        self._standing: dict[str, Standing] = {}
        self._open: dict[str, Episode] = {}
        self._episodes: list[Episode] = []
        self._fired = self._looks = self._no_data = 0

    async def run(self, span: tuple[int, int], now_s: int) -> dict[str, Any]:
        """Look at each moment of a span."""
        bounded: dict[str, Any] = {}
        sections = await self._sections(span, now_s)
        coarse = max((step for _, _, step in sections), default=5)
        if sections and sections[0][0] > span[0]:
            bounded["kept_from"] = instant(sections[0][0] * 1_000)
        if coarse > self._rule.window_s:
            bounded["window_s"] = coarse
        until = self._clock.monotonic() + SPENT_MAX_S
        for begin_s, end_s, step_s in sections:
            for at_s in moments(begin_s, end_s, step_s):
                await self._look(at_s)
                if self._looks % BREATH == 0:
                    await anyio.lowlevel.checkpoint()
                if self._clock.monotonic() > until:
                    bounded["looked_until"] = instant(at_s * 1_000)
                    break
            if "looked_until" in bounded:
                break
        if self._fired > EPISODES_MAX:
            bounded["episodes"] = EPISODES_MAX
        return {
            "from": instant(span[0] * 1_000),
            "to": instant(span[1] * 1_000),
            "step_s": coarse,
            "looks": self._looks,
            "fired": self._fired,
            "episodes": [_shown(one) for one in self._episodes],
            "no_data": self._no_data,
            "bounded": bounded or None,
        }

    async def _sections(self, span: tuple[int, int], now_s: int) -> list[tuple[int, int, int]]:
        begin_s, end_s = span
        if self._rule.kind == "log":
            first_s = begin_s - self._rule.window_s
            step_s = -(-(end_s - first_s) // BUCKETS)
            rows = await self._lines.over(
                self._rule.tenant, self._rule.query, (first_s * 1_000, end_s * 1_000), BUCKETS
            )
            self._buckets = (first_s, (end_s - first_s) / BUCKETS, rows)
            return [(begin_s, end_s, max(step_s, 5))]
        await self._past.load(begin_s, end_s, now_s)
        return [(one.begin_s, one.end_s, one.step_s) for one in self._past.near.sections]

    async def _counted(self, tenant: Tenant, query: str, window_s: int, most: int) -> int:
        """Lines in the window that ends at the moment."""
        assert (tenant, query) == (self._rule.tenant, self._rule.query)
        first_s, step_s, rows = self._buckets
        end = round((self._moment.at_s - first_s) / step_s)
        begin = max(round(end - max(window_s / step_s, 1)), 0)
        return min(sum(rows[begin:end]), most)

    async def _look(self, at_s: int) -> None:
        self._moment.at_s = at_s
        self._meter.at(at_s)
        self._looks += 1
        found = await self._meter.measure(self._rule)
        known = {alert_id(self._rule.id, one.labels): one for one in found}
        if not any(one.samples for one in found):
            self._no_data += 1
        for name, one in known.items():
            self._move(name, one, at_s * 1_000)
        for name in self._standing.keys() - known.keys():
            labels = self._open[name].labels if name in self._open else {}
            self._move(name, Measured(labels, None), at_s * 1_000)

    def _move(self, name: str, one: Measured, at_ms: int) -> None:
        rule, before = self._rule, self._standing.get(name, Standing())
        verdict = judging.verdict(rule, one)
        if before == Standing() and (verdict != "breach" or len(self._standing) >= ALERTS_MAX):
            return
        after, _ = states.moved(
            before, verdict, at_ms, rule.for_s * 1_000, rule.keep_firing_s * 1_000
        )
        self._standing[name] = after
        if after.state in OPEN and before.state not in OPEN:
            self._fired += 1
            pending = before.since_ms if before.state == "pending" else None
            episode = Episode(one.labels, pending, at_ms, flapping=after.flapping)
            self._open[name] = episode
            if len(self._episodes) < EPISODES_MAX:
                self._episodes.append(episode)
        episode = self._open.get(name)
        if episode is not None:
            episode.worst = _worse(rule, episode.worst, one.value)
            if after.state not in OPEN:
                episode.resolved_ms = at_ms
                del self._open[name]


def moments(begin_s: int, end_s: int, step_s: int) -> Iterator[int]:
    """Every step, and the end."""
    at_s = begin_s
    while at_s < end_s:
        at_s = min(at_s + step_s, end_s)
        yield at_s


def _worse(rule: Rule, had: float | None, value: float | None) -> float | None:
    if had is None or value is None:
        return value if had is None else had
    return max(had, value) if rule.op in (">", ">=") else min(had, value)


def _shown(one: Episode) -> dict[str, Any]:
    return {
        "labels": one.labels,
        "pending_at": instant(one.pending_ms) if one.pending_ms else None,
        "fired_at": instant(one.fired_ms),
        "resolved_at": instant(one.resolved_ms) if one.resolved_ms else None,
        "worst": one.worst,
        "flapping": one.flapping,
    }


def _span(given: Mapping[str, Any], now_s: int) -> tuple[tuple[int, int], list[Problem]]:
    """From when until when."""
    findings: list[Problem] = []
    asked: dict[str, list[str]] = {"metric": ["any"]}
    for name, default in (("from", DEFAULT_FROM), ("to", "now")):
        value = given.get(name, default)
        if isinstance(value, str):
            asked[name] = [value]
        else:
            findings.append(Problem(f"/{name}", "type", "must be a string such as -24h or now"))
            asked[name] = [default]
    try:
        found = question(asked, now_s)
    except QueryInvalid as invalid:
        for one in invalid.findings:
            assert isinstance(one, Problem)
            findings.append(Problem(one.pointer.removeprefix("/query"), one.code, one.message))
        return (0, 1), findings
    if found.to_s - found.from_s > RANGE_MAX_S:
        findings.append(Problem("/from", "out_of_range", "asks for more than 30 days"))
    if found.from_s >= now_s:
        findings.append(Problem("/from", "out_of_range", "must be in the past"))
    return (found.from_s, min(found.to_s, now_s)), findings
