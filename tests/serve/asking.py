"""A client by the wire: what the server answers is checked against the API's public description."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from tests.loopback import SCHEMA

# Known spots where the description is stricter than the page's own examples; the server keeps to it all the same:
# `refusal` and `logprobs` are required, and null where there are none; `system_fingerprint` is absent, never null.
HELLO = [{"role": "user", "content": "hello"}]


def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})


COMPLETION = _validator("CreateChatCompletionResponse")
CHUNK = _validator("CreateChatCompletionStreamResponse")
ERROR = _validator("ErrorResponse")


def problems(validator: Draft202012Validator, body: Any) -> list[str]:
    """Where the body breaks the description."""
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(body)]


class Asking:
    """Requests to one server with one key."""

    def __init__(self, url: str, key: str = "", path: str = "/v1/chat/completions") -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=20, trust_env=False)
        self.path = path

    def __enter__(self) -> Asking:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def post(self, body: Any, path: str | None = None, **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path or self.path, json=body, headers=names)

    def ask(self, model: str, messages: Any = HELLO, headers: dict[str, str] | None = None, **body: Any) -> Any:
        """The completion."""
        answer = self.post({"model": model, "messages": messages, **body}, **(headers or {}))
        assert answer.status_code == 200, answer.text
        completion = answer.json()
        assert problems(COMPLETION, completion) == []
        return completion

    def chunks(self, model: str, messages: Any = HELLO, headers: dict[str, str] | None = None, **body: Any) -> Any:
        """The chunks of a stream, which must end as streams do."""
        answer = self.post({"model": model, "messages": messages, "stream": True, **body}, **(headers or {}))
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        *events, last, rest = answer.text.split("\n\n")
        assert (last, rest) == ("data: [DONE]", "")
        found = [json.loads(event.removeprefix("data: ")) for event in events]
        for chunk in found:
            assert problems(CHUNK, chunk) == []
        assert len({chunk["id"] for chunk in found}) == 1
        return found

    def refused(self, answer: httpx.Response) -> Any:
        """The error object of an answer that is none."""
        assert answer.status_code >= 400, answer.text
        assert problems(ERROR, answer.json()) == []
        assert answer.headers["x-request-id"].startswith("req_")
        return answer.json()["error"]

    def fails(self, model: str, messages: Any = HELLO, **body: Any) -> tuple[int, Any]:
        """Status and error of a request that is not served."""
        answer = self.post({"model": model, "messages": messages, **body})
        return answer.status_code, self.refused(answer)


def text_of(chunks: Any, index: int = 0, field: str = "content") -> str:
    """The text that the chunks of a choice add up to."""
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"] if choice["index"] == index]
    return "".join(delta.get(field) or "" for delta in deltas)


def reason_of(chunks: Any) -> str | None:
    """The finish reason of a stream."""
    reasons = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]]
    return next((reason for reason in reasons if reason), None)


def function(name: str, **properties: Any) -> Any:
    """A client's tool with required parameters."""
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": f"{name}.", "parameters": parameters}}


def with_results(messages: Any, message: Any, **results: str) -> Any:
    """The conversation after the client ran the calls of the message: each gets the result of its tool's name."""
    calls = message["tool_calls"]
    said = {"role": "assistant", "content": message["content"], "tool_calls": calls}
    got = [{"role": "tool", "tool_call_id": call["id"], "content": results[call["function"]["name"]]} for call in calls]
    return [*messages, said, *got]
