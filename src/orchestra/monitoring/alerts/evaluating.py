"""The evaluator: every few seconds one replica judges all rules, and moves their alerts on.

What it decides counts only while its token is the newest one: each script checks it. What it knows
of alerts is what the scripts answered; a new term begins with reading it.
"""

from collections import defaultdict
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, Final, cast

import anyio
import msgspec
import structlog

from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.instruments import histogram, measure
from orchestra.monitoring.alerts import judging
from orchestra.monitoring.alerts.facts import facts_of
from orchestra.monitoring.alerts.judging import Measured
from orchestra.monitoring.alerts.looks import Look, Looks
from orchestra.monitoring.alerts.meter import Meter
from orchestra.monitoring.alerts.picture import Active, Picture
from orchestra.monitoring.alerts.ration import NotLooked
from orchestra.monitoring.alerts.records import ALERTS_MAX, Rule, Status, Verdict, alert_id
from orchestra.monitoring.metrics.leading import Leading
from orchestra.store import alert_keys
from orchestra.store.client import Store
from orchestra.store.failures import NotReplicated, StoreAway
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

EVERY_S: Final = 5.0
QUICK_S: Final = 2.0
HASTY_S: Final = 0.5
"""So often for `HASTE_S` after it took over: what happened meanwhile is said late already."""
HASTE_S: Final = 15.0
REST: Final = 20.0
"""A round comes every two seconds, and up to five when it takes more than a twentieth of them. It
rests for as long as it took, or five seconds."""
TENANT_S: Final = 1.0  # for the rules of a tenant in a round; those left begin the next one
TURN: Final = 200
BREATH_S: Final = 0.01
"""After so much work a look at what else this process has to do."""
AT_S: Final = 86_400
_SECONDS = histogram("orchestra_alert_evaluation_seconds")
_FIRING = measure("orchestra_alerts_firing", ("tenant", "severity"))
_FAULTS: Final = (
    OrchestraError, ArithmeticError, ValueError, LookupError, TypeError, AttributeError,
    AssertionError, msgspec.MsgspecError,
)  # fmt: skip


class Fenced(Exception):
    """A newer evaluator has written: this one's word counts no more."""


class Move(msgspec.Struct, frozen=True):
    """One alert, and what is judged of it. `why`: it is over, whatever its value.

    `most_ms`: since the look before no more time can have passed.
    """

    rule: Rule
    id: str
    labels: dict[str, str]
    verdict: Verdict
    value: float | None
    why: str = ""
    most_ms: int = 0


