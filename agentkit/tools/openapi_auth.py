"""Credentials of an API, by the security schemes of its document. The model never sees them, nor can it set them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentkit.chat import Json, is_json, is_list
from agentkit.client.secret import Secret, api_key
from agentkit.errors import ConfigurationError

from .openapi_description import Description


@dataclass(frozen=True)
class Credential:
    """Where one secret goes."""

    location: str
    name: str
    secret: Secret
    prefix: str = ""


class Credentials:
    """What `auth=` gives: one bearer token for everything, or secrets by the names of the document's schemes."""

    def __init__(self, description: Description, auth: str | Mapping[str, str] | None) -> None:
        given = description.followed(description.root.get("components", {})).get("securitySchemes", {})
        self._schemes = {name: description.followed(scheme) for name, scheme in given.items()}
        self._general: Any = description.root.get("security", [])
        self._bearer = api_key(auth, "auth") if isinstance(auth, str) else None
        self._by_scheme: dict[str, Credential] = {}
        secrets: Mapping[str, str] = {} if auth is None or isinstance(auth, str) else auth
        for name, value in secrets.items():
            if name not in self._schemes:
                known = ", ".join(self._schemes) or "none; give auth='a bearer token'"
                raise ConfigurationError(f"OpenAPI: auth names {name!r}; the document's security schemes are: {known}")
            self._by_scheme[name] = _credential(name, self._schemes[name], value)

    @property
    def hidden(self) -> set[tuple[str, str]]:
        """Parameters that are no model's to set: places of credentials, given or not."""
        keys = [scheme for scheme in self._schemes.values() if scheme.get("type") == "apiKey"]
        return {(str(scheme.get("in")), str(scheme.get("name")).lower()) for scheme in keys}

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All of them, to be scrubbed from what an API answers."""
        given = tuple(credential.secret for credential in self._by_scheme.values())
        return given if self._bearer is None else (*given, self._bearer)

    def of(self, body: Json) -> list[Credential]:
        """What goes with an operation: the first of its requirements for which all secrets were given."""
        if self._bearer is not None:
            return [Credential("header", "authorization", self._bearer, "Bearer ")]
        requirements: Any = body.get("security", self._general)
        for requirement in requirements if is_list(requirements) else []:
            if is_json(requirement) and requirement and requirement.keys() <= self._by_scheme.keys():
                return [self._by_scheme[name] for name in requirement]
        return []


def _credential(name: str, scheme: Json, value: str) -> Credential:
    kind, style = scheme.get("type"), str(scheme.get("scheme", "")).lower()
    place = f"auth[{name!r}]"
    if kind == "apiKey" and scheme.get("in") in ("header", "query", "cookie"):
        return Credential(scheme["in"], str(scheme.get("name")), api_key(value, place))
    if kind == "http" and style == "basic":
        if ":" not in value:
            raise ConfigurationError(f"OpenAPI: {place} is for HTTP basic; give 'user:password'")
        return Credential("header", "authorization", Secret(base64.b64encode(value.encode()).decode()), "Basic ")
    if kind in ("oauth2", "openIdConnect") or (kind == "http" and style == "bearer"):
        return Credential("header", "authorization", api_key(value, place), "Bearer ")
    raise ConfigurationError(f"OpenAPI: {place} is a scheme of the kind {kind} {style}, which cannot be used")
