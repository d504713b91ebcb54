"""The gateway: who passes, who is told what, and what stands on every answer."""

import httpx
import pytest
from edge import Notes, OneKey, a_client, a_stage

from orchestra.security import Principal
from orchestra.security.key_text import new_key
from orchestra.security.roles import permissions_of
from orchestra.settings import Settings
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

KEY = new_key()
REQUIRED = Settings(auth_mode="required")


def viewer() -> OneKey:
    """Knows KEY as a viewer's."""
    return OneKey(KEY, Principal(DEFAULT_TENANT, "viewer", "key_v", permissions_of("viewer")))


async def ask(
    method: str = "GET",
    path: str = "/api/notes/",
    *,
    settings: Settings | None = None,
    own: bool = True,
    **more: object,
) -> httpx.Response:
    async with a_client(a_stage(settings, own=own, verifier=viewer())) as client:
        return await client.request(method, path, **more)  # type: ignore[arg-type]


async def test_a_local_caller_needs_no_key() -> None:
    assert (await ask()).status_code == 200


async def test_another_local_user_does() -> None:
    answer = await ask(own=False)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_bad_key_never_falls_back_to_the_developer() -> None:
    assert (await ask(headers={"x-api-key": "orc_live_nonsense"})).status_code == 401


async def test_in_required_mode_everybody_needs_a_key() -> None:
    assert (await ask(settings=REQUIRED)).status_code == 401


@pytest.mark.parametrize(
    "headers", [{"authorization": f"Bearer {KEY}"}, {"authorization": f"bearer  {KEY}"},
                {"x-api-key": KEY}, {"x-api-key": KEY, "authorization": f"Bearer {KEY}"}],
)  # fmt: skip
async def test_a_key_comes_in_either_header(headers: dict[str, str]) -> None:
    assert (await ask(settings=REQUIRED, headers=headers)).status_code == 200


async def test_two_different_keys_are_a_bad_request() -> None:
    headers = {"x-api-key": KEY, "authorization": f"Bearer {new_key()}"}

    answer = await ask(settings=REQUIRED, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "credentials_conflict")


async def test_every_way_of_not_being_known_gets_the_same_body() -> None:
    ways: list[dict[str, object]] = [
        {},
        {"headers": {"x-api-key": new_key()}},
        {"headers": {"x-api-key": KEY[:-1] + "!"}},
        {"headers": {"authorization": "Basic YTpi"}},
        {"params": {"key": KEY}},
    ]

    bodies = [(await ask(settings=REQUIRED, **way)).json() for way in ways]  # type: ignore[arg-type]

    assert {body.pop("instance") for body in bodies}
    assert all(body == bodies[0] and body["status"] == 401 for body in bodies)


async def test_a_role_without_the_permission_is_told_which() -> None:
    answer = await ask("POST", settings=REQUIRED, headers={"x-api-key": KEY}, json={"name": "a"})

    assert answer.status_code == 403
    assert answer.json()["permission"] == "workflows:write"


async def test_another_host_learns_nothing() -> None:
    for host in ("evil.example", "127.0.0.1.nip.io", "localhost."):
        answer = await ask(headers={"host": host})

        assert (answer.status_code, answer.content) == (421, b"")


async def test_a_configured_host_is_ours() -> None:
    settings = Settings(allowed_hosts=("orchestra.example",), public_url="https://Api.example:8443")
    headers = {"x-api-key": KEY}

    for host in ("orchestra.example:8000", "api.example", "localhost"):
        answer = await ask(settings=settings, headers={**headers, "host": host})
        assert answer.status_code == 200


async def test_probes_need_neither_host_nor_key() -> None:
    for path in ("/livez", "/readyz"):
        headers = {"host": "10.1.2.3", "x-api-key": "nonsense"}
        answer = await ask(path=path, settings=REQUIRED, headers=headers)

        assert answer.status_code == 200
        assert "durability" not in answer.json()


async def test_a_cross_site_write_is_refused() -> None:
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "same-site"}):
        answer = await ask("POST", headers=headers, json={"name": "a"})

        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")


