"""MCP servers as tool sources, and tools as an MCP server: in memory and over stdio."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from mcp import types
from mcp.server import Server

from agentkit import (
    Agent,
    ConfigurationError,
    Context,
    MCPServer,
    RunState,
    ScriptedModel,
    SourceFailed,
    ToolResult,
    ToolSource,
    tool,
)
from agentkit.testing import VirtualClock
from agentkit.tools.mcp_connection import CLOSING
from agentkit.tools.mcp_server import mcp_server
from tests.invariants import check_invariants

pytestmark = pytest.mark.anyio

ECHO = Path(__file__).with_name("mcp_echo.py")
ROOT = Path(__file__).parent.parent.parent


def echo(**options: Any) -> MCPServer:
    return MCPServer.stdio(sys.executable, [str(ECHO)], env={"PYTHONPATH": str(ROOT)}, **options)


def listing(*tools: types.Tool, answers: list[str] | None = None, pages: int = 1) -> Server[Any]:
    """A server that lists these tools and answers every call with its name and arguments."""

    async def list_tools(context: Any, parameters: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        at = int(parameters.cursor or 0) if parameters is not None else 0
        size = -(-len(tools) // pages)
        following = str(at + size) if at + size < len(tools) else None
        return types.ListToolsResult(tools=list(tools[at : at + size]), next_cursor=following)

    async def call_tool(context: Any, parameters: types.CallToolRequestParams) -> types.CallToolResult:
        if answers is not None:
            answers.append(parameters.name)
        return types.CallToolResult(content=[types.TextContent(type="text", text=f"{parameters.arguments}")])

    return Server("lister", on_list_tools=list_tools, on_call_tool=call_tool)


def remote(name: str, schema: dict[str, Any] | None = None, **hints: Any) -> types.Tool:
    annotations = types.ToolAnnotations(**hints) if hints else None
    return types.Tool(name=name, input_schema=schema or {"type": "object"}, annotations=annotations)


def replies(state: RunState) -> list[str]:
    return [str(m.content) for m in state.messages if m.role == "tool"]


@pytest.mark.slow
async def test_a_run_opens_the_server_calls_its_tools_in_parallel_and_closes_it() -> None:
    calls = [("echo_add", {"a": 20, "b": 22}), ("echo_add", {"a": 1}), ("echo_deps", {}), ("echo_add", {"a": "x"})]
    agent = Agent(ScriptedModel([calls, "done"]), tools=[echo()])
    result = await agent.run("go")
    check_invariants(result.state)
    answers = replies(result.state)
    assert answers[:3] == ["42", "2", "served"]
    assert "'x' is not of type 'integer'" in answers[3]


@pytest.mark.slow
async def test_a_source_held_open_keeps_its_server_over_runs() -> None:
    agent = Agent(ScriptedModel([[("process", {})], "a", [("process", {})], "b"]), tools=[echo(name="")])
    async with agent:
        first = await agent.run("one")
        second = await agent.run("two")
    assert replies(first.state) == replies(second.state)
    with pytest.raises(ProcessLookupError):
        os.kill(int(replies(first.state)[0]), 0)


@pytest.mark.slow
async def test_a_run_with_run_in_parallel_shares_what_is_open_whoever_leaves_first() -> None:
    source = echo(name="")
    agent = Agent(ScriptedModel([[("add", {"a": 1})], "a", "b"]), tools=[source])
    async with anyio.create_task_group() as group:
        group.start_soon(agent.run, "one")
        group.start_soon(agent.run, "two")
    with pytest.raises(ConfigurationError, match="is not open: use `async with source:`"):
        await source.tools()


@pytest.mark.slow
async def test_the_child_gets_no_key_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-children")
    source = MCPServer.stdio(sys.executable, [str(ECHO)], env={"PYTHONPATH": str(ROOT), "TOKEN": "t"}, name="")
    result = await Agent(ScriptedModel([[("environment", {})], "done"]), tools=[source]).run("go")
    names = replies(result.state)[0]
    assert '"TOKEN"' in names
    assert "OPENAI" not in names


@pytest.mark.slow
async def test_a_killed_server_gives_tool_errors_and_comes_back() -> None:
    script = [[("die", {})], [("process", {})], [("die", {})], [("add", {"a": 1})], "done"]
    agent = Agent(ScriptedModel(script), tools=[echo(name="")])
    result = await agent.run("go")
    check_invariants(result.state)
    answers = replies(result.state)
    assert result.status == "done"
    assert answers[0].endswith("the connection was lost while the tool ran; it may have taken effect")
    assert int(answers[1]) > 0
    assert answers[3] == "2"


@pytest.mark.slow
async def test_a_read_call_that_finds_its_server_killed_is_asked_again_of_a_new_one() -> None:
    source = echo(name="")
    async with source:
        by_name = {t.name: t for t in await source.tools()}
        process = by_name["process"]
        first = (await process.call(process.validate({}), Context())).content  # type: ignore[attr-defined]
        os.kill(int(first), signal.SIGKILL)
        second = (await process.call(process.validate({}), Context())).content  # type: ignore[attr-defined]
        assert first != second


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (MCPServer.stdio("no-such-command-here"), "there is no such command: no-such-command-here"),
        (MCPServer.stdio(sys.executable, ["-c", "raise SystemExit(1)"]), "Connection closed"),
        (
            MCPServer.stdio(sys.executable, ["-c", "import time; time.sleep(60)"], connect=0.2),
            "the server did not answer in time; give connect=seconds",
        ),
        (MCPServer.http("http://127.0.0.1:9/mcp", headers={"authorization": "Bearer secret-word"}), "Connect"),
    ],
)
async def test_a_server_that_cannot_be_opened_ends_the_run_with_its_state(source: MCPServer, reason: str) -> None:
    agent = Agent(ScriptedModel(["never"]), tools=[source])
    with pytest.raises(SourceFailed, match=reason) as caught:
        await agent.run("hi")
    assert len(RunState.of(caught.value).messages) == 1
    assert "secret-word" not in f"{caught.value}{source!r}{vars(source)}"


async def test_hints_become_effects_and_without_any_somebody_must_approve() -> None:
    server = listing(
        remote("look", read_only_hint=True),
        remote("put", idempotent_hint=True, read_only_hint=False),
        remote("send", destructive_hint=False),
        remote("unknown"),
        remote("titled", title="Only a title"),
    )
    async with MCPServer.memory(server, name="") as source:
        found = {t.name: (t.effect, t.approval, t.untrusted) for t in await source.tools()}
    assert found == {
        "look": ("read", False, True),
        "put": ("idempotent", False, True),
        "send": ("write", False, True),
        "unknown": ("write", True, True),
        "titled": ("write", True, True),
    }
    async with MCPServer.memory(server, name="", effects={"unknown": "read"}, only=["unknown", "look"]) as source:
        assert [(t.effect, t.approval) for t in await source.tools()] == [("read", False), ("read", False)]
    async with MCPServer.memory(server, approval=True) as source:
        assert all(t.approval is True for t in await source.tools())


async def test_an_approval_holds_in_another_process_and_not_for_a_changed_tool() -> None:
    def agent(schema: dict[str, Any], called: list[str]) -> Agent[None, str]:
        source = MCPServer.memory(listing(remote("pay", schema), answers=called))
        return Agent(ScriptedModel([[("lister_pay", {"amount": 5})], "done"]), tools=[source])

    schema = {"type": "object", "properties": {"amount": {"type": "integer"}}}
    called: list[str] = []
    waiting = (await agent(schema, called).run("pay")).state
    saved = waiting.approve(waiting.waiting[0]).model_dump_json()
    assert called == []

    changed = {"type": "object", "properties": {"amount": {"type": "integer", "description": "in thousands"}}}
    other = await agent(changed, called).run(RunState.model_validate_json(saved))
    assert replies(other.state) == ["denied: the tool changed after the call was approved"]
    assert called == []
    done = await agent(schema, called).run(RunState.model_validate_json(saved))
    assert replies(done.state) == ["{'amount': 5}"]
    assert called == ["pay"]


async def test_names_are_made_valid_unique_and_the_same_in_every_process() -> None:
    long = "n" * 90
    server = listing(*(remote(name) for name in ("a.b", "a_b", "a b", long, f"{long}x", "süß")))
    async with MCPServer.memory(server, name="srv") as source:
        names = [t.name for t in await source.tools()]
        again = [t.name for t in await source.tools()]
    assert names == again
    assert len(set(names)) == 6
    assert [name[:8] for name in names[:3]] == ["srv_a_b", "srv_a_b_", "srv_a_b_"]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in names)


async def test_all_pages_are_read_and_a_tool_that_cannot_be_offered_is_left_out_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tools = [remote(f"t{n}") for n in range(7)]
    tools[3] = remote("odd", {"type": "object", "properties": {"a": {"$ref": "https://elsewhere.example/x.json"}}})
    with caplog.at_level(logging.WARNING, "agentkit"):
        async with MCPServer.memory(listing(*tools, pages=3), name="") as source:
            assert [t.name for t in await source.tools()] == ["t0", "t1", "t2", "t4", "t5", "t6"]
    assert "its tool 'odd' is left out" in caplog.text
    assert "points outside the schema" in caplog.text


async def test_a_server_that_lists_too_many_tools_is_not_believed() -> None:
    tools = [remote(f"t{n}") for n in range(1001)]
    async with MCPServer.memory(listing(*tools[:1000], pages=3)) as source:
        assert len(await source.tools()) == 1000
    async with MCPServer.memory(listing(*tools, pages=3)) as source:
        with pytest.raises(SourceFailed, match="it lists more than 1000 tools"):
            await source.tools()


class Ending:
    """A client of the SDK's kind, whose end takes what the test says."""

    def __init__(self, end: Callable[[], Awaitable[None]]) -> None:
        self._end, self.ended = end, False

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *error: object) -> None:
        with anyio.CancelScope(shield=True):
            await self._end()
        self.ended = True


