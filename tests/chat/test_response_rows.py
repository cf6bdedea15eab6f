"""The fields of an answer as the API page prints them: read, kept, streamed, and lenient where servers differ."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agentkit import ProtocolError
from agentkit.chat import ChatCompletion, ChatCompletionChunk, PartialCompletion, read_completion

from .bodies import CALL, SCHEMA, Json
from .page import example_chunks, example_responses, field_paths

HI: Json = {"token": "hi", "logprob": -0.5, "bytes": [104, 105]}
TOKEN: Json = {**HI, "top_logprobs": [HI, {"token": "<|end|>", "logprob": -10.953937, "bytes": None}]}
FULL: Json = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1741569952, "model": "gpt-4.1-2025-04-14",
    "choices": [{
        "index": 0,
        "message": {"role": "assistant", "content": "hi", "refusal": None, "annotations": [], "tool_calls": [CALL]},
        "logprobs": {"content": [TOKEN], "refusal": None},
        "finish_reason": "stop",
    }],
    "usage": {
        "prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
        "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 2, "accepted_prediction_tokens": 1, "rejected_prediction_tokens": 4},
    },
    "service_tier": "default", "system_fingerprint": "fp_1",
}  # fmt: skip
Field = tuple[list[Any], list[Any]]  # values that are read as they are; values that make it no completion
TEXTS = ["x", "größe 😀\u2028"]


def tokens(name: str) -> dict[str, Field]:
    return {f"usage.{name}": ([0, 1, 10**12], ["many", [1], float("inf"), float("nan")])}


def token_row(path: str) -> dict[str, Field]:
    return {
        f"{path}.token": (["hi", "", " there", "<|end|>", "?\n"], [7, None]),
        f"{path}.logprob": ([-0.31725305, -3.7697225e-6, -9999.0, 0], ["x", None]),
        f"{path}.bytes": ([None, [], [240, 159, 152, 128]], ["hi", ["x"]]),
    }


MESSAGE = "choices.message"
ROWS: dict[str, Field] = {
    "id": (["chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"], []),
    "object": (["chat.completion"], []),
    "created": ([1741569952, 0], ["yesterday", []]),
    "model": (["gpt-4.1-2025-04-14", "o3"], []),
    "choices": ([FULL["choices"]], [[], None, "x", [None]]),
    "choices.index": ([0], []),
    MESSAGE: ([{"role": "assistant", "content": "x", "refusal": None}], ["x", ["x"]]),
    f"{MESSAGE}.role": (["assistant"], []),
    f"{MESSAGE}.content": (["Hello! How can I assist you today?", *TEXTS], [7]),
    f"{MESSAGE}.refusal": ([None, "I cannot"], [{"a": 1}]),
    f"{MESSAGE}.annotations": ([[], [{"type": "url_citation", "url_citation": {"url": "https://example.com"}}]], []),
    f"{MESSAGE}.tool_calls": ([[CALL], [CALL, {**CALL, "id": "call_2"}]], []),
    f"{MESSAGE}.tool_calls.id": (["call_abc123", "functions.f:0"], [7]),
    f"{MESSAGE}.tool_calls.type": (["function"], []),
    f"{MESSAGE}.tool_calls.function": ([{"name": "g", "arguments": '{"a": 1}'}], []),
    f"{MESSAGE}.tool_calls.function.name": (["get_current_weather"], []),
    f"{MESSAGE}.tool_calls.function.arguments": (['{\n"location": "Boston, MA"\n}', "not JSON", ""], []),
    "choices.logprobs": ([None, {"content": [TOKEN]}, {"content": None, "refusal": [TOKEN]}], []),
    "choices.logprobs.content": ([None, [], [TOKEN, TOKEN]], ["x", ["x"]]),
    **token_row("choices.logprobs.content"),
    "choices.logprobs.content.top_logprobs": ([[], [HI], [HI, HI]], ["x"]),
    **token_row("choices.logprobs.content.top_logprobs"),
    "choices.finish_reason": (["stop", "length", "tool_calls", "content_filter", "function_call"], []),
    "usage": ([{"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}], ["x", [1]]),
    **tokens("prompt_tokens"),
    **tokens("completion_tokens"),
    **tokens("total_tokens"),
    "usage.prompt_tokens_details": ([None, {}, {"cached_tokens": 1}], ["x"]),
    **tokens("prompt_tokens_details.cached_tokens"),
    **tokens("prompt_tokens_details.audio_tokens"),
    "usage.completion_tokens_details": ([None, {}, {"reasoning_tokens": 1}], ["x"]),
    **tokens("completion_tokens_details.reasoning_tokens"),
    **tokens("completion_tokens_details.audio_tokens"),
    **tokens("completion_tokens_details.accepted_prediction_tokens"),
    **tokens("completion_tokens_details.rejected_prediction_tokens"),
    "service_tier": (["default", "flex", None], []),
    "system_fingerprint": (["fp_44709d6fcb", None], []),
}  # fmt: skip
# Of a message, but not printed: the deprecated call, and an audio answer.
BESIDE: dict[str, Field] = {
    f"{MESSAGE}.function_call": ([{"name": "f", "arguments": '{"a": 1}'}], []),
    f"{MESSAGE}.audio": ([{"id": "audio_1", "data": "AAAA", "expires_at": 1, "transcript": "hi"}], []),
    "choices.logprobs.refusal": ([[TOKEN], None], ["x"]),
}
CHUNK_ROWS: dict[str, list[Any]] = {
    "id": ["chatcmpl-123"],
    "object": ["chat.completion.chunk"],
    "created": [1694268190],
    "model": ["gpt-4o-mini"],
    "system_fingerprint": ["fp_44709d6fcb", None],
    "choices": [FULL["choices"], []],
    "choices.index": [0],
    "choices.delta": [{}, {"role": "assistant", "content": ""}, {"tool_calls": [{"index": 0, **CALL}]}],
    "choices.delta.role": ["assistant"],
    "choices.delta.content": ["", "Hello", *TEXTS],
    "choices.logprobs": [None, {"content": [TOKEN], "refusal": None}],
    "choices.finish_reason": [None, "stop", "length", "tool_calls", "content_filter", "function_call"],
}


def put(body: Json, path: str, value: Any) -> Json:
    """A copy of the body with a value at a path; of lists the first item is meant."""
    new = copy.deepcopy(body)
    place: Any = new
    *steps, last = path.split(".")
    for step in steps:
        place = place[step]
        place = place[0] if isinstance(place, list) else place
    place[last] = value
    return new


def at(value: Any, path: str) -> Any:
    """The value at a path of attributes or keys."""
    for step in path.split("."):
        value = value[0] if isinstance(value, (list, tuple)) else value
        value = value[step] if isinstance(value, dict) else getattr(value, step)
    return value


def plain(value: Any) -> Any:
    """A read value as the JSON that it came from."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value.to_json() if hasattr(value, "to_json") else value


