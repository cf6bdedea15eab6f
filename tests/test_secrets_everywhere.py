"""Recognisable keys planted wherever a key can be, and looked for wherever something can be read (S13)."""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit import (
    Agent,
    AgentKitError,
    ConfigurationError,
    ModelError,
    PostgresStore,
    RemoteModel,
    RunState,
    SQLiteStore,
    StoreError,
    ToolError,
    tool,
)
from agentkit.client import Secret, scrub
from tests.loopback import Reply, serve, sse, whole

MARK = "PLANTED"
KEY, HEADER, TOKEN, COOKIE, PROXY, DSN = (
    f"{MARK}-{n}-0123456789" for n in ("key", "header", "token", "cookie", "proxy", "dsn")
)
HEADERS = {
    "x-api-key": HEADER,
    "Authorization-Upstream": f"Bearer {TOKEN}",
    "Cookie": f"session={COOKIE}",
    "x-title": "mine",
}
EVERY = (KEY, HEADER, TOKEN, f"session={COOKIE}")
ECHO = f"you sent {' and '.join(EVERY)}"


@tool
async def charge() -> str:
    """Fails as libraries do: with all that was sent in its text."""
    raise RuntimeError(f"401 for {ECHO}")


@tool
def lookup() -> str:
    """Fails on purpose, carelessly."""
    raise ToolError(ECHO)


CALLS = [
    {"index": n, "id": f"c{n}", "type": "function", "function": {"name": name, "arguments": "{}"}}
    for n, name in enumerate(("charge", "lookup"))
]
MESSAGE = {"role": "assistant", "content": None, "tool_calls": CALLS}
ASKS = {
    True: sse({"choices": [{"delta": MESSAGE, "finish_reason": "tool_calls"}]}, "[DONE]"),
    False: whole({"choices": [{"message": MESSAGE, "finish_reason": "tool_calls"}]}),
}
FAILURES: dict[str, Reply] = {
    "400": whole({"error": {"message": ECHO, "code": KEY, "type": TOKEN, "param": HEADER}}, 400, x_request_id=KEY),
    "html": Reply(f"<html>{ECHO}".encode(), headers={"content-type": "text/html"}),
    "event": sse({"error": {"message": ECHO, "code": HEADER}}),
    "cut": Reply(f"{{\"error\": \"{ECHO}".encode()[:90], headers={"content-type": "application/json"}),
}  # fmt: skip


def reachable(thing: object, depth: int = 12) -> Iterator[object]:
    """All that vars() shows of a thing, of what it holds, and so on."""
    seen: dict[int, object] = {}
    todo = [(thing, 0)]
    while todo:
        at, far = todo.pop()
        if id(at) in seen or far > depth or isinstance(at, type):
            continue
        seen[id(at)] = at
        yield at
        if isinstance(at, dict):
            todo += [(inner, far + 1) for pair in at.items() for inner in pair]
        elif isinstance(at, list | tuple | set | frozenset):
            todo += [(inner, far + 1) for inner in at]
        todo += [(inner, far + 1) for inner in getattr(at, "__dict__", {}).values()]


def shown(thing: object) -> str:
    """Everything that can be read of a thing without asking for a secret: texts, reprs, pickles."""
    told: list[str] = []
    for at in reachable(thing):
        told.append(f"{at!r} {at} {at:}" if not isinstance(at, str | bytes) else str(at))
        if isinstance(at, BaseException):
            told += traceback.format_exception(at)
    with contextlib.suppress(TypeError, AttributeError, pickle.PicklingError):  # what cannot be pickled shows nothing
        told.append(repr(pickle.dumps(thing)))
    return "\n".join(told)


def refuse_marks(where: str, text: str) -> None:
    at = text.find(MARK)
    assert at < 0, f"{where}: ...{text[max(0, at - 200) : at + 40]}..."


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def model(base_url: str) -> RemoteModel:
    return RemoteModel("m", base_url=base_url, api_key=KEY, headers=HEADERS, retries=0)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.anyio
