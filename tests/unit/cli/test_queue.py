from typing import Any

import pytest
from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

QUEUE: dict[str, Any] = {
    "name": "orders", "created_at": "2026-11-23T08:00:00.000Z", "tries_max": 5, "lease_ms": 30_000,
    "depth_max": 100_000, "backoff_ms": [1_000], "depth": 6, "ready": 3, "in_flight": 2,
    "delayed": 1, "dead": 4, "oldest_ms": 1_240,
}  # fmt: skip
MESSAGE: dict[str, Any] = {
    "id": "msg_1", "receipt": "r1", "body": {"order": 17}, "attempt": 2,
    "enqueued_at": "2026-11-23T08:00:00.000Z", "group": None,
}  # fmt: skip


def test_queues_are_listed_with_their_counts(server: FakeServer, run: Run) -> None:
    server.answers("GET", "/api/queues/", (200, {"queues": [QUEUE], "cursor": None}))

    result = run("queue", "list", "--url", server.url)

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split()[:5] == ["orders", "3", "2", "1", "4"]


def test_a_message_is_sent_with_what_was_said_about_it(server: FakeServer, run: Run) -> None:
    server.answers("POST", "/api/queues/orders/messages", (202, {"ids": ["msg_1"]}))

    asked = ("queue", "send", "orders", '{"order": 17}', "--group", "g", "--priority", "0")
    result = run(*asked, "--url", server.url)

    assert result.exit_code == 0, result.output
    assert server.requests[0].body == {"body": {"order": 17}, "group": "g", "priority": 0}
    assert result.stdout == "sent msg_1\n"


def test_what_is_no_json_is_not_sent(server: FakeServer, run: Run) -> None:
    result = run("queue", "send", "orders", "{", "--url", server.url)

    assert result.exit_code == 2
    assert server.requests == []


def test_what_is_received_is_settled_when_asked_to(server: FakeServer, run: Run) -> None:
    server.answers("POST", "/api/queues/orders/receive", (200, {"messages": [MESSAGE]}))
    server.answers("POST", "/api/queues/orders/ack", (200, {"results": []}))

    result = run("queue", "receive", "orders", "--ack", "--url", server.url)

    assert result.exit_code == 0, result.output
    assert result.stdout == 'msg_1  try 2  {"order": 17}\n'
    assert server.requests[1].body == {"receipts": ["r1"]}


@pytest.mark.parametrize(
    ("options", "method", "body"),
    [
        (("--all", "--per-s", "5"), "POST", {"all": True, "per_s": 5}),
        (("msg_1", "msg_2"), "POST", {"ids": ["msg_1", "msg_2"]}),
        (("--stop",), "DELETE", None),
        ((), "GET", None),
        (
            ("--error", "timed out", "--kind", "lost", "--since", "2026-11-23T08:00:00Z"),
            "POST",
            {
                "filter": {"error": "timed out", "kind": "lost", "since": "2026-11-23T08:00:00Z"},
                "per_s": 100,
            },
        ),
    ],
)
def test_dead_letters_are_put_back(
    server: FakeServer, run: Run, options: tuple[str, ...], method: str, body: object
) -> None:
    job = {"id": "rdv_1", "state": "running", "moved": 1, "total": 2}
    server.answers(method, "/api/queues/orders/redrive", (200, job))

    result = run("queue", "redrive", "orders", *options, "--url", server.url)

    assert result.exit_code == 0, result.output
    assert server.requests[0].body == body
    assert result.stdout == "running: 1 of 2 are back in line\n"


def test_a_queue_is_purged_only_when_it_is_meant(server: FakeServer, run: Run) -> None:
    server.answers("DELETE", "/api/queues/orders", (204, None))

    refused = run("queue", "purge", "orders", "--url", server.url, stdin="n\n")
    result = run("queue", "purge", "orders", "--yes", "--url", server.url)

    assert refused.exit_code == 1
    assert result.exit_code == 0, result.output
    assert len(server.requests) == 1


def test_messages_are_looked_at(server: FakeServer, run: Run) -> None:
    peeked = {**MESSAGE, "attempts": 1, "until": "2026-11-23T09:00:00.000Z", "state": "delayed"}
    server.answers(
        "GET", "/api/queues/orders/messages", (200, {"messages": [peeked], "cursor": "0.1"})
    )

    result = run("queue", "peek", "orders", "--state", "delayed", "--url", server.url)

    assert result.exit_code == 0, result.output
    assert server.requests[0].query == "state=delayed&limit=50"
    assert "msg_1" in result.stdout
    assert "There are more" in result.stdout