async def test_a_cross_site_navigation_gets_a_link() -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}

    answer = await ask(path="/api/notes/?q=<script>", headers=headers)

    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script>" not in answer.text
    assert 'href="/api/notes/' in answer.text


async def test_a_key_is_not_bound_to_a_site() -> None:
    headers = {"x-api-key": KEY, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}

    assert (await ask(headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/notes/", 200), ("/nothing", 404), ("/api/notes/fail/bug", 500), ("/livez", 200),
     ("/static/docs.js", 200), ("/api/notes/fail/conflict", 409)],
)  # fmt: skip
async def test_every_answer_has_the_security_headers(path: str, status: int) -> None:
    answer = await ask(path=path)

    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["x-request-id"].startswith("req_")
    assert "server" not in answer.headers
    assert "strict-transport-security" not in answer.headers
    assert ("no-store" in answer.headers["cache-control"]) == (not path.startswith("/static"))


async def test_tls_is_made_to_stay() -> None:
    settings = Settings(public_url="https://orchestra.example")
    answer = await ask(settings=settings, headers={"x-api-key": KEY})

    assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_a_preflight_gets_no_permission_from_us() -> None:
    headers = {"origin": "http://evil.example", "access-control-request-method": "POST"}

    answer = await ask("OPTIONS", headers=headers)

    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/notes/?" + "a=1&" * 100, {}, 400),
        ("/api/notes/?a=" + "x" * 2_049, {}, 400),
        ("/api/notes/?" + "a=" + "&a=".join(["x" * 1_000] * 9), {}, 414),
        ("/api/notes/", {f"x-{n}": "1" for n in range(65)}, 431),
    ],
)
async def test_bounds_hold_before_anything_is_read(
    path: str, headers: dict[str, str], status: int
) -> None:
    assert (await ask(path=path, headers=headers)).status_code == status


async def test_the_length_of_a_body_is_given_once() -> None:
    body = b'{"name":"a"}'
    headers = {"content-type": "application/json", "transfer-encoding": "chunked",
               "content-length": "12"}  # fmt: skip

    answer = await ask("POST", headers=headers, content=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "request_malformed")


async def test_two_hosts_are_a_bad_request() -> None:
    stage = a_stage()
    sent: list[dict[str, object]] = []
    scope = {
        "type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"",
        "scheme": "http", "http_version": "1.1", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2), "headers": [(b"host", b"localhost"), (b"host", b"evil")],
    }  # fmt: skip

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await stage.gateway(scope, receive, send)

    assert sent[0]["status"] == 400


async def test_until_the_parts_are_there_the_answer_is_503() -> None:
    stage = a_stage()
    stage.gateway.application = stage.health.waiting
    stage.health.phase = "starting"

    async with a_client(stage) as client:
        statuses = [
            (await client.get(path)).status_code for path in ("/livez", "/readyz", "/api/notes/")
        ]

    assert statuses == [200, 503, 503]


async def test_the_developer_may_not_do_everything() -> None:
    async with a_client(a_stage(None, Notes())) as client:
        assert (await client.get("/api/notes/keys")).status_code == 200  # admin of the tenant


async def test_what_came_back_from_our_own_calls_is_never_the_developer() -> None:
    assert (await ask(headers={"orchestra-hop": "1"})).status_code == 401
    assert (await ask(headers={"orchestra-hop": "1", "x-api-key": KEY})).status_code == 200


@pytest.mark.parametrize(
    ("hop", "status", "code"),
    [
        ("8", 508, "loop_detected"),
        ("900", 508, "loop_detected"),
        ("-1", 400, "hop_malformed"),
        ("1, 1", 400, "hop_malformed"),
        ("9999", 400, "hop_malformed"),
    ],
)
async def test_a_request_that_goes_in_circles_ends(hop: str, status: int, code: str) -> None:
    answer = await ask(headers={"orchestra-hop": hop, "x-api-key": KEY})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
