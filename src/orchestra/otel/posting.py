"""Posting what is written already to the collector, as the exporters of the SDK do: patiently,
but not for long.
"""

import gzip
import io
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import requests

AGAIN: Final = frozenset({429, 502, 503, 504})
FIRST_PAUSE_S: Final = 0.5
REFUSED: Final = 400
ANSWER_MAX: Final = 4_096
_QUICK: Final = 1
"""Level of compression: more takes longer than it saves."""


class Session(requests.Session):
    """Goes where the operator says and nowhere else, and reads no answers: they may be endless.

    No proxy and no password of the environment; a redirect is a refusal.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        """Only the head of the answer counts."""
        how |= {"stream": True, "allow_redirects": False}
        answer = super().send(request, **how)
        length = answer.headers.get("content-length", "")
        if length.isdigit() and len(length) < 5 and int(length) <= ANSWER_MAX:
            answer.raw.read(ANSWER_MAX)  # to its end: the connection serves again
        answer.close()
        answer.raw = io.BytesIO()
        if 300 <= answer.status_code < 400:  # the exporters of the SDK take it for a yes
            answer.status_code = REFUSED
        return answer


class Posting:
    """One address. `close` may be called from any thread, and ends what is repeated."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        session: requests.Session,
        within_s: float,
        now: Callable[[], float],
    ) -> None:
        self._url, self._session, self._within_s = url, session, within_s
        self._now = now
        own = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
        self._headers = {**headers, **own}
        self._closed = threading.Event()

    def post(self, body: bytes) -> bool:
        """Whether it was taken. Blocks."""
        packed = gzip.compress(body, _QUICK)
        until, pause_s = self._now() + self._within_s, FIRST_PAUSE_S
        while True:
            left_s = until - self._now()
            if left_s <= 0:
                return False
            try:
                answer = self._session.post(
                    self._url, packed, headers=self._headers, timeout=left_s, allow_redirects=False
                )
            except requests.ConnectionError:
                pass
            except requests.RequestException:
                return False
            else:
                if answer.status_code not in AGAIN:
                    return 200 <= answer.status_code < 300
            if self._closed.wait(min(pause_s, max(until - self._now(), 0.0))):
                return False
            pause_s *= 2

    def close(self) -> None:
        """Repeat nothing any more."""
        self._closed.set()
