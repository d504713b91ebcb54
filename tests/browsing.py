"""A server for browsers to look at: in a process of its own, with something of everything in it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize, expect

ROOT = Path(__file__).parents[1]
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PATIENCE_MS = 60_000
PAYLOAD = (
    '<img src=x onerror="window.hit=1"><script>window.hit=1</script>{{7*7}}"\'><b>\u202eabc 🦊'
)

Document = dict[str, Any]
Opener = Callable[[BrowserContext, str], Page]


@dataclass
class Site:
    """`orchestra serve` in a process of its own, so that it can be killed and started again."""

    folder: Path
    options: tuple[str, ...] = ()
    port: int = 0
    key: str = ""
    made: dict[str, str] = field(default_factory=dict[str, str])
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        words = [sys.executable, "-m", "orchestra", "serve", "--port", str(self.port)]
        words += ["--data", str(self.folder / "data"), *self.options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                words, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
            )  # fmt: skip
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, urllib.error.HTTPError):
                ready = urllib.request.urlopen(f"{self.url}/readyz", timeout=5)  # noqa: S310  # loopback
                if ready.status == 200:
                    return
            time.sleep(0.05)  # another process: that it is ready is only told by asking
        raise AssertionError((self.folder / "log").read_text(errors="replace")[-2_000:])

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()

    def ask(self, method: str, path: str, body: object = None) -> Document:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        headers |= {"x-api-key": self.key} if self.key else {}
        request = urllib.request.Request(  # noqa: S310  # loopback
            self.url + path, data, headers, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # loopback
            return json.loads(answer.read() or b"{}")

    def page(self, path: str) -> str:
        """A page as it is sent, without a browser."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:  # noqa: S310  # loopback
            return answer.read().decode()

    def ended(self, execution: str) -> Document:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            status = self.ask("GET", f"/api/executions/{execution}")
            if status["ended_at"]:
                return status
            time.sleep(0.05)  # another process, and no event loop of ours here
        raise AssertionError(f"{execution} did not end")

    def run(self, workflow: str, **input_data: Any) -> str:
        made = self.ask("POST", f"/api/workflows/{workflow}/execute", {"input_data": input_data})
        return str(made["id"])


def agent_step(name: str, **more: Any) -> Document:
    return {
        "id": name,
        "agent_type": "text_processor",
        "task_type": "sentiment_analysis",
        "input_data": {"text": "${input.text}"},
        **more,
    }


LONG: Document = {
    "name": "patience",
    "steps": [
        agent_step("greet"),
        {"id": "nap", "type": "wait", "signal": "wake", "timeout": "1h"},
        agent_step("leave"),
    ],
}
SHORT: Document = {
    "name": "mood",
    "description": f"What people feel {PAYLOAD}",
    "labels": {"team": "a<b>&\"'"},
    "steps": [agent_step("first"), agent_step("second", depends_on=["first"])],
}
BROKEN: Document = {
    "name": "broken",
    "steps": [{"id": "boom", "type": "set", "vars": {"x": "${input.nothing.here}"}}],
}


def furnished(site: Site) -> None:
    """Something of everything, with hostile text wherever text may stand."""
    for document in (LONG, SHORT, BROKEN):
        made = site.ask("POST", "/api/workflows", document)
        site.made[document["name"]] = made["id"]
    site.made["waiting"] = site.run("patience", text="hello")
    site.made["done"] = site.run("mood", text=PAYLOAD)
    site.made["failed"] = site.run("broken")
    site.ended(site.made["done"])
    site.ended(site.made["failed"])
    site.ask("POST", "/api/queues/mail/messages", {"body": {"text": PAYLOAD}})
    event: Document = {
        "event_type": "shop.ordered",
        "source_service": "shop",
        "source_id": "order-1",
    }
    event |= {"payload": {"text": PAYLOAD}}
    site.ask("POST", "/api/events/publish", event)
    agents = site.ask("GET", "/api/agents")["items"]
    site.made["agent"] = agents[0]["id"]


def patient(browser: Browser, **options: Any) -> BrowserContext:
    """A context of its own, that waits for pages as long as any other."""
    made = browser.new_context(**options)
    made.set_default_timeout(PATIENCE_MS)
    return made


def text_of(page: Page) -> Locator:
    """The definition, as the editor shows it: playwright looks into its shadow root."""
    return page.locator(".cm-content")


def retype(page: Page, text: str) -> None:
    """Write over all that stands there, a draft too: only some of its lines are in the page."""
    text_of(page).focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def live(page: Page) -> Page:
    """The page, once it is told what happens."""
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    return page
