"""What holds for every page, on a desk and on a phone."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import DESKTOP, PATIENCE_MS, PHONE, Opener, Site, live
from playwright.sync_api import Browser, BrowserContext, Page, expect

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = [
    "/",
    "/workflows",
    "/workflows?q=nothing-fits",
    "/workflows/new",
    "/workflows/{mood}",
    "/workflows/{mood}?step=first",
    "/workflows/{mood}?tab=executions",
    "/workflows/{mood}?tab=versions&old=1&new=1",
    "/workflows/{mood}?tab=insights",
    "/workflows/{mood}?tab=json",
    "/workflows/{mood}/edit",
    "/workflows/{mood}/edit?view=builder",
    "/workflows/{mood}/run",
    "/executions",
    "/executions?status=bogus&q=zzz",
    "/executions?longer_than=soon&status=failed",
    "/executions/batch?do=retry&all=1",
    "/search?q=mood",
    "/executions/{done}",
    "/executions/{done}?step=first",
    "/executions/{done}?critical=1&step=second&view=why",
    "/executions/{done}?tab=timeline",
    "/executions/{done}?at=1000",
    "/executions/{done}?tab=events",
    "/executions/{done}?tab=logs",
    "/executions/{done}?tab=context",
    "/executions/{failed}?step=boom&view=raw",
    "/executions/{done}/again",
    "/executions/compare?left={done}&right={failed}&step=first",
    "/executions/{failed}",
    "/executions/{waiting}",
    "/executions/{waiting}/confirm?do=rollback",
    "/agents",
    "/agents/{agent}",
    "/agents/{agent}/confirm",
    "/agents/{agent}/edit",
    "/agents/discover",
    "/agents/new?provider=openai",
    "/events",
    "/events/publish",
    "/events/subscriptions",
    "/events/types",
    "/queues",
    "/queues?tab=failures",
    "/ui/failures/retry",
    "/queues/mail",
    "/queues/mail?tab=send",
    "/queues/mail/confirm",
    "/queues/~readers/triggers",
    "/webhooks",
    "/webhooks/new",
    "/webhooks/in/new",
    "/monitoring",
    "/monitoring?metric=orchestra_executions_total&by=outcome&before=yes",
    "/monitoring?tab=services",
    "/logs",
    "/logs?q=level%3A%3Abroken%22&from=yesterday",
    "/insights",
    "/settings",
    "/insights/{mood}?step=second",
    "/alerts",
    "/alerts?tab=rules",
    "/alerts/rules/new?metric=orchestra_executions_total&agg=increase",
    "/alerts/rules/alr_builtin_queue_waits",
    "/alerts/silences/new?m=queue%3Dmail",
    "/alerts/contacts/new",
    "/ui/kitchen",
]
FIRST_VISIT_MAX_BYTES = 40 * 1024
WITH_CHARTS_MAX_BYTES = 115 * 1024
WITH_EDITOR_MAX_BYTES = 215 * 1024  # the canvas comes with it: 185 without
# What sticks out to the right, unless it stands in something that scrolls by itself.
STICKS_OUT = """() => [...document.body.querySelectorAll('*')].filter(e => {
  if (!e.checkVisibility() || e.getBoundingClientRect().right <= innerWidth + 1) return false;
  for (let up = e.parentElement; up; up = up.parentElement)
    if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(up).overflowX)) return false;
  return true;
}).map(e => e.outerHTML.slice(0, 160))"""
WEIGHT = """() => [...performance.getEntriesByType('navigation'),
  ...performance.getEntriesByType('resource').filter(e => !e.name.includes('/ui/'))]
  .map(e => e.transferSize).reduce((a, b) => a + b, 0)"""
FOCUSED = """() => {
  const e = document.activeElement, {outlineStyle, boxShadow} = getComputedStyle(e);
  if (e === document.body) return null;
  const drawn = e.matches('.dag a, .code textarea');
  const seen = drawn || outlineStyle !== 'none' || boxShadow !== 'none';
  return {what: e.outerHTML.slice(0, 80), seen};
}"""


def settled(page: Page) -> Page:
    """The page, live if it can be."""
    return live(page) if page.locator("#live").count() else page


@pytest.fixture(scope="module", params=[DESKTOP, PHONE], ids=["desk", "phone"])
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    phone = request.param is PHONE
    made = browser.new_context(
        viewport=request.param, is_mobile=phone, has_touch=phone, reduced_motion="reduce"
    )
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_fits_and_does_nothing_wrong(
    context: BrowserContext, watched: Opener, site: Site, path: str
) -> None:
    page = settled(watched(context, site.url + path.format(**site.made)))

    expect(page.locator("h1")).to_have_count(1)
    assert page.title().endswith("· orchestra")
    assert page.evaluate(STICKS_OUT) == []
    found = Axe().run(page, options={"runOnly": RULES})
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("window.hit") is None
    page.close()


def test_pages_are_whole_without_javascript(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    for path in PAGES:
        answer = page.goto(site.url + path.format(**site.made), wait_until="commit")

        assert answer
        assert answer.status == 200, path
        expect(page.locator("h1")).to_have_count(1)
        assert len(page.locator("main").inner_text()) > 20, path
    context.close()


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/", FIRST_VISIT_MAX_BYTES),
        ("/executions", FIRST_VISIT_MAX_BYTES),
        ("/executions/{done}", FIRST_VISIT_MAX_BYTES),
        ("/workflows/new", WITH_EDITOR_MAX_BYTES),
        ("/monitoring", WITH_CHARTS_MAX_BYTES),
    ],
)
def test_a_first_visit_is_small(browser: Browser, site: Site, path: str, most: int) -> None:
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.goto(site.url + path.format(**site.made), wait_until="load")

    weight: int = page.evaluate(WEIGHT)

    context.close()
    assert 10_000 < weight <= most, weight


@pytest.mark.parametrize("path", ["/", "/executions", "/executions/{waiting}", "/workflows/new"])
def test_every_tab_stop_shows_that_it_has_the_focus(
    context: BrowserContext, watched: Opener, site: Site, path: str
) -> None:
    page = settled(watched(context, site.url + path.format(**site.made)))

    for _ in range(200):
        page.keyboard.press("Tab")
        focused: Any = page.evaluate(FOCUSED)
        if focused is None:
            page.close()
            return
        assert focused["seen"], focused["what"]
    pytest.fail("the focus never left the page")


def test_a_page_that_is_not_there_says_so(
    context: BrowserContext, wrong: list[str], watched: Opener, site: Site
) -> None:
    page = watched(context, f"{site.url}/executions/exe_nope")

    expect(page.locator("h1")).to_have_text("There is nothing here")
    wrong.clear()  # the browser logs the 404
