"""The guard in front of every route: who may ask, from where, how much, and how many at a time (S9, S10, S15)."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentkit.client.secret import Secret

from .failure import Refusal, log, refusal_for
from .leaving import Stalled

OPEN = frozenset({"/", "/healthz", "/openapi.json"})  # without a key
PAGE_FOLDER = "/agentkit/"  # what the page is built on, and
OPEN_FOLDER = "/agentkit/web/"  # its files, which ask for a key themselves
ANYONE = "anyone"  # the owner of everything where no keys are asked for
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Reach:
    """How far a client's requests reach.

    body: bytes of a request. body_seconds: in which it must be here. send_seconds: in which a client must take the
    next piece of its answer. concurrent: requests that are answered at a time.
    paused: seconds for which a run waits for results of the client's tools. kept: runs that wait so at a time.
    """

    body: int = 1024 * 1024
    body_seconds: float = 30
    send_seconds: float = 60
    concurrent: int = 256
    paused: float = 15 * 60
    kept: int = 10_000


class Guard:
    """An ASGI layer; every refusal is the API's error object. It names the owner and the request's id in `state`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: Collection[Secret],
        page_token: Secret | None = None,
        hosts: Collection[str],
        reach: Reach,
    ) -> None:
        self.app, self.hosts, self.reach = app, frozenset(map(str.lower, hosts)), reach
        self.owners = {digest: digest[:32] for digest in (_digest(key.reveal()) for key in keys)}
        self.asks_for = "a key of this server"
        self.closed = "/" if keys else PAGE_FOLDER  # where a key is asked for
        if page_token is not None and not keys:
            self.owners = {_digest(page_token.reveal()): ANYONE}
            self.asks_for = "the token of the page's address, which this server printed"
        self.busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, receive, send)
            return
        request_id = f"req_{uuid.uuid4().hex}"
        exchange = _Exchange(receive, send, request_id, self.reach)
        try:
            owner = self._checked(scope)
            scope.setdefault("state", {}).update(owner=owner, request_id=request_id)
            await self._counted(scope, exchange)
        except Stalled:
            log.warning("request %s: the client takes nothing of its answer; it is dropped", request_id)
        except Exception as error:
            if exchange.begun:
                raise
            await refusal_for(error, request_id).response()(scope, receive, exchange.send)

    def _checked(self, scope: Scope) -> str:
        """The owner of what is asked for. Raises Refusal."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._allowed(host):
            raise Refusal(403, "this server is not known by that Host; add the name with hosts=[...]", code="host")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            raise Refusal(403, "requests of other sites are not served", code="origin")
        if scope["method"] not in ("GET", "HEAD", "DELETE", "OPTIONS"):
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise Refusal(415, "send Content-Type: application/json", code="content_type")
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self.reach.body:
            raise too_large(self.reach)
        return self._owner(scope["path"], headers.get("authorization", ""))

    def _allowed(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name == "localhost" or name in self.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _owner(self, path: str, authorization: str) -> str:
        if not self.owners:
            return ANYONE
        scheme, _, key = authorization.partition(" ")
        given = _digest(key.strip())
        known = [owner for digest, owner in self.owners.items() if hmac.compare_digest(digest, given)]
        if known and scheme.lower() == "bearer":
            return known[0]
        if path in OPEN or path.startswith(OPEN_FOLDER) or not path.startswith(self.closed):
            return ANYONE
        told, headers = f"give {self.asks_for}: Authorization: Bearer ...", {"www-authenticate": "Bearer"}
        raise Refusal(401, told, code="invalid_api_key", headers=headers)

    async def _counted(self, scope: Scope, exchange: _Exchange) -> None:
        if scope["path"] == "/healthz":
            await self.app(scope, exchange.receive, exchange.send)
            return
        if self.busy >= self.reach.concurrent:
            raise Refusal(429, "too many requests at a time; try again", code="busy", headers={"retry-after": "1"})
        self.busy += 1
        try:
            await self.app(scope, exchange.receive, exchange.send)
        finally:
            self.busy -= 1


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def too_large(reach: Reach) -> Refusal:
    """The refusal of a body over the limit."""
    return Refusal(413, f"the body is larger than {reach.body} bytes", code="body_too_large")


class _Exchange:
    """One request and its answer: the body counted and timed as it comes, the headers added as they go."""

    def __init__(self, receive: Receive, send: Send, request_id: str, reach: Reach) -> None:
        self._receive, self._send = receive, send
        self._request_id, self._reach = request_id, reach
        self._bytes, self._whole = 0, False
        self.begun = False

    async def receive(self) -> Message:
        if self._whole:  # what comes now is the client's leaving, whenever that is
            return await self._receive()
        try:
            with anyio.fail_after(self._reach.body_seconds):
                message = await self._receive()
        except TimeoutError:
            told = f"the body did not come within {self._reach.body_seconds:g} s"
            raise Refusal(408, told, code="body_timeout") from None
        self._bytes += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._bytes > self._reach.body:
            raise too_large(self._reach)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self._request_id
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        try:
            with anyio.fail_after(self._reach.send_seconds):
                await self._send(message)
        except TimeoutError:
            raise Stalled from None
