"""OpenAPI: the operations of an HTTP API as tools, by its description (3.0, 3.1)."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentkit.chat import Json
from agentkit.client import checked_base_url
from agentkit.errors import ConfigurationError
from agentkit.journal import Effect

from .dialect import normalised
from .held import Held, Holder
from .openapi_auth import Credentials
from .openapi_call import Caller
from .openapi_description import Description, Operation
from .openapi_operation import Request
from .results import MAX_RESULT, ToolResult
from .source import foreign_parameters, wire_name
from .tool import Predicate, Tool

log = logging.getLogger("agentkit")
MAX_DESCRIPTION = 1_024  # characters of a tool's description
_EFFECTS: dict[str, Effect] = {"get": "read", "head": "read", "put": "idempotent", "delete": "idempotent"}


class OpenAPI(Holder[Caller]):
    """The operations of an HTTP API as tools: `tools=[OpenAPI("api.yaml", base_url="https://api.example.org")]`.

    document: a dict, or the path of a JSON or YAML file. base_url: where requests go; the servers that the document
    names are never used by themselves. auth: a bearer token, or secrets by the names of the document's security
    schemes; the model neither sees nor sets them. include, exclude: operation ids, tags, or paths ("/pets*").
    name: prefix of the tools' names. effects: of single operations by id, instead of what the method says (GET and
    HEAD read, PUT and DELETE are idempotent, the others write). approval: for all that do not read. headers: go with
    every request. timeout: seconds of one call. max_bytes: of an answer, the rest is not read.
    """

    def __init__(
        self,
        document: Json | str | Path,
        *,
        base_url: str | None = None,
        auth: str | Mapping[str, str] | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        name: str = "",
        effects: Mapping[str, Effect] | None = None,
        approval: bool | Predicate = False,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        max_result: int = MAX_RESULT,
        max_bytes: int = 4 * 1024 * 1024,
        allow_http: bool = False,
    ) -> None:
        description = Description(document)
        self._title, self._prefix, self._effects = description.title, name, effects or {}
        self._approval, self._timeout, self._max_result = approval, timeout, max_result
        if base_url is None:
            servers = [str(server.get("url")) for server in description.root.get("servers", [])][:3]
            raise ConfigurationError(
                f"OpenAPI: no server of a document is trusted by itself; give base_url= (it names {servers or 'none'})"
            )
        self.base_url = checked_base_url(base_url, allow_http=allow_http)
        self._credentials = Credentials(description, auth)
        self._held = Held(lambda: Caller(self.base_url, dict(headers or {}), max_bytes), f"OpenAPI {self._title}")
        chosen = _chosen(description.operations(), include, exclude)
        self._tools = tuple(self._made(chosen, description))

    async def tools(self) -> tuple[Tool[..., Any], ...]:
        """One tool for each chosen operation."""
        return self._tools

    def _made(self, operations: list[Operation], description: Description) -> Iterable[Tool[..., Any]]:
        taken: set[str] = set()
        for operation in operations:
            name = wire_name(f"{self._prefix}_{operation.id}" if self._prefix else operation.id, taken)
            try:
                tool = self._tool(name, operation, description)
            except (ConfigurationError, RecursionError) as error:
                log.warning("OpenAPI %s: %s is left out: %s", self._title, operation.id, error)
                continue
            taken.add(name)
            yield tool

    def _tool(self, name: str, operation: Operation, description: Description) -> Tool[..., Any]:
        if "servers" in operation.body:
            raise ConfigurationError("it has servers of its own, and only base_url is called")
        request = Request(operation, description, self._credentials.hidden)
        effect = self._effects.get(operation.id, _EFFECTS.get(operation.method, "write"))
        return Tool.from_schema(
            name,
            _about(operation),
            foreign_parameters(normalised(request.parameters, name, logging.DEBUG)),  # 3.0 is a dialect by its nature
            OperationFunction(request, self._held, self._credentials),
            effect=effect,
            approval=self._approval if effect != "read" else False,
            timeout=self._timeout,
            max_result=self._max_result,
            untrusted=True,
        )

    def __repr__(self) -> str:
        return f"OpenAPI({self._title!r}, base_url={self.base_url!r}, {len(self._tools)} tools)"


class OperationFunction:
    """The function of a tool that calls an operation."""

    def __init__(self, request: Request, held: Held[Caller], credentials: Credentials) -> None:
        self._request, self._held, self._credentials = request, held, credentials

    async def __call__(self, /, **arguments: Any) -> ToolResult:
        """Send the request, and read the answer. Raises ToolError for an error status and a lost connection."""
        prepared = self._request.prepared(arguments)
        operation = self._request.operation
        credentials = self._credentials.of(operation.body)
        return await self._held.get().call(operation.method, prepared, credentials, self._credentials.secrets)


def _about(operation: Operation) -> str:
    body = operation.body
    parts = ["Deprecated." if body.get("deprecated") is True else "", body.get("summary"), body.get("description")]
    text = "\n".join(dict.fromkeys(str(part).strip() for part in parts if part))
    text = text or f"{operation.method.upper()} {operation.path}"
    return text if len(text) <= MAX_DESCRIPTION else f"{text[: MAX_DESCRIPTION - 4]} ..."


def _chosen(found: Iterable[Operation], include: Sequence[str], exclude: Sequence[str]) -> list[Operation]:
    operations = list(found)
    for keyword, words in (("include", include), ("exclude", exclude)):
        if isinstance(words, str):
            raise ConfigurationError(f"OpenAPI: {keyword}={words!r}; give a list of operation ids, tags or paths")
        unknown = [word for word in words if not any(_means(word, operation) for operation in operations)]
        if unknown:
            raise ConfigurationError(f"OpenAPI: {keyword} names {unknown[0]!r}, which is no operation id, tag or path")
    chosen = [op for op in operations if not include or any(_means(word, op) for word in include)]
    return [op for op in chosen if not any(_means(word, op) for word in exclude)]


def _means(word: str, operation: Operation) -> bool:
    if word.startswith("/"):
        return fnmatch.fnmatchcase(operation.path, word.replace("[", "[[]"))
    return word == operation.id or word in operation.body.get("tags", ())
