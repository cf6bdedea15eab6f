"""Sending the requests of an HTTP API, and reading what it answers, in bounds."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import anyio

from agentkit.client import Secret, read_at_most, scrub
from agentkit.errors import ToolError

from .openapi_auth import Credential
from .openapi_operation import Prepared
from .results import ToolResult

if TYPE_CHECKING:
    import httpx

    from agentkit.client.transport import StackTransport

MAX_ERROR = 2_000  # characters of an error's body
_TIMEOUTS = {"connect": 10.0, "read": 300.0, "write": 60.0, "pool": 60.0}  # the tool's own timeout is the limit


class Caller:
    """The connections to one API. No redirects, no kept cookies, no proxy of the environment, no log (S13)."""

    def __init__(self, base_url: str, headers: Mapping[str, str], max_bytes: int) -> None:
        self._base_url, self._headers, self._max_bytes = base_url, headers, max_bytes
        self._transport: StackTransport | None = None

    async def open(self) -> None:
        """Connections are made when they are needed."""
        from agentkit.client.transport import StackTransport  # httpx takes as long to import as all of agentkit

        self._transport = StackTransport()

    async def close(self) -> None:
        """Close the connections."""
        if self._transport is not None:
            with anyio.CancelScope(shield=True):
                await self._transport.aclose()

    async def call(
        self, method: str, prepared: Prepared, credentials: Sequence[Credential], secrets: Sequence[Secret]
    ) -> ToolResult:
        """One request, one answer. Raises ToolError, without any secret in it."""
        from agentkit.client.transport import FAILURES

        assert self._transport is not None  # Held opens before it gives
        request = self._request(method, prepared, credentials)
        try:
            response = await self._transport.handle_async_request(request)
            try:
                body, whole = await self._read(response)
            finally:
                with anyio.CancelScope(shield=True):
                    await response.aclose()
        except FAILURES as error:
            host = urlsplit(self._base_url).netloc
            raise ToolError(
                f"{host} could not be asked: {scrub(f'{type(error).__name__}: {error}', secrets)}"
            ) from None
        result = _result(response, body, whole)
        if response.status_code >= 300:
            text = scrub(str(result.content), secrets)[:MAX_ERROR]
            where = " (redirects are not followed)" if response.status_code < 400 else ""
            raise ToolError(f"the API answered {response.status_code}{where}: {text}")
        return result

    def _request(self, method: str, prepared: Prepared, credentials: Sequence[Credential]) -> httpx.Request:
        import httpx

        headers = {"accept": "application/json, */*;q=0.5", "accept-encoding": "identity", "user-agent": "agentkit"}
        headers |= {name.lower(): value for name, value in {**self._headers, **prepared.headers}.items()}
        cookies, query = dict(prepared.cookies), prepared.query
        for credential in credentials:
            value = f"{credential.prefix}{credential.secret.reveal()}"
            if credential.location == "header":
                headers[credential.name.lower()] = value
            elif credential.location == "cookie":
                cookies[credential.name] = quote(value, safe="")
            else:
                query += f"{'&' if query else ''}{quote(credential.name, safe='')}={quote(value, safe='')}"
        if cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        base = httpx.URL(self._base_url)
        target = f"{urlsplit(self._base_url).path}{prepared.path}{f'?{query}' if query else ''}"
        url = base.copy_with(raw_path=target.encode())
        return httpx.Request(
            method.upper(), url, headers=headers, content=prepared.body, extensions={"timeout": _TIMEOUTS}
        )

    async def _read(self, response: httpx.Response) -> tuple[bytes, bool]:
        """At most `max_bytes` of the body, and whether that is all of it."""
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise ToolError("the API answered compressed, which was not asked for")
        return await read_at_most(response, self._max_bytes)


def _result(response: httpx.Response, body: bytes, whole: bool) -> ToolResult:
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if not body:
        return ToolResult(f"{response.status_code}, no content")
    if kind.startswith("image/") and whole and kind != "image/svg+xml":
        image = f"data:{kind};base64,{base64.b64encode(body).decode()}"
        return ToolResult(f"an image, {kind}, {len(body)} bytes", images=[image])
    textual = kind.startswith("text/") or kind.endswith(("json", "xml", "yaml", "javascript", "x-www-form-urlencoded"))
    try:
        text = body.decode() if whole else body.decode(errors="ignore")
    except UnicodeDecodeError:
        text = body.decode(errors="replace") if textual else f"[{kind or 'bytes'}, {len(body)} bytes, left out]"
    return ToolResult(text if whole else f"{text}\n[... the rest of the answer was not read ...]")
