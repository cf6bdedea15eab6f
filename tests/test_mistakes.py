"""Mistakes that beginners make, and the words they read: what is wrong, where, and the remedy."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from agentkit import (
    Agent,
    BadRequest,
    ConfigurationError,
    ConnectionFailed,
    Context,
    Limits,
    Middleware,
    RemoteModel,
    ScriptedModel,
    Settings,
    tool,
)
from tests.loopback import serve, whole


def no_docstring(city: str) -> str:
    return city


def unannotated(city) -> str:  # type: ignore[no-untyped-def]
    """Weather."""
    return str(city)


def open_ended(filter: dict) -> str:  # type: ignore[type-arg]
    """Search."""
    return "found"


async def pages(city: str) -> AsyncIterator[str]:
    """Pages of a city."""
    yield city


class Shop:
    """What tools need, and no tool itself."""


@tool
def stock(ctx: Context[Shop], item: str) -> int:
    """Stock of an item."""
    return 3


def place(text: str) -> str:
    """The text without the line numbers of this file."""
    return re.sub(r"test_mistakes\.py:\d+", "test_mistakes.py:N", text)


def async_(verb: Callable[[], Any]) -> Callable[[], None]:
    async def main() -> None:
        verb()

    return lambda: asyncio.run(main())


def streamed_in_a_loop() -> None:
    with Agent("offline").stream_sync("hi"):
        pass


OFFLINE: Any = Agent("offline")
AGENT: Any = Agent
ANY_TOOL: Any = tool

MISTAKES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "unannotated parameter": (
        lambda: tool(unannotated),
        ConfigurationError,
        "tool 'unannotated' (test_mistakes.py:N): parameter 'city' has no annotation; write e.g. city: str",
    ),
    "duplicate tool name": (
        lambda: Agent("offline", tools=[tool(open_ended), tool(open_ended)]),
        ConfigurationError,
        "two tools are named 'open_ended': tool 'open_ended' (test_mistakes.py:N) and tool 'open_ended' (test_mistakes.py:N); rename one with @tool(name=...)",
    ),
    "missing key": (
        lambda: Agent("gpt-5").run_sync("hi"),
        ConfigurationError,
        "model 'gpt-5' has no API key for api.openai.com: set OPENAI_API_KEY for OpenAI, or AGENTKIT_BASE_URL and AGENTKIT_API_KEY for another endpoint, or give RemoteModel(name, base_url=..., api_key=...); to try without a key use Agent('offline')",
    ),
    "base_url without a scheme": (
        lambda: RemoteModel("m", base_url="api.example.com/v1", api_key="k"),
        ConfigurationError,
        "base_url='api.example.com/v1' must begin with https:// (or http:// for a local server) and name a host",
    ),
    "base_url with a key in the clear": (
        lambda: RemoteModel("m", base_url="http://api.example.com/v1", api_key="k"),
        ConfigurationError,
        "base_url='http://api.example.com/v1' would send the key unencrypted; use https://, or allow_http=True",
    ),
    "base_url where nobody listens": (
        lambda: Agent(RemoteModel("m", base_url="http://127.0.0.1:9/v1", retries=0)).run_sync("hi"),
        ConnectionFailed,
        "http://127.0.0.1:9/v1/chat/completions: All connection attempts failed (ConnectError)",
    ),
    "sync code in a running loop": (
        async_(lambda: OFFLINE.run_sync("hi")),
        ConfigurationError,
        "agent.run_sync(...) was called inside a running event loop; use `await agent.run(...)`",
    ),
    "sync stream in a running loop": (
        async_(streamed_in_a_loop),
        ConfigurationError,
        "agent.stream_sync(...) was called inside a running event loop; use `async with agent.stream(...)`",
    ),
    "a schema that cannot be strict": (
        lambda: tool(open_ended, strict=True),
        ConfigurationError,
        "tool 'open_ended' (test_mistakes.py:N): strict=True, but filter takes keys of any name; use exact types, or strict=False",
    ),
    "output of an unsupported type": (
        lambda: Agent("offline", output=Shop),
        ConfigurationError,
        "output=Shop cannot be described as JSON Schema: Unable to generate pydantic-core schema for <class 'tests.test_mistakes.Shop'>; use a pydantic model, dataclass, TypedDict, or a type made of those",
    ),
    "output by its name": (
        lambda: Agent("offline", output="Shop"),
        ConfigurationError,
        "agent 'agent': output='Shop' is a text; give the type itself, not its name",
    ),
    "a class as tool": (
        lambda: Agent("offline", tools=[Shop]),
        ConfigurationError,
        "<class 'tests.test_mistakes.Shop'> in tools= is a class; give an object of it: Shop(...)",
    ),
    "a text as tool": (
        lambda: Agent("offline", tools=["search"]),
        ConfigurationError,
        "'search' in tools= is neither a function nor an object with methods decorated with @tool",
    ),
    "one tool instead of a list": (
        lambda: AGENT("offline", tools=stock),
        ConfigurationError,
        "tools=Tool('stock', effect='write'); give a list: tools=[...]",
    ),
    "a generator as tool": (
        lambda: tool(pages),
        ConfigurationError,
        "tool 'pages' (test_mistakes.py:N) is a generator; return the result, and tell progress with ctx.progress(...)",
    ),
    "a misspelt option of a tool": (
        lambda: ANY_TOOL(no_docstring, effects="read"),
        TypeError,
        "tool has no keyword 'effects'; did you mean effect=?",
    ),
    "a misspelt effect": (
        lambda: ANY_TOOL(open_ended, effect="reads"),
        ConfigurationError,
        "tool 'open_ended' (test_mistakes.py:N): effect='reads'; use 'read', 'idempotent' or 'write'",
    ),
    "a misspelt parameter": (
        lambda: Settings(temprature=1),
        ConfigurationError,
        "Settings has no parameter 'temprature'; did you mean temperature=? what a provider adds goes into extra={'temprature': ...}",
    ),
    "a parameter out of its range": (
        lambda: Settings(temperature=3),
        ConfigurationError,
        "Settings.temperature: Input should be less than or equal to 2, not 3",
    ),
    "a misspelt option of a run": (
        lambda: OFFLINE.run_sync("hi", sesion=None),
        TypeError,
        "agent.run has no keyword 'sesion'; did you mean session=?",
    ),
    "a session by its name": (
        lambda: OFFLINE.run_sync("hi", session="u42"),
        ConfigurationError,
        "session='u42' is no session; give Session(), or store.session('u42')",
    ),
    "settings as a dict": (
        lambda: AGENT("offline", settings={"temperature": 0}),
        ConfigurationError,
        "agent 'agent': settings={'temperature': 0}; give Settings(temperature=0, ...)",
    ),
    "limits as a number": (
        lambda: AGENT("offline", limits=5),
        ConfigurationError,
        "agent 'agent': limits=5; give Limits(turns=20, ...)",
    ),
    "a limit switched off": (
        lambda: Limits(turns=0),
        ConfigurationError,
        "Limits(turns=0): use a number above 0, or None for no limit",
    ),
    "a middleware class": (
        lambda: AGENT("offline", middleware=[Middleware]),
        ConfigurationError,
        "agent 'agent': middleware=<class 'agentkit.run.around.Middleware'>; give Middleware(...)",
    ),
    "no model": (
        lambda: AGENT(None),
        ConfigurationError,
        "None is no model: give a name, or an object with `async complete(request, on_chunk)`",
    ),
    "a tool with deps in an agent without": (
        lambda: Agent("offline", tools=[stock]),
        ConfigurationError,
        "tool 'stock' takes Context[Shop], but agent 'agent' has no deps; give Agent(..., deps=Shop), and each run its value",
    ),
    "a value instead of the type of deps": (
        lambda: AGENT("offline", deps=Shop(), tools=[stock]),
        ConfigurationError,
        "agent 'agent': deps= takes the type, deps=Shop; the value goes to agent.run(..., deps=...)",
    ),
    "a run without its deps": (
        lambda: AGENT("offline", deps=Shop, tools=[stock]).run_sync("hi"),
        ConfigurationError,
        "agent 'agent' was made with deps=Shop: give the run deps=...",
    ),
    "a number as input": (
        lambda: OFFLINE.run_sync(42),
        ConfigurationError,
        "the input is int: give a text, a list of content parts or messages or a RunState",
    ),
    "a role that does not exist": (
        lambda: OFFLINE.run_sync([{"role": "usr", "content": "hi"}]),
        ConfigurationError,
        "input.0: Input tag 'usr' found using 'role' does not match any of the expected tags: 'developer', 'system', 'user', 'assistant', 'tool', 'function', not {'role': 'usr', 'content': 'hi'}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_its_remedy(name: str) -> None:
    make, kind, told = MISTAKES[name]
    with pytest.raises(kind) as raised:
        make()
    assert place(str(raised.value)) == told


def test_a_missing_docstring_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="no docstring") as caught:
        tool(no_docstring)
    assert [place(str(warning.message)) for warning in caught] == [
        "tool 'no_docstring' (test_mistakes.py:N) has no docstring, so the model cannot know what it is for; write one, or give description="
    ]
    assert caught[0].filename == __file__


def test_a_model_that_does_not_exist_is_told_with_its_name_and_address() -> None:
    body = {
        "error": {
            "message": "The model `gpt-9` does not exist",
            "type": "invalid_request_error",
            "param": None,
            "code": "model_not_found",
        }
    }
    with serve([whole(body, 404)]) as server, pytest.raises(BadRequest) as raised:
        Agent(RemoteModel("gpt-9", base_url=server.base_url)).run_sync("hi")
    assert str(raised.value) == (
        f"HTTP 404 for model 'gpt-9' at {server.base_url}/chat/completions: The model `gpt-9` does not exist "
        "(is the model's name right, and base_url? requests go to base_url + /chat/completions)"
    )
    assert raised.value.code == "model_not_found"


def test_a_tool_that_returns_an_object_gives_the_model_what_python_would_print() -> None:
    class Weather:
        def __str__(self) -> str:
            return "sunny, 21 degrees"

    @tool
    def weather() -> object:
        """Weather."""
        return Weather()

    result = Agent(ScriptedModel([[("weather", {})], "ok"]), tools=[weather]).run_sync("hi")
    assert result.messages[2].content == "sunny, 21 degrees"


def test_a_wrong_key_says_where_keys_come_from() -> None:
    body = {"error": {"message": "Incorrect API key provided: sk-abcd********wxyz."}}
    with serve([whole(body, 401)]) as server, pytest.raises(Exception, match="check the API key") as raised:
        Agent(RemoteModel("m", base_url=server.base_url, api_key="sk-abcdefghijklmnopqrst")).run_sync("hi")
    assert "sk-abcdefghijklmnopqrst" not in str(raised.value)
