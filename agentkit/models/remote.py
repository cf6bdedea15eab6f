"""RemoteModel: a model behind an endpoint."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from agentkit.chat import ChatCompletion, ChatRequest, OnChunk
from agentkit.client import ChatClient, Timeout, checked_base_url, is_private
from agentkit.client.client import OPENAI, check_patience
from agentkit.client.pace import Pacing
from agentkit.client.secret import Secret, hidden_headers, revealed_headers
from agentkit.client.secret import api_key as checked_key
from agentkit.errors import BadRequest, ConfigurationError, ContextOverflow, refuse_other_signature

from .model import Model
from .offline import OfflineModel
from .profile import Profile, profile_for

if TYPE_CHECKING:
    from agentkit.client.transport import Transport


class RemoteModel:
    """A model by name at a Chat Completions endpoint.

    Without base_url and api_key the environment tells: AGENTKIT_BASE_URL and AGENTKIT_API_KEY, then OPENAI_BASE_URL
    and OPENAI_API_KEY; each key goes to its own address alone. A missing key is a ConfigurationError at the first
    request, except for local endpoints.
    `async with model:` keeps connections; without it they live as long as a run.
    max_concurrency, requests_per_minute, tokens_per_minute: see ChatClient, which all runs of the model share.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | None = None,
        retries: int = 2,
        proxy: str | None = None,
        trust_env: bool = False,
        client: ChatClient | None = None,
        profile: Profile | None = None,
        transport: Transport = "stack",
        max_concurrency: int | None = None,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
    ) -> None:
        if not isinstance(cast("object", name), str) or not name.strip():
            raise ConfigurationError("a model needs a name, e.g. RemoteModel('gpt-5')")
        check_patience(timeout, retries)
        self.name = name
        self._base_url, self._key = base_url, checked_key(api_key) if api_key is not None else None
        self._headers, self._timeout, self._retries = hidden_headers(headers), timeout, retries
        self._proxy, self._trust_env = Secret(proxy) if proxy is not None else None, trust_env
        self._transport: Transport = transport
        self._pacing = Pacing(max_concurrency, requests_per_minute, tokens_per_minute)
        if client is not None and self._pacing != Pacing():
            raise ConfigurationError("client= has limits of its own: give max_concurrency= and the like to ChatClient")
        self._client = client
        self._profile = profile
        if client is None and base_url is not None:
            checked_base_url(base_url)  # a wrong address or key is told at once, a missing key at the first request
            if api_key is not None:
                self._connect()

    @property
    def profile(self) -> Profile:
        """The provider's differences, as known by now."""
        if self._profile is None:
            host = urlsplit(self._connect().base_url).hostname or ""
            self._profile = profile_for(host, self.name)
        return self._profile

    @property
    def client(self) -> ChatClient:
        """What it asks with; made at first use, of the environment where nothing was given."""
        return self._connect()

    def _connect(self) -> ChatClient:
        if self._client is None:
            key = self._key.reveal() if self._key is not None else None
            base_url, api_key = _endpoint(self.name, self._base_url, key)
            self._client = ChatClient(
                base_url,
                api_key,
                transport=self._transport,
                headers=revealed_headers(self._headers),
                timeout=self._timeout,
                retries=self._retries,
                proxy=self._proxy.reveal() if self._proxy is not None else None,
                trust_env=self._trust_env,
                **asdict(self._pacing),
            )
        return self._client

    async def complete(self, request: ChatRequest, on_chunk: OnChunk | None = None) -> ChatCompletion:
        """Ask the endpoint. A 400 that names a parameter corrects the profile, once for each parameter."""
        client = self._connect()
        if request.model != self.name:
            request = request.replace(model=self.name)
        profile, stream = self.profile, on_chunk is not None
        sent = [profile.body(request, stream)]
        while True:
            try:
                completion = await client.complete(request, on_chunk, body=sent[-1])
            except ContextOverflow:
                raise
            except BadRequest as error:
                corrected = profile.corrected(error.param or "", f"{error.code or ''} {error}")
                body = corrected.body(request, stream) if corrected is not None else sent[-1]
                if corrected is None or body in sent:
                    raise
                profile = corrected
                sent.append(body)
            else:
                if len(sent) > 1:
                    self._profile = profile  # only what was accepted is remembered
                return completion

    async def __aenter__(self) -> RemoteModel:
        await self._connect().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connect().__aexit__(kind, error, trace)

    def __repr__(self) -> str:
        return f"RemoteModel({self.name!r})"


def _endpoint(name: str, base_url: str | None, api_key: str | None) -> tuple[str, str | None]:
    """Address and key, out of the arguments or the environment. A key goes only where it belongs (S14)."""
    ours, our_key = _read("AGENTKIT_BASE_URL"), _read("AGENTKIT_API_KEY")
    if base_url is None and ours is None and our_key and api_key is None:
        raise ConfigurationError(
            "AGENTKIT_API_KEY is set without AGENTKIT_BASE_URL; set both, or OPENAI_API_KEY for the OpenAI API"
        )
    openai = _read("OPENAI_BASE_URL") or OPENAI
    base_url = checked_base_url(base_url or ours or openai)
    if api_key is None and our_key and _place(ours or base_url) == _place(base_url):
        api_key = our_key
    if api_key is None and _place(openai) == _place(base_url):
        api_key = _read("OPENAI_API_KEY")
    host = urlsplit(base_url).hostname or ""
    if api_key is None and not is_private(host):
        raise ConfigurationError(
            f"model {name!r} has no API key for {host}: set OPENAI_API_KEY for OpenAI, or AGENTKIT_BASE_URL and "
            "AGENTKIT_API_KEY for another endpoint, or give RemoteModel(name, base_url=..., api_key=...); "
            "to try without a key use Agent('offline')"
        )
    return base_url, api_key


def _read(variable: str) -> str | None:
    return os.environ.get(variable) or None  # an empty variable counts as none


def _place(base_url: str) -> tuple[str | None, int]:
    parts = urlsplit(checked_base_url(base_url))
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def model_from_environment(default: str | None = None) -> Model:
    """The RemoteModel that the environment names, or the built-in OfflineModel with one line on stderr.

    Remote when AGENTKIT_BASE_URL or a key is set; its name is AGENTKIT_MODEL or `default`.
    """
    if not (_read("AGENTKIT_BASE_URL") or _read("AGENTKIT_API_KEY") or _read("OPENAI_API_KEY")):
        print("agentkit: no endpoint is configured; the built-in offline model answers by rules.", file=sys.stderr)
        return OfflineModel()
    name = _read("AGENTKIT_MODEL") or default
    if not name:
        raise ConfigurationError("an endpoint is configured, but no model: set AGENTKIT_MODEL to the model's name")
    return RemoteModel(name)


def resolve(model: str | Model) -> Model:
    """A model by name: "offline" is the built-in one, every other name is asked at the configured endpoint."""
    if isinstance(model, str):
        return OfflineModel() if model == "offline" else RemoteModel(model)
    if isinstance(model, type) or not callable(getattr(model, "complete", None)):
        raise ConfigurationError(
            f"{model!r} is no model: give a name, or an object with `async complete(request, on_chunk)`"
        )
    refuse_other_signature(f"{type(model).__name__}.complete", model.complete, "request", "on_chunk")
    return model
