"""Calls of every route of contacts and silences, good and bad, for the description of the API."""

from typing import Any

import httpx
from http_peer import a_peer

CONTACTS, SILENCES = "/api/alerts/contacts/", "/api/alerts/silences/"
MATCHERS = [{"label": "agent", "value": "gpt*"}]


async def ask_contacts(http: httpx.AsyncClient) -> None:
    """Contacts: made, changed, tested, removed."""
    mail: dict[str, Any] = {"name": "oncall", "kind": "email", "to": ["a@example.com"]}
    async with a_peer() as peer:
        made = await _ok(http.post(CONTACTS, json=mail | {"default": True}), 201)
        hook = {"name": "pager", "kind": "webhook", "url": peer.url}
        hooked = await _ok(http.post(CONTACTS, json=hook), 201)
        for wrong in (mail, {"x": 1}, hook | {"name": "z", "url": "http://10.0.0.1/"}, []):
            await http.post(CONTACTS, json=wrong)
        await http.post(CONTACTS, json=mail | {"name": "x" * 70_000})
        await http.post(CONTACTS, content=b"x")
        await _ok(http.get(CONTACTS))
        for one in (made, hooked):
            at = CONTACTS + one["id"]
            await _ok(http.get(at))
            await _ok(http.post(f"{at}/test"))
            await http.post(f"{at}/test")
        await _ok(http.put(CONTACTS + made["id"], json=mail | {"to": ["b@example.com"]}))
        await http.put(CONTACTS + made["id"], json=hook)
        for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/test")):
            await http.request(method, f"{CONTACTS}none{path}", json=mail)
        for one in (made, hooked):
            await _ok(http.delete(CONTACTS + one["id"]), 204)


async def ask_silences(http: httpx.AsyncClient) -> None:
    """Silences: previewed, made, ended."""
    wanted = {"matchers": MATCHERS, "comment": "gpt is being moved", "duration": "2h"}
    made = await _ok(http.post(SILENCES, json=wanted), 201)
    await _ok(http.post(f"{SILENCES}preview", json={"matchers": MATCHERS}))
    for wrong in ({"x": 1}, wanted | {"duration": "99d"}, wanted | {"matchers": [{}]}, 7):
        await http.post(SILENCES, json=wrong)
        await http.post(f"{SILENCES}preview", json=wrong)
    await http.post(SILENCES, json=wanted | {"comment": "x" * 70_000})
    await _ok(http.get(SILENCES))
    await _ok(http.get(SILENCES + made["id"]))
    await http.get(f"{SILENCES}none")
    await _ok(http.delete(SILENCES + made["id"]), 204)
    await http.delete(f"{SILENCES}none")


async def _ok(asked: Any, status: int = 200) -> Any:
    answer = await asked
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None
