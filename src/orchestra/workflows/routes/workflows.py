"""Workflows over HTTP: WORKFLOWS.md §12, core part."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import (
    FromPath,
    FromQuery,
    HeaderParameter,
    QueryParameter,
    RawBody,
    SkipValidation,
)

from orchestra.errors import Invalid, Problem
from orchestra.security import Permission, Principal, principal_of, requires
from orchestra.security.bodies import read_body
from orchestra.security.hardened import loads
from orchestra.workflows.catalogue.workflows import Workflows
from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.schema import language_schema
from orchestra.workflows.routes import descriptions
from orchestra.workflows.routes.descriptions import KEY_MAX
from orchestra.workflows.routes.hot import Answer, Hot, Parts
from orchestra.workflows.routes.keys import idempotency_key
from orchestra.workflows.running.starting import Start

Caller = NamedDependency[SkipValidation[Principal]]
IdempotencyKey = Annotated[
    str | None, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=KEY_MAX)
]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", max_length=32)]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Items on a page.")]

WAIT_MAX_S = 300.0
_schema = msgspec.json.encode(language_schema())


class WorkflowRoutes(Controller):
    """`/api/workflows`."""

    path = "/api/workflows"
    tags = ("workflows",)

    @post(
        "/", guards=[requires(Permission.WORKFLOWS_WRITE)], status_code=201, opt=descriptions.CREATE
    )
    async def create(
        self,
        body: RawBody,
        principal: Caller,
        workflows: NamedDependency[SkipValidation[Workflows]],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[dict[str, Json]]:
        """Save a definition as a new workflow.

        Every mistake is reported at once (422). Repeating an `Idempotency-Key` answers 200 with
        the workflow it made.
        """
        made, replayed = await workflows.create(
            principal.tenant, loads(body), body, idempotency_key
        )
        headers = {"Location": made["links"]["self"]}
        if replayed:
            headers["Idempotency-Replayed"] = "true"
        return Response(made, status_code=200 if replayed else 201, headers=headers)

    @get("/", guards=[requires(Permission.WORKFLOWS_READ)], opt=descriptions.LIST)
    async def page(
        self,
        principal: Caller,
        workflows: NamedDependency[SkipValidation[Workflows]],
        name: FromQuery[str | None] = None,
        label: FromQuery[str | None] = None,
        q: FromQuery[str | None] = None,
        archived: FromQuery[bool] = False,
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> dict[str, Json]:
        """List workflows, newest first."""
        want = {"name": name, "label": label, "q": q, "archived": "true" if archived else None}
        return await workflows.page(principal.tenant, want, cursor, limit)

    @post(
        "/validate",
        guards=[requires(Permission.WORKFLOWS_READ)],
        status_code=200,
        opt=descriptions.VALIDATE,
    )
    async def validate(
        self,
        body: RawBody,
        principal: Caller,
        workflows: NamedDependency[SkipValidation[Workflows]],
    ) -> dict[str, Json]:
        """Check a definition without saving it. Always 200; `valid` says whether it could be."""
        return await workflows.validate(principal.tenant, body)

    @get("/schema", guards=[requires(Permission.WORKFLOWS_READ)], opt=descriptions.SCHEMA)
    async def schema(self) -> Response[bytes]:
        """The JSON Schema (draft 2020-12) of the language."""
        return Response(_schema, media_type="application/schema+json")

    @get("/{workflow:str}", guards=[requires(Permission.WORKFLOWS_READ)], opt=descriptions.SHOW)
    async def show(
        self,
        workflow: FromPath[str],
        principal: Caller,
        workflows: NamedDependency[SkipValidation[Workflows]],
    ) -> Response[dict[str, Json]]:
        """A workflow, by id or by a name that only one has, with its active definition."""
        made = await workflows.get(principal.tenant, workflow, None)
        return Response(made, headers={"ETag": f'"{made["version"]}"'})

    @put("/{workflow:str}", guards=[requires(Permission.WORKFLOWS_WRITE)], opt=descriptions.SAVE)
    async def save(
        self,
        workflow: FromPath[str],
        body: RawBody,
        principal: Caller,
        workflows: NamedDependency[SkipValidation[Workflows]],
        if_match: IfMatch = None,
    ) -> Response[dict[str, Json]]:
        """Save the next version. The same content makes none; `If-Match: "n"` guards it (412)."""
        expected = version_of(if_match)
        document = loads(body)
        made = await workflows.save(principal.tenant, workflow, document, body, expected)
        return Response(made, headers={"ETag": f'"{made["version"]}"'})

    @delete(
        "/{workflow:str}", guards=[requires(Permission.WORKFLOWS_WRITE)], opt=descriptions.ARCHIVE
    )
    async def archive(
        self,
        workflow: FromPath[str],
        principal: Caller,
        workflows: NamedDependency[SkipValidation[Workflows]],
    ) -> None:
        """Archive it: it starts nothing any more, what runs goes on. 204, also when repeated."""
        await workflows.archive(principal.tenant, workflow)

    @get(
        "/{workflow:str}/versions",
        guards=[requires(Permission.WORKFLOWS_READ)],
        opt=descriptions.VERSIONS,
    )
    async def versions(
        self,
        workflow: FromPath[str],
        principal: Caller,
        workflows: NamedDependency[SkipValidation[Workflows]],
    ) -> dict[str, Json]:
        """All versions, newest first."""
        return await workflows.versions(principal.tenant, workflow)

    @get(
        "/{workflow:str}/versions/{number:int}",
        guards=[requires(Permission.WORKFLOWS_READ)],
        opt=descriptions.VERSION,
    )
    async def version(
        self,
        workflow: FromPath[str],
        number: FromPath[int],
        principal: Caller,
        workflows: NamedDependency[SkipValidation[Workflows]],
    ) -> dict[str, Json]:
        """One version with its definition."""
        return await workflows.get(principal.tenant, workflow, number)

    @Hot(
        "/{workflow:str}/execute",
        http_method="POST",
        guards=[requires(Permission.EXECUTIONS_START)],
        status_code=202,
        opt=descriptions.EXECUTE,
    )
    async def execute(
        self,
        workflow: FromPath[str],
        request: Request[Any, Any, Any],
        parts: NamedDependency[SkipValidation[Parts]],
    ) -> Answer:
        """Start an execution: 202 means that it is accepted for good.

        `Prefer: wait=30` answers 200 with the status if it ends in time. Repeating an
        `Idempotency-Key` answers 200 with the execution it started.
        """
        # The hot route: two dependencies would cost a task group, 60 µs a request.
        principal, executions = principal_of(request), parts.executions
        start = read_body(await request.body(), Start)
        parts.admit()
        key = idempotency_key(request)
        wait_s = wait_seconds(request.headers.get("prefer"))
        started = await parts.starter.start(
            principal.tenant, workflow, start, actor=principal.actor, key=key,
            watch=wait_s > 0,
        )  # fmt: skip
        base = f"/api/executions/{started.execution}"
        headers = {"location": base}
        if not started.created:
            headers["idempotency-replayed"] = "true"
        if wait_s:
            shown = await executions.wait(principal.tenant, started.execution, wait_s)
            over = shown["ended_at"] is not None
            headers["preference-applied"] = f"wait={wait_s:g}"
            return Answer(shown, 200 if over else 202, headers)
        made: dict[str, Json] = {
            "execution_id": started.execution,
            "id": started.execution,
            "workflow_id": started.workflow,
            "workflow_version": started.version,
            "status": "pending",
            "created": started.created,
            "durability": executions.durability,
            "links": {"self": base, "status": f"{base}/status", "logs": f"{base}/logs"},
        }
        return Answer(made, 202 if started.created else 200, headers)


def wait_seconds(prefer: str | None) -> float:
    """Seconds of `Prefer: wait=…` (RFC 7240), at most 300; 0 without one."""
    for part in (prefer or "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "wait" and value.isascii() and value.isdigit():
            return min(float(value), WAIT_MAX_S)
    return 0.0


def version_of(if_match: str | None) -> int | None:
    """The number in `If-Match: "3"`; None without one, and for `*`. Raises Invalid."""
    if if_match is None or if_match == "*":
        return None
    text = if_match.removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit()):
        finding = Problem("/headers/if-match", "field.type", 'If-Match is a version, such as "3"')
        raise Invalid("If-Match is not a version", [finding])
    return int(text)
