"""The probes: alive, ready, and why not."""

import pytest
from edge import a_client, a_stage

from orchestra.errors import Unavailable
from orchestra.store.durability import Durability

pytestmark = pytest.mark.anyio


async def test_ready_tells_the_durability_to_who_may_know() -> None:
    stage = a_stage()
    stage.health.durability = Durability("fsync", "fsync")

    async with a_client(stage) as client:
        answer = await client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["durability"]["effective"] == "fsync"


async def test_a_part_that_cannot_work_makes_us_not_ready_but_alive() -> None:
    stage = a_stage()

    async def away() -> None:
        raise Unavailable("the store is away")

    stage.health.checks = {"store": away}
    async with a_client(stage) as client:
        ready, alive = await client.get("/readyz"), await client.get("/livez")

    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert ready.json()["failing"] == ["store"]
    assert alive.status_code == 200


async def test_draining_is_not_ready() -> None:
    stage = a_stage()
    stage.health.phase = "draining"

    async with a_client(stage) as client:
        answer = await client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (503, "draining")


async def test_a_flood_of_probes_asks_the_parts_once() -> None:
    stage, asked = a_stage(), list[int]()

    async def count() -> None:
        asked.append(1)

    stage.health.checks = {"store": count}
    async with a_client(stage) as client:
        for _ in range(20):
            await client.get("/readyz")

    assert len(asked) == 1


async def test_head_is_enough_for_a_probe() -> None:
    async with a_client(a_stage()) as client:
        assert (await client.head("/livez")).status_code == 200
