"""Asking a person about the calls that wait: what exactly would run, and what is to be done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic_core import from_json, to_json

from agentkit.chat import is_json
from agentkit.errors import ConfigurationError
from agentkit.journal import RunState, Waiting

from .terminal import complain

Ask = Callable[[str], str]
"""Shows a prompt and returns the line that was written; raises EOFError at the end of the input."""

_QUESTIONS = {
    "approval": "[y]es, [a]lways in this run, [e]dit {...}, [n]o, or [n]o and why: ",
    "external": "[r]esult and what it is, or [n]o and why: ",
    "unknown": "[a]gain, [r]esult and what it was, or [n]o: tell the model that nobody knows: ",
}
_WORDS = {"yes": "y", "always": "a", "edit": "e", "no": "n", "result": "r", "again": "a"}


def decided(state: RunState, ask: Ask) -> RunState:
    """The state after every waiting call was decided, one question each. Nothing is a yes but yes."""
    for waiting in state.waiting:
        complain("")
        complain(f"{waiting.tool} waits for {waiting.waits_for}:", bold=True)
        for line in exactly(waiting):
            complain(f"  {line}")
        state = _decided(state, waiting, ask)
    return state


def exactly(waiting: Waiting) -> list[str]:
    """Each argument in a line of its own, whole, as the call would get it."""
    arguments = from_json(waiting.arguments)
    if not is_json(arguments):
        return [waiting.arguments]
    lines = [f"{name} = {to_json(value).decode()}" for name, value in arguments.items()] or ["without arguments"]
    if waiting.expires is not None:
        lines.append(f"(until {datetime.fromtimestamp(waiting.expires).isoformat(' ', 'seconds')})")
    return lines


def _decided(state: RunState, waiting: Waiting, ask: Ask) -> RunState:
    while True:
        word, _, rest = ask(_QUESTIONS[waiting.why]).strip().partition(" ")
        verb = _VERBS[waiting.why].get(_WORDS.get(word.lower(), word.lower()))
        if verb is None:
            continue
        try:
            return verb(state, waiting, rest.strip())
        except ConfigurationError as error:
            complain(f"error: {error}")


def _approved(state: RunState, waiting: Waiting, rest: str) -> RunState:
    return state.approve(_alone(waiting, rest))


def _always_approved(state: RunState, waiting: Waiting, rest: str) -> RunState:
    return state.approve(_alone(waiting, rest), always=True)


def _alone(waiting: Waiting, rest: str) -> Waiting:
    if rest:  # "y but not today" is no yes
        raise ConfigurationError(f"a yes stands alone, and {rest!r} is behind it; no takes a reason: n {rest}")
    return waiting


def _edited(state: RunState, waiting: Waiting, rest: str) -> RunState:
    """The call with other values, which then waits itself."""
    remedy = 'write what is to change as JSON: e {"order": 8}'
    try:
        changed = from_json(rest)
    except ValueError as error:
        raise ConfigurationError(f"{remedy} ({error})") from None
    if not is_json(changed):
        raise ConfigurationError(remedy)
    return state.approve(waiting, {**from_json(waiting.arguments), **changed})


def _denied(state: RunState, waiting: Waiting, rest: str) -> RunState:
    return state.deny(waiting, rest)


def _answered(state: RunState, waiting: Waiting, rest: str) -> RunState:
    if not rest:
        raise ConfigurationError("write the result behind it: r three left")
    return state.answer(waiting, rest)


def _retried(state: RunState, waiting: Waiting, rest: str) -> RunState:
    return state.retry(_alone(waiting, rest))


Verb = Callable[[RunState, Waiting, str], RunState]
_VERBS: dict[str, dict[str, Verb]] = {
    "approval": {"y": _approved, "a": _always_approved, "e": _edited, "n": _denied},
    "external": {"r": _answered, "n": _denied},
    "unknown": {"a": _retried, "r": _answered, "n": _denied},
}
