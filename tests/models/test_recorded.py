"""RecordedModel: recorded once over HTTP, replayed without a network, a changed request shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentkit import (
    Agent,
    ConfigurationError,
    FunctionModel,
    RecordedModel,
    RemoteModel,
    ScriptedModel,
    TextDelta,
    tool,
)
from agentkit.testing import FakeServer

pytestmark = pytest.mark.anyio


@tool(effect="read")
def look(what: str) -> str:
    """Look something up."""
    return f"saw {what}"


SCRIPT: list[Any] = [[("look", {"what": "a"})], "It is a."]


async def recorded(path: Path, script: list[Any] = SCRIPT) -> FakeServer:
    with FakeServer(script) as server:
        model = RecordedModel(path, RemoteModel("tiny", base_url=server.base_url, api_key="sk-test-0123456789abcdef"))
        assert (await Agent(model, tools=[look]).run("What is it?")).output == "It is a."
    return server


@pytest.mark.parametrize("streams", [False, True])
async def test_a_run_recorded_over_http_replays_without_a_server(tmp_path: Path, streams: bool) -> None:
    path = tmp_path / "run.jsonl"
    server = await recorded(path)
    agent = Agent(RecordedModel(path), tools=[look])
    if streams:
        async with agent.stream("What is it?") as run:
            text = "".join([event.text async for event in run if isinstance(event, TextDelta)])
            assert text == run.result.output == "It is a."
    else:
        assert (await agent.run("What is it?")).output == "It is a."
    assert len(server.requests) == 2


async def test_while_the_file_is_there_the_model_is_not_asked(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await recorded(path)
    other = ScriptedModel([])
    assert (await Agent(RecordedModel(path, other), tools=[look]).run("What is it?")).output == "It is a."
    assert other.requests == []


async def test_a_changed_request_shows_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await recorded(path)
    with pytest.raises(ConfigurationError) as raised:
        await Agent(RecordedModel(path), tools=[look]).run("What is that?")
    message = str(raised.value)
    assert '-   "content": "What is it?",' in message
    assert '+   "content": "What is that?",' in message
    assert "delete the file to record it again" in message
    assert "Look something up" not in message  # the tools did not change


async def test_missing_exchanges_are_added_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await recorded(path)
    more = ScriptedModel(["new"])
    more.name = "tiny"
    agent = Agent(RecordedModel(path, more, record="missing"), tools=[look])
    assert (await agent.run("And this?")).output == "new"
    assert (await agent.run("What is it?")).output == "It is a."
    assert (await Agent(RecordedModel(path), tools=[look]).run("And this?")).output == "new"


async def test_an_equal_request_gets_the_answer_of_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    answers = iter(["heads", "tails"])
    recording = Agent(RecordedModel(path, FunctionModel(lambda request: next(answers))))
    assert [(await recording.run("Toss.")).output for _ in range(2)] == ["heads", "tails"]
    replaying = Agent(RecordedModel(path))
    assert [(await replaying.run("Toss.")).output for _ in range(2)] == ["heads", "tails"]
    with pytest.raises(ConfigurationError, match="holds 2 answers to this request"):
        await replaying.run("Toss.")


async def test_keys_are_not_written_down(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    key = "sk-live-0123456789abcdef0123"
    model = RecordedModel(path, ScriptedModel([f"Your key is {key}."]))
    await Agent(model).run(f"My key is {key}.")
    assert key not in path.read_text()
    assert (await Agent(RecordedModel(path)).run(f"My key is {key}.")).output == "Your key is ***."


async def test_each_line_is_one_exchange(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await recorded(path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [sorted(row) for row in rows] == [["completion", "request"]] * 2
    assert rows[0]["request"]["messages"][0]["content"] == "What is it?"


def test_what_cannot_be_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist: give RecordedModel"):
        RecordedModel(tmp_path / "none.jsonl")
    (tmp_path / "bad.jsonl").write_text('{"request": {}}\n')
    with pytest.raises(ConfigurationError, match="bad.jsonl:1 is no recorded exchange"):
        RecordedModel(tmp_path / "bad.jsonl")
    with pytest.raises(ConfigurationError, match="use 'once' or 'missing'"):
        RecordedModel(tmp_path / "x", "offline", record="all")  # type: ignore[arg-type]
