"""Sessions of browsers: what makes one last."""

import hashlib

import pytest

from orchestra.clock import ManualClock
from orchestra.errors import Unauthenticated
from orchestra.security.keys import KeyRing, Wish
from orchestra.security.sessions import ABSOLUTE_MS, TOUCH_MS, Sessions
from orchestra.store import session_keys
from orchestra.store.client import Store
from orchestra.store.keys import identities

pytestmark = pytest.mark.anyio

PEPPER = b"p" * 32


async def kept(store: Store, session: str) -> object:
    """What the store has of it."""
    prefix = identities(store.space)
    digest = hashlib.sha256(session.encode()).hexdigest()
    return await store.read(prefix, "GET", session_keys.session(prefix, digest))


async def test_an_open_stream_does_not_make_a_session_last_and_a_request_does(
    store: Store,
) -> None:
    clock = ManualClock()
    ring = KeyRing(store, clock, PEPPER)
    key, shown = await ring.create(Wish(name="k"))
    sessions = Sessions(store, ring, clock, PEPPER)
    text = (await sessions.begin(shown)).id
    began = await kept(store, text)
    clock.advance(2 * TOUCH_MS)

    principal, _ = await sessions.authenticate(text)
    assert (principal.actor, await sessions.lasts(text)) == (key.id, True)
    assert await kept(store, text) == began
    assert await sessions.find(text) is not None
    assert await kept(store, text) != began

    clock.advance(ABSOLUTE_MS)
    with pytest.raises(Unauthenticated):
        await sessions.authenticate(text)
