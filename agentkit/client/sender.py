"""Sending one request's bytes: the only room that knows httpx besides the transports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from .secret import Secret
from .transport import UNCONNECTED, Transport, make_transport


class Sender:
    """Sends with a transport of its own, one that was given, or any object with httpx's build_request and send.

    It uses a transport directly: httpx's client class costs more than a model turn of ours.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str | Secret],
        key: Secret | None,
        connect: float,
        *,
        transport: Transport,
        http: Any,
        proxy: str | None,
        verify: bool,
    ) -> None:
        self._url, self._key, self._http = httpx.URL(url), key, http
        self._headers = {name: value for name, value in headers.items() if isinstance(value, str)}
        self._hidden = {name: value for name, value in headers.items() if not isinstance(value, str)}
        head = httpx.Request("POST", self._url, headers=self._headers, stream=httpx.ByteStream(b"")).headers
        self._head = [(b"host", self._url.netloc), *head.raw]
        self._names = frozenset((*head, *map(str.lower, self._hidden)))
        self._extensions = {"timeout": httpx.Timeout(None, connect=connect).as_dict()}
        self._owned = http is None and isinstance(transport, str)
        self._transport = make_transport(transport, verify, proxy) if http is None else None

    @staticmethod
    def unsent(error: Exception) -> bool:
        """Whether there was no connection at all, so that no answer can have been lost."""
        return isinstance(error, UNCONNECTED)

    def reason(self, error: Exception) -> str:
        """Why sending failed; what to look at when there was no connection."""
        advice = "; is base_url right, and does a server listen there?" if self.unsent(error) else ""
        return f"{str(error) or 'no reason given'} ({type(error).__name__}){advice}"

    async def send(self, content: bytes, added: Mapping[str, str] | None = None) -> Any:
        """The response, its body unread. Raises one of FAILURES."""
        # Keys are put in as a request leaves, so that no stored headers hold one.
        keys = {name: value.reveal() for name, value in self._hidden.items()}
        if self._key is not None:
            keys["authorization"] = f"Bearer {self._key.reveal()}"
        if self._transport is None:
            headers = {**(added or {}), **self._headers, **keys}
            request = self._http.build_request("POST", self._url, content=content, headers=headers)
            return await self._http.send(request, stream=True)
        head = [*self._head, (b"content-length", b"%d" % len(content))]
        if added:
            head += [(name.encode(), value.encode()) for name, value in added.items() if name not in self._names]
        head += [(name.encode(), value.encode()) for name, value in keys.items()]
        extensions, body = dict(self._extensions), httpx.ByteStream(content)
        request = httpx.Request("POST", self._url, headers=head, stream=body, extensions=extensions)
        request.read()
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections, unless the transport was given: who receives does not close."""
        if self._owned and self._transport is not None:
            await self._transport.aclose()
