"""A replica that looks after agents until it is killed: `python agent_watcher.py URL`."""

import sys

import anyio
from agent_replicas import replica


async def main(url: str) -> None:
    """Nothing but its background work."""
    async with replica(url):
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], backend_options={"use_uvloop": True})
