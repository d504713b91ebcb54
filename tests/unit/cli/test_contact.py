"""`orchestra contact` and `orchestra silence`: what is asked, and what is shown."""

from typing import Any

import pytest
from unit.cli.conftest import Run
from unit.cli.fake_server import FakeServer

CONTACTS, SILENCES = "/api/alerts/contacts/", "/api/alerts/silences/"
CONTACT: dict[str, Any] = {
    "id": "con_1", "name": "pager", "kind": "webhook", "to": [], "url": "https://example.com/hook",
    "resolved": True, "default": True, "secret": "whsec_abc",
}  # fmt: skip
SILENCE: dict[str, Any] = {
    "id": "sil_1", "state": "active", "ends_at": "2026-11-23T10:00:00.000Z", "author": "key_1",
    "comment": "known", "matchers": [{"label": "agent", "op": "!=", "value": "gpt*"}], "count": 1,
    "matches": [{"id": "alr_1.a", "labels": {"agent": "claude"}}],
}  # fmt: skip


def test_contacts_are_listed(server: FakeServer, run: Run) -> None:
    server.answers("GET", CONTACTS, (200, {"contacts": [CONTACT]}))

    result = run("contact", "list", "--url", server.url)

    assert result.exit_code == 0, result.output
    for word in ("con_1", "pager", "webhook", "example.com", "yes"):
        assert word in result.stdout


def test_a_contact_is_made_and_its_secret_shown(server: FakeServer, run: Run) -> None:
    server.answers("POST", CONTACTS, (201, CONTACT))

    result = run(
        "contact", "add", "pager", "--webhook", "https://example.com/hook", "--default",
        "--no-resolved", "--url", server.url,
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert result.stdout == "con_1  whsec_abc\n"
    assert server.requests[0].body == {
        "name": "pager", "kind": "webhook", "url": "https://example.com/hook", "default": True,
        "resolved": False,
    }  # fmt: skip


def test_mail_has_addresses(server: FakeServer, run: Run) -> None:
    server.answers("POST", CONTACTS, (201, CONTACT | {"secret": None}))

    result = run("contact", "add", "x", "--to", "a@b", "--to", "c@d", "--url", server.url)

    assert result.stdout == "con_1\n"
    assert server.requests[0].body["to"] == ["a@b", "c@d"]


@pytest.mark.parametrize("given", [[], ["--to", "a@b", "--slack", "https://x.example"]])
def test_a_contact_is_of_one_kind(server: FakeServer, run: Run, given: list[str]) -> None:
    result = run("contact", "add", "x", *given, "--url", server.url)

    assert result.exit_code == 2
    assert server.requests == []


@pytest.mark.parametrize(("delivered", "code"), [(True, 0), (False, 1)])
def test_a_test_fails_when_somebody_was_not_reached(
    server: FakeServer, run: Run, delivered: bool, code: int
) -> None:
    attempt = {"to": "a@b", "delivered": delivered, "status": 550, "ms": 12, "detail": "no"}
    told = {"contact_id": "con_1", "delivered": delivered, "attempts": [attempt]}
    server.answers("POST", f"{CONTACTS}con_1/test", (200, told))

    result = run("contact", "test", "con_1", "--url", server.url)

    assert result.exit_code == code
    assert result.stdout == "a@b: status 550 after 12 ms: no\n"


def test_a_silence_says_what_it_is_about(server: FakeServer, run: Run) -> None:
    server.answers("POST", SILENCES, (201, SILENCE))
    server.answers("GET", SILENCES, (200, {"silences": [SILENCE]}))

    made = run(
        "silence", "add", "agent!=gpt*", "alertname=Agent errors", "--for", "2h", "--comment",
        "known", "--url", server.url,
    )  # fmt: skip
    listed = run("silence", "list", "--url", server.url)

    assert made.exit_code == 0, made.output
    assert made.stdout == "sil_1  until 2026-11-23T10:00:00.000Z\n"
    assert "alr_1.a" in made.stderr
    assert server.requests[0].body["matchers"] == [
        {"label": "agent", "op": "!=", "value": "gpt*"},
        {"label": "alertname", "op": "=", "value": "Agent errors"},
    ]
    assert "sil_1" in listed.stdout


def test_a_preview_keeps_nothing(server: FakeServer, run: Run) -> None:
    told = {"count": 1, "matches": SILENCE["matches"]}
    server.answers("POST", f"{SILENCES}preview", (200, told))

    result = run(
        "silence", "add", "agent=x", "--for", "2h", "--comment", "c", "--preview", "--url",
        server.url,
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert "alr_1.a  agent=claude" in result.stdout


def test_what_is_removed_is_asked_for_by_its_id(server: FakeServer, run: Run) -> None:
    server.answers("DELETE", f"{CONTACTS}con_1", (204, {}))
    server.answers("DELETE", f"{SILENCES}sil_1", (204, {}))

    gone = run("contact", "remove", "con_1", "--yes", "--url", server.url)
    over = run("silence", "remove", "sil_1", "--url", server.url)

    assert (gone.exit_code, over.exit_code) == (0, 0)
    assert [one.path for one in server.requests] == [f"{CONTACTS}con_1", f"{SILENCES}sil_1"]
