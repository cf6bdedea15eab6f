"""ToolSource: the one protocol by which tools come from elsewhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from agentkit.chat import Json

from .dialect import without_hard_patterns
from .tool import Tool


@runtime_checkable
class ToolSource(Protocol):
    """Where tools come from that are not written here: an MCP server, an OpenAPI document. `tools=[source]` takes it.

    A run opens it, asks once for its tools, which then stay the same for the whole run, and closes it. Held open by
    `async with source:` or `async with agent:` it serves many runs. It may be entered several times, in one event loop
    or several; whoever entered it leaves it. Opening raises SourceFailed when there is nothing to be had.
    """

    async def __aenter__(self) -> ToolSource: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def tools(self) -> tuple[Tool[..., Any], ...]:
        """The tools that are there now; the same tuple as before while nothing changed."""
        ...


def sources_of(things: Iterable[object]) -> tuple[ToolSource, ...]:
    """The sources among what `tools=` holds."""
    return tuple(thing for thing in things if isinstance(thing, ToolSource))


def wire_name(name: str, taken: Collection[str] = ()) -> str:
    """The name as the wire allows it. A hash of the whole name keeps apart what would become equal or is too long."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name) or "_"
    if len(plain) <= 64 and plain not in taken:
        return plain
    return f"{plain[:55]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def foreign_parameters(schema: Json) -> Json:
    """The parameters of somebody else's tool: where they are plain properties, no others are taken (Q79).

    Patterns that only backtracking can check are left to the server.
    """
    schema = without_hard_patterns(schema)
    open_ended = {"$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties", "additionalProperties"}
    return schema if open_ended & schema.keys() else {**schema, "additionalProperties": False}
