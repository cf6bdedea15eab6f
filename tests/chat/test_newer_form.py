"""The public form of the endpoint, which is newer than the page: what it adds is taken, checked and kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentkit import ChatRequest, ConfigurationError, Settings
from agentkit.chat import read_completion

from .bodies import REQUEST, TOOL, by, choosing, with_

CUSTOM: dict[str, Any] = {
    "type": "custom",
    "custom": {"name": "shell", "description": "Run", "format": {"type": "text"}},
}
GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}}
WAV = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
FILE = {"type": "file", "file": {"file_id": "file-1"}}
ALLOWED = {
    "type": "allowed_tools",
    "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
}
CALL = {"id": "call_1", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
PLACE = {"type": "approximate", "approximate": {"country": "DE", "city": "Berlin"}}

TAKEN: dict[str, dict[str, Any]] = {
    "custom tool": with_(tools=[CUSTOM]),
    "custom tool with a grammar": with_(tools=[{"type": "custom", "custom": {"name": "shell", "format": GRAMMAR}}]),
    "custom tool choice": with_(tools=[CUSTOM], tool_choice={"type": "custom", "custom": {"name": "shell"}}),
    "allowed tools": choosing(ALLOWED),
    "custom call": by("assistant", None, tool_calls=[CALL]),
    "audio input": by("user", [WAV]),
    "file input": by("user", [FILE]),
    "file data": by("user", [{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}}]),
    "audio output": with_(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}),
    "prediction": with_(prediction={"type": "content", "content": "print(1)"}),
    "reasoning_effort": with_(reasoning_effort="low"),
    "verbosity": with_(verbosity="high"),
    "metadata": with_(metadata={"team": "shop"}),
    "service_tier": with_(service_tier="flex"),
    "web_search_options": with_(web_search_options={"search_context_size": "low", "user_location": PLACE}),
    "identifiers": with_(user="u", safety_identifier="s", prompt_cache_key="k"),
    "max_tokens": with_(max_tokens=5),
    "logprobs": with_(logprobs=True, top_logprobs=20),
    "functions": with_(functions=[{"name": "f", "parameters": {"type": "object"}}], function_call={"name": "f"}),
    "function message": {"model": "m", "messages": [{"role": "function", "name": "f", "content": "1"}]},
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_what_the_newer_form_adds_is_kept_and_sent(name: str) -> None:
    request = ChatRequest(**TAKEN[name])
    assert request.to_json() == TAKEN[name]
    assert json.loads(request.body()) == TAKEN[name]
    assert [error.message for error in REQUEST.iter_errors(TAKEN[name])] == []


def test_every_parameter_of_the_public_form_has_a_field() -> None:
    schema = json.dumps(REQUEST.schema["$defs"]["CreateChatCompletionRequest"])
    known = {*ChatRequest.model_fields}
    properties = _properties(REQUEST.schema["$defs"], REQUEST.schema["$defs"]["CreateChatCompletionRequest"])
    assert properties - known == set(), schema[:200]


def _properties(definitions: dict[str, Any], node: dict[str, Any]) -> set[str]:
    found = set(node.get("properties", {}))
    for part in node.get("allOf", ()):
        found |= _properties(definitions, part)
    if "$ref" in node:
        found |= _properties(definitions, definitions[node["$ref"].rsplit("/", 1)[-1]])
    return found


def test_parameters_that_only_one_provider_knows_go_through_extra() -> None:
    request = ChatRequest.of(
        "m", ChatRequest(**with_()).messages, settings=Settings(extra={"top_k": 5, "thinking": {"type": "enabled"}})
    )
    sent = json.loads(request.body())
    assert (sent["top_k"], sent["thinking"]) == (5, {"type": "enabled"})
    with pytest.raises(ConfigurationError, match="repeats 'temperature'"):
        Settings(extra={"temperature": 1})
    with pytest.raises(ConfigurationError, match="did you mean temperature="):
        Settings(temprature=1)


def test_an_answer_keeps_what_agentkit_has_no_name_for() -> None:
    body = {
        "id": "x", "object": "chat.completion", "created": 1, "model": "m", "provider": "p",
        "choices": [{"index": 0, "finish_reason": "stop", "native_finish_reason": "STOP", "message": {
            "role": "assistant", "content": "hi", "annotations": [{"type": "url_citation"}], "reasoning_details": [{"text": "so"}],
            "audio": {"id": "audio_1", "data": "AAAA", "expires_at": 1, "transcript": "hi"},
        }}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": 0.1},
    }  # fmt: skip
    assert read_completion(json.dumps(body).encode()).to_json() == body


def test_a_changed_copy_is_checked_and_never_sends_old_bytes() -> None:
    request = ChatRequest(**with_(tools=[TOOL], temperature=1))
    before = request.body()
    assert json.loads(request.replace(temperature=2).body())["temperature"] == 2
    with pytest.raises(ConfigurationError, match="temperature"):
        request.replace(temperature=3)
    message = request.messages[0]
    assert b"Hello!" in message.json_bytes()
    changed = message.model_copy(update={"content": "Bye!"})
    assert b"Bye!" in changed.json_bytes()
    assert b"Bye!" in request.with_messages((changed,)).body()
    assert request.body() == before
