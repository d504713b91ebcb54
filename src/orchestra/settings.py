"""The whole configuration: one frozen struct, from defaults, a TOML file, the environment, options.

A later source wins. The names are the same in each: `port` in the file, `ORCHESTRA_PORT`, `--port`.
Everything that is wrong is found at once. The only reader of the environment.
"""

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta
from msgspec.structs import FieldInfo, fields

from orchestra.errors import Invalid, Problem
from orchestra.notice_settings import check_notices
from orchestra.otel_settings import OtelSettings, check_otel

PREFIX: Final = "ORCHESTRA_"
FILE = "orchestra.toml"
SECRET = frozenset({"store_url", "otel_headers", "smtp_url", "watchdog_url"})
Names = tuple[str, ...]
MODULES: Final = ("agents", "workflows", "bus", "monitoring")


class SettingsInvalid(Invalid):
    """The configuration cannot be used. `findings` has every reason, each a `Problem`."""


class Settings(OtelSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this process runs. Nothing changes it after the start."""

    host: Annotated[str, Meta(min_length=1, description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="Port; 0 takes a free one.")] = 8000
    data: Annotated[str, Meta(min_length=1, description="The embedded store's folder.")] = (
        ".orchestra"
    )
    store_url: Annotated[
        str | None,
        Meta(description="Valkey or Redis: redis://, rediss://, unix://, redis+sentinel://, ..."),
    ] = None
    store_space: Annotated[
        str,
        Meta(pattern=r"^[a-z][a-z0-9]{0,15}$", description="First part of every key in the store."),
    ] = "o"
    store_patience_s: Annotated[
        float, Meta(ge=0.5, le=60, description="Silence of the store until calls are refused.")
    ] = 1.5
    partitions: Annotated[
        int, Meta(ge=1, le=256, description="Power of two, fixed when the store is first used.")
    ] = 16
    durability: Annotated[
        Literal["always", "everysec", "no", "fsync", "replicated", "process", "volatile"] | None,
        Meta(description="What 'accepted' survives; unset: always embedded, else as it can."),
    ] = None
    allow_weaker_durability: Annotated[
        bool, Meta(description="Start although the store promises less than asked for.")
    ] = False
    auth_mode: Annotated[
        Literal["auto", "required"], Meta(description="auto: no key needed on loopback only.")
    ] = "auto"
    admin_key_file: Annotated[
        str | None, Meta(description="File with the first API key; stored if there is none.")
    ] = None
    master_key_file: Annotated[
        str | None, Meta(description="File with at least 32 bytes, the same for every replica.")
    ] = None
    public_url: Annotated[str | None, Meta(description="The address users see.")] = None
    allowed_hosts: Annotated[
        Names, Meta(max_length=100, description="More names that may stand in Host.")
    ] = ()
    trusted_proxies: Annotated[
        Names, Meta(max_length=100, description="Networks whose X-Forwarded-For is believed.")
    ] = ()
    network_allow: Annotated[
        Names, Meta(max_length=1_000, description="Private destinations: 10.0.3.0/24:8080.")
    ] = ()
    plugins: Annotated[str | None, Meta(description="Folder of Python agents, watched.")] = None
    mcp_servers: Annotated[Names, Meta(description="Local MCP servers: name=command.")] = ()
    modules: Annotated[
        Names,
        Meta(description=f"Modules that run here: {', '.join(MODULES)}; unset: all of them."),
    ] = ()
    slots_max: Annotated[int, Meta(ge=1, le=100_000, description="Steps run at once.")] = 1_024
    live_ttl_s: Annotated[
        float, Meta(ge=0, le=31_536_000, description="Ended executions are archived after this.")
    ] = 3_600.0
    retention_s: Annotated[
        float, Meta(ge=1, le=31_536_000, description="Archived executions are kept this long.")
    ] = 604_800.0
    drain_s: Annotated[
        float, Meta(ge=0, le=3_600, description="Longest wait for running steps at the end.")
    ] = 30.0
    drain_notice_s: Annotated[
        float | None, Meta(description="How long /readyz says no at the end; unset: 2, locally 0.")
    ] = None
    budget_usd_per_day: Annotated[
        int | None, Meta(ge=0, description="Most that a tenant's models may cost a day, in USD.")
    ] = None
    monitoring: Annotated[
        Literal["on", "off"], Meta(description="off: measures nothing, gathers no lines.")
    ] = "on"
    body_max_bytes: Annotated[
        int, Meta(ge=1_024, le=16_777_216, description="Longest request body.")
    ] = 1_048_576

    @property
    def data_path(self) -> Path:
        """The data directory, absolute."""
        return Path(self.data).absolute()

    @property
    def embedded(self) -> bool:
        """Whether the store is our own child process."""
        return self.store_url is None

    @property
    def runs(self) -> tuple[str, ...]:
        """The modules that run in this process. Each measures and logs for itself."""
        named = {*(self.modules or MODULES), "monitoring"}
        return tuple(name for name in MODULES if name in named)

    def __repr__(self) -> str:
        shown = {name: "***" if name in SECRET and value else value for name, value in _items(self)}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the command line finds a server: `ORCHESTRA_URL`, `ORCHESTRA_KEY`."""

    url: str = "http://127.0.0.1:8000"
    key: str | None = None


def load(
    options: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """The settings of this process. Raises SettingsInvalid with everything that is wrong.

    `options` holds what the command line gave (None means not given). The file is `file`, else
    `ORCHESTRA_CONFIG`, else `orchestra.toml` here if it exists.
    """
    environ = os.environ if environ is None else environ
    findings: list[Problem] = []
    values: dict[str, object] = {}
    path = file or (Path(environ[PREFIX + "CONFIG"]) if environ.get(PREFIX + "CONFIG") else None)
    given = {name: value for name, value in (options or {}).items() if value is not None}
    sources: list[tuple[str, Mapping[str, object]]] = [
        ("file", _read_file(path, findings)),
        ("environment", _read_environment(environ, findings)),
        ("option", given),
    ]
    for source, entries in sources:
        for name, raw in entries.items():
            _take(source, name, raw, values, findings)
    if not findings:
        settings = Settings(**values)  # type: ignore[arg-type]  # each value was converted
        findings += _check(settings)
        if not findings:
            return settings
    told = "; ".join(f"{finding.pointer}: {finding.message}" for finding in findings)
    raise SettingsInvalid(f"the configuration cannot be used: {told}", findings)


def load_client(environ: Mapping[str, str] | None = None) -> ClientSettings:
    """What the command line needs to ask a server."""
    environ = os.environ if environ is None else environ
    url, key = environ.get(PREFIX + "URL"), environ.get(PREFIX + "KEY")
    return ClientSettings(url=url or ClientSettings().url, key=key or None)


_FIELDS = {field.name: field for field in fields(Settings)}
# Of the command line, the tests and the benchmarks; ours to know so that they are no typos.
_OTHERS = frozenset({"config", "url", "key"})


def _read_file(path: Path | None, findings: list[Problem]) -> Mapping[str, object]:
    if path is None and not Path(FILE).is_file():
        return {}
    path = path or Path(FILE)
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        findings.append(Problem(str(path), "unreadable", error.strerror or "cannot be read"))
    except UnicodeDecodeError:
        findings.append(Problem(str(path), "encoding", "is not UTF-8"))
    except tomllib.TOMLDecodeError as error:
        findings.append(Problem(str(path), "syntax", f"is not TOML: {error}"))
    return {}


def _read_environment(environ: Mapping[str, str], findings: list[Problem]) -> Mapping[str, str]:
    """Ours among the variables. One that only looks like ours is a finding when it is a typo."""
    found: dict[str, str] = {}
    for variable, value in environ.items():
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or not value:
            continue
        # Kubernetes sets ORCHESTRA_PORT=tcp://10.0.0.1:8000 beside a Service of that name.
        if name in _FIELDS and not value.startswith("tcp://"):
            found[name] = value
        elif name not in _FIELDS and name not in _OTHERS and (near := _nearest(name)):
            findings.append(
                Problem(variable, "unknown", "is no setting", f"{PREFIX}{near.upper()}")
            )
    return found


def _take(
    source: str, name: str, raw: object, values: dict[str, object], findings: list[Problem]
) -> None:
    places = {"environment": PREFIX + name.upper(), "option": f"--{name.replace('_', '-')}"}
    where = places.get(source, name)
    field = _FIELDS.get(name)
    if field is None:
        findings.append(Problem(where, "unknown", "is no setting", _nearest(name)))
        return
    if isinstance(raw, str) and _is_list(field):
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    try:
        values[name] = msgspec.convert(raw, field.type, strict=source == "file")
    except msgspec.ValidationError as error:
        findings.append(Problem(where, "type", str(error)))


def _check(settings: Settings) -> list[Problem]:
    """What no single value shows."""
    found: list[Problem] = []
    if settings.partitions & (settings.partitions - 1):
        found.append(Problem("partitions", "value", "must be a power of two, such as 16"))
    if settings.store_url is not None and not urlsplit(settings.store_url).scheme:
        found.append(Problem("store_url", "value", "must be a URL, such as redis://host:6379"))
    if not 0 <= (settings.drain_notice_s or 0) <= 60:
        found.append(Problem("drain_notice_s", "value", "must be from 0 to 60"))
    if settings.public_url is not None:
        parts = urlsplit(settings.public_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            found.append(Problem("public_url", "value", "must be an http or https URL"))
    found += _check_modules(settings)
    found += check_notices(settings) + check_otel(settings)
    for network in settings.trusted_proxies:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            found.append(Problem("trusted_proxies", "value", f"{network!r} is no network"))
    return found


def _check_modules(settings: Settings) -> list[Problem]:
    """Each there is, and a store that other processes reach when they run elsewhere."""
    found = [
        Problem("modules", "unknown", f"{name!r} is no module", _nearest(name, MODULES, 0.5))
        for name in settings.modules
        if name not in MODULES
    ]
    if settings.embedded and len(settings.runs) < len(MODULES):
        told = "modules in several processes share a store: name it with store_url"
        found.append(Problem("modules", "value", told))
    return found


def _nearest(name: str, among: Iterable[str] = _FIELDS, likeness: float = 0.75) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(among), 1, likeness)), None)


def _is_list(field: FieldInfo) -> bool:
    return get_origin(bare(field.type)) is tuple


def bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _items(settings: Settings) -> Iterable[tuple[str, object]]:
    return ((name, getattr(settings, name)) for name in _FIELDS)
