"""An MCP server for tests, on mcp 2.3: tools with schemas, progress, errors, and slow ones.

Run in the peer's own venv: `python mcp_server.py PORT`. Not imported by any test.
"""

import sys

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel
from starlette.responses import JSONResponse
from starlette.routing import Route

mcp = MCPServer("Demo", version="3.1.0")
left, hidden = [], []


class Sum(BaseModel):
    total: int


@mcp.tool()
def add(a: int, b: int) -> Sum:
    """Add two numbers."""
    return Sum(total=a + b)


@mcp.tool()
def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


@mcp.tool()
def breaks() -> str:
    """Never works."""
    raise ValueError("out of order")


@mcp.tool()
async def count(ctx: Context, to: int) -> int:
    """Count, and tell."""
    for i in range(to):
        await ctx.report_progress(i + 1, to, f"at {i + 1}")
    return to


@mcp.tool()
async def slow() -> str:
    """Takes long."""
    try:
        await anyio.sleep(30)
    except anyio.get_cancelled_exc_class():
        left.append("slow")
        raise
    return "done"


@mcp.tool()
def cancelled() -> list[str]:
    """What was cancelled."""
    return left


functions = {one.__name__: one for one in (add, shout, breaks, count, slow, cancelled)}


class Older:
    """What a server of 2025-11-25 makes of a stateless request: it has never heard of it."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            sent = dict(scope["headers"])
            if sent.get(b"mcp-protocol-version") == b"2026-07-28":
                error = {"code": -32600, "message": "Bad Request: Unsupported protocol version"}
                said = {"jsonrpc": "2.0", "id": "server-error", "error": error}
                await JSONResponse(said, 400)(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def skills(request):
    """Hide these tools, and show all others again."""
    for tool in hidden:
        mcp.add_tool(tool)
    hidden.clear()
    for name in await request.json():
        hidden.append(functions[name])
        mcp.remove_tool(name)
    return JSONResponse({})


if sys.argv[1:] == ["--stdio"]:
    mcp.run(transport="stdio")
elif __name__ == "__main__":
    app = mcp.streamable_http_app()
    app.router.routes.append(Route("/_skills", skills, methods=["POST"]))
    uvicorn.run(
        Older(app) if "--older" in sys.argv else app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
