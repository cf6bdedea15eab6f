"""What happens next: a pure function of the state and the team. No I/O, no clock, no randomness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from agentkit.errors import AgentKitError, LimitReached, OutputInvalid, ToolFailed
from agentkit.journal import Call, RunState, Told, Waiting, fingerprint

from .limits import Limits
from .nested import team_of
from .output import Output, problems
from .spec import Team

MAX_FAILURES = 3  # of calls to a tool that does not exist


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the model; `conclude`: one last answer, without tools."""

    conclude: bool = False


@dataclass(frozen=True, slots=True)
class CallTools:
    """Admit and run these calls."""

    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing can go on before somebody decides."""

    waiting: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True)
class Tell:
    """Write down something the framework says to the model: a repair, a spent budget, a loop."""

    entry: Told


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is done with this output."""

    output: Any


@dataclass(frozen=True, slots=True)
class Stop:
    """The run ends with this error; its state can be continued from."""

    error: AgentKitError


Step = Ask | CallTools | Pause | Tell | Finish | Stop


def next_step(state: RunState, team: Team, spent: RunState | None = None) -> Step:
    """What the run does next. `spent` is the root of a tree of agents, whose budget counts."""
    spent = spent or state
    open_calls = state.open_calls if state.calls else []
    if open_calls and not state.concluding:
        return _calls(state, open_calls, team, spent)
    if state.final is not None:
        return _finish(state, team)
    if state.concluding:
        return Ask(conclude=True)
    return _failed(state, team) or _circling(state, team.limits) or _budget(state, spent, team.limits) or Ask()


def _calls(state: RunState, open_calls: list[Call], team: Team, spent: RunState) -> Step:
    limits = team.limits
    many = len(state.calls) > limits.calls_per_turn
    if (many or spent.tool_calls > limits.tool_calls) and any(call.phase == "proposed" for call in open_calls):
        return _over("calls_per_turn" if many else "tool_calls", limits)
    ready = [call for call in open_calls if _can_run(call, team, spent)]
    return CallTools(tuple(ready)) if ready else Pause(state.waiting)


def _can_run(call: Call, team: Team, spent: RunState) -> bool:
    if call.phase != "ready":
        return call.phase == "proposed"
    if call.child is None:
        return True
    tool = team.specs[call.agent].tool(call.name)
    inner = team_of(tool)
    if inner is None:
        return True
    return not isinstance(next_step(call.child, inner.with_limits(team.limits), spent), Pause)


def _over(limit: Literal["turns", "tool_calls", "calls_per_turn", "handoffs", "tokens"], limits: Limits) -> Step:
    if limits.on_limit == "conclude":
        return Tell(Told(limit, f"The budget of {limit.replace('_', ' ')} is used up. Answer now with what you have."))
    return Stop(LimitReached(limit, getattr(limits, limit)))


def _budget(state: RunState, spent: RunState, limits: Limits) -> Step | None:
    if state.handoffs > limits.handoffs:
        return _over("handoffs", limits)
    reserved = 1 if limits.on_limit == "conclude" else 0  # the concluding turn
    if spent.turns >= limits.turns - reserved:
        return _over("turns", limits)
    if limits.tokens is not None and spent.usage.total_tokens >= limits.tokens:
        return _over("tokens", limits)
    return None


def _circling(state: RunState, limits: Limits) -> Step | None:
    if limits.repeats is None:
        return None
    repeated = state.repeated
    if state.calls:
        repeated = repeated + 1 if fingerprint(state.calls) == state.fingerprint else 1
    if repeated > limits.repeats:
        return Stop(LimitReached("repeats", limits.repeats))
    if repeated == limits.repeats and not isinstance(state.entries.last, Told):
        text = "The same call with the same arguments gave the same result again. Do something else, or answer."
        return Tell(Told("repeats", text))
    return None


def _failed(state: RunState, team: Team) -> Step | None:
    for name, failures in state.failures.items():
        tool = team.specs[state.agent].by_name.get(name)
        allowed = tool.max_failures if tool is not None else MAX_FAILURES
        if failures > allowed:
            return Stop(ToolFailed(f"tool {name!r} failed {failures} times in a row", tool=name, failures=failures))
    return None


def _finish(state: RunState, team: Team) -> Step:
    output = team.specs[state.agent].output
    text = state.final.text if state.final is not None else ""
    if output is None:
        return Finish(text)
    try:
        return Finish(output.read(text))
    except ValueError as error:
        return _repair(state, team, output, error)


def _repair(state: RunState, team: Team, output: Output, error: ValueError) -> Step:
    reasons = problems(error)
    if state.ended or state.concluding or state.repairs >= team.limits.repairs:
        name = getattr(output.type, "__name__", output.type)
        return Stop(OutputInvalid(f"the answer is not a valid {name} after {state.repairs} repairs: {reasons}"))
    return Tell(Told("repair", f"The answer does not fit the asked-for format:\n{reasons}\nAnswer again, mended."))
