"""The dashboard under attack: other sites, other roles, other tenants, and odd input."""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from products import Product, a_product

import orchestra.security
from orchestra.bus.live.places import Place
from orchestra.bus.live.streams import Live
from orchestra.clock import SystemClock
from orchestra.dashboard.asking import Api
from orchestra.security import Role
from orchestra.security.first_key import pepper_of
from orchestra.security.key_text import Kind
from orchestra.security.keys import KeyRing, Wish
from orchestra.security.roles import permissions_of
from orchestra.security.sessions import Sessions
from orchestra.settings import Settings
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio

MATRIX = Path(orchestra.security.__file__).with_name("matrix.txt")
OWN = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
SENTIMENT = {"agent_type": "text_processor", "task_type": "sentiment_analysis"}
MOOD: dict[str, Any] = {
    "name": "mood",
    "steps": [{"id": "first", "input_data": {"text": "${input.text}"}, **SENTIMENT}],
}


def routes(method: str, under: Iterable[str]) -> list[tuple[str, str]]:
    """Routes of the dashboard with what they take, some id in each place."""
    lines = [line.split() for line in MATRIX.read_text("utf-8").splitlines()]
    found = [(line[1], line[2]) for line in lines if line[0] == method]
    found = [one for one in found if one[1] != "public:"]  # the way in, and how pages look
    kept = [one for one in found if one[0] == "/" or one[0].startswith(tuple(under))]
    return [(re.sub(r"{\w+}", "x_1", path), permission) for path, permission in kept]


ACTIONS = [one for one in routes("POST", ["/ui/"]) if "login" not in one[0]]
OURS = (
    "/ui/", "/agents", "/alerts", "/events", "/executions", "/logs", "/monitoring", "/queues",
    "/webhooks", "/workflows",
)  # fmt: skip


class Guarded:
    """The product where everybody needs a key, and its keys."""

    def __init__(self, product: Product, ring: KeyRing) -> None:
        self.http, self.stage, self.ring = product.http, product.stage, ring

    async def key(self, role: Role, tenant: str = "default", kind: Kind = "live") -> str:
        wish = Wish(name="k", role=role, tenant=Tenant(tenant), kind=kind)
        return (await self.ring.create(wish))[1]

    async def browser(self, role: Role, tenant: str = "default") -> tuple[dict[str, str], str]:
        """The cookie and the token of who is signed in."""
        answer = await self.shown(await self.key(role, tenant))
        assert answer.status_code == 303, answer.text
        headers = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
        page = await self.http.get("/workflows", headers=headers)
        found = re.search(r'name="csrf" value="(\w+)"', page.text)
        assert found, page.text
        return headers, found[1]

    async def shown(self, key: str, target: str = "/", **headers: str) -> httpx.Response:
        """A key is shown at the door."""
        data = {"key": key, "next": target}
        answer = await self.http.post("/ui/login", data=data, headers={**OWN, **headers})
        self.http.cookies.clear()
        return answer


@asynccontextmanager
async def guarded(store: Store, url: str) -> AsyncIterator[Guarded]:
    settings = Settings(store_url=url)
    ring = KeyRing(store, SystemClock(), await pepper_of(settings, store))
    await ring.create(Wish(name="first", role="platform_admin"))
    async with a_product(url, own=False, auth_mode="required") as product:
        yield Guarded(product, ring)


