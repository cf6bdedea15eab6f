"""What a run starts from: what a user gave, as a state whose journal goes on."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from agentkit.chat import MESSAGES, Message, Part, UserMessage, is_json
from agentkit.chat.wire import Wire, configuration_error
from agentkit.errors import ConfigurationError
from agentkit.journal import Input, Resumed, RunState, Session, mended

from .spec import Team

RunInput = str | Sequence[Part] | Sequence[Message] | Sequence[dict[str, Any]] | RunState | None


async def begin(given: RunInput, session: Any, team: Team) -> RunState:
    """The state a run starts from. Raises ConfigurationError for an input that cannot be one."""
    state = await _begun(given, session, team.first.name)
    if not state.run_id:
        raise ConfigurationError("there is no run to go on with: the session or state is empty; give an input")
    if state.agent not in team.specs:
        known = ", ".join(map(repr, team.specs))
        raise ConfigurationError(
            f"the run is in the hands of agent {state.agent!r}, and this team has {known}: go on with its own agent, "
            f"or give this one name={state.agent!r}"
        )
    return state


async def _begun(given: RunInput, session: Any, agent: str) -> RunState:
    if session is not None and not isinstance(session, Session):
        remedy = f"store.session({session!r})" if isinstance(session, str) else "store.session('a name')"
        raise ConfigurationError(f"session={session!r} is no session; give Session(), or {remedy}")
    if isinstance(given, RunState):
        if session is None and given.saved:
            raise ConfigurationError("this state belongs to a stored session: give the run session=store.session(...)")
        if session is not None and given.journal != session.id:
            raise ConfigurationError(f"this state belongs to another session than {session.id!r}")
        return given.apply(Resumed(uuid.uuid4().hex))
    if given is None:
        if session is None:
            raise ConfigurationError("run(None) goes on in a session: give session=...")
        return (await session.load()).apply(Resumed(uuid.uuid4().hex))
    messages = messages_of(given)
    state = await session.load() if session is not None else RunState(journal=uuid.uuid4().hex)
    return state.apply(Input(uuid.uuid4().hex, agent, messages))


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"the input holds {text[error.start]!r} at {error.start}, half of a character that cannot be sent; "
            "give text.encode(errors='replace').decode()"
        ) from None


def messages_of(given: Any) -> tuple[Message, ...]:
    """A text and content parts are one user message; messages are history."""
    if isinstance(getattr(given, "state", None), RunState):
        raise ConfigurationError(f"the input is {type(given).__name__}: give its state, run(result.state)")
    if isinstance(given, str) and given:
        _check_text(given)
        return (UserMessage(content=given),)
    if is_json(given) or isinstance(given, bytes) or not hasattr(given, "__iter__"):
        hint = f", e.g. [{{'role': {given.get('role', 'user')!r}, ...}}]" if is_json(given) else ""
        raise ConfigurationError(
            f"the input is {type(given).__name__}: give a text, a list of content parts or messages{hint} or a RunState"
        )
    items: tuple[Any, ...] = tuple(given)
    if not items:
        raise ConfigurationError("the input is empty: give a text, content parts or messages")
    for number, item in enumerate(items):
        if not isinstance(item, Wire) and not (is_json(item) and ("role" in item or "type" in item)):
            raise ConfigurationError(
                f"input.{number} is {item!r}: give messages, e.g. {{'role': 'user', 'content': 'hi'}}, "
                "or content parts, e.g. {'type': 'text', 'text': 'hi'}"
            )
    first = items[0]
    try:
        if isinstance(first, Part) or (is_json(first) and "role" not in first):
            return (UserMessage.model_validate({"content": items}),)
        return mended(MESSAGES.validate_python(items))
    except ValidationError as error:
        raise configuration_error("input", error) from None
