"""Direct tasks over HTTP: asking, waiting, coming back, looking on, cancelling."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, SkipValidation
from litestar.response import Stream

from orchestra.agents.routes import descriptions_tasks as descriptions
from orchestra.agents.tasks.desk import Asked, Desk, Document, Said, wait_of
from orchestra.security import Permission, Principal, requires

Caller = NamedDependency[SkipValidation[Principal]]
Tasks = NamedDependency[SkipValidation[Desk]]
IdempotencyKey = Annotated[str | None, HeaderParameter(name="Idempotency-Key", max_length=256)]
LastEventId = Annotated[str | None, HeaderParameter(name="Last-Event-ID", max_length=32)]
Events = Stream | Response[Document]

STREAM = "text/event-stream"

_encode = msgspec.json.Encoder(enc_hook=str).encode


class TaskRoutes(Controller):
    """`/api/agents/execute`, `/api/agents/tasks`."""

    path = "/api/agents"
    tags = ("agents",)

    @post(
        "/execute",
        status_code=200,
        guards=[requires(Permission.AGENTS_EXECUTE)],
        opt=descriptions.EXECUTE,
    )
    async def execute(
        self,
        request: Request[Any, Any, Any],
        principal: Caller,
        desk: Tasks,
        idempotency_key: IdempotencyKey = None,
    ) -> Events:
        """Have one task done, and wait for it.

        `Prefer: wait=30` answers 202 when that is not enough; `Accept: text/event-stream` shows
        what the agent says on the way. Repeating an `Idempotency-Key` is the same task.
        """
        wish = request.headers.get("prefer")
        wait_s = wait_of(wish)
        asked = Asked(principal.tenant, await request.body(), idempotency_key or "", wait_s)
        if STREAM in request.headers.get("accept", ""):
            task_id, topic = await desk.stream(asked)
            return _stream(task_id, desk.events(principal.tenant, task_id, 0, topic))
        told = await desk.execute(asked)
        headers = {} if wait_s is None else {"Preference-Applied": f"wait={wait_s:g}"}
        if told.replayed:
            headers["Idempotency-Replayed"] = "true"
        if told.ended:
            return Response(told.document, headers=headers)
        headers["Location"] = _at(told.document["task_id"])
        return Response(told.document, status_code=202, headers=headers)

    @get("/tasks/{task:str}", guards=[requires(Permission.AGENTS_READ)], opt=descriptions.TASK)
    async def one(self, task: FromPath[str], principal: Caller, desk: Tasks) -> Document:
        """How a task stands, and its result for 1 h."""
        return await desk.one(principal.tenant, task)

    @delete(
        "/tasks/{task:str}",
        status_code=200,
        guards=[requires(Permission.AGENTS_EXECUTE)],
        opt=descriptions.CANCEL,
    )
    async def cancel(self, task: FromPath[str], principal: Caller, desk: Tasks) -> Document:
        """Cancel a task. One that has ended stays as it is."""
        return await desk.cancel(principal.tenant, task)

    @get(
        "/tasks/{task:str}/events",
        guards=[requires(Permission.AGENTS_READ)],
        opt=descriptions.EVENTS,
    )
    async def events(
        self,
        task: FromPath[str],
        principal: Caller,
        desk: Tasks,
        last_event_id: LastEventId = None,
    ) -> Stream:
        """Look at a task while it runs; the last event is its result."""
        await desk.one(principal.tenant, task)
        last = int(last_event_id) if last_event_id and last_event_id.isdecimal() else 0
        return _stream(task, desk.events(principal.tenant, task, last))


def _stream(task_id: str, events: AsyncIterator[Said]) -> Stream:
    headers = {"Location": _at(task_id), "X-Accel-Buffering": "no"}
    return Stream(_lines(events), status_code=200, media_type=STREAM, headers=headers)


async def _lines(events: AsyncIterator[Said]) -> AsyncIterator[bytes]:
    async for said in events:
        yield _line(said.id, said.name, said.data) if said.name else b":\n\n"


def _line(number: int, name: str, data: Mapping[str, object]) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, name.encode(), _encode(data))


def _at(task_id: object) -> str:
    return f"/api/agents/tasks/{task_id}"
