"""What the pages ask of the interface: what changes something, and what only asks."""

from contextlib import nullcontext
from typing import Any

import anyio
import pytest

from orchestra.clock import ManualClock
from orchestra.dashboard.asking import Api, Refused, Viewer
from orchestra.dashboard.sharing import Shared
from orchestra.security import Principal
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

LIST, SELECT = "/api/executions", "/api/agents/select"
OPEN = Viewer(Principal(DEFAULT_TENANT, "viewer", "key_1", frozenset()), again=True)
BIDDEN = Viewer(OPEN.principal)


class Interface:
    """Answers every request with how many it got."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, bytes]] = []
        self.status = 200
        clock = ManualClock(1_000_000)
        clock.advance(5_000)
        self.api = Api(Shared(clock, lambda _: 0.0))
        application: Any = self.answer
        self.api.begin(application)

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        self.got.append((scope["method"], scope["path"], body))
        await anyio.lowlevel.checkpoint()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b'{"n":%d}' % len(self.got)})


async def test_a_question_asked_by_post_is_shared_and_makes_no_answer_old() -> None:
    interface = Interface()
    api = interface.api

    first = await api.get(OPEN, LIST)
    posed = [await api.pose(OPEN, SELECT, {"agent_type": kind}) for kind in ("a", "a", "b")]
    again = await api.get(OPEN, LIST)

    assert (first, again) == ({"n": 1}, {"n": 1})
    assert posed == [{"n": 2}, {"n": 2}, {"n": 3}]
    assert interface.got[1:] == [
        ("POST", SELECT, b'{"agent_type":"a"}'),
        ("POST", SELECT, b'{"agent_type":"b"}'),
    ]


async def test_who_asks_himself_is_answered_anew() -> None:
    interface = Interface()

    posed = [await interface.api.pose(BIDDEN, SELECT, {}) for _ in range(2)]

    assert posed == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("status", [200, 409])
async def test_what_was_done_makes_answers_old_refused_or_not(status: int) -> None:
    interface = Interface()
    api = interface.api
    await api.get(OPEN, LIST)

    for do in (
        lambda: api.send(OPEN, "POST", "/api/workflows/wf_1/execute"),
        lambda: api.delete(OPEN, "/api/workflows/wf_1"),
    ):
        interface.status = status
        with pytest.raises(Refused) if status == 409 else nullcontext():
            await do()
        interface.status, before = 200, len(interface.got)
        assert await api.get(OPEN, LIST) == {"n": before + 1}
