"""How the alerts that fire stand, as notifications look at them."""

from collections.abc import Mapping

from orchestra.monitoring.alerts.keeping import Alerts
from orchestra.monitoring.alerts.records import OPEN
from orchestra.monitoring.notifications.ports import Firing
from orchestra.monitoring.notifications.records import Standing
from orchestra.store.keys import Tenant


def standing_of(alerts: Alerts) -> Firing:
    """By the word of the alerts."""

    async def found(tenant: Tenant) -> Mapping[str, Standing]:
        kept = [one.alert for one in await alerts.active(tenant)]
        return {
            one.id: Standing(
                one.rule,
                one.name,
                one.labels,
                one.severity,
                acknowledged=one.acknowledged_by is not None,
                flapping=one.flapping,
            )
            for one in kept
            if one.state in OPEN or one.flapping
        }

    return found
