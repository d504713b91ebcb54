"""Webhooks over HTTP: `/api/webhooks`, who is told of events."""

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, QueryParameter, SkipValidation

from orchestra.bus import PositionInvalid
from orchestra.bus.queues.gathering import gathered
from orchestra.bus.webhooks import descriptions, showing
from orchestra.bus.webhooks.deliveries import Health, Log
from orchestra.bus.webhooks.delivering import Deliverer
from orchestra.bus.webhooks.desk import Desk, unmanaged
from orchestra.bus.webhooks.endpoints import Endpoints
from orchestra.bus.webhooks.records import Endpoint, WebhookMoved
from orchestra.bus.webhooks.showing import Document
from orchestra.security import Permission, Principal, requires
from orchestra.store.client import Store

Asking = Request[Any, Any, Any]
Caller = NamedDependency[SkipValidation[Principal]]
Shelf = NamedDependency[SkipValidation[Endpoints]]
Office = NamedDependency[SkipValidation[Desk]]
History = NamedDependency[SkipValidation[Log]]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Webhooks on a page.")]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", max_length=32)]
IdempotencyKey = Annotated[
    str | None, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=256)
]
READS = [requires(Permission.WEBHOOKS_READ)]
WRITES = [requires(Permission.WEBHOOKS_WRITE)]
OPERATES = [requires(Permission.WEBHOOKS_OPERATE)]


class WebhookRoutes(Controller):
    """Endpoints: made, looked at, changed, turned on and off."""

    path = "/api/webhooks"
    tags = ("webhooks",)

    @post("/", guards=WRITES, opt=descriptions.CREATE)
    async def create(
        self,
        request: Asking,
        principal: Caller,
        desk: Office,
        store: NamedDependency[SkipValidation[Store]],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Document]:
        """Tell an address of events. Repeating an `Idempotency-Key` in 24 h makes no second one."""
        store.admit()
        made = await desk.create(principal.tenant, await request.body(), idempotency_key)
        headers = {
            "Location": f"/api/webhooks/{made.endpoint.id}",
            "ETag": _etag(made.endpoint),
        }
        headers |= {"Idempotency-Replayed": "true"} if made.again else {}
        return Response(showing.made(made.endpoint, made.key), headers=headers)

    @get("/", guards=READS, opt=descriptions.LIST)
    async def page(
        self,
        principal: Caller,
        endpoints: Shelf,
        history: History,
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> Document:
        """All webhooks, the oldest first."""
        after = position(cursor)
        found = await endpoints.of_tenant(principal.tenant)
        rest = [one for one in found if (one.created_ms, one.id) > after]
        page, whole = rest[:limit], principal.may(Permission.WEBHOOKS_WRITE)
        health = await healths(history, page)
        return {
            "webhooks": [showing.endpoint(one, health[one.id], whole=whole) for one in page],
            "cursor": f"{page[-1].created_ms}.{page[-1].id}" if len(rest) > limit else None,
        }

    @get("/{webhook_id:str}", guards=READS, opt=descriptions.ONE)
    async def one(
        self, webhook_id: FromPath[str], principal: Caller, endpoints: Shelf, history: History
    ) -> Response[Document]:
        """One webhook: its settings, and how it is."""
        endpoint = await endpoints.get(principal.tenant, webhook_id)
        return await shown(endpoint, principal, history)

    @patch("/{webhook_id:str}", guards=WRITES, opt=descriptions.CHANGE)
    async def change(
        self,
        request: Asking,
        webhook_id: FromPath[str],
        principal: Caller,
        desk: Office,
        history: History,
        if_match: IfMatch = None,
    ) -> Response[Document]:
        """Change some settings: a JSON merge patch. `If-Match: "n"` guards it (412)."""
        body, seen = await request.body(), revision(if_match)
        changed = await desk.change(principal.tenant, webhook_id, body, seen)
        return await shown(changed, principal, history)

    @delete("/{webhook_id:str}", status_code=204, guards=WRITES, opt=descriptions.REMOVE)
    async def remove(self, webhook_id: FromPath[str], principal: Caller, endpoints: Shelf) -> None:
        """Forget a webhook, and what is waiting to be sent to it."""
        endpoint = await endpoints.get(principal.tenant, webhook_id)
        unmanaged(endpoint)
        await endpoints.remove(endpoint)

    @post("/{webhook_id:str}/enable", status_code=200, guards=OPERATES, opt=descriptions.ENABLE)
    async def enable(
        self,
        webhook_id: FromPath[str],
        principal: Caller,
        endpoints: Shelf,
        history: History,
        deliverer: NamedDependency[SkipValidation[Deliverer]],
    ) -> Response[Document]:
        """Send to it again. What was skipped meanwhile can be replayed."""
        endpoint = await endpoints.get(principal.tenant, webhook_id)
        turned = await endpoints.enable(endpoint)
        await deliverer.retry(turned)
        answer = await shown(turned, principal, history)
        skipped = [one for one in await history.last(turned) if one.result == "skipped"]
        answer.content["skipped"] = len(skipped)
        return answer

    @post("/{webhook_id:str}/disable", status_code=200, guards=OPERATES, opt=descriptions.DISABLE)
    async def disable(
        self, webhook_id: FromPath[str], principal: Caller, endpoints: Shelf, history: History
    ) -> Response[Document]:
        """Send nothing more to it; events for it are noted as skipped."""
        endpoint = await endpoints.get(principal.tenant, webhook_id)
        turned = await endpoints.disable(endpoint, f"by {principal.actor}")
        return await shown(turned, principal, history)

    @post("/{webhook_id:str}/rotate-secret", status_code=200, guards=WRITES,
          opt=descriptions.ROTATE)  # fmt: skip
    async def rotate(
        self, request: Asking, webhook_id: FromPath[str], principal: Caller, desk: Office
    ) -> Response[Document]:
        """Make a new signing secret. The old one signs, too, for `overlap_h` hours."""
        made = await desk.rotate(principal.tenant, webhook_id, await request.body())
        return Response(
            showing.made(made.endpoint, made.key), headers={"ETag": _etag(made.endpoint)}
        )


async def healths(history: Log, endpoints: Sequence[Endpoint]) -> dict[str, Health]:
    """How each of them is, asked for together. Raises StoreAway."""
    found = await gathered(endpoints, lambda one: history.health(one.tenant, one.id))
    return {one.id: health for one, health in zip(endpoints, found, strict=True)}


async def shown(endpoint: Endpoint, principal: Principal, history: Log) -> Response[Document]:
    """An endpoint as this caller may see it, and how it is."""
    whole = principal.may(Permission.WEBHOOKS_WRITE)
    health = await history.health(endpoint.tenant, endpoint.id)
    return Response(
        showing.endpoint(endpoint, health, whole=whole), headers={"ETag": _etag(endpoint)}
    )


def revision(if_match: str | None) -> int | None:
    """The revision in `If-Match: "3"`; None without one, and for `*`. Raises WebhookMoved."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise WebhookMoved("If-Match names no revision of ours")
    return int(text)


def position(cursor: str | None) -> tuple[int, str]:
    """Where a page goes on. Raises PositionInvalid."""
    if cursor is None:
        return 0, ""
    ms, _, name = cursor.partition(".")
    if not (ms.isascii() and ms.isdigit() and len(ms) < 16 and name):
        raise PositionInvalid("this is no cursor of ours: begin without one")
    return int(ms), name


def _etag(endpoint: Endpoint) -> str:
    return f'"{endpoint.revision}"'
