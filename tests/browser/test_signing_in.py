"""Where everybody needs a key: signing in, steering with the token, and out again."""

from pathlib import Path

from browsing import LONG, Opener, Site, live
from playwright.sync_api import BrowserContext, expect


def test_a_key_is_shown_once_and_then_one_may_steer(
    context: BrowserContext, watched: Opener, wrong: list[str], tmp_path: Path
) -> None:
    site = Site(tmp_path, ("--auth-mode", "required"))
    site.start()
    try:
        site.key = (tmp_path / "data" / "admin.key").read_text("ascii").strip()
        site.ask("POST", "/api/workflows", LONG)
        execution = site.run("patience", text="hello")

        page = watched(context, f"{site.url}/executions/{execution}")
        expect(page.locator("h1")).to_have_text("Sign in")
        page.locator("#key").fill("orc_live_wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#key-wrong")).to_be_visible()
        page.locator("#key").fill(site.key)
        page.get_by_role("button", name="Sign in").click()
        live(page)

        page.get_by_role("button", name="Pause").click()
        expect(page.locator("#head .badge").first).to_have_text("paused")
        page.get_by_role("button", name="Resume").click()
        expect(page.locator("#head .badge").first).to_have_text("running")

        page.goto(f"{site.url}/executions/{execution}")
        live(page)
        other = context.new_page()
        other.goto(f"{site.url}/workflows")
        other.get_by_role("button", name="Sign out").click()
        expect(other.locator("h1")).to_have_text("Sign in")
        # The page may be told by itself before, and asks already: then nothing else is clickable.
        page.locator("button", has_text="Pause").dispatch_event("click")
        dialog = page.locator("#dialog")
        expect(dialog).to_contain_text("Please sign in again")
        dialog.locator("#again").fill("orc_live_wrong")
        dialog.get_by_role("button", name="Sign in").click()
        expect(dialog.locator("#again-wrong")).to_be_visible()
        dialog.locator("#again").fill(site.key)
        dialog.get_by_role("button", name="Sign in").click()
        dialog.get_by_role("link", name="Go on").click()
        page.get_by_role("button", name="Pause").click()
        expect(page.locator("#head .badge").first).to_have_text("paused")

        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("h1")).to_have_text("Sign in")
        page.goto(f"{site.url}/executions")
        expect(page.locator("h1")).to_have_text("Sign in")
        wrong.clear()  # the browser logs the 422 of the wrong key
    finally:
        site.stop()
