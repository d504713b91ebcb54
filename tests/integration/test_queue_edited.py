"""A dead letter that is put right: back in line with another body, in one step, once."""

from typing import Any

import anyio
import msgspec
import pytest
from products import a_product
from queue_store import bodies, counted, letters_of, queues_of, sent, taken
from webhook_products import come_as

from orchestra.bus.queues.calls import Calls
from orchestra.bus.queues.messages import REPEAT_MS
from orchestra.bus.queues.queues import Queues
from orchestra.bus.queues.records import Options
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME

pytestmark = pytest.mark.anyio

AT = "/api/queues/q"


async def dead(queues: Queues, *messages: Any, **options: Any) -> None:
    """A queue `q` in which these are dead."""
    await queues.save(HOME, "q", Options(tries_max=1, **options))
    await queues.send(HOME, "q", messages)
    while found := await taken(queues):
        await queues.settle(HOME, "q", [one.receipt for one in found], "bury", error="no")


@pytest.mark.parametrize("spread", [False, True])
async def test_of_two_edits_at_once_one_is_made_and_nothing_is_lost(
    store: Store, spread: bool
) -> None:
    queues, letters = queues_of(store), letters_of(store)
    await dead(queues, *(sent(n, priority=1) for n in range(5)), spread=spread)
    page, _ = await letters.dead(HOME, "q", 50)
    chosen, moved = page[2], dict[int, bool]()
    [shown], _ = await letters.dead(HOME, "q", 1, ids=[chosen.id, "msg_none"])
    several, _ = await letters.dead(HOME, "q", 50, ids=[one.id for one in page[:3]])

    async def edit(n: int) -> None:
        raw = msgspec.Raw(msgspec.json.encode({"edited": n}))
        moved[n] = await letters.revise(HOME, "q", chosen.id, raw)

    async with anyio.create_task_group() as group:
        for n in range(8):
            group.start_soon(edit, n)
    [back] = await taken(queues)

    assert shown == chosen
    assert {one.id for one in several} == {one.id for one in page[:3]}
    [winner] = [n for n, done in moved.items() if done]
    assert (back.id, back.attempt, bodies([back])) == (chosen.id, 1, [{"edited": winner}])
    assert await counted(queues) == (0, 1, 0, 4)
    assert (await queues.look(HOME, "q")).totals.redriven == 1


async def test_an_edit_whose_answer_was_lost_is_known_by_its_call(store: Store) -> None:
    queues, letters = queues_of(store), letters_of(store)
    await dead(queues, sent("wrong"))
    [letter], _ = await letters.dead(HOME, "q", 50)
    calls = Calls(store)
    part = calls.home(HOME, "q")
    args: dict[str, Any] = {"call_ms": REPEAT_MS, "id": letter.id, "body": b'"right"'}

    replies = [
        await calls.known(part, "queue_revise", args | {"call": call}) for call in ("a", "a", "b")
    ]

    assert replies == [[1], [1], [0]]
    assert bodies(await taken(queues)) == ["right"]


async def test_over_http_it_is_one_call(store: Store, store_url: str) -> None:
    queues = queues_of(store)
    await dead(queues, sent("one"), sent("two", group="g"))
    async with a_product(store_url) as one:
        listed = (await one.http.get(f"{AT}/dead")).json()["messages"]
        ids = [letter["id"] for letter in listed]
        only = (await one.http.get(f"{AT}/dead", params={"id": ids[1]})).json()
        none = (await one.http.get(f"{AT}/dead", params={"id": "msg_none"})).json()
        wrong = [
            await one.post(f"{AT}/redrive", {"ids": ids, "body": 1}),
            await one.post(f"{AT}/redrive", {"all": True, "body": 1}),
            await one.post(f"{AT}/redrive", {"ids": ids[:1], "body": "x" * 300_000}),
        ]
        come_as(one, "operator", scopes=("queues:read", "queues:operate"))
        refused = await one.post(f"{AT}/redrive", {"ids": ids[:1], "body": None})
        come_as(one, "operator")
        done = await one.post(f"{AT}/redrive", {"ids": ids[:1], "body": None})
        again = await one.post(f"{AT}/redrive", {"ids": ids[:1], "body": 7})

    assert (only["messages"], only["cursor"]) == ([listed[1]], None)
    assert none["messages"] == []
    assert [answer.status_code for answer in wrong] == [422] * 3
    assert [e["pointer"] for answer in wrong for e in answer.json()["errors"]] == ["/body"] * 3
    assert (refused.status_code, refused.json()["permission"]) == (403, "queues:send")
    assert (done.status_code, done.json()["moved"], done.json()["total"]) == (202, 1, 1)
    assert (again.status_code, again.json()["moved"]) == (202, 0)
    assert bodies(await taken(queues)) == [None]


async def test_two_who_edit_on_the_page_do_not_overwrite_each_other(
    store: Store, store_url: str
) -> None:
    queues = queues_of(store)
    await dead(queues, *(sent(n) for n in range(250)))
    async with a_product(store_url) as one:
        page = (await one.http.get(f"{AT}/dead", params={"limit": 200})).json()
        rest = (await one.http.get(f"{AT}/dead", params={"cursor": page["cursor"]})).json()
        at = f"queues/q/dead/{rest['messages'][-1]['id']}/edit"  # beyond the first 200
        form = (await one.http.get(f"/{at}")).text
        odd = await one.http.post(f"/ui/{at}", data={"body": "{oops"})
        answers = [
            await one.http.post(f"/ui/{at}", data={"body": f'{{"by": "{who}"}}'})
            for who in ("me", "you")
        ]
        gone = await one.http.get(f"/{at}")

    assert "249</textarea>" in form
    assert odd.status_code == 422
    assert "{oops</textarea>" in odd.text
    assert [answer.status_code for answer in answers] == [303, 409]
    assert "not there any more" in answers[1].text
    assert "you&#34;}</textarea>" in answers[1].text
    assert gone.status_code == 404
    assert bodies(await taken(queues)) == [{"by": "me"}]


async def test_a_new_queue_takes_the_place_of_no_other(store: Store, store_url: str) -> None:
    given = {"name": "orders", "tries_max": 3}
    answers: list[int] = []

    async def make(n: int) -> None:
        made = await one.post("/api/queues/", given | {"tries_max": n + 1}, if_none_match="*")
        answers.append(made.status_code)

    async with a_product(store_url) as one:
        async with anyio.create_task_group() as group:
            for n in range(4):
                group.start_soon(make, n)
        kept = (await one.http.get("/api/queues/orders")).json()
        other = await one.post("/api/queues/", given | {"tries_max": 9}, if_none_match="*")
        form = await one.http.post("/ui/queues", data={"name": "orders", "tries_max": "9"})
        after = (await one.http.get("/api/queues/orders")).json()
        fresh = await one.http.post("/ui/queues", data={"name": "fresh", "tries_max": "9"})

    assert sorted(answers) == [201, 409, 409, 409]
    assert (other.status_code, other.json()["code"]) == (409, "queue_exists")
    assert form.status_code == 422
    assert "a queue of this name is there" in form.text
    assert after["tries_max"] == kept["tries_max"]
    assert (fresh.status_code, fresh.headers["location"]) == (303, "/queues/fresh")
