"""The shelf: where the lines of a tenant are in the store, and the scripts that put them there."""

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec

from orchestra.monitoring.logs.chunks import Chunk, Header, header_of
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.log_keys import log_chunk, log_headers, log_state, log_tail, logs
from orchestra.store.scripts import load_scripts
from orchestra.store.tails import Entry, entries

TAIL_LINES: Final = 5_000
OPEN_LINES: Final = 50_000
"""More lines than that are never left open, though nobody seals them."""
SEAL_MS: Final = 300_000
PATIENCE_S: Final = 2.0
"""Somebody waits for the answer: a store that is away is said soon."""
SEALED_AT_ONCE: Final = 512
SEALED_LINES: Final = 4_096
_SCRIPTS = load_scripts(__package__ or "")


class Keeping(msgspec.Struct, frozen=True):
    """How long lines are kept, and how many bytes of them a tenant may have."""

    seconds: int = 604_800
    bytes: int = 67_108_864


class Looked(msgspec.Struct, frozen=True):
    """What is kept of a span: batches in no chunk yet, and chunks with the ms of their last line,
    the newest first.
    """

    sealed: str
    open: Sequence[Entry]
    chunks: Sequence[tuple[str, int]]


class Shelf:
    """The lines in the store."""

    def __init__(self, store: Store, keeping: Keeping) -> None:
        self.store, self.keeping = store, keeping

    def prefix(self, tenant: Tenant) -> str:
        """Where the lines of a tenant are."""
        return logs(tenant, self.store.space)

    async def append(
        self, tenant: Tenant, batch: bytes, lines: int, said: tuple[str, int] = ("", 0)
    ) -> bool:
        """Put a batch behind the others. Whether the caller is to seal.

        `said` is who says it and under which number, which grows: a repeat adds nothing. Raises as
        `Store.run`.
        """
        reply = await self.store.run(
            _SCRIPTS["log_append"],
            self.prefix(tenant),
            batch,
            replica=said[0],
            number=said[1],
            lines=lines,
            tail_lines=TAIL_LINES,
            open_lines=OPEN_LINES,
            seal_ms=SEAL_MS,
            keep_s=self.keeping.seconds,
        )
        return bool(reply[1])

    async def open_batches(self, tenant: Tenant) -> tuple[str, list[Entry]]:
        """Up to where the tail is in chunks, and the first batches behind it."""
        prefix = self.prefix(tenant)
        found = await self.store.read(prefix, "HGET", log_state(prefix), "@")
        since = found.decode() if found else "0-0"
        raw = await self.store.read(
            prefix, "XRANGE", log_tail(prefix), f"({since}", "+", "COUNT", SEALED_AT_ONCE
        )
        batches, lines = list[Entry](), 0
        for one in entries(raw):
            batches.append(one)
            lines += int(one[1]["n"])
            if lines >= SEALED_LINES:
                break
        return since, batches

    async def seal(
        self, tenant: Tenant, span: tuple[str, str], batches: Sequence[Entry], made: Sequence[Chunk]
    ) -> bool:
        """Keep chunks in place of the batches of a span. False: somebody else did."""
        more: list[bytes] = []
        for one in made:
            more += [one.name.encode(), str(one.last_ms).encode(), one.header, one.data]
            more.append(str(one.lines).encode())
        return bool(
            await self.store.run(
                _SCRIPTS["log_seal"],
                self.prefix(tenant),
                *more,
                since=span[0],
                until=span[1],
                lines=sum(int(fields["n"]) for _, fields in batches),
                entries=len(batches),
                keep_s=self.keeping.seconds,
                keep_bytes=self.keeping.bytes,
            )
        )

    async def look(self, tenant: Tenant, since_ms: int) -> Looked:
        """What is kept from `since_ms` on."""
        script = _SCRIPTS["log_look"]
        run, prefix = self.store.run, self.prefix(tenant)
        reply = await self.store.insist(lambda: run(script, prefix, since_ms=since_ms), PATIENCE_S)
        names = cast("list[bytes]", reply[2])
        chunks = [
            (name.decode(), int(ms)) for name, ms in zip(names[::2], names[1::2], strict=True)
        ]
        return Looked(reply[0].decode(), entries(reply[1]), chunks)

    async def headers(self, tenant: Tenant, names: Sequence[str]) -> list[Header | None]:
        """The headers of chunks; None for one that is gone."""
        prefix = self.prefix(tenant)
        raw = await self._read(prefix, "HMGET", log_headers(prefix), *names)
        return [header_of(one) if one else None for one in raw]

    async def chunks(self, tenant: Tenant, names: Sequence[str]) -> list[bytes]:
        """The chunks as they are kept; b'' for one that is gone."""
        prefix = self.prefix(tenant)
        raw = await self._read(prefix, "MGET", *(log_chunk(prefix, name) for name in names))
        return [one or b"" for one in raw]

    async def figures(self, tenant: Tenant) -> dict[str, int]:
        """Lines and bytes in chunks, lines in the tail, open ones, lost ones."""
        prefix = self.prefix(tenant)
        names = {"lines": "l", "bytes": "b", "tail": "t", "open": "o", "lost": "x"}
        raw = await self._read(prefix, "HMGET", log_state(prefix), *names.values())
        return {name: int(one or 0) for name, one in zip(names, raw, strict=True)}

    async def _read(self, prefix: str, *command: str) -> Any:
        return await self.store.insist(lambda: self.store.read(prefix, *command), PATIENCE_S)
