"""The page of one execution: its steps, its past, what a rollback undoes, and another beside it."""

import re
from typing import Any

import pytest
from browsing import PAYLOAD, Opener, Site, agent_step, live, patient
from playwright.sync_api import Browser, BrowserContext, expect

UNDO: dict[str, Any] = {
    "agent_type": "text_processor",
    "task_type": "sentiment_analysis",
    "input_data": {"text": "undo ${request.text}"},
}
SAGA: dict[str, Any] = {
    "name": "saga",
    "rollback": {"on": []},
    "steps": [
        {"id": "prepare", "type": "parallel", "branches": [
            {"id": "stock", "steps": [agent_step("reserve", compensate=UNDO)]},
            {"id": "risk", "steps": [agent_step("fraud")]},
        ]},
        agent_step("charge", depends_on=["prepare"], compensate=UNDO),
        {"id": "ship", "type": "transform", "depends_on": ["charge"],
         "input_data": "${input.missing.deep}"},
        agent_step("never", depends_on=["ship"]),
    ],
}  # fmt: skip
ONE_AFTER_THE_OTHER = """steps => {
  for (const step of steps) {
    const node = document.querySelector(`.dag a.n[href*="step=${step}"]`);
    node.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
  }
}"""
WIDE: dict[str, Any] = {
    "name": "wide",
    "steps": [{"id": "make", "type": "transform", "input_data": "${input}"}],
}


@pytest.fixture(scope="module")
def saga(site: Site) -> str:
    """One that failed in the middle."""
    site.ask("POST", "/api/workflows", SAGA)
    execution = site.run("saga", text="I love it")
    site.ended(execution)
    return execution


def test_the_preview_lists_what_is_then_undone_and_fills_live(
    context: BrowserContext, watched: Opener, site: Site, saga: str
) -> None:
    page = live(watched(context, f"{site.url}/executions/{saga}"))

    page.get_by_role("link", name="Roll back").click()
    dialog = page.locator("dialog")
    expect(dialog.locator("ol.undo > li > b")).to_have_text(["charge", "prepare/stock/reserve"])
    expect(dialog.locator("ul.undo")).to_contain_text("nothing says how to undo it")
    dialog.get_by_text("input", exact=True).first.click()
    expect(dialog.locator("pre").first).to_contain_text("undo I love it")
    dialog.get_by_role("button", name="Roll back").click()

    expect(page.locator("#head .badge").first).to_have_text("rolled back")
    expect(page.locator(".undoing summary")).to_contain_text("2 of 2 undone")
    undone = [
        (item["path"], site.ask("GET", f"/api/executions/{saga}/steps/{item['path']}"))
        for item in site.ask("GET", f"/api/executions/{saga}/history?limit=1000")["items"]
        if item["type"] == "step.compensated"
    ]
    assert [path for path, _ in undone] == ["~charge", "~prepare/stock/reserve"]
    assert {step["input_data"]["text"] for _, step in undone} == {"undo I love it"}


