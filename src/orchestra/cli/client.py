"""HTTP to the server, on the standard library: quick to import, nothing to install.

Calls are synchronous and each has its own connection, so one client may serve many threads.
"""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar
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
        sent = {
            "Accept": "application/json",
            "User-Agent": f"orchestra-cli/{__version__}",
            **({"Authorization": f"Bearer {self._key}"} if self._key else {}),
            **headers,
        }
        answer = self._exchange(method, path, body, sent)
        if answer.status >= 400:
            raise Refused(problem_of(answer), answer.body)
        return answer

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        connection = self._connection()
        try:
            connection.request(method, self._prefix + path, body, dict(headers))
            response = connection.getresponse()
            content = response.read()
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
        finally:
            connection.close()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, content)

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)


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
