"""fetch: the one place where a document is read from a URL that somebody named (S8)."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import anyio

from agentkit.errors import ConfigurationError, SourceFailed

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 10 * 1024 * 1024
MAX_REDIRECTS = 5
_INSIDE = tuple(
    map(
        ipaddress.ip_network,
        (
            "100.64.0.0/10",  # shared by carriers, and by the metadata of some clouds
            "192.0.0.0/24",
            "198.18.0.0/15",
            "::/96",  # an IPv4 address written as IPv6, in all its ways: compatible, mapped, NAT64, 6to4, Teredo
            "::ffff:0:0/96",
            "::ffff:0:0:0/96",
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "2002::/16",
            "2001::/23",
        ),
    )
)


async def fetch(url: str, *, seconds: float = 30.0, max_bytes: int = MAX_BYTES, allow_private: bool = False) -> str:
    """The text at a URL of the public internet.

    The name is resolved once, and the connection goes to that very address. Redirects are followed a few times, each
    checked like the first, and never from https to http. allow_private: this machine and private networks too.
    Raises ConfigurationError for a URL that is not allowed, SourceFailed when there is nothing to be had.
    """
    try:
        with anyio.fail_after(seconds):
            for _ in range(MAX_REDIRECTS):
                following, text = await _once(url, max_bytes, allow_private)
                if following is None:
                    return text
                if url.startswith("https:") and not following.startswith("https:"):
                    raise SourceFailed(f"{_host(url)} redirects from https to http")
                url = following
    except TimeoutError:
        raise SourceFailed(f"{_host(url)} did not answer within {seconds:g} s") from None
    raise SourceFailed(f"{_host(url)} redirects more than {MAX_REDIRECTS} times")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, whatever way it is written."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        return False
    return not any(ip.version == net.version and ip in net for net in _INSIDE)


async def _once(url: str, max_bytes: int, allow_private: bool) -> tuple[str | None, str]:
    """One request: where it redirects to, or its text."""
    import httpx

    from .transport import ssl_context

    request = await _pinned(url, allow_private)
    try:
        async with httpx.AsyncHTTPTransport(verify=ssl_context(True), trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            if response.status_code in (301, 302, 303, 307, 308):
                return urljoin(url, response.headers.get("location", "")), ""
            if response.status_code != 200:
                raise SourceFailed(f"{_host(url)} answered {response.status_code}")
            return None, await _text(response, _host(url), max_bytes)
    except httpx.TransportError as error:
        raise SourceFailed(f"{_host(url)} could not be asked: {type(error).__name__}: {error}") from None


async def _pinned(url: str, allow_private: bool) -> httpx.Request:
    """The request of a URL, to the one address its name was resolved to."""
    import httpx

    if not all("\x21" <= sign <= "\x7e" for sign in url) or "\\" in url:  # two parsers may read it as two hosts
        raise ConfigurationError("fetch: the URL holds characters that a URL cannot")
    try:
        parts, target = urlsplit(url), httpx.URL(url)
        host, port = target.host, parts.port or (443 if target.scheme == "https" else 80)
    except (ValueError, httpx.InvalidURL) as error:
        raise ConfigurationError(f"fetch: this is no URL: {error}") from None
    if target.scheme not in ("http", "https") or not host or target.userinfo or parts.hostname != host:
        raise ConfigurationError("fetch: only http and https are fetched, from a host, without a user or a password")
    try:
        found: list[Any] = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceFailed(f"{host} has no address: {error}") from None
    addresses = [str(row[4][0]) for row in found]
    inside = [address for address in addresses if not is_public(address)]
    if inside and not allow_private:
        raise ConfigurationError(f"fetch: {host} is {inside[0]}, which is not of the public internet")
    headers = {"host": target.netloc.decode(), "accept-encoding": "identity", "user-agent": "agentkit"}
    pinned = target.copy_with(host=addresses[0], fragment=None)
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), 30.0)
    return httpx.Request("GET", pinned, headers=headers, extensions={"sni_hostname": host, "timeout": timeout})


async def _text(response: httpx.Response, host: str, max_bytes: int) -> str:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise SourceFailed(f"{host} answered compressed, which was not asked for")
    body, whole = await read_at_most(response, max_bytes)
    if not whole:
        raise SourceFailed(f"{host}: the document is larger than {max_bytes} bytes")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise SourceFailed(f"{host}: the document is not UTF-8") from None


async def read_at_most(response: httpx.Response, max_bytes: int) -> tuple[bytes, bool]:
    """The beginning of a body, and whether it is all of it."""
    body = bytearray()
    stream: Any = response.stream
    chunks = stream.__aiter__()
    async for part in chunks:
        body += part
        if len(body) > max_bytes:
            with anyio.move_on_after(0):  # cancelled, not dropped: trio complains about generators half read
                async for _ in chunks:
                    pass
            return bytes(body[:max_bytes]), False
    return bytes(body), True


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
