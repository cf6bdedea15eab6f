"""Asking a person about the calls that wait: what exactly would run, and what is to be done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic_core import from_json, to_json

from agentkit.chat import is_json
from agentkit.errors import ConfigurationError
from agentkit.journal import RunState, Waiting

from .telling import WAITS_FOR
from .terminal import complain

Ask = Callable[[str], str]
"""Shows a prompt and returns the line that was written; raises EOFError at the end of the input."""

_QUESTIONS = {
    "approval": "[y]es, [n]o, or [n]o and why: ",
    "external": "[r]esult and what it is, or [n]o and why: ",
    "unknown": "[a]gain, [r]esult and what it was, or [n]o: tell the model that nobody knows: ",
}
_ANSWERS = {"approval": "yn", "external": "rn", "unknown": "arn"}


def decided(state: RunState, ask: Ask) -> RunState:
    """The state after every waiting call was decided, one question each. Nothing is a yes but yes."""
    for waiting in state.waiting:
        complain("")
        complain(f"{waiting.tool} waits for {WAITS_FOR[waiting.why]}:", bold=True)
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
        letter = {"yes": "y", "no": "n", "result": "r", "again": "a"}.get(word.lower(), word.lower())
        if letter not in _ANSWERS[waiting.why] or not letter or (letter == "y" and rest):
            continue
        try:
            if letter == "y":
                return state.approve(waiting)
            if letter == "a":
                return state.retry(waiting)
            if letter == "n":
                return state.deny(waiting, rest.strip())
            if rest.strip():
                return state.answer(waiting, rest.strip())
        except ConfigurationError as error:
            complain(f"error: {error}")
