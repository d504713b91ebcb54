"""How the alerts that fire stand, as notifications look at them."""

from collections.abc import Mapping

from orchestra.monitoring.alerts.keeping import Alerts
from orchestra.monitoring.alerts.records import OPEN, Alert
from orchestra.monitoring.alerts.rules import Rules
from orchestra.monitoring.notifications.ports import Firing
from orchestra.monitoring.notifications.records import Standing
from orchestra.store.keys import Tenant


def standing_of(alerts: Alerts, rules: Rules) -> Firing:
    """By the word of the alerts; the metric only where it decides whether one mutes another."""

    async def found(tenant: Tenant) -> Mapping[str, Standing]:
        kept = [one.alert for one in await alerts.active(tenant)]
        metrics: dict[str, str] = {}
        if any(map(_is_grave, kept)) and sum(not one.labels for one in kept) > 1:
            metrics = {one.id: one.metric for one in await rules.of_tenant(tenant)}
        return {
            one.id: Standing(
                one.rule,
                one.name,
                one.labels,
                one.severity,
                acknowledged=one.acknowledged_by is not None,
                flapping=one.flapping,
                metric=metrics.get(one.rule, ""),
            )
            for one in kept
            if one.state in OPEN or one.flapping
        }

    return found


def _is_grave(one: Alert) -> bool:
    """Something critical about no one thing."""
    return one.severity == "critical" and not one.labels
