"""Who could not be told: what is tried again, what is given up and said; and the watchdog."""

from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from http_peer import a_peer
from mail_peer import mail_server
from notice_replicas import World
from webhook_products import a_keeper

from orchestra.bus import Again, Bury, Draft, Event, Job
from orchestra.clock import SystemClock
from orchestra.connectors.email import Mailer
from orchestra.connectors.email_queue import WORKING, MailWorker, Parcel
from orchestra.connectors.email_server import Line, Server
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME

pytestmark = pytest.mark.anyio

PARCEL = Parcel(
    "ntf_1|on@example.com", HOME, "con_1", "oncall", "on@example.com", "s", "t", "", "ntf_1"
)


class Published(list[Draft]):
    """What was published."""

    async def __call__(self, draft: Draft, *, dedup: str | None = None) -> str:
        assert dedup == f"notification.failed|{PARCEL.id}"
        self.append(draft)
        return "evt_1"


def a_job(attempt: int = 1, body: object = PARCEL) -> Job:
    return Job("msg_1", msgspec.Raw(msgspec.json.encode(body)), attempt, 0, None)


async def here(_: str, __: int) -> list[str]:
    return ["127.0.0.1"]


async def test_mail_is_tried_again_for_as_long_as_there_is_hope() -> None:
    published = Published()
    with mail_server() as mail:
        line = Line(Server.of(f"smtp://127.0.0.1:{mail.port}"), here)
        work = MailWorker(Mailer(line, "a@example.com", SystemClock()), published)
        mail.answers = {"RCPT": "450 later"}
        with pytest.raises(Again) as again:
            await work(a_job())
        with pytest.raises(Again) as later:
            await work(a_job(5))
        assert published == []
        with pytest.raises(Bury):
            await work(a_job(WORKING.tries_max))
        mail.answers = {"RCPT": "550 no such mailbox"}
        with pytest.raises(Bury):
            await work(a_job())
        mail.answers = {}
        await work(a_job(2))
        with pytest.raises(Bury):
            await work(a_job(1, {"x": 1}))

    told: list[dict[str, Any]] = [msgspec.json.decode(one.data) for one in published]
    assert (again.value.delay_ms, later.value.delay_ms) == (5_000, 1_800_000)
    assert [(one["error"], one["tries"]) for one in told] == [
        ("the mail server said 450 later", WORKING.tries_max),
        ("the mail server said 550 no such mailbox", 1),
    ]
    assert told[0]["contact_id"] == "con_1"
    assert len(mail.got) == 1


async def test_without_a_server_mail_is_given_up_at_once() -> None:
    published = Published()
    with pytest.raises(Bury):
        await MailWorker(Mailer(None, None, SystemClock()), published)(a_job())

    assert "no mail server is set" in bytes(published[0].data).decode()


async def test_a_delivery_that_was_given_up_is_said_of_its_contact(store: Store) -> None:
    world = World(store)
    contact = await world.contact(kind="webhook", to=(), url="http://one.test/")
    one = world.replica()
    for key in (contact.id, "whk_others", "con_unknown"):
        data = {"webhook_id": key, "delivery_id": "dlv_1", "error": "status 503", "tries": 8}
        raw = msgspec.Raw(msgspec.json.encode(data))
        event = Event("evt_1", "webhook.exhausted", "s", key, HOME, "module", 0, raw)
        await one.teller.handle(event)

    [draft] = world.line.published
    said = msgspec.json.decode(draft.data)
    assert (draft.type, draft.key) == ("notification.failed", contact.id)
    assert (said["name"], said["error"], said["tries"]) == ("oncall", "status 503", 8)


async def test_the_watchdog_is_called_by_who_leads(store_url: str, tmp_path: Path) -> None:
    called = anyio.Event()

    async def note() -> None:
        called.set()

    async with a_peer(hold=note) as dog:
        given = {"watchdog_url": dog.url}
        async with a_keeper(store_url, tmp_path, **given), a_keeper(store_url, tmp_path, **given):
            with anyio.fail_after(60):
                await called.wait()

    assert {asked.method for asked in dog.asked} == {"GET"}
