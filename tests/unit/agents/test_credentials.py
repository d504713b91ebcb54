"""Secrets on their way to agents: as which headers, to whom, and what is never sent."""

import base64
import hmac
from typing import Any

import pytest

from orchestra.agents.credentials import NoCredentials, SealedCredentials, secret_named, signed
from orchestra.agents.providers import CredentialsUnusable
from orchestra.agents.records import A2AReach, Agent, Auth, HttpReach, Reach, Registration
from orchestra.agents.scrubbing import sending
from orchestra.clock import ManualClock
from orchestra.errors import OrchestraError
from orchestra.security.sealing import Secret
from orchestra.security.secrets import MasterKeyMissing, Opened, Secrets, SecretUnknown
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio

AT = "https://h.example/run"
NAMED = "${secret:far}"
VALUE = "s3cret-enough"


class Chest(Secrets):
    """One secret, or why it cannot be had."""

    def __init__(self, value: str | OrchestraError, *allowed_hosts: str) -> None:
        self._value, self._hosts = value, allowed_hosts
        self.asked: list[tuple[Tenant, str]] = []

    async def open(self, tenant: Tenant, name: str) -> Opened:
        self.asked.append((tenant, name))
        if isinstance(self._value, OrchestraError):
            raise self._value
        return Opened(Secret(self._value), self._hosts)


def an_agent(auth: Auth, provider: Any = "http", reach: Reach | None = None) -> Agent:
    spec = Registration("far", "far", provider, auth=auth, reach=reach or HttpReach(AT))
    return Agent("agt_1", DEFAULT_TENANT, 1, 0, spec)


async def headers(chest: Chest, agent: Agent, url: str = AT) -> Any:
    return await SealedCredentials(chest, ManualClock()).headers(agent, url, b"{}", "m.1")


@pytest.mark.parametrize(
    ("auth", "provider", "expected"),
    [
        (Auth(), "http", {}),
        (Auth("bearer", NAMED), "http", {"authorization": f"Bearer {VALUE}"}),
        (Auth("bearer", NAMED), "anthropic", {"x-api-key": VALUE}),
        (Auth("header", NAMED, "X-Token"), "http", {"x-token": VALUE}),
        (Auth("basic", NAMED), "http",
         {"authorization": f"Basic {base64.b64encode(VALUE.encode()).decode()}"}),
    ],
)  # fmt: skip
async def test_each_kind_is_a_header_of_its_own(
    auth: Auth, provider: str, expected: dict[str, str]
) -> None:
    chest = Chest(VALUE)

    assert await headers(chest, an_agent(auth, provider)) == expected
    assert chest.asked == ([(DEFAULT_TENANT, "far")] if expected else [])


async def test_all_that_is_secret_in_a_header_is_covered() -> None:
    with sending() as sent:
        await headers(Chest("someone:pass-phrase"), an_agent(Auth("basic", NAMED)))

    encoded = base64.b64encode(b"someone:pass-phrase").decode()
    assert {"someone:pass-phrase", encoded, "pass-phrase"} <= sent.values
    assert not sent.unusable


@pytest.mark.parametrize(
    "value", ["", "two\r\nx-admin: yes", "tail ", " head", "nul\0", "\u65e5\u672c"]
)
async def test_what_no_header_may_hold_is_not_sent(value: str) -> None:
    with sending() as sent, pytest.raises(CredentialsUnusable):
        await headers(Chest(value), an_agent(Auth("header", NAMED)))

    assert sent.unusable


@pytest.mark.parametrize(
    ("allowed", "url", "goes"),
    [
        ((), "https://h.example/other", True),
        ((), "https://h.example:443/", True),
        ((), "http://h.example/", False),
        ((), "https://h.example:8443/", False),
        ((), "https://h.example.evil.example/", False),
        ((), "https://h.example@evil.example/", False),
        (("*.example",), "https://evil.example/", True),
        (("h.example",), "https://evil.example/", False),
        (("h.example:8443",), AT, False),
    ],
)
async def test_it_goes_where_its_owner_or_the_registration_says(
    allowed: tuple[str, ...], url: str, *, goes: bool
) -> None:
    chest, agent = Chest(VALUE, *allowed), an_agent(Auth("bearer", NAMED))
    if goes:
        assert await headers(chest, agent, url)
    else:
        with pytest.raises(CredentialsUnusable):
            await headers(chest, agent, url)


async def test_a_card_does_not_say_where_the_secret_goes() -> None:
    agent = an_agent(Auth("bearer", NAMED), "a2a", A2AReach("https://h.example/card.json"))

    assert await headers(Chest(VALUE), agent, "https://h.example/a2a")
    with pytest.raises(CredentialsUnusable, match="allowed_hosts"):
        await headers(Chest(VALUE), agent, "https://elsewhere.example/a2a")
    assert await headers(Chest(VALUE, "*.example"), agent, "https://elsewhere.example/a2a")


@pytest.mark.parametrize(
    ("secret", "missing"),
    [
        (NAMED, SecretUnknown("there is no secret 'far'")),
        (NAMED, MasterKeyMissing("there is no master key")),
        ("far", VALUE),
        ("${secret:../far}", VALUE),
        ("x${secret:far}", VALUE),
        ("", VALUE),
    ],
)
async def test_one_that_cannot_be_had_is_unusable_and_noted(
    secret: str, missing: str | OrchestraError
) -> None:
    with sending() as sent, pytest.raises(CredentialsUnusable):
        await headers(Chest(missing), an_agent(Auth("bearer", secret)))

    assert sent.unusable
    assert not sent.values


def test_a_signature_is_of_the_id_the_time_and_the_body() -> None:
    key = b"0123456789abcdef"
    for secret in (key.decode(), f"whsec_{base64.b64encode(key).decode()}"):
        told = signed(secret, "m.1", 1_795_000_000, b'{"n": 1}')

        digest = hmac.digest(key, b'm.1.1795000000.{"n": 1}', "sha256")
        assert told == {
            "webhook-id": "m.1",
            "webhook-timestamp": "1795000000",
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }
    with pytest.raises(CredentialsUnusable):
        signed("whsec_no base64", "m.1", 1, b"")


async def test_an_hmac_secret_never_leaves_and_both_its_forms_are_covered() -> None:
    secret = f"whsec_{base64.b64encode(b'0123456789abcdef').decode()}"
    with sending() as sent:
        told = await headers(Chest(secret), an_agent(Auth("hmac", secret=NAMED)))

    assert {secret, secret.removeprefix("whsec_")} <= sent.values
    assert not any(one in text for one in sent.values for text in told.values())
    assert told["webhook-timestamp"] == "1795000000"


async def test_where_there_are_no_secrets_only_agents_without_are_called() -> None:
    assert await NoCredentials().headers(an_agent(Auth()), AT, b"", "m") == {}
    with pytest.raises(CredentialsUnusable):
        await NoCredentials().headers(an_agent(Auth("bearer", NAMED)), AT, b"", "m")


@pytest.mark.parametrize(
    ("auth", "name"),
    [
        (Auth("bearer", NAMED), "far"),
        (Auth("none", NAMED), None),
        (Auth("bearer", "far"), None),
        (Auth("bearer", "${secret:}"), None),
    ],
)
def test_the_secret_that_is_named(auth: Auth, name: str | None) -> None:
    assert secret_named(auth) == name
