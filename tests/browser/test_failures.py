"""The failure inbox: causes, tried again together, one of them edited first."""

import re

from browsing import Opener, Site, live
from playwright.sync_api import BrowserContext, expect

BREAKS = {"id": "boom", "type": "set", "vars": {"x": "${input.order.id}"}}


def a_dead_letter(site: Site) -> None:
    site.ask("POST", "/api/queues", {"name": "crates", "tries_max": 1})
    for number in (1, 2):
        site.ask("POST", "/api/queues/crates/messages", {"body": {"parcel": number}})
    got = site.ask("POST", "/api/queues/crates/receive", {"max": 2})
    for number, message in enumerate(got["messages"]):
        why = {"receipts": [message["receipt"]], "error": f"parcel {number}: <b>no address"}
        site.ask("POST", "/api/queues/crates/nack", why)


def test_failures_are_seen_to_by_their_cause(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    made = site.ask("POST", "/api/workflows", {"name": "shipping", "steps": [BREAKS]})
    failed = [site.run(made["id"], number=number) for number in range(3)]
    for one in failed:
        site.ended(one)
    a_dead_letter(site)
    page = live(watched(context, f"{site.url}/queues?tab=failures"))
    cause = page.locator(".failure", has_text="shipping")
    expect(cause.locator("h2")).to_contain_text("boom")
    expect(cause.locator(".trend b")).to_have_text("3")

    cause.get_by_role("link", name="Retry 3").click()
    dialog = page.locator("#dialog")
    expect(dialog.locator("h2")).to_have_text("Try 3 failures again?")
    with page.expect_response("**/ui/failures/retry") as answer:
        dialog.get_by_role("button", name="Try 3 again").click()
    assert "3 of 3 are tried again" in answer.value.text()  # the toast goes by itself
    for one in failed:
        site.ended(one)
    page.goto(f"{site.url}/queues?tab=failures")
    cause.locator("summary").click()
    cause.get_by_role("link", name=re.compile("^Edit and run again")).first.click()
    expect(page).to_have_url(re.compile("/run[?]from=exe_"))
    expect(page.locator("textarea").first).to_have_value(re.compile("number"))

    page.goto(f"{site.url}/queues?tab=failures&kind=dead_letter")
    letters = page.locator(".failure", has_text="crates")
    expect(letters.locator(".trend b")).to_have_text("2")
    letters.locator("summary").click()
    letters.get_by_role("link", name=re.compile("^Edit and send again")).first.click()
    page.get_by_label("The message, as JSON").fill("{not json")
    page.get_by_role("button", name="Send it").click()
    expect(page.locator(".wrong")).to_contain_text("not JSON")
    wrong.clear()  # the browser logs the 422
    page.get_by_label("The message, as JSON").fill('{"parcel": 1, "address": "here"}')
    page.get_by_role("button", name="Send it").click()
    expect(page).to_have_url(re.compile("/queues/crates[?]tab=dead"))
    shown = site.ask("GET", "/api/queues/crates")
    assert (shown["ready"], shown["dead"]) == (1, 1)
