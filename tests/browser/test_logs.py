"""The log in a browser: narrowed by level and time, followed, one line with what is around it."""

import re

from browsing import PAYLOAD, Opener, Site, live
from playwright.sync_api import BrowserContext, expect


def test_the_log_is_narrowed_followed_and_a_line_shared(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    lines = [{"level": "error", "message": "stove burns", "agent": PAYLOAD, "shop": "berlin"}]
    lines += [{"level": "info", "message": f"stove is on {n}", "shop": "berlin"} for n in range(30)]
    site.ask("POST", "/api/logs/ingest", {"logs": lines})
    page = live(watched(context, f"{site.url}/logs?q=stove"))
    expect(page.locator(".lines li")).to_have_count(31)
    page.locator(".levels").get_by_role("link", name="error").click()
    expect(page.locator(".lines li")).to_have_count(1)
    expect(page.locator("#q")).to_have_value("level:error stove")
    expect(page.locator(".levels").get_by_role("link", name="info")).to_contain_text("30")

    live(page)
    page.locator(".lines a.row").click()
    expect(page.locator("dialog .fieldlist")).to_contain_text("berlin")
    assert page.evaluate("window.hit") is None
    page.locator("dialog").get_by_role("link", name="What stands around it").click()
    expect(page.locator(".lines li[aria-current]")).to_contain_text("stove burns")
    page.get_by_role("link", name="Only lines with this shop").click()
    expect(page.locator("#q")).to_have_value("shop:berlin")

    page.goto(f"{site.url}/logs?q=stove")
    live(page)
    page.get_by_role("link", name="Follow").click()
    live(page)
    site.ask("POST", "/api/logs/ingest", {"logs": [{"message": "stove is off"}]})
    expect(page.locator(".lines li").first).to_contain_text("stove is off")
    page.get_by_role("link", name="Pause").click()
    expect(page.get_by_role("link", name="Follow")).to_be_visible()
    page.locator("#histogram a").last.dispatch_event("click")
    expect(page).to_have_url(re.compile("from=2.*to=2"))


def test_a_search_that_cannot_be_read_is_kept_and_marked(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = watched(context, f"{site.url}/logs")
    page.locator("#q").fill('/(/ "open')
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("#q-wrong")).to_be_visible()
    expect(page.locator("#q")).to_have_value('/(/ "open')
