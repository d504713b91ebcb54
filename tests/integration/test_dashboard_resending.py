"""A form that was sent when the session had ended: what was typed comes along, and is sent once."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from products import a_product

from orchestra.clock import SystemClock
from orchestra.security.first_key import pepper_of
from orchestra.security.keys import KeyRing, Wish
from orchestra.settings import Settings
from orchestra.store.client import Store

pytestmark = pytest.mark.anyio

OWN = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
SAVE = "/ui/alerts/contacts/save"
TYPED = {
    "name": "night shift", "kind": "email", "to": "a@example.com\r\nb@example.com",
    "secret": "hush-hush", "resolved": "true", "key": "once",
}  # fmt: skip
HOSTILE = '"><q7z onload=1>{{7*7}}'


class Guarded:
    """A product that lets in nobody without a key."""

    def __init__(self, http: httpx.AsyncClient, ring: KeyRing) -> None:
        self.http, self.ring = http, ring

    async def key(self) -> str:
        """Of an administrator."""
        return (await self.ring.create(Wish(name="k", role="admin")))[1]

    async def browser(self) -> tuple[dict[str, str], str]:
        """The cookie and the token of who is signed in."""
        answer = await self.http.post("/ui/login", data={"key": await self.key()}, headers=OWN)
        self.http.cookies.clear()
        headers = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
        page = await self.http.get("/alerts/contacts/new", headers=headers)
        return headers, hidden(page)["csrf"]


@asynccontextmanager
async def guarded(store: Store, url: str) -> AsyncIterator[Guarded]:
    ring = KeyRing(store, SystemClock(), await pepper_of(Settings(store_url=url), store))
    await ring.create(Wish(name="first", role="platform_admin"))
    async with a_product(url, own=False, auth_mode="required") as product:
        yield Guarded(product.http, ring)


def hidden(page: httpx.Response) -> dict[str, str]:
    """The fields that the form of the page sends along."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text)
    return {html.unescape(name): html.unescape(value) for name, value in found}


async def send(site: Guarded, data: dict[str, str], **headers: str) -> httpx.Response:
    answer = await site.http.post(SAVE, data=data, headers={**OWN, **headers})
    site.http.cookies.clear()
    return answer


async def contacts(site: Guarded, headers: dict[str, str]) -> list[dict[str, object]]:
    return (await site.http.get("/api/alerts/contacts", headers=headers)).json()["contacts"]


async def test_what_was_typed_outlives_the_session(store: Store, store_url: str) -> None:
    async with guarded(store, store_url) as site:
        old, token = await site.browser()
        await site.http.post("/ui/logout", data={"csrf": token}, headers={**old, **OWN})
        key = await site.key()
        door = await send(site, {**TYPED, "csrf": token}, **old)
        wrong = await site.http.post(
            "/ui/login", data={**hidden(door), "key": "orc_live_x"}, headers=OWN
        )
        back = await site.http.post("/ui/login", data={**hidden(wrong), "key": key}, headers=OWN)
        site.http.cookies.clear()
        new = {"cookie": back.headers["set-cookie"].partition(";")[0]}
        before = await contacts(site, new)
        sent = [await send(site, hidden(back), **new) for _ in range(2)]
        kept = await contacts(site, new)
        stale = await send(site, {**TYPED, "name": "late", "key": "late", "csrf": token}, **new)
        again = await send(site, hidden(stale), **new)
        names = {one["name"] for one in await contacts(site, new)}

    assert (door.status_code, wrong.status_code, back.status_code) == (401, 422, 200)
    assert "is kept in this page" in door.text
    assert f'action="{SAVE}"' in back.text
    assert "night shift" in back.text
    assert "<dt>" in back.text
    assert "<bdi>hush-hush" not in back.text
    assert (before, [one.status_code for one in sent]) == ([], [303, 303])
    assert [one["to"] for one in kept] == [["a@example.com", "b@example.com"]]
    assert (stale.status_code, again.status_code) == (403, 303)
    assert names == {"night shift", "late"}


async def test_words_of_others_are_not_taken_along(store: Store, store_url: str) -> None:
    async with guarded(store, store_url) as site:
        key = await site.key()
        plain = await site.http.post(SAVE, data=TYPED)
        crossed = await site.http.post(SAVE, data=TYPED, headers={"origin": "http://evil.example"})
        long = await send(site, {**TYPED, "to": "x" * 300_000})
        by_script = await send(site, TYPED, **{"hx-request": "true"})
        odd = await send(site, {**TYPED, "name": HOSTILE, HOSTILE: HOSTILE})
        shown = await site.http.post("/ui/login", data={**hidden(odd), "key": key}, headers=OWN)
        paths = [
            await site.http.post(
                "/ui/login", data={"key": key, "kept": "a=b", "kept_path": path}, headers=OWN
            )
            for path in ("//evil.example/ui/", "/api/events/publish", "javascript:x", "/ui/logout",
                         "/ui/\\evil", "/ui/\r\nx: y")
        ]  # fmt: skip
        malformed = await site.http.post(
            "/ui/login", data={"key": key, "kept": "&".join("a=b" for _ in range(300)),
                               "kept_path": SAVE}, headers=OWN
        )  # fmt: skip

    for answer in (plain, crossed, long):
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F")
    assert (by_script.status_code, "kept" in hidden(by_script)) == (401, False)
    for page in (odd, shown):
        assert "<q7z" not in page.text
    assert hidden(shown)[HOSTILE] == HOSTILE
    assert [answer.status_code for answer in [*paths, malformed]] == [303] * 7
