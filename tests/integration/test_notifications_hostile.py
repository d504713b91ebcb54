"""What is wrong, hostile, too much or somebody else's about contacts and silences."""

from pathlib import Path
from typing import Any

import pytest
from hostile_urls import BAD
from http_peer import a_peer
from products import Product
from webhook_products import a_keeper, come_as

from orchestra.monitoring.notifications.records import CONTACTS_MAX, SILENCES_MAX

pytestmark = pytest.mark.anyio

CONTACTS, SILENCES = "/api/alerts/contacts/", "/api/alerts/silences/"
MAIL: dict[str, Any] = {"name": "oncall", "kind": "email", "to": ["on@example.com"]}
HOOK: dict[str, Any] = {"name": "pager", "kind": "webhook", "url": "http://127.0.0.1:9/hook"}
SILENCE: dict[str, Any] = {
    "matchers": [{"label": "agent", "value": "gpt*"}], "comment": "why", "duration": "2h",
}  # fmt: skip


def pointers(answer: Any) -> set[str]:
    """What is wrong."""
    assert answer.status_code == 422, answer.text
    return {one["pointer"] for one in answer.json()["errors"]}


async def nothing(one: Product) -> bool:
    """Whether nothing was kept."""
    contacts = (await one.http.get(CONTACTS)).json()["contacts"]
    return not contacts and not (await one.http.get(SILENCES)).json()["silences"]


WRONG_CONTACTS: list[tuple[object, set[str]]] = [
    ({}, {"/name", "/kind", "/url"}),
    (MAIL | {"to": []}, {"/to"}),
    (MAIL | {"to": ["a\r\nBcc: b@c"]}, {"/to/0"}),
    (MAIL | {"to": ["a@b", 7, "x" * 10_000]}, {"/to/1", "/to/2"}),
    (MAIL | {"to": ["a@b"] * 21}, {"/to"}),
    (MAIL | {"url": "https://x.example"}, {"/url"}),
    (MAIL | {"name": "a\nb", "x": 1}, {"/name", "/x"}),
    (MAIL | {"name": "x" * 10_000, "default": "yes"}, {"/name", "/default"}),
    (HOOK | {"url": "https://user:pass@x.example/"}, {"/url"}),
    (HOOK | {"kind": "pigeon"}, {"/kind"}),
    ([], {"", "/name", "/kind", "/url"}),
]
WRONG_SILENCES: list[tuple[object, set[str]]] = [
    ({}, {"/matchers", "/comment"}),
    (SILENCE | {"duration": "31d"}, {"/duration"}),
    (SILENCE | {"duration": "soon", "comment": " "}, {"/duration", "/comment"}),
    (SILENCE | {"ends_at": "2020-01-01T00:00:00Z", "duration": None}, {"/ends_at"}),
    (SILENCE | {"ends_at": "2026-01-01"}, {"/ends_at"}),
    (SILENCE | {"starts_at": "9999-01-01T00:00:00Z"}, {"/starts_at"}),
    (SILENCE | {"matchers": [{"label": "a", "value": "*"}]}, {"/matchers"}),
    (
        SILENCE | {"matchers": [{"label": "A", "op": "~", "value": "a*b"}]},
        {"/matchers/0/label", "/matchers/0/op", "/matchers/0/value"},
    ),
    (
        SILENCE | {"matchers": [{"label": "a", "value": "x" * 10_000}, 7]},
        {"/matchers/0/value", "/matchers/1"},
    ),
    (SILENCE | {"comment": "x" * 10_000}, {"/comment"}),
]


async def test_all_that_is_wrong_is_told_at_once_and_nothing_is_kept(
    store_url: str, tmp_path: Path
) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        for path, table in ((CONTACTS, WRONG_CONTACTS), (SILENCES, WRONG_SILENCES)):
            for body, wrong in table:
                assert pointers(await one.post(path, body)) == wrong, body
        assert await nothing(one)


async def test_no_contact_is_at_an_address_inside(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path, network_allow=()) as one:
        for url in BAD:
            answer = await one.post(CONTACTS, HOOK | {"url": url})
            assert answer.status_code in (400, 422), (url, answer.text)
        for kind in ("webhook", "slack"):
            inside = await one.post(CONTACTS, HOOK | {"kind": kind, "url": "http://10.0.0.1/"})
            assert pointers(inside) == {"/url"}
        assert await nothing(one)


