"""`/api/failures`: the failure inbox over HTTP.

It asks the modules' interface as the caller, so nobody sees or does more here than there.
"""

from typing import Annotated, Any, Final

from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.failures import documents
from orchestra.dashboard.failures.documents import WINDOWS_MS, RetryBody, Window
from orchestra.dashboard.failures.fingerprints import Failure, grouped
from orchestra.dashboard.failures.gathering import gather, try_again
from orchestra.dashboard.site import Site
from orchestra.described import Answer, described
from orchestra.errors import Invalid, Problem
from orchestra.security import Permission, Principal, requires
from orchestra.security.bodies import RequestInvalid, read_body
from orchestra.security.hardened import JSON_REFUSALS

Caller = NamedDependency[SkipValidation[Principal]]
There = NamedDependency[SkipValidation[Site]]
Document = dict[str, Any]

LIST: Final = described({200: Answer("Groups.", [documents.Inbox])})
RETRY: Final = described(
    {200: Answer("What came of it.", [documents.Retried])},
    refusals=[*JSON_REFUSALS, RequestInvalid, Invalid],
    body=RetryBody,
    examples={
        "how many of two causes": {
            "fingerprints": ["9f2c41d07ab35e68", "07ab35e689f2c41d"], "dry_run": True,
        },
        "everything of the last hour": {"all": True, "window": "1h"},
    },
)  # fmt: skip


class FailureRoutes(Controller):
    """`/api/failures`."""

    path = "/api/failures"
    tags = ("failures",)

    @get("/", guards=[requires(Permission.EXECUTIONS_READ)], opt=LIST)
    async def page(
        self,
        principal: Caller,
        site: There,
        window: Annotated[Window, QueryParameter(description="How far back.")] = "24h",
    ) -> Document:
        """Failed executions, dead letters and given up deliveries, grouped by their cause."""
        return await inbox(site, Viewer(principal), window)

    @post("/retry", status_code=200, guards=[requires(Permission.EXECUTIONS_OPERATE)], opt=RETRY)
    async def retry(
        self, request: Request[Any, Any, Any], principal: Caller, site: There
    ) -> Document:
        """Try failures again: executions are retried, letters redriven, deliveries sent again.

        A request that is repeated tries what has failed again since; what goes well is not there
        any more.
        """
        return await retried(site, Viewer(principal), read_body(await request.body(), RetryBody))


async def inbox(site: Site, asker: Viewer, window: str) -> Document:
    """The answer of `GET /api/failures`."""
    now_ms = site.clock.now_ms()
    async with site.gathering:
        found = await gather(site.api, asker, now_ms - WINDOWS_MS[window])
    groups = await site.drawings.apart(lambda: grouped(found.failures, found.since_ms, now_ms))
    return documents.inbox_shown(found, groups, window)


async def retried(site: Site, asker: Viewer, wish: RetryBody) -> Document:
    """The answer of `POST /api/failures/retry`. Raises Invalid."""
    if sum((wish.fingerprints is not None, wish.ids is not None, wish.all)) != 1:
        message = "send fingerprints, or ids, or all; one of the three"
        raise Invalid("the request is not valid", [Problem("/ids", "field.range", message)])
    now_ms = site.clock.now_ms()
    async with site.gathering:
        found = await gather(site.api, asker, now_ms - WINDOWS_MS[wish.window])
    prints, ids = frozenset(wish.fingerprints or ()), frozenset(wish.ids or ())

    def chosen(one: Failure) -> bool:
        return wish.all or one.id in ids or (bool(prints) and one.fingerprint in prints)

    some = [one for one in found.failures if chosen(one)]
    tried = None if wish.dry_run else await try_again(site.api, asker, some)
    return {
        "matched": len(some),
        "done": tried.done if tried else 0,
        "refused": tried.refused if tried else 0,
        "dry_run": wish.dry_run,
        "complete": not found.left_out,
    }
