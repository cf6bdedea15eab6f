"""The bare loop: what is left when there is no framework. JSON by orjson, arguments validated by pydantic, no more.

Over `httpx`, `httpx_aiohttp` or `raw` (an HTTP/1.1 client of 100 lines). No error handling, no limits, no retries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol
from urllib.parse import urlsplit

import measured
import orjson
import work
from pydantic import TypeAdapter

HEADERS = {"authorization": f"Bearer {work.KEY}", "content-type": "application/json"}


def function(name: str, description: str, required: list[str], **properties: Any) -> dict[str, Any]:
    """A tool as the wire has it."""
    parameters = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TOOLS = [
    function(
        "get_weather",
        "Get the weather forecast for a city.",
        ["city"],
        city={"type": "string", "description": "The name of the city to look up."},
        days={"type": "integer", "description": "How many days of forecast to return.", "default": 1},
        unit={
            "type": "string",
            "enum": ["celsius", "fahrenheit"],
            "description": "The temperature unit of the result.",
        },
    ),
    function(
        "slow_tool",
        "Run a slow lookup that takes a given time.",
        ["label", "ms"],
        label={"type": "string", "description": "A label for this call."},
        ms={"type": "integer", "description": "How long the lookup takes, in milliseconds."},
        note={"type": "string", "description": "A free-form note.", "default": ""},
    ),
    function(
        "search_docs",
        "Search the documentation and return the best matches.",
        ["query"],
        query={"type": "string", "description": "What to search for."},
        limit={"type": "integer", "description": "The largest number of results.", "default": 5},
        tags={"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}], "default": None},
    ),
]


class Http(Protocol):
    """How the loop speaks HTTP."""

    async def post(self, body: bytes) -> bytes: ...
    def stream(self, body: bytes) -> AsyncIterator[bytes]: ...
    async def close(self) -> None: ...


class Httpx:
    """Over an httpx client, with its own pool or another transport."""

    def __init__(self, url: str, transport: Any = None) -> None:
        import httpx

        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        timeout = httpx.Timeout(600, pool=None)
        self.url = url
        self.client = httpx.AsyncClient(limits=limits, timeout=timeout, headers=HEADERS, transport=transport)

    async def post(self, body: bytes) -> bytes:
        response = await self.client.post(self.url, content=body)
        response.raise_for_status()
        return response.content

    async def stream(self, body: bytes) -> AsyncIterator[bytes]:
        async with self.client.stream("POST", self.url, content=body) as response:
            response.raise_for_status()
            async for data in response.aiter_bytes():
                yield data

    async def close(self) -> None:
        await self.client.aclose()


def httpx_aiohttp(url: str) -> Httpx:
    """Over httpx's client on aiohttp's connections."""
    import aiohttp
    from httpx_aiohttp import AiohttpTransport

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)

    return Httpx(url, AiohttpTransport(client=session))


def http(kind: str, url: str) -> Http:
    """The HTTP of a variant."""
    if kind == "httpx":
        return Httpx(url)
    if kind == "httpx_aiohttp":
        return httpx_aiohttp(url)
    import raw_http

    parts = urlsplit(url)
    return raw_http.RawHttp(parts.hostname or "", parts.port or 80, parts.path, HEADERS)


class Bare:
    """Asks, calls, asks again, until a message has no calls."""

    def __init__(self, job: measured.Job) -> None:
        self.job = job
        self.http = http(job.variant or "httpx", f"{job.base_url}/chat/completions")
        self.tools = {tool.__name__: TypeAdapter(tool).validate_json for tool in job.tools}  # validates, then calls
        self.message = self.streamed if job.stream else self.plain
        self.close = self.http.close

    async def run(self) -> str:
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": work.SYSTEM},
            {"role": "user", "content": work.PROMPT},
        ]
        while True:
            message = await self.message(messages)
            calls = message.get("tool_calls")
            if not calls:
                return message["content"]
            messages.append({"role": "assistant", "content": message["content"], "tool_calls": calls})
            work_to_do = [self.tools[call["function"]["name"]](call["function"]["arguments"]) for call in calls]
            results = [await work_to_do[0]] if len(calls) == 1 else await asyncio.gather(*work_to_do)
            messages += [
                {"role": "tool", "tool_call_id": call["id"], "content": result}
                for call, result in zip(calls, results, strict=True)
            ]

    async def plain(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        body = orjson.dumps({"model": work.MODEL, "messages": messages, "tools": TOOLS})
        return orjson.loads(await self.http.post(body))["choices"][0]["message"]

    async def streamed(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        body = orjson.dumps({"model": work.MODEL, "messages": messages, "tools": TOOLS, **options})
        text, calls, rest = list[str](), list[tuple[str, str, list[str]]](), b""
        async for data in self.http.stream(body):
            *events, rest = (rest + data if rest else data).split(b"\n\n")
            for event in events:
                if not event.startswith(b"data: ") or event == b"data: [DONE]":
                    continue
                choices = orjson.loads(event[6:])["choices"]
                if not choices:
                    continue
                delta = choices[0]["delta"]
                content = delta.get("content")
                if content:
                    text.append(content)  # a framework would hand it to somebody
                for call in delta.get("tool_calls") or ():
                    called = call["function"]
                    if call["index"] == len(calls):
                        calls.append((call["id"], called["name"], [called["arguments"]]))
                    else:
                        calls[call["index"]][2].append(called["arguments"])
        return whole("".join(text), calls)


def whole(text: str, calls: list[tuple[str, str, list[str]]]) -> dict[str, Any]:
    """A streamed message as the unstreamed answer has it."""
    if not calls:
        return {"content": text}
    functions = [(id, {"name": name, "arguments": "".join(pieces)}) for id, name, pieces in calls]
    return {"content": None, "tool_calls": [{"id": id, "type": "function", "function": f} for id, f in functions]}


if __name__ == "__main__":
    measured.main(Bare)
