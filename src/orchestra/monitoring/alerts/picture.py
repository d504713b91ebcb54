"""What the evaluator knows: rules, alerts that are not ok, how rules went last. A term's memory."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from orchestra.monitoring.alerts.builtin import built_in
from orchestra.monitoring.alerts.facts import Facts
from orchestra.monitoring.alerts.keeping import Alerts
from orchestra.monitoring.alerts.records import Rule, Status, Verdict
from orchestra.monitoring.alerts.rules import Rules
from orchestra.store.keys import DEFAULT_TENANT, Tenant

NOTHING: Final = Status("no_data")
OURS: Final = "~"
"""Whose names are none of a tenant begin so."""

RETELL_MS: Final = 30_000
"""What an alert that fires measures is told to lists so often, when it changes."""

Key = tuple[Tenant, str]


class Active(msgspec.Struct, frozen=True):
    """An alert that is not ok, or flaps. `rule`: as it was told last, for when it is gone.

    `told_ms`: when its value was, last.
    """

    state: str
    labels: dict[str, str]
    value: float | None
    rule: Rule
    told_ms: int = 0

    def stays(self, rule: Rule, verdict: Verdict, value: float | None, now_ms: int) -> bool:
        """Whether a script would change nothing that matters now: it fires, and goes on."""
        if self.state != "firing" or verdict in ("clear", "gone") or rule is not self.rule:
            return False
        return value == self.value or now_ms - self.told_ms < RETELL_MS


class Picture:
    """Of all tenants."""

    def __init__(
        self, rules: Rules, alerts: Alerts, tenants: Callable[[], Awaitable[Sequence[Tenant]]]
    ) -> None:
        self._rules, self._alerts, self._tenants = rules, alerts, tenants
        self._known: dict[Tenant, Sequence[Rule]] = {}
        self._by_id: dict[Key, Rule] = {}
        self._revisions: dict[Tenant, int] = {}
        self._statuses: dict[Key, Status] = {}
        self.active: dict[Key, dict[str, Active]] = {}

    async def load(self) -> None:
        """Read all of it anew. Raises StoreAway."""
        self._known, self._by_id, self._revisions = {}, {}, {}
        active: dict[Key, dict[str, Active]] = {}
        statuses: dict[Key, Status] = {}
        await self.refresh()
        for tenant in await self._alerts.tenants():
            for kept in await self._alerts.active(tenant):
                one = kept.alert
                rule = self._by_id.get((tenant, one.rule)) or _as_told(tenant, kept.facts)
                labels = {name: one.labels.get(name, "") for name in rule.by}
                state = one.state + ("*" if one.flapping else "")
                found = Active(state, labels, one.value, rule)
                active.setdefault((tenant, one.rule), {})[one.id] = found
        for tenant in self._known:
            for rule, status in (await self._rules.statuses(tenant)).items():
                statuses[tenant, rule] = status
        self.active, self._statuses = active, statuses

    async def refresh(self) -> list[Rule]:
        """All rules as they are now. Raises StoreAway."""
        revisions = await self._rules.revisions()
        tenants = {one for one in await self._tenants() if not one.startswith(OURS)}
        tenants |= revisions.keys() | {DEFAULT_TENANT}
        for tenant in sorted(tenants):
            revision = revisions.get(tenant, 0)
            if tenant in self._known and self._revisions.get(tenant, 0) == revision:
                continue
            every = await self._rules.of_tenant(tenant) if revision else built_in(tenant)
            for gone in self._known.get(tenant, ()):
                self._by_id.pop((tenant, gone.id), None)
            for rule in {one.id for one in self._known.get(tenant, ())} - {one.id for one in every}:
                self._statuses.pop((tenant, rule), None)
            self._by_id |= {(tenant, one.id): one for one in every}
            self._known[tenant], self._revisions[tenant] = every, revision
        return [rule for rules in self._known.values() for rule in rules]

    def rule(self, key: Key) -> Rule | None:
        """The rule of this id; None: it is gone."""
        return self._by_id.get(key)

    def active_of(self, rule: Rule) -> Mapping[str, Active]:
        """Its alerts that are not ok."""
        return self.active.get((rule.tenant, rule.id), {})

    def firing(self) -> dict[tuple[str, str], int]:
        """How many fire, by tenant and severity."""
        found: dict[tuple[str, str], int] = {}
        for (tenant, _), alerts in self.active.items():
            for one in alerts.values():
                if one.state != "pending":
                    key = (str(tenant), one.rule.severity)
                    found[key] = found.get(key, 0) + 1
        return found

    def moved(self, rule: Rule, name: str, one: Active) -> None:
        """What a script answered of an alert."""
        key = (rule.tenant, rule.id)
        if one.state == "ok":
            alerts = self.active.get(key, {})
            alerts.pop(name, None)
            if not alerts:
                self.active.pop(key, None)
        else:
            self.active.setdefault(key, {})[name] = one

    def differs(self, rule: Rule, status: Status) -> bool:
        """Whether it went otherwise than it was told last."""
        had = self._statuses.get((rule.tenant, rule.id), NOTHING)
        return (had.state, had.dropped, had.error) != (status.state, status.dropped, status.error)

    def told(self, rule: Rule, status: Status) -> None:
        """It is known to all now."""
        self._statuses[rule.tenant, rule.id] = status


def _as_told(tenant: Tenant, facts: Facts) -> Rule:
    """A rule that is gone, as far as its alert knows it."""
    return Rule(
        id=facts.rule,
        tenant=tenant,
        name=facts.name,
        labels=facts.labels,
        severity=facts.severity,
        summary=facts.summary,
        runbook=facts.runbook,
        notify=facts.notify,
        group_by=facts.group_by,
        group_wait_s=facts.group_wait_s,
        repeat_s=facts.repeat_s,
        threshold=facts.threshold or 0.0,
    )
