"""What viewers keep: saved views, and how they like pages."""

import re

from browsing import Opener, Site, live
from playwright.sync_api import BrowserContext, expect

NAME = 'Night <b>shift</b> "x"'


def test_a_list_is_saved_and_pages_are_as_one_likes_them(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = live(watched(context, f"{site.url}/executions?status=failed&order=oldest"))
    page.get_by_text("Save this view").click()
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_role("button", name="Save", exact=True).click()
    saved = page.get_by_label("Saved views").get_by_role("link", name=NAME)
    expect(saved).to_have_attribute("aria-current", "page")
    page.goto(f"{site.url}/executions")
    saved.click()
    expect(page).to_have_url(re.compile(r"status=failed&order=oldest"))

    live(page).keyboard.press("?")
    page.get_by_role("link", name="Switch keys without Ctrl off").click()
    page.get_by_role("button", name="compact", exact=True).click()
    expect(page.locator("body")).to_have_attribute("data-density", "compact")
    keys = page.get_by_role("group", name="Keys without Ctrl")
    keys.get_by_role("button", name="off").click()
    expect(page.locator("body")).to_have_attribute("data-keys", "off")
    page.get_by_role("button", name="light", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    context.clear_cookies()  # another browser: the theme is that of the person
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert {one.get("name"): one.get("value") for one in context.cookies()}["theme"] == "light"
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Filter a list, then save it")).to_be_visible()

    page.goto(f"{site.url}/executions")
    page.locator("h1").click()
    page.keyboard.press("j")
    expect(page.locator("a.row:focus")).to_have_count(0)
    page.goto(f"{site.url}/settings")
    keys.get_by_role("button", name="on").click()
    expect(page.locator("body")).not_to_have_attribute("data-keys", "off")
    page.get_by_role("button", name="comfortable").click()
    expect(page.locator("body")).not_to_have_attribute("data-density", "compact")
    page.get_by_role("button", name="dark", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
