"""`agentkit serve --mcp`: the official SDK's client starts the program and gets the tools that it may call."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent

from tests.cli.programs import DESK, PROGRAM, called, environment

SHOP = """
print("what a module prints is not the protocol's")

@tool
def shout(text: str, ctx: Context[list[str]]) -> str:
    '''Shout.

    Args:
        text: What
    '''
    print("neither is what a tool prints")
    return f"{text.upper()}, {ctx.deps[0]}!"

@tool(when=lambda ctx: False)
def hidden() -> str:
    '''Never seen.'''
    return "seen"

people = ["ann"]
inner = Agent("offline", name="inner")
shop = Agent("offline", name="shop", deps=list[str], tools=[look_up, refund, shout, hidden, inner.as_tool()])
"""


@pytest.mark.anyio
async def test_the_tools_of_an_agent_are_served_over_mcp_without_those_that_only_a_run_can_call(folder: Path) -> None:
    (folder / "shop.py").write_text(DESK.replace("import Agent", "import Agent, Context") + SHOP)
    command = [*PROGRAM, "serve", "shop.py:shop", "--mcp", "--deps", "people"]
    server = StdioServerParameters(command=command[0], args=command[1:], cwd=folder, env=environment())
    with (folder / "said").open("w") as said:
        async with stdio_client(server, errlog=said) as (read, write), ClientSession(read, write) as client:
            started = await client.initialize()
            listed = await client.list_tools()
            answers = [
                await client.call_tool("look_up", {"order": 7}),
                await client.call_tool("shout", {"text": "hello"}),
                await client.call_tool("refund", {"order": 7}),
            ]
    assert started.server_info.name == "shop"
    assert [tool.name for tool in listed.tools] == ["look_up", "shout"]
    texts = [content.text for answer in answers for content in answer.content if isinstance(content, TextContent)]
    assert texts == ["order 7: a lamp", "HELLO, ann!", "there is no tool 'refund'"]
    told = (folder / "said").read_text()
    assert "refund is not offered: it needs approval" in told
    assert "inner is not offered: only a run of the agent can call it" in told
    assert "hidden is not offered: its `when=` says no" in told
    assert "what a module prints" in told
    assert "neither is what a tool prints" in told


def test_a_client_that_is_gone_ends_the_server_and_standard_output_stays_empty(folder: Path) -> None:
    command = [*PROGRAM, "serve", "desk.py", "--mcp"]
    ended = subprocess.run(command, cwd=folder, env=environment(), input="", capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "")


@pytest.mark.parametrize("arguments", [(), ("a.py", "b.py"), ("desk.py", "--model", "offline")])
def test_one_agent_is_served_over_mcp(folder: Path, arguments: tuple[str, ...]) -> None:
    done = called("serve", "--mcp", *arguments)
    assert done.exit_code == 2
    assert "--mcp serves the tools of one TARGET" in done.output
