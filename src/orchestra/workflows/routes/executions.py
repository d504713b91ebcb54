"""Executions over HTTP: WORKFLOWS.md §12, core part."""

from typing import Annotated, Any, Literal

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import (
    FromPath,
    FromQuery,
    QueryParameter,
    SkipValidation,
)

from orchestra.errors import Invalid, Problem
from orchestra.instants import instant
from orchestra.security import Permission, Principal, principal_of, requires
from orchestra.security.bodies import read_body
from orchestra.workflows.history import choosing
from orchestra.workflows.history.batching import Batch, Batches
from orchestra.workflows.history.executions import LOGS_PAGE, STEPS_PAGE, Control, Executions
from orchestra.workflows.history.listing import Listing
from orchestra.workflows.history.signals import Send, Signals
from orchestra.workflows.language.definition import Json
from orchestra.workflows.routes import descriptions
from orchestra.workflows.routes.keys import idempotency_key

Caller = NamedDependency[SkipValidation[Principal]]
Asked = NamedDependency[SkipValidation[Executions]]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Items on a page.")]
LogLimit = Annotated[int, QueryParameter(ge=1, le=LOGS_PAGE, description="Lines on a page.")]
Order = Literal["asc", "desc"]

_READ = [requires(Permission.EXECUTIONS_READ)]
_OPERATE = [requires(Permission.EXECUTIONS_OPERATE)]


def wanted(
    status: FromQuery[str | None] = None,
    workflow: Annotated[str | None, QueryParameter(description="Id or name.")] = None,
    version: FromQuery[str | None] = None,
    label: Annotated[str | None, QueryParameter(description="`name` or `name=value`.")] = None,
    agent: Annotated[str | None, QueryParameter(description="Worked in it: name or id.")] = None,
    error: Annotated[
        str | None, QueryParameter(description="Code, or its beginning: `agent`.")
    ] = None,
    longer_than: Annotated[
        str | None, QueryParameter(description="As `30s`; so far, while it runs.")
    ] = None,
    shorter_than: FromQuery[str | None] = None,
    started_after: FromQuery[str | None] = None,
    started_before: FromQuery[str | None] = None,
    q: Annotated[
        str | None, QueryParameter(description="A part of id, workflow or a label.")
    ] = None,
    order: Annotated[str | None, QueryParameter(description="`newest` or `oldest` first.")] = None,
) -> dict[str, str | None]:
    """The filters of the list."""
    given = (
        status, workflow, version, label, agent, error, longer_than, shorter_than, started_after,
        started_before, q, order,
    )  # fmt: skip
    return dict(zip(choosing.NAMES, given, strict=True))


