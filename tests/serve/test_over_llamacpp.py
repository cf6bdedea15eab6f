"""A pass-through endpoint over llama.cpp's own server: what is said of the wire holds with a model that is not ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentkit import Agent, RemoteModel
from agentkit.serve import create_app
from tests.llamacpp.conftest import llamacpp

from .asking import HELLO, Asking, function, reason_of, text_of
from .running import running

__all__ = ["llamacpp"]  # a fixture is found here
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(llamacpp: str) -> Iterator[Asking]:
    model = RemoteModel("tiny", base_url=llamacpp, transport="aiohttp")
    with running(create_app(Agent(model, name="tiny"))) as url, Asking(url) as asking:
        yield asking


def test_chat_and_stream_say_the_same(client: Asking) -> None:
    whole = client.ask("tiny", max_completion_tokens=16, temperature=0, seed=1)
    *chunks, usage = client.chunks(
        "tiny", max_completion_tokens=16, temperature=0, seed=1, stream_options={"include_usage": True}
    )
    choice = whole["choices"][0]
    assert text_of(chunks) == (choice["message"]["content"] or "")
    assert reason_of(chunks) == choice["finish_reason"]
    assert usage["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"] > 0


def test_log_probabilities_come_through(client: Asking) -> None:
    choice = client.ask("tiny", max_completion_tokens=4, temperature=0, logprobs=True, top_logprobs=2)["choices"][0]
    assert choice["logprobs"]["content"]


def test_a_schema_is_kept_to(client: Asking) -> None:
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    }
    format_ = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    content = client.ask("tiny", response_format=format_, temperature=0)["choices"][0]["message"]["content"]
    assert content.replace(" ", "").replace("\n", "") in ('{"ok":true}', '{"ok":false}')


def test_a_call_that_is_required_comes_back(client: Asking) -> None:
    tools = [function("switch", on={"type": "boolean"})]
    choice = client.ask("tiny", HELLO, tools=tools, tool_choice="required", temperature=0)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "switch"
