"""Static files: addressed by content, compressed, nothing outside the folder; vendored exactly."""

import base64
import gzip
import hashlib
import re
from pathlib import Path

import pytest
from edge import a_client, a_stage

from orchestra.assets import Assets, folder, lean

pytestmark = pytest.mark.anyio

STATIC = folder("static")


async def test_an_address_with_the_hash_is_kept_for_ever() -> None:
    url = Assets(STATIC).url("docs.js")

    async with a_client(a_stage()) as client:
        answer = await client.get(url)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.content == lean(STATIC / "docs.js", (STATIC / "docs.js").read_bytes())


async def test_an_address_with_an_old_hash_is_gone() -> None:
    async with a_client(a_stage()) as client:
        assert (await client.get("/static/000000000000/docs.js")).status_code == 404


async def test_the_plain_name_is_asked_for_again() -> None:
    async with a_client(a_stage()) as client:
        first = await client.get("/static/docs.js")
        again = await client.get(
            "/static/docs.js", headers={"if-none-match": first.headers["etag"]}
        )

    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


async def test_what_is_worth_it_is_compressed() -> None:
    name = "/static/vendor/swagger-ui/swagger-ui.css"
    async with a_client(a_stage()) as client:
        async with client.stream("GET", name, headers={"accept-encoding": "gzip"}) as answer:
            packed = b"".join([part async for part in answer.aiter_raw()])
        plain = await client.get(name, headers={"accept-encoding": "identity"})

    assert answer.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content
    assert len(packed) < len(plain.content) / 4


@pytest.mark.parametrize(
    "path",
    ["/static/../pyproject.toml", "/static/%2e%2e/pyproject.toml", "/static//etc/passwd",
     "/static/vendor", "/static/", "/static/..%2fpyproject.toml"],
)  # fmt: skip
async def test_nothing_else_is_served(path: str) -> None:
    async with a_client(a_stage()) as client:
        answer = await client.get(path)

    assert answer.status_code == 404


async def test_files_are_only_read() -> None:
    async with a_client(a_stage()) as client:
        assert (await client.post("/static/docs.js")).status_code == 405
        assert (await client.head("/static/docs.js")).content == b""


def test_every_vendored_file_is_the_one_that_is_listed() -> None:
    vendor = STATIC / "vendor"
    listed = dict(
        re.findall(r"^\| `([^`]+)` \| \d+ \| `sha384-([^`]+)` \|$", listing(vendor), re.MULTILINE)
    )

    present = {
        path.relative_to(vendor).as_posix(): sha384(path)
        for path in vendor.rglob("*")
        if path.is_file() and path.name != "VENDOR.md"
    }

    assert present == listed


def listing(vendor: Path) -> str:
    return (vendor / "VENDOR.md").read_text("utf-8")


def sha384(path: Path) -> str:
    return base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()


def test_comments_and_indentation_are_not_sent_but_what_others_published_is() -> None:
    script, style = Path("static/a.js"), Path("static/a.css")

    assert lean(script, b"// why\n  // more\na('//b');\n  c(`//d`);\n") == b"a('//b');\nc(`//d`);\n"
    assert lean(style, b"/* why\n */\na b:hover {\n  c: d; }\n") == b"a b:hover{c:d;}"
    assert lean(Path("static/vendor/a.js"), b"  // why\n") == b"  // why\n"
