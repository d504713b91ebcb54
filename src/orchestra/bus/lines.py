"""Whose the lines of the log are that are said while something of a tenant is worked on.

A job, an event, a delivery is worked on in a task of its own. What led to the task (a request, the
event before) is not what its lines are about, and may be another tenant's.
"""

from typing import Final

import structlog

from orchestra.bus import Event
from orchestra.store.keys import Tenant

EXECUTION: Final = "exe_"


def begin(tenant: Tenant, **about: str) -> None:
    """From here on lines of this task are this tenant's, about this, and about nothing before."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(tenant=tenant, **about)


def about(event: Event) -> dict[str, str]:
    """What is known of an event: its id, and the execution it is of."""
    found = {"event_id": event.id}
    return found | {"execution_id": event.key} if event.key.startswith(EXECUTION) else found
