"""The editor: what is wrong is marked where it is, and repaired; words are offered."""

import json
import re

from browsing import Opener, Site, patient, retype, text_of
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect


def written(page: Page) -> str:
    return page.evaluate("orchestraText.get()")


# The mistakes of WORKFLOWS.md §10 that can be repaired: what is marked.
MISTAKES = [
    ('"agent_type"', '"agent_typ"', '"agent_typ"'),
    ('["first"]', '["frist"]', '"frist"'),
    ("${steps.first.output}", "${step.first.output}", '"${step.first.output}"'),
    ("${steps.first.output}", "${steps.frist.output}", "steps.frist"),
    ('"all_done"', '"all_don"', '"all_don"'),
]
WHOLE = """\
{
  "name": "sound",
  "steps": [
    {
      "id": "first",
      "agent_type": "text_processor",
      "task_type": "sentiment_analysis",
      "input_data": {"text": "x"}
    },
    {
      "id": "next",
      "type": "set",
      "vars": {"y": "${steps.first.output}"},
      "depends_on": ["first"],
      "run_when": "all_done"
    }
  ]
}
"""


def test_each_mistake_is_marked_where_it_is_and_its_fix_removes_it(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = watched(context, f"{site.url}/workflows/new")
    for old, new, marked in MISTAKES:
        retype(page, WHOLE.replace(old, new, 1))

        mark = page.locator(".cm-lintRange-error")
        expect(mark.first).to_contain_text(marked)
        expect(page.locator("#checked .finding[data-tone=red]")).to_have_count(1)
        expect(page.locator(".dag [data-state=error]")).to_have_count(1)
        page.locator("#checked button[name=fix]").first.click()
        expect(page.locator("#checked .finding[data-tone=red]")).to_have_count(0)
        expect(mark).to_have_count(0)
        assert json.loads(written(page)).keys() == {"name", "steps"}
    page.evaluate("orchestraText.undo()")
    assert '"all_don"' in written(page)


def test_broken_json_is_marked_by_the_page_itself(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = watched(context, f"{site.url}/workflows/new")
    expect(text_of(page)).to_be_visible()
    page.route("**/ui/editor/validate", lambda route: route.abort())

    retype(page, '{\n  "name": "x",\n  "steps": [}\n}')

    expect(page.locator(".cm-lint-marker-error")).to_have_count(1)
    page.close()


OFFERED = [
    ('["first"]', '["|"]', ["first"]),
    ('"sentiment_analysis"', '"|"', ["sentiment_analysis", "text_analysis"]),
    ("${steps.first.output}", "${steps.|}", ["first"]),
    ("${steps.first.output}", "${math.|}", ["abs", "ceil"]),
    ('"all_done"', '"|"', ["all_completed", "all_done"]),
    ('"run_when"', '"|"', ["run_when", "output"]),
]


def test_what_could_be_written_is_offered(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = watched(context, f"{site.url}/workflows/new")
    for old, new, offered in OFFERED:
        text = WHOLE.replace(old, new, 1)
        retype(page, text.replace("|", ""))
        at = text.index("|")
        page.evaluate("at => orchestraText.select(at, at)", at)
        page.keyboard.press("Control+Space")

        options = page.locator(".cm-tooltip-autocomplete .cm-completionLabel")
        for one in offered:
            expect(options.filter(has_text=one).first).to_be_attached()
        page.keyboard.press("Escape")
        expect(options).to_have_count(0)


def test_tab_leaves_and_letters_are_no_keys_of_the_page(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = watched(context, f"{site.url}/workflows/new")
    text_of(page).click()
    page.keyboard.type("gw")

    assert "gw" in written(page)
    assert page.url.endswith("/new")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(page.locator(".host:focus")).to_have_count(0)


def test_a_mistake_is_repaired_without_a_script(browser: Browser, site: Site) -> None:
    context = patient(browser, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.url}/workflows/new")
    page.locator("#definition").fill(
        WHOLE.replace('["first"]', '["frist"]').replace("sound", "no script")
    )
    page.get_by_role("button", name="Save").click()

    page.locator("button[name=fix]").click()

    expect(page.locator("#checked .badge").first).to_contain_text("valid")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("no script")
    context.close()


def test_drafts_are_kept_one_after_the_other(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page, sent = context.new_page(), list[Route]()
    page.clock.install()

    def held(route: Route) -> None:
        sent.append(route)

    page.route("**/ui/editor/draft", held, times=1)
    page.add_init_script("AbortSignal.timeout = () => new AbortController().signal")
    page.goto(f"{site.url}/workflows/new")
    with page.expect_request("**/ui/editor/draft"):
        retype(page, '{"name": "older"}')
        page.clock.fast_forward(2_500)
    retype(page, '{"name": "newer"}')
    page.clock.fast_forward(2_500)
    expect(page.locator("#kept")).to_be_empty()
    with page.expect_response(lambda one: "newer" in (one.request.post_data or "")):
        sent.pop().continue_()

    expect(page.locator("#kept")).to_have_text("Draft kept")
    assert site.ask("GET", "/api/workflows/new/draft")["definition"] == '{"name": "newer"}'
    page.close()
    site.ask("DELETE", "/api/workflows/new/draft")


def a_workflow(site: Site, name: str) -> tuple[str, str]:
    """The path of its draft, and the address of its editor."""
    made = site.ask("POST", "/api/workflows", json.loads(WHOLE) | {"name": name})
    at = f"/workflows/{made['id']}"
    return f"/api{at}/draft", f"{site.url}{at}/edit"


def test_a_draft_that_cannot_be_kept_is_told_tried_again_and_takes_nothing(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    kept_at, address = a_workflow(site, "drafted")
    page, lost = context.new_page(), list[bool]()
    page.clock.install()

    def never(route: Route) -> None:
        route.abort()

    def answer_lost(route: Route) -> None:
        lost.append(route.fetch().ok)
        route.abort()

    drafts, kept = "**/ui/editor/draft", page.locator("#kept")
    page.route(drafts, never)
    page.goto(address)
    retype(page, "one")
    page.clock.run_for(2_500)
    expect(kept).to_have_text("The draft could not be kept: no connection")
    retype(page, "two")
    expect(kept).to_have_class("toned")  # until it is kept
    page.unroute(drafts)
    page.clock.run_for(6_000)
    expect(kept).to_have_text("Draft kept")

    page.route(drafts, answer_lost, times=1)
    retype(page, "three")
    page.clock.run_for(2_500)
    expect(kept).to_have_text("The draft could not be kept: no connection")
    assert lost == [True]
    retype(page, "four")
    page.clock.run_for(6_000)  # it was kept after all, and is ours
    expect(kept).to_have_text("Draft kept")
    assert site.ask("GET", kept_at)["definition"] == "four"

    page.route(drafts, never, times=1)
    retype(page, "five")
    page.clock.run_for(2_500)
    expect(kept).to_have_text("The draft could not be kept: no connection")
    site.ask("PUT", kept_at, {"definition": "of another page"})
    page.clock.run_for(6_000)
    expect(kept).to_contain_text("Another page keeps a draft of this")
    assert site.ask("GET", kept_at)["definition"] == "of another page"
    page.close()
    wrong.clear()  # the browser logs what was aborted, and the 412


def test_no_draft_is_lost_where_a_page_is_left(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    kept_at, address = a_workflow(site, "left")
    page = context.new_page()
    page.clock.install()
    page.goto(address)
    mine = written(page).replace('"all_done"', '"any_completed"')
    retype(page, mine)
    page.goto(f"{site.url}/workflows")
    shown = page.locator(".card.draft")
    for _ in range(100):  # it may come after the next page was asked for
        page.goto(address)
        if shown.count():
            break
    assert written(page) == mine

    retype(page, mine.replace("left", "left early"))
    page.get_by_role("button", name="Save version").click()
    expect(page.locator(".review")).to_be_visible()
    expect(text_of(page)).to_be_visible()
    page.clock.run_for(2_500)  # nobody has touched that page
    expect(page.locator("#kept")).to_have_text("Draft kept")
    assert "left early" in site.ask("GET", kept_at)["definition"]

    theirs = json.loads(WHOLE) | {"name": "left", "description": "theirs"}
    site.ask("PUT", kept_at.removesuffix("/draft"), theirs)
    page.goto(address)
    expect(shown).to_contain_text("began with version 1; version 2 has been saved since")
    retype(page, "other")
    page.clock.run_for(2_500)
    expect(page.locator("#kept")).to_have_text("Draft kept")
    page.get_by_role("button", name="Discard the draft").click()
    expect(shown).to_have_count(0)
    assert json.loads(written(page))["description"] == "theirs"
    page.close()


def test_what_is_written_is_kept_compared_and_saved(
    context: BrowserContext, watched: Opener, wrong: list[str], own_site: Site
) -> None:
    made = own_site.ask("POST", "/api/workflows", json.loads(WHOLE))
    address = f"{own_site.url}/workflows/{made['id']}/edit"
    page = watched(context, address)
    expect(text_of(page)).to_be_visible()
    mine = written(page).replace('"all_done"', '"any_completed"')
    retype(page, mine)
    expect(page.locator("#kept")).to_have_text("Draft kept")
    page.goto(address)
    expect(page.locator(".draft")).to_contain_text("Your draft of")
    assert written(page) == mine

    page.get_by_role("button", name="Save version").click()
    expect(page.locator(".changes")).to_have_text(re.compile(r"changed\s*step next\s*run_when"))
    theirs = made | own_site.ask("GET", f"/api/workflows/{made['id']}")
    theirs["definition"]["steps"][0]["timeout"] = "30s"
    own_site.ask("PUT", f"/api/workflows/{made['id']}", theirs["definition"])
    page.get_by_role("button", name="Save as the next version").click()

    expect(page.locator(".review h2")).to_have_text(
        "Somebody saved version 2 while you were writing"
    )
    page.get_by_role("button", name="Take both").click()
    expect(page.locator(".review h2")).to_have_text("What becomes of version 2")
    page.get_by_role("button", name="Save as the next version").click()
    expect(page.locator("h1")).to_have_text("sound")
    saved = own_site.ask("GET", f"/api/workflows/{made['id']}")
    first, second = saved["definition"]["steps"]
    assert (saved["version"], first["timeout"], second["run_when"]) == (3, "30s", "any_completed")
    page.goto(address)
    expect(text_of(page)).to_be_visible()
    expect(page.locator(".draft")).to_have_count(0)
    wrong.clear()  # the browser logs the 422
