"""Mail, handed over to a real server: taken, refused, held up, and what cannot be slipped in."""

import socket
import ssl
import threading
from collections.abc import Iterator
from email.headerregistry import Address
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from mail_certificates import certified
from mail_peer import MailServer, mail_server

from orchestra.agents import Reject, Retry, Task
from orchestra.clock import SystemClock
from orchestra.connectors.email import Mailer, email_agent
from orchestra.connectors.email_messages import Message, composed, is_address, sender
from orchestra.connectors.email_server import Line, Refused, Server, ServerInvalid
from orchestra.covering import MASK
from orchestra.log import COVERED
from orchestra.security.mail_guard import MailGuard
from orchestra.settings import Settings
from orchestra.store.keys import DEFAULT_TENANT as HOME

pytestmark = pytest.mark.anyio

OF = "Orchestra <alerts@example.com>"


async def anywhere(host: str, _: int) -> list[str]:
    return ["127.0.0.1"] if host in ("localhost", "mail.test") else [host]


def a_mailer(url: str, tls: ssl.SSLContext | None = None, total_s: float = 60.0) -> Mailer:
    return Mailer(Line(Server.of(url), anywhere, tls, total_s), OF, SystemClock())


def a_message(**given: str) -> Message:
    text = {"key": "k", "subject": "s", "text": "t"} | given
    return Message(
        text["key"], ("a@example.com",), text["subject"], text["text"], text.get("html", "")
    )


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


async def test_a_mail_is_taken_with_an_id_that_follows_from_its_key(mail: MailServer) -> None:
    mailer = a_mailer(f"smtp://127.0.0.1:{mail.port}")
    for key in ("one", "one", "two"):
        await mailer.send(a_message(key=key, html="<p>t</p>"), "a@example.com")
    ids = [one["Message-ID"] for one in mail.mails]

    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@example.com>")
    assert mail.mails[0]["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in mail.mails[0].iter_parts()] == [
        "text/plain", "text/html",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "subject",
    ["x\r\nBcc: evil@example.com", "x\nX-Evil: 1", "x\x00y", "x\u2028Bcc: evil@example.com",
     "ö" * 10_000, "x\r\n\r\nbody", "=?utf-8?q?=0d=0aBcc:_evil?=", "\ud800"],
)  # fmt: skip
async def test_nothing_gets_into_the_headers(mail: MailServer, subject: str) -> None:
    mailer = a_mailer(f"smtp://127.0.0.1:{mail.port}")
    await mailer.send(
        a_message(subject=subject, text=subject + "\r\n.\r\nQUIT\r\n"), "a@example.com"
    )
    [got] = mail.mails

    assert {name.lower() for name in got} == {
        "from", "to", "subject", "date", "message-id", "auto-submitted", "content-type",
        "content-transfer-encoding", "mime-version", "x-peer", "x-mailfrom", "x-rcptto",
    } - {"x-peer", "x-mailfrom", "x-rcptto"}  # fmt: skip
    assert len(got["Subject"]) <= 200
    assert mail.got[0].rcpt_tos == ["a@example.com"]


@pytest.mark.parametrize(
    "address",
    ["", "a", "@b", "a@", "a@b\r\nRCPT TO:<c@d>", "a b@c", "a@b,c@d", "<a@b>", "a@b>", '"a b"@c',
     "a@[127.0.0.1]", "a@b..c", ".a@b", "a@-b", "ä@b", "a@b" + "c" * 300, "a@b c", "a@b;c@d"],
)  # fmt: skip
def test_what_is_no_plain_address_is_none(address: str) -> None:
    assert not is_address(address)


@pytest.mark.parametrize("address", ["a@b", "first.last+tag@sub.example.com", "o'x@example.com"])
def test_plain_addresses_are(address: str) -> None:
    assert is_address(address)


@pytest.mark.parametrize(
    ("answers", "definite", "status"),
    [
        ({"RCPT": "550 no such mailbox"}, True, 550),
        ({"RCPT": "450 try later"}, False, 450),
        ({"DATA": "554 spam"}, True, 554),
        ({"DATA": "452 disk full"}, False, 452),
    ],
)
async def test_what_the_server_says_decides_whether_it_is_tried_again(
    mail: MailServer, answers: dict[str, str], definite: bool, status: int
) -> None:
    mail.answers = answers
    with pytest.raises(Refused) as refused:
        await a_mailer(f"smtp://127.0.0.1:{mail.port}").send(a_message(), "a@example.com")

    assert (refused.value.definite, refused.value.status) == (definite, status)
    assert str(status) in refused.value.told


async def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Refused) as refused:
            await a_mailer(url, total_s=0.1).send(a_message(), "a@example.com")

    assert not refused.value.definite
    assert "in time" in refused.value.told


async def test_who_is_given_up_is_hung_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(120)
        mailer = a_mailer(f"smtp://127.0.0.1:{silent.getsockname()[1]}", total_s=3_600)
        accepted: list[socket.socket] = []
        async with anyio.create_task_group() as group:
            group.start_soon(mailer.send, a_message(), "a@example.com")
            accepted.append((await anyio.to_thread.run_sync(silent.accept))[0])
            group.cancel_scope.cancel()
        with accepted[0] as peer:
            peer.settimeout(120)
            heard = peer.recv(1)

    assert heard == b"", "the conversation is over, and its thread with it"


