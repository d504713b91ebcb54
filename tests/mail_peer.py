"""A real SMTP server for tests, in a thread: keeps what it is given, and errs as it is told."""

import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from valkey_servers import free_port


@dataclass
class MailServer:
    """What came, and what is answered: a line such as `550 no such mailbox`, by command."""

    port: int = 0
    got: list[Envelope] = field(default_factory=list[Envelope])
    answers: dict[str, str] = field(default_factory=dict[str, str])
    logins: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    came: threading.Event = field(default_factory=threading.Event)

    @property
    def mails(self) -> list[EmailMessage]:
        """What came, parsed."""
        contents = (cast("bytes", one.content) for one in self.got)
        return [message_from_bytes(content, policy=default) for content in contents]

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: Any
    ) -> str:
        """To whom."""
        told = self.answers.get(f"RCPT {address}") or self.answers.get("RCPT")
        if told is None:
            envelope.rcpt_tos.append(address)
        return told or "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        """What."""
        told = self.answers.get("DATA")
        if told is None:
            self.got.append(envelope)
            self.came.set()
        return told or "250 taken"

    def authenticate(self, _: SMTP, __: Session, ___: Envelope, ____: str, data: object) -> Any:
        """Everybody who knows the password."""
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"pass word", handled=False)


@contextlib.contextmanager
def mail_server(tls: ssl.SSLContext | None = None, *, auth: bool = False) -> Iterator[MailServer]:
    """Up for the duration of the block, on a port of its own."""
    kept = MailServer()
    options: dict[str, Any] = {"tls_context": tls, "require_starttls": tls is not None}
    if auth:
        options |= {"authenticator": kept.authenticate, "auth_require_tls": tls is not None}
    kept.port = free_port()
    control = Controller(kept, hostname="127.0.0.1", port=kept.port, ready_timeout=30, **options)
    control.start()
    try:
        yield kept
    finally:
        control.stop()
