"""Inbound hooks over HTTP: `/api/webhooks/inbound`; what they take comes to `…/in/{id}`."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, SkipValidation

from orchestra.bus.webhooks.inbound import descriptions
from orchestra.bus.webhooks.inbound.desk import HookDesk, Made
from orchestra.bus.webhooks.inbound.hooks import Hooks
from orchestra.bus.webhooks.inbound.reading import form_of
from orchestra.bus.webhooks.inbound.receiving import Challenge, Receiver
from orchestra.bus.webhooks.inbound.records import Hook, HookMoved
from orchestra.bus.webhooks.routes import IdempotencyKey
from orchestra.bus.webhooks.showing import Document, key_shown
from orchestra.instants import instant
from orchestra.security import Permission, Principal, public, requires
from orchestra.store.client import Store

Asking = Request[Any, Any, Any]
Caller = NamedDependency[SkipValidation[Principal]]
Shelf = NamedDependency[SkipValidation[Hooks]]
Office = NamedDependency[SkipValidation[HookDesk]]
Keeper = NamedDependency[SkipValidation[Store]]
Base = NamedDependency[SkipValidation[str]]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", max_length=32)]
READS = [requires(Permission.WEBHOOKS_READ)]
WRITES = [requires(Permission.WEBHOOKS_WRITE)]


class HookRoutes(Controller):
    """Hooks: made, looked at, changed; and what senders send to them."""

    path = "/api/webhooks"
    tags = ("webhooks",)

    @post("/inbound", guards=WRITES, opt=descriptions.CREATE)
    async def create(
        self,
        request: Asking,
        principal: Caller,
        hook_desk: Office,
        store: Keeper,
        base_url: Base,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Document]:
        """Make an address for a sender. What comes there starts a workflow, or is a signal.

        Repeating an `Idempotency-Key` in 24 h makes no second one.
        """
        store.admit()
        made = await hook_desk.create(principal, await request.body(), idempotency_key)
        headers = {
            "Location": f"/api/webhooks/inbound/{made.hook.id}",
            "ETag": _etag(made.hook),
        }
        headers |= {"Idempotency-Replayed": "true"} if made.again else {}
        return Response(_made(made, base_url), headers=headers)

    @get("/inbound", guards=READS, opt=descriptions.LIST)
    async def page(self, principal: Caller, hooks: Shelf, base_url: Base) -> Document:
        """All inbound hooks, the oldest first."""
        found = await hooks.of_tenant(principal.tenant)
        return {"hooks": [_shown(one, base_url) for one in found]}

    @get("/inbound/{hook_id:str}", guards=READS, opt=descriptions.ONE)
    async def one(
        self, hook_id: FromPath[str], principal: Caller, hooks: Shelf, base_url: Base
    ) -> Response[Document]:
        """One inbound hook."""
        return _answered(await hooks.get(principal.tenant, hook_id), base_url)

    @patch("/inbound/{hook_id:str}", guards=WRITES, opt=descriptions.CHANGE)
    async def change(
        self,
        request: Asking,
        hook_id: FromPath[str],
        principal: Caller,
        hook_desk: Office,
        base_url: Base,
        if_match: IfMatch = None,
    ) -> Response[Document]:
        """Change some settings: a JSON merge patch. `If-Match: "n"` guards it (412)."""
        body, seen = await request.body(), _revision(if_match)
        return _answered(await hook_desk.change(principal, hook_id, body, seen), base_url)

    @delete("/inbound/{hook_id:str}", status_code=204, guards=WRITES, opt=descriptions.REMOVE)
    async def remove(self, hook_id: FromPath[str], principal: Caller, hooks: Shelf) -> None:
        """Forget a hook: what comes there is refused from now on."""
        await hooks.remove(principal.tenant, hook_id)

    @post("/inbound/{hook_id:str}/rotate-secret", status_code=200, guards=WRITES,
          opt=descriptions.ROTATE)  # fmt: skip
    async def rotate(
        self,
        request: Asking,
        hook_id: FromPath[str],
        principal: Caller,
        hook_desk: Office,
        base_url: Base,
    ) -> Response[Document]:
        """Replace the secret. The old one is believed, too, for `overlap_h` hours."""
        made = await hook_desk.rotate(principal, hook_id, await request.body())
        return Response(_made(made, base_url), headers={"ETag": _etag(made.hook)})

    @post(
        "/in/{hook_id:str}",
        status_code=202,
        guards=[public("signed by its sender")],
        opt=descriptions.RECEIVE,
    )
    async def receive(
        self,
        request: Asking,
        hook_id: FromPath[str],
        receiver: NamedDependency[SkipValidation[Receiver]],
        store: Keeper,
    ) -> Response[Document]:
        """Take what a sender tells us, once. It is signed as the hook says."""
        store.admit()
        headers: dict[str, str] = {}
        for name, value in request.headers.multi_items():
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        # The bytes as they came: a form is no JSON, and nothing is read before it is believed.
        body = await Asking.body(request)
        found = await receiver.receive(hook_id, headers, body)
        if isinstance(found, Challenge):
            return Response(msgspec.to_builtins(found), status_code=200)
        return Response({"event_id": found, "status": "accepted"})


def _shown(hook: Hook, base_url: str) -> Document:
    return {
        "id": hook.id,
        **form_of(hook),
        "url": f"{base_url.rstrip('/')}/api/webhooks/in/{hook.id}",
        "scheme": hook.scheme,
        "public": hook.public,
        "state": hook.state,
        "created_at": instant(hook.created_ms),
        "updated_at": instant(hook.updated_ms),
        "revision": hook.revision,
        "signing_keys": [key_shown(one) for one in hook.secrets],
    }


def _made(made: Made, base_url: str) -> Document:
    return _shown(made.hook, base_url) | {"secret": made.secret}


def _answered(hook: Hook, base_url: str) -> Response[Document]:
    return Response(_shown(hook, base_url), headers={"ETag": _etag(hook)})


def _revision(if_match: str | None) -> int | None:
    """The revision in `If-Match: "3"`; None without one, and for `*`. Raises HookMoved."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HookMoved("If-Match names no revision of ours")
    return int(text)


def _etag(hook: Hook) -> str:
    return f'"{hook.revision}"'
