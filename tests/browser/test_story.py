"""The first story, as a person lives it: write, be told of a mistake, run, watch, steer."""

import json
import signal

from browsing import LONG, Opener, Site, live, patient, retype
from playwright.sync_api import Browser, BrowserContext, Page, expect


def test_the_first_story(
    context: BrowserContext, watched: Opener, wrong: list[str], own_site: Site
) -> None:
    page = live(watched(context, own_site.url))
    page.get_by_role("button", name="Run the demo").click()
    expect(page.locator("#rows .badge", has_text="completed")).to_have_count(12)

    page.get_by_role("link", name="Workflows").first.click()
    page.get_by_role("link", name="New workflow").click()
    mistaken = json.dumps(LONG, indent=2).replace('"agent_type"', '"agent_typ"', 1)
    retype(page, mistaken)
    expect(page.locator("#checked .badge").first).to_contain_text("to fix")
    expect(page.locator(".cm-lintRange-error")).to_have_text('"agent_typ"')
    expect(page.locator("[data-path='greet']")).to_have_attribute("data-state", "error")
    page.get_by_role("button", name="line").first.click()
    expect(page.locator(".cm-activeLine")).to_contain_text("agent_typ")
    page.get_by_role("button", name="Fix").first.click()
    expect(page.locator("#checked .badge").first).to_contain_text("valid")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("patience")

    page.get_by_role("link", name="Run", exact=True).click()
    page.locator("#input").fill('{"text": "I am happy"}')
    page.get_by_role("button", name="Execute").click()
    live(page)
    nap = page.locator("[data-path='nap']")
    expect(nap).to_have_attribute("data-state", "running")

    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#head .badge").first).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#head .badge").first).to_have_text("running")

    execution = page.url.rpartition("/")[2]
    own_site.stop(signal.SIGKILL)
    own_site.start()
    own_site.ask("POST", f"/api/executions/{execution}/signal", {"name": "wake"})
    expect(page.locator("[data-path='leave']")).to_have_attribute("data-state", "completed")
    expect(page.locator("#head .badge").first).to_have_text("completed")
    live(page)

    page.get_by_role("link", name="Roll back").click()
    expect(page.locator("dialog")).to_contain_text("greet")
    page.locator("#reason").fill("only a test")
    page.locator("dialog").get_by_role("button", name="Roll back").click()
    expect(page.locator("#head .badge").first).to_have_text("rolled back")
    away = ("htmx:", "Failed to load resource")  # what is logged while the server is away
    wrong[:] = [one for one in wrong if not one.startswith(away)]


def test_a_mistaken_definition_keeps_what_was_typed(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    page = watched(context, f"{site.url}/workflows/new")

    retype(page, '{"name": "x", "steps": [}')
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#definition")).to_have_value('{"name": "x", "steps": [}')
    expect(page.locator("#definition")).to_have_attribute("aria-invalid", "true")
    wrong.clear()  # the browser logs the 422


def test_without_javascript_a_workflow_is_written_run_and_paused(
    site: Site, browser: Browser
) -> None:
    context = patient(browser, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.url}/workflows/new")

    page.locator("#definition").fill(json.dumps(LONG | {"name": "by-hand"}))
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Run", exact=True).click()
    page.locator("#input").fill('{"text": "fine"}')
    page.get_by_role("button", name="Execute").click()
    page.get_by_role("button", name="Pause").click()

    expect(page.locator("#head .badge").first).to_have_text("paused")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("button", name="Cancel it").click()
    expect(page.locator("#head .badge").first).to_have_text("cancelled")
    context.close()


def test_with_the_keyboard_alone_one_gets_everywhere(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = live(watched(context, site.url))

    page.keyboard.press("g")
    page.keyboard.press("e")
    expect(page.locator("h1")).to_have_text("Executions")
    live(page)
    page.keyboard.press("/")
    page.keyboard.type("mood")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=mood**")
    live(page)
    page.keyboard.press("j")
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text("mood")


def tabbed_to(page: Page, name: str) -> None:
    """Press Tab until a control of this name has the focus."""
    wanted = page.locator(f":is(a, button, input, textarea, summary):focus:has-text('{name}')")
    for _ in range(150):
        page.keyboard.press("Tab")
        if wanted.count():
            return
    raise AssertionError(f"{name} is not reached with Tab")


def test_with_the_keyboard_alone_one_writes_runs_and_steers(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    page = watched(context, f"{site.url}/workflows/new")
    retype(page, json.dumps(LONG | {"name": "keys"}))
    page.keyboard.press("Control+Enter")
    expect(page.locator("h1")).to_have_text("keys")

    tabbed_to(page, "Run")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Run keys")
    page.locator("#input").focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text('{"text": "fine"}')
    tabbed_to(page, "Execute")
    page.keyboard.press("Enter")
    live(page)
    expect(page.locator("[data-path='nap']")).to_have_attribute("data-state", "running")

    for verb, state in (("Pause", "paused"), ("Resume", "running")):
        tabbed_to(page, verb)
        page.keyboard.press("Enter")
        expect(page.locator("#head .badge").first).to_have_text(state)

    page.goto(f"{site.url}/executions/{site.made['failed']}")
    live(page)
    tabbed_to(page, "boom")
    page.keyboard.press("Enter")
    expect(page.locator("#step")).to_contain_text("boom")
    tabbed_to(page, "Retry")
    with page.expect_response("**/retry") as answer:
        page.keyboard.press("Enter")
    assert 'class="toast"' in answer.value.text()  # it goes by itself
