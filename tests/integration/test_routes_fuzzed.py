"""Whatever is sent to any route, those of pages included: never a fault of ours.

Nearly right documents, and the forms of pages with something else in them. `make fuzz` sends 1,000
to each; `ORCHESTRA_TEST_FUZZ_ROUTES` names some, `ORCHESTRA_TEST_FUZZ_SEED` another order.
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path

import anyio
import pytest
from fuzzed_world import WAITS, ends, furnished, routes
from fuzzing import Fuzz
from webhook_products import a_keeper

pytestmark = pytest.mark.anyio

EACH = int(os.environ.get("ORCHESTRA_TEST_FUZZ", "10")) // 10
SEED = int(os.environ.get("ORCHESTRA_TEST_FUZZ_SEED", "1"))
SOME = os.environ.get("ORCHESTRA_TEST_FUZZ_ROUTES", "").split()
OWN = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
ANEW = 10
AGENTS = ("no_agent_available", "agent_failed", "deadline_exceeded", "retry_budget_exhausted")
"""Codes of what an agent did, or that there is none: they are told with a status above 500."""


async def test_no_request_to_any_route_is_a_fault_of_ours(store_url: str, tmp_path: Path) -> None:
    seen, wrong = Counter[int](), dict[str, str]()
    async with a_keeper(store_url, tmp_path) as one:
        known = await furnished(one)
        every = await routes(one, known)
        assert len(every) > 200
        assert sum(bool(route.forms) for route in every) > 30
        every = [route for route in every if not SOME or any(s in route.path for s in SOME)]
        every.sort(key=ends)
        going = [route for route in every if not ends(route)]
        schemas = (await one.http.get("/openapi.json")).json()["components"]["schemas"]
        fuzz = Fuzz(SEED, known, schemas)

        def headers() -> dict[str, str]:
            chance, given = fuzz.chance, dict(OWN)
            if chance.random() < 0.2:
                name = chance.choice(("if-match", "if-none-match", "prefer", "accept"))
                given[name] = chance.choice(('"1"', "*", "x", "wait=0", "text/html", "x/y;q=z"))
            if chance.random() < 0.2:
                given |= {"hx-request": "true", "hx-target": "main"}
            return given

        for number in range(EACH):
            ending = number % ANEW == 0
            for route in every if ending else going:
                patience_s = 0.3 if route.path.endswith(WAITS) else 60
                with anyio.move_on_after(patience_s):
                    status, told = await fuzz.send(one, route, headers)
                    seen[status] += 1
                    if status >= 500 and not any(f'"code":"{code}"' in told for code in AGENTS):
                        wrong.setdefault(f"{route.method} {route.path}", f"{status} {told}")
            if ending and number + 1 < EACH:
                known.update(await furnished(one))
    told = {"routes": len(every), "each": EACH, "seen": dict(sorted(seen.items()))}
    sys.stdout.write(json.dumps(told) + "\n")
    assert not wrong, "\n".join(wrong.values())
    assert seen[200] > 0
