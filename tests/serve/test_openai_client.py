"""The official `openai` client of Python against a served agent, nothing changed but address and key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from .shop import KEY, Shop, open_shop

HELLO: Any = [{"role": "user", "content": "hello"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


@pytest.fixture(scope="module")
def shop() -> Iterator[tuple[str, Shop]]:
    with open_shop() as opened:
        yield opened


@pytest.fixture
def client(shop: tuple[str, Shop]) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=shop[0], api_key=KEY, max_retries=0) as made:
        yield made


class Place(BaseModel):
    city: str
    degrees: int


def test_chat_models_and_request_id(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="offline", messages=HELLO, seed=5, temperature=0)
    assert answer.choices[0].message.content == "I am the offline model. You said: hello I have no tools."
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert (answer._request_id or "").startswith("req_")
    assert {model.id for model in client.models.list()} >= {"offline", "clerk"}
    assert client.models.retrieve("clerk").id == "clerk"


def test_stream_and_usage_chunk(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="offline", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).startswith("I am the offline model.")
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens > 0


def test_stream_helper(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="offline", messages=HELLO, n=2) as stream:
        events = list(stream)
        final = stream.get_final_completion()
    assert "".join(event.delta for event in events if event.type == "content.delta").startswith("I")
    assert [event.type for event in events].count("content.done") == 2
    assert final.choices[1].message.content == final.choices[0].message.content


def test_parse(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(model="offline", messages=HELLO, response_format=Place)
    assert isinstance(answer.choices[0].message.parsed, Place)
    with client.chat.completions.stream(model="offline", messages=HELLO, response_format=Place) as stream:
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Place)


def test_logprobs_whole_and_streamed(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="offline", messages=HELLO, logprobs=True, top_logprobs=2)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(row.token for row in logprobs.content) == answer.choices[0].message.content
    assert len(logprobs.content[0].top_logprobs) == 2
    stream = client.chat.completions.create(model="offline", messages=HELLO, logprobs=True, stream=True)
    rows = [row for chunk in stream for c in chunk.choices if c.logprobs for row in c.logprobs.content or ()]
    assert [row.token for row in rows] == [row.token for row in logprobs.content]


def test_tools_in_several_steps(client: openai.OpenAI) -> None:
    messages = list(HELLO)
    answer = client.chat.completions.create(model="clerk", messages=messages, tools=[WEATHER])
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert [call.function.name for call in message.tool_calls or () if call.type == "function"] == ["get_weather"]
    assert message.tool_calls is not None
    messages += [message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "snow"}]
    final = client.chat.completions.create(model="clerk", messages=messages, tools=[WEATHER])
    assert final.choices[0].message.content == "4; snow"


def test_tools_streamed_and_parsed(client: openai.OpenAI) -> None:
    messages = list(HELLO)
    with client.chat.completions.stream(model="clerk", messages=messages, tools=[WEATHER]) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        message = stream.get_final_completion().choices[0].message
    assert [event.parsed_arguments for event in done] == [{"city": "Oslo"}]
    call = (message.tool_calls or [])[0]
    said: Any = {
        "role": "assistant",
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": "get_weather", "arguments": call.function.arguments},
            }
        ],
    }
    messages += [said, {"role": "tool", "tool_call_id": call.id, "content": "snow"}]
    stream = client.chat.completions.create(model="clerk", messages=messages, tools=[WEATHER], stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "4; snow"


def test_an_aborted_stream_ends_the_run(shop: tuple[str, Shop], client: openai.OpenAI) -> None:
    slow = shop[1].slow
    slow.stopped.clear()
    with client.chat.completions.create(model="slow", messages=HELLO, stream=True) as stream:
        chunks = iter(stream)
        next(chunks)
        assert next(chunks).choices[0].delta.content == "well"
        assert not slow.stopped.is_set()
    assert slow.stopped.wait(10)


def test_a_request_that_is_given_up_ends_the_run(shop: tuple[str, Shop], client: openai.OpenAI) -> None:
    slow = shop[1].slow
    slow.stopped.clear()
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(model="slow", messages=HELLO)
    assert slow.stopped.wait(10)


@pytest.mark.parametrize(
    ("model", "change", "error"),
    [
        ("nobody", {}, openai.NotFoundError),
        ("offline", {"temperature": 9}, openai.BadRequestError),
        ("limited", {}, openai.RateLimitError),
        ("limited", {"stream": True}, openai.RateLimitError),
        ("broken", {}, openai.InternalServerError),
    ],
)
def test_errors_have_their_classes(client: openai.OpenAI, model: str, change: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        client.chat.completions.create(model=model, messages=HELLO, **change)
    assert isinstance(raised.value, openai.APIStatusError)
    assert raised.value.type
    assert (raised.value.request_id or "").startswith("req_")


def test_a_wrong_key_and_a_conflict_have_their_classes(shop: tuple[str, Shop], client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()
    busy = client.with_options(default_headers={"X-Session-Id": "busy"})
    with busy.chat.completions.create(model="slow", messages=HELLO, stream=True) as stream:
        next(iter(stream))
        with pytest.raises(openai.ConflictError):
            busy.chat.completions.create(model="slow", messages=HELLO)


def test_stored_completions(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="offline", messages=HELLO, store=True, metadata={"case": "7"})
    completions = client.chat.completions
    assert completions.retrieve(answer.id).id == answer.id
    assert [row.id for row in completions.list(metadata={"case": "7"})] == [answer.id]
    assert [row.content for row in completions.messages.list(answer.id)] == ["hello"]
    assert completions.update(answer.id, metadata={"case": "8"}).metadata == {"case": "8"}
    assert completions.delete(answer.id).deleted
    with pytest.raises(openai.NotFoundError):
        completions.retrieve(answer.id)


@pytest.mark.anyio
async def test_the_async_client(shop: tuple[str, Shop]) -> None:
    async with openai.AsyncOpenAI(base_url=shop[0], api_key=KEY, max_retries=0) as client:
        stream = await client.chat.completions.create(model="offline", messages=HELLO, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        assert text.startswith("I am the offline model.")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
