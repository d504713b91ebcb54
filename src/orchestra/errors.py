"""Every deliberate error, as one tree. Modules raise; only `app.py` turns them into responses.

OrchestraError                500
├── BadRequest                400  cannot be read: not JSON, not UTF-8, too deep
├── Unauthenticated           401
├── Forbidden                 403
├── NotFound                  404  unknown, or another tenant's
├── Conflict                  409  impossible in the present state
├── TooLarge                  413
├── UnsupportedMedia          415
├── Misdirected               421  a Host that is not ours
├── Invalid                   422  can be read and is wrong: all findings at once
├── TooMany                   429
├── Unavailable               503  try again later
└── Storage                   507  the disk is full
Subclasses live beside what raises them; their name is the problem's code (`NoAgentAvailable`
is `no_agent_available`, type `/problems/no-agent-available`).
"""

import re
from collections.abc import Sequence
from typing import ClassVar

import msgspec

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One finding about what the caller sent. `pointer` is a JSON Pointer (RFC 6901) into it."""

    pointer: str
    code: str
    message: str
    suggestion: str | None = None


class OrchestraError(Exception):
    """Base of every deliberate error. `detail` is shown to the caller, so it holds no secrets.

    `context` becomes extra members of the problem document (RFC 9457, section 3.2).
    """

    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, **context: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.context = context

    @property
    def code(self) -> str:
        """Stable name of the kind of error: the class name in snake case."""
        return _WORD.sub("_", type(self).__name__).lower()

    @property
    def title(self) -> str:
        """The kind in words: the class name with spaces."""
        return _WORD.sub(" ", type(self).__name__).capitalize()

    @property
    def retry_after_ms(self) -> int | None:
        """How long the caller should wait before asking again; None when it is not known."""
        wait = self.context.get("retry_after_ms")
        return wait if isinstance(wait, int) else None


class BadRequest(OrchestraError):
    """What was sent cannot be read."""

    status = 400


class Unauthenticated(OrchestraError):
    """Nobody we know, and this route needs somebody."""

    status = 401


class Forbidden(OrchestraError):
    """Known, and not allowed. Context: `permission`."""

    status = 403


class NotFound(OrchestraError):
    """Unknown here, or another tenant's: the same answer for both."""

    status = 404


class Conflict(OrchestraError):
    """Not possible in the present state."""

    status = 409


class TooLarge(OrchestraError):
    """Over a size limit. Context: `limit_bytes`."""

    status = 413


class UnsupportedMedia(OrchestraError):
    """A body that is not declared as JSON in UTF-8."""

    status = 415


class Misdirected(OrchestraError):
    """A Host that is not ours."""

    status = 421


class Invalid(OrchestraError):
    """Readable and wrong. `findings` has everything that is wrong with it, not the first."""

    status = 422

    def __init__(self, detail: str, findings: Sequence[object] = (), **context: object) -> None:
        super().__init__(detail, **context)
        self.findings = tuple(findings)


class TooMany(OrchestraError):
    """Over a rate or a quota. Context: `retry_after_ms`."""

    status = 429
    retryable = True


class Unavailable(OrchestraError):
    """Cannot be done now. Asking again is safe. Context: `retry_after_ms`."""

    status = 503
    retryable = True


class Storage(OrchestraError):
    """No room left for new work; running work goes on."""

    status = 507
    retryable = True
