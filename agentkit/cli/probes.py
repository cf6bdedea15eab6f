"""The questions that `agentkit doctor` asks: each a small request, and what its answer shows."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from agentkit.chat import ChatCompletion, ChatRequest, Json, OnChunk, PartialCompletion, UserMessage, is_json
from agentkit.client import ChatClient
from agentkit.errors import AuthenticationFailed, BadRequest, ConnectionFailed, ModelError, StatusError
from agentkit.models import Profile

Verdict = Literal["yes", "no", "ignored", "unclear"]
MAX_TOKENS = 1000  # room for a model that reasons first
HELLO = [{"role": "user", "content": "Say hello in one word."}]


@dataclass(frozen=True)
class Finding:
    """What a probe found: "no" is refused, "ignored" accepted without effect, "unclear" anything else."""

    verdict: Verdict
    detail: str = ""


@dataclass
class Endpoint:
    """One model at one endpoint; requests are sent as they are written here, without a profile."""

    client: ChatClient
    model: str
    limit: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"

    async def ask(self, messages: list[Json] | None = None, **parameters: Any) -> ChatCompletion:
        """One request. Raises ModelError."""
        return await self._sent(messages, None, parameters)

    async def stream(self, **parameters: Any) -> tuple[ChatCompletion, int]:
        """One streamed request, and how many chunks came."""
        chunks = 0

        async def count(chunk: Json, partial: PartialCompletion) -> None:
            nonlocal chunks
            chunks += 1

        return await self._sent(None, count, {"stream": True, **parameters}), chunks

    async def _sent(self, messages: list[Json] | None, on_chunk: OnChunk | None, parameters: Json) -> ChatCompletion:
        body = {"model": self.model, "messages": messages or HELLO, self.limit: MAX_TOKENS, **parameters}
        request = ChatRequest.of(self.model, (UserMessage(content="the body holds it"),))
        return await self.client.complete(request, on_chunk, body=json.dumps(body).encode())


Probe = Callable[[Endpoint], Awaitable[Finding]]


async def found(endpoint: Endpoint, probe: Probe) -> Finding:
    """What a probe finds; what an endpoint refuses it does not support."""
    try:
        return await probe(endpoint)
    except StatusError as error:
        return Finding("no", str(error))
    except ModelError as error:
        return Finding("unclear", f"{type(error).__name__}: {error}")


def profile_of(known: Profile, findings: Mapping[str, Finding], endpoint: Endpoint) -> Profile:
    """What is known of the endpoint, changed by what was found."""
    verdicts = {name: finding.verdict for name, finding in findings.items()}
    profile = replace(known, max_tokens=endpoint.limit, strict=verdicts.get("strict tools") == "yes")
    if verdicts.get("system role") == "no" and verdicts.get("developer role") == "yes":
        profile = replace(profile, system_role="developer")
    if verdicts.get("json_schema") not in ("yes", None) and verdicts.get("json_object") == "yes":
        profile = replace(profile, response_format="json_object")
    if verdicts.get("tools") == "yes":
        dropped = {"parallel_tool_calls"} if verdicts.get("parallel calls") == "no" else set[str]()
        profile = replace(
            profile,
            null_content=verdicts.get("content null beside calls") != "no",
            tools_with_calls=verdicts.get("calls in history without tools") != "yes",
            format_with_tools=verdicts.get("json_schema with tools") != "no",
            tool_choice_objects=verdicts.get("named tool choice") == "yes",
            drop=frozenset(dropped),
        )
    stream_options, stop = (verdicts.get(name) != "no" for name in ("usage in streams", "stop"))
    return replace(profile, stream_options=stream_options, stop=stop, rest={})


async def _answers(endpoint: Endpoint) -> Finding:
    """Reachable, the key accepted, and under which name the token limit is taken."""
    try:
        try:
            completion = await endpoint.ask()
        except BadRequest:  # perhaps because of this very parameter; if not, it is told again
            endpoint.limit = "max_tokens"
            completion = await endpoint.ask()
    except AuthenticationFailed as error:
        return Finding("no", f"the key is refused: {error}")
    except ConnectionFailed as error:
        return Finding("no", f"not reachable: {error}")
    tokens = completion.usage.total_tokens if completion.usage is not None else None
    told = f"{tokens} tokens" if tokens is not None else "usage is not told"
    return Finding("yes", f"as {completion.model or 'an unnamed model'}, {told}")


async def _limit(endpoint: Endpoint) -> Finding:
    accepted = endpoint.limit
    for name in ("max_completion_tokens", "max_tokens"):
        endpoint.limit = name
        try:
            one_token: Json = {name: 1}
            completion = await endpoint.ask(**one_token)
        except BadRequest:
            continue
        usage = completion.usage
        if completion.choices[0].finish_reason == "length" or (usage is not None and usage.completion_tokens == 1):
            return Finding("yes", name)
    endpoint.limit = accepted
    return Finding("ignored", "under either name")


def _function(name: str, *, strict: bool = False) -> Json:
    city = {"type": "string", "enum": ["Paris", "Rome"], "description": "Name of the city"}
    schema = {"type": "object", "properties": {"city": city}, "required": ["city"], "additionalProperties": False}
    about = {"name": name, "description": f"{name.replace('_', ' ')} of one city", "parameters": schema}
    return {"type": "function", "function": about | ({"strict": True} if strict else {})}


def _asking(text: str) -> list[Json]:
    return [{"role": "user", "content": text}]


async def _tools(endpoint: Endpoint) -> Finding:
    asked = _asking("What is the weather in Paris? Use the tool.")
    completion = await endpoint.ask(asked, tools=[_function("get_weather")])
    if completion.message.calls:
        return Finding("yes", f"called {_calls(completion)}")
    completion = await endpoint.ask(asked, tools=[_function("get_weather")], tool_choice="required")
    if completion.message.calls:
        return Finding("yes", f"called {_calls(completion)}, when tool_choice required it")
    return Finding("ignored", "accepted, and nothing was called")


async def _parallel(endpoint: Endpoint) -> Finding:
    asked = _asking("What is the weather in Paris, and what in Rome? Call the tool for both cities at once.")
    completion = await endpoint.ask(asked, tools=[_function("get_weather")], parallel_tool_calls=True)
    count = len(completion.message.calls)
    return Finding("yes" if count > 1 else "unclear", f"{count} calls in one message")


async def _choice(endpoint: Endpoint) -> Finding:
    tools = [_function("get_weather"), _function("get_population")]
    named = {"type": "function", "function": {"name": "get_population"}}
    completion = await endpoint.ask(_asking("What is the weather in Paris?"), tools=tools, tool_choice=named)
    names = {call.name for call in completion.message.calls}
    return Finding("yes" if names == {"get_population"} else "ignored", f"called {_calls(completion) or 'nothing'}")


async def _strict(endpoint: Endpoint) -> Finding:
    tools = [_function("get_weather", strict=True)]
    await endpoint.ask(_asking("What is the weather in Paris?"), tools=tools, tool_choice="required")
    return Finding("yes", "accepted; agentkit checks all arguments in any case")


SCHEMA = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}},
    "required": ["colour"],
}


async def _json_schema(endpoint: Endpoint) -> Finding:
    named = {"name": "answer", "schema": {**SCHEMA, "additionalProperties": False}, "strict": True}
    completion = await endpoint.ask(
        _asking("What colour is the sky, as JSON?"), response_format={"type": "json_schema", "json_schema": named}
    )
    fits = (_object(completion) or {}).get("colour") in ("red", "blue")
    return Finding("yes" if fits else "ignored", _excerpt(completion))


async def _json_object(endpoint: Endpoint) -> Finding:
    asked = _asking("Say hello as a JSON object.")
    completion = await endpoint.ask(asked, response_format={"type": "json_object"})
    return Finding("yes" if _object(completion) is not None else "ignored", _excerpt(completion))


async def _format_with_tools(endpoint: Endpoint) -> Finding:
    schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    await endpoint.ask(response_format=schema, tools=[_function("get_weather")])
    return Finding("yes", "accepted")


async def _streams(endpoint: Endpoint) -> Finding:
    completion, chunks = await endpoint.stream()
    return Finding("yes" if chunks > 1 else "unclear", f"{chunks} chunks, {completion.choices[0].finish_reason}")


async def _stream_usage(endpoint: Endpoint) -> Finding:
    completion, _ = await endpoint.stream(stream_options={"include_usage": True})
    usage = completion.usage
    return Finding("ignored") if usage is None else Finding("yes", f"{usage.total_tokens} tokens")


async def _logprobs(endpoint: Endpoint) -> Finding:
    completion = await endpoint.ask(logprobs=True, top_logprobs=2)
    logprobs = completion.choices[0].logprobs
    return Finding("yes" if logprobs is not None and logprobs.content else "ignored")


async def _several(endpoint: Endpoint) -> Finding:
    count = len((await endpoint.ask(n=2)).choices)
    return Finding("yes" if count == 2 else "ignored", f"{count} choices for n=2")


async def _stop(endpoint: Endpoint) -> Finding:
    await endpoint.ask(stop=["zzzz"])
    return Finding("yes", "accepted")


def _role(role: str) -> Probe:
    async def probe(endpoint: Endpoint) -> Finding:
        await endpoint.ask([{"role": role, "content": "Be brief."}, *HELLO])
        return Finding("yes", "accepted")

    return probe


def _with_call(*, content: str | None, tools: bool) -> Probe:
    async def probe(endpoint: Endpoint) -> Finding:
        call = {
            "id": "call_1",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
        }
        history: list[Json] = [
            *_asking("What is the weather in Paris?"),
            {"role": "assistant", "content": content, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        ]
        await endpoint.ask(history, **({"tools": [_function("get_weather")]} if tools else {}))
        return Finding("yes", "accepted")

    return probe


PROBES: dict[str, Probe] = {
    "answers": _answers,
    "token limit": _limit,
    "system role": _role("system"),
    "developer role": _role("developer"),
    "tools": _tools,
    "parallel calls": _parallel,
    "named tool choice": _choice,
    "strict tools": _strict,
    "content null beside calls": _with_call(content=None, tools=True),
    "calls in history without tools": _with_call(content="", tools=False),
    "json_schema": _json_schema,
    "json_object": _json_object,
    "json_schema with tools": _format_with_tools,
    "streaming": _streams,
    "usage in streams": _stream_usage,
    "logprobs": _logprobs,
    "n": _several,
    "stop": _stop,
}


def _calls(completion: ChatCompletion) -> str:
    return ", ".join(f"{call.name}({call.text})" for call in completion.message.calls)


def _object(completion: ChatCompletion) -> Json | None:
    try:
        value: object = json.loads(completion.message.text)
    except ValueError:
        return None
    return value if is_json(value) else None


def _excerpt(completion: ChatCompletion) -> str:
    return f"answered {' '.join(completion.message.text.split())[:60]}"
