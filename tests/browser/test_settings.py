"""Settings in a browser: a secret goes in and never comes out; a file for who helps."""

import json
from pathlib import Path

from browsing import Opener, Site
from playwright.sync_api import BrowserContext, expect

SECRET = "sk-live-0123456789abcdef"  # made up


def test_a_secret_goes_in_and_never_comes_out(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    page = watched(context, f"{site.url}/settings")
    page.locator("#f-name").fill("open ai")
    page.locator("#f-value").fill(SECRET)
    page.locator("#f-description").fill("<b>the model</b>")
    page.get_by_role("button", name="Set it").click()
    expect(page.locator("#f-name-wrong")).to_be_visible()
    expect(page.locator("#f-description")).to_have_value("<b>the model</b>")
    expect(page.locator("#f-value")).to_have_value("")
    wrong.clear()  # the browser logs the 422
    page.locator("#f-name").fill("openai")
    page.locator("#f-value").fill(SECRET)
    page.locator("#f-allowed_hosts").fill("api.openai.com")
    page.get_by_role("button", name="Set it").click()
    expect(page.locator("#secrets tbody tr")).to_contain_text("api.openai.com")
    assert SECRET not in page.content()

    with page.expect_download() as caught:
        page.get_by_role("link", name="Diagnostics file").click()
    text = Path(caught.value.path()).read_text("utf-8")
    assert json.loads(text)["ready"]["status"] == "ready"
    assert SECRET not in text

    page.wait_for_load_state()
    page.get_by_role("link", name="Remove openai").click()
    page.locator("dialog").get_by_role("button", name="Remove the secret").click()
    expect(page.locator("#secrets")).to_contain_text("No secrets yet")