async def test_a_server_that_hangs_up_and_one_that_is_not_there_are_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:
        port = rude.getsockname()[1]

        def hang_up() -> None:
            rude.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(Refused) as dropped:
            await a_mailer(f"smtp://127.0.0.1:{port}").send(a_message(), "a@example.com")
        thread.join()
    with pytest.raises(Refused) as nobody:
        await a_mailer(f"smtp://127.0.0.1:{port}").send(a_message(), "a@example.com")

    assert (dropped.value.definite, nobody.value.definite) == (False, False)


async def test_passwords_go_over_tls_that_is_verified(tmp_path: Path) -> None:
    server_tls, trusting = certified(tmp_path, "mail.test")
    with mail_server(server_tls, auth=True) as mail:
        url = f"smtp://me:pass%20word@mail.test:{mail.port}"
        said = await a_mailer(url, trusting).send(a_message(), "a@example.com")
        with pytest.raises(Refused) as strange:
            await a_mailer(url).send(a_message(), "a@example.com")
        wrong = url.replace("pass%20word", "not-the-word")
        with pytest.raises(Refused) as denied:
            await a_mailer(wrong, trusting).send(a_message(), "a@example.com")

    assert "taken" in said
    assert mail.logins[0] == (b"me", b"pass word")
    assert "TLS" in strange.value.told
    assert not denied.value.definite
    assert "not-the-word" not in denied.value.told


async def test_a_server_elsewhere_without_tls_gets_nothing(mail: MailServer) -> None:
    with pytest.raises(Refused) as plain:
        await a_mailer(f"smtp://mail.test:{mail.port}").send(a_message(), "a@example.com")
    await a_mailer(f"smtp://mail.test:{mail.port}?tls=none").send(a_message(), "a@example.com")

    assert "offers no TLS" in plain.value.told
    assert len(mail.got) == 1


def test_a_password_is_in_no_repr_and_in_no_line_of_the_log() -> None:
    server = Server.of("smtps://me:hunter2hunter2@mail.test")

    assert "hunter2" not in repr(server)
    assert COVERED.over("said hunter2hunter2") == f"said {MASK}"
    settings = Settings(smtp_url="smtp://me:hunter2hunter2@h", smtp_from="a@b")
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("url", ["http://a", "smtp://", "smtp://a:b:c", "smtp://a?tls=maybe", "x"])
def test_what_is_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(ServerInvalid):
        Server.of(url)


async def test_the_guard_admits_the_server_of_the_operator_and_never_us() -> None:
    settings = Settings(port=2525, smtp_from="a@b")

    async def to(host: str, _: int) -> list[str]:
        return [host]

    guard = MailGuard(settings, lambda: frozenset({("10.0.0.9", 6379)}), to)
    assert await guard("10.1.2.3", 25) == ["10.1.2.3"]
    assert await guard("127.0.0.1", 1025) == ["127.0.0.1"]
    for host, port in (("169.254.169.254", 25), ("127.0.0.1", 2525), ("10.0.0.9", 6379)):
        with pytest.raises(OSError, match="not allowed"):
            await guard(host, port)


async def test_the_agent_sends_to_each_and_says_who_was_refused(mail: MailServer) -> None:
    mail.answers = {"RCPT b@example.com": "550 no"}
    [capability] = email_agent(a_mailer(f"smtp://127.0.0.1:{mail.port}")).capabilities
    given = {"to": ["a@example.com", "b@example.com"], "subject": "s", "text": "t"}

    async def run(**changed: object) -> object:
        return await capability.run(Task("tsk_1", HOME, given | changed, key="k"))  # pyright: ignore

    told = await run()
    with pytest.raises(Reject):
        await run(to=["b@example.com"])
    with pytest.raises(Reject):
        await run(to=["a@example.com", "a b"])
    mail.answers = {"RCPT": "450 later"}
    with pytest.raises(Retry):
        await run()

    assert told == {
        "message_id": mail.mails[0]["Message-ID"],
        "accepted": ["a@example.com"],
        "refused": {"b@example.com": "the mail server said 550 no"},
    }


def test_names_of_senders_are_one_line() -> None:
    assert sender("Orc\r\nBcc: x <a@b>") == Address("Orc Bcc: x", "a", "b")
    assert sender("a@b") == Address("", "a", "b")
    assert sender("nobody") is None
    of = Address("Ö", "a", "b")
    made = composed(a_message(), of, ["c@d"], 1_700_000_000_000)
    assert made["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"


def test_mail_is_for_servers_that_take_seven_bits_and_short_lines() -> None:
    of = sender("alerts@example.com")
    assert of is not None
    message = Message("k", ("a@example.com",), "— é", "é" * 2_000, "<p>" + "é" * 2_000 + "</p>")

    sent = composed(message, of, message.to, 0).as_bytes()

    assert sent.isascii()
    assert max(map(len, sent.split(b"\r\n"))) <= 78
