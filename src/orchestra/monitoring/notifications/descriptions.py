"""What the routes of contacts and silences say about themselves, for the description of the API."""

from typing import Final

from orchestra.described import Answer, described
from orchestra.monitoring.notifications import documents
from orchestra.monitoring.notifications.reading import ContactInvalid, SilenceInvalid
from orchestra.monitoring.notifications.records import (
    ContactMoved,
    ContactNameTaken,
    ContactsExhausted,
    ContactTestedLately,
    ContactUnknown,
    SilencesExhausted,
    SilenceUnknown,
)
from orchestra.problems import BodyTooLarge
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.security.secrets import MasterKeyMissing
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull
from orchestra.store.repeats import IdempotencyMismatch

WRITES: Final = (StoreAway, NotReplicated, StoreFull, StoreDiskFull)
_JUDGED: Final = (*JSON_REFUSALS, BodyTooLarge, ContactInvalid, ContactNameTaken, MasterKeyMissing)
_ONCALL: Final = {"name": "oncall", "kind": "email", "to": ["oncall@example.com"], "default": True}
_MATCHERS: Final = [{"label": "agent", "value": "gpt*"}]

CONTACTS: Final = described(
    {200: Answer("All of them.", [documents.ContactPage])}, refusals=[StoreAway]
)
CREATE: Final = described(
    {
        201: Answer(
            "Made. Keep the secret: it is not shown again.",
            [documents.ContactMade],
            headers=["Location", "Idempotency-Replayed"],
        )
    },
    refusals=[*_JUDGED, ContactsExhausted, IdempotencyMismatch, *WRITES],
    body=documents.ContactBody,
    examples={
        "mail": _ONCALL,
        "a webhook": {"name": "pager", "kind": "webhook", "url": "https://example.com/hook"},
    },
)
ONE: Final = described(
    {200: Answer("The contact.", [documents.ContactShown])}, refusals=[ContactUnknown, StoreAway]
)
CHANGE: Final = described(
    {200: Answer("As it is from now on.", [documents.ContactMade])},
    refusals=[*_JUDGED, ContactUnknown, ContactMoved, *WRITES],
    body=documents.ContactBody,
    examples={"mail to two": _ONCALL | {"to": ["oncall@example.com", "lead@example.com"]}},
)
REMOVE: Final = described({204: Answer("Forgotten.")}, refusals=[ContactUnknown, *WRITES])
TEST: Final = described(
    {200: Answer("What came of it.", [documents.TestShown])},
    refusals=[ContactUnknown, ContactTestedLately, StoreAway],
)
SILENCES: Final = described(
    {200: Answer("All of them.", [documents.SilencePage])}, refusals=[StoreAway]
)
SILENCE: Final = described(
    {201: Answer("Nobody is told of these from now on.", [documents.SilenceMade],
                 headers=["Location", "Idempotency-Replayed"])},
    refusals=[
        *JSON_REFUSALS, BodyTooLarge, SilenceInvalid, SilencesExhausted, IdempotencyMismatch,
        *WRITES,
    ],
    body=documents.SilenceBody,
    examples={
        "two hours": {"matchers": _MATCHERS, "comment": "gpt is being moved", "duration": "2h"}
    },
)  # fmt: skip
SHOW: Final = described(
    {200: Answer("The silence.", [documents.SilenceShown])}, refusals=[SilenceUnknown, StoreAway]
)
PREVIEW: Final = described(
    {200: Answer("What it would be about now.", [documents.PreviewShown])},
    refusals=[*JSON_REFUSALS, BodyTooLarge, SilenceInvalid, StoreAway],
    body=documents.PreviewBody,
    examples={"one agent": {"matchers": _MATCHERS}},
)
UNSILENCE: Final = described(
    {204: Answer("It is over: what still fires is said.")}, refusals=[SilenceUnknown, *WRITES]
)
