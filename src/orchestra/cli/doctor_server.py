"""The doctor's look at what runs: the store, the port, the server."""

import socket

from orchestra.cli.client import Client
from orchestra.cli.doctor_report import Check
from orchestra.cli.problems import Refused, Unreachable
from orchestra.cli.shapes import Readiness
from orchestra.settings import MODULES, Settings


def check_port(settings: Settings, answered: bool) -> Check:
    """The port can be listened on, or it is our server that does."""
    where = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except PermissionError:
            remedy = "ports below 1024 need a privilege: choose another with --port"
            return Check("port", "fail", f"{where} may not be used by this user", remedy)
        except OSError as error:
            if answered:
                return Check("port", "ok", f"{where} is in use by a server of ours")
            told = f"{where} cannot be used: {error.strerror}"
            return Check("port", "fail", told, "choose another with --port, or stop who has it")
    return Check("port", "ok", f"{where} is free")


def check_server(client: Client) -> Check:
    """What `/readyz` says."""
    try:
        ready = client.get("/readyz").read(Readiness)
    except Unreachable as unreachable:
        if unreachable.refused:
            told = f"none at {client.url}"
            return Check("server", "warn", told, "start one: orchestra serve")
        return Check("server", "fail", unreachable.message, "see what listens there")
    except Refused as refused:
        told = f"{client.url} is not ready: {refused.message}"
        return Check("server", "fail", told, "see its log; it may still be starting or stopping")
    durability = ready.durability
    if durability is None:
        told = f"{client.url} is ready; durability is shown with a key (--key)"
        return Check("server", "ok", told)
    told = f"{client.url} is ready, durability {durability.effective}"
    if durability.requested and durability.requested != durability.effective:
        told += f" (asked for: {durability.requested})"
        remedy = "the store promises less: change it, or ask for less with --durability"
        return Check("server", "warn", told, remedy)
    return Check("server", "ok", told)


def check_modules(client: Client) -> Check | None:
    """Which modules run where. None when the server does not say."""
    try:
        processes = client.get("/readyz").read(Readiness).processes
    except (Unreachable, Refused):
        return None
    if not processes:
        return None
    told = "; ".join(
        f"{', '.join(one.modules)} in process {one.pid} on {one.host}" for one in processes
    )
    missing = {*MODULES} - {name for one in processes for name in one.modules}
    if missing:
        remedy = f"start one: orchestra serve --modules {','.join(sorted(missing))}"
        return Check("modules", "warn", f"{told}; nowhere: {', '.join(sorted(missing))}", remedy)
    return Check("modules", "ok", told)
