"""Queues: made, sent to, looked into; dead letters put back, edited, purged; deleted."""

from browsing import PAYLOAD, Opener, Site, live
from playwright.sync_api import BrowserContext, expect

CHOSEN_AS_FRESH_ROWS_COME = """() => new Promise(done => {
  const letters = document.getElementById('letters');
  const once = (name, then) => document.addEventListener(name, function heard({detail}) {
    if (detail.ctx.sourceElement !== letters) return;
    document.removeEventListener(name, heard);
    then();
  });
  once('htmx:before:response', () => {
    letters.querySelector('.pick input').checked = true;
    const chosen = () => letters.querySelectorAll('.pick input:checked').length;
    once('htmx:finally:request', () => setTimeout(() => done(chosen())));
  });
  htmx.trigger('#live', 'poll');
})"""


def fail(site: Site, queue: str, error: str) -> None:
    """Receive what is ready, and hand it back as failed."""
    got = site.ask("POST", f"/api/queues/{queue}/receive", {"max": 10, "wait_ms": 5_000})
    receipts = [one["receipt"] for one in got["messages"]]
    site.ask("POST", f"/api/queues/{queue}/nack", {"receipts": receipts, "error": error})


def test_a_queue_from_its_form_to_its_end(
    context: BrowserContext, watched: Opener, wrong: list[str], site: Site
) -> None:
    page = watched(context, f"{site.url}/queues/~new")
    page.locator("#f-name").fill("Not A Name")
    page.get_by_text("How it works").click()
    page.locator("#f-tries_max").fill("many")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#f-name-wrong")).to_contain_text("must match")
    expect(page.locator("#f-tries_max-wrong")).to_contain_text("whole number")
    expect(page.locator("#f-tries_max")).to_have_value("many")
    page.locator("#f-name").fill("mail")
    page.locator("#f-tries_max").fill("1")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#f-name-wrong")).to_contain_text("is there")
    page.locator("#f-name").fill("parcels")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("h1")).to_have_text("parcels")

    page.get_by_role("link", name="Send", exact=True).click()
    page.locator("#f-body").fill("{")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#f-body-wrong")).to_contain_text("not JSON")
    wrong.clear()  # the browser logs the 422s
    page.locator("#f-body").fill('{"n": 1}')
    page.locator("#f-priority").select_option("0")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#messages")).to_contain_text("priority 0")
    for n in (2, 3):
        site.ask("POST", "/api/queues/parcels/messages", {"body": {"n": n}})
    fail(site, "parcels", PAYLOAD)

    page.goto(f"{site.url}/queues?tab=dead")
    page.get_by_role("link", name="parcels").click()
    expect(page.locator("h1")).to_have_text("parcels")
    live(page)
    letters = page.locator("#letters li")
    expect(letters.filter(has=page.locator(".pick"))).to_have_count(3)
    expect(letters.first).to_contain_text("<script>window.hit=1</script>{{7*7}}")
    assert page.evaluate(CHOSEN_AS_FRESH_ROWS_COME) == 1
    page.get_by_role("button", name="Chosen back in line").click()
    expect(page.locator("#letters li:has(.pick)")).to_have_count(2)
    expect(page.locator("#queue")).to_contain_text("1ready")

    page.get_by_role("link", name="edit and send").first.click()
    expect(page.locator("#body")).to_have_value('{\n  "n": 2\n}')
    page.locator("#body").fill('{"n": 22}')
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("#letters li:has(.pick)")).to_have_count(1)
    live(page)
    page.get_by_role("button", name="All 1 back in line").click()
    expect(page.locator("#letters")).to_contain_text("No dead letters")
    expect(page.locator("#queue")).to_contain_text("Last redrive: 1 of 1")
    expect(page.locator("#queue")).to_contain_text("3ready")  # the job is told of elsewhere

    page.get_by_role("link", name="Delete").click()
    expect(page.locator("dialog")).to_contain_text("3 messages")
    page.locator("#ask-typed").fill("something else")
    with page.expect_response("**/ui/queues/parcels/delete") as refused:
        page.get_by_role("button", name="Delete it").click()
    assert "type the name" in refused.value.text()  # the toast goes by itself
    wrong.clear()  # the browser logs the 422
    page.get_by_role("link", name="Delete").click()
    page.locator("#ask-typed").fill("parcels")
    page.get_by_role("button", name="Delete it").click()
    expect(page.locator("h1")).to_have_text("Queues")
    expect(page.get_by_role("link", name="parcels")).to_have_count(0)
    assert page.evaluate("window.hit") is None
    wrong.clear()  # the page of what is removed may look for it once more
