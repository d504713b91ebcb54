"""Pages are told what happens, and nothing is lost."""

from browsing import Opener, Site, live, patient
from playwright.sync_api import Browser, BrowserContext, Request, Route, expect

HIDE = """(hidden) => {
  Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""

REFRESHED = """region => new Promise(done => {
  document.addEventListener('htmx:after:swap', ({detail}) => {
    if (detail.ctx.sourceElement.id === region) setTimeout(done);
  });
  htmx.trigger('#live', 'poll');
})"""


def test_a_change_between_page_and_stream_is_not_lost(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    execution = site.run("patience", text="hello")
    page = context.new_page()

    def late(route: Route) -> None:
        site.ask("POST", f"/api/executions/{execution}/signal", {"name": "wake"})
        site.ended(execution)
        route.continue_()

    page.route("**/ui/live*", late, times=1)
    page.goto(f"{site.url}/executions/{execution}")

    expect(page.locator("[data-path='leave']")).to_have_attribute("data-state", "completed")
    expect(page.locator("#head .badge").first).to_have_text("completed")


def test_a_row_of_the_list_changes_in_its_place_and_new_ones_are_announced(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    execution = site.run("patience", text="hello")
    page = live(watched(context, f"{site.url}/executions"))
    row = page.locator(f"#x-{execution}")
    expect(row).to_contain_text("running")

    site.ask("POST", f"/api/executions/{execution}/cancel")
    site.run("mood", text="new")

    expect(row).to_contain_text("cancelled")
    expect(page.locator("#fresh")).to_contain_text("new · show")


def test_without_a_stream_the_page_polls_and_is_live_again_later(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    execution = site.run("patience", text="hello")
    page = context.new_page()
    page.clock.install()
    page.route("**/ui/live*", lambda route: route.fulfill(status=429, body="too many"))
    page.goto(f"{site.url}/executions")
    expect(page.locator("#live")).to_have_text("polling")
    assert not page.locator(".toast").count()
    expect(page.locator("#lost")).to_be_hidden()

    site.ask("POST", f"/api/executions/{execution}/cancel")
    page.clock.fast_forward("00:06")

    expect(page.locator(f"#x-{execution}")).to_contain_text("cancelled")
    page.unroute("**/ui/live*")
    page.clock.fast_forward("00:15")
    live(page)


def test_a_lost_server_is_said_with_the_time_of_what_is_shown(
    context: BrowserContext, site: Site
) -> None:
    page = context.new_page()
    for part in ("**/ui/live*", "**/livez"):
        page.route(part, lambda route: route.abort())
    page.goto(site.url)

    expect(page.locator("#lost")).to_contain_text("Connection lost, showing what was known at")
    for part in ("**/ui/live*", "**/livez"):
        page.unroute(part)
    live(page)
    expect(page.locator("#lost")).to_be_hidden()


def test_what_comes_anew_has_local_times_and_stays_open(browser: Browser, site: Site) -> None:
    context = patient(browser, timezone_id="Asia/Kolkata")
    page = context.new_page()
    page.goto(f"{site.url}/queues/mail")
    live(page)
    time, body = page.locator("#messages time").first, page.locator("#messages li > details").first
    here = time.inner_text()
    body.locator("summary").first.click()
    body.locator("details").first.evaluate("e => e.removeAttribute('open')")

    page.evaluate(REFRESHED, "messages")

    expect(time).to_have_text(here)
    expect(body).to_have_attribute("open", "")
    expect(body.locator("details").first).to_have_attribute("open", "")  # as the server sends it
    context.close()


def test_a_hidden_page_catches_up(context: BrowserContext, watched: Opener, site: Site) -> None:
    execution = site.run("patience", text="hello")
    page = live(watched(context, f"{site.url}/executions/{execution}"))

    page.evaluate(HIDE, True)
    site.ask("POST", f"/api/executions/{execution}/signal", {"name": "wake"})
    site.ended(execution)
    page.evaluate(HIDE, False)

    expect(page.locator("#head .badge").first).to_have_text("completed")


def test_a_part_that_cannot_be_had_stays_and_asks_again_by_itself(
    context: BrowserContext, site: Site
) -> None:
    execution = site.run("patience", text="hello")
    page, answers = context.new_page(), [503, 204]
    page.goto(f"{site.url}/executions?workflow=patience")
    row = live(page).locator(f"#x-{execution}")
    expect(row).to_contain_text("running")

    def away(route: Route) -> None:
        assert route.request.headers["x-again"] == "yes"
        route.fulfill(status=answers.pop(), body="<tr><td>away</td></tr>")

    page.route("**/ui/executions/rows*", away, times=2)
    with page.expect_response(lambda one: "/rows" in one.url and one.status == 200):
        page.evaluate("htmx.trigger('#live', 'poll')")

    assert not answers
    expect(row).to_contain_text("running")
    expect(page.locator("[aria-busy]")).to_have_count(0)
    assert not page.locator(".toast").count()


def test_an_answer_that_is_older_than_what_was_told_does_not_stay(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    execution, held = site.run("patience", text="hello"), list[Request]()
    page = live(watched(context, f"{site.url}/executions?workflow=patience"))
    row = page.locator(f"#x-{execution}")
    expect(row).to_contain_text("running")

    def late(route: Route) -> None:
        held.append(route.request)
        older = route.fetch()
        site.ask("POST", f"/api/executions/{execution}/cancel")
        expect(row).to_contain_text("cancelled")
        route.fulfill(response=older)

    page.route("**/ui/executions/rows*", late, times=1)
    with page.expect_response(lambda one: "/rows" in one.url and one.request not in held):
        page.evaluate("htmx.trigger('#live', 'poll')")
    expect(row).to_contain_text("cancelled")


def test_a_burst_ends_right(context: BrowserContext, watched: Opener, site: Site) -> None:
    page = live(watched(context, site.url))

    last = [site.run("mood", text=f"message {i}") for i in range(80)][-1]
    site.ended(last)

    row = page.locator(f"tr:has(a[href='/executions/{last}'])")
    expect(row).to_contain_text("completed")