class Evaluator:
    """Judges them while this replica leads."""

    def __init__(
        self, store: Store, clock: Clock, leading: Leading, meter: Meter, picture: Picture
    ) -> None:
        self._store, self._clock, self._leading = store, clock, leading
        self._meter, self._picture = meter, picture
        self._prefix = alert_keys.alerts(store.space)
        self._scripts = load_scripts(__package__ or "")
        self._token = -1
        self._began = float("-inf")
        self._looks = Looks()
        self._shown: set[tuple[str, str]] = set()
        self._late: set[tuple[Tenant, str]] = set()
        self.rounds = 0

    async def serve(self) -> None:
        """Until cancelled."""
        while True:
            began = self._clock.monotonic()
            if self._leading.leads:
                await self.attempt()
            else:
                self._hide()
                await self._leading.elected()
                continue
            took_s = self._clock.monotonic() - began
            quick_s = HASTY_S if began - self._began < HASTE_S else QUICK_S
            pause_s = min(max(quick_s, REST * took_s), EVERY_S) - took_s
            await self._clock.sleep(max(pause_s, min(took_s, EVERY_S), 0.1))

    async def attempt(self) -> None:
        """One round. When the store is away all stays as it is."""
        try:
            await self.round(self._leading.token)
        except (StoreAway, NotReplicated) as away:
            self._token = -1
            log.debug("alert.not_evaluated", error=away.code)
        except Fenced:
            self._token = -1
            log.info("alert.evaluator_fenced", term=self._leading.token)

    async def round(self, token: int) -> None:
        """Judge all rules once. Raises Fenced, StoreAway."""
        began, now_ms = self._clock.monotonic(), self._clock.now_ms()
        if token != self._token:
            await self._take_over(now_ms, began)
            self._token = token
        self._looks.begin(now_ms, began)
        rules = await self._picture.refresh()
        await self._meter.begin([one for one in rules if one.enabled], now_ms)
        moves: list[Move] = list(self._over())
        statuses = await self._judged(rules, now_ms, moves)
        await self._send(moves, token, now_ms)
        await self._tell(statuses, token, now_ms)
        key = alert_keys.evaluated(self._prefix)
        await self._store.call(self._prefix, "SET", key, now_ms, "EX", AT_S)
        self._looks.end(rules)
        self._show(self._picture.firing())
        self.rounds += 1
        _SECONDS.observe(self._clock.monotonic() - began)

    async def _judged(
        self, rules: Sequence[Rule], now_ms: int, moves: list[Move]
    ) -> list[tuple[Rule, Status]]:
        """What all alerts are to do, and how the rules went. Who was late comes first."""
        statuses, spent = list[tuple[Rule, Status]](), defaultdict[Tenant, float](float)
        late, self._late, breath = self._late, set[tuple[Tenant, str]](), self._clock.monotonic()
        for rule in sorted(rules, key=lambda one: (one.tenant, one.id) not in late):
            began = self._clock.monotonic()
            if began - breath >= BREATH_S:
                await anyio.lowlevel.checkpoint()
                began = breath = self._clock.monotonic()
            if not rule.enabled or (rule.built_in and not self._concerns(rule)):
                continue
            if spent[rule.tenant] >= TENANT_S:
                self._late.add((rule.tenant, rule.id))
                continue
            status = await self._judge(rule, now_ms, moves)
            spent[rule.tenant] += self._clock.monotonic() - began
            if status is not None and self._picture.differs(rule, status):
                statuses.append((rule, status))
        return statuses

    async def _take_over(self, now_ms: int, now_s: float) -> None:
        """Read where things stand. Without a word for long, that there is no data says nothing."""
        self._began = self._clock.monotonic()
        self._meter.forget()
        await self._picture.load()
        at = await self._store.read(self._prefix, "GET", alert_keys.evaluated(self._prefix))
        self._looks.take_over(int(at) if at else None, now_ms, now_s)

    def _show(self, firing: Mapping[tuple[str, str], int]) -> None:
        """How many fire, by tenant and severity: told by the one who judges, and by nobody else."""
        for values, count in firing.items():
            _FIRING.set(count, *values)
        for values in self._shown - firing.keys():
            _FIRING.set(0, *values)
        self._shown |= firing.keys()

    def _hide(self) -> None:
        """Somebody else tells it now."""
        for values in self._shown:
            _FIRING.forget(*values)
        self._shown.clear()

    def _concerns(self, rule: Rule) -> bool:
        """Whether a built-in rule has anything to watch there, or something to end."""
        return self._meter.heard(rule) or bool(self._picture.active_of(rule))

    def _over(self) -> Iterable[Move]:
        """Alerts of rules that are gone, or off."""
        for key, alerts in self._picture.active.items():
            rule = self._picture.rule(key)
            if rule is None or not rule.enabled:
                why = "rule_deleted" if rule is None else "rule_disabled"
                for name, one in alerts.items():
                    told = rule or one.rule
                    yield Move(told, name, one.labels, "gone", one.value, why)

    async def _judge(self, rule: Rule, now_ms: int, moves: list[Move]) -> Status | None:
        """What its alerts are to do, and how that went; None: it stays as it is this time."""
        try:
            found = await self._meter.measure(rule)
        except (StoreAway, NotReplicated):
            raise
        except NotLooked:
            return None
        except _FAULTS as fault:
            detail = fault.detail if isinstance(fault, OrchestraError) else "it cannot be computed"
            if not isinstance(fault, OrchestraError):
                log.exception("alert.rule_broken", rule=rule.id)
            return Status("failed", now_ms, error=detail)
        dropped = self._moves(rule, found, moves, self._looks.at(rule))
        state = "ok" if any(one.samples for one in found) else "no_data"
        return Status(state, now_ms, alerts=len(found), dropped=dropped)

    def _moves(self, rule: Rule, found: Sequence[Measured], moves: list[Move], look: Look) -> int:
        """What its alerts are to do; returns how many there is no room for."""
        active = self._picture.active_of(rule)
        known: set[str] = set()
        room, dropped = ALERTS_MAX - len(active), 0
        for one in found:
            verdict = judging.verdict(rule, one, settled=look.settled)
            if not active and verdict != "breach":
                continue  # nothing can come of it
            name = alert_id(rule.id, one.labels)
            known.add(name)
            had = active.get(name)
            if had is None:
                if verdict != "breach":
                    continue
                room -= 1
                if room < 0:
                    dropped += 1
                    continue
            elif had.stays(rule, verdict, one.value, look.now_ms):
                continue
            moves.append(Move(rule, name, one.labels, verdict, one.value, "", look.most_ms))
        for name, one in active.items():
            if name not in known:
                moves.append(_missing(rule, name, one, look))
        return dropped

    async def _send(self, moves: Sequence[Move], token: int, now_ms: int) -> None:
        """All of them, so many in one pipeline: a thousand would hold up others."""
        units = {id(move.rule): await self._meter.unit(move.rule) for move in moves}
        for start in range(0, len(moves), TURN):
            part = moves[start : start + TURN]
            sent = [self._move(move, units[id(move.rule)], token, now_ms) for move in part]
            for move, reply in zip(part, sent, strict=True):
                state = cast("bytes", await reply).decode()
                if state == "fenced":
                    raise Fenced
                now = Active(state, move.labels, move.value, move.rule, now_ms)
                self._picture.moved(move.rule, move.id, now)

    def _move(self, move: Move, unit: str, token: int, now_ms: int) -> Awaitable[Any]:
        rule = move.rule
        told = facts_of(rule, move.labels, unit, reason=move.why)
        return self._store.run(
            self._scripts["alert_move"],
            self._prefix,
            token=token,
            tenant=rule.tenant,
            alert=move.id,
            now_ms=now_ms,
            most_ms=move.most_ms,
            verdict=move.verdict,
            value="" if move.value is None else f"{move.value:.10g}",
            for_ms=rule.for_s * 1_000,
            keep_ms=rule.keep_firing_s * 1_000,
            facts=msgspec.json.encode(told),
        )

    async def _tell(self, statuses: Sequence[tuple[Rule, Status]], token: int, now_ms: int) -> None:
        """How rules went, where that has changed."""
        for rule, status in statuses:
            kept = await self._store.run(
                self._scripts["rule_tell"],
                self._prefix,
                token=token,
                tenant=rule.tenant,
                rule=rule.id,
                now_ms=now_ms,
                state=status.state,
                status=msgspec.json.encode(status),
                facts=msgspec.json.encode(facts_of(rule, {}, error=status.error)),
            )
            if not kept:
                raise Fenced
            self._picture.told(rule, status)


def _missing(rule: Rule, name: str, one: Active, look: Look) -> Move:
    """An alert whose labels nothing has any more."""
    if alert_id(rule.id, one.labels) != name or set(one.labels) != set(rule.by):
        return Move(rule, name, one.labels, "gone", one.value, "rule_changed")
    verdict = judging.no_data(rule, settled=look.settled)
    if rule.kind == "absent" and look.settled:
        verdict = "clear"
    return Move(rule, name, one.labels, verdict, None, "", look.most_ms)
