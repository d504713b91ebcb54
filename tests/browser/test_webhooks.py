"""Webhooks: made by a form, tested, sent again, another secret, forgotten; and inbound ones."""

import json

from browsing import PAYLOAD, Opener, Site, live
from plain_peer import plain_peer
from playwright.sync_api import BrowserContext, expect


def test_an_endpoint_from_its_form_to_its_end(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    with plain_peer(status=500, answer={"no": PAYLOAD}) as peer:
        page = watched(context, f"{site.url}/webhooks/new")
        page.locator("#f-url").fill("ftp://nowhere")
        page.locator("#f-event_filter-event_types").fill("order.*\n***")
        page.get_by_role("button", name="Create").click()
        expect(page.locator("#f-name-wrong")).to_be_visible()
        expect(page.locator("#f-url-wrong")).to_contain_text("http or https")
        expect(page.locator("#f-event_filter-event_types-wrong")).to_contain_text("1:")
        wrong.clear()  # the browser logs the 422

        page.wait_for_load_state()
        page.locator("#f-name").fill(f"hook {PAYLOAD}")
        page.locator("#f-url").fill(f"{peer.url}/hook")
        page.locator("#f-event_filter-event_types").fill("order.*")
        page.get_by_text("Types that are known here").click()
        page.get_by_role("button", name="agent.unhealthy", exact=True).click()
        expect(page.locator("#f-event_filter-event_types")).to_have_value(
            "order.*\nagent.unhealthy"
        )
        page.get_by_role("button", name="Create").click()
        secret = page.locator("#secret").inner_text()
        assert secret.startswith("whsec_")
        page.get_by_role("link", name="I have it").click()
        live(page)
        assert secret not in page.content()

        page.get_by_role("button", name="Send a test").click()
        expect(page.locator("#tested .badge")).to_be_visible()
        expect(page.locator("#tested")).to_contain_text("500")
        expect(page.locator("#tested")).to_contain_text("<script>window.hit=1</script>{{7*7}}")
        peer.status = 200
        order = {"event_type": "order.placed", "source_service": "shop", "source_id": "o-1"}
        site.ask("POST", "/api/events/publish", order | {"payload": {"text": PAYLOAD}})
        row = page.locator("#sent tr", has_text="order.placed")
        expect(row.locator(".badge")).to_have_text("delivered")

        before = len(peer.posted)
        row.get_by_role("checkbox").check()
        page.get_by_role("button", name="Send chosen again").click()
        again = page.locator("#sent tr", has_text="redelivery")
        expect(again.locator(".badge")).to_have_text("delivered")
        assert len(peer.posted) > before
        row.first.get_by_role("link").click()
        expect(page.locator("#delivery")).to_contain_text("<script>window.hit=1</script>")
        live(page)
        page.get_by_role("link", name="Send all again…").click()
        expect(page.locator("dialog")).to_contain_text("1 in all")
        page.get_by_role("button", name="Send again", exact=True).click()
        expect(page.locator("#webhook")).to_contain_text("ast sent again: 1")

        live(page)
        page.get_by_role("link", name="New secret").click()
        page.get_by_role("button", name="Make it").click()
        assert page.locator("#secret").inner_text() != secret
        page.get_by_role("link", name="I have it").click()
        live(page)
        page.get_by_role("button", name="Disable").click()
        expect(page.locator("#webhook .badge").first).to_have_text("disabled")
        page.get_by_role("link", name="Delete").click()
        page.locator("#ask-typed").fill(f"hook {PAYLOAD}")
        page.get_by_role("button", name="Delete it").click()
        expect(page.locator("h1")).to_have_text("Webhooks")
        expect(page.locator("#webhooks")).not_to_contain_text("hook <img")
        event = next(json.loads(body) for _, body in peer.posted if b"order.placed" in body)
        assert event["data"] == {"text": PAYLOAD}
    assert page.evaluate("window.hit") is None
    wrong.clear()  # the page of what is removed may look for it once more


def test_an_inbound_hook_is_made_changed_and_forgotten(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    page = watched(context, f"{site.url}/webhooks/in/new")
    page.locator("#f-name").fill("pushes")
    page.locator("#f-scheme").select_option("github")
    page.locator("#f-target-workflow").fill("a b")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#f-target-workflow-wrong")).to_contain_text("id of a workflow")
    wrong.clear()  # the browser logs the 422
    page.locator("#f-target-workflow").fill(site.made["mood"])
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#secret")).to_be_visible()
    page.get_by_role("link", name="I have it").click()

    page.get_by_role("link", name="pushes").click()
    page.locator("#f-target-workflow").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#inbound")).to_contain_text("an event")
    page.get_by_role("link", name="pushes").click()
    page.get_by_role("link", name="Delete").click()
    page.locator("#ask-typed").fill("pushes")
    page.get_by_role("button", name="Delete it").click()
    expect(page.locator("h1")).to_have_text("Webhooks")
    expect(page.get_by_role("link", name="pushes")).to_have_count(0)
