"""HTTP to the server, on the standard library: quick to import, nothing to install.

Calls are synchronous and each has its own connection, so one client may serve many threads.
"""

import http.client
import json
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from orchestra import __version__
from orchestra.cli.problems import Refused, Unreachable
from orchestra.cli.shapes import ProblemDocument

T = TypeVar("T")
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Answer(msgspec.Struct, frozen=True):
    """What came back, below 400. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def read(self, kind: type[T]) -> T:
        """The body as `kind`. Raises Unreachable when it is not that: then it is not ours."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.DecodeError as error:
            raise Unreachable(f"the answer is not one of an orchestra server: {error}") from error


class Client:
    """One server, and how to ask it."""

    def __init__(self, url: str, key: str | None = None, timeout_s: float = 65.0) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unreachable(f"{url!r} is no address of a server, such as http://127.0.0.1:8000")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._tls, self._host, self._prefix = (
            parts.scheme == "https",
            parts.hostname,
            parts.path.rstrip("/"),
        )
        self._port = parts.port or (443 if self._tls else 80)
        self._key, self._timeout_s = key, timeout_s

    def get(self, path: str, **query: str | int | None) -> Answer:
        """GET, with the parameters that are not None."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self.call("GET", f"{path}?{urlencode(asked)}" if asked else path)

    def post(
        self, path: str, body: object = None, headers: Mapping[str, str] = NO_HEADERS
    ) -> Answer:
        """POST. `body` is bytes of JSON, or anything that becomes JSON; None sends `{}`."""
        encoded = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return self.call("POST", path, encoded, {"Content-Type": "application/json", **headers})

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Answer:
        """One request. Raises Refused from 400 up, Unreachable when there was no answer."""
        answer = self._exchange(method, path, body, self._headers(headers))
        if answer.status >= 400:
            raise Refused(problem_of(answer), answer.body)
        return answer

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        connection = self._connection()
        try:
            with self._explained():
                connection.request(method, self._prefix + path, body, dict(headers))
                response = connection.getresponse()
                content = response.read()
        finally:
            self._done(connection)
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, content)

    def kept(self) -> "KeptClient":
        """One like this with a connection that stays open."""
        return KeptClient(self.url, self._key, self._timeout_s)

    def events(
        self, method: str, path: str, body: object = None, ids: list[str] | None = None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The events of a stream as they come: name and data. Raises as `call` does.

        The last id that came is kept as the only one in `ids`.
        """
        sent = self._headers({"Accept": "text/event-stream", "Content-Type": "application/json"})
        encoded = None if body is None else json.dumps(body).encode()
        connection = self._connection()
        try:
            with self._explained():
                connection.request(method, self._prefix + path, encoded, dict(sent))
                response = connection.getresponse()
                named = {name.lower(): value for name, value in response.getheaders()}
                if response.status >= 400 or "event-stream" not in named.get("content-type", ""):
                    answer = Answer(response.status, named, response.read())
                    if answer.status >= 400:
                        raise Refused(problem_of(answer), answer.body)
                    yield "result", answer.read(dict[str, Any])
                    return
                yield from read_events(response, ids)
        finally:
            connection.close()

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "Accept": "application/json",
            "User-Agent": f"orchestra-cli/{__version__}",
            **({"Authorization": f"Bearer {self._key}"} if self._key else {}),
            **more,
        }

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What goes wrong on the way, as Unreachable."""
        try:
            yield
        except ConnectionRefusedError as error:
            raise Unreachable(f"nothing listens at {self.url}", refused=True) from error
        except socket.gaierror as error:
            raise Unreachable(f"no address is known for {self._host}") from error
        except TimeoutError as error:
            raise Unreachable(f"{self.url} gave no answer in {self._timeout_s:g} s") from error
        except ssl.SSLError as error:
            raise Unreachable(f"no secure connection to {self.url}: {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the connection to {self.url} broke: {error!r}") from error

    def _done(self, connection: http.client.HTTPConnection) -> None:
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)


class KeptClient(Client):
    """The same with one connection for all calls: for one thread that asks often."""

    _kept: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Close it. Safe to repeat."""
        if self._kept is not None:
            self._kept.close()

    def _done(self, connection: http.client.HTTPConnection) -> None:
        """Keep it: http.client opens it anew when the server closed it."""

    def _connection(self) -> http.client.HTTPConnection:
        if self._kept is None:
            self._kept = super()._connection()
        return self._kept


def read_events(
    lines: Iterable[bytes], ids: list[str] | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Server-sent events whose data are JSON objects; comments and other data are left out.

    The last id that came is kept as the only one in `ids`.
    """
    name, data = "message", list[bytes]()
    for line in lines:
        field, _, value = line.rstrip(b"\r\n").partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode("utf-8", errors="replace")
        elif field == b"data":
            data.append(value)
        elif field == b"id" and ids is not None:
            ids[:] = [value.decode("ascii", errors="replace")]
        elif not line.strip():
            if data:
                with suppress(msgspec.DecodeError):
                    yield name, msgspec.json.decode(b"\n".join(data), type=dict[str, Any])
            name, data = "message", []


def problem_of(answer: Answer) -> ProblemDocument:
    """The problem document (RFC 9457) in an answer, or one made from its status."""
    try:
        return msgspec.json.decode(answer.body, type=ProblemDocument)
    except msgspec.DecodeError:
        reason = http.client.responses.get(answer.status, "no reason given")
        return ProblemDocument(status=answer.status, title=reason)


def segment(text: str) -> str:
    """`text` as one segment of a path: an id or a name people typed."""
    return quote(text, safe="")