class ExecutionRoutes(Controller):
    """`/api/executions`."""

    path = "/api/executions"
    tags = ("executions",)

    @get(
        "/",
        guards=_READ,
        opt=descriptions.EXECUTIONS,
        dependencies={"want": Provide(wanted, sync_to_thread=False)},
    )
    async def page(
        self,
        principal: Caller,
        listing: NamedDependency[SkipValidation[Listing]],
        want: NamedDependency[SkipValidation[dict[str, str | None]]],
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> dict[str, Json]:
        """List executions, newest first. `status` takes several, with commas."""
        return await listing.page(principal.tenant, want, cursor, limit)

    @get("/count", guards=_READ, opt=descriptions.COUNT)
    async def count(
        self, principal: Caller, listing: NamedDependency[SkipValidation[Listing]]
    ) -> dict[str, Json]:
        """How many executions are kept, whatever became of them."""
        return {"executions": await listing.count(principal.tenant)}

    @post("/batch", guards=_OPERATE, status_code=200, opt=descriptions.BATCH)
    async def batch(
        self,
        request: Request[Any, Any, Any],
        principal: Caller,
        batches: NamedDependency[SkipValidation[Batches]],
    ) -> Response[dict[str, Json]]:
        """Steer many executions at once: those with these ids, or all that a filter chooses.

        At most 200 a request, each with its own answer; with a filter `next_cursor` goes on. With
        `dry_run` they are counted, up to 10,000, and nothing is done. Executions that cannot be
        steered so are passed over, and say why. Send `as_of` of the count as `started_before` to
        leave out what began since.
        """
        wish, key = read_body(await request.body(), Batch), idempotency_key(request)
        made, again = await batches.run(principal.tenant, wish, principal.actor, key)
        headers = {"Idempotency-Replayed": "true"} if again else {}
        return Response(made, status_code=200, headers=headers)

    @get(["/{execution:str}", "/{execution:str}/status"], guards=_READ, opt=descriptions.STATUS)
    async def status(
        self, execution: FromPath[str], request: Request[Any, Any, Any], executions: Asked
    ) -> dict[str, Json]:
        """Where it stands: state, progress, steps, output, error."""
        return await executions.status(principal_of(request).tenant, execution)

    @get("/{execution:str}/logs", guards=_READ, opt=descriptions.LOGS)
    async def logs(
        self,
        execution: FromPath[str],
        principal: Caller,
        executions: Asked,
        level: FromQuery[str | None] = None,
        step: FromQuery[str | None] = None,
        attempt: FromQuery[int | None] = None,
        q: FromQuery[str | None] = None,
        after: FromQuery[str | None] = None,
        order: FromQuery[Order] = "asc",
        limit: LogLimit = 200,
    ) -> dict[str, Json]:
        """What happened, with the input and output of each step. Oldest first, unless `order`
        is `desc`.
        """
        if level not in (None, "debug", "info", "warning", "error"):
            finding = Problem(
                "/query/level", "field.range", "level is debug, info, warning or error"
            )
            raise Invalid("the query is not valid", [finding])
        want = {
            "level": level,
            "step": step,
            "attempt": None if attempt is None else str(attempt),
            "q": q,
            "after": after,
            "order": order,
        }
        return await executions.logs(principal.tenant, execution, want, limit)

    @get("/{execution:str}/history", guards=_READ, opt=descriptions.HISTORY)
    async def history(
        self,
        execution: FromPath[str],
        principal: Caller,
        executions: Asked,
        after: FromQuery[int] = 0,
        order: FromQuery[Order] = "asc",
        limit: LogLimit = 200,
    ) -> dict[str, Json]:
        """Every transition with its actor, numbered. `after` is the last `seq` seen; `order`
        `desc` begins with the newest.
        """
        newest = order == "desc"
        return await executions.history(principal.tenant, execution, after, limit, newest=newest)

    @get("/{execution:str}/steps", guards=_READ, opt=descriptions.STEPS)
    async def steps(
        self,
        execution: FromPath[str],
        principal: Caller,
        executions: Asked,
        prefix: FromQuery[str] = "",
        cursor: FromQuery[str | None] = None,
        limit: Limit = STEPS_PAGE,
    ) -> dict[str, Json]:
        """Records of steps, page by page."""
        return await executions.steps(principal.tenant, execution, prefix, cursor, limit)

    @get("/{execution:str}/steps/{step_path:path}", guards=_READ, opt=descriptions.STEP)
    async def step(
        self,
        execution: FromPath[str],
        step_path: FromPath[str],
        principal: Caller,
        executions: Asked,
    ) -> dict[str, Json]:
        """One step: whole input and output, attempts, history."""
        return await executions.step(principal.tenant, execution, step_path.lstrip("/"))

    @post(
        ["/{execution:str}/pause", "/{execution:str}/resume", "/{execution:str}/cancel",
         "/{execution:str}/rollback", "/{execution:str}/retry"],
        guards=_OPERATE,
        status_code=202,
        opt=descriptions.CONTROL,
    )  # fmt: skip
    async def control(
        self,
        execution: FromPath[str],
        request: Request[Any, Any, Any],
        principal: Caller,
        executions: Asked,
    ) -> Response[dict[str, Json]]:
        """Pause, resume, cancel, roll back or retry. Asked again, the same answer; 409 when it is
        impossible now. `mode` (pause): `drain` lets running attempts end, `interrupt` stops them
        and runs them again. `skip` (rollback): pass over the step whose undoing failed.
        """
        verb = request.url.path.rstrip("/").rpartition("/")[2]
        body = read_body(await request.body(), Control)
        made = await executions.control(principal.tenant, execution, verb, body, principal.actor)
        return Response(made, status_code=202, headers={"Location": f"/api/executions/{execution}"})

    @post(
        "/{execution:str}/signal",
        guards=_OPERATE,
        status_code=202,
        opt=descriptions.SIGNAL,
    )
    async def signal(
        self,
        execution: FromPath[str],
        request: Request[Any, Any, Any],
        principal: Caller,
        signals: NamedDependency[SkipValidation[Signals]],
    ) -> Response[dict[str, Json]]:
        """Send a signal: the steps that wait for it go on, with the payload as their output.

        It counts once for each name, and may come before anybody waits. Repeating an
        `Idempotency-Key` answers 200; another signal of that name 409, with the first.
        """
        body, key = read_body(await request.body(), Send), idempotency_key(request)
        sent = await signals.send(principal.tenant, execution, body, principal.actor, key)
        made: dict[str, Json] = {
            "id": execution,
            "execution_id": execution,
            "status": sent.status,
            "name": sent.signal.name,
            "steps": list(sent.steps),
            "received_at": instant(sent.signal.at_ms),
        }
        headers = {"Location": f"/api/executions/{execution}"}
        if sent.replayed:
            headers["Idempotency-Replayed"] = "true"
        return Response(made, status_code=200 if sent.replayed else 202, headers=headers)