def chunked(body: Json) -> list[Json]:
    """The answer as a stream: its message as a delta, then the finish reason, then the usage."""
    head = {key: value for key, value in body.items() if key not in ("choices", "usage")}
    head["object"] = "chat.completion.chunk"
    choices = copy.deepcopy(body["choices"])
    reasons = [{"index": n, "delta": {}, "finish_reason": choice.pop("finish_reason")} for n, choice in enumerate(choices)]  # fmt: skip
    for choice in choices:
        choice["delta"] = choice.pop("message")
        for n, call in enumerate(choice["delta"].get("tool_calls") or ()):
            call["index"] = n
    usage = [{**head, "choices": [], "usage": body["usage"]}] if "usage" in body else []
    return [{**head, "choices": choices}, {**head, "choices": reasons}, *usage]


def cases(rows: dict[str, list[Any]]) -> list[Any]:
    return [pytest.param(path, value, id=f"{path}-{n}") for path, values in rows.items() for n, value in enumerate(values)]  # fmt: skip


ALL = {**ROWS, **BESIDE}
READ = cases({path: values for path, (values, _) in ALL.items()})


def test_every_field_that_the_page_prints_is_here_and_nothing_else() -> None:
    assert sorted(ROWS) == sorted(field_paths(*example_responses().values()))
    assert sorted(CHUNK_ROWS) == sorted(field_paths(*example_chunks()))
    assert all(values for values, _ in ROWS.values())


