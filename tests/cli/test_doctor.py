"""`agentkit doctor` against endpoints that refuse and ignore what others support."""

from __future__ import annotations

import json
from typing import Any

from agentkit import Profile
from agentkit.cli.doctor import written
from tests.cli.programs import called
from tests.loopback import Received, Reply, serve, sse, whole

USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}


def answer(text: str = "hello", *names: str, choices: int = 1, **fields: Any) -> Reply:
    """A completion with a text, or with calls of these names."""
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": '{"city":"Rome"}'}}
        for n, name in enumerate(names)
    ]
    message = {"role": "assistant", "content": None if calls else text, **({"tool_calls": calls} if calls else {})}
    rows = [{"index": n, "message": message, "finish_reason": "stop", **fields} for n in range(choices)]
    return whole({"model": "m-1", "choices": rows, "usage": USAGE})


def refuse(what: str) -> Reply:
    return whole({"error": {"message": f"{what} is not supported", "param": what}}, 400)


def streamed(usage: bool) -> Reply:
    pieces: list[Any] = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in "ab"]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return sse(*pieces, end, *([{"choices": [], "usage": USAGE}] if usage else []), "[DONE]")


def generous(request: Received) -> Reply:
    """An endpoint that does everything."""
    body = request.json
    if body.get("stream"):
        return streamed("stream_options" in body)
    if body.get("response_format", {}).get("type") == "json_schema" and "tools" not in body:
        return answer('{"colour": "red"}')
    if body.get("response_format", {}).get("type") == "json_object":
        return answer('{"hello": true}')
    if "tools" in body and body["messages"][-1]["role"] == "user":
        chosen = body.get("tool_choice")
        if isinstance(chosen, dict):
            return answer("", chosen["function"]["name"])
        return answer("", *["get_weather"] * (2 if body.get("parallel_tool_calls") else 1))
    if body.get("logprobs"):
        row = {"token": "hello", "logprob": -0.1, "bytes": None, "top_logprobs": []}
        return answer(logprobs={"content": [row], "refusal": None})
    return answer(choices=body.get("n", 1))


def stubborn(request: Received) -> Reply:
    """An endpoint of the plainest kind: it refuses what is newer, and ignores what it does not know."""
    body = request.json
    roles = [message["role"] for message in body["messages"]]
    refused = ("max_completion_tokens", "stream_options", "stop", "parallel_tool_calls")
    for name in refused:
        if name in body:
            return refuse(name)
    if "developer" in roles:
        return refuse("developer")
    if "tool" in roles and "tools" not in body:
        return refuse("tools")
    if any(message["role"] == "assistant" and message["content"] is None for message in body["messages"]):
        return refuse("content")
    if any(tool["function"].get("strict") for tool in body.get("tools", ())):
        return refuse("strict")
    if body.get("response_format", {}).get("type") == "json_schema":
        return refuse("response_format")
    if body.get("response_format"):
        return answer('{"hello": true}')
    if "tools" in body and roles[-1] == "user":
        return answer("", "get_weather")
    return streamed(False) if body.get("stream") else answer()


def test_an_endpoint_that_does_everything() -> None:
    with serve(generous) as server:
        done = called("doctor", "m", "--base-url", server.base_url, "--json")
    assert done.exit_code == 0, done.stderr
    assert {
        name: found["verdict"] for name, found in json.loads(done.stdout).items() if found["verdict"] != "yes"
    } == {}


def test_an_endpoint_of_the_plainest_kind_gets_a_profile_that_suits_it() -> None:
    with serve(stubborn) as server:
        done = called("doctor", "m", "--base-url", server.base_url)
    rows = dict(line.split("  ", 1) for line in done.stdout.splitlines() if "  " in line)
    verdicts = {name: row.split()[0] for name, row in rows.items()}
    assert verdicts == {
        "answers": "yes",
        "token limit": "yes",
        "system role": "yes",
        "developer role": "no",
        "tools": "yes",
        "parallel calls": "no",
        "named tool choice": "ignored",
        "strict tools": "no",
        "content null beside calls": "no",
        "calls in history without tools": "no",
        "json_schema": "no",
        "json_object": "yes",
        "json_schema with tools": "no",
        "streaming": "yes",
        "usage in streams": "no",
        "logprobs": "ignored",
        "n": "ignored",
        "stop": "no",
    }
    assert done.stdout.splitlines()[-1] == (
        f"RemoteModel('m', base_url='{server.base_url}', profile=Profile(null_content=False, "
        "response_format='json_object', format_with_tools=False, tool_choice_objects=False, stream_options=False, "
        "stop=False, drop=frozenset({'parallel_tool_calls'})))"
    )


def test_the_profile_that_is_printed_can_be_pasted() -> None:
    profile = Profile(strict=True, system_role="developer", drop=frozenset({"n"}))
    namespace = {"Profile": Profile}
    assert eval(written(profile), namespace) == profile
    assert written(Profile()) == "Profile()"


def test_an_endpoint_that_is_not_there_is_told_after_one_request() -> None:
    with serve([]) as server:
        gone = server.base_url
    done = called("doctor", "m", "--base-url", gone)
    assert done.exit_code == 1
    assert "not reachable" in done.stdout
    assert "Profile" not in done.stdout
