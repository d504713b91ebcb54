"""A process that serves `sleep`, and does nothing else while it sleeps: `busy_process.py URL`."""

import sys
import time

import anyio
from asking import Question, Reply, a_process

from orchestra.bus.requests.module import RequestsModule


async def sleep(question: Question) -> Reply:
    """Block the event loop for so many seconds."""
    time.sleep(float(question.text))  # noqa: ASYNC251  # what the test is about
    return Reply("slept")


def serves(module: RequestsModule) -> None:
    """Nothing but that."""
    module.serve("sleep", Question, sleep)


async def main() -> None:
    """Until killed."""
    async with a_process(sys.argv[1], "busy", serves):
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main)
