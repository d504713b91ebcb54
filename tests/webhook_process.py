"""A replica that delivers, in a process of its own, made to be killed: `webhook_process.py URL`."""

import sys

import anyio
from webhook_deliveries import delivering

from orchestra.bus.webhooks.sending import GuardedPost
from orchestra.clock import SystemClock, system_random
from orchestra.security.destinations import policy
from orchestra.security.outbound import Outbound
from orchestra.store.opening import StoreOptions, open_store


async def main(url: str) -> None:
    """Until killed."""
    options = StoreOptions(url=url, durability="no", allow_weaker=True, patience_s=60)
    async with open_store(options, SystemClock(), system_random()) as store:
        post = GuardedPost(Outbound(policy(["127.0.0.1"])))
        async with delivering(store, post):
            await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], backend_options={"use_uvloop": True})
