"""Which primary serves which slot: asked from one server, from sentinels, or from a cluster."""

from collections.abc import Iterable

import msgspec

from orchestra.errors import OrchestraError
from orchestra.store.endpoints import Address, Location, ask
from orchestra.store.failures import Refused, StoreAway, Unfit
from orchestra.store.mux import Reply
from orchestra.store.partitions import SLOTS


class SlotMap(msgspec.Struct, frozen=True):
    """Ranges of slots (first, last, primary). `moves`: another one may serve a slot later."""

    ranges: tuple[tuple[int, int, Address], ...]
    moves: bool = False

    def primary(self, slot: int) -> Address | None:
        """Who serves `slot`; None while nobody does."""
        for first, last, address in self.ranges:
            if first <= slot <= last:
                return address
        return None

    def primaries(self) -> frozenset[Address]:
        """Every primary that serves at least one slot."""
        return frozenset(address for _, _, address in self.ranges)


def whole(address: Address, *, moves: bool = False) -> SlotMap:
    """One server serves everything."""
    return SlotMap(((0, SLOTS - 1, address),), moves)


async def discover(location: Location, known: Iterable[Address] = ()) -> SlotMap:
    """Ask the known primaries and the addresses of the URL, in that order, until one answers.

    Raises StoreAway when none does, with what the last one said; Unfit when the login fails.
    """
    trouble = "no address"
    for address in dict.fromkeys((*known, *location.addresses)):
        try:
            match location.kind:
                case "standalone":
                    return await _alone(location, address)
                case "sentinel":
                    return await _through_sentinel(location, address)
                case "cluster":
                    return await _cluster(location, address)
        except Refused as refused:
            raise Unfit(f"the store at {address} does not let us in: {refused.reply}") from None
        except (OSError, TimeoutError, OrchestraError) as error:
            trouble = f"{address}: {error or type(error).__name__}"
    raise StoreAway(f"no server of the store can be used ({trouble})")


async def _alone(location: Location, address: Address) -> SlotMap:
    """A single server, or one node of a cluster that was given as one."""
    (reply,) = await ask(address, location.access, ("INFO", "cluster"))
    if isinstance(reply, bytes) and b"cluster_enabled:1" in reply:
        return await _cluster(location, address)
    return whole(address)


async def _through_sentinel(location: Location, address: Address) -> SlotMap:
    if address not in location.addresses:
        raise StoreAway("not a sentinel")
    question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", location.master)
    (reply,) = await ask(address, location.sentinel, question, timeout_s=1.0)
    if not reply or isinstance(reply, Exception):
        raise StoreAway(f"the sentinel knows no master {location.master!r}")
    host, port = _text(reply[0]), int(reply[1])
    master = Address(host, port)
    (role,) = await ask(master, location.access, ("ROLE",), timeout_s=1.0)
    if isinstance(role, Exception) or role[0] != b"master":
        raise StoreAway("the sentinel names a master that is none (yet)")
    return whole(master, moves=True)


async def _cluster(location: Location, address: Address) -> SlotMap:
    (reply,) = await ask(address, location.access, ("CLUSTER", "SLOTS"), timeout_s=2.0)
    if isinstance(reply, Exception):
        raise reply
    ranges: list[tuple[int, int, Address]] = []
    for first, last, primary, *_ in reply:
        # A node that does not know its own name says '' or '?': it is the one we asked.
        host = _text(primary[0]) if primary[0] not in (None, b"", b"?") else address.host
        ranges.append((int(first), int(last), Address(host, int(primary[1]))))
    if not ranges:
        raise StoreAway("the cluster serves no slots")
    return SlotMap(tuple(sorted(ranges, key=lambda entry: entry[0])), moves=True)


def _text(reply: Reply) -> str:
    return reply.decode() if isinstance(reply, bytes) else str(reply)
