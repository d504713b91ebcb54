"""Events: published by a form, followed, paused, their chain; subscriptions; types."""

from browsing import PAYLOAD, Opener, Site, live
from playwright.sync_api import BrowserContext, expect

CLOUD = {"specversion": "1.0", "source": "warehouse", "type": "parcel.packed", "subject": "p-1"}


def publish(site: Site, kind: str) -> str:
    body = {"event_type": kind, "source_service": "shop", "source_id": "p-1"}
    return str(site.ask("POST", "/api/events/publish", body)["event_id"])


def test_an_event_is_published_followed_and_its_chain_is_shown(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    page = watched(context, f"{site.url}/events/publish")
    page.locator("#f-event_type").fill("a type with spaces")
    page.locator("#f-payload").fill(f'{{"text": "{PAYLOAD[:10]}')
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("#f-payload-wrong")).to_contain_text("not JSON")
    page.locator("#f-payload").fill('{"text": "<b onclick=x>bold</b>", "n": [1, 2]}')
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("#f-event_type-wrong")).to_be_visible()
    expect(page.locator("#f-source_service-wrong")).to_be_visible()
    expect(page.locator("#f-event_type")).to_have_value("a type with spaces")
    wrong.clear()  # the browser logs the 422s
    page.locator("#f-event_type").fill("parcel.ordered")
    page.locator("#f-source_service").fill("shop")
    page.locator("#f-source_id").fill("p-1")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("#event")).to_contain_text("<b onclick=x>bold</b>")
    cause = page.url.rpartition("event=")[2].partition("&")[0]

    effect = CLOUD | {"id": "packed-1", "causation": cause, "data": {"by": "amelia"}}
    site.ask("POST", "/api/events", effect)
    page.goto(f"{site.url}/events?types=parcel.*&event={cause}")
    live(page)
    page.locator("#event .chain").get_by_role("link", name="parcel.packed").click()
    expect(page.locator("#ev-h")).to_have_text("parcel.packed")
    expect(page.locator("#event .chain").first).to_contain_text("parcel.ordered")

    live(page)
    publish(site, "parcel.sent")
    expect(page.locator("#events")).to_contain_text("parcel.sent")
    page.get_by_role("link", name="Pause").click()
    expect(page.get_by_role("note")).to_contain_text("Paused")
    live(page)
    publish(site, "parcel.returned")
    expect(page.locator("#events")).not_to_contain_text("parcel.returned")
    page.get_by_role("link", name="Go on").first.click()
    expect(page.locator("#events")).to_contain_text("parcel.returned")


def test_subscriptions_and_types_are_made_and_forgotten(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    page = watched(context, f"{site.url}/events/subscriptions/new?start=oldest")
    page.locator("#f-name").fill("Not a name")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#f-name-wrong")).to_be_visible()
    expect(page.locator("#f-start")).to_have_value("oldest")
    page.locator("#f-name").fill("billing")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#subs")).to_contain_text("billing")
    page.get_by_role("link", name="Delete").click()
    page.locator("#ask-typed").fill("billing")
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("heading", name="No subscriptions")).to_be_visible()

    page.goto(f"{site.url}/events/types/new")
    page.locator("#f-type").fill("parcel.weighed")
    page.locator("#f-schema").fill('{"type": "nothing"}')
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#f-schema-wrong")).to_be_visible()
    page.locator("#f-schema").fill('{"type": "object", "required": ["grams"]}')
    page.get_by_role("button", name="Save").click()
    expect(page.locator("section", has=page.locator("#own-h"))).to_contain_text("parcel.weighed")
    assert site.ask("GET", "/api/events/types/parcel.weighed")["schema"]["required"] == ["grams"]

    page.goto(f"{site.url}/events/publish?event_type=parcel.weighed")
    page.locator("#f-source_service").fill("scales")
    page.locator("#f-source_id").fill("p-1")
    page.locator("#f-payload").fill('{"kilos": 2}')
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("#f-payload-wrong")).to_contain_text("grams")
    page.goto(f"{site.url}/events/types")
    page.get_by_role("link", name="Delete").click()
    page.locator("#ask-typed").fill("parcel.weighed")
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("heading", name="No types of your own")).to_be_visible()
    wrong.clear()  # the browser logs the 422s
