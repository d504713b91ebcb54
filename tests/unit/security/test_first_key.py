"""The first key: made once, told to a person or put into a file, never logged."""

import io
from pathlib import Path

import pytest

from orchestra.clock import ManualClock
from orchestra.security.first_key import (
    KeyFileInvalid,
    KeyMissing,
    derived,
    ensure_first_key,
    pepper_of,
)
from orchestra.security.key_text import new_key
from orchestra.security.keys import KeyRing, Wish
from orchestra.settings import Settings
from orchestra.store.client import Store

pytestmark = pytest.mark.anyio


class Terminal(io.StringIO):
    """A person looks at it."""

    def isatty(self) -> bool:
        return True


def files_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def a_ring(store: Store) -> KeyRing:
    return KeyRing(store, ManualClock(), b"p" * 32)


async def test_a_person_sees_the_first_key_once(store: Store, tmp_path: Path) -> None:
    ring, terminal = a_ring(store), Terminal()
    settings = Settings(data=str(tmp_path))

    await ensure_first_key(settings, ring, terminal)
    shown = terminal.getvalue()
    await ensure_first_key(settings, ring, terminal)

    text = next(word for word in shown.split() if word.startswith("orc_live_"))
    assert (await ring.verify(text)).role == "platform_admin"
    assert terminal.getvalue() == shown
    assert files_in(tmp_path) == []


async def test_without_a_person_it_goes_into_a_file(store: Store, tmp_path: Path) -> None:
    ring = a_ring(store)

    await ensure_first_key(Settings(data=str(tmp_path)), ring, io.StringIO())

    path = tmp_path / "admin.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (await ring.verify(path.read_text().strip())).name == "admin"


async def test_an_older_file_is_never_overwritten(store: Store, tmp_path: Path) -> None:
    (tmp_path / "admin.key").write_text("old")

    await ensure_first_key(Settings(data=str(tmp_path)), a_ring(store), io.StringIO())

    assert (tmp_path / "admin.key").read_text() == "old"
    assert len(files_in(tmp_path)) == 2


async def test_a_shared_store_without_a_key_refuses_and_names_the_ways(store: Store) -> None:
    with pytest.raises(KeyMissing) as refused:
        await ensure_first_key(Settings(store_url="redis://x"), a_ring(store))

    assert "orchestra keys create --admin" in refused.value.detail
    assert "ORCHESTRA_ADMIN_KEY_FILE" in refused.value.detail


async def test_a_shared_store_with_a_key_starts(store: Store) -> None:
    ring = a_ring(store)
    await ring.create(Wish(name="a"))

    await ensure_first_key(Settings(store_url="redis://x"), ring)


async def test_the_key_of_a_file_is_adopted_once(store: Store, tmp_path: Path) -> None:
    ring, text = a_ring(store), new_key()
    (tmp_path / "k").write_text(f"{text}\n")
    settings = Settings(store_url="redis://x", admin_key_file=str(tmp_path / "k"))

    await ensure_first_key(settings, ring)
    await ensure_first_key(settings, ring)

    assert (await ring.verify(text)).role == "platform_admin"


@pytest.mark.parametrize("content", ["", "hunter2", "orc_live_" + "x" * 58])
async def test_a_file_without_a_key_is_refused(store: Store, tmp_path: Path, content: str) -> None:
    (tmp_path / "k").write_text(content)

    with pytest.raises(KeyFileInvalid):
        await ensure_first_key(Settings(admin_key_file=str(tmp_path / "k")), a_ring(store))


async def test_the_pepper_is_the_same_after_a_restart(store: Store, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"m" * 32)
    for settings in (
        Settings(data=str(tmp_path)),
        Settings(store_url="redis://x"),
        Settings(master_key_file=str(tmp_path / "m")),
    ):
        assert await pepper_of(settings, store) == await pepper_of(settings, store)
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600


async def test_a_short_master_key_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"short")

    with pytest.raises(KeyFileInvalid):
        await pepper_of(Settings(master_key_file=str(tmp_path / "m")), store)


def test_derived_keys_differ_by_label() -> None:
    assert derived(b"m" * 32, "a") != derived(b"m" * 32, "b")
    assert len(derived(b"m" * 32, "a")) == 32
