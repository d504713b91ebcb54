"""Whether what is about to be published looks as its type says."""

from collections.abc import Sequence
from typing import Final

import anyio
import msgspec

from orchestra.bus.cloudevents import EventInvalid, Incoming
from orchestra.bus.types.records import EventType, Types
from orchestra.errors import Problem
from orchestra.schemas.validators import compiled, is_large
from orchestra.store.keys import Tenant

FINDINGS_MAX: Final = 100


async def check(
    types: Types, tenant: Tenant, incoming: Sequence[Incoming], places: Sequence[str]
) -> None:
    """`places` are where the data of each stands in the body.

    Raises EventInvalid with everything that is wrong in any of them.
    """
    known = await types.of(tenant)
    if not known:
        return
    findings: list[Problem] = []
    for one, place in zip(incoming, places, strict=True):
        kind = known.get(one.draft.type)
        if kind is not None:
            findings += await _faults(kind, one.draft.data, place, FINDINGS_MAX - len(findings))
        if len(findings) >= FINDINGS_MAX:
            break
    if findings:
        raise EventInvalid("the data is not what its type says", findings)


async def _faults(kind: EventType, data: msgspec.Raw, place: str, most: int) -> tuple[Problem, ...]:
    value, validator = msgspec.json.decode(data), compiled(kind.schema)
    if is_large(value):
        return await anyio.to_thread.run_sync(validator.errors, value, place, most)
    return validator.errors(value, place, most)
