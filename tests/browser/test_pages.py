"""What holds for every page, on a desk and on a phone."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browsing import DESKTOP, PHONE, Opener, Site, live, patient
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
WITH_LINES_MAX_BYTES = 46 * 1024
WITH_GRAPH_MAX_BYTES = 48 * 1024
WITH_CHARTS_MAX_BYTES = 115 * 1024
WITH_EDITOR_MAX_BYTES = 185 * 1024  # the canvas comes when its tab is opened
TABBED = {"/", "/executions", "/executions/{waiting}", "/workflows/new"}
# What sticks out to the right, unless it stands in something that scrolls by itself. Pictures that
# are drawn anew at another size have some frames for it.
STICKS_OUT = """async () => {
  const out = e => {
    if (!e.checkVisibility() || e.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let up = e.parentElement; up; up = up.parentElement)
      if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(up).overflowX)) return false;
    return true;
  };
  for (let frames = 300; ; frames--) {
    const found = [...document.body.querySelectorAll('*')].filter(out);
    if (!found.length || !frames) return found.map(e => e.outerHTML.slice(0, 160));
    await new Promise(requestAnimationFrame);
  }
}"""
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
# The findings of axe-core, which is put into the page once.
FINDINGS = """async rules => (await axe.run({runOnly: rules, resultTypes: ['violations']}))
  .violations.map(v => [v.id, v.help, v.nodes.map(n => n.html.slice(0, 160))])"""

UNSEEN = {"script", "template", "style"}


class Main(HTMLParser):
    """What stands in a page as it was sent: its headings, and the text of its main part."""

    headings = 0
    text = ""
    _inside = _unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.headings += tag == "h1"
        self._inside += tag == "main"
        self._unseen += tag in UNSEEN

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag == "main"
        self._unseen -= tag in UNSEEN

    def handle_data(self, data: str) -> None:
        if self._inside and not self._unseen:
            self.text += data.strip()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One for all pages, so that the browser has their sheets and scripts."""
    made = patient(browser, viewport=DESKTOP, reduced_motion="reduce")
    yield made
    made.close()


def fits_and_is_accessible(page: Page) -> None:
    assert page.evaluate(STICKS_OUT) == []
    assert page.evaluate(FINDINGS, RULES) == []


def every_tab_stop_is_seen(page: Page) -> None:
    for _ in range(200):
        page.keyboard.press("Tab")
        focused: Any = page.evaluate(FOCUSED)
        if focused is None:
            return
        assert focused["seen"], focused["what"]
    pytest.fail("the focus never left the page")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_fits_and_does_nothing_wrong(
    context: BrowserContext, watched: Opener, site: Site, path: str
) -> None:
    page = watched(context, site.url + path.format(**site.made))
    if page.locator("#live").count():
        live(page)

    expect(page.locator("h1")).to_have_count(1)
    assert page.title().endswith("· orchestra")
    page.evaluate(AXE_SCRIPT)
    fits_and_is_accessible(page)
    if path in TABBED:
        every_tab_stop_is_seen(page)
    page.set_viewport_size(PHONE)
    fits_and_is_accessible(page)
    assert page.evaluate("window.hit") is None
    page.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_without_javascript(site: Site, path: str) -> None:
    """What was sent is the page: nothing of it waits for a script to come."""
    main = Main()

    main.feed(site.page(path.format(**site.made)))

    assert main.headings == 1
    assert len(main.text) > 20


@pytest.mark.parametrize(
    ("path", "last", "most"),
    [
        ("/", "#live[data-state=live]", FIRST_VISIT_MAX_BYTES),
        ("/logs", "#live[data-state=live]", WITH_LINES_MAX_BYTES),
        ("/executions/{done}", "#live[data-state=live]", WITH_GRAPH_MAX_BYTES),
        ("/workflows/new", ".code .host", WITH_EDITOR_MAX_BYTES),
        ("/monitoring", ".chart.drawn canvas", WITH_CHARTS_MAX_BYTES),
    ],
)
def test_a_first_visit_is_small(
    browser: Browser, site: Site, path: str, last: str, most: int
) -> None:
    """Counted when what comes last is there."""
    context = patient(browser, viewport=DESKTOP)
    page = context.new_page()
    page.goto(site.url + path.format(**site.made))
    expect(page.locator(last).first).to_be_visible()

    weight: int = page.evaluate(WEIGHT)

    context.close()
    assert 10_000 < weight <= most, weight


def test_a_page_that_is_not_there_says_so(
    context: BrowserContext, wrong: list[str], watched: Opener, site: Site
) -> None:
    page = watched(context, f"{site.url}/executions/exe_nope")

    expect(page.locator("h1")).to_have_text("There is nothing here")
    page.close()
    wrong.clear()  # the browser logs the 404
