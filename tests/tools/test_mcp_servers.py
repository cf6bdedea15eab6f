"""Whole loops against MCP servers that others wrote: server-everything, server-filesystem (npm), mcp-server-time (PyPI)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from agentkit import Agent, MCPServer, RunState, ScriptedModel, ToolProgress
from agentkit.testing import FakeServer
from tests.invariants import check_invariants
from tests.npm import npm

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

EVERYTHING = "@modelcontextprotocol/server-everything/dist/index.js"
FILESYSTEM = "@modelcontextprotocol/server-filesystem/dist/index.js"


def everything(**options: Any) -> MCPServer:
    return MCPServer.stdio("node", [str(npm(EVERYTHING)), "stdio"], name="all", **options)


def replies(state: RunState) -> list[str]:
    return [str(m.content) for m in state.messages if m.role == "tool"]


@contextmanager
def over_http() -> Iterator[str]:
    """server-everything over streamable HTTP, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["node", str(npm(EVERYTHING)), "streamableHttp"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env={**os.environ, "PORT": str(port)}, **quiet)  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


SCRIPT: list[Any] = [
    [("all_echo", {"message": "hello"}), ("all_get-sum", {"a": 2, "b": 40}), ("all_get-tiny-image", {})],
    [("all_get-structured-content", {"location": "Chicago"}), ("all_get-sum", {"a": "two", "b": 1}), ("all_echo", {})],
    "done",
]


def check_everything(state: RunState) -> None:
    check_invariants(state)
    answers = replies(state)
    assert answers[:2] == ["Echo: hello", "The sum of 2 and 40 is 42."]
    assert "image above is the MCP logo" in answers[2]
    assert '"temperature"' in answers[3]
    assert "'two' is not of type 'number'" in answers[4]
    assert "'message' is a required property" in answers[5]
    saved = state.model_dump_json()
    assert "data:image/png;base64,iVBOR" in saved
    assert '"data":{"temperature"' in saved


async def test_server_everything_over_stdio() -> None:
    result = await Agent(ScriptedModel(SCRIPT), tools=[everything()]).run("go")
    check_everything(result.state)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # under trio the SDK's HTTP client leaves generators half read
async def test_server_everything_over_http() -> None:
    with over_http() as url:
        result = await Agent(ScriptedModel(SCRIPT), tools=[MCPServer.http(url, name="all")]).run("go")
    check_everything(result.state)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_server_that_goes_away_over_http_gives_tool_errors_and_not_a_dead_run() -> None:
    with over_http() as url:
        source = MCPServer.http(url, name="all", connect=2)
        async with source:
            assert len(await source.tools()) > 5
            agent = Agent(
                ScriptedModel([[("all_echo", {"message": "1"})], [("all_echo", {"message": "2"})], "done"]),
                tools=[source],
            )
            async with agent.stream("go") as run:
                async for event in run:
                    if type(event).__name__ == "ToolFinished":
                        _kill_listener(url)
            result = run.result
    check_invariants(result.state)
    assert replies(result.state)[0] == "Echo: 1"
    assert "127.0.0.1" in replies(result.state)[1]
    assert result.output == "done"


def _kill_listener(url: str) -> None:
    """Kill the one child of this process that serves the URL."""
    for child in Path("/proc/self/task").glob("*/children"):
        for pid in child.read_text().split():
            if "streamableHttp" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(int(pid), signal.SIGKILL)


async def test_progress_of_a_long_operation_is_told() -> None:
    call = ("all_trigger-long-running-operation", {"duration": 0.5, "steps": 5})
    agent = Agent(ScriptedModel([[call], "done"]), tools=[everything()])
    async with agent.stream("go") as run:
        told = [(event.done, event.total) async for event in run if isinstance(event, ToolProgress)]
    assert told[-1] == (5, 5)
    assert "Long running operation completed" in replies(run.result.state)[0]


async def test_a_real_loop_over_http_offers_the_tools_of_a_server() -> None:
    """The request itself, as an endpoint gets it: names, schemas and results stand in strict Chat Completions."""
    from agentkit import RemoteModel

    with FakeServer(SCRIPT) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url, api_key="k"), tools=[everything()])
        result = await agent.run("go")
    check_everything(result.state)


async def test_the_environment_of_a_foreign_server_holds_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-children")
    result = await Agent(ScriptedModel([[("all_get-env", {})], "done"]), tools=[everything(env={"GIVEN": "yes"})]).run(
        "go"
    )
    (answer,) = replies(result.state)
    assert '"GIVEN": "yes"' in answer
    assert "sk-not-for-children" not in answer


async def test_server_filesystem_reads_writes_and_denies_every_way_out(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "note.txt").write_text("a note")
    (outside / "secret.txt").write_text("the secret")
    (inside / "link").symlink_to(outside / "secret.txt")
    (inside / "door").symlink_to(outside)
    escapes = [
        str(outside / "secret.txt"),
        f"{inside}/../outside/secret.txt",
        str(inside / "link"),
        str(inside / "door" / "secret.txt"),
        f"{inside}-sibling/x",
        "/etc/passwd",
        "~/.ssh/id_rsa",
    ]
    script: list[Any] = [
        [("fs_read_text_file", {"path": str(inside / "note.txt")}), ("fs_write_file", {"path": str(inside / "new.txt"), "content": "new"})],
        *([("fs_read_text_file", {"path": path}), ("fs_read_text_file", {"path": str(inside / "new.txt")})] for path in escapes),
        [("fs_write_file", {"path": str(inside / "door" / "new.txt"), "content": "x"}), ("fs_move_file", {"source": str(inside / "note.txt"), "destination": str(outside / "moved.txt")})],
        "done",
    ]  # fmt: skip
    source = MCPServer.stdio("node", [str(npm(FILESYSTEM)), str(inside)], name="fs")
    async with source:
        effects = {tool.name: (tool.effect, tool.approval) for tool in await source.tools()}
        result = await Agent(ScriptedModel(script), tools=[source]).run("go")
    check_invariants(result.state)
    assert effects["fs_read_text_file"] == ("read", False)
    assert effects["fs_write_file"][0] != "read"
    answers = replies(result.state)
    assert answers[0] == "a note"
    assert (inside / "new.txt").read_text() == "new"
    between = answers[2 : 2 + 2 * len(escapes)]
    assert between[1::2] == ["new"] * len(escapes)
    denied = [*between[::2], *answers[2 + 2 * len(escapes) :]]
    assert len(denied) == len(escapes) + 2
    assert all("denied" in answer.lower() or "ENOENT" in answer for answer in denied), denied
    assert "the secret" not in result.state.model_dump_json()
    assert sorted(path.name for path in outside.iterdir()) == ["secret.txt"]


async def test_mcp_server_time_answers_in_a_whole_loop() -> None:
    if find_spec("mcp_server_time") is None:
        pytest.skip("mcp-server-time is not installed: pip install -e '.[dev]'")
    script: list[Any] = [
        [
            ("time_get_current_time", {"timezone": "Asia/Tokyo"}),
            ("time_convert_time", {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}),
            ("time_get_current_time", {"timezone": "Mars/Base"}),
        ],
        "done",
    ]
    source = MCPServer.stdio(
        sys.executable, ["-m", "mcp_server_time", "--local-timezone", "UTC"], name="time", approval=False
    )
    result = await Agent(ScriptedModel(script), tools=[source]).run("what time is it in Tokyo?")
    check_invariants(result.state)
    answers = replies(result.state)
    assert "Asia/Tokyo" in answers[0]
    assert "T21:00:00+09:00" in answers[1]
    assert "Invalid timezone" in answers[2] or "No time zone found" in answers[2]
