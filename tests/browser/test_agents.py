"""Agents: registered by a form and by URL, tried, changed, drained, removed."""

import json

from browsing import PAYLOAD, Opener, Site, live, patient
from plain_peer import plain_peer
from playwright.sync_api import BrowserContext, expect


def test_an_agent_from_its_form_to_its_end(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    with plain_peer(answer={"status": "completed", "output": {"said": PAYLOAD}}) as peer:
        page = watched(context, f"{site.url}/agents/new")
        page.locator("#f-name").fill("echo of the form")
        page.locator("#f-agent_type").fill("echo type")
        page.locator("#f-version").fill("new")
        page.locator("#f-capabilities").fill("repeat\nshout")
        page.locator("#f-auth-secret").fill("sk-1234567890123456789012345")
        page.locator("#f-auth-type").select_option("bearer")
        page.get_by_role("button", name="Register").click()

        expect(page.get_by_role("alert", name="What is wrong")).to_be_visible()
        expect(page.locator("#f-agent_type")).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#f-agent_type-wrong")).to_contain_text("must match")
        expect(page.locator("#f-endpoint-wrong")).to_contain_text("required")
        expect(page.locator("#f-auth-secret-wrong")).to_contain_text("secret")
        expect(page.locator("#f-name")).to_have_value("echo of the form")
        wrong.clear()  # the browser logs the 422

        page.wait_for_load_state()
        page.get_by_role("link", name="Worker").click()
        expect(page.locator("#f-endpoint")).to_have_count(0)
        expect(page.locator("#f-capabilities")).to_have_value("repeat\nshout")
        page.get_by_role("link", name="HTTP").click()
        expect(page.locator("#f-endpoint")).to_be_visible()
        page.locator("#f-agent_type").fill("echo")
        page.locator("#f-version").fill("1.2.0")
        page.locator("#f-endpoint").fill(f"{peer.url}/run")
        page.locator("#f-auth-type").select_option("none")
        page.locator("#f-auth-secret").fill("")
        page.get_by_role("button", name="Register").click()

        expect(page.locator("h1")).to_have_text("echo of the form")
        live(page)
        page.locator("#f-input_data").fill('{"n": ')
        page.get_by_role("button", name="Run it").click()
        expect(page.locator("#f-input_data-wrong")).to_contain_text("not JSON")
        page.locator("#f-input_data").fill('{"n": 7}')
        page.get_by_role("button", name="Run it").click()
        expect(page.locator("#try .badge")).to_have_text("completed")
        expect(page.locator("#try")).to_contain_text("<script>window.hit=1</script>{{7*7}}")
        assert json.loads(peer.posted[-1][1])["input"] == {"n": 7}
        wrong.clear()  # the browser logs the 422

        page.get_by_role("button", name="Check").click()
        expect(page.locator("#agent")).to_contain_text("last check")
        page.get_by_role("button", name="Disable").click()
        expect(page.locator("#agent .badge").first).to_have_text("disabled")
        site.ask("POST", "/api/agents/echo of the form/enable".replace(" ", "%20"))
        expect(page.locator("#agent .badge").first).to_have_text("healthy")

        page.get_by_role("link", name="Edit").click()
        expect(page.locator("#f-capabilities")).to_have_value("repeat\nshout")
        page.locator("#f-description").fill(PAYLOAD)
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".title")).to_contain_text("<script>window.hit=1</script>")

        page.wait_for_load_state()
        page.get_by_role("link", name="Remove").click()
        expect(page.locator("dialog")).to_contain_text("No other agent is of its type")
        page.get_by_role("button", name="Remove it").click()
        expect(page.locator("h1")).to_have_text("Agents")
        expect(page.get_by_role("link", name="echo of the form")).to_have_count(0)
    assert page.evaluate("window.hit") is None
    wrong.clear()  # the page of what is removed may look for it once more


def test_what_is_behind_a_url_is_shown_before_it_is_registered(
    context: BrowserContext, watched: Opener, site: Site
) -> None:
    with plain_peer(models=("small", "large")) as peer:
        page = watched(context, f"{site.url}/agents/discover")
        page.locator("#f-url").fill(f"{peer.url}/v1")
        page.get_by_role("button", name="Look").click()
        expect(page.locator("#found-h")).to_have_text("2 found")
        assert not any(
            one["provider"] == "openai" for one in site.ask("GET", "/api/agents")["items"]
        )

        found = page.get_by_role("article").filter(has_text="large")
        found.get_by_role("button", name="Register it").click()
        expect(page.locator("#agent")).to_contain_text("large")
        made = page.url.rpartition("/")[2]
        assert site.ask("GET", f"/api/agents/{made}")["model"] == "large"
        site.ask("DELETE", f"/api/agents/{made}")


def test_a_worker_gets_its_token_once_without_javascript(
    site: Site, context: BrowserContext
) -> None:
    browser = context.browser
    assert browser is not None
    plain = patient(browser, java_script_enabled=False)
    page = plain.new_page()
    page.goto(f"{site.url}/agents/new?provider=pull")
    page.locator("#f-name").fill("far-away")
    page.locator("#f-agent_type").fill("image")
    page.get_by_role("button", name="Register").click()

    token = page.locator("#secret").inner_text()
    assert len(token) > 20
    page.get_by_role("link", name="To its page").click()
    expect(page.locator("h1")).to_have_text("far-away")
    assert token not in page.content()
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.locator("h1")).to_have_text("Agents")
    plain.close()
