"""The API page's example requests and answers, and its remarks that are not a row's own."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from agentkit import Agent, ChatRequest, RemoteModel, Settings, tool
from agentkit.chat import ChatCompletion, ChatCompletionChunk, PartialCompletion, read_completion
from tests.loopback import serve, sse, whole

from .page import example_chunks, example_requests, example_responses

REQUESTS, RESPONSES, CHUNKS = example_requests(), example_responses(), example_chunks()


def test_the_page_has_four_examples() -> None:
    assert list(REQUESTS) == ["Default", "Streaming", "Functions", "Logprobs"]
    assert list(RESPONSES) == ["Default", "Functions", "Logprobs"]
    assert len(CHUNKS) == 3


@pytest.mark.parametrize("title", REQUESTS)
def test_an_example_request_round_trips(title: str) -> None:
    request = ChatRequest(**REQUESTS[title])
    assert request.to_json() == REQUESTS[title]
    assert json.loads(request.json_bytes()) == REQUESTS[title]


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
    completion = partial.completion()
    assert completion.object == "chat.completion"
    assert (completion.id, completion.model, completion.created) == ("chatcmpl-123", "gpt-4o-mini", 1694268190)
    assert completion.system_fingerprint == "fp_44709d6fcb"
    assert (completion.message.text, completion.choices[0].finish_reason) == ("Hello", "stop")


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_the_function_example_runs_as_a_loop_with_the_requests_of_the_page(streamed: bool) -> None:
    asked: list[str] = []

    @tool(name="get_current_weather", description="Get the current weather in a given location", strict=False)
    def weather(location: str) -> str:
        """Weather.

        Args:
            location: The city and state, e.g. San Francisco, CA
        """
        asked.append(location)
        return "sunny"

    choice = RESPONSES["Functions"]["choices"][0]
    call = {"index": 0, **choice["message"]["tool_calls"][0]}
    chunk = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None, "tool_calls": [call]}}]}
    finish = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    replies = [sse(chunk, finish, "[DONE]"), sse(*CHUNKS, "[DONE]")]
    if not streamed:
        replies = [whole(RESPONSES["Functions"]), whole(RESPONSES["Default"])]

    async def main(base_url: str) -> str:
        settings = Settings(tool_choice="auto")
        agent = Agent(RemoteModel("gpt-4.1", base_url=base_url), tools=[weather], settings=settings)
        question = "What is the weather like in Boston today?"
        if not streamed:
            return (await agent.run(question)).output
        async with agent.stream(question) as run:
            return (await run.finish()).output

    with serve(replies) as server:
        output = anyio.run(main, server.base_url)
    first = server.requests[0].json
    wanted = REQUESTS["Functions"]
    assert {key: first[key] for key in ("model", "messages", "tool_choice")} == {
        key: wanted[key] for key in ("model", "messages", "tool_choice")
    }
    assert asked == ["Boston, MA"]
    assert output == ("Hello" if streamed else "Hello! How can I assist you today?")


def test_log_probabilities_of_the_page_are_read_with_their_bytes() -> None:
    completion = read_completion(json.dumps(RESPONSES["Logprobs"]).encode())
    rows = completion.choices[0].logprobs
    assert rows is not None
    assert rows.content is not None
    assert rows.content[0].bytes == (72, 101, 108, 108, 111)
    assert [row.token for row in rows.content[0].top_logprobs or ()] == ["Hello", "Hi"]
    nothing = {
        "choices": [
            {
                "message": {"content": "x"},
                "logprobs": {"content": [{"token": "x", "logprob": -1, "bytes": None, "top_logprobs": []}]},
            }
        ]
    }
    assert read_completion(nothing).choices[0].logprobs is not None


def test_obfuscation_of_a_stream_is_dropped() -> None:
    partial = PartialCompletion()
    for n in range(3):
        partial.add(
            {"choices": [{"index": 0, "delta": {"content": str(n), "obfuscation": "x" * n}}], "obfuscation": "abc"}
        )
    partial.done()
    assert partial.completion().to_json()["choices"][0]["message"]["content"] == "012"
    assert "obfuscation" not in json.dumps(partial.completion().to_json())
