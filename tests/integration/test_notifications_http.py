"""Contacts and silences over HTTP, and tests of contacts that really send."""

from pathlib import Path
from typing import Any

import pytest
from http_peer import a_peer
from mail_peer import mail_server
from products import Product
from standardwebhooks.webhooks import Webhook
from webhook_products import a_keeper

pytestmark = pytest.mark.anyio

CONTACTS, SILENCES = "/api/alerts/contacts/", "/api/alerts/silences/"
MAIL: dict[str, Any] = {"name": "oncall", "kind": "email", "to": ["on@example.com"]}


async def a_contact(one: Product, **given: Any) -> dict[str, Any]:
    answer = await one.post(CONTACTS, given)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_contact_for_mail_is_made_changed_tested_and_removed(
    store_url: str, tmp_path: Path
) -> None:
    with mail_server() as mail:
        url = f"smtp://127.0.0.1:{mail.port}"
        given = {"smtp_url": url, "smtp_from": "Orchestra <alerts@example.com>"}
        async with a_keeper(store_url, tmp_path, **given) as one:
            made = await a_contact(one, **MAIL, default=True)
            at = CONTACTS + made["id"]
            changed = await one.http.put(at, json=MAIL | {"to": ["a@example.com", "b@example.com"]})
            tested = await one.post(f"{at}/test")
            listed = (await one.http.get(CONTACTS)).json()["contacts"]
            gone = await one.http.delete(at)
            after = await one.http.get(at)

    assert made["secret"] is None
    assert changed.status_code == 200, changed.text
    assert changed.json()["default"] is True
    assert tested.json()["delivered"] is True
    assert [one["to"] for one in tested.json()["attempts"]] == ["a@example.com", "b@example.com"]
    assert [one["to"] for one in listed] == [["a@example.com", "b@example.com"]]
    assert (gone.status_code, after.status_code) == (204, 404)
    assert [one.rcpt_tos for one in mail.got] == [["a@example.com"], ["b@example.com"]]
    assert mail.mails[0]["Subject"] == "[test] Orchestra can reach you"
    assert mail.mails[0]["From"] == "Orchestra <alerts@example.com>"
    assert mail.mails[0].is_multipart()


async def test_a_webhook_contact_is_signed_with_a_secret_that_is_shown_once(
    store_url: str, tmp_path: Path
) -> None:
    async with a_peer() as receiver, a_keeper(store_url, tmp_path) as one:
        made = await a_contact(one, name="pager", kind="webhook", url=receiver.url)
        tested = (await one.post(f"{CONTACTS}{made['id']}/test")).json()
        shown = (await one.http.get(CONTACTS + made["id"])).json()
        hooks = (await one.http.get("/api/webhooks/")).json()["webhooks"]
        log = (await one.http.get(f"/api/webhooks/{made['id']}/deliveries")).json()
        refused = [
            await one.http.patch(f"/api/webhooks/{made['id']}", json={"name": "mine"}),
            await one.http.delete(f"/api/webhooks/{made['id']}"),
        ]

    [got] = receiver.asked
    told = Webhook(made["secret"]).verify(got.body, got.headers)
    assert tested["delivered"] is True, tested
    assert told["type"] == "notification.test"
    assert "secret" not in shown
    assert [(one["id"], one["managed_by"]) for one in hooks] == [(made["id"], "contact")]
    assert [one["result"] for one in log["deliveries"]] == ["delivered"]
    assert [one.status_code for one in refused] == [409, 409]
