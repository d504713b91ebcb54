"""What is sent to webhooks, over HTTP: a test, the log, sending one or many again."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter, SkipValidation

from orchestra.bus import Event
from orchestra.bus.webhooks import descriptions, showing
from orchestra.bus.webhooks.attempts import Result
from orchestra.bus.webhooks.deliveries import Log, Wanted, WebhookDisabled
from orchestra.bus.webhooks.delivering import Deliverer
from orchestra.bus.webhooks.delivery_reading import milliseconds, read_replay
from orchestra.bus.webhooks.endpoints import Endpoints
from orchestra.bus.webhooks.records import Endpoint
from orchestra.bus.webhooks.replaying import Replays
from orchestra.bus.webhooks.showing import Document
from orchestra.clock import Clock, Ids
from orchestra.security import Permission, Principal, requires
from orchestra.security.hardened import loads

Asking = Request[Any, Any, Any]
Caller = NamedDependency[SkipValidation[Principal]]
Shelf = NamedDependency[SkipValidation[Endpoints]]
History = NamedDependency[SkipValidation[Log]]
Jobs = NamedDependency[SkipValidation[Replays]]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Attempts on a page.")]
Status = Annotated[Result | None, QueryParameter(description="Only attempts that ended so.")]
TEST_TYPE = "webhook.test"
READS = [requires(Permission.WEBHOOKS_READ)]
OPERATES = [requires(Permission.WEBHOOKS_OPERATE)]


class DeliveryRoutes(Controller):
    """Deliveries: tried, looked at, sent again."""

    path = "/api/webhooks/{webhook_id:str}"
    tags = ("webhooks",)

    @post("/test", status_code=200, guards=OPERATES, opt=descriptions.TEST)
    async def test(
        self,
        webhook_id: FromPath[str],
        principal: Caller,
        endpoints: Shelf,
        deliverer: NamedDependency[SkipValidation[Deliverer]],
        clock: NamedDependency[SkipValidation[Clock]],
        new_ids: NamedDependency[SkipValidation[Ids]],
    ) -> Document:
        """Send an event of type `webhook.test` now, once, and tell what came of it."""
        endpoint = await endpoints.get(principal.tenant, webhook_id)
        event = a_test(endpoint, new_ids.new("evt"), clock.now_ms())
        return showing.attempt(await deliverer.deliver_now(endpoint, event, test=True))

    @get("/deliveries", guards=READS, opt=descriptions.DELIVERIES)
    async def page(
        self,
        webhook_id: FromPath[str],
        principal: Caller,
        endpoints: Shelf,
        history: History,
        status: Status = None,
        event_type: Annotated[
            str | None,
            QueryParameter(name="type", max_length=128, description="Only of this type."),
        ] = None,
        since: FromQuery[datetime | None] = None,
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> Document:
        """Every try of late, the newest first: what was answered, how long it took."""
        endpoint = await endpoints.get(principal.tenant, webhook_id)
        wanted = Wanted(status, event_type, 0 if since is None else milliseconds(since))
        found, more = await history.page(endpoint, limit, cursor, wanted)
        return {"deliveries": [showing.attempt(one) for one in found], "cursor": more}

    @get("/deliveries/{delivery_id:str}", guards=READS, opt=descriptions.DELIVERY)
    async def one(
        self,
        webhook_id: FromPath[str],
        delivery_id: FromPath[str],
        principal: Caller,
        endpoints: Shelf,
        history: History,
    ) -> Document:
        """All tries of one delivery, the newest first."""
        endpoint = await endpoints.get(principal.tenant, webhook_id)
        found = await history.get(endpoint, delivery_id)
        return {"id": delivery_id, "attempts": [showing.attempt(one) for one in found]}

    @post(
        "/deliveries/{delivery_id:str}/redeliver",
        status_code=202,
        guards=OPERATES,
        opt=descriptions.REDELIVER,
    )
    async def redeliver(
        self,
        webhook_id: FromPath[str],
        delivery_id: FromPath[str],
        principal: Caller,
        endpoints: Shelf,
        history: History,
    ) -> Document:
        """Send one again, under its id: a receiver that remembers ids is told nothing twice."""
        endpoint = await endpoints.get(principal.tenant, webhook_id)
        return {"delivery": delivery_id, "status": await history.redeliver(endpoint, delivery_id)}

    @post("/replay", status_code=202, guards=OPERATES, opt=descriptions.REPLAY)
    async def replay(
        self,
        request: Asking,
        webhook_id: FromPath[str],
        principal: Caller,
        endpoints: Shelf,
        replays: Jobs,
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Document:
        """Send what happened in a range of time once more, as a job."""
        wish, per_s = read_replay(loads(await request.body()), clock.now_ms())
        endpoint = await endpoints.get(principal.tenant, webhook_id)
        if endpoint.state == "disabled":
            raise WebhookDisabled("the webhook is disabled: enable it first")
        return showing.replay(await replays.begin(endpoint, wish, per_s))

    @get("/replay", guards=READS, opt=descriptions.REPLAYED)
    async def replayed(
        self, webhook_id: FromPath[str], principal: Caller, endpoints: Shelf, replays: Jobs
    ) -> Document:
        """How far the last replay is."""
        endpoint = await endpoints.get(principal.tenant, webhook_id)
        return showing.replay(await replays.job(endpoint))

    @delete("/replay", status_code=200, guards=OPERATES, opt=descriptions.STOP)
    async def stop(
        self, webhook_id: FromPath[str], principal: Caller, endpoints: Shelf, replays: Jobs
    ) -> Document:
        """Stop it. What is in line stays there."""
        endpoint = await endpoints.get(principal.tenant, webhook_id)
        return showing.replay(await replays.job(endpoint, stop=True))


def a_test(endpoint: Endpoint, event_id: str, now_ms: int) -> Event:
    """An event that nothing has caused."""
    told = "A test of this webhook: nothing has happened."
    data = {"webhook": endpoint.id, "name": endpoint.name, "message": told}
    return Event(
        event_id,
        TEST_TYPE,
        "/orchestra/webhooks",
        endpoint.id,
        endpoint.tenant,
        "module",
        now_ms,
        msgspec.Raw(msgspec.json.encode(data)),
    )
