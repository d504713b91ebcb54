"""How soon a change of the engine is on the screen: chromium looks at an execution as it runs.

A change is seen in the first frame that shows it, or what came after it. When it happened is what
the journal says, by the clock of the same machine, in whole milliseconds.
"""

import shutil
from datetime import datetime
from typing import Any, Final, cast

from playwright.sync_api import sync_playwright

from bench.serving import Served

STEPS: Final = 150
STEP_S: Final = 0.04
"""Each step begins and ends: fifty changes a second."""
SHOWN: Final = ("running", "completed")
PATIENCE_MS: Final = 120_000
FLAGS: Final = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
WATCH: Final = """() => {
  const seen = window.seen = {};
  const note = () => requestAnimationFrame(() => {
    const now = Date.now();
    for (const one of document.querySelectorAll('#steps-graph [data-path], svg [data-path]'))
      seen[`${one.dataset.path} ${one.dataset.state}`] ??= now;
  });
  new MutationObserver(note).observe(document.body,
    {subtree: true, childList: true, attributes: true, attributeFilter: ['data-state']});
}"""


def seen_ms(server: Served) -> dict[str, Any] | str:
    """Milliseconds from a change to the frame that shows it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return "not measured: no chromium"
    name, last = f"s{STEPS - 1}", f"s{STEPS - 1} completed"
    steps = [{"id": "begin", "type": "wait", "signal": "go", "timeout": "1h"}]
    steps += [
        {
            "id": f"s{n}",
            "agent_type": "sleeper",
            "task_type": "sleep",
            "input_data": {"seconds": STEP_S},
        }
        for n in range(STEPS)
    ]
    workflow = server.call("POST", "/api/workflows", {"name": "seen", "steps": steps})["id"]
    run = server.call("POST", f"/api/workflows/{workflow}/execute", {"input_data": {}})["id"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"http://127.0.0.1:{server.port}/executions/{run}")
        page.wait_for_selector("#live[data-state=live]")
        page.evaluate(WATCH)
        server.call("POST", f"/api/executions/{run}/signal", {"name": "go"})
        page.wait_for_selector(f"svg [data-path={name}][data-state=completed]", state="attached")
        page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))"
        )
        seen = cast("dict[str, int]", page.evaluate("() => window.seen"))
        browser.close()
    assert last in seen
    happened = _happened(server, run)
    took = sorted(
        min(seen[f"{path} {later}"] for later in SHOWN[at:] if f"{path} {later}" in seen) - ms
        for (path, state), ms in happened.items()
        for at in [SHOWN.index(state)]
    )
    return {
        "changes": len(took),
        "a_second": round(len(took) / (max(happened.values()) - min(happened.values())) * 1_000),
        "p50": took[len(took) // 2],
        "p95": took[int(len(took) * 0.95)],
        "max": took[-1],
    }


def _happened(server: Served, run: str) -> dict[tuple[str, str], int]:
    """When each step began and ended, in ms since 1970."""
    found: dict[tuple[str, str], int] = {}
    path = f"/api/executions/{run}/history?limit=200"
    cursor = ""
    while True:
        page = server.call("GET", path + (f"&after={cursor}" if cursor else ""))
        for one in page["items"]:
            state = {"step.started": "running", "step.completed": "completed"}.get(one["type"])
            if state and one["path"] != "begin":
                at = datetime.fromisoformat(one["at"])
                found[(one["path"], state)] = round(at.timestamp() * 1_000)
        cursor = page.get("next_cursor")
        if not cursor:
            return found
