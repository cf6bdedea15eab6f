"""An MCP server of agentkit tools over stdio, for the tests: a child process that can look around and be killed."""

import os

import anyio

from agentkit import Context, tool
from agentkit.tools.mcp_server import serve_mcp


@tool(effect="read")
def environment() -> list[str]:
    """Names in the environment of this process."""
    return sorted(os.environ)


@tool(effect="read")
def process() -> int:
    """The number of this process."""
    return os.getpid()


@tool
def die() -> str:
    """End this process at once."""
    os._exit(1)


@tool(effect="idempotent")
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    print("a tool that prints does not break the protocol")
    return a + b


@tool(effect="read")
async def deps(ctx: Context[str]) -> str:
    """What the server was started with."""
    return ctx.deps


if __name__ == "__main__":
    anyio.run(lambda: serve_mcp([environment, process, die, add, deps], name="echo", deps="served"))