@pytest.mark.parametrize(("path", "value"), READ)
def test_a_field_of_an_answer_is_an_attribute_and_round_trips(path: str, value: Any) -> None:
    body = put(FULL, path, value)
    completion = read_completion(json.dumps(body).encode())
    assert completion.to_json() == body
    assert plain(at(completion, path)) == value
    assert ChatCompletion.model_validate_json(completion.json_bytes()) == completion


@pytest.mark.parametrize(("path", "value"), READ)
def test_a_field_comes_out_of_a_stream_as_out_of_the_whole_answer(path: str, value: Any) -> None:
    body = put(FULL, path, value)
    partial = PartialCompletion()
    for chunk in chunked(body):
        assert ChatCompletionChunk.model_validate(chunk).to_json() == chunk
        partial.add(copy.deepcopy(chunk))
    streamed = partial.completion()
    assert plain(at(streamed, path)) == plain(at(read_completion(copy.deepcopy(body)), path))
    assert plain(at(streamed, path)) == value


@pytest.mark.parametrize(("path", "value"), cases({path: wrong for path, (_, wrong) in ALL.items()}))
def test_a_field_of_another_shape_makes_it_no_completion(path: str, value: Any) -> None:
    with pytest.raises(ProtocolError):
        read_completion(json.dumps(put(FULL, path, value)).encode())


@pytest.mark.parametrize("path", sorted(ALL.keys() - {"choices", *(f"choices.logprobs.content{top}.{name}" for top in ("", ".top_logprobs") for name in ("token", "logprob"))}))  # fmt: skip
def test_an_answer_without_a_field_is_still_read(path: str) -> None:
    body = copy.deepcopy(FULL)
    place: Any = body
    *steps, last = path.split(".")
    for step in steps:
        place = place[step][0] if isinstance(place[step], list) else place[step]
    place.pop(last, None)
    completion = read_completion(json.dumps(body).encode())
    assert completion.choices[0].message.text == ("" if path in (MESSAGE, f"{MESSAGE}.content") else "hi")


@pytest.mark.parametrize(("path", "value"), cases(CHUNK_ROWS))
def test_a_field_of_a_chunk_is_an_attribute_and_round_trips(path: str, value: Any) -> None:
    chunk = put(example_chunks()[1], path, value) if path != "choices" else {**example_chunks()[1], "choices": []}
    read = ChatCompletionChunk.model_validate(chunk)
    assert read.to_json() == chunk
    assert ChatCompletionChunk.model_validate_json(read.json_bytes()) == read
    PartialCompletion().add(chunk)


@pytest.mark.parametrize("finish", ["stop", "length", "tool_calls", "content_filter", "function_call"])
def test_a_full_answer_fits_the_public_schema_read_or_streamed(finish: str) -> None:
    answer = Draft202012Validator({"$ref": "#/$defs/CreateChatCompletionResponse", "$defs": SCHEMA["$defs"]})
    body = put(FULL, "choices.finish_reason", finish)
    partial = PartialCompletion()
    for chunk in chunked(body):
        partial.add(chunk)
    for completion in (read_completion(copy.deepcopy(body)), partial.completion()):
        assert completion.to_json() == body
        assert [error.message for error in answer.iter_errors(completion.to_json())] == []


def test_answers_share_the_names_of_their_fields_and_a_copy_of_one_has_its_own() -> None:
    first, second = read_completion(copy.deepcopy(FULL)), read_completion(copy.deepcopy(FULL))
    assert first.message.model_fields_set is second.message.model_fields_set
    named = first.message.model_copy(update={"name": "critic"})
    assert named.to_json() == {**FULL["choices"][0]["message"], "name": "critic"}
    assert first.to_json() == second.to_json() == FULL
    made_up = [read_completion({**FULL, f"field_{number}": number}) for number in range(1000)]
    assert [answer.to_json() for answer in made_up] == [{**FULL, f"field_{n}": n} for n in range(1000)]
