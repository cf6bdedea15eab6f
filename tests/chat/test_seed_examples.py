"""The API page's example requests and answers, one file each: they round-trip, and run as a loop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentkit import Agent, ChatRequest, RemoteModel, Settings, Tool
from agentkit.chat import ChatCompletion, ChatCompletionChunk, PartialCompletion, read_completion
from tests.loopback import serve, sse, whole

from .bodies import check_taken
from .page import example_chunks, example_responses, printed_requests

SEED = Path(__file__).parents[1] / "data" / "seed"


def files(pattern: str) -> dict[str, Any]:
    """The examples of a kind, by title: `functions.response.json`."""
    paths = sorted(SEED.glob(pattern))
    return {path.stem.replace(".request", "").removesuffix(".response"): json.loads(path.read_text()) for path in paths}


REQUESTS, RESPONSES = files("*.request.*.json"), files("*.response.json")
CHUNKS: list[dict[str, Any]] = json.loads((SEED / "streaming.chunks.json").read_text())
STREAMED: dict[str, Any] = json.loads((SEED / "streaming.completion.json").read_text())


def test_the_files_are_the_examples_of_the_page_all_of_them() -> None:
    assert printed_requests() == REQUESTS
    assert len(REQUESTS) == 16  # default, streaming, functions, logprobs; each in curl, python, node and C#
    assert {title.lower(): body for title, body in example_responses().items()} == RESPONSES
    assert list(RESPONSES) == ["default", "functions", "logprobs"]
    assert example_chunks() == CHUNKS
    assert len(CHUNKS) == 3


@pytest.mark.parametrize("title", REQUESTS)
def test_an_example_request_round_trips_and_fits_the_public_schema(title: str) -> None:
    check_taken(REQUESTS[title])
    assert json.loads(ChatRequest(**REQUESTS[title]).json_bytes()) == REQUESTS[title]


@pytest.mark.parametrize("title", RESPONSES)
def test_an_example_answer_round_trips(title: str) -> None:
    completion = read_completion(json.dumps(RESPONSES[title]).encode())
    assert completion.to_json() == RESPONSES[title]
    assert ChatCompletion.model_validate_json(completion.json_bytes()).to_json() == RESPONSES[title]


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict) and value:
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*path, key))]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [leaf for n, item in enumerate(value) for leaf in _leaves(item, (*path, n))]
    return [(path, value)]


@pytest.mark.parametrize("title", RESPONSES)
def test_every_field_of_an_answer_is_an_attribute(title: str) -> None:
    completion = read_completion(json.dumps(RESPONSES[title]).encode())
    for path, value in _leaves(RESPONSES[title]):
        found: Any = completion
        for step in path:
            found = found[step] if isinstance(step, int) else getattr(found, step)
        assert (list(found) if isinstance(found, tuple) else found) == value, path


def test_the_example_stream_adds_up_and_its_chunks_round_trip() -> None:
    partial = PartialCompletion()
    for chunk in CHUNKS:
        assert ChatCompletionChunk.model_validate(chunk).to_json() == chunk
        partial.add(chunk)
    partial.done()
    assert partial.completion().to_json() == STREAMED
    assert partial.completion().message.text == "Hello"


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_the_function_example_runs_as_a_loop_with_the_requests_of_the_page(streamed: bool) -> None:
    asked: list[str] = []

    def weather(location: str, unit: str = "celsius") -> str:
        asked.append(location)
        return "sunny"

    wanted = REQUESTS["functions.curl"]
    offered = Tool.from_schema(function=weather, strict=False, **wanted["tools"][0]["function"])
    choice = RESPONSES["functions"]["choices"][0]
    call = {"index": 0, **choice["message"]["tool_calls"][0]}
    chunk = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None, "tool_calls": [call]}}]}
    finish = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    replies = [sse(chunk, finish, "[DONE]"), sse(*CHUNKS, "[DONE]")]
    if not streamed:
        replies = [whole(RESPONSES["functions"]), whole(RESPONSES["default"])]

    async def main(base_url: str) -> str:
        settings = Settings(tool_choice="auto")
        agent = Agent(RemoteModel("gpt-4.1", base_url=base_url), tools=[offered], settings=settings)
        question = "What is the weather like in Boston today?"
        if not streamed:
            return (await agent.run(question)).output
        async with agent.stream(question) as run:
            return (await run.finish()).output

    with serve(replies) as server:
        output = anyio.run(main, server.base_url)
    first = server.requests[0].json
    first.pop("stream_options", None)
    assert first == wanted | ({"stream": True} if streamed else {})
    assert asked == ["Boston, MA"]
    assert output == ("Hello" if streamed else "Hello! How can I assist you today?")


def test_obfuscation_of_a_stream_is_dropped() -> None:
    partial = PartialCompletion()
    for n in range(3):
        partial.add(
            {"choices": [{"index": 0, "delta": {"content": str(n), "obfuscation": "x" * n}}], "obfuscation": "abc"}
        )
    partial.done()
    assert partial.completion().to_json()["choices"][0]["message"]["content"] == "012"
    assert "obfuscation" not in json.dumps(partial.completion().to_json())
