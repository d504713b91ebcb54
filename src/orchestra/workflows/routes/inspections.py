"""Executions over HTTP: what helps to understand one."""

from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter, SkipValidation

from orchestra.security import Permission, Principal, requires
from orchestra.workflows.history.inspecting import Inspection
from orchestra.workflows.language.definition import Json
from orchestra.workflows.routes import descriptions

Caller = NamedDependency[SkipValidation[Principal]]
Asked = NamedDependency[SkipValidation[Inspection]]
StepsLimit = Annotated[int, QueryParameter(ge=1, le=1_000, description="Steps at most.")]
AT_MAX = 253_402_300_799_999
At = Annotated[int | None, QueryParameter(ge=0, le=AT_MAX)]

_READ = [requires(Permission.EXECUTIONS_READ)]


class InspectionRoutes(Controller):
    """Beside `/api/executions`."""

    path = "/api/executions/{execution:str}"
    tags = ("executions",)

    @get("/input", guards=_READ, opt=descriptions.INPUT)
    async def given(
        self, execution: FromPath[str], principal: Caller, inspection: Asked
    ) -> dict[str, Json]:
        """What it was started with, however large."""
        return await inspection.given(principal.tenant, execution)

    @get("/timeline", guards=_READ, opt=descriptions.TIMELINE)
    async def timeline(
        self,
        execution: FromPath[str],
        principal: Caller,
        inspection: Asked,
        at: At = None,
        limit: StepsLimit = 1_000,
        critical: FromQuery[bool] = True,
    ) -> dict[str, Json]:
        """Attempts of each step in time, and the critical path. `at`: as it was then, in ms since
        1970. `critical` false leaves the path out, which is quicker for long histories.
        """
        asked = (principal.tenant, execution, at, limit)
        return await inspection.timeline(*asked, critical=critical)

    @get("/rollback/preview", guards=_READ, opt=descriptions.PREVIEW)
    async def preview(
        self, execution: FromPath[str], principal: Caller, inspection: Asked
    ) -> dict[str, Json]:
        """What a rollback would undo, in order and with which input; what not, and why.

        While one goes on, and after it: what came of each.
        """
        return await inspection.preview(principal.tenant, execution)
