"""What people want of rules: read, checked against what is measured, kept."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from orchestra.clock import Clock, Ids
from orchestra.errors import Problem
from orchestra.monitoring.alerts import reading
from orchestra.monitoring.alerts.reading import CheckQuery, RuleInvalid
from orchestra.monitoring.alerts.records import Rule, RuleMoved, RuleUnknown
from orchestra.monitoring.alerts.rules import Rules
from orchestra.monitoring.metrics.admission import About, Admission
from orchestra.monitoring.metrics.functions import AGGREGATES
from orchestra.monitoring.metrics.names import TOLD, near
from orchestra.monitoring.metrics.series import INSTALLATION, KINDS
from orchestra.security import Permission, Principal
from orchestra.security.hardened import loads
from orchestra.store.keys import Tenant
from orchestra.store.repeats import Repeats

Warning_ = dict[str, Any]
_CHECKED: Final = ("by", "where", "of")


class Made(msgspec.Struct, frozen=True):
    """A rule, and what looks like a mistake in it. `again`: it was made before."""

    rule: Rule
    warnings: list[Warning_]
    again: bool = False


class Desk:
    """Takes bodies in."""

    def __init__(
        self,
        rules: Rules,
        repeats: Repeats,
        admission: Admission,
        check: CheckQuery,
        ports: tuple[Clock, Ids],
    ) -> None:
        self._rules, self._repeats = rules, repeats
        self._admission, self._check = admission, check
        self._clock, self._ids = ports

    async def create(self, principal: Principal, body: bytes, key: str | None) -> Made:
        """A new rule; with the `key` of before, the one of before.

        Raises RuleInvalid, RuleQuota, IdempotencyMismatch.
        """
        wish, warnings = await self.wished(principal, loads(body))
        now_ms, tenant = self._clock.now_ms(), principal.tenant
        claim = await self._repeats.claim(tenant, key, body, self._ids.new("alr"))
        if claim.again:
            try:
                return Made(await self._rules.get(tenant, claim.id), warnings, again=True)
            except RuleUnknown:
                pass  # its maker did not get so far
        made = msgspec.structs.replace(wish, id=claim.id, created_ms=now_ms, updated_ms=now_ms)
        try:
            return Made(await self._rules.create(made), warnings)
        except RuleMoved:  # the same request, at the same time
            return Made(await self._rules.get(tenant, claim.id), warnings, again=True)

    async def change(
        self, principal: Principal, rule_id: str, body: bytes, seen: int | None
    ) -> tuple[Rule, list[Warning_]]:
        """Put another rule in its place. Raises RuleUnknown, RuleInvalid, RuleMoved."""
        before = await self._rules.get(principal.tenant, rule_id)
        if seen is not None and seen != before.revision:
            raise RuleMoved("the rule has another revision", revision=before.revision)
        after = reading.change_of(before, loads(body), self._check)
        if before.built_in:
            return await self._rules.change(before, after), []
        after, warnings = await self._looked_up(principal, after, loads(body))
        return await self._rules.change(before, after), warnings

    async def wished(self, principal: Principal, body: object) -> tuple[Rule, list[Warning_]]:
        """The rule a body describes. Raises RuleInvalid."""
        rule = reading.rule_of(body, principal.tenant, self._check)
        return await self._looked_up(principal, rule, body)

    async def _looked_up(
        self, principal: Principal, rule: Rule, body: object
    ) -> tuple[Rule, list[Warning_]]:
        """Whose metric it is about, and what looks like a mistake. Raises RuleInvalid."""
        if not rule.metric:
            return rule, []
        given = body.get("scope") if isinstance(body, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # checked when it was read
        sees = principal.may(Permission.SYSTEM_READ)
        if given == "installation" and not sees:
            told = "the metrics of the installation need `system:read`"
            raise RuleInvalid("the rule is not valid", [Problem("/scope", "forbidden", told)])
        about = None if given == "installation" else await self._about(principal.tenant, rule)
        if about is None and given is None and sees:
            about = await self._about(INSTALLATION, rule)
            rule = msgspec.structs.replace(rule, installation=about is not None)
        elif given == "installation":
            about = await self._about(INSTALLATION, rule)
        if about is None:
            return rule, [await self._stranger(principal.tenant, rule)]
        _check_agg(rule, about)
        whose = INSTALLATION if rule.installation else principal.tenant
        return rule, await self._labels(whose, rule, about)

    async def _about(self, tenant: Tenant, rule: Rule) -> About | None:
        return await self._admission.about(tenant, rule.metric)

    async def _stranger(self, tenant: Tenant, rule: Rule) -> Warning_:
        known = set(TOLD) | (await self._admission.metrics(tenant)).keys()
        return {
            "pointer": "/metric",
            "code": "metric_unknown",
            "message": "nothing was ever recorded of it: the rule has no data until then",
            "near": near(rule.metric, known),
        }

    async def _labels(self, whose: Tenant, rule: Rule, about: About) -> list[Warning_]:
        """Labels that no series of the metric has."""
        series = await self._admission.series(whose, rule.metric, about)
        known = {name for one in series for name, _ in one.labels}
        named = {
            "by": rule.by,
            "where": [name for name, _ in rule.where],
            "of": [name for name, _ in rule.of],
        }
        return [
            {
                "pointer": f"/{member}",
                "code": "label_unknown",
                "message": f"no series of this metric has the label {name}",
                "near": near(name, known),
            }
            for member in _CHECKED
            for name in dict.fromkeys(named[member])
            if name not in known
        ]


def _check_agg(rule: Rule, about: About) -> None:
    kind = KINDS[about.kind]
    if rule.kind == "absent" or rule.agg is None or rule.agg in AGGREGATES[kind]:
        return
    told = f"of a {kind} is one of {', '.join(AGGREGATES[kind])}"
    findings: Sequence[Problem] = [Problem("/agg", "out_of_range", told)]
    raise RuleInvalid("the rule is not valid", findings)
