"""Browser fixtures: Debian's chromium, driven by Playwright, and a server of its own.

A page that logs an error, breaks the policy or asks another host fails its test. Without chromium
these tests are left out, and say so; in CI that is a failure.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import DESKTOP, PATIENCE_MS, Opener, Site, furnished, patient
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

CHROMIUM = shutil.which("chromium") or ""
# Without a sandbox because CI runs as root; without /dev/shm because containers give it 64 MiB.
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


@pytest.fixture(scope="package", autouse=True)
def chromium() -> None:
    """Without it there is nothing to test with."""
    if not CHROMIUM:
        told = "no chromium: `make setup-browser` installs it"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The server most tests share; nobody stops it."""
    made = Site(tmp_path_factory.mktemp("site"), ("--network-allow", "127.0.0.1"))
    made.start()
    try:
        furnished(made)
        yield made
    finally:
        made.stop()


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    """A server of one test, empty."""
    made = Site(tmp_path)
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Closed before other tests run: Playwright has an event loop, and theirs is another."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def wrong() -> list[str]:
    """What a page did that it must not: errors, policy violations, requests to elsewhere."""
    return []


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = patient(browser, viewport=DESKTOP, reduced_motion="reduce")
    yield made
    made.close()


@pytest.fixture
def watched(wrong: list[str]) -> Iterator[Opener]:
    """Opens an address and notes what is wrong with it; the test fails when anything was."""

    def watched(context: BrowserContext, url: str) -> Page:
        page = context.new_page()
        own = url.split("/", 3)[:3]

        def heard(message: ConsoleMessage) -> None:
            if message.type == "error" and "status of 422" not in message.text:  # a form, mistaken
                wrong.append(message.text)

        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", heard)
        page.on(
            "request",
            lambda r: (
                None
                if r.url.split("/", 3)[:3] == own or r.url.startswith(("data:", "blob:"))
                else wrong.append(f"asked elsewhere: {r.url}")
            ),
        )
        page.goto(url, wait_until="domcontentloaded")
        return page

    yield watched
    assert not wrong
