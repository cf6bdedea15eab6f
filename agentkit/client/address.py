"""The address of an endpoint, checked before anything is sent to it (S14)."""

from __future__ import annotations

import ipaddress
import re
import urllib.request
from typing import cast
from urllib.parse import urlsplit

from agentkit.errors import ConfigurationError

_HIDDEN = re.compile(r"[^/]*(?=@)|(?<=[?#]).*")  # user and password, query and fragment


def is_private(host: str) -> bool:
    """Whether a host is this machine or in a private network, judged by its text alone."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_private or address.is_loopback


def checked_base_url(base_url: str, *, allow_http: bool = False) -> str:
    """The base URL without a closing slash. Raises ConfigurationError for what cannot be an endpoint's."""
    if not isinstance(cast("object", base_url), str):
        raise ConfigurationError(f"base_url={base_url!r} is no text; give base_url='https://...'")
    where = f"base_url={_HIDDEN.sub('***', base_url)!r}"
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")  # a name part that is empty or too long cannot be looked up
    except ValueError as error:
        raise ConfigurationError(f"{where} is no URL: {_HIDDEN.sub('***', str(error))}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError(f"{where} must begin with https:// (or http:// for a local server) and name a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError("base_url must hold no user, password, query or fragment; give the key as api_key=")
    if parts.scheme == "http" and not allow_http and not is_private(host):
        raise ConfigurationError(
            f"{where} would send the key unencrypted; use https://, or ChatClient(..., allow_http=True)"
        )
    if any(not "\x21" <= character <= "\x7e" for character in base_url):
        raise ConfigurationError(f"{where} holds characters that a URL cannot")
    url = base_url.rstrip("/")
    return url.removesuffix("/chat/completions")


def environment_proxy(base_url: str) -> str | None:
    """The proxy that the environment names for this address; None without one, or where no_proxy names the host."""
    parts = urlsplit(base_url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)