async def test_who_may_not_sees_no_tokens_and_another_tenant_nothing(
    store_url: str, tmp_path: Path
) -> None:
    async with a_peer() as peer, a_keeper(store_url, tmp_path) as one:
        url = f"{peer.url}?token=s3cret"
        made = (await one.post(CONTACTS, HOOK | {"url": url})).json()
        quiet = (await one.post(SILENCES, SILENCE)).json()
        here, there = CONTACTS + made["id"], SILENCES + quiet["id"]
        come_as(one, "viewer")
        seen = (await one.http.get(here)).json()
        refused = [
            (await one.post(CONTACTS, MAIL)).status_code,
            (await one.http.put(here, json=HOOK)).status_code,
            (await one.http.delete(here)).status_code,
            (await one.post(f"{here}/test")).status_code,
            (await one.post(SILENCES, SILENCE)).status_code,
            (await one.http.delete(there)).status_code,
        ]
        come_as(one, "admin", tenant="other")
        foreign = [
            (await one.http.get(here)).status_code,
            (await one.http.put(here, json=HOOK)).status_code,
            (await one.post(f"{here}/test")).status_code,
            (await one.http.delete(here)).status_code,
            (await one.http.get(there)).status_code,
            (await one.http.delete(there)).status_code,
            (await one.http.get(f"/api/webhooks/{made['id']}")).status_code,
        ]
        empty = await nothing(one)
        come_as(one, "editor")
        whole = (await one.http.get(here)).json()["url"]

    assert seen["url"] == f"http://127.0.0.1:{peer.port}/…"
    assert refused == [403] * 6
    assert foreign == [404] * 7
    assert empty
    assert whole == url
    assert peer.asked == []


async def test_there_are_so_many_and_names_are_ones_own(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        made = [await one.post(CONTACTS, MAIL | {"name": f"c{n}"}) for n in range(CONTACTS_MAX)]
        beyond = await one.post(CONTACTS, MAIL | {"name": "beyond"})
        await one.http.delete(CONTACTS + made[0].json()["id"])
        taken = await one.post(CONTACTS, MAIL | {"name": "c1"})
        renamed = await one.http.put(CONTACTS + made[1].json()["id"], json=MAIL | {"name": "fresh"})
        again = await one.post(CONTACTS, MAIL | {"name": "c1"})
        silences = [await one.post(SILENCES, SILENCE) for _ in range(SILENCES_MAX + 1)]

    assert {one.status_code for one in made} == {201}
    assert (beyond.status_code, taken.status_code) == (429, 409)
    assert (renamed.status_code, again.status_code) == (200, 201)
    assert [one.status_code for one in silences] == [201] * SILENCES_MAX + [429]


async def test_the_default_contact_is_one_and_goes_with_its_contact(
    store_url: str, tmp_path: Path
) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        first = (await one.post(CONTACTS, MAIL | {"default": True})).json()
        second = (await one.post(CONTACTS, MAIL | {"name": "b", "default": True})).json()
        after = {x["name"]: x["default"] for x in (await one.http.get(CONTACTS)).json()["contacts"]}
        kept = (await one.http.put(CONTACTS + second["id"], json=MAIL | {"name": "b"})).json()
        await one.http.delete(CONTACTS + second["id"])
        left = (await one.http.get(CONTACTS + first["id"])).json()

    assert after == {"oncall": False, "b": True}
    assert kept["default"] is True
    assert left["default"] is False


async def test_a_test_without_a_server_says_so_and_may_not_be_repeated_at_once(
    store_url: str, tmp_path: Path
) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        made = (await one.post(CONTACTS, MAIL)).json()
        tested = await one.post(f"{CONTACTS}{made['id']}/test")
        again = await one.post(f"{CONTACTS}{made['id']}/test")

    assert tested.json()["delivered"] is False
    assert "no mail server is set" in tested.json()["attempts"][0]["detail"]
    assert again.status_code in (200, 429), "the machine may have slept meanwhile"


async def test_a_chat_is_told_in_words_without_mentions(store_url: str, tmp_path: Path) -> None:
    async with a_peer() as peer, a_keeper(store_url, tmp_path) as one:
        chat = {"name": "chat", "kind": "slack", "url": peer.url}
        made = (await one.post(CONTACTS, chat)).json()
        tested = (await one.post(f"{CONTACTS}{made['id']}/test")).json()

    assert made["secret"] is None
    assert tested["delivered"] is True
    assert peer.asked[0].json == {
        "text": "This is a test. If you read it, notifications reach you."
    }
