"""Mistakes that beginners make, and the words they read: what is wrong, where, and the remedy."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest

from agentkit import (
    Agent,
    AuthenticationFailed,
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


class Library:
    @tool
    def search(self, words: str) -> str:
        """Search."""
        return words


@tool
def stock(ctx: Context[Shop], item: str) -> int:
    """Stock of an item."""
    return 3


def place(text: str) -> str:
    """The text without the line numbers of this file."""
    return re.sub(r"test_mistakes\.py:\d+", "test_mistakes.py:N", text)


def in_a_loop(verb: Callable[[], Any], backend: str = "asyncio") -> None:
    async def main() -> None:
        verb()

    anyio.run(main, backend=backend)


def streamed_in_a_loop() -> None:
    with Agent("offline").stream_sync("hi"):
        pass


async def read_outside_the_block(enter: bool) -> None:
    stream = Agent("offline").stream("hi")
    if enter:
        async with stream:
            pass
    async for _ in stream:
        pass


def remote(base_url: Any, **options: Any) -> RemoteModel:
    return RemoteModel("m", base_url=base_url, **options)


OFFLINE: Any = Agent("offline")
AGENT: Any = Agent  # as those see it who use no type checker
TOOL: Any = tool
MODEL: Any = RemoteModel
LIMITS: Any = Limits
SETTINGS: Any = Settings
WRONG, CALL = ConfigurationError, TypeError

MISTAKES: list[tuple[str, type[Exception], Callable[[], object], str]] = [
    ("unannotated parameter", WRONG, lambda: tool(unannotated), "tool 'unannotated' (test_mistakes.py:N): parameter 'city' has no annotation; write e.g. city: str"),
    ("duplicate tool name", WRONG, lambda: AGENT("offline", tools=[tool(open_ended), open_ended]), "two tools are named 'open_ended': tool 'open_ended' (test_mistakes.py:N) and tool 'open_ended' (test_mistakes.py:N); rename one with @tool(name=...)"),
    ("missing key", WRONG, lambda: Agent("gpt-5").run_sync("hi"), "model 'gpt-5' has no API key for api.openai.com: set OPENAI_API_KEY for OpenAI, or AGENTKIT_BASE_URL and AGENTKIT_API_KEY for another endpoint, or give RemoteModel(name, base_url=..., api_key=...); to try without a key use Agent('offline')"),
    ("key that is no text", WRONG, lambda: remote("https://api.example.com/v1", api_key=42), "api_key is int; give the key as a text"),
    ("base_url without a scheme", WRONG, lambda: remote("api.example.com/v1"), "base_url='api.example.com/v1' must begin with https:// (or http:// for a local server) and name a host"),
    ("base_url of a public host over http", WRONG, lambda: remote("http://api.example.com/v1"), "base_url='http://api.example.com/v1' would send the key unencrypted; use https://, or ChatClient(..., allow_http=True)"),
    ("base_url with a name part missing", WRONG, lambda: remote("https://api..com/v1"), "base_url='https://api..com/v1' is no URL: encoding with 'idna' codec failed (UnicodeError: label empty or too long)"),
    ("base_url with a port too high", WRONG, lambda: remote("https://api.example.com:99999/v1"), "base_url='https://api.example.com:99999/v1' is no URL: Port out of range 0-65535"),
    ("base_url with a query", WRONG, lambda: remote("https://api.example.com/v1?key=secret"), "base_url must hold no user, password, query or fragment; give the key as api_key="),
    ("base_url that is no text", WRONG, lambda: remote(8080), "base_url=8080 is no text; give base_url='https://...'"),
    ("base_url where nobody listens", ConnectionFailed, lambda: Agent(remote("http://127.0.0.1:9/v1", retries=0)).run_sync("hi"), "http://127.0.0.1:9/v1/chat/completions: All connection attempts failed (ConnectError); is base_url right, and does a server listen there?"),
    ("run_sync in a loop", WRONG, lambda: in_a_loop(lambda: OFFLINE.run_sync("hi")), "agent.run_sync(...) was called inside a running event loop; use `await agent.run(...)`"),
    ("run_sync in a loop of trio", WRONG, lambda: in_a_loop(lambda: OFFLINE.run_sync("hi"), "trio"), "agent.run_sync(...) was called inside a running event loop; use `await agent.run(...)`"),
    ("stream_sync in a loop", WRONG, lambda: in_a_loop(streamed_in_a_loop), "agent.stream_sync(...) was called inside a running event loop; use `async with agent.stream(...)`"),
    ("stream without its block", WRONG, lambda: anyio.run(read_outside_the_block, False), "a stream was read outside its block: write `async with agent.stream(...) as run:` and `async for event in run:` inside it"),
    ("stream after its block", WRONG, lambda: anyio.run(read_outside_the_block, True), "a stream was read outside its block: write `async with agent.stream(...) as run:` and `async for event in run:` inside it"),
    ("stream_sync without its block", WRONG, lambda: list(OFFLINE.stream_sync("hi")), "use `with agent.stream_sync(...) as run:` and iterate inside the block"),
    ("schema that cannot be strict", WRONG, lambda: tool(open_ended, strict=True), "tool 'open_ended' (test_mistakes.py:N): strict=True, but filter takes keys of any name; use exact types, or strict=False"),
    ("output of an unsupported type", WRONG, lambda: Agent("offline", output=Shop), "output=Shop cannot be described as JSON Schema: Unable to generate pydantic-core schema for <class 'tests.test_mistakes.Shop'>; use a pydantic model, dataclass, TypedDict, or a type made of those"),
    ("output by its name", WRONG, lambda: AGENT("offline", output="Shop"), "agent 'agent': output='Shop' is a text; give the type itself, not its name"),
    ("output by its schema", WRONG, lambda: AGENT("offline", output={"type": "object"}), "agent 'agent': output={'type': 'object'} is a dict; give a type, not its schema"),
    ("class as tool", WRONG, lambda: Agent("offline", tools=[Shop]), "<class 'tests.test_mistakes.Shop'> in tools= is a class without methods decorated with @tool; give functions, or objects with such methods"),
    ("class with tools", WRONG, lambda: Agent("offline", tools=[Library]), "<class 'tests.test_mistakes.Library'> in tools= is a class; give an object of it: Library(...)"),
    ("decorated class", WRONG, lambda: tool(Shop), "Shop is a class; decorate its methods, and give an object: tools=[Shop(...)]"),
    ("text as tool", WRONG, lambda: Agent("offline", tools=["search"]), "'search' in tools= is neither a function nor an object with methods decorated with @tool"),
    ("agent as tool", WRONG, lambda: Agent("offline", tools=[OFFLINE]), "Agent('agent', tools=[]) in tools= is neither a function nor an object with methods decorated with @tool; an agent becomes a tool with agent.as_tool()"),
    ("one tool instead of a list", WRONG, lambda: AGENT("offline", tools=stock), "tools=Tool('stock', effect='write'); give a list: tools=[...]"),
    ("lambda as tool", WRONG, lambda: AGENT("offline", tools=[lambda city: city]), "tool '<lambda>' (test_mistakes.py:N): a lambda has no name and no annotations; write a function with `def`"),
    ("async generator as tool", WRONG, lambda: tool(pages), "tool 'pages' (test_mistakes.py:N) is a generator; return the result, and tell progress with ctx.progress(...)"),
    ("builtin without a signature", WRONG, lambda: tool(max), "<built-in function max> tells no signature; call it in a function of your own"),
    ("misspelt option of a tool", CALL, lambda: TOOL(open_ended, effects="read"), "tool has no keyword 'effects'; did you mean effect=?"),
    ("misspelt effect", WRONG, lambda: TOOL(open_ended, effect="reads"), "tool 'open_ended' (test_mistakes.py:N): effect='reads'; use 'read', 'idempotent' or 'write'"),
    ("timeout as a text", WRONG, lambda: TOOL(open_ended, timeout="5"), "tool 'open_ended' (test_mistakes.py:N): timeout='5'; use seconds above 0, or None"),
    ("misspelt parameter", WRONG, lambda: SETTINGS(temprature=1), "Settings has no parameter 'temprature'; did you mean temperature=? what a provider adds goes into extra={'temprature': ...}"),
    ("parameter out of its range", WRONG, lambda: Settings(temperature=3), "Settings.temperature: Input should be less than or equal to 2, not 3"),
    ("misspelt keyword of an agent", CALL, lambda: AGENT("offline", instruction="Be brief."), "Agent has no keyword 'instruction'; did you mean instructions=?"),
    ("parameter given to an agent", CALL, lambda: AGENT("offline", temperature=0), "Agent has no keyword 'temperature'; give settings=Settings(temperature=...)"),
    ("address given to an agent", CALL, lambda: AGENT("m", base_url="http://127.0.0.1:9/v1"), "Agent has no keyword 'base_url'; give the model as RemoteModel(name, base_url=...)"),
    ("misspelt option of a run", CALL, lambda: OFFLINE.run_sync("hi", sesion=None), "agent.run has no keyword 'sesion'; did you mean session=?"),
    ("tools given to a run", CALL, lambda: OFFLINE.run_sync("hi", tools=[stock]), "agent.run has no keyword 'tools'; it is the agent's: agent.replace(tools=...)"),
    ("session by its name", WRONG, lambda: OFFLINE.run_sync("hi", session="u42"), "session='u42' is no session; give Session(), or store.session('u42')"),
    ("settings as a dict", WRONG, lambda: AGENT("offline", settings={"temperature": 0}), "agent 'agent': settings={'temperature': 0}; give Settings(temperature=0, ...)"),
    ("settings of a run as an empty dict", WRONG, lambda: OFFLINE.run_sync("hi", settings={}), "agent.run: settings={}; give Settings(temperature=0, ...)"),
    ("limits as a number", WRONG, lambda: AGENT("offline", limits=5), "agent 'agent': limits=5; give Limits(turns=20, ...)"),
    ("limit switched off", WRONG, lambda: Limits(turns=0), "Limits(turns=0): use a number above 0"),
    ("limit as a text", WRONG, lambda: LIMITS(seconds="9"), "Limits(seconds='9'): use a number above 0, or None for no limit"),
    ("limit that is no number", WRONG, lambda: LIMITS(repairs=float("nan")), "Limits(repairs=nan): use a number 0 or more"),
    ("middleware class", WRONG, lambda: AGENT("offline", middleware=[Middleware]), "agent 'agent': middleware=<class 'agentkit.run.around.Middleware'>; give Middleware(...)"),
    ("one handoff instead of a list", WRONG, lambda: AGENT("offline", handoffs=OFFLINE), "Agent: handoffs=Agent('agent', tools=[]); give a list: handoffs=[...]"),
    ("no model", WRONG, lambda: AGENT(None), "None is no model: give a name, or an object with `async complete(request, on_chunk)`"),
    ("model without a name", WRONG, lambda: Agent(""), "a model needs a name, e.g. RemoteModel('gpt-5')"),
    ("model named by a number", WRONG, lambda: MODEL(5), "a model needs a name, e.g. RemoteModel('gpt-5')"),
    ("agent named by a number", WRONG, lambda: AGENT("offline", name=5), "agent 5: name=5; give a text"),
    ("tool with deps in an agent without", WRONG, lambda: Agent("offline", tools=[stock]), "tool 'stock' takes Context[Shop], but agent 'agent' has no deps; give Agent(..., deps=Shop), and each run its value"),
    ("value instead of the type of deps", WRONG, lambda: AGENT("offline", deps=Shop(), tools=[stock]), "agent 'agent': deps= takes the type, deps=Shop; the value goes to agent.run(..., deps=...)"),
    ("run without its deps", WRONG, lambda: AGENT("offline", deps=Shop, tools=[stock]).run_sync("hi"), "agent 'agent' was made with deps=Shop: give the run deps=..."),
    ("number as input", WRONG, lambda: OFFLINE.run_sync(42), "the input is int: give a text, a list of content parts or messages or a RunState"),
    ("empty text as input", WRONG, lambda: OFFLINE.run_sync(""), "the input is empty: give a text, content parts or messages"),
    ("half a character as input", WRONG, lambda: OFFLINE.run_sync("ab\ud800"), "the input holds '\\ud800' at 2, half of a character that cannot be sent; give text.encode(errors='replace').decode()"),
    ("empty list as input", WRONG, lambda: OFFLINE.run_sync([]), "the input is empty: give a text, content parts or messages"),
    ("one message instead of a list", WRONG, lambda: OFFLINE.run_sync({"role": "user", "content": "hi"}), "the input is dict: give a text, a list of content parts or messages, e.g. [{'role': 'user', ...}] or a RunState"),
    ("list of texts as input", WRONG, lambda: OFFLINE.run_sync(["hi"]), "input.0 is 'hi': give messages, e.g. {'role': 'user', 'content': 'hi'}, or content parts, e.g. {'type': 'text', 'text': 'hi'}"),
    ("role that does not exist", WRONG, lambda: OFFLINE.run_sync([{"role": "usr", "content": "hi"}]), "input.0: Input tag 'usr' found using 'role' does not match any of the expected tags: 'developer', 'system', 'user', 'assistant', 'tool', 'function', not {'role': 'usr', 'content': 'hi'}"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "make", "told"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_told_with_its_place_and_its_remedy(
    kind: type[Exception], make: Callable[[], object], told: str
) -> None:
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


def test_a_forgotten_await_is_told_by_python_with_the_name_of_the_verb() -> None:
    def forgotten() -> str:
        try:
            return str(OFFLINE.run("hi").output)
        except AttributeError as error:
            return str(error)

    with pytest.warns(RuntimeWarning, match="never awaited") as caught:
        assert forgotten() == "'coroutine' object has no attribute 'output'"
    assert [str(warning.message) for warning in caught] == ["coroutine 'Agent.run' was never awaited"]


@pytest.mark.parametrize(
    ("status", "message", "kind", "advice"),
    [
        (404, "The model `gpt-9` does not exist", BadRequest, "is the model's name right, and base_url? requests go to base_url + /chat/completions"),
        (401, "Incorrect API key provided: sk-abcdefghijklmnopqrst.", AuthenticationFailed, "check the API key: AGENTKIT_API_KEY, OPENAI_API_KEY or api_key="),
    ],
)  # fmt: skip
def test_a_model_or_a_key_that_does_not_exist_is_told_with_model_address_and_remedy(
    status: int, message: str, kind: type[Exception], advice: str
) -> None:
    key = "sk-abcdefghijklmnopqrst"
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": "a_code"}}
    with serve([whole(body, status)]) as server, pytest.raises(kind) as raised:
        Agent(RemoteModel("gpt-9", base_url=server.base_url, api_key=key)).run_sync("hi")
    at = f"HTTP {status} for model 'gpt-9' at {server.base_url}/chat/completions"
    assert str(raised.value) == f"{at}: {message.replace(key, '***')} ({advice})"
    assert getattr(raised.value, "code", None) == "a_code"


class Weather:
    def __str__(self) -> str:
        return "sunny, 21 degrees"


async def fetched() -> str:
    return "fetched"


@pytest.mark.parametrize(
    ("make", "read"),
    [
        (Weather, r"sunny, 21 degrees"),
        (lambda: [Weather()], r'\["sunny, 21 degrees"\]'),
        (Shop, r"<tests\.test_mistakes\.Shop object at 0x[0-9a-f]+>"),
        (fetched, r"fetched"),  # the `await` that a plain function forgot
    ],
)
def test_a_tool_that_returns_an_object_gives_the_model_what_python_would_print(
    make: Callable[[], object], read: str
) -> None:
    @tool
    def weather() -> object:
        """Weather."""
        return make()

    result = Agent(ScriptedModel([[("weather", {})], "ok"]), tools=[weather]).run_sync("hi")
    assert re.fullmatch(read, str(result.messages[2].content))
