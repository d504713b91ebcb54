"""Dead letters of durable readers: whose they are, handed over again once, thrown away."""

import pytest
from durable_readers import Reader, draft, eventually, number, reading
from products import a_product

from orchestra.bus.readers.letters import Letters, ReaderUnknown
from orchestra.bus.readers.records import Held, Readers
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio

OTHER = Tenant("other")


class Moody(Reader):
    """Cannot handle odd numbers until it is told to."""

    def __init__(self) -> None:
        super().__init__(lambda n: self.sulks and n % 2 == 1)
        self.sulks = True


async def dead(store: Store, count: int, of: Tenant = HOME) -> list[str]:
    """Wait until there are so many dead letters of `r`; their places."""
    letters = Letters(store)

    async def there() -> bool:
        return (
            "r" in await letters.names()
            and len((await letters.page(of, "r", 50, None))[0]) == count
        )

    await eventually(there)
    return [one.at for one in (await letters.page(of, "r", 50, None))[0]]


async def test_what_was_given_up_is_handed_over_again_once(store: Store) -> None:
    reader, letters = Moody(), Letters(store)
    async with reading(store, reader) as bus:
        for n in range(4):
            await bus.publish(draft(n))
        first, second = await dead(store, 2)
        page, more = await letters.page(HOME, "r", 1, None)
        rest, end = await letters.page(HOME, "r", 1, more)
        reader.sulks = False

        moved = [await letters.redrive(HOME, "r", [first]) for _ in range(2)]
        await reader.has(3, 20)
        everything = await letters.redrive(HOME, "r", None)
        await reader.has(4, 20)

        assert [one.error for one in page + rest] == ["ValueError: cannot be handled"] * 2
        assert [number(one.event) for one in page + rest] == [1, 3]
        assert end is None or (await letters.page(HOME, "r", 1, end)) == ([], None)
        assert moved == [1, 0]
        assert everything == 1
        assert sorted(reader.numbers) == [0, 1, 2, 3]
        assert await dead(store, 0) == []
        assert second != first


async def test_what_fails_again_is_dead_again_and_blocks_nothing(store: Store) -> None:
    reader = Moody()
    async with reading(store, reader) as bus:
        await bus.publish(draft(1))
        [first] = await dead(store, 1)
        await Letters(store).redrive(HOME, "r", None)

        async def another() -> bool:
            found, _ = await Letters(store).page(HOME, "r", 50, None)
            return [one.at for one in found] != [first] and len(found) == 1

        await eventually(another)
        await bus.publish(draft(2))
        await reader.has(1, 20)

    assert reader.numbers == [2]


async def test_a_tenant_sees_and_moves_only_its_own(store: Store) -> None:
    reader, letters = Moody(), Letters(store)
    async with reading(store, reader) as bus:
        for tenant in (HOME, OTHER, HOME):
            await bus.publish(draft(1, tenant=tenant))
        [theirs] = await dead(store, 1, OTHER)
        await dead(store, 2)

        assert await letters.redrive(HOME, "r", [theirs]) == 0
        assert await letters.forget(HOME, "r", [theirs]) == 0
        assert await letters.forget(HOME, "r", None) == 2
        assert await dead(store, 1, OTHER) == [theirs]
        with pytest.raises(ReaderUnknown):
            await letters.page(HOME, "none", 1, None)


async def test_what_kills_the_process_is_given_up_again(store: Store) -> None:
    async with reading(store, Moody()) as bus:
        await bus.publish(draft(1))
        await dead(store, 1)
    letters, readers = Letters(store), Readers(store, None)
    await letters.redrive(HOME, "r", None)
    ids = Ids(SystemClock(), system_random())
    for _ in range(3):  # each begins it, and dies
        held = await readers.claim("r", ids.new("own"), 1)
        while not isinstance(held, Held):  # the one before has it for a millisecond
            held = await readers.claim("r", ids.new("own"), 1)
        assert await letters.again("r", held.token, "") is not None

    async with reading(store, Reader()):
        await dead(store, 1)
        [letter], _ = await letters.page(HOME, "r", 1, None)

    assert letter.error == "the process died while it was handled"
    assert letter.tries == 3


async def test_dead_letters_of_readers_over_http(store: Store, store_url: str) -> None:
    reader, at = Moody(), "/api/events/readers/r"
    async with reading(store, reader) as bus, a_product(store_url) as one:
        for n in (1, 3):
            await bus.publish(draft(n))
        await dead(store, 2)
        listed = (await one.http.get("/api/events/readers")).json()
        page = (await one.http.get(f"{at}/dead?limit=1")).json()
        wrong = [
            (await one.http.get(f"{at}/dead?cursor=x")).status_code,
            (await one.http.get("/api/events/readers/none/dead")).status_code,
            (await one.post(f"{at}/redrive", {"ids": ["x"]})).status_code,
            (await one.post(f"{at}/redrive", {"ids": 1})).status_code,
        ]
        reader.sulks = False
        ids = [page["letters"][0]["id"]]
        redriven = (await one.post(f"{at}/redrive", {"ids": ids})).json()
        await reader.has(1, 20)
        deleted = (await one.http.delete(f"{at}/dead")).json()

    assert "r" in listed["readers"]
    assert page["letters"][0]["event"]["data"] == 1
    assert page["letters"][0]["error"] == "ValueError: cannot be handled"
    assert page["cursor"]
    assert wrong == [400, 404, 400, 422]
    assert redriven == {"redriven": 1}
    assert deleted == {"deleted": 1}
    assert reader.numbers == [1]
