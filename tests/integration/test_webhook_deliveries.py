"""From an event to its receivers: who is told, once, signed, in order, and what the log says."""

import anyio
import msgspec
import pytest
from webhook_deliveries import Got, Receivers, becomes, delivering, until

from orchestra.bus.webhooks.sending import Answer
from orchestra.clock import SystemClock
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio


@pytest.fixture
def receivers() -> Receivers:
    return Receivers(SystemClock())


async def test_an_event_reaches_who_asks_for_it(store: Store, receivers: Receivers) -> None:
    async with delivering(store, receivers) as one:
        a = await one.endpoint("a", types=("thing.*",))
        await one.endpoint("b", types=("other.**",))
        event = await one.happens(1)

        await until(lambda: receivers.got)
        await becomes(lambda: one.attempts(a))
        [attempt] = await one.attempts(a)

    [got] = receivers.got
    assert got.url == a.url
    assert got.json["id"] == event.id
    assert (attempt.result, attempt.status, attempt.attempt) == ("delivered", 200, 1)
    assert (attempt.delivery, attempt.event, attempt.type) == (got.id, event.id, "thing.happened")


async def test_an_event_that_is_handled_again_is_delivered_once(
    store: Store, receivers: Receivers
) -> None:
    async with delivering(store, receivers) as one:
        a = await one.endpoint("a")
        event = await one.happens(1)
        await one.parts.handle(event)
        await becomes(lambda: one.attempts(a))
        await one.parts.handle(event)
        await one.happens(2)
        await until(lambda: len(receivers.got) == 2)

    assert len({got.id for got in receivers.got}) == 2
