"""Workflows on pages: run by a form, compare versions, begin with an example."""

import json

from browsing import Opener, Site
from playwright.sync_api import BrowserContext, expect

FORMED = {
    "name": "formed",
    "input_schema": {
        "type": "object",
        "required": ["text", "amount"],
        "properties": {
            "text": {"type": "string", "default": "hello"},
            "amount": {"type": "integer", "minimum": 1},
            "kind": {"enum": ["mail", "chat"]},
            "more": {"type": "object"},
        },
    },
    "steps": [{"id": "a", "type": "set", "vars": {"x": "${input.amount}"}}],
}


def test_an_execution_is_started_by_a_form_made_from_the_schema(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    workflow = site.ask("POST", "/api/workflows", FORMED)["id"]
    page = watched(context, f"{site.url}/workflows/{workflow}/run")
    amount = page.get_by_label("amount (required)")
    expect(page.get_by_label("text (required)")).to_have_value("hello")

    for typed, told in (("many", "must be a number"), ("0", "1")):
        amount.fill(typed)
        page.get_by_role("button", name="Execute").click()
        expect(page.locator(".field .wrong")).to_contain_text(told)
        expect(amount).to_have_value(typed)
        expect(amount).to_be_focused()
    amount.fill("7")
    page.get_by_label("kind").select_option("chat")
    page.get_by_role("button", name="As JSON").click()
    expect(page.locator("#input")).to_have_value(
        '{\n  "text": "hello",\n  "amount": 7,\n  "kind": "chat",\n  "more": {}\n}'
    )
    page.get_by_role("button", name="Link to this input").click()
    expect(amount).to_have_value("7")
    assert "input=" in page.url
    page.get_by_role("button", name="Execute").click()
    page.wait_for_url("**/executions/exe_*")

    execution = page.url.rpartition("/")[2]
    assert site.ended(execution)["input_data"]["amount"] == 7
    page.goto(f"{site.url}/workflows/{workflow}/run")
    expect(amount).to_have_value("7")
    wrong.clear()  # the browser logs the 422


def test_versions_are_compared_and_an_old_one_is_made_active(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    workflow = site.ask("POST", "/api/workflows", FORMED | {"name": "twice"})["id"]
    site.ask("PUT", f"/api/workflows/{workflow}", FORMED | {"name": "twice", "timeout": "9m"})
    page = watched(context, f"{site.url}/workflows/{workflow}?tab=versions")

    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".changes")).to_contain_text("timeout")
    expect(page.locator(".diff .new").first).to_contain_text("9m")
    page.get_by_role("button", name="Make active").click()

    expect(page.locator("tbody tr")).to_have_count(3)
    shown = site.ask("GET", f"/api/workflows/{workflow}")
    assert (shown["version"], shown["definition"].get("timeout")) != (2, "9m")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    assert download.value.suggested_filename == "twice-v3.json"
    assert json.loads(download.value.path().read_text("utf-8"))["name"] == "twice"


def test_a_workflow_begins_with_an_example_or_a_copy(
    context: BrowserContext, watched: Opener, own_site: Site
) -> None:
    page = watched(context, f"{own_site.url}/workflows")
    page.get_by_role("link", name="first-steps").click()
    expect(page.locator("#checked .badge").first).to_have_text("valid")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("first-steps")

    page.get_by_role("link", name="Duplicate").click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("first-steps copy")
