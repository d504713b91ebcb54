"""The canvas: a second view of the text, by pointer and by keyboard."""

import json
from collections.abc import Iterator
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from browsing import BROKEN, LONG, PHONE, ROOT, SHORT, Opener, Site, agent_step
from playwright.sync_api import BrowserContext, Locator, Page, expect
from workflow_documents import SHORT_STEPS, a_parallel, a_step, a_switch

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ODD = '{"name":"odd","steps":[{"id":"a","x-1":1.0,"2":9007199254740993,"1":"\\u00e9"},{"id":"b"}]}'

TWO = [agent_step("sentiment"), agent_step("facts", depends_on=["sentiment"])]
BEGUN = json.dumps({"name": "by-keys", "steps": TWO}, indent=2)

TYPED_MEANWHILE = """() => {
  const ask = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await ask(...asked), at = orchestraText.get().length;
    if (asked[0].endsWith('/rename')) orchestraText.edit(at, at, ' ');
    return answer;
  };
}"""


def documents() -> Iterator[str]:
    for path in sorted((ROOT / "examples").glob("*.json")):
        yield path.read_text("utf-8")
    short: dict[str, Any] = {"name": "Sample Workflow", "steps": SHORT_STEPS}
    inner = a_switch("s", a_step("a"), a_step("b"))
    deep = a_parallel("p", one=[inner, a_step("z")], two=[a_step("y")])
    nested: dict[str, Any] = {"name": "w", "steps": [deep, a_step("last")]}
    for document in (short, LONG, SHORT, BROKEN, nested):
        yield json.dumps(document, ensure_ascii=False)
    yield ODD


def node(page: Page, path: str) -> Locator:
    return page.locator(f'.node[data-path="{path}"]')


def written(page: Page) -> str:
    return page.evaluate("orchestraText.get()")


def steps(page: Page) -> list[dict[str, Any]]:
    return json.loads(written(page))["steps"]


def at_rest(page: Page) -> Page:
    """Once everything stands where it belongs: nodes are drawn anew till then."""
    expect(page.locator("#canvas")).to_have_attribute("data-ready", "yes")
    return page


def write(page: Page, text: str) -> None:
    page.evaluate("text => orchestraText.edit(0, orchestraText.get().length, text)", text)
    at_rest(page)


def go_to(page: Page, path: str) -> None:
    node(at_rest(page), path).focus()


def opened(page: Page) -> Page:
    at_rest(page)
    expect(page.locator(".code .host")).to_be_visible()
    return page


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=3)
    page.mouse.move(*end, steps=3)
    page.mouse.up()


def middle(locator: Locator) -> tuple[float, float]:
    """Where it is now; asked again when the canvas drew its nodes anew just then."""
    x = y = width = height = 0.0
    while not width:
        at_rest(locator.page)
        x, y, width, height = locator.evaluate(
            "e => { const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; }"
        )
    return x + width / 2, y + height / 2


def without_order(text: str) -> Any:
    document = json.loads(text)
    for step in document["steps"]:
        step.pop("depends_on", None)
    return document


