"""`agentkit trace`: runs of stores and trace files, listed, as trees, and as a page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from anyio import to_thread

from agentkit import Agent, RemoteModel, ScriptedModel, Settings, SQLiteStore, ToolError, tool
from agentkit.middleware import TraceFile
from tests.cli.programs import called
from tests.loopback import serve, whole

ONE_BY_ONE = Settings(parallel_tool_calls=False)
HELLO = whole(
    {
        "choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
    }
)


@tool(effect="read")
def look_up(order: int) -> str:
    """Look an order up."""
    return f"order {order}"


@tool(approval=True)
def refund(order: int) -> str:
    """Refund an order."""
    raise ToolError("never paid")


def desk() -> Agent[None, str]:
    """A desk with a clerk, who hands over to billing."""
    clerk = Agent(ScriptedModel([[("look_up", {"order": 7})], "Paid."]), name="clerk", tools=[look_up])
    billing = Agent(ScriptedModel(["?", "?", [("refund", {"order": 7})], "No."]), name="billing", tools=[refund])
    script = [[("look_up", {"order": 7}), ("clerk", {"input": "7?"})], [("transfer_to_billing", {})]]
    return Agent(ScriptedModel(script), name="desk", tools=[look_up, clerk.as_tool()], handoffs=[billing])


def shape(output: str) -> list[str]:
    """The lines without times, tokens and padding."""
    bare = re.sub(r"\+\d+\.\d\d|\d+ ms|\d+\.\d\d s|\d+ \+ \d+ tokens", "", output)
    return [re.sub(r"(?<=\w)\s{2,}", "  ", line).rstrip() for line in bare.strip().splitlines()]


async def paid(store: SQLiteStore, layers: list[TraceFile]) -> None:
    """A run that waits and goes on."""
    session = store.session("u42")
    waiting = await desk().run("Was 7 paid?", session=session, settings=ONE_BY_ONE, middleware=layers)
    state = waiting.state.approve(waiting.waiting[0])
    await desk().run(state, session=session, settings=ONE_BY_ONE, middleware=layers)


@pytest.mark.anyio
async def test_stores_and_trace_files_are_shown_as_trees(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "desk.db") as store:
        await paid(store, [TraceFile(tmp_path / "desk.jsonl")])
    assert await to_thread.run_sync(lambda: shape(called("trace", str(tmp_path / "desk.db")).stdout)) == [
        "invoke_agent desk",
        "├─ chat  tool_calls",
        "├─ execute_tool look_up",
        "├─ execute_tool clerk",
        "│  └─ invoke_agent clerk",
        "│     ├─ chat  tool_calls",
        "│     ├─ execute_tool look_up",
        "│     └─ chat  stop",
        "├─ chat  tool_calls",
        "├─ execute_tool transfer_to_billing",
        "└─ invoke_agent billing",
        "   ├─ chat  tool_calls",
        "   ├─ execute_tool refund  error, needs approval, approved",
        "   ├─ resumed",
        "   └─ chat  stop",
    ]
    assert await to_thread.run_sync(lambda: shape(called("trace", str(tmp_path / "desk.jsonl"), "u42").stdout)) == [
        "invoke_agent desk  waits",
        "├─ chat scripted",
        "├─ execute_tool look_up",
        "├─ execute_tool clerk",
        "│  └─ invoke_agent clerk",
        "│     ├─ chat scripted",
        "│     ├─ execute_tool look_up",
        "│     └─ chat scripted",
        "├─ chat scripted",
        "├─ execute_tool transfer_to_billing",
        "└─ invoke_agent billing",
        "   └─ chat scripted",
        "",
        "invoke_agent billing",
        "├─ execute_tool refund  ToolError",
        "└─ chat scripted",
    ]


def test_runs_in_postgresql_are_kept_and_shown(folder: Path, dsn: str) -> None:
    assert called("run", "desk.py", "Look up 7.", "--store", dsn, "--session", "u42").exit_code == 0
    done = called("trace", dsn, "u42")
    assert shape(done.stdout) == [
        "invoke_agent desk",
        "├─ chat  tool_calls",
        "├─ execute_tool look_up",
        "└─ chat  stop",
    ]


def test_times_and_tokens_are_those_of_the_run(tmp_path: Path) -> None:
    busy = whole({"error": {"message": "busy"}}, 503, retry_after_ms="30")
    with serve([busy, HELLO, HELLO]) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url), middleware=[TraceFile(tmp_path / "t.jsonl")])
        agent.run_sync("hi")
        agent.run_sync("hi")
    listed = called("trace", str(tmp_path / "t.jsonl")).stdout.splitlines()
    assert listed[0].split() == ["RUN", "BEGUN", "AGENT", "TOOK", "TOKENS", "CONVERSATION"]
    run = listed[1].split()[0]
    shown = called("trace", str(tmp_path / "t.jsonl"), run).stdout
    assert shown.count("3 + 5 tokens") == 2
    assert "ServerFailed, again after 0.03 s" in shown
    assert re.search(r"invoke_agent agent\s+(\d+ ms|\d+\.\d\d s)  3 \+ 5 tokens", shown)
    run_row = next(
        row for row in map(json.loads, (tmp_path / "t.jsonl").read_text().splitlines()) if row["parent"] is None
    )
    assert run_row["seconds"] >= 0.03  # the wait is in it


def test_a_run_that_is_not_there_is_told(tmp_path: Path) -> None:
    Agent("offline", middleware=[TraceFile(tmp_path / "t.jsonl")]).run_sync("hi")
    done = called("trace", str(tmp_path / "t.jsonl"), "zzz")
    assert done.exit_code == 2
    assert "there is no run 'zzz'" in done.stderr
    (tmp_path / "empty.jsonl").touch()
    assert "holds no run yet" in called("trace", str(tmp_path / "empty.jsonl")).stderr


def test_what_a_killed_process_left_is_shown_as_unfinished(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    Agent("offline", tools=[look_up], middleware=[TraceFile(path)]).run_sync("Look up 7.")
    *children, _ = path.read_text().splitlines()
    path.write_text("\n".join([*children, '{"name": "cut off']))
    done = called("trace", str(path))
    assert "1 damaged lines" in done.stderr
    assert shape(done.stdout) == ["unfinished", "├─ chat offline", "├─ execute_tool look_up", "└─ chat offline"]


class Page(HTMLParser):
    """The tags of a page, what they refer to, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.given: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.given += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_else_and_runs_nothing(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    agent = Agent(ScriptedModel([[("look_up", {"order": 7})], evil]), name=evil, tools=[look_up])
    agent.run_sync(evil, middleware=[TraceFile(tmp_path / "t.jsonl", content=True)])
    done = called("trace", str(tmp_path / "t.jsonl"), "--html", str(tmp_path / "page.html"))
    assert done.exit_code == 0, done.stderr
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert {*page.tags} == {
        *("html", "meta", "title", "style", "h1", "h2", "small"),
        *("details", "summary", "span", "div", "dl", "dt", "dd"),
    }
    assert {name for name, _ in page.given} == {"lang", "charset", "name", "content", "http-equiv", "class", "style"}
    assert f"invoke_agent {evil}" in page.text
    policy = dict(page.given)["content"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    bars = [value for name, value in page.given if name == "style" and value and value.startswith("left")]
    assert len(bars) == 4
    assert bars[0] == "left: 0.000%; width: 100.000%"


def test_tools_are_shown_as_the_model_sees_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "many.py").write_text(
        "from typing import Any\n"
        "from agentkit import Agent, Tool, tool\n"
        "@tool(effect='read', lock='city:{city}', timeout=5)\n"
        "def look(city: str) -> str:\n"
        "    'Look.'\n"
        "@tool(strict=False, approval=lambda ctx, **rest: True)\n"
        "def pay(amount: float) -> str:\n"
        "    'Pay.\\n\\n    Args:\\n        amount: In euros'\n"
        "@tool\n"
        "def store(anything: dict[str, Any]) -> str:\n"
        "    'Store.\\n\\n    Args:\\n        anything: What is stored'\n"
        "other = Agent('offline', name='other')\n"
        "agent = Agent('offline', tools=[look, pay, store, other.as_tool()])\n"
    )
    done = called("tools", "many.py:agent")
    assert done.exit_code == 0, done.stderr
    for words in (
        "effect read, lock city:{city}, timeout 5 s, strict",
        "problem: city has no description: write it under Args: in the docstring",
        "effect write, may need approval, not strict: it was made with strict=False",
        "effect write, not strict: anything takes keys of any name",
        "effect write, runs an agent, strict",
        "4 tools, ",
    ):
        assert words in done.stdout
    schemas = json.loads(called("tools", "many.py:agent", "--json").stdout)
    assert [schema["function"]["name"] for schema in schemas] == ["look", "pay", "store", "other"]
