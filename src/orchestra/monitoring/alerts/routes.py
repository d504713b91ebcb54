"""Alerts over HTTP: `/api/alerts`, what fires, what was said, and who sees to it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Final, Literal

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter, SkipValidation

from orchestra.bus import PositionInvalid
from orchestra.monitoring.alerts import descriptions, showing
from orchestra.monitoring.alerts.keeping import Alerts, Wanted
from orchestra.monitoring.alerts.records import Alert, Severity
from orchestra.monitoring.alerts.showing import Document
from orchestra.security import Permission, Principal, requires
from orchestra.store.keys import Tenant

Caller = NamedDependency[SkipValidation[Principal]]
Shelf = NamedDependency[SkipValidation[Alerts]]
Hushed = Callable[[Tenant, Mapping[str, str]], Awaitable[str | None]]
"""The silence that keeps an alert with these labels quiet, if any does."""
Quiet = NamedDependency[SkipValidation[Hushed]]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Entries on a page.")]
StateAsked = Annotated[
    Literal["pending", "firing", "recovering", "flapping"] | None,
    QueryParameter(name="state", description="`firing` has those that recover, too."),
]
SeverityAsked = Annotated[Severity | None, QueryParameter(description="Only of this severity.")]
RuleAsked = Annotated[str | None, QueryParameter(max_length=128, description="Only of this rule.")]
READS = [requires(Permission.ALERTS_READ)]
ACKNOWLEDGES = [requires(Permission.ALERTS_ACKNOWLEDGE)]
_CURSOR: Final = re.compile(r"^([0-9]{1,15})\.([A-Za-z0-9_.-]{1,128})$")
_POSITION: Final = re.compile(r"^[1-9][0-9]{0,14}-[0-9]{1,15}$")


class AlertRoutes(Controller):
    """Alerts: what is not as it should be, and what was."""

    path = "/api/alerts"
    tags = ("alerts",)

    @get("/", guards=READS, opt=descriptions.ALERTS)
    async def page(
        self,
        principal: Caller,
        alerts: Shelf,
        hushed: Quiet,
        wanted_state: StateAsked = None,
        severity: SeverityAsked = None,
        rule: RuleAsked = None,
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> Document:
        """Alerts that are not ok, those that began last first. A page may be short."""
        after = _after(cursor)
        wanted = Wanted(wanted_state, severity, rule)
        found, more = await alerts.page(principal.tenant, wanted, after, limit)
        return {
            "alerts": [await _shown(one, hushed) for one in found],
            "cursor": f"{more[0]}.{more[1]}" if more else None,
        }

    @get("/history", guards=READS, opt=descriptions.HISTORY)
    async def history(
        self,
        principal: Caller,
        alerts: Shelf,
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> Document:
        """What was said of alerts in 90 days, about 2,000 entries; the newest first."""
        if cursor is not None and not _POSITION.fullmatch(cursor):
            raise PositionInvalid("this is no cursor of ours: begin without one")
        found = await alerts.history(principal.tenant, cursor, limit + 1)
        return {
            "items": [showing.said(one) for _, one in found[:limit]],
            "cursor": found[limit - 1][0] if len(found) > limit else None,
        }

    @get("/{alert_id:str}", guards=READS, opt=descriptions.ALERT)
    async def one(
        self, alert_id: FromPath[str], principal: Caller, alerts: Shelf, hushed: Quiet
    ) -> Document:
        """One alert, also for two days after it was resolved."""
        return await _shown(await alerts.get(principal.tenant, alert_id), hushed)

    @post("/{alert_id:str}/acknowledge", status_code=200, guards=ACKNOWLEDGES,
          opt=descriptions.ACKNOWLEDGE)  # fmt: skip
    async def acknowledge(
        self, alert_id: FromPath[str], principal: Caller, alerts: Shelf, hushed: Quiet
    ) -> Document:
        """Say that you see to it: nobody is told again. Who was first stays."""
        found = await alerts.acknowledge(principal.tenant, alert_id, principal.actor)
        return await _shown(found, hushed)

    @delete("/{alert_id:str}/acknowledge", status_code=200, guards=ACKNOWLEDGES,
            opt=descriptions.UNDO)  # fmt: skip
    async def undo(
        self, alert_id: FromPath[str], principal: Caller, alerts: Shelf, hushed: Quiet
    ) -> Document:
        """Take it back. Safe to repeat."""
        return await _shown(await alerts.acknowledge(principal.tenant, alert_id, ""), hushed)


async def _shown(one: Alert, hushed: Hushed) -> Document:
    labels = {
        **one.labels, "alertname": one.name, "severity": one.severity, "rule": one.rule,
    }  # fmt: skip
    return showing.alert(one, await hushed(one.tenant, labels))


def _after(cursor: str | None) -> tuple[int, str] | None:
    """Where a page goes on. Raises PositionInvalid."""
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    if not match:
        raise PositionInvalid("this is no cursor of ours: begin without one")
    return int(match[1]), match[2]
