"""Every parameter of the page: its range is held before anything runs, and what is in range is taken."""

from __future__ import annotations

from typing import Any

import pytest

from agentkit import Agent, FunctionModel
from agentkit.serve import create_app

from .asking import HELLO, Asking, function
from .running import running

F = function("f")
NAMED = {"type": "function", "function": {"name": "f"}}
USER = {"role": "user", "content": "hi"}
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("messages", {"messages": []}),
    ("messages", {"messages": None}),
    ("messages", {"messages": "hi"}),
    ("messages[0]", {"messages": [{"role": "robot", "content": "hi"}]}),
    ("messages[0]", {"messages": [{"content": "hi"}]}),
    ("messages[0].content", {"messages": [{"role": "user"}]}),
    ("messages[0].content", {"messages": [{"role": "user", "content": []}]}),
    ("messages[0].content", {"messages": [{"role": "system", "content": [{"type": "image_url"}]}]}),
    ("messages[0].content", {"messages": [{"role": "developer", "content": [{"type": "input_audio"}]}]}),
    ("messages[0]", {"messages": [{"role": "assistant"}]}),
    ("messages[1].tool_call_id", {"messages": [USER, {"role": "tool", "content": "x"}]}),
    ("model", {"model": 5}),
    ("model", {"model": None}),
    ("frequency_penalty", {"frequency_penalty": 2.1}),
    ("frequency_penalty", {"frequency_penalty": "high"}),
    ("presence_penalty", {"presence_penalty": -2.1}),
    ("logit_bias", {"logit_bias": {"5": 101}}),
    ("logit_bias", {"logit_bias": {"word": 1}}),
    ("logprobs", {"logprobs": "yes"}),
    ("top_logprobs", {"top_logprobs": 2}),
    ("top_logprobs", {"logprobs": True, "top_logprobs": 21}),
    ("max_completion_tokens", {"max_completion_tokens": 0}),
    ("max_completion_tokens", {"max_completion_tokens": 1.5}),
    ("n", {"n": 0}),
    ("n", {"n": 129}),
    ("n", {"n": True}),
    ("parallel_tool_calls", {"parallel_tool_calls": True}),
    ("response_format", {"response_format": {"type": "xml"}}),
    ("response_format", {"response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}}),
    ("seed", {"seed": "one"}),
    ("stop", {"stop": ["a", "b", "c", "d", "e"]}),
    ("stop", {"stop": []}),
    ("store", {"store": "yes"}),
    ("stream", {"stream": 1}),
    ("stream_options", {"stream_options": {"include_usage": True}}),
    ("stream_options", {"stream": True, "stream_options": {"include_usage": "yes"}}),
    ("temperature", {"temperature": 2.1}),
    ("temperature", {"temperature": -0.1}),
    ("top_p", {"top_p": 1.1}),
    ("tool_choice", {"tool_choice": "auto"}),
    ("tool_choice", {"tools": [F], "tool_choice": "always"}),
    ("tool_choice", {"tools": [F], "tool_choice": {"type": "function", "function": {"name": "g"}}}),
    ("tools", {"tools": []}),
    ("tools", {"tools": [F, F]}),
    ("tools", {"tools": [function(f"f{n}") for n in range(129)]}),
    ("tools[0]", {"tools": [{"type": "function"}]}),
    ("tools[0]", {"tools": [function("no name")]}),
    ("metadata", {"metadata": {"k": 5}}),
    ("metadata", {"metadata": {str(n): "v" for n in range(17)}}),
    ("metadata", {"metadata": {"k" * 65: "v"}}),
    ("metadata", {"metadata": {"k": "v" * 513}}),
    ("functions", {"functions": [{"name": "f"}]}),
    ("function_call", {"function_call": "none"}),
    ("verbosity", {"verbosity": "extreme"}),
    ("modalities", {"modalities": ["smell"]}),
    ("agentkit", {"agentkit": {"secrets": True}}),
]


@pytest.fixture(scope="module")
def model() -> FunctionModel:
    return FunctionModel(lambda request: "ok")


@pytest.fixture(scope="module")
def client(model: FunctionModel) -> Any:
    with running(create_app(Agent(model, name="a"))) as url, Asking(url) as asking:
        yield asking


@pytest.mark.parametrize(("param", "change"), WRONG, ids=[f"{n}-{param}" for n, (param, _) in enumerate(WRONG)])
def test_a_value_out_of_its_range_is_refused_before_anything_runs(
    client: Asking, model: FunctionModel, param: str, change: dict[str, Any]
) -> None:
    asked = len(model.requests)
    answer = client.post({"model": "a", "messages": HELLO, **change})
    error = client.refused(answer)
    assert answer.status_code == 400, error
    assert error["type"] == "invalid_request_error"
    assert (error["param"] or "").startswith(param), error
    assert len(model.requests) == asked


RIGHT: dict[str, Any] = {
    "frequency_penalty": [-2, 2],
    "presence_penalty": [-2, 2.0],
    "logit_bias": [{"5": 100, "6": -100}, {}],
    "logprobs": [True, False],
    "max_completion_tokens": [1],
    "n": [1],
    "response_format": [{"type": "text"}],
    "seed": [0, -5],
    "stop": ["x", ["a", "b", "c", "d"]],
    "store": [True, False],
    "stream": [False],
    "temperature": [0, 2],
    "top_p": [0, 1],
    "metadata": [{}, {"k" * 64: "v" * 512}],
    "user": ["u"],
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_ends_of_a_range_and_null_are_taken(client: Asking, name: str) -> None:
    for value in [*RIGHT[name], None]:
        client.ask("a", **{name: value})


def test_null_is_absent_for_all_at_once(client: Asking) -> None:
    nulls = dict.fromkeys([*RIGHT, "tools", "tool_choice", "stream_options", "top_logprobs", "parallel_tool_calls"])
    client.ask("a", **nulls)


@pytest.mark.parametrize("role", ["developer", "system", "user", "assistant"])
def test_names_and_parts_of_text_are_taken_in_every_role(client: Asking, model: FunctionModel, role: str) -> None:
    message = {"role": role, "name": "Ann", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "!"}]}
    client.ask("a", [message, USER])
    assert model.requests[-1].messages[0].to_json() == message


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"model": NaN}', b"\xff\xfe", b"[" * 10_000])
def test_a_body_that_is_no_object_is_refused(client: Asking, body: bytes) -> None:
    answer = client.http.post(client.path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, client.refused(answer)["code"]) == (400, "invalid_json")
