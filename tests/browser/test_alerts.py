"""Alerts in a browser: from a chart to a rule that was tried, fires, is seen to and silenced."""

import time

from browsing import DESKTOP, PHONE, Opener, Site, live
from playwright.sync_api import BrowserContext, expect

TWICE = """form => {
  const button = [...form.querySelectorAll('button')].find(one => one.textContent === 'Silence');
  form.requestSubmit(button);
  form.requestSubmit(button);
}"""


def test_a_rule_is_tried_made_fires_is_answered_and_silenced(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    record = {"metric_name": "stove_heat", "value": 250, "type": "gauge", "labels": {"stove": "a"}}
    # A back-test ends with whole slots of seconds: it sees the first, and the rule the second.
    earlier = record | {"timestamp": time.time() - 300}
    site.ask("POST", "/api/metrics/batch", {"metrics": [earlier, record]})
    page = watched(context, f"{site.url}/alerts/rules/new?metric=stove_heat&agg=max&by=stove")
    expect(page.locator("#f-by")).to_have_value("stove")
    page.set_viewport_size(PHONE)
    expect(page.get_by_role("button", name="Create the rule")).to_be_in_viewport()
    page.set_viewport_size(DESKTOP)
    page.locator("#f-name").fill("<b>Stove</b> is hot")
    page.locator("#f-threshold").fill("many")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#f-threshold")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#f-name")).to_have_value("<b>Stove</b> is hot")
    wrong.clear()  # the browser logs the 422

    page.locator("#f-threshold").fill("100")
    page.get_by_text("When it is over").click()
    page.locator("#f-recover").fill("80")
    page.locator("#f-summary").fill("${labels.stove} has ${value}")
    page.locator("#span").select_option("1h")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#tried h2")).to_contain_text("It would have fired")
    expect(page.locator("#f-threshold")).to_have_value("100")
    page.get_by_role("button", name="Create the rule").click()
    expect(page.locator("h1")).to_have_text("<b>Stove</b> is hot")

    page.goto(f"{site.url}/alerts")
    live(page)
    row = page.locator("#alerts tr", has_text="Stove")
    expect(row.locator(".badge", has_text="firing")).to_be_visible()
    row.get_by_role("button", name="I see to it").click()
    expect(row.get_by_role("button", name="Undo")).to_be_visible()
    row.locator("a.row").click()
    expect(page.locator("h1")).to_have_text("<b>Stove</b> is hot")
    expect(page.locator("#alert")).to_contain_text("stove=a")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="I see to it")).to_be_visible()

    page.get_by_role("link", name="Silence", exact=True).click()
    expect(page.locator("#meant")).to_contain_text("1 alert fires now")
    page.wait_for_load_state()
    page.locator("#f-comment").fill("it is a stove")
    page.locator("form:has(#f-comment)").evaluate(TWICE)
    expect(page.locator("#alerts tbody tr", has_text="it is a stove")).to_contain_text("active")
    assert len(site.ask("GET", "/api/alerts/silences")["silences"]) == 1
    page.wait_for_load_state()
    page.get_by_role("link", name="End it is a stove").click()
    page.locator("dialog").get_by_role("button", name="End the silence").click()
    expect(page.locator("#alerts")).not_to_contain_text("active")


def test_a_built_in_rule_is_adjusted_and_a_contact_made(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    page = watched(context, f"{site.url}/alerts/rules/alr_builtin_loop_lag")
    expect(page.locator("#f-metric")).to_have_count(0)
    page.locator("#f-threshold").fill("0.4")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#f-threshold")).to_have_value("0.4")
    assert site.ask("GET", "/api/alerts/rules/alr_builtin_loop_lag")["threshold"] == 0.4
    page.get_by_role("button", name="Disable").click()
    expect(page.locator("#alr_builtin_loop_lag")).to_contain_text("disabled")

    page.goto(f"{site.url}/alerts/contacts/new")
    page.locator("#f-name").fill("pager")
    page.get_by_role("radio", name="Webhook").check()
    page.locator("#f-url").fill("not an address")
    page.get_by_role("button", name="Create the contact").click()
    expect(page.locator("#f-url")).to_have_value("not an address")
    expect(page.locator("#f-url-wrong")).to_be_visible()
    wrong.clear()
    page.get_by_role("radio", name="Mail").check()
    page.locator("#f-to").fill("oncall@example.com")
    page.get_by_role("button", name="Create the contact").click()
    page.get_by_role("link", name="pager").click()
    expect(page.locator("#f-to")).to_have_value("oncall@example.com")
    page.wait_for_load_state()
    page.get_by_role("link", name="Delete").click()
    page.locator("dialog").get_by_role("button", name="Delete the contact").click()
    expect(page.locator("#alerts")).to_contain_text("Nobody is told")