async def test_cancelled_on_its_leaving_a_source_still_waits_for_the_servers_end() -> None:
    client = Ending(anyio.wait_all_tasks_blocked)
    with anyio.CancelScope() as scope:
        async with MCPServer(lambda: client, "a server"):  # type: ignore[arg-type, return-value]  # as much of one as is used
            scope.cancel()
    assert client.ended


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(("end", "passed"), [(lambda: anyio.sleep(0), 0), (lambda: anyio.sleep(3600), 2 * CLOSING)])
def test_a_source_is_left_when_its_server_ended_or_should_have(
    end: Callable[[], Awaitable[None]], passed: float, backend: Literal["asyncio", "trio"]
) -> None:
    async def main() -> float:
        began = anyio.current_time()
        async with MCPServer(lambda: Ending(end), "a server"):  # type: ignore[arg-type, return-value]  # likewise
            pass
        return anyio.current_time() - began

    assert VirtualClock(autojump=0).run(main, backend=backend) == pytest.approx(passed)


async def test_two_servers_with_the_same_names_are_refused_with_the_remedy() -> None:
    sources = [MCPServer.memory(listing(remote("t"))) for _ in range(2)]
    agent = Agent(ScriptedModel(["never"]), tools=sources)
    with pytest.raises(ConfigurationError, match="two tools are named 'lister_t'"):
        await agent.run("hi")


