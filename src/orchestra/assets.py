"""Static files from memory: addressed by content, compressed once, cached for ever by browsers.

`url("docs.js")` is `/static/<hash>/docs.js`: that address never changes its content. Under the
plain name (`/static/docs.js`) the browser asks again and gets 304 when nothing changed.
"""

import gzip
import hashlib
import mimetypes
import re
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler

from orchestra.security import public

PREFIX: Final = "/static/"
FILE_MAX_BYTES: Final = 8 * 1024 * 1024
_COMPRESS_MIN_BYTES: Final = 512
_HASH_CHARS: Final = 12
_COMMENTS: Final = {
    ".css": re.compile(rb"/\*.*?\*/", re.DOTALL),
    ".js": re.compile(rb"^[ \t]*//[^\n]*\n", re.MULTILINE),
}
_INDENT: Final = re.compile(rb"^[ \t\n]+", re.MULTILINE)
_AROUND: Final = re.compile(rb"\s*([{};])\s*|(?<=[\w-]):[ ]")
"""Spaces that a style sheet does without. No text in one has these signs."""
_TEXT: Final = ("text/", "application/javascript", "application/json", "image/svg")


def folder(name: str) -> Path:
    """`static` or `templates`: inside an installed package, or beside the source."""
    installed = Path(str(files("orchestra"))) / "_web" / name
    return installed if installed.is_dir() else Path(__file__).parents[2] / name


class Asset(msgspec.Struct, frozen=True):
    """One file, as it is sent."""

    body: bytes
    packed: bytes | None
    media_type: str
    digest: str


class Assets:
    """The files of one folder. The set is fixed at the start; contents are read on first use."""

    def __init__(self, root: Path) -> None:
        self._paths = {
            path.relative_to(root).as_posix(): path
            for path in sorted(root.rglob("*"))
            if path.is_file() and not any(part.startswith(".") for part in path.parts[-2:])
        }
        self._loaded: dict[str, Asset] = {}

    def url(self, name: str) -> str:
        """The address of `name` that may be cached for ever. Raises KeyError when there is none."""
        digest = hashlib.sha256(self._paths[name].read_bytes()).hexdigest()[:_HASH_CHARS]
        return f"{PREFIX}{digest}/{name}"

    def routes(self) -> list[ASGIRouteHandler]:
        """The one route below `/static/`."""
        guards = [public("static files")]
        return [asgi(PREFIX, is_mount=True, guards=guards, copy_scope=True)(self.serve)]

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002  # ASGI
        """Answer one request for a file. Names are looked up in a table: no path is ever built."""
        if scope["method"] not in {"GET", "HEAD"}:
            await _send(send, HTTPStatus.METHOD_NOT_ALLOWED, [(b"allow", b"GET, HEAD")], b"")
            return
        name = scope["path"].removeprefix(PREFIX.rstrip("/")).strip("/")
        digest, _, rest = name.partition("/")
        lasting = rest in self._paths and len(digest) == _HASH_CHARS
        asset = await self._asset(rest if lasting else name)
        if asset is None or (lasting and not asset.digest.startswith(digest)):
            await _send(send, HTTPStatus.NOT_FOUND, [], b"")
            return
        given: dict[bytes, bytes] = dict(scope["headers"])
        packed = asset.packed if b"gzip" in given.get(b"accept-encoding", b"") else None
        tag = f'"{asset.digest}{"-gz" if packed else ""}"'.encode()
        lines = [
            (b"etag", tag),
            (b"vary", b"accept-encoding"),
            (b"cache-control", b"public, max-age=31536000, immutable" if lasting else b"no-cache"),
        ]
        if tag in given.get(b"if-none-match", b""):
            await _send(send, HTTPStatus.NOT_MODIFIED, lines, None)
            return
        body = packed or asset.body
        lines += [(b"content-type", asset.media_type.encode())]
        lines += [(b"content-encoding", b"gzip")] if packed else []
        lines += [(b"content-length", b"%d" % len(body))]
        await _send(send, HTTPStatus.OK, lines, b"" if scope["method"] == "HEAD" else body)

    async def _asset(self, name: str) -> Asset | None:
        found = self._loaded.get(name)
        path = self._paths.get(name)
        if found is None and path is not None:
            # Compressing a large script takes 50 ms: not on the event loop.
            found = self._loaded[name] = await anyio.to_thread.run_sync(_load, path)
        return found


def lean(path: Path, body: bytes) -> bytes:
    """Without whole lines of comment and indentation; what others published stays as it is."""
    if "vendor" in path.parts or path.suffix not in _COMMENTS:
        return body
    bare = _INDENT.sub(b"", _COMMENTS[path.suffix].sub(b"", body))
    if path.suffix == ".js":
        return bare
    return _AROUND.sub(lambda found: found[1] or b":", bare)


def _load(path: Path) -> Asset:
    raw = path.read_bytes()
    body = lean(path, raw)
    assert len(body) <= FILE_MAX_BYTES, f"{path.name} is too large to be served from memory"
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if path.suffix == ".js":  # the machine's own table may say otherwise
        media_type = "text/javascript"
    is_text = media_type.startswith(_TEXT)
    packed = (
        gzip.compress(body, 9, mtime=0) if is_text and len(body) > _COMPRESS_MIN_BYTES else None
    )
    return Asset(
        body,
        packed,
        f"{media_type}; charset=utf-8" if is_text else media_type,
        hashlib.sha256(raw).hexdigest()[:_HASH_CHARS],
    )


async def _send(
    send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes | None
) -> None:
    if body == b"" and status >= HTTPStatus.BAD_REQUEST:
        headers = [*headers, (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body or b""})
