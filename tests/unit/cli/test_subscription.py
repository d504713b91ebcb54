from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

AT = "/api/events/subscriptions"
MADE = {
    "name": "billing",
    "event_filter": {"event_types": ["order.*"], "sources": [], "keys": []},
    "start": "new",
    "created_at": "2026-11-23T02:00:00.000Z",
}
EVENT = {
    "id": "evt_1",
    "type": "order.placed",
    "time": "2026-11-23T02:00:01.000Z",
    "source": "shop",
    "subject": "order-17",
    "data": {"total": 120.5},
}


def test_create_sends_the_filter(server: FakeServer, run: Run) -> None:
    server.answers("POST", AT, (201, MADE))

    words = ("create", "billing", "--type", "order.*", "--source", "shop", "--start", "oldest")
    result = run("event", "subscription", *words, "--url", server.url)

    assert result.exit_code == 0
    assert server.requests[0].body == {
        "name": "billing",
        "event_filter": {"event_types": ["order.*"], "sources": ["shop"], "keys": []},
        "start": "oldest",
    }


def test_list_says_what_waits(server: FakeServer, run: Run) -> None:
    lag = {"events": 3, "more": False, "oldest_at": None, "oldest_age_ms": 12}
    server.answers("GET", AT, (200, {"subscriptions": [MADE]}))
    server.answers("GET", f"{AT}/billing", (200, MADE | {"lag": lag}))

    result = run("event", "subscription", "list", "--url", server.url)

    assert "billing" in result.stdout
    assert "order.*  3 waiting" in result.stdout


def test_pull_prints_and_acknowledges_when_asked(server: FakeServer, run: Run) -> None:
    server.answers("POST", f"{AT}/billing/pull", (200, {"events": [EVENT], "cursor": "1.pul_x"}))
    server.answers("POST", f"{AT}/billing/ack", (200, {"acknowledged": True}))

    words = ("pull", "billing", "--wait", "2", "--ack")
    result = run("event", "subscription", *words, "--url", server.url)

    assert result.exit_code == 0
    assert "order.placed" in result.stdout
    assert server.requests[0].body == {"max": 50, "wait_ms": 2_000}
    assert server.requests[1].body == {"cursor": "1.pul_x"}


def test_ack_and_remove(server: FakeServer, run: Run) -> None:
    server.answers("POST", f"{AT}/billing/ack", (200, {"acknowledged": True}))
    server.answers("DELETE", f"{AT}/billing", (204, None))

    acked = run("event", "subscription", "ack", "billing", "1.pul_x", "--url", server.url)
    removed = run("event", "subscription", "remove", "billing", "--url", server.url)

    assert (acked.stdout.strip(), removed.stdout.strip()) == ("acknowledged", "removed billing")
