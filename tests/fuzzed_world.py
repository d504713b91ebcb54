"""A product with something of everything, and the forms of its pages: what is fuzzed."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
from fuzzing import Form, Fuzz, Route
from products import Product

import orchestra.security

MATRIX = Path(orchestra.security.__file__).with_name("matrix.txt")
BESIDE = ("/api/metrics", "/api/logs", "/api/dashboard", "/api/alerts", "/api/analytics")
"""`test_monitoring_fuzzed.py` is about these."""
STREAMS = ("/stream", "/ws", "/ui/live", "/static", "/api/agents/tasks/{task}/events")
WAITS = ("/poll", "/pull", "/receive", "/execute", "/test", "/try", "/discover", "/check")
"""Their answers may be long in coming: of agents, of messages, of networks."""
ENDS = ("/delete", "/remove", "/remove/{kind}/{thing}", "/archive", "/purge", "/batch", "/logout")
STEP = {
    "id": "a", "agent_type": "text_processor", "task_type": "sentiment_analysis",
    "input_data": {"text": "${input.text}"},
}  # fmt: skip
NAP = {"id": "nap", "type": "wait", "signal": "wake", "timeout": "1h"}
BOOM = {"id": "boom", "type": "set", "vars": {"x": "${input.nothing.here}"}}
BOTH = {
    "id": "both", "type": "parallel",
    "branches": [{"id": "x", "steps": [{"id": "set", "type": "set", "vars": {"y": "1"}}]}],
}  # fmt: skip
DEFINITIONS = (
    {"name": "mood", "steps": [STEP, BOTH]},
    {"name": "waits", "steps": [STEP, NAP]},
    {"name": "fails", "steps": [STEP, BOOM]},
)
GIVEN: tuple[tuple[str, object], ...] = (
    ("/api/events/publish", {"event_type": "shop.ordered", "source_service": "shop",
                             "source_id": "o-1", "payload": {"text": "x"}}),
    ("/api/events/subscriptions", {"name": "books", "event_types": ["shop.*"]}),
    ("/api/queues", {"name": "mail"}),
    ("/api/queues/mail/messages", {"body": {"text": "x"}}),
    ("/api/agents/register", {"name": "odd", "agent_type": "pulled",
                              "capabilities": [{"name": "do"}]}),
    ("/api/webhooks", {"name": "hook", "url": "http://127.0.0.1:9/hook",
                       "event_filter": {"event_types": ["workflow.failed"]}}),
    ("/api/webhooks/inbound", {"name": "in", "event_type": "shop.told"}),
    ("/api/alerts/rules", {"name": "r", "kind": "absent", "metric": "x_total", "window": "5m"}),
    ("/api/alerts/silences", {"matchers": [{"label": "rule", "value": "x"}], "ends_in": "1h",
                              "comment": "c"}),
    ("/ui/views", {}),
)  # fmt: skip
SMALL: Mapping[str, Sequence[str]] = {
    "number": ("1", "2"), "step_path": ("a", "nap", "both/x/set"), "key": ("executions", "http"),
    "verb": ("cancel", "pause", "resume", "rollback", "check", "enable", "drain", "disable"),
    "kind": ("rule", "silence", "contact"), "event_type": ("shop.ordered", "shop.told"),
    "reader": ("books", "webhooks"), "name": ("mail", "books", "far", "a_metric"),
}  # fmt: skip


async def furnished(one: Product) -> dict[str, list[str]]:
    """What is there now, by the names that paths have for it. May be repeated."""
    known: dict[str, list[str]] = defaultdict(list)
    for name, values in SMALL.items():
        known[name] += values
    for definition in DEFINITIONS:
        made = (await one.post("/api/workflows", definition)).json()
        if "id" not in made:  # there it is
            made = (await one.http.get(f"/api/workflows/{definition['name']}")).json()
        known["workflow"].append(made["id"])
        data = {"input_data": {"text": "I am happy"}}
        path = f"/api/workflows/{made['id']}/execute"
        with anyio.move_on_after(60):
            started = await one.post(path, data, prefer="wait=5")
            known["execution"] += [started.json()["id"]] if started.is_success else []
    await one.http.put("/api/secrets/far", json={"value": "tok-1234567890"})
    for path, body in GIVEN:
        await one.post(path, body)
    await one.post("/api/agents/execute", {"agent": "odd", "capability": "do", "input_data": {}})
    for name, path in (
        ("agent", "agents"), ("webhook", "webhooks"), ("hook_id", "webhooks/inbound"),
        ("rule", "alerts/rules"), ("silence", "alerts/silences"), ("event_id", "events"),
        ("alert", "alerts"), ("contact", "alerts/contacts"), ("execution", "executions"),
        ("message", "queues/mail/messages"),
    ):  # fmt: skip
        known[name] += _ids((await one.http.get(f"/api/{path}?limit=5")).json())[:5]
    for name in ("agent", "webhook", "rule", "silence", "alert", "contact"):
        known[f"{name}_id"] = known[name]
    known["thing"] = [*known["rule"], *known["silence"]]
    known["agent"].append("odd")
    return known


def _ids(answer: object) -> list[str]:
    """What the things of a listing are called."""
    match answer:
        case dict():
            lists: Iterator[object] = (some for some in answer.values() if isinstance(some, list))
            rows: list[Any] = next(lists, [])
            return [str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row]
        case _:
            return []


async def routes(one: Product, known: Mapping[str, Sequence[str]]) -> list[Route]:
    """Every route but those of monitoring and those without an end, with its forms."""
    schema = (await one.http.get("/openapi.json")).json()
    table = (line.split()[:2] for line in MATRIX.read_text().splitlines())
    wanted = [
        (method, path)
        for method, path in table
        if method != "*" and not path.startswith(BESIDE) and not path.endswith(STREAMS)
    ]
    forms = await _forms(one, known, [path for method, path in wanted if method == "GET"])
    found: list[Route] = []
    for method, path in wanted:
        told = schema["paths"].get(path, {}).get(method.lower(), {})
        fits = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
        own = [form for action, form in forms if fits.fullmatch(action)]
        if method == "POST" and path.startswith("/ui/") and not own:
            own = [[]]
        found.append(Route(method, path, told, own if method == "POST" else ()))
    return found


def ends(route: Route) -> bool:
    """Whether it may take away what all others are about."""
    return route.method == "DELETE" or route.path.endswith(ENDS)


async def _forms(
    one: Product, known: Mapping[str, Sequence[str]], paths: Sequence[str]
) -> list[tuple[str, Form]]:
    """Those that pages show, by where they go."""
    found: dict[str, tuple[str, Form]] = {}
    fuzz = Fuzz(1, known)
    for path in (path for path in paths if not path.startswith("/api/")):
        page = await one.http.get(fuzz.place(path))
        if page.headers.get("content-type", "").startswith("text/html"):
            reader = Forms()
            reader.feed(page.text)
            found |= {json.dumps(form): form for form in reader.forms()}
    return list(found.values())


class Forms(HTMLParser):
    """Reads the forms of a page as a browser would send them."""

    def __init__(self) -> None:
        super().__init__()
        self._actions: dict[str, str] = {}
        self._fields: dict[str, Form] = defaultdict(list)
        self._open = self._select = self._text = ""
        self._count = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._count += 1
            self._open = has.get("id") or f"#{self._count}"
            if has.get("method", "").lower() == "post" or "hx-post" in has:
                self._actions[self._open] = has.get("hx-post") or has.get("action", "")
            return
        place, name = has.get("form") or self._open, has.get("name", "")
        if "hx-post" in has and self._open:
            self._actions[f"{self._open}+{has['hx-post']}"] = has["hx-post"]
        if tag == "select":
            self._select = name
        elif tag == "textarea":
            self._text = name
            self._fields[place].append((name, ""))
        elif tag == "option" and ("selected" in has or not self._has(place, self._select)):
            fields = [one for one in self._fields[place] if one[0] != self._select]
            self._fields[place] = [*fields, (self._select, has.get("value", ""))]
        elif tag in ("input", "button") and name:
            self._fields[place].append((name, has.get("value", "")))

    def _has(self, place: str, name: str) -> bool:
        return any(one == name for one, _ in self._fields[place])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = ""
        elif tag == "textarea":
            self._text = ""

    def handle_data(self, data: str) -> None:
        if self._text and self._fields[self._open]:
            name, value = self._fields[self._open][-1]
            if name == self._text:
                self._fields[self._open][-1] = (name, value + data)

    def forms(self) -> Iterator[tuple[str, Form]]:
        """Where each goes, and its fields."""
        for place, action in self._actions.items():
            yield urlsplit(action).path, self._fields.get(place.partition("+")[0], [])
