"""Credentials towards agents: each kind on the wire, to allowed hosts only."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import Any

import pytest
from edge import a_client
from http_peer import Peer, a_peer
from httpx import AsyncClient

from orchestra.app import Ports, prepare, running
from orchestra.settings import Settings

pytestmark = pytest.mark.anyio

KEY = b64encode(b"k" * 24).decode()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


@pytest.fixture
async def client(store_url: str, tmp_path: Path) -> AsyncIterator[AsyncClient]:
    (tmp_path / "master.key").write_text("m" * 64)
    settings = Settings(
        store_url=store_url,
        durability="no",
        allow_weaker_durability=True,
        drain_s=0.5,
        network_allow=("127.0.0.1",),
        master_key_file=str(tmp_path / "master.key"),
    )
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: True
    async with running(settings, stage), a_client(stage) as made:
        yield made


async def set_secret(client: AsyncClient, name: str, value: str, *hosts: str) -> dict[str, Any]:
    answer = await client.put(
        f"/api/secrets/{name}", json={"value": value, "allowed_hosts": list(hosts)}
    )
    assert answer.status_code in (200, 201), answer.text
    assert value not in answer.text
    return answer.json()


async def register(client: AsyncClient, peer: Peer, name: str, **more: Any) -> dict[str, Any]:
    body = {"name": name, "agent_type": name, "capabilities": [], "endpoint": peer.url, **more}
    answer = await client.post("/api/agents/register", json=body)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def execute(client: AsyncClient, name: str, **more: Any) -> Any:
    return await client.post(
        "/api/agents/execute", json={"agent_type": name, "input_data": {"x": 1}, **more}
    )


@pytest.mark.parametrize(
    ("auth", "value", "header", "sent"),
    [
        ({"type": "bearer"}, "a-bearer-value", "authorization", "Bearer a-bearer-value"),
        ({"type": "header"}, "a-header-value", "x-api-key", "a-header-value"),
        ({"type": "header", "header": "X-Own"}, "a-header-value", "x-own", "a-header-value"),
        (
            {"type": "basic"},
            "user:pass-word-1",
            "authorization",
            f"Basic {b64encode(b'user:pass-word-1').decode()}",
        ),
    ],
)
async def test_each_kind_of_auth_has_its_header(
    client: AsyncClient, peer: Peer, auth: dict[str, Any], value: str, header: str, sent: str
) -> None:
    await set_secret(client, "far", value, "127.0.0.1")
    await register(client, peer, "a", auth={**auth, "secret": "${secret:far}"})

    answer = await execute(client, "a")

    assert answer.status_code == 200, answer.text
    assert peer.asked[0].headers[header] == sent


@pytest.mark.parametrize("secret", ["a-raw-signing-key", f"whsec_{KEY}"])
async def test_hmac_signs_as_standard_webhooks_do(
    client: AsyncClient, peer: Peer, secret: str
) -> None:
    await set_secret(client, "far", secret)
    assert '<option value="${secret:far}">' in (await client.get("/agents/new")).text
    await register(client, peer, "a", auth={"type": "hmac", "secret": "${secret:far}"})

    await execute(client, "a")

    [asked] = peer.asked
    key = b64decode(KEY) if secret.startswith("whsec_") else secret.encode()
    signed = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}.".encode()
    expected = b64encode(digest(key, signed + asked.body, sha256)).decode()
    assert asked.headers["webhook-signature"] == f"v1,{expected}"


async def test_a_missing_secret_is_told_at_registration_and_at_the_call(
    client: AsyncClient, peer: Peer
) -> None:
    made = await register(client, peer, "a", auth={"type": "bearer", "secret": "${secret:far}"})

    answer = await execute(client, "a", timeout_ms=20_000)

    assert [one["code"] for one in made["warnings"]] == ["secret_unknown"]
    assert answer.status_code in (502, 503), answer.text
    assert "there is no secret 'far'" in answer.text
    assert peer.asked == []


async def test_a_secret_goes_to_no_other_host(client: AsyncClient, peer: Peer) -> None:
    await set_secret(client, "far", "a-bearer-value", "api.example.com")
    await register(client, peer, "a", auth={"type": "bearer", "secret": "${secret:far}"})

    answer = await execute(client, "a", timeout_ms=20_000)

    assert "may not be sent to this host" in answer.text
    assert peer.asked == []


@pytest.mark.parametrize(
    ("provider", "more", "header", "sent"),
    [
        ("openai", {"base_url": "{}/v1"}, "authorization", "Bearer {}"),
        ("anthropic", {"base_url": "{}"}, "x-api-key", "{}"),
        ("mcp", {"url": "{}/mcp"}, "authorization", "Bearer {}"),
        ("a2a", {"card_url": "{}/.well-known/agent-card.json"}, "authorization", "Bearer {}"),
    ],
)
async def test_every_provider_sends_the_secret_and_takes_it_out_of_what_comes_back(
    client: AsyncClient, peer: Peer, provider: str, more: dict[str, str], header: str, sent: str
) -> None:
    value = "a-key-of-some-model-1234"
    await set_secret(client, "far", value)
    origin = peer.url.removesuffix("/run")
    body: dict[str, Any] = {"name": "a", "agent_type": "a", "provider": provider}
    body |= {name: where.format(origin) for name, where in more.items()}
    body |= {"model": "m"} if provider in ("openai", "anthropic") else {}
    body |= {"capabilities": [{"name": "say"}]}
    body |= {"auth": {"type": "bearer", "secret": "${secret:far}"}}
    peer.says({"error": {"message": f"Incorrect API key provided: {value}"}}, 401)
    made = await client.post("/api/agents/register", json=body)
    answer = await execute(client, "a", input_data={"text": "hi", "task_type": "say"})

    assert made.status_code in (200, 201), made.text
    assert answer.status_code >= 500, answer.text
    health = await client.get("/api/agents/a/health")
    assert any(asked.headers.get(header) == sent.format(value) for asked in peer.asked)
    for text in (made.text, answer.text, health.text):
        assert value not in text


@pytest.mark.parametrize(("hosts", "sent"), [((), False), (("127.0.0.1",), True)])
async def test_a_card_does_not_choose_where_the_secret_goes(
    client: AsyncClient, peer: Peer, hosts: tuple[str, ...], sent: bool
) -> None:
    await set_secret(client, "far", "a-bearer-value", *hosts)
    body: dict[str, Any] = {"name": "a", "agent_type": "a", "provider": "a2a"}
    body |= {"card_url": peer.url, "auth": {"type": "bearer", "secret": "${secret:far}"}}
    async with a_peer() as other:
        face = {"url": other.url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
        peer.says({"name": "a", "supportedInterfaces": [face]})
        await client.post("/api/agents/register", json=body)
        answer = await execute(client, "a", timeout_ms=20_000)

        assert bool(other.asked) == sent
        assert ("registration does not name" in answer.text) != sent
