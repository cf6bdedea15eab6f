"""Running one call: whatever happens inside becomes its outcome, only outside cancellation passes."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Any

import anyio
import sniffio

from agentkit.client import scrub
from agentkit.errors import GuardrailTripped, LimitReached, SessionConflict, StoreError, ToolError
from agentkit.journal import Result, Started, Status, idempotency_key
from agentkit.tools import Arguments, HandOver, Tool, render_result

from .around import ToolRun, onion
from .events import ToolStarted, ToolUse
from .run import Run
from .stopped import Stopped

MAX_ERROR = 2048  # characters of an exception that the model reads


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended, before it is written down."""

    status: Status
    content: str
    whole: str | None = None
    images: tuple[str, ...] = ()
    data: Any = None
    hand_over: str | None = None

    def entry(self, ref: str) -> Result:
        """The journal entry of this outcome."""
        return Result(ref, self.status, self.content, self.whole, self.images, self.data)


class _Performance:
    """One start of one call: commits `started` before a write tool's function runs, at most once."""

    def __init__(self, run: Run, tool: Tool[..., Any], arguments: Arguments, ref: str) -> None:
        self.run, self.tool, self.arguments, self.ref = run, tool, arguments, ref
        call = run.state.calls.get(ref)
        self.attempt = (call.attempt if call is not None else 0) + 1
        self.began = False

    async def core(self, tool_run: ToolRun) -> object:
        tool = self.tool
        if tool_run.arguments is not self.arguments and tool.approval is not False:
            raise ToolError("the arguments were changed after they were approved")
        if tool.effect != "read":
            if self.began and tool.effect == "write":
                raise ToolError("a write tool runs at most once for one call")
            self.run.record(Started(self.ref, self.attempt))
            self.began = True
            await self.run.shared.journal.commit()
            await anyio.lowlevel.checkpoint_if_cancelled()
        self.began = True
        return await tool.call(tool_run.arguments, tool_run.context)

    def cut_off(self) -> None:
        """Write down the outcome of a call that is cut off from outside, or ends the run."""
        if self.began and self.tool.threaded:
            self.run.shared.abandoned.append(self.ref)
        if self.ref in self.run.state.calls:
            self.run.record(self._interrupted().entry(self.ref))

    def _interrupted(self) -> Outcome:
        if not self.began and self.attempt == 1:
            return Outcome("cancelled", "cancelled: the call did not run")
        if self.tool.effect == "write":
            return Outcome("unknown", "unknown: the call was cut off while it ran; it may have taken effect")
        return Outcome("cancelled", "cancelled: the call was cut off while it ran")

    def timed_out(self) -> Outcome:
        text = f"timeout: {self.tool.name} took longer than {self.tool.timeout:g} s"
        if self.tool.effect == "write":
            return Outcome("unknown", f"{text}; its outcome is unknown")
        return Outcome("timeout", text)


async def perform(run: Run, tool: Tool[..., Any], arguments: Arguments, ref: str) -> Outcome:
    """Run one admitted call. Raises only for outside cancellation, a lost journal, and Stopped."""
    performance = _Performance(run, tool, arguments, ref)
    use = ToolUse(ref, tool.name, arguments.json)
    await run.tell(ToolStarted(use))
    key = idempotency_key(run.state.run_id, ref, tool.name, arguments.json)
    value = ToolRun(tool, arguments, run.context(use, key, performance.attempt))
    core = onion(run.shared.middleware, "around_tool", performance.core)
    try:
        if tool.timeout is None:
            return _outcome(await core(value), tool)
        with anyio.move_on_after(tool.timeout):
            return _outcome(await core(value), tool)
        if tool.threaded:
            run.shared.abandoned.append(ref)
        return performance.timed_out()
    except (SessionConflict, StoreError, LimitReached, GuardrailTripped):
        raise
    except ToolError as error:
        return Outcome("error", scrub(str(error))[:MAX_ERROR] or "the tool reported an error")
    except Exception as error:
        return Outcome("error", _error_text(error))
    except BaseException as error:
        stops = isinstance(error, (KeyboardInterrupt, SystemExit))
        if not stops and not _from_outside(error):
            return Outcome("error", f"the tool stopped itself with {type(error).__name__}")
        performance.cut_off()
        if stops:
            raise Stopped(error) from None
        raise


def _outcome(value: object, tool: Tool[..., Any]) -> Outcome:
    if isinstance(value, HandOver):
        return Outcome("ok", f"The conversation is now with {value.agent}.", hand_over=value.agent)
    rendered = render_result(value, tool.max_result)
    return Outcome("ok", rendered.content, rendered.whole, rendered.images, rendered.data)


def _error_text(error: Exception) -> str:
    try:
        text = str(error)
    except Exception:  # a broken __str__ must not hide that the tool failed
        text = ""
    return f"{type(error).__name__}: {scrub(text)}"[:MAX_ERROR]  # libraries put keys into what they raise


def _from_outside(error: BaseException) -> bool:
    """Cancellation belongs to a scope or a task: if neither is cancelled, the tool raised it by itself."""
    if not isinstance(error, anyio.get_cancelled_exc_class()):
        return False
    if anyio.current_effective_deadline() == -float("inf"):
        return True
    if "asyncio" in sys.modules and sniffio.current_async_library() == "asyncio":
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return False
