"""The server that takes mail: where it is, how it is dialled, what it says.

The settings name it; the outbound guard resolves the name, and the very address it allows is
dialled. The conversation is the standard library's, in a thread: its socket is closed when the time
is up, so that no server keeps a thread for longer.
"""

import smtplib
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import anyio
import anyio.to_thread
import msgspec

from orchestra.errors import Invalid
from orchestra.log import COVERED

CONNECT_S: Final = 10.0
EACH_S: Final = 30.0
"""For one answer of the server."""
TOTAL_S: Final = 60.0
AT_ONCE: Final = 8
_PORTS: Final[Mapping[str, int]] = {"smtp": 587, "smtps": 465}
_HELLO: Final = "orchestra"

Tls = Literal["starttls", "implicit", "none"]
Judge = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host that may be dialled. Raises OSError when none may, or it is unknown."""


class ServerInvalid(Invalid):
    """The settings of mail cannot be used. Ends the start."""


class Refused(Exception):
    """The mail was not taken. `definite`: trying again would not help."""

    def __init__(self, told: str, *, definite: bool, status: int | None = None) -> None:
        super().__init__(told)
        self.told, self.definite, self.status = told, definite, status


class Server(msgspec.Struct, frozen=True):
    """Where mail is taken."""

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port}, {self.tls})"

    @classmethod
    def of(cls, url: str) -> "Server":
        """From `smtp://user:password@host:587`, `smtps://…`; `?tls=none` sends in the clear.

        Without TLS only to this machine, unless it says so. Raises ServerInvalid.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            raise ServerInvalid("smtp_url is no URL") from None
        asked = parse_qs(parts.query).get("tls", [""])[0]
        if (
            parts.scheme not in _PORTS
            or not parts.hostname
            or asked not in ("", "none", "starttls")
        ):
            raise ServerInvalid("smtp_url is like smtp://user:password@host:587 or smtps://host")
        near = is_near(parts.hostname)
        tls: Tls = "none" if asked == "none" or (near and not asked) else "starttls"
        if parts.scheme == "smtps":
            tls = "implicit"
        password = unquote(parts.password or "")
        if password:
            COVERED.add(password)
        return cls(parts.hostname, port, tls, unquote(parts.username or ""), password)


class Line:
    """Sends messages to one server, some at once."""

    def __init__(
        self, server: Server, judge: Judge, tls: ssl.SSLContext | None = None,
        total_s: float = TOTAL_S,
    ) -> None:  # fmt: skip
        self._server, self._judge, self._total_s = server, judge, total_s
        self._tls = tls
        self._threads: anyio.CapacityLimiter | None = None

    async def send(self, message: EmailMessage, of: Address, to: str) -> str:
        """Hand it over for one recipient; what the server said. Raises Refused."""
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(AT_ONCE)
        try:
            with anyio.fail_after(CONNECT_S):
                addresses = await self._judge(self._server.host, self._server.port)
        except TimeoutError:
            raise Refused(
                "the mail server's name was not resolved in time", definite=False
            ) from None
        except OSError:
            raise Refused("destination not allowed", definite=False) from None
        talk = _Talk(self._server, self._tls, (message.as_bytes(), of.addr_spec, to))
        try:
            with anyio.fail_after(self._total_s):
                return await anyio.to_thread.run_sync(
                    talk.sent, addresses, abandon_on_cancel=True, limiter=self._threads
                )
        except TimeoutError:
            raise Refused("the mail server did not answer in time", definite=False) from None
        finally:
            talk.close()


