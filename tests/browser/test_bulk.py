"""The list of executions: filters in the address, rows that are selected, many steered at once."""

import re

from browsing import LONG, Opener, Site, live, patient
from playwright.sync_api import Browser, BrowserContext, expect


def test_executions_are_selected_and_steered_together(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    site.ask("POST", "/api/workflows", LONG | {"name": "together"})
    for text in ("one", "two", "three"):
        site.run("together", text=text)
    page = live(watched(context, f"{site.url}/executions?workflow=together&version=one"))
    wrong = page.locator(".chip[data-wrong]")
    expect(wrong).to_contain_text("ignored")
    wrong.click()
    expect(page).to_have_url(re.compile(r"/executions\?workflow=together$"))
    live(page)
    rows = page.locator("#rows tr")
    expect(page.locator("a.row")).to_have_count(3)
    expect(page.get_by_role("button", name="Pause")).to_be_disabled()

    page.locator("a.row").first.focus()
    page.keyboard.press("x")
    expect(page.locator("#picked")).to_have_text("1 selected")
    page.locator("a.row").nth(2).focus()
    page.locator(".pick").nth(2).click(modifiers=["Shift"])
    expect(page.locator("#picked")).to_have_text("3 selected")
    page.get_by_role("button", name="Pause").click()
    dialog = page.locator("#dialog")
    expect(dialog.locator("h2")).to_have_text("Pause 3 executions?")
    dialog.get_by_label("Why").fill("to look <b>")
    dialog.get_by_role("button", name="Pause 3").click()
    expect(dialog.locator("h2")).to_have_text("Pause: 3 done")
    expect(rows.filter(has_text="paused")).not_to_have_count(0)
    dialog.get_by_role("link", name="Back to the list").click()

    page.locator(".drop summary").click()
    page.get_by_role("checkbox", name="paused").check()
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page).to_have_url(re.compile("status=paused"))
    page.wait_for_load_state()
    page.locator("[name=all]").check()
    page.get_by_role("button", name="Resume").click()
    expect(dialog.locator("h2")).to_have_text("Resume 3 executions?")
    dialog.get_by_role("button", name="Resume 3").click()
    expect(dialog.locator("h2")).to_have_text("Resume: 3 done")


def test_many_are_steered_without_javascript(browser: Browser, site: Site) -> None:
    site.ask("POST", "/api/workflows", LONG | {"name": "bare"})
    for text in ("four", "five"):
        site.run("bare", text=text)
    context = patient(browser, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.url}/executions?workflow=bare&order=oldest")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("main")).to_contain_text("Nothing is selected")
    page.go_back()

    page.locator(".pick").last.check()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("main h2")).to_have_text("Pause 1 execution?")
    page.get_by_role("button", name="Pause 1").click()
    expect(page.locator("main h2")).to_have_text("Pause: 1 done")
    page.get_by_role("link", name="Back to the list").click()
    expect(page).to_have_url(re.compile("order=oldest"))
    context.close()
