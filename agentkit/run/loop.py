"""The loop: one coroutine performs the steps and returns the result; a callback tells the story."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import anyio

from agentkit.chat import UserMessage
from agentkit.client import first_error
from agentkit.errors import AgentKitError, LimitReached
from agentkit.journal import Call, Ended, Input, Ownership, RunState
from agentkit.tools import Arguments, render_result

from .around import RunCall, onion
from .ask import ask
from .dispatch import call_tools
from .events import RunFinished, RunStarted, ToolStarted, ToolUse
from .perform import Outcome
from .result import RunResult
from .run import Run
from .spec import Team
from .steps import Ask, CallTools, Finish, Pause, Stop, Tell, next_step


async def advance(run: Run) -> RunResult[Any]:
    """Perform steps until the run is done or waits. Raises the error a step ends with."""
    while True:
        match next_step(run.state, run.team, run.shared.journal.state):
            case Ask(conclude):
                await ask(run, conclude)
            case CallTools(calls):
                await call_tools(run, calls)
            case Tell(entry):
                run.record(entry)
            case Pause(waiting):
                for call in () if run.path else waiting:  # the root tells of all, by their whole path
                    await run.tell(call)
                return _result(run, "waiting", None)
            case Finish(output):
                if not run.state.ended:
                    run.record(Ended(run.state.concluding))
                return _result(run, "done", output)
            case Stop(error):
                raise error


def _result(run: Run, status: Any, output: Any) -> RunResult[Any]:
    spec = run.spec
    wrapped = spec.output is not None and spec.output.wrapped
    return RunResult(
        status, run.state, tuple(run.shared.completions), tuple(run.shared.abandoned), value=output, wrapped=wrapped
    )


async def execute(run: Run) -> RunResult[Any]:
    """The whole run: journal owned, connections held, time limited, everything committed, errors with their state."""
    journal = run.shared.journal
    try:
        result = await _written(run)
        if result.status != "waiting" or result.state.saved != journal.state.saved:
            result = _committed(result, journal.state)
        await run.tell(RunFinished(result.status))
        return result
    except AgentKitError as error:
        error.state = journal.state
        raise


async def _written(run: Run) -> RunResult[Any]:
    """The run as the owner of its journal, between its first commit, with which it begins to act, and its last."""
    journal = run.shared.journal
    async with AsyncExitStack() as stack:
        store: object = journal.store
        if isinstance(store, Ownership):  # before anything is written: a run that lives is left in peace
            await stack.enter_async_context(store.hold(journal.state.journal, take_over=run.shared.take_over))
        try:
            await journal.commit()
            run.team = await run.team.hold(stack)
            return await _timed(run)
        finally:
            if journal.broken is None:
                await journal.commit()


def _committed(result: RunResult[Any], state: RunState) -> RunResult[Any]:
    if result.state is state:
        return result
    return RunResult(
        result.status, state, result.completions, result.abandoned, value=result.value, wrapped=result.wrapped
    )


async def _timed(run: Run) -> RunResult[Any]:
    seconds = run.team.limits.seconds
    if seconds is None:
        return await _around(run)
    with anyio.move_on_after(seconds) as scope:
        return await _around(run)
    if scope.cancelled_caught:
        raise LimitReached("seconds", seconds)
    raise AssertionError("unreachable")  # pragma: no cover


async def _around(run: Run) -> RunResult[Any]:
    await run.tell(RunStarted(run.state.run_id, run.state.agent))
    return await _layered(run, _grouped)


async def _layered(
    run: Run, go_on: Callable[[Run], Awaitable[RunResult[Any]]], inside: ToolUse | None = None
) -> RunResult[Any]:
    """The run within its middleware's `around_run`."""
    if not run.shared.middleware:
        return await go_on(run)

    async def core(call: RunCall) -> RunResult[Any]:
        return await go_on(run)

    conversation = run.shared.journal.state.journal
    call = RunCall(run.state.new_messages, run.context(), conversation, inside, lambda: run.state)
    return await onion(run.shared.middleware, "around_run", core)(call)


async def _grouped(run: Run) -> RunResult[Any]:
    """With a task group around, where calls may start while their message streams."""
    if not run.shared.stream or run.team.first.early_start is False:
        return await advance(run)
    result: RunResult[Any] | None = None
    try:
        async with anyio.create_task_group() as group:
            run.shared.group = group
            result = await advance(run)
            group.cancel_scope.cancel()
    except BaseExceptionGroup as error:
        raise first_error(error) from None
    assert result is not None  # a group that ends without an error ran its body to the end
    return result


async def run_child(parent: Run, call: Call, team: Team, arguments: Arguments) -> Outcome | None:
    """Run an agent as the tool call `call`, inside the parent's journal. None: it waits, and so does the parent."""
    limits = parent.team.limits
    if len(parent.path) >= limits.depth:
        if limits.on_limit == "raise":
            raise LimitReached("depth", limits.depth)
        return Outcome("error", f"agents may work {limits.depth} deep inside each other; answer with what you have")
    team = team.with_limits(limits)
    child = Run(team, parent.shared, (*parent.path, call.ref))
    use = ToolUse(call.ref, call.name, arguments.json)
    await parent.tell(ToolStarted(use))
    if parent.state.calls[call.ref].child is None:
        message = UserMessage(content=arguments.values["input"])
        child.record(Input(uuid.uuid4().hex, team.first.name, (message,)))
    try:
        async with AsyncExitStack() as stack:
            child.team = await team.hold(stack)
            result = await _layered(child, advance, use)
    except LimitReached:
        raise
    except AgentKitError as error:
        return Outcome("error", f"{team.first.name} failed: {type(error).__name__}: {error}"[:2048])
    if result.status == "waiting":
        return None
    rendered = render_result(result.output)
    return Outcome("ok", rendered.content, rendered.whole)