def test_what_is_not_changed_stays_as_it_was_written(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = opened(watched(context, f"{site.url}/workflows/new?view=builder"))

    for text in documents():
        write(page, text)
        expect(page.locator(".node")).to_have_count(len(json.loads(text)["steps"]))
        first = page.locator(".node").first
        before = first.get_attribute("transform")
        first.focus()
        page.keyboard.press("Shift+ArrowRight")
        expect(page.locator(".node").first).not_to_have_attribute("transform", before or "")
        page.keyboard.press("Control+z")
        expect(page.locator(".node").first).to_have_attribute("transform", before or "")
        assert written(page) == text

        if len(json.loads(text)["steps"]) < 2:
            continue
        page.locator(".node").first.focus()
        page.keyboard.press("c")
        page.locator(".node").last.focus()
        page.keyboard.press("Enter")
        now = written(page)
        assert now != text
        assert json.dumps(without_order(now)) == json.dumps(without_order(text))
        page.evaluate("orchestraText.undo()")
        assert written(page) == text
    page.close()


def test_saving_what_was_only_moved_makes_no_version_and_keeps_the_place(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    document = json.loads((ROOT / "examples" / "customer-support.json").read_text("utf-8"))
    made = site.ask("POST", "/api/workflows", document | {"name": "moved"})
    before = site.ask("GET", f"/api/workflows/{made['id']}")
    page = opened(watched(context, f"{site.url}/workflows/{made['id']}/edit?view=builder"))

    go_to(page, "facts")
    with page.expect_response("**/ui/editor/layout"):
        page.keyboard.press("Shift+ArrowDown")
    text = written(page)
    page.get_by_role("button", name="Save version").click()
    expect(page.locator("#review-h")).to_have_text("Nothing has changed")
    assert json.loads(text) == before["definition"]

    after = site.ask("GET", f"/api/workflows/{made['id']}")
    assert after["version"] == 1
    assert json.dumps(after["definition"]) == json.dumps(before["definition"])
    assert list(site.ask("GET", f"/api/workflows/{made['id']}/layout")["positions"]) == ["facts"]
    page.close()


def test_with_the_keyboard_alone_three_steps_are_made_connected_and_saved(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = opened(watched(context, f"{site.url}/workflows/new?view=builder"))
    write(page, BEGUN)
    for path in ("facts", "sentiment"):
        go_to(page, path)
        page.keyboard.press("Delete")
    expect(page.get_by_text("Nothing here yet")).to_be_visible()

    for kind in ("transform", "wait", "set"):
        page.locator(f'[data-part=palette] [data-add="{kind}"]').focus()
        page.keyboard.press("Enter")
        expect(node(page, kind)).to_be_focused()
    expect(page.locator(".edge")).to_have_count(2)

    go_to(page, "transform")
    page.keyboard.press("c")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".edge")).to_have_count(3)
    assert [one["depends_on"] for one in steps(page)] == [[], ["transform"], ["wait", "transform"]]
    page.keyboard.press("Control+z")
    assert not any("depends_on" in one for one in steps(page))
    page.keyboard.press("Control+Shift+z")

    expect(page.locator(".edge")).to_have_count(3)
    go_to(page, "set")
    page.keyboard.press("Enter")
    page.locator("#builder-id").fill("remember")
    page.keyboard.press("Tab")
    expect(node(page, "remember")).to_have_count(1)
    page.get_by_label("Name", exact=True).or_(page.locator("#builder-id")).first.focus()
    page.get_by_role("button", name="Save").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("by-keys")
    expect(page.locator(".dag .n")).to_have_count(3)
    page.close()


def test_with_a_pointer_steps_are_added_moved_connected_parted_and_refused(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = opened(watched(context, f"{site.url}/workflows/new?view=builder"))
    write(page, BEGUN)
    expect(page.locator(".node")).to_have_count(2)
    field = middle(page.locator("#canvas svg[role=application]"))

    drag(
        page,
        middle(page.locator("[data-part=palette] [data-add=emit]")),
        (field[0], field[1] + 150),
    )
    expect(node(page, "emit")).to_be_visible()
    assert steps(page)[-1]["depends_on"] == []
    port = middle(node(page, "facts").locator(".out"))
    drag(page, port, middle(node(page, "emit").locator(".body")))
    assert steps(page)[-1]["depends_on"] == ["facts"]

    drag(
        page,
        middle(node(page, "emit").locator(".out")),
        middle(node(page, "sentiment").locator(".body")),
    )
    expect(page.locator("[data-part=status]")).to_contain_text("cycle")
    assert "depends_on" not in steps(page)[0] or steps(page)[0]["depends_on"] == []

    before = written(page)
    x, y = middle(node(page, "emit").locator(".body"))
    drag(page, (x, y), (x + 80, y + 40))
    expect(page.locator("[data-part=status]")).to_have_text("Moved emit")
    assert written(page) == before

    page.get_by_label("facts", exact=True).uncheck()
    assert steps(page)[-1]["depends_on"] == []
    page.get_by_role("button", name="Undo").click()
    assert steps(page)[-1]["depends_on"] == ["facts"]
    go_to(page, "emit")
    page.keyboard.press("d")
    expect(node(page, "emit_2")).to_be_focused()
    page.close()


def test_scopes_findings_names_and_broken_text(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = opened(watched(context, f"{site.url}/workflows/new?view=builder"))
    text = (ROOT / "examples" / "customer-support.json").read_text("utf-8")
    write(page, text.replace('"task_type": "data_summary"', '"tsk": 1, "dependsOn": []'))
    expect(node(page, "history").locator(".bad")).to_be_visible()
    node(page, "history").locator(".name").click()
    expect(page.locator(".inspector .told")).to_contain_text("depends_on")

    write(page, text)
    node(page, "route").locator(".name").dblclick()
    expect(page.locator(".node")).to_have_count(2)
    page.get_by_role("button", name="default", exact=True).click()
    expect(node(page, "route/auto_reply")).to_be_visible()
    go_to(page, "route/auto_reply")
    page.keyboard.press("Escape")
    expect(node(page, "route")).to_be_focused()

    node(page, "sentiment").locator(".name").click()
    page.locator("#builder-id").fill("mood")
    page.locator("#builder-id").press("Enter")
    expect(node(page, "mood")).to_be_visible()
    speaking = text.count("steps.sentiment.") + text.count('"depends_on": ["sentiment"]')
    assert written(page).count("mood") == 1 + speaking

    page.evaluate(TYPED_MEANWHILE)
    page.locator("#builder-id").fill("temper")
    page.locator("#builder-id").press("Enter")
    expect(page.locator("[data-part=status]")).to_contain_text("changed meanwhile")
    assert written(page).endswith("}\n ")
    expect(node(page, "mood")).to_be_visible()

    page.evaluate("orchestraText.edit(4, 5, '')")
    expect(page.locator("[data-part=broken]")).to_contain_text("Line 2")
    node(page, "mood").focus()
    page.keyboard.press("Delete")
    expect(page.locator("[data-part=status]")).to_contain_text("Line 2")
    expect(node(page, "mood")).to_be_visible()
    page.close()


def test_the_fields_of_a_step_are_accessible_on_a_phone(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = context.new_page()
    page.set_viewport_size(PHONE)
    page.goto(f"{site.url}/workflows/{site.made['mood']}/edit?view=builder")
    opened(page)
    page.locator("[data-part=outline] button").first.click()
    expect(page.locator("#builder-id")).to_have_value("first")

    found = Axe().run(page, options={"runOnly": RULES})

    assert found.violations_count == 0, found.generate_report()
    page.close()


def test_a_drawing_is_sized_by_buttons_and_keys_and_keeps_its_region(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    page = watched(context, f"{site.url}/workflows/{site.made['mood']}")
    drawing = page.locator("svg.dag")
    before = float(drawing.get_attribute("width") or 0)

    page.get_by_role("button", name="Larger").click()
    expect(drawing).to_have_attribute("width", str(round(before * 1.25)))
    page.get_by_role("region", name="Graph, scrolls").focus()
    page.keyboard.press("+")
    expect(drawing).to_have_attribute("width", str(round(before * 1.25 * 1.25)))
    page.get_by_role("button", name="1:1").click()
    expect(drawing).to_have_attribute("width", str(round(before)))
    page.close()