async def test_no_action_is_done_before_its_token_was_judged(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def noted(_: Api, viewer: object, *rest: object) -> bytes:
        asked.append(str(rest))
        return b"{}"

    async with guarded(store, store_url) as site:
        cookie, token = await site.browser("platform_admin")
        monkeypatch.setattr(Api, "_ask", noted)
        assert len(ACTIONS) >= 12
        for path, _ in ACTIONS:
            for data in ({}, {"csrf": ""}, {"csrf": "0" * 43}, {"csrf": "é"}):
                answer = await site.http.post(path, data=data, headers={**cookie, **OWN})
                assert answer.status_code == 403, (path, data, answer.text)
            for told in (
                {"origin": "http://evil.example"}, {"sec-fetch-site": "same-site"},
                {"origin": "http://127.0.0.1:9"}, {"origin": "null"}, {},
            ):  # fmt: skip
                data = {"csrf": token}
                answer = await site.http.post(path, data=data, headers={**cookie, **told})
                assert answer.status_code == 403, (path, told, answer.text)
            answer = await site.http.post(
                path, content=f'{{"csrf": "{token}"}}', headers={**cookie, **OWN}
            )
            assert answer.status_code == 415, (path, answer.text)

    assert asked == []


async def test_nobody_sees_or_does_anything_without_a_key(store: Store, store_url: str) -> None:
    async with guarded(store, store_url) as site:
        pages = [*routes("GET", OURS), ("/ui/live?t=overview", "")]
        assert len(pages) >= 25
        for path, _ in pages:
            for headers in ({}, {"cookie": "orc=" + "a" * 43}, {"hx-request": "true"}):
                answer = await site.http.get(path, headers=headers)
                assert answer.status_code in (303, 401), (path, answer.text)
                assert "location" not in answer.headers or answer.headers["location"].startswith(
                    "/login?next=%2F"
                )
        for path, _ in ACTIONS:
            answer = await site.http.post(path, headers=OWN)
            assert answer.status_code in (303, 401), (path, answer.text)


async def test_a_role_does_in_a_browser_what_it_may_and_no_more(
    store: Store, store_url: str
) -> None:
    async with guarded(store, store_url) as site:
        for role in ("viewer", "operator", "editor"):
            cookie, token = await site.browser(role)
            has = permissions_of(role)
            for path, permission in (one for one in ACTIONS if one[0] != "/ui/logout"):
                data = {"csrf": token, "definition": "{}"}
                answer = await site.http.post(path, data=data, headers={**cookie, **OWN})
                may = permission in has
                assert may or answer.status_code == 403, (role, path, answer.text)
                assert answer.status_code < 500, (role, path, answer.text)


async def test_another_tenant_sees_nothing_of_it(store: Store, store_url: str) -> None:
    async with guarded(store, store_url) as site:
        owner = {"x-api-key": await site.key("admin")}
        workflow = await site.http.post("/api/workflows", json=MOOD, headers=owner)
        id_ = workflow.json()["id"]
        run = await site.http.post(
            f"/api/workflows/{id_}/execute", json={"input_data": {"text": "a"}},
            headers={**owner, "prefer": "wait=60"},
        )  # fmt: skip
        execution = run.json()["id"]
        cookie, token = await site.browser("admin", "other")
        for path in (
            f"/workflows/{id_}", f"/workflows/{id_}/edit", f"/workflows/{id_}/run",
            f"/executions/{execution}", f"/executions/{execution}/confirm?do=cancel",
            f"/ui/executions/{execution}/main",
        ):  # fmt: skip
            answer = await site.http.get(path, headers=cookie)
            assert answer.status_code == 404, path
        listed = await site.http.get("/executions", headers=cookie)
        told = await site.http.post(
            f"/ui/executions/{execution}/rollback", data={"csrf": token}, headers={**cookie, **OWN}
        )

    assert execution not in listed.text
    assert told.status_code == 404


async def test_what_a_page_of_another_port_embeds_is_read_by_nobody(
    store: Store, store_url: str
) -> None:
    async with guarded(store, store_url) as site:
        cookie, _ = await site.browser("viewer")
        other = {"sec-fetch-site": "same-site"}
        embedded = await site.http.get("/api/workflows", headers={**cookie, **other})
        stream = await site.http.get("/ui/live?t=overview", headers={**cookie, **other})
        followed = await site.http.get(
            "/workflows", headers={**cookie, **other, "sec-fetch-mode": "navigate"}
        )

    assert embedded.status_code == stream.status_code == 401
    assert followed.status_code == 200


async def test_odd_cookies_and_tokens_are_no_fault_of_ours(store: Store, store_url: str) -> None:
    async with guarded(store, store_url) as site:
        cookie, _ = await site.browser("admin")
        own = cookie["cookie"]

        async def seen(line: str) -> int:
            answer = await site.http.get(
                "/workflows", headers=[(b"cookie", line.encode("latin-1"))]
            )
            return answer.status_code

        assert await seen(f'theme={{"a": [1, "é"]}}; ;; =; {own}; x@=1') == 200
        assert await seen(f"{own}; {own}") == 200
        assert await seen(f"{own}; orc={'a' * 43}") == 303  # one of the two is not ours
        assert await seen(f"orc={'é' * 43}") == 303
        assert await seen("orc=") == 303
        assert await seen(f"ORC={own[4:]}") == 303
        odd = [(name.encode(), value.encode()) for name, value in {**cookie, **OWN}.items()]
        odd.append((b"x-csrf-token", b"\xff\xe9"))
        answer = await site.http.post("/api/workflows", json={}, headers=odd)

    assert answer.status_code == 403


async def test_after_signing_in_one_stays_here(store: Store, store_url: str) -> None:
    async with guarded(store, store_url) as site:
        key = await site.key("viewer")
        for target in (
            "//evil.example", "/\\evil.example", "https://evil.example", "/€", "/\r\nset-cookie: a",
            "/\t/evil.example", "javascript:alert(1)", "", "/ui/demo", "/login", "x" * 3_000,
        ):  # fmt: skip
            answer = await site.shown(key, target)
            assert answer.status_code == 303, target
            assert answer.headers["location"] == "/", target


async def test_signing_in_again_ends_the_session_before(store: Store, store_url: str) -> None:
    async with guarded(store, store_url) as site:
        cookie, _ = await site.browser("viewer")
        again = await site.shown(await site.key("admin"), **cookie)
        before = await site.http.get("/workflows", headers=cookie)
        made_locally = await site.shown(await site.key("admin", kind="dev"))

    assert again.headers["set-cookie"].partition(";")[0] != cookie["cookie"]
    assert before.status_code == 303
    assert made_locally.status_code == 422


class Later(SystemClock):
    """Two minutes on."""

    def now_ms(self) -> int:
        return super().now_ms() + 120_000


async def test_a_session_that_ended_is_not_brought_back_by_who_looked_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, pepper = SystemClock(), b"p" * 32
    ring = KeyRing(store, clock, pepper)
    here, elsewhere = Sessions(store, ring, clock, pepper), Sessions(store, ring, Later(), pepper)
    _, key = await ring.create(Wish(name="k"))
    session = await here.begin(key)
    read = store.read

    async def overtaken(*words: Any) -> Any:
        raw = await read(*words)
        await here.end(session.id)
        return raw

    with monkeypatch.context() as patched:
        patched.setattr(store, "read", overtaken)
        assert await elsewhere.find(session.id) is None
    assert await here.find(session.id) is None


async def test_hidden_fields_that_were_changed_are_refused(store_url: str) -> None:
    async with a_product(store_url) as product:
        workflow = (await product.post("/api/workflows", MOOD)).json()["id"]
        run, save = f"/ui/workflows/{workflow}/run", f"/ui/workflows/{workflow}"
        for path, data in (
            (run, {"input": "{}", "key": "€"}), (run, {"input": "{}", "key": "a\r\nb: c"}),
            (save, {"definition": "{}", "version": "€"}), (save, {"definition": "{}"}),
            ("/ui/workflows", {"definition": "{}", "key": "\u202e"}),
            ("/ui/workflows", {f"f{i}": "" for i in range(300)}),
        ):  # fmt: skip
            answer = await product.http.post(path, data=data, headers=OWN)
            assert 400 <= answer.status_code < 500, (path, answer.text)
        for body in (b"\xff", b"definition=%ff", b"a=1&" * 400):
            answer = await product.http.post(save, content=body, headers=OWN | FORM)
            assert answer.status_code == 400, (body, answer.text)
        for text in ("one", "two"):
            data = {"input": f'{{"text": "{text}"}}'}
            answer = await product.http.post(run, data=data, headers=OWN)
            assert answer.status_code == 303, answer.text
        found = (await product.http.get("/api/executions")).json()["items"]

    assert len(found) == 2  # forms without a key are not one form


async def test_an_address_with_two_slashes_leads_nowhere_else(store_url: str) -> None:
    async with a_product(store_url) as product:
        await product.post("/api/queues/mail/messages", {"body": 1})
        for path in ("//queues/mail", "//executions/exe_1", "//agents/x", "///evil.example/"):
            page = await product.http.get(f"http://127.0.0.1:8000{path}")
            assert page.status_code in (200, 404)
            assert not re.search(r'(href|hx-get|action)="//', page.text), path


async def a_stream(product: Product | Guarded, query: str, **headers: str) -> tuple[int, str]:
    """What a page is told first."""
    told, status = bytearray(), 0
    heard = anyio.Event()

    async def receive() -> dict[str, object]:
        await heard.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            told.extend(message.get("body", b""))
            if b"\n\n" in bytes(told).partition(b"retry: 1000\n\n")[2]:
                heard.set()

    given = {"host": "127.0.0.1:8000", **headers}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": "/ui/live", "raw_path": b"/ui/live", "root_path": "",
        "query_string": query.encode(), "client": ("127.0.0.1", 40_000),
        "server": ("127.0.0.1", 8000), "state": {}, "extensions": {},
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    with anyio.fail_after(60):
        await product.stage.gateway(scope, receive, send)
    return status, told.decode()


async def test_topics_that_are_no_topics_are_refused(store_url: str) -> None:
    async with a_product(store_url) as product:
        for topic in (
            "execution:exe_1/steps", "execution:../agents", "execution:", "execution:exe_%00",
            "overview:x", "nothing", "execution:exe_1%2Fhistory", "execution:agt_1",
        ):  # fmt: skip
            status, _ = await a_stream(product, f"t={topic}")
            assert status == 422, topic


async def test_a_position_that_is_none_has_everything_told_anew(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    take = Live.admit

    async def noted(live: Live, tenant: Tenant, actor: str) -> Place:
        taken.append(actor)
        return await take(live, tenant, actor)

    monkeypatch.setattr(Live, "admit", noted)
    async with a_product(store_url) as product:
        for since in ("bogus", "%00", "a" * 3_000):
            taken.clear()
            status, told = await a_stream(product, "t=overview", **{"last-event-id": since})
            assert status == 200, since
            assert 'hx-target="#overview"' in told
            assert len(taken) == 1, since


async def test_what_a_stream_tells_is_made_for_the_role_and_the_tenant(
    store: Store, store_url: str
) -> None:
    definition = {
        "name": "nap",
        "steps": [{"id": "nap", "type": "wait", "signal": "wake", "timeout": "1h"}],
    }
    async with guarded(store, store_url) as site:
        owner = {"x-api-key": await site.key("admin")}
        workflow = await site.http.post("/api/workflows", json=definition, headers=owner)
        path = f"/api/workflows/{workflow.json()['id']}/execute"
        run = await site.http.post(path, json={"input_data": {}}, headers=owner)
        topic = f"t=execution:{run.json()['id']}"
        cases: list[tuple[Role, str, bool, bool]] = [
            ("admin", "default", True, True), ("viewer", "default", True, False),
            ("operator", "default", True, True), ("admin", "other", False, False),
            ("viewer", "default", True, False),
        ]  # fmt: skip
        for role, tenant, sees, acts in cases:
            cookie, token = await site.browser(role, tenant)
            status, told = await a_stream(site, topic, **cookie)
            assert status == 200, (topic, told)
            assert ('hx-target="#head"' in told) is sees, (role, tenant)
            assert ("/pause" in told) is acts, (role, tenant)
            assert token not in told
