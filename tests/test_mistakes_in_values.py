"""Values of the wrong kind, and things used twice or in the wrong place: what is told, with the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from agentkit import (
    Agent,
    ChatClient,
    ConfigurationError,
    MemoryStore,
    RemoteModel,
    ScriptedModel,
    Session,
    Settings,
    Tool,
    tool,
)

AGENT: Any = Agent
EXTERNAL: Any = Tool.external
FROM_SCHEMA: Any = Tool.from_schema
OFFLINE: Any = Agent("offline")
REMOTE: Any = RemoteModel
SESSION: Any = Session
CLIENT: Any = ChatClient
SETTINGS: Any = Settings
TOOL: Any = tool
LOCAL = "http://127.0.0.1:9/v1"


class Odd:
    """A class that pydantic does not know."""


def no_context(ctx, city: str) -> str:  # type: ignore[no-untyped-def]
    """Weather."""
    return city


def odd(city: str, what: Odd) -> str:
    """Weather."""
    return city


def look_up(key: str) -> str:
    """Look up."""
    return key


async def streamed_twice() -> None:
    stream = OFFLINE.stream("hi")
    for _ in range(2):
        async with stream:
            pass


def streamed_twice_sync() -> None:
    stream = OFFLINE.stream_sync("hi")
    for _ in range(2):
        with stream:
            pass


def waiting() -> Any:
    """The state of a run that waits for an approval."""
    model = ScriptedModel([[("look_up", {"key": "k"})]])
    return Agent(model, tools=[tool(look_up, approval=True)]).run_sync("hi").state


IN = "test_mistakes_in_values.py:N"
TIMEOUT = "give Timeout(connect=10, first=600, between=120)"
MISTAKES: dict[str, tuple[type[Exception], Callable[[], object], str]] = {
    "ctx without its type": (ConfigurationError, lambda: tool(no_context), f"tool 'no_context' ({IN}): parameter 'ctx' has no annotation; write e.g. ctx: Context[Any]"),
    "parameter of a class of one's own": (ConfigurationError, lambda: tool(odd), f"tool 'odd' ({IN}): parameter 'what': its annotation has no schema: Unable to generate pydantic-core schema for <class 'tests.test_mistakes_in_values.Odd'>; use types that pydantic knows, or take what the tool needs from ctx.deps"),
    "base_url with half an address": (ConfigurationError, lambda: REMOTE("m", base_url="http://[::1/v1"), "base_url='http://[::1/v1' is no URL: Invalid IPv6 URL"),
    "negative count of failures": (ConfigurationError, lambda: TOOL(look_up, max_failures=-1), f"tool 'look_up' ({IN}): max_failures=-1; use a whole number, at least 0"),
    "timeout of no time": (ConfigurationError, lambda: TOOL(look_up, timeout=0), f"tool 'look_up' ({IN}): timeout=0; use seconds above 0, or None"),
    "length of a result as a text": (ConfigurationError, lambda: TOOL(look_up, max_result="9"), f"tool 'look_up' ({IN}): max_result='9'; use a whole number, at least 1"),
    "lock with half a field": (ConfigurationError, lambda: TOOL(look_up, lock="row:{key"), f"tool 'look_up' ({IN}): lock='row:{{key': expected '}}' before end of string; write e.g. lock='account:{{name}}'"),
    "lock of another parameter": (ConfigurationError, lambda: TOOL(look_up, lock="row:{id}"), f"tool 'look_up' ({IN}): lock names {{id}}, but the parameters are: key"),
    "extra that is no dict": (ConfigurationError, lambda: SETTINGS(extra=5), "Settings(extra=5): give a dict, e.g. extra={'top_k': 5}"),
    "handoffs that return one agent": (ConfigurationError, lambda: AGENT("offline", handoffs=lambda: OFFLINE).run_sync("hi"), "Agent: handoffs=Agent('agent', tools=[]); give a list: handoffs=[...]"),
    "decision on a call by its position": (ConfigurationError, lambda: waiting().approve(0), "call 0 does not wait for anybody; waiting calls: 0.0"),
    "two decisions at once": (ConfigurationError, lambda: waiting().decide("0.0", approve=True, retry=True), "decide takes one of approve=, retry=, tell_model= and result=, and was given more"),
    "decision of another kind": (ConfigurationError, lambda: waiting().retry("0.0"), "call '0.0' waits for approval: use approve or deny"),
    "timeout as a number": (ConfigurationError, lambda: REMOTE("m", base_url=LOCAL, timeout=30), f"timeout=30; {TIMEOUT}"),
    "timeout of a client as a number": (ConfigurationError, lambda: CLIENT(LOCAL, timeout=2.5), f"timeout=2.5; {TIMEOUT}"),
    "retries below none": (ConfigurationError, lambda: REMOTE("m", base_url=LOCAL, retries=-1), "retries=-1; give a whole number, 0 for none"),
    "retries as a text": (ConfigurationError, lambda: CLIENT(LOCAL, retries="2"), "retries='2'; give a whole number, 0 for none"),
    "stream entered twice": (ConfigurationError, lambda: anyio.run(streamed_twice), "a stream is entered once; ask for another with agent.stream(...)"),
    "sync stream entered twice": (ConfigurationError, streamed_twice_sync, "a stream is entered once; ask for another with agent.stream_sync(...)"),
    "result before the end": (ConfigurationError, lambda: OFFLINE.stream("hi").result, "the run is not over: read its events to the end, or call run.finish()"),
    "result as input": (ConfigurationError, lambda: OFFLINE.run_sync(OFFLINE.run_sync("hi")), "the input is RunResult: give its state, run(result.state)"),
    "store as session": (ConfigurationError, lambda: OFFLINE.run_sync("hi", session=dict), "session=<class 'dict'> is no session; give Session(), or store.session('a name')"),
    "session by its name alone": (ConfigurationError, lambda: SESSION("u42"), "Session('u42'): its store comes first; write store.session(id)"),
    "session by a number": (ConfigurationError, lambda: MemoryStore().session(7),  # type: ignore[arg-type]
        "7 is no session id: use a text of 1 to 256 printable characters"),
    "schema that is no dict": (ConfigurationError, lambda: FROM_SCHEMA("f", "F.", [], look_up), "tool 'f': the parameters must be a schema of type object"),
    "schema without a function": (ConfigurationError, lambda: FROM_SCHEMA("f", "F.", {}, "look_up"), "tool 'f': 'look_up' is no function; Tool.external has none"),
    "misspelt option of from_schema": (TypeError, lambda: FROM_SCHEMA("f", "F.", {}, look_up, efect="read"), "Tool.from_schema has no keyword 'efect'; did you mean effect=?"),
    "misspelt option of external": (TypeError, lambda: EXTERNAL("f", "F.", {}, efect="read"), "Tool.external has no keyword 'efect'; did you mean effect=?"),
    "misspelt option of as_tool": (TypeError, lambda: OFFLINE.as_tool("f", efect="read"), "agent.as_tool has no keyword 'efect'; did you mean effect=?"),
    "output switched off": (ConfigurationError, lambda: AGENT("offline", output=None), "agent 'agent': output=None is no type; give one, or str for plain text"),
    "function as output": (ConfigurationError, lambda: AGENT("offline", output=len), "agent 'agent': output=<built-in function len> is no type; give one, or str for plain text"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_value_is_told_with_its_place_and_its_remedy(name: str) -> None:
    kind, make, told = MISTAKES[name]
    with pytest.raises(kind) as raised:
        make()
    assert re.sub(r"(_values\.py):\d+", r"\1:N", str(raised.value)) == told


def test_an_address_that_names_the_whole_path_is_the_same_address() -> None:
    assert ChatClient(f"{LOCAL}/chat/completions/").base_url == ChatClient(LOCAL).base_url == LOCAL