class _Talk:
    """One conversation, in a thread of its own; `close` may be called from any."""

    def __init__(
        self, server: Server, tls: ssl.SSLContext | None, mail: tuple[bytes, str, str]
    ) -> None:
        self._server, self._tls, self._mail = server, tls, mail
        self._socket: socket.socket | None = None
        self._over = False

    def close(self) -> None:
        """End it, wherever it is."""
        self._over = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()

    def sent(self, addresses: list[str]) -> str:
        """What the server said to the message. Raises Refused."""
        try:
            with closing(self._dialled(addresses)) as wire:
                return self._told(wire)
        except smtplib.SMTPResponseException as answer:
            raise _refusal(answer.smtp_code, answer.smtp_error) from None
        except ssl.SSLError as bad:
            raise Refused(f"no TLS with the mail server: {bad.reason}", definite=False) from None
        except TimeoutError:
            raise Refused("the mail server did not answer in time", definite=False) from None
        except (OSError, smtplib.SMTPException):
            raise Refused("the connection to the mail server broke", definite=False) from None

    def _dialled(self, addresses: list[str]) -> smtplib.SMTP:
        for address in addresses:
            try:
                self._socket = socket.create_connection((address, self._server.port), CONNECT_S)
                break
            except OSError:
                continue
        if self._over:  # while it was dialled
            self.close()
        if self._socket is None:
            raise Refused("could not connect to the mail server", definite=False)
        self._socket.settimeout(EACH_S)
        if self._server.tls == "implicit":
            self._secure(self._socket)
        wire = smtplib.SMTP(local_hostname=_HELLO, timeout=EACH_S)
        wire.sock = self._socket
        code, told = wire.getreply()
        if code != 220:
            raise _refusal(code, told)
        return wire

    def _told(self, wire: smtplib.SMTP) -> str:
        body, of, to = self._mail
        wire.ehlo_or_helo_if_needed()
        if self._server.tls == "starttls":
            self._upgrade(wire)
        if self._server.user:
            self._login(wire)
        steps = (lambda: wire.mail(of), lambda: wire.rcpt(to), lambda: wire.data(body))
        told = b""
        for step in steps:  # one after the other, for as long as it says yes
            code, told = step()
            if not 200 <= code < 300:
                raise _refusal(code, told)
        with suppress(OSError, smtplib.SMTPException):  # it is taken, whatever comes
            wire.quit()
        return _shown(told)

    def _upgrade(self, wire: smtplib.SMTP) -> None:
        """Nothing of what was said in the clear is believed after it."""
        if not wire.has_extn("starttls"):
            told = "the mail server offers no TLS: say ?tls=none in smtp_url to go without"
            raise Refused(told, definite=False)
        code, said = wire.docmd("STARTTLS")
        if code != 220 or self._socket is None:
            raise _refusal(code, said)
        wire.sock, wire.file = self._secure(self._socket), None
        wire.helo_resp, wire.ehlo_resp, wire.does_esmtp, wire.esmtp_features = None, None, False, {}
        wire.ehlo_or_helo_if_needed()

    def _secure(self, bare: socket.socket) -> ssl.SSLSocket:
        context = self._tls or ssl.create_default_context()
        secured = context.wrap_socket(bare, server_hostname=self._server.host)
        self._socket = secured
        return secured

    def _login(self, wire: smtplib.SMTP) -> None:
        try:
            wire.login(self._server.user, self._server.password)
        except smtplib.SMTPAuthenticationError as denied:
            code = denied.smtp_code
            raise Refused("the mail server does not take the password", definite=False,
                          status=code) from None  # fmt: skip
        except smtplib.SMTPNotSupportedError:
            raise Refused("the mail server takes no passwords", definite=False) from None


def is_near(host: str) -> bool:
    """Whether it is this machine."""
    if host in ("localhost", "localhost."):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal(code: int, told: bytes | str) -> Refused:
    """What the server said: 5xx is for good, everything else may change."""
    said = f"the mail server said {code} {_shown(told)}".strip()
    return Refused(said, definite=500 <= code < 600, status=code)


def _shown(told: bytes | str) -> str:
    """A server's words, on one line, without secrets."""
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else told
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:400]).split())
    return COVERED.over(line)[:200]
