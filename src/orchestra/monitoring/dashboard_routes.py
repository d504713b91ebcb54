"""The overview and the health of the parts over HTTP: `/api/dashboard`."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from orchestra.clock import Clock
from orchestra.instants import instant
from orchestra.monitoring.metrics import descriptions
from orchestra.monitoring.overview import Overview
from orchestra.monitoring.services import Services, worst
from orchestra.monitoring.uptime import Uptime
from orchestra.security import Permission, Principal, requires

Document = dict[str, Any]
Caller = NamedDependency[SkipValidation[Principal]]
Window = Annotated[str, QueryParameter(description="Back from now: 1m to 30d.", max_length=16)]


class DashboardRoutes(Controller):
    """What a first page shows."""

    path = "/api/dashboard"
    tags = ("metrics",)

    @get(
        "/overview",
        guards=[requires(Permission.METRICS_READ)],
        opt=descriptions.OVERVIEW,
    )
    async def overview(
        self,
        principal: Caller,
        overview: NamedDependency[SkipValidation[Overview]],
        window: Window = "24h",
    ) -> Document:
        """Everything at a glance. What cannot be had is null, and named in `partial`."""
        return await overview.make(principal.tenant, window)

    @get("/health", guards=[requires(Permission.SYSTEM_READ)], opt=descriptions.SERVICES)
    async def health(
        self,
        services: NamedDependency[SkipValidation[Services]],
        uptime: NamedDependency[SkipValidation[Uptime]],
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Document:
        """How each part is, on all replicas together, and how it was in the last 90 days."""
        standing, days = await services.read(), await uptime.read()
        found = standing.services
        return {
            "generated_at": instant(clock.now_ms()),
            "status": worst(found) if found else "unknown",
            "replicas": len(standing.sessions),
            "services": [
                msgspec.to_builtins(one) | {"uptime": days.get(one.name)} for one in found
            ],
        }
