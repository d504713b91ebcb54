"""Dead letters over HTTP: listed, thrown away, put back in line."""

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Controller, Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter, SkipValidation

from orchestra.bus.queues import descriptions, reading, showing
from orchestra.bus.queues.letters import Letters
from orchestra.bus.queues.reading import Revival
from orchestra.bus.queues.records import Cause, Choice, Redrive
from orchestra.bus.queues.redriving import Redriving
from orchestra.bus.queues.routes import Caller, cursor_of, hide_own, place
from orchestra.bus.queues.showing import Document
from orchestra.clock import Clock, Ids
from orchestra.errors import Forbidden
from orchestra.security import Permission, Principal, requires
from orchestra.security.hardened import loads

Dead = NamedDependency[SkipValidation[Letters]]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Dead letters on a page.")]
Kind = Annotated[Cause | None, QueryParameter(description="How they died.")]
Error = Annotated[str | None, QueryParameter(description="A part of the reason.")]
Of = Annotated[str | None, QueryParameter(description="Only of this group.")]
These = Annotated[
    list[str] | None, QueryParameter(name="id", description="Only these; repeatable.")
]
Chosen = NamedDependency[SkipValidation[Choice]]
OPERATES, SENDS = Permission.QUEUES_OPERATE, Permission.QUEUES_SEND


def choice_of(
    kind: Kind = None,
    error: Error = None,
    group: Of = None,
    since: FromQuery[datetime | None] = None,
    until: FromQuery[datetime | None] = None,
) -> Choice:
    """Which dead letters a query is for; times are those of death."""
    return Choice(kind, error, group, _ms(since), _ms(until))


class LetterRoutes(Controller):
    """Messages that were given up."""

    path = "/api/queues/{name:str}"
    tags = ("queues",)
    before_request = hide_own

    @get("/dead", guards=[requires(Permission.QUEUES_READ)], opt=descriptions.DEAD)
    async def dead(
        self,
        name: FromPath[str],
        principal: Caller,
        letters: Dead,
        choice: Chosen,
        ids: These = None,
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> Document:
        """Dead letters, the oldest first, each with its reason. 10,000 are kept, for 14 days.

        With a filter a page may be short, and still have a cursor.
        """
        at = place(cursor)
        found, more = await letters.dead(principal.tenant, name, limit, at, choice, ids)
        return {"messages": [showing.letter(one) for one in found], "cursor": cursor_of(more)}

    @delete("/dead", status_code=200, guards=[requires(OPERATES)], opt=descriptions.FORGET)
    async def forget(
        self,
        name: FromPath[str],
        principal: Caller,
        letters: Dead,
        choice: Chosen,
        ids: These = None,
    ) -> Document:
        """Throw dead letters away: all of them, those of a filter, or those with these ids."""
        return {"deleted": await letters.forget_dead(principal.tenant, name, ids, choice)}

    @post("/redrive", status_code=202, guards=[requires(OPERATES)], opt=descriptions.REDRIVE)
    async def redrive(
        self,
        request: Request[Any, Any, Any],
        name: FromPath[str],
        principal: Caller,
        letters: Dead,
        redriving: NamedDependency[SkipValidation[Redriving]],
        clock: NamedDependency[SkipValidation[Clock]],
        new_ids: NamedDependency[SkipValidation[Ids]],
    ) -> Document:
        """Put dead letters back in line, their tries at zero: some at once, or many as a job.

        One can be given another `body`, which needs `queues:send`, too: `moved` is 1, or 0 when it
        is not there any more. Its id, its priority and its group stay.
        """
        wanted = reading.read_revival(loads(await request.body()))
        if wanted.body is not None and not principal.may(SENDS):
            raise Forbidden(f"another body needs the permission {SENDS}", permission=SENDS.value)
        if wanted.ids is None:
            job = await letters.begin(principal.tenant, name, wanted.per_s, wanted.choice)
            redriving.begun()
            return showing.redrive(job)
        began_ms = clock.now_ms()
        moved = await _moved(letters, principal, name, wanted)
        total, ended_ms = len(wanted.ids), clock.now_ms()
        done = Redrive(new_ids.new("rdv"), "completed", moved, total, None, began_ms, ended_ms)
        return showing.redrive(done)

    @get("/redrive", guards=[requires(Permission.QUEUES_READ)], opt=descriptions.REDRIVEN)
    async def redriven(self, name: FromPath[str], principal: Caller, letters: Dead) -> Document:
        """How far the last redrive of all is."""
        return showing.redrive(await letters.job(principal.tenant, name))

    @delete("/redrive", status_code=200, guards=[requires(OPERATES)], opt=descriptions.STOP)
    async def stop(self, name: FromPath[str], principal: Caller, letters: Dead) -> Document:
        """Stop it. What is back in line stays there."""
        return showing.redrive(await letters.job(principal.tenant, name, stop=True))


async def _moved(letters: Letters, principal: Principal, name: str, wanted: Revival) -> int:
    assert wanted.ids is not None
    if wanted.body is None:
        return await letters.redrive(principal.tenant, name, wanted.ids)
    return int(await letters.revise(principal.tenant, name, wanted.ids[0], wanted.body))


def _ms(at: datetime | None) -> int | None:
    """Without a zone it is UTC."""
    if at is None:
        return None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)
