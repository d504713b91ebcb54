"""The frame of the pages: themes, keys, what is not there, the wall, a phone of 320 pixels."""

from axe_playwright_python.sync_playwright import Axe
from browsing import Opener, Site, live
from playwright.sync_api import BrowserContext, Route, expect

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CLOSED_AND_AT_ONCE = """(change) => {
  const dialog = document.getElementById('dialog');
  const closed = new Promise(done => dialog.addEventListener('close', () => done(), {once: true}));
  dialog.close();
  if (change) dialog.innerHTML = '<p>what came next</p>';
  document.dispatchEvent(new CustomEvent('htmx:after:swap', {detail: {ctx: {}}}));
  return closed;
}"""
# So many of what was asked for the dialog are through: shown, or dropped.
ANSWERED = """many => {
  window.answered = new Promise(done => document.addEventListener('htmx:finally:request', event => {
    if (event.detail.ctx.target?.id === 'dialog' && !--many) setTimeout(done);
  }));
}"""
ASKED = '<h2 id="dialog-title">Sign in again</h2><label>Key <input id="again"></label>'
INTO_THE_DIALOG = {"HX-Retarget": "#dialog", "HX-Reswap": "innerHTML", "content-type": "text/html"}
SCROLLS = "() => document.documentElement.scrollWidth > innerWidth + 1"


def test_a_theme_is_kept_and_every_one_can_be_read(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = watched(context, f"{site.url}/executions/{site.made['failed']}")
    for theme in ("light", "contrast", "system", "dark"):
        page.locator(".foot").get_by_role("button", name=f"{theme} theme").click()
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        assert live(page).url.endswith(site.made["failed"])
        found = Axe().run(page, options={"runOnly": RULES})
        assert found.violations_count == 0, found.generate_report()
    page.goto(f"{site.url}/?wall=1")
    expect(page.locator(".nav")).to_be_hidden()


def test_the_keys_are_told_and_an_unknown_address_says_what_was_meant(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    page = live(watched(context, f"{site.url}/executions"))
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_contain_text("next row")
    found = Axe().run(page, options={"runOnly": RULES})
    assert found.violations_count == 0, found.generate_report()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()

    page.goto(f"{site.url}/exekutions")
    expect(page.locator("h1")).to_have_text("There is nothing here")
    page.locator("main").get_by_role("link", name="Executions").click()
    expect(page.locator("h1")).to_have_text("Executions")
    wrong.clear()  # the browser logs the 404


def test_a_dialog_that_closes_stays_closed_whatever_else_comes(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = live(watched(context, f"{site.url}/executions"))
    dialog = page.locator("dialog")
    page.keyboard.press("?")
    expect(dialog).to_contain_text("next row")
    page.evaluate(CLOSED_AND_AT_ONCE, False)
    expect(dialog).to_be_hidden()
    expect(dialog).to_be_empty()

    page.keyboard.press("?")
    expect(dialog).to_contain_text("next row")
    page.evaluate(CLOSED_AND_AT_ONCE, True)
    expect(dialog).to_be_visible()
    expect(dialog).to_have_text("what came next")


def test_a_dialog_shows_what_was_asked_for_last_and_once(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = live(watched(context, f"{site.url}/executions/{site.made['waiting']}"))
    held, asked, dialog = list[Route](), list[str](), page.locator("dialog")

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/confirm*", hold, times=1)
    cancel = page.get_by_role("link", name="Cancel")
    with page.expect_request("**/confirm*"):
        cancel.click()
    page.keyboard.press("?")
    expect(dialog).to_contain_text("next row")
    page.evaluate(ANSWERED, 1)
    held.pop().continue_()
    page.evaluate("window.answered")
    expect(dialog).to_contain_text("next row")
    page.keyboard.press("Escape")
    expect(dialog).to_be_empty()

    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(ANSWERED, 2)
    cancel.evaluate("link => { link.click(); link.click(); }")
    page.evaluate("window.answered")
    expect(page.locator("#reason")).to_be_visible()
    assert len([one for one in asked if "/confirm" in one]) == 1


def test_a_dialog_survives_a_selection_and_asks_for_a_key_once(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    page = context.new_page()
    page.clock.install()
    page.route(
        "**/cancel", lambda route: route.fulfill(status=401, headers=INTO_THE_DIALOG, body=ASKED)
    )
    page.goto(f"{site.url}/executions/{site.made['waiting']}")
    live(page).get_by_role("link", name="Cancel").click()
    dialog, reason = page.locator("dialog"), page.locator("#reason")
    reason.fill("too slow")
    box = reason.bounding_box()
    assert box
    page.mouse.move(box["x"] + 40, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(4, 4)
    page.mouse.up()
    expect(reason).to_have_value("too slow")
    page.mouse.click(4, 4)
    expect(dialog).to_be_hidden()

    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("button", name="Cancel it").click()
    again = page.locator("#again")
    again.fill("half a k")
    page.clock.fast_forward(1_000)
    page.evaluate("htmx.ajax('GET', '/ui/login', '#dialog')")
    expect(again).to_have_value("half a k")


def test_at_320_pixels_and_when_folded_nothing_scrolls_sideways(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = watched(context, site.url)
    for width in (320, 640, 1_024):  # 640: a desk at 200 %
        page.set_viewport_size({"width": width, "height": 800})
        for path in ("/", "/executions", "/workflows", f"/executions/{site.made['done']}"):
            page.goto(site.url + path)
            assert not page.evaluate(SCROLLS), (width, path)
    page.get_by_role("button", name="Names of the places").click()
    expect(page.locator(".nav li a span").first).to_be_visible()
