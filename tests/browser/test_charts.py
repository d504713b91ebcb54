"""Charts in a browser: a crosshair for all, a span that is dragged, a series made by hand."""

import re

from browsing import Opener, Site, live
from playwright.sync_api import BrowserContext, expect


def test_charts_share_a_crosshair_and_a_span_is_dragged(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = live(watched(context, f"{site.url}/monitoring?range=15m"))
    ended = page.locator("#panel-ended")
    canvas = ended.locator("canvas")
    expect(canvas).to_be_visible()  # the first figures are a second on their way
    # Fresh figures would draw a chart anew, perhaps under the crosshair: there are none any more.
    context.route("**/ui/monitoring*", lambda route: route.fulfill(status=204))
    page.reload()
    live(page)
    expect(canvas).to_have_attribute("role", "img")
    expect(canvas).to_have_attribute("aria-label", re.compile("completed: last"))
    canvas.hover(position={"x": 200, "y": 60})
    lines = page.locator(".over line")
    expect(lines.first).to_be_attached()
    expect(lines).to_have_count(page.locator(".chart.drawn").count())
    expect(ended.locator(".instant")).not_to_be_empty()

    key = ended.locator(".legend button").first
    key.click()
    expect(key).to_have_attribute("aria-pressed", "false")

    box = canvas.bounding_box()
    assert box
    page.mouse.move(box["x"] + 120, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 60, steps=4)
    expect(ended.locator(".over rect")).to_be_attached()
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=2.*&to=2"))
    expect(page.locator(".segments [aria-current]")).to_have_count(0)
    page.get_by_role("link", name="The period before").click()
    expect(page).to_have_url(re.compile("before=yes"))


def test_any_series_is_drawn_from_its_address_and_leads_to_a_rule(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    page = watched(context, f"{site.url}/monitoring?tab=explore")
    page.locator("#metric").fill("orchestra_executions_totl")
    page.get_by_role("button", name="Draw").click()
    expect(page.locator("#metric-wrong")).to_contain_text("no metric")
    page.locator("#metric").fill("orchestra_executions_total")
    page.get_by_role("button", name="Draw").click()
    page.locator("#agg").select_option("increase")
    page.get_by_label("outcome").check()
    page.get_by_role("button", name="Draw").click()
    expect(page.locator(".chart.drawn canvas")).to_be_visible()
    expect(page.locator(".legend")).to_contain_text("completed")
    page.locator("#values summary").click()
    expect(page.locator("#values tbody tr").first).to_be_visible()
    page.get_by_role("link", name="Alert on this").click()
    expect(page.locator("#f-metric")).to_have_value("orchestra_executions_total")
    expect(page.locator("#f-agg")).to_have_value("increase")
    expect(page.locator("#f-by")).to_have_value("outcome")
    assert not wrong
