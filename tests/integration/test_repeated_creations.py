"""Creations that come twice: with the same `Idempotency-Key` there is one thing, and one answer."""

import re
from pathlib import Path
from typing import Any, Final, cast

import anyio
import httpx
import msgspec
import pytest
from notice_replicas import HOME, IDS, World
from products import Product
from webhook_products import a_keeper, come_as

from orchestra.monitoring.notifications.contacts import Contacts
from orchestra.monitoring.notifications.ports import Hooks
from orchestra.store import alert_keys, notice_keys, webhook_keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.store.repeats import IdempotencyMismatch, Repeats

pytestmark = pytest.mark.anyio

MATCHERS: Final = [{"label": "agent", "value": "gpt*"}]
KINDS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "rules": ("/api/alerts/rules", {"name": "Slow", "metric": "checkout_seconds", "threshold": 3}),
    "silences": (
        "/api/alerts/silences",
        {"matchers": MATCHERS, "comment": "moved", "duration": "2h"},
    ),
    "contacts": (
        "/api/alerts/contacts",
        {"name": "pager", "kind": "webhook", "url": "http://127.0.0.1:9/hook", "default": True},
    ),
    "hooks": (
        "/api/webhooks/inbound",
        {"name": "pushes", "target": {"workflow": "wfl_1"}, "scheme": "github"},
    ),
}
FORMS: Final[dict[str, tuple[str, str, dict[str, str]]]] = {
    "rules": (
        "/alerts/rules/new",
        "/ui/alerts/rules/save",
        {"kind": "threshold", "name": "Form", "metric": "a_total", "threshold": "3", "op": ">",
         "severity": "warning"},
    ),
    "silences": (
        "/alerts/silences/new",
        "/ui/alerts/silences/save",
        {"matchers": "agent=form*", "comment": "c", "duration": "1h"},
    ),
    "contacts": (
        "/alerts/contacts/new",
        "/ui/alerts/contacts/save",
        {"name": "form", "kind": "email", "to": "a@example.com"},
    ),
    "hooks": (
        "/webhooks/in/new",
        "/ui/inbound",
        {"name": "form", "scheme": "github", "target/workflow": "wfl_1"},
    ),
}  # fmt: skip


async def ids(one: Product, kind: str) -> list[str]:
    query = {"limit": 200} if kind == "rules" else {}
    listed = (await one.http.get(KINDS[kind][0], params=query)).json()[kind]
    return [item["id"] for item in listed if not item.get("built_in")]


async def repeated(one: Product, kind: str) -> None:
    """Asked for again, with another body, by six at once."""
    path, body = KINDS[kind]
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await one.post(path, body, idempotency_key="together"))

    first = await one.post(path, body, idempotency_key="once")
    again = await one.post(path, body, idempotency_key="once")
    other = await one.post(path, body | {"name": "other"}, idempotency_key="once")
    wrong = await one.post(path, body, idempotency_key="k" * 257)
    await one.http.delete(f"{path}/{first.json()['id']}")
    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(ask)

    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert (other.status_code, wrong.status_code) == (422, 422)
    assert [one.status_code for one in answers] == [201] * 6, [one.text for one in answers]
    kept = await ids(one, kind)
    assert len(kept) == 1
    assert {one.json()["id"] for one in answers} == set(kept)
    assert len({one.json().get("secret") for one in answers}) == 1


async def test_the_same_request_again_is_the_same_thing(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        for kind in KINDS:
            await repeated(one, kind)
        kept = [await ids(one, kind) for kind in KINDS]
        come_as(one, "admin", "elsewhere")
        for (path, body), known in zip(KINDS.values(), kept, strict=True):
            foreign = await one.post(path, body, idempotency_key="together")
            assert (foreign.status_code, foreign.json()["id"] in known) == (201, False)


async def test_forms_that_are_sent_twice_make_one_thing(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        for kind, (page, action, fields) in FORMS.items():
            shown = (await one.http.get(page)).text
            keys = set(re.findall(r'name="key" value="([^"]+)"', shown))
            assert len(keys) == 1, kind
            sent = fields | {"key": keys.pop()}
            told = [await one.http.post(action, data=sent) for _ in range(2)]

            assert told[0].status_code in (201, 303), (kind, told[0].text)
            assert told[1].status_code == told[0].status_code
            assert len(await ids(one, kind)) == 1, kind


async def test_what_its_maker_did_not_come_to_is_made_by_the_next(
    store_url: str, store: Store, tmp_path: Path
) -> None:
    prefixes = {
        "rules": ("rule", alert_keys.alerts(store.space)),
        "silences": ("silence", notice_keys.notices(store.space)),
        "contacts": ("contact", notice_keys.notices(store.space)),
        "hooks": ("hook", webhook_keys.webhooks(store.space)),
    }
    async with a_keeper(store_url, tmp_path) as one:
        for kind, (path, body) in KINDS.items():
            noun, prefix = prefixes[kind]
            raw = msgspec.json.encode(body)
            await Repeats(store, prefix, noun).claim(DEFAULT_TENANT, "k", raw, f"{noun}_1")
            headers = {"idempotency-key": "k", "content-type": "application/json"}
            made = await one.http.post(path, content=raw, headers=headers)

            assert (made.status_code, made.json()["id"]) == (201, f"{noun}_1"), made.text


class Halting:
    """Webhooks: the first time nobody comes back from there."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {}
        self.reached = anyio.Event()

    async def admit(self, url: str) -> None:
        """Any."""
        assert url

    async def keep(self, *given: object) -> str | None:
        """Made, but the first time."""
        if not self.reached.is_set():
            self.reached.set()
            await anyio.sleep_forever()
        self.made[str(given[-1])] = "whsec_1"
        return "whsec_1"

    async def secret(self, tenant: object, endpoint_id: str) -> str | None:
        """Of those that were made."""
        assert tenant
        return self.made.get(endpoint_id)


async def test_a_contact_that_was_made_by_half_is_made_whole(store: Store) -> None:
    world = World(store)
    book, hooks = world.replica().book, Halting()
    repeats = Repeats(store, notice_keys.notices(store.space), "contact")
    contacts = Contacts(book, cast("Hooks", hooks), repeats, world.clock, IDS)
    body = msgspec.json.encode({"name": "pager", "kind": "webhook", "url": "http://one.test/"})
    async with anyio.create_task_group() as group:
        group.start_soon(contacts.create, HOME, body, "k")
        await hooks.reached.wait()
        group.cancel_scope.cancel()
    [half] = await book.of_tenant(HOME)

    made, again = await contacts.create(HOME, body, "k")
    third, _ = await contacts.create(HOME, body, "k")

    assert (made["id"], made["secret"], again) == (half.id, "whsec_1", True)
    assert third == made
    assert len(await book.of_tenant(HOME)) == 1
    with pytest.raises(IdempotencyMismatch):
        await contacts.create(HOME, body.replace(b"pager", b"other"), "k")