async def test_no_planted_key_is_found_anywhere(
    failure: str, streamed: bool, everything_logged: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with serve([ASKS[streamed], FAILURES[failure]]) as server:
        agent = Agent(model(server.base_url), tools=[charge, lookup])
        told: list[object] = []
        async with SQLiteStore(tmp_path / "s.db") as store, agent:
            session = store.session("a")
            with pytest.raises(ModelError) as raised:
                if not streamed:
                    await agent.run("go", session=session)
                async with agent.stream("go", session=session) as run:
                    async for event in run:
                        told.append(event)
            state = await session.load()
            refuse_marks("the open agent", shown(agent))
            refuse_marks("the store", shown(store))
            refuse_marks("an export", await session.export())
        assert server.requests[1].headers["x-api-key"] == HEADER  # they were sent
        assert server.requests[1].headers["authorization"] == f"Bearer {KEY}"
    assert {m.role for m in state.messages} == {"user", "assistant", "tool"}
    assert "***" in state.model_dump_json()  # the tools' errors came, cleaned
    refuse_marks("the error", shown(raised.value))
    refuse_marks("the events", shown(told))
    refuse_marks("the state", shown(RunState.of(raised.value)) + state.model_dump_json())
    ours = [record.getMessage() for record in everything_logged.records if record.name.startswith("agentkit")]
    refuse_marks("a log line", "\n".join(ours))
    refuse_marks("the file", (tmp_path / "s.db").read_bytes().decode(errors="replace"))


def test_keys_of_the_environment_are_nowhere_either(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve([FAILURES["400"]]) as server:
        monkeypatch.setenv("AGENTKIT_BASE_URL", server.base_url)
        monkeypatch.setenv("AGENTKIT_API_KEY", KEY)
        agent = Agent(RemoteModel("m", headers=HEADERS, retries=0))
        with pytest.raises(ModelError) as raised:
            agent.run_sync("go")
    assert os.environ["AGENTKIT_API_KEY"] == KEY
    refuse_marks("the error", shown(raised.value))
    refuse_marks("the agent", shown(agent))


@pytest.mark.parametrize(
    "address",
    [
        f"https://me:{KEY}@api.example.com",
        f"me:{KEY}@api.example.com/v1",
        f"ftp://me:{KEY}@api.example.com",
        f"https://me:{KEY}@host:99999",
        f"https://me:{KEY}@[::1",
        f"https://api.example.com/v1?key={KEY}",
        f"ftp://api.example.com/v1?key={KEY}#{KEY}",
    ],
)
def test_an_address_with_a_key_in_it_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url") as raised:
        RemoteModel("m", base_url=address)
    refuse_marks("the error", shown(raised.value))


def test_the_password_of_a_proxy_is_hidden() -> None:
    agent = Agent(
        RemoteModel("m", base_url="http://127.0.0.1:9", proxy=f"http://me:{PROXY}@127.0.0.1:9", api_key=KEY, retries=0)
    )
    with pytest.raises(ModelError) as raised:
        agent.run_sync("go")
    refuse_marks("the error", shown(raised.value))
    refuse_marks("the agent", shown(agent))


@pytest.mark.parametrize(
    "dsn", [f"postgresql://me:{DSN}@127.0.0.1:9/none?connect_timeout=2", f"host=x password='{DSN}", f"{DSN} nonsense"]
)
@pytest.mark.anyio
async def test_the_password_of_a_database_is_hidden(dsn: str) -> None:
    pytest.importorskip("psycopg")
    store = PostgresStore(dsn)
    with pytest.raises((StoreError, ConfigurationError)) as raised:
        await store.load("a")
    refuse_marks("the error", shown(raised.value))
    refuse_marks("the store", shown(store))


def test_a_secret_is_known_while_it_lives_and_short_ones_are_left_in_texts() -> None:
    text = "only-here-0123456789"
    secret = Secret(text)
    assert scrub(f"text {text}") == "text ***"
    with pytest.raises(TypeError):
        copy.copy(secret)
    del secret
    assert scrub(f"text {text}") == f"text {text}"
    short = Secret("EMPTY")  # what local servers are given
    assert scrub("EMPTY string") == "EMPTY string"
    assert scrub("EMPTY string", [short]) == "*** string"


def test_every_error_shows_itself_without_its_state() -> None:
    error = AgentKitError("a word")
    error.state = RunState()
    assert "entries" not in f"{error!r}{error}"
