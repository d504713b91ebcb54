"""Text of strangers in every field there is: on no page does it become anything but text."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx
import pytest
from products import Product
from webhook_products import a_keeper, a_webhook

pytestmark = pytest.mark.anyio

MARK: Final = "q7z"
CORPUS: Final = (
    "<img src=x onerror=q7z(1)>", "<script>q7z(2)</script>", "<q7z onload=q7z(3)>",
    "\"><q7z a='", "'><q7z a=\"", "\" onmouseover=\"q7z(4)", "' onfocus='q7z(5)' autofocus='",
    "</textarea><q7z>", "</title><q7z>", "</script><q7z>", "</style><q7z>", "--><q7z>", "]]><q7z>",
    "<svg><q7z onload=q7z(6)></svg>", "<math><mtext><q7z></mtext></math>",
    "<iframe srcdoc='<q7z>'></iframe>", "<a href=javascript:q7z(7)>q7z</a>", "javascript:q7z(8)",
    "data:text/html,<q7z>", "{{7*7}}q7z", "{% raw %}q7z", "{# q7z #}", "${7*7}q7z", "<%= 7*7 %>q7z",
    "&lt;q7z&gt;", "&#60;q7z&#62;", "%3Cq7z%3E", "\u202eq7z\u2066", "q7z\u200b\ufeff",
    "🦊q7z👩‍👩‍👧‍👦",
    "<hx-partial hx-target='#main'>q7z</hx-partial>", "<div hx-get='/q7z' hx-trigger=load>",
    "<base href='//q7z.example/'>", "<meta http-equiv=refresh content=0;url=//q7z>", "<q7z\n\nx=y>",
    "<link rel=stylesheet href=//q7z>", "<form action=//q7z><button>q7z", "q7z" + "A" * 10_000,
    "\\\"><q7z>", "`${q7z}`", "<q7z/onerror=alert`1`>", "﹤q7z﹥ ＜q7z＞",
)  # fmt: skip
ALL: Final = " ".join(CORPUS)
SHORT: Final = tuple(one for one in CORPUS if len(one) <= 60)
NEVER: Final = {MARK, "img", "iframe", "base", "object", "embed", "math", "style", "hx-partial"}
LEADS: Final = ("href", "src", "action", "formaction", "hx-get", "hx-post", "xlink:href")


class Read(HTMLParser):
    """A page as a browser reads it: what came to be that we did not write."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        odd = [name for name in names if name.startswith("on") or name in ("style", "srcdoc")]
        odd += [name for name in names if MARK in name or not name.isascii()]
        if tag in NEVER or odd or len(set(names)) != len(names):
            self.wrong.append(f"<{tag} {attrs}"[:200])
        for name, value in ((name, value or "") for name, value in attrs if name in LEADS):
            if value and (value[0] not in "/?#" or value[:2] == "//"):
                self.wrong.append(f"{name}={value}"[:200])
        if tag == "script" and "src" not in names and ("type", "application/json") not in attrs:
            self.wrong.append(f"<script {attrs}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


async def filled(one: Product) -> list[str]:
    """The corpus in every field, as far as it is taken; the pages that show it."""
    step = {"id": "first", "agent_type": "text_processor", "task_type": "sentiment_analysis"}
    step |= {"input_data": {"text": "${input.text}"}, "name": SHORT[0]}
    labels = {f"k{i}": text for i, text in enumerate(SHORT[:8])}
    workflow = {"name": "mood", "description": ALL[:1_900], "labels": labels, "steps": [step]}
    made = await one.post("/api/workflows", workflow)
    if made.status_code != 201:  # steps have no names
        step.pop("name")
        made = await one.post("/api/workflows", workflow)
    assert made.status_code == 201, made.text
    flow = f"/workflows/{made.json()['id']}"
    absent = {"id": "x", "type": "transform", "input_data": "${input[input.key]}"}
    bad = (await one.post("/api/workflows", {"name": "bad", "steps": [absent]})).json()
    sent = {"input_data": {"key": f"<{MARK} onload=1>"}}
    failed = await one.post(f"/api/workflows/{bad['id']}/execute", sent, prefer="wait=60")
    assert failed.json()["status"] == "failed", failed.text
    run = {"input_data": {"text": ALL, "more": list(CORPUS), ALL[:200]: 1}, "labels": labels}
    started = await one.post(f"/api{flow}/execute", run, prefer="wait=60")
    assert started.status_code == 200, started.text
    ran = f"/executions/{started.json()['id']}"
    paused = (await one.post(f"/api{flow}/execute", run)).json()["id"]
    await one.post(f"/api/executions/{paused}/cancel", {"reason": ALL[:400]})
    event = {"source_service": "shop", "source_id": SHORT[1], "payload": {"all": list(CORPUS)}}
    await one.post("/api/events/publish", {"event_type": "shop.ordered", **event})
    await one.post("/api/queues/mail/messages", {"body": {"all": list(CORPUS), "text": ALL}})
    hook = (await a_webhook(one, name=SHORT[2]))["id"]
    watched = await alerts(one)
    lines = [{"level": "error", "message": text, "data": {"t": text}} for text in CORPUS]
    await one.post("/api/logs/ingest", {"logs": lines})
    agent = await one.post("/api/agents/register", {
        "name": "odd", "agent_type": "pulled", "capabilities": [{"name": "do"}],
        "metadata": {"m": SHORT[3]}, "description": SHORT[4], "labels": {"l": SHORT[5]},
    })  # fmt: skip
    agents = (await one.http.get("/api/agents")).json()["items"]
    mine = [item["id"] for item in agents if item["name"] == "odd"] or [agents[0]["id"]]
    assert agent.status_code < 500
    typed = "&".join(f"{name}=%22%3E%3Cq7z%20onload%3D1%3E" for name in ("q", "label", "status"))
    return [
        "/", "/?wall=1", "/ui/overview", "/ui/kitchen", "/workflows", flow, f"{flow}?step=first",
        *(f"{flow}?tab={tab}" for tab in ("executions", "versions", "json")), f"{flow}/edit",
        f"{flow}/run", "/executions", f"/executions/{paused}", ran, f"{ran}?step=first",
        *(f"{ran}?tab={tab}" for tab in ("timeline", "events", "logs", "context")),
        f"/executions/compare?left={ran[12:]}&right={paused}",
        "/agents", f"/agents/{mine[0]}", "/events", "/queues", "/queues/mail",
        "/queues?tab=failures", "/webhooks", f"/webhooks/{hook}", f"/webhooks/{hook}/edit",
        *(f"/alerts?tab={tab}" for tab in ("now", "history", "rules", "silences", "contacts")),
        *watched, "/logs", "/monitoring", "/search?q=%3Cq7z%3E", "/ui/palette?q=%3Cq7z%3E",
        *(f"{path}?{typed}" for path in ("/workflows", "/executions", "/logs", "/events")),
        "/%3Cq7z%20onload=1%3E", "/login?next=%22%3E%3Cq7z%3E", "/ui/keys",
    ]  # fmt: skip


async def alerts(one: Product) -> list[str]:
    """Rules, silences and contacts that say all of it; their pages."""
    made = {"rules": "", "silences": "", "contacts": ""}
    for i, text in enumerate(CORPUS):
        short, cut = text[:60], text[:400]
        rule = {"name": short, "kind": "absent", "metric": "nothing_total", "window": "5m"}
        rule |= {"summary": cut, "labels": {f"l{i}": short}, "notify": [short]}
        silence = {"matchers": [{"label": "rule", "value": short}], "duration": "1h"}
        url = f"http://127.0.0.1:9/{quote(cut)}?q={cut if cut.isprintable() else MARK}"
        contact = {"name": f"{MARK} {i}", "kind": ("webhook", "slack")[i % 2], "url": url}
        for kind, body in (
            ("rules", rule), ("silences", silence | {"comment": cut}), ("contacts", contact),
        )[0 if i < 12 else 2 :]:  # fmt: skip
            answer = await one.post(f"/api/alerts/{kind}", body)
            assert answer.status_code in (201, 422, 429), answer.text
            made[kind] = answer.json().get("id") or made[kind]
    mail = [f"{{{{7*7}}}}{MARK}@example.com", f"'{MARK}'&`${MARK}`@example.com"]
    told = await one.post(
        "/api/alerts/contacts", {"name": f"{MARK} mail", "kind": "email", "to": mail}
    )
    assert told.status_code == 201, told.text
    assert all(made.values()), made
    return [
        *(f"/alerts?tab={kind}" for kind in made), f"/alerts/contacts/{told.json()['id']}",
        f"/alerts/rules/{made['rules']}", f"/alerts/contacts/{made['contacts']}",
        *(f"/alerts/remove/{kind}/{thing}" for kind, thing in made.items()),
        f"/alerts/silences/new?m=rule%3D{quote(SHORT[0])}",
    ]  # fmt: skip


FORMS: Final[dict[str, tuple[str, ...]]] = {
    "/ui/alerts/contacts/save": ("name", "kind", "to", "url"),
    "/ui/alerts/silences/save": ("matchers", "comment", "duration", "starts_at", "ends_at"),
    "/ui/alerts/rules/save": ("name", "metric", "threshold", "where", "summary", "labels", "kind"),
    "/ui/inbound": ("name", "scheme", "secret", "target/workflow", "headers", "rate_per_s"),
    "/ui/webhooks": ("name", "url", "headers", "event_filter/event_types"),
    "/ui/queues": ("name", "tries_max", "backoff_ms"),
}  # fmt: skip


async def test_what_was_typed_comes_back_as_text(store_url: str, tmp_path: Path) -> None:
    pages: dict[str, httpx.Response] = {}
    async with a_keeper(store_url, tmp_path) as one:
        for action, fields in FORMS.items():
            pages[action] = await one.http.post(action, data=dict.fromkeys(fields, ALL[:2_000]))

    for action, page in pages.items():
        read = Read()
        read.feed(page.text)
        assert (page.status_code, read.wrong) == (422, []), action
        assert MARK in page.text, action


async def test_text_of_strangers_stays_text(store_url: str, tmp_path: Path) -> None:
    assert len(CORPUS) >= 30
    shown: dict[str, bool] = {}
    async with a_keeper(store_url, tmp_path) as one:
        for path in await filled(one):
            page = await one.http.get(path, headers={"accept": "text/html"})
            assert page.status_code < 500, (path, page.text[:2_000])
            if not page.headers.get("content-type", "").startswith("text/html"):
                continue
            read = Read()
            read.feed(page.text)
            assert read.wrong == [], path
            place = path.partition("?")[0]
            shown[place] = shown.get(place, False) or MARK in "".join(read.text)
            assert "49q7z" not in page.text, path

    lists = ("/", "/workflows", "/alerts", "/logs", "/webhooks", "/queues/mail", "/events")
    assert [path for path in lists if not shown[path]] == []
