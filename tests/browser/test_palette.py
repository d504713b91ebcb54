"""`Ctrl K`: from any page to anything, with the keyboard alone."""

import re

from axe_playwright_python.sync_playwright import Axe
from browsing import Opener, Site, live
from playwright.sync_api import BrowserContext, expect

from browser.test_pages import RULES


def test_the_palette_leads_anywhere(context: BrowserContext, watched: Opener, site: Site) -> None:
    page = live(watched(context, f"{site.url}/executions"))
    page.keyboard.press("Control+k")
    field, options = page.get_by_role("combobox"), page.get_by_role("option")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("data-ready", "yes")
    expect(options.first).to_have_attribute("aria-selected", "true")
    found = Axe().run(page, options={"runOnly": RULES})
    assert found.violations_count == 0, found.generate_report()

    with page.expect_response(re.compile("palette.*q=mood")):
        field.fill("mood")
    expect(options.first).to_contain_text("mood")
    expect(options.nth(1)).to_contain_text("Run mood")
    page.keyboard.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", "found-2")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/workflows/.+/run$"))

    page.wait_for_load_state()
    page.keyboard.press("Control+k")
    expect(field).to_have_attribute("data-ready", "yes")
    page.keyboard.press("Escape")
    expect(field).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(field).to_have_attribute("data-ready", "yes")
    field.fill(site.made["done"])
    page.keyboard.press("Enter")  # at once: what is shown is not yet what was typed
    expect(page).to_have_url(re.compile(f"/executions/{site.made['done']}$"))