async def test_a_server_without_tools_ends_the_run_with_its_state() -> None:
    agent = Agent(ScriptedModel(["never"]), tools=[MCPServer.memory(Server("bare"))])
    with pytest.raises(SourceFailed, match="its tools cannot be listed: Method not found") as caught:
        await agent.run("hi")
    assert len(RunState.of(caught.value).messages) == 1


async def test_smuggled_arguments_do_not_reach_the_server() -> None:
    called: list[str] = []
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    server = listing(remote("t", schema, read_only_hint=True), answers=called)
    script = [[("t", {"a": 1, "admin": True}), ("t", {"self": 1}), ("t", {"a": 2})], "done"]
    result = await Agent(ScriptedModel(script), tools=[MCPServer.memory(server, name="")]).run("go")
    assert called == ["t"]
    assert "'admin' was unexpected" in replies(result.state)[0]


@tool(effect="read")
def picture() -> ToolResult:
    """A picture with data."""
    return ToolResult("a dot", data={"width": 1}, images=["data:image/png;base64,AAAA", "https://example.org/x.png"])


@tool
def fails() -> str:
    """It fails."""
    raise RuntimeError("broken")


async def test_tools_as_a_server_keep_images_data_errors_and_effects() -> None:
    source = MCPServer.memory(mcp_server([picture, fails]), name="")
    script = [[("picture", {}), ("fails", {}), ("picture", {"no": 1})], "done"]
    agent = Agent(ScriptedModel(script), tools=[source])
    async with source:
        assert [(t.name, t.effect, t.approval) for t in await source.tools()] == [
            ("picture", "read", False),
            ("fails", "write", False),
        ]
        result = await agent.run("go")
    answers = replies(result.state)
    assert answers[0] == "a dot\nhttps://example.org/x.png"
    assert answers[1] == "RuntimeError: broken"
    assert "data:image/png;base64,AAAA" in result.state.model_dump_json()
    assert '"data":{"width":1}' in result.state.model_dump_json()
    check_invariants(result.state)


def test_a_tool_that_waits_for_somebody_is_not_served() -> None:
    with pytest.raises(ConfigurationError, match="can neither wait for approval nor run elsewhere"):
        mcp_server([tool(fails, approval=True)])


def test_what_cannot_be_a_server_is_told_when_it_is_made() -> None:
    with pytest.raises(ConfigurationError, match="would be told all unencrypted"):
        MCPServer.http("http://example.org/mcp")
    with pytest.raises(ConfigurationError, match="is no http"):
        MCPServer.http("file:///etc/passwd")
    with pytest.raises(ConfigurationError, match="give a list"):
        MCPServer.stdio("npx", "server")
    assert isinstance(MCPServer.stdio("npx"), ToolSource)


@pytest.mark.slow
def test_a_synchronous_run_opens_and_closes_its_server() -> None:
    agent = Agent(ScriptedModel([[("add", {"a": 1})], "done"]), tools=[echo(name="")])
    assert replies(agent.run_sync("go").state) == ["2"]
