"""The doctor's look at the store: reached, fit to work on, and what it promises. It only reads."""

import tempfile
from pathlib import Path

import anyio

from orchestra.cli.doctor_machine import nearest_parent
from orchestra.cli.doctor_report import Check
from orchestra.cli.printing import console, print_document
from orchestra.cli.problems import Failed
from orchestra.clock import SystemClock
from orchestra.errors import OrchestraError
from orchestra.settings import Settings
from orchestra.store.datadir import DataInUse, cut_behind_damage, locked
from orchestra.store.durability import MODES, Durability, Mode, examine, judge
from orchestra.store.embedded import Embedded, running
from orchestra.store.endpoints import Access, Address, Location, locate
from orchestra.store.topology import discover

APPENDFSYNC = {"process": "everysec", "volatile": "no"}


def check_store(settings: Settings) -> Check:
    """Whether the store that `orchestra serve` would use answers, and what it promises.

    An embedded one that is not running is tried out in an empty directory beside the data.
    """
    try:
        if settings.store_url is not None:
            durability = anyio.run(asked, settings)
            return promised(durability, "the store answers")
        if in_use(settings.data_path):
            return Check("store", "ok", "embedded, and running: its mode is the server's below")
        durability = anyio.run(tried, settings)
        return promised(durability, "the embedded store starts and answers")
    except OrchestraError as error:
        remedy = "check --store-url, and that the server runs and can be reached from here"
        if settings.embedded:
            remedy = "see the data directory above"
        return Check("store", "fail", error.detail, remedy)
    except (OSError, TimeoutError) as error:
        return Check("store", "fail", f"the store does not answer: {error}", "see that it runs")


def promised(durability: Durability, told: str) -> Check:
    """What the store keeps, and whether that is less than was asked for."""
    told = f"{told}: durability {durability.effective} (appendfsync {durability.appendfsync})"
    weaker = durability.effective in ("process", "volatile", "unknown")
    if weaker and durability.effective != durability.requested:
        remedy = f"{durability.requested} was asked for: change the store, or --durability"
        return Check("store", "warn", told, remedy)
    return Check("store", "ok", told)


def wanted(settings: Settings) -> Mode | None:
    """The mode that the settings ask for, where they do."""
    if settings.durability is None:
        return "fsync" if settings.embedded else None
    return MODES[settings.durability]


def in_use(directory: Path) -> bool:
    """Whether a server works on this data directory now."""
    if not (directory / "lock").exists():
        return False
    try:
        with locked(directory, wait_s=0.0):
            return False
    except DataInUse:
        return True


async def asked(settings: Settings) -> Durability:
    """What a store of somebody's own promises: that of its weakest primary."""
    assert settings.store_url is not None
    return await examined(locate(settings.store_url), settings)


async def tried(settings: Settings) -> Durability:
    """What an embedded store promises here; it is started for this and stopped again."""
    beside = nearest_parent(settings.data_path)
    with tempfile.TemporaryDirectory(prefix=".orchestra-doctor-", dir=beside) as place:
        appendfsync = APPENDFSYNC.get(wanted(settings) or "fsync", "always")
        async with running(Embedded(Path(place), appendfsync), SystemClock()) as server:
            location = Location("standalone", (Address(path=server.socket),), Access())
            return await examined(location, settings)


async def examined(location: Location, settings: Settings) -> Durability:
    """Ask every primary, and judge as the server would at its start. Raises Unfit."""
    slots = await discover(location)
    facts = [await examine(one, location.access) for one in sorted(slots.primaries(), key=str)]
    requested = wanted(settings)
    replicas = 1 if requested == "replicated" else 0
    return judge(facts, requested, replicas, weaker=settings.allow_weaker_durability)


def repair(settings: Settings, as_json: bool) -> None:
    """Cut the embedded store's file at its damage, and say what was lost. Raises Failed."""
    if not settings.embedded:
        raise Failed("only an embedded store is repaired here, and the settings name another")
    directory = settings.data_path
    if not directory.is_dir():
        raise Failed(f"{directory} is no data directory")
    try:
        with locked(directory):
            copy, cut_bytes = cut_behind_damage(directory, SystemClock().now_ms())
    except DataInUse as in_use:
        raise Failed(in_use.detail) from in_use
    except OSError as error:
        raise Failed(f"{directory} cannot be repaired: {error.strerror}") from error
    if as_json:
        print_document({"data": str(directory), "cut_bytes": cut_bytes, "copy": str(copy)})
    elif cut_bytes:
        console().print(f"Cut off {cut_bytes:,} bytes. What was there before is kept in {copy}.")
    else:
        console().print(f"Nothing to cut: the store in {directory} is sound.")
