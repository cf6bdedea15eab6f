"""Untrusted: what came from outside must not go out again by itself (ROBUSTNESS S7)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from agentkit.errors import ConfigurationError, ToolError
from agentkit.run import Middleware, ToolRun
from agentkit.run.around import Proceed
from agentkit.tools import Context


class Untrusted(Middleware):
    """Once the conversation holds a result of a tool marked `untrusted=True`, the tools named in `egress` are denied.

    That breaks the chain from injected text to data that leaves; it does not make a model resist injections.
    To let somebody decide instead, give those tools `approval=after_untrusted`.
    """

    def __init__(self, egress: Collection[str]) -> None:
        if isinstance(egress, str) or not egress:
            raise ConfigurationError(f"Untrusted(egress={egress!r}): give the names of tools, e.g. ['send_mail']")
        self._egress = frozenset(egress)

    async def around_tool(self, call: ToolRun, proceed: Proceed[ToolRun, object]) -> object:
        """Deny what could carry data out."""
        sources = call.context.untrusted
        if sources and call.tool.name in self._egress:
            raise ToolError(f"denied: the conversation holds results of {', '.join(sorted(sources))}, from outside")
        return await proceed(call)


def after_untrusted(ctx: Context[Any], **arguments: object) -> bool:
    """For `approval=`: the call needs approval once the conversation holds results from outside."""
    return bool(ctx.untrusted)