def test_a_step_is_chosen_in_place_walked_to_and_seen_from_every_side(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    done = site.made["done"]
    page = live(watched(context, f"{site.url}/executions/{done}"))

    page.locator(".dag a.n").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#step-h")).to_have_text("second")
    expect(page).to_have_url(re.compile(r"\?step=second$"))
    expect(page.locator(".dag a.n[aria-current]")).to_contain_text("second")
    expect(page.locator("#step .jtree").first).to_contain_text("<img src=x")
    for view, said in (
        ("Why this agent", "Who would be chosen now"),
        ("Diff", "No other execution|From"),
        ("Logs", "step second completed"),
        ("Raw", "sentiment_analysis"),
    ):
        page.locator("#step").get_by_role("link", name=view, exact=True).click()
        expect(page.locator("#step")).to_contain_text(re.compile(said))
    expect(page).to_have_url(re.compile(r"\?step=second&view=raw$"))
    page.reload()
    expect(page.locator("#step pre").first).to_contain_text("sentiment_analysis")
    page.locator("#step").get_by_role("link", name="close").click()
    expect(page.locator("#step")).to_have_count(0)
    assert page.evaluate("window.hit") is None


def test_following_goes_on_with_the_step_that_runs(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    execution = site.run("patience", text="hello")
    page = live(watched(context, f"{site.url}/executions/{execution}?follow=1"))
    expect(page.locator("#step-h")).to_have_text("nap")

    page.locator("#step").get_by_role("link", name="Following").click()
    expect(page.locator("#step").get_by_role("link", name="Follow", exact=True)).to_be_visible()
    site.ask("POST", f"/api/executions/{execution}/signal", {"name": "wake"})

    expect(page.locator("#step .badge").first).to_have_text("completed")
    expect(page.locator("[data-path='leave']")).to_have_attribute("data-state", "completed")
    page.evaluate(ONE_AFTER_THE_OTHER, ["greet", "nap", "leave"])
    expect(page.locator("#step-h")).to_have_text("leave")


def test_the_past_is_a_link_a_slider_and_a_film(
    context: BrowserContext, watched: Opener, site: Site, browser: Browser
) -> None:
    execution = site.run("patience", text="hello")
    page = live(watched(context, f"{site.url}/executions/{execution}"))
    expect(page.locator("[data-path='nap']")).to_have_attribute("data-state", "running")
    site.ask("POST", f"/api/executions/{execution}/signal", {"name": "wake"})
    expect(page.locator("#head .badge").first).to_have_text("completed")

    page.goto(f"{site.url}/executions/{execution}")
    page.locator(".when a[rel=prev]").click()
    expect(page.locator("#when .badge")).to_have_text("running")
    page.wait_for_load_state()
    page.locator("#at").focus()
    page.keyboard.press("Home")
    expect(page.locator("#when")).to_contain_text(re.compile("event [1-3] of"))
    expect(page.locator("[data-path='leave']")).to_have_attribute("data-state", "waiting")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#when .badge")).to_have_text("completed")
    expect(page.locator("[data-path='leave']")).to_have_attribute("data-state", "completed")
    page.get_by_role("link", name="Show the critical path").click()
    expect(page.locator(".dag a.n[data-critical]")).to_have_count(3)
    page.get_by_role("link", name="Timeline").click()
    expect(page.locator(".gantt a.g")).to_have_count(3)

    bare = patient(browser, java_script_enabled=False)
    still = bare.new_page()
    still.goto(f"{site.url}/executions/{execution}")
    still.locator(".when a[rel=prev]").click()
    expect(still.locator("#when .badge")).to_have_text("running")
    still.locator(".dag a.n").first.click()
    expect(still.locator("#step-h")).to_have_text("greet")
    bare.close()


def test_two_executions_side_by_side_run_again_and_sent_as_a_file(
    context: BrowserContext, watched: Opener, site: Site, browser: Browser
) -> None:
    done = site.made["done"]
    page = watched(context, f"{site.url}/executions/{done}")
    page.get_by_role("link", name="Run again").click()
    page.locator("#input").fill('{"text": "quite another"}')
    page.get_by_role("button", name="What differs?").click()
    expect(page.locator(".changes")).to_contain_text("quite another")
    page.get_by_role("button", name="Run again").click()
    expect(page.locator("#head .badge").first).to_have_text("completed")

    page.get_by_role("link", name="Compare").click()
    expect(page.locator(".note")).to_contain_text("the last success")
    expect(page.locator(".pairs a.row")).to_have_text(["first", "second"])
    page.get_by_role("link", name="second").click()
    expect(page.locator("#step .changes").first).to_contain_text("quite another")

    answer = context.request.get(f"{site.url}/executions/{done}/export")
    alone = patient(browser, java_script_enabled=False)
    file, asked = alone.new_page(), list[str]()
    file.on("request", lambda request: asked.append(request.url))
    file.set_content(answer.text())
    expect(file.locator("h1")).to_have_text("mood")
    expect(file.locator(".dag")).to_be_visible()
    expect(file.locator(".gantt")).to_be_visible()
    assert file.locator("main").evaluate("e => getComputedStyle(e).display") == "grid"
    assert PAYLOAD[:9] not in answer.text()
    assert not [url for url in asked if not url.startswith(("about:", "data:"))]
    alone.close()


def test_large_values_are_opened_bit_by_bit(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    site.ask("POST", "/api/workflows", WIDE)
    rows = [{"id": i, "tags": ["a"], "text": PAYLOAD} for i in range(450)]
    execution = site.run("wide", rows=rows)
    site.ended(execution)
    page = watched(context, f"{site.url}/executions/{execution}?step=make")

    tree = page.locator("#step .jtree")
    expect(tree).to_contain_text("rows")
    tree.get_by_role("link", name=re.compile(" more$")).click()
    expect(tree.get_by_role("link", name=re.compile("^[0-9,]+ more$"))).to_have_count(1)
    tree.get_by_role("link", name=re.compile("inside$")).first.click()
    expect(tree).to_contain_text("<img src=x")
    assert page.evaluate("document.querySelectorAll('.jtree img, .jtree script').length") == 0
