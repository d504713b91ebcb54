"""From a figure to a mail and a signed webhook: two whole replicas, one alert, each told once."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from http_peer import a_peer
from mail_peer import mail_server
from standardwebhooks.webhooks import Webhook
from webhook_products import a_keeper

pytestmark = pytest.mark.anyio

RECORD = "/api/metrics/record?metric_name=backlog&type=gauge&label.shop=berlin&value="


async def until(ready: Callable[[], bool]) -> None:
    with anyio.fail_after(120):
        while not ready():  # noqa: ASYNC110  -- threads and other parts
            await anyio.sleep(0.02)


async def test_an_alert_is_one_mail_and_one_webhook_and_so_is_its_end(
    store_url: str, tmp_path: Path
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        mail = stack.enter_context(mail_server())
        receiver = await stack.enter_async_context(a_peer())
        given = {"smtp_url": f"smtp://127.0.0.1:{mail.port}", "smtp_from": "alerts@example.com"}
        one = await stack.enter_async_context(a_keeper(store_url, tmp_path, **given))
        await stack.enter_async_context(a_keeper(store_url, tmp_path, **given))
        contacts = "/api/alerts/contacts/"
        await one.post(contacts, {"name": "mail", "kind": "email", "to": ["on@example.com"]})
        hook = {"name": "hook", "kind": "webhook", "url": receiver.url}
        secret = (await one.post(contacts, hook)).json()["secret"]
        await one.http.post(f"{RECORD}50")
        rule = {
            "name": "Backlog", "metric": "backlog", "agg": "last", "by": ["shop"], "window": "10m",
            "threshold": 10, "keep_firing": "0s", "group_wait": "0s", "notify": ["mail", "hook"],
            "summary": "${labels.shop} waits: ${value} <b>orders</b>",
        }  # fmt: skip
        made = await one.post("/api/alerts/rules", rule)
        assert made.status_code == 201, made.text
        await until(lambda: len(mail.got) == 1 and len(receiver.asked) == 1)
        await one.http.post(f"{RECORD}1")
        await until(lambda: len(mail.got) == 2 and len(receiver.asked) == 2)

    told = [Webhook(secret).verify(asked.body, asked.headers) for asked in receiver.asked]
    assert [doc["type"] for doc in told] == ["notification.firing", "notification.resolved"]
    assert told[0]["data"]["alerts"][0]["labels"] == {"shop": "berlin"}
    assert [one["Subject"] for one in mail.mails] == [
        "[warning] Backlog: berlin — 50", "[warning] resolved: Backlog: berlin",
    ]  # fmt: skip
    html = mail.mails[0].get_body(("html",))
    assert html is not None
    assert "&lt;b&gt;orders&lt;/b&gt;" in html.get_content()
