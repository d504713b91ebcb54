"""Store URLs: every form, and no password in a message."""

import pytest

from orchestra.store.endpoints import Address, locate
from orchestra.store.failures import Unfit


def test_a_plain_url() -> None:
    found = locate("redis://store")

    assert found.kind == "standalone"
    assert found.addresses == (Address("store", 6379),)
    assert found.access.hello("me") == (("HELLO", "2", "SETNAME", "me"),)


def test_everything_a_url_can_say() -> None:
    found = locate("rediss://ann:p%40ss@store:7000/3?ssl_ca_certs=/ca.pem")

    assert found.addresses == (Address("store", 7000),)
    assert found.access.tls
    assert found.access.ca == "/ca.pem"
    assert found.access.hello("me") == (
        ("HELLO", "2", "AUTH", "ann", "p@ss", "SETNAME", "me"),
        ("SELECT", 3),
    )


def test_a_password_alone_is_the_default_users() -> None:
    assert locate("redis://:secret@store").access.hello("me")[0][2:5] == (
        "AUTH", "default", "secret",
    )  # fmt: skip


def test_a_socket_file() -> None:
    found = locate("unix:///run/store.sock?db=2")

    assert found.addresses == (Address(path="/run/store.sock"),)
    assert found.access.db == 2


def test_sentinels_and_the_masters_name() -> None:
    found = locate("redis+sentinel://:pw@a,b:5000/main?db=1&sentinel_password=other")

    assert found.kind == "sentinel"
    assert found.addresses == (Address("a", 26379), Address("b", 5000))
    assert (found.master, found.access.db, found.access.password) == ("main", 1, "pw")
    assert (found.sentinel.db, found.sentinel.password) == (0, "other")


def test_a_cluster_over_ipv6() -> None:
    found = locate("redis+cluster://[::1]:7000,[::1]:7001")

    assert found.kind == "cluster"
    assert found.addresses == (Address("::1", 7000), Address("::1", 7001))


@pytest.mark.parametrize(
    "url",
    [
        "http://store",
        "store:6379",
        "redis://",
        "redis://:pw@",
        "redis://store/x",
        "redis://store:port",
        "redis+sentinel://a:1",
        "redis+cluster://:pw@",
    ],
)
def test_what_is_no_store_url_is_refused(url: str) -> None:
    with pytest.raises(Unfit, match="store URL") as refused:
        locate(url)

    assert "pw" not in str(refused.value)


def test_a_password_is_never_shown() -> None:
    assert "secret" not in repr(locate("redis://ann:secret@store"))
