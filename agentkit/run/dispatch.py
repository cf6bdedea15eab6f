"""Dispatch: admit what the model proposed, run what may run, write down each result as it comes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Literal

import anyio

from agentkit.errors import ToolError
from agentkit.journal import Admitted, AgentChanged, Call, Decision, Result
from agentkit.tools import Arguments, Tool

from . import events
from .clock import wall_clock
from .events import ToolFinished, ToolUse
from .group import plain_group
from .nested import team_of
from .perform import Outcome, perform
from .run import Run
from .spec import handoff_of


async def call_tools(run: Run, calls: tuple[Call, ...]) -> None:
    """Admit the proposed calls, then run the ready ones: in parallel, except where locks order them."""
    for call in calls:
        if call.phase == "proposed":
            entry = await _admit(run, call)
            run.record(entry)
            if isinstance(entry, Result):
                await _tell_finished(run, call, entry)
            elif entry.wants == "approval":
                _approve_as_before(run, entry)
    asked = {call.ref for call in calls}
    ready = [call for call in run.state.calls.values() if call.phase == "ready" and call.ref in asked]
    work = _chains(run, [call for call in ready if await _still_valid(run, call)])
    await run.shared.journal.commit()
    if len(work) == 1:  # a task group costs more than the call
        await _run_chain(run, work[0])
    elif work:
        limiter = anyio.CapacityLimiter(run.team.limits.parallel)

        async def limited(chain: list[Call]) -> None:
            async with limiter:
                await _run_chain(run, chain)

        async with plain_group() as group:
            for chain in work:
                group.start_soon(limited, chain)


def _approve_as_before(run: Run, entry: Admitted) -> None:
    """An approval of this run that stays is written down as the decision of this very call."""
    standing = next((one for one in run.state.standing if one.covers(entry)), None)
    if standing is not None:
        run.record(Decision(entry.call, "approve", f"as call {standing.call}: always"))


async def _admit(run: Run, call: Call) -> Admitted | Result:
    """Find the tool, validate the arguments, ask whether somebody must approve. No effects: a crash redoes it."""
    spec = run.team.specs[call.agent]
    tool = spec.tool(call.name)
    if call.type != "function":
        return Result(call.ref, "invalid", f"calls of type {call.type!r} cannot be run; call a function")
    if tool is None:
        return Result(call.ref, "invalid", _no_such_tool(call.name, spec.by_name))
    context = run.context(ToolUse(call.ref, tool.name, call.arguments))
    try:
        if not await tool.offered(context):
            return Result(call.ref, "invalid", f"the tool {tool.name!r} cannot be used now")
        arguments = tool.validate(call.arguments)
    except ToolError as error:
        return Result(call.ref, "invalid", str(error))
    try:
        approval = tool.approval is not False and await tool.needs_approval(arguments, context)
    except Exception as error:  # a predicate that fails must not let the call through
        return Result(
            call.ref, "error", f"whether the call needs approval could not be decided: {type(error).__name__}"
        )
    run.arguments[call.ref] = arguments
    wants: Literal["", "approval", "external"] = ""
    if tool.runs_elsewhere or approval:
        wants = "external" if tool.runs_elsewhere else "approval"
    nested = team_of(tool) is not None
    digest = tool.digest if wants else ""
    expires = call.admitted.expires if call.admitted is not None else None  # an edit gains no time
    if expires is None and wants == "approval" and tool.expires is not None:
        expires = wall_clock.get()() + tool.expires
    return Admitted(
        call.ref, arguments.json, tool.effect, digest, wants, nested, arguments.repairs, expires, tool.untrusted
    )


def _no_such_tool(name: str, tools: Mapping[str, Tool[..., Any]]) -> str:
    near = difflib.get_close_matches(name, list(tools), 1)
    names = [name for name, tool in tools.items() if tool.when is None]  # the others may be hidden, and many
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"there is no tool {name!r}.{hint} The tools are: {', '.join(names) or 'none'}"


def _tool_of(run: Run, call: Call) -> Tool[..., Any] | None:
    return run.team.specs[call.agent].tool(call.name)


async def _still_valid(run: Run, call: Call) -> bool:
    """Right before it runs: the tool is the one that was approved, and the arguments still fit it (S3)."""
    tool, admitted = _tool_of(run, call), call.admitted
    problem: Result | None = None
    if tool is None or admitted is None:
        problem = Result(call.ref, "error", f"the tool {call.name!r} is gone")
    elif admitted.expires is not None and not call.attempt and wall_clock.get()() > admitted.expires:
        problem = Result(call.ref, "denied", "denied: the approval came too late")
    elif admitted.digest and tool.digest != admitted.digest:
        problem = Result(call.ref, "denied", "denied: the tool changed after the call was approved")
    else:
        known = run.arguments.get(call.ref)
        if known is None or known.json != call.arguments:
            try:
                run.arguments[call.ref] = tool.validate(call.arguments)
            except ToolError as error:
                problem = Result(call.ref, "invalid", str(error))
    if problem is not None:
        run.record(problem)
        await _tell_finished(run, call, problem)
    return problem is None


def _chains(run: Run, ready: list[Call]) -> list[list[Call]]:
    """Calls of equal lock text form one chain, in call order, and hand-overs one; every other call is its own."""
    if len(ready) == 1 or (ready and run.spec.settings.parallel_tool_calls is False):
        return [ready]
    chains: dict[str, list[Call]] = {}
    for call in ready:
        tool = _tool_of(run, call)
        key = tool.lock_key(run.arguments[call.ref]) if tool is not None else None
        own = "hand-over" if handoff_of(tool) is not None else f"call {call.ref}"
        chains.setdefault(f"lock {key}" if key is not None else own, []).append(call)
    return list(chains.values())


async def _run_chain(run: Run, chain: list[Call]) -> None:
    for call in chain:
        tool = _tool_of(run, call)
        if tool is not None:
            await _run_call(run, call, tool, run.arguments.pop(call.ref))


async def _run_call(run: Run, call: Call, tool: Tool[..., Any], arguments: Arguments) -> None:
    team = team_of(tool)
    early = run.early.pop(call.ref, None)
    if early is not None:
        await early.done.wait()
        outcome = early.outcome
    elif team is not None:
        outcome = await run.shared.run_child(run, call, team, arguments)
    else:
        outcome = await perform(run, tool, arguments, call.ref)
    if outcome is None:  # an inner agent waits
        return
    if outcome.hand_over is not None:
        outcome = _hand_over(run, call, outcome)
    entry = outcome.entry(call.ref)
    run.record(entry)
    if tool.effect != "read":
        await run.shared.journal.commit()
    await _tell_finished(run, call, entry)
    if outcome.hand_over is not None:
        await run.tell(events.AgentChanged(outcome.hand_over))


def _hand_over(run: Run, call: Call, outcome: Outcome) -> Outcome:
    target = outcome.hand_over or ""
    if target not in run.team.specs:
        return Outcome("error", f"no agent of this team is named {target!r}")
    handed = run.state.handed
    if handed is None:
        run.record(AgentChanged(target, call.ref))
    elif handed.call != call.ref:  # equal after a crash between the change and the call's result
        return Outcome("denied", "denied: another hand-over of the same message came first")
    return outcome


async def _tell_finished(run: Run, call: Call, result: Result) -> None:
    if run.shared.emit is not None:
        await run.tell(ToolFinished(ToolUse(call.ref, call.name, call.arguments), result))
