"""Somebody else saved meanwhile: a second press on save overwrites nothing, only a choice does."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from products import Product, a_product
from webhook_products import a_keeper

pytestmark = pytest.mark.anyio

OWN = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
JSON = {"content-type": "application/json"}
FILTER = {"event_types": ["order.made"]}
RULE = {
    "name": "Late", "kind": "threshold", "metric": "orders", "op": ">", "threshold": 1,
    "severity": "critical", "window": "5m",
}  # fmt: skip
FORMS: dict[str, tuple[dict[str, Any], str, str]] = {
    "/api/webhooks": (
        {"name": "out", "url": "http://127.0.0.1:9/x", "event_filter": FILTER},
        "/webhooks/{}/edit", "/ui/webhooks/{}",
    ),
    "/api/webhooks/inbound": (
        {"name": "in"},
        "/webhooks/in/{}", "/ui/inbound/{}",
    ),
    "/api/alerts/rules": (RULE, "/alerts/rules/{}", "/ui/alerts/rules/save"),
    "/api/agents/register": (
        {"name": "one", "agent_type": "echo", "capabilities": [{"name": "do"}]},
        "/agents/{}/edit", "/ui/agents/{}",
    ),
}  # fmt: skip


def fields(page: str) -> dict[str, str]:
    """What a browser would send of the form with the revision."""
    form = page[page.rindex("<form", 0, page.index('name="revision"')) :]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form[: form.index("</form>")]):
        named = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if named.get("type") not in ("checkbox", "radio") or " checked" in tag:
            found[named["name"]] = unescape(named.get("value", "yes"))
    for name, text in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.S):
        found[name] = unescape(text).removeprefix("\n")
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.findall(r'<option value="([^"]*)" selected', options)
        found[name] = unescape(chosen[0]) if chosen else ""
    return found


async def changed(one: Product, to: str, field: str, name: str) -> None:
    """By somebody else."""
    before = (await one.http.get(to)).json()
    if "/rules/" in to:
        answer = await one.http.put(to, json=RULE | {field: name})
    else:
        answer = await one.http.patch(to, json={field: name})
    assert answer.status_code == 200, answer.text
    assert answer.json()["revision"] > before["revision"]


async def overtaken(one: Product, made_at: str) -> None:
    body, edit, save = FORMS[made_at]
    field = "description" if "agents" in made_at else "name"
    answer = await one.post(made_at, body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    to = f"{made_at.removesuffix('/register')}/{made['id']}"
    mine = fields((await one.http.get(edit.format(made["id"]))).text) | {field: "mine"}
    began = mine["revision"]
    await changed(one, to, field, "their name")

    async def sent(**more: str) -> tuple[int, str]:
        path = save.format(made["id"])
        answer = await one.http.post(path, data=mine | more, headers=OWN)
        return answer.status_code, answer.text

    async def now() -> dict[str, Any]:
        return (await one.http.get(to)).json()

    theirs, page = await now(), ""
    for _ in range(2):
        status, page = await sent()
        assert (status, (await now())[field]) == (422, "their name"), page
        assert f"Somebody saved revision {theirs['revision']} while you" in page
        assert "<bdi>their name</bdi>" in page
        assert "<bdi>mine</bdi>" in page
        assert fields(page) | {"key": ""} == mine | {"key": ""}
    assert page.index("<button hidden>") < page.index('name="over"')  # what Enter presses
    assert f'href="{edit.format(made["id"])}"' in page

    await changed(one, to, field, "a third")
    status, page = await sent(over=str(theirs["revision"]))
    assert (status, (await now())[field]) == (422, "a third")
    assert fields(page)["revision"] == began
    status, page = await sent(over=str((await now())["revision"]))
    assert (status, (await now())[field]) == (303, "mine"), page


async def refused(one: Product) -> None:
    """The form that comes back is still of the revision it began with."""
    made = (await one.post("/api/alerts/rules", RULE)).json()
    path = f"/api/alerts/rules/{made['id']}"
    mine = fields((await one.http.get(f"/alerts/rules/{made['id']}")).text)
    await changed(one, path, "name", "theirs")
    for to, wrong in (("save", "soon"), ("try", "1m")):
        data = mine | {"window": wrong}
        page = await one.http.post(f"/ui/alerts/rules/{to}", data=data, headers=OWN)
        assert fields(page.text)["revision"] == mine["revision"], page.text


async def test_only_a_choice_overwrites_what_others_saved(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path) as one:
        for made_at in FORMS:
            await overtaken(one, made_at)
        await refused(one)


async def test_a_workflow_saved_by_others_is_overwritten_by_choice_only(store_url: str) -> None:
    def text(told: str) -> str:
        return (
            f'{{"name": "mood", "description": "{told}",'
            ' "steps": [{"id": "a", "type": "transform", "input_data": 1}]}'
        )

    async with a_product(store_url) as one:
        made = await one.http.post("/api/workflows", content=text("first"), headers=JSON)
        workflow = str(made.json()["id"])
        path = f"/api/workflows/{workflow}"
        await one.http.put(path, content=text("theirs"), headers=JSON)
        form = {"definition": text("mine"), "version": "1"}

        async def sent(**more: str) -> tuple[int, str]:
            to = f"/ui/workflows/{workflow}"
            answer = await one.http.post(to, data=form | more, headers=OWN)
            return answer.status_code, answer.text

        async def told() -> tuple[int, str]:
            saved = (await one.http.get(path)).json()
            return saved["version"], saved["definition"]["description"]

        for more in ({"confirmed": "1"}, {}, {"confirmed": "1"}, {}):
            status, page = await sent(**more)
            assert (status, await told()) == (422, (2, "theirs"))
            assert "Somebody saved version 2" in page
            assert "Save mine over version 2" in page
            assert 'name="version" value="1"' in page
            assert f'href="/workflows/{workflow}/edit?version=2">Load theirs' in page
        assert ((await sent(confirmed="2"))[0], await told()) == (303, (3, "mine"))
        # the same press once more: it is not somebody else who saved that
        assert ((await sent(confirmed="2"))[0], await told()) == (303, (3, "mine"))
