"""Who is told of an event: by pattern, source, what it is about, and condition."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from orchestra.bus import Event
from orchestra.bus.webhooks.formats import thinned
from orchestra.bus.webhooks.matching import Index, Matcher, delivery_id
from orchestra.bus.webhooks.records import Endpoint
from orchestra.store.keys import DEFAULT_TENANT as HOME
from orchestra.store.keys import Tenant
from orchestra.workflows.expressions.filters import EventFilters

pytestmark = pytest.mark.anyio

OTHER = Tenant("other")


class Picture:
    """Endpoints, and how often somebody looked."""

    def __init__(self, *endpoints: Endpoint) -> None:
        self.now: dict[Tenant, tuple[Endpoint, ...]] = {}
        for one in endpoints:
            self.now[one.tenant] = (*self.now.get(one.tenant, ()), one)

    def everybody(self) -> Mapping[Tenant, tuple[Endpoint, ...]]:
        return self.now


def endpoint(name: str = "a", tenant: Tenant = HOME, **given: Any) -> Endpoint:
    return Endpoint(f"whk_{name}", tenant, name, f"http://{name}.test/", **given)


def event(kind: str = "step.failed", data: object = None, **given: Any) -> Event:
    made = Event(
        "evt_1", kind, "/orchestra/workflows", "exe_1", HOME, "engine", 1_795_000_000_000,
        msgspec.Raw(msgspec.json.encode(data)),
    )  # fmt: skip
    return msgspec.structs.replace(made, **given)


def matcher(*endpoints: Endpoint) -> Matcher:
    async def workflow_of(_: Tenant, execution: str) -> str | None:
        return {"exe_1": "wfl_1"}.get(execution)

    return Matcher(Picture(*endpoints), EventFilters(), workflow_of)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, True),
        ({"types": ("step.*",)}, True),
        ({"types": ("workflow.*", "step.failed")}, True),
        ({"types": ("agent.**",)}, False),
        ({"tenant": OTHER}, False),
        ({"sources": ("workflows",)}, True),
        ({"sources": ("/orchestra/workflows",)}, True),
        ({"sources": ("agents", "flows")}, False),
        ({"workflow_ids": ("wfl_1",)}, True),
        ({"workflow_ids": ("wfl_2",)}, False),
        ({"agent_ids": ("agt_1",)}, False),
        ({"agent_ids": ("agt_1",), "workflow_ids": ("wfl_1",)}, True),
        ({"filter": "event.data.n > 3"}, True),
        ({"filter": "event.data.n > 5"}, False),
        ({"filter": "event.data.nothing == 1"}, False),
        ({"filter": "no condition at all"}, False),
        ({"filter": 'event.subject == "exe_1" && event.type == "step.failed"'}, True),
    ],
)
async def test_an_endpoint_is_told_what_it_asks_for(given: dict[str, Any], told: bool) -> None:
    one = endpoint(**given)

    found = await matcher(one).told(event(data={"n": 5}))

    assert found == ([one] if told else [])


async def test_data_that_is_no_object_is_about_nobody() -> None:
    for data in (None, 5, "text", ["agt_1"]):
        assert not await matcher(endpoint(agent_ids=("agt_1",))).told(event(data=data))


async def test_an_event_of_a_webhook_needs_a_pattern_that_names_it() -> None:
    everything, double, named = (
        endpoint(),
        endpoint("b", types=("**",)),
        endpoint("c", types=("webhook.*",)),
    )
    told = matcher(everything, double, named)

    assert await told.told(event("webhook.disabled", key="whk_z")) == [named]
    assert await told.told(event("webhook.disabled", key=named.id)) == []
    assert await told.told(event("webhooks.seen")) == [everything, double]


def test_a_new_picture_is_looked_at_anew() -> None:
    picture = Picture(endpoint())
    index = Index(picture)
    before = index.wanting(HOME, "step.failed")
    again = index.wanting(HOME, "step.failed")
    picture.now = {HOME: (endpoint(), endpoint("b"))}

    assert before is again
    assert len(index.wanting(HOME, "step.failed")) == 2


def test_the_id_of_a_delivery_is_that_of_its_event_and_endpoint() -> None:
    one = event()
    later = msgspec.structs.replace(one, id="evt_2", at_ms=one.at_ms + 1)

    assert delivery_id(one, "whk_a") == delivery_id(one, "whk_a")
    assert (
        len({delivery_id(one, "whk_a"), delivery_id(one, "whk_b"), delivery_id(later, "whk_a")})
        == 3
    )
    assert delivery_id(one, "whk_a") < delivery_id(later, "whk_a")
    assert delivery_id(msgspec.structs.replace(one, at_ms=-5), "whk_a").startswith("dlv_00000000-")


def test_long_data_becomes_a_reference() -> None:
    short, long = event(data="x" * 60_000), event(data="x" * 70_000)

    assert thinned(short, "https://here/") is short
    assert bytes(thinned(long, "https://here/").data) == b'{"$ref":"https://here/api/events/evt_1"}'
