"""Where a run stands: the fold of its journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from agentkit.chat import Message, ResponseMessage, Usage, is_json
from agentkit.errors import AgentKitError, ConfigurationError

from .call import Call, Handed, Standing, Waiting, replies
from .entry import Admitted, Decision, Entry, Nested, Result, dump_entry, load_entries
from .fold import FOLD
from .trail import Trail

VERSION = 1


@dataclass(slots=False, eq=False)
class RunState:
    """The fold of a journal. A value: `apply` returns the next one in O(1), nothing else changes it."""

    journal: str = ""
    entries: Trail[Entry] = field(default_factory=Trail[Entry])
    saved: int = 0  # how many entries a store holds
    run_id: str = ""
    agent: str = ""
    settled: Trail[Message] = field(default_factory=Trail[Message])  # messages that can no longer change
    turn: int = 0  # completions in this journal: the first half of a call's identity
    calls: dict[str, Call] = field(default_factory=dict[str, Call])
    settled_calls: dict[str, Call] = field(default_factory=dict[str, Call])  # of the turn before, as it was closed
    final: ResponseMessage | None = None
    run_from: int = 0  # index into messages where this run began
    turns: int = 0  # of this run, children included, as the next two
    tool_calls: int = 0
    usage: Usage = field(default_factory=Usage)
    handoffs: int = 0
    handed: Handed | None = None
    repairs: int = 0
    failures: dict[str, int] = field(default_factory=dict[str, int])  # tool name to consecutive failures
    concluding: str = ""
    repeated: int = 0
    fingerprint: tuple[tuple[str, str, str], ...] = ()
    standing: tuple[Standing, ...] = ()  # approvals that hold for later calls of this run
    ended: bool = False
    stopped_by: str = ""
    untrusted: frozenset[str] = frozenset()  # tools whose results, from outside, the conversation holds (S7)

    def apply(self, entry: Entry) -> RunState:
        """The state after one more entry. Raises ConfigurationError for an entry that cannot follow."""
        new = self.copy()
        new.entries = self.entries.plus(entry)
        FOLD[type(entry)](new, entry)
        return new

    def copy(self) -> RunState:
        """A shallow copy; every value in it is shared and never changed in place."""
        new = object.__new__(RunState)
        new.__dict__.update(self.__dict__)
        return new

    @classmethod
    def folded(cls, journal: str, entries: Iterable[Entry], saved: int = 0) -> RunState:
        """The state that these entries lead to."""
        state = cls(journal=journal, saved=saved)
        for entry in entries:
            state = state.apply(entry)
        return state

    @classmethod
    def of(cls, error: AgentKitError) -> RunState:
        """The state that an error out of a run carries. Raises ConfigurationError if it carries none."""
        if isinstance(error.state, RunState):
            return error.state
        raise ConfigurationError(f"this {type(error).__name__} did not come out of a run, so it has no state")

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation so far, always sendable: every call has its tool message, in call order (I1)."""
        if not self.calls:
            return tuple(self.settled)
        return (*self.settled, *replies(self.calls.values()))

    @property
    def new_messages(self) -> tuple[Message, ...]:
        """The messages since this run began, its input included."""
        return self.messages[self.run_from :]

    @property
    def open_calls(self) -> list[Call]:
        """Tool calls the conversation still owes a reply."""
        return [call for call in self.calls.values() if call.phase != "done"]

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """The calls that wait for somebody: approve, deny, answer or retry each, then run the state."""
        found: list[Waiting] = []
        for call in self.calls.values():
            phase = call.phase
            if phase in ("approval", "external", "unknown"):
                expires = call.admitted.expires if call.admitted is not None and phase == "approval" else None
                found.append(Waiting(call.ref, call.name, call.arguments, phase, expires))
            elif call.child is not None and phase != "done":
                inner = call.child.waiting
                found += [replace(waiting, call=f"{call.ref}/{waiting.call}") for waiting in inner]
        return tuple(found)

    def approve(
        self,
        call: Waiting | str,
        arguments: dict[str, object] | None = None,
        *,
        always: bool | dict[str, object] = False,
    ) -> RunState:
        """Let a waiting call run, once, as it waits.

        arguments: given instead, they make another call: the run validates them, and waits for its approval (S3).
        always: True, and later calls of this run to this tool are approved too; `{"order": 7}`, and those with this
        argument are (S5). Of another run, another tool or changed code: never.
        """
        if arguments is not None:
            if always is not False:
                raise ConfigurationError("edited arguments are approved when they wait: give always= then")
            edited = to_json(arguments).decode()
            return self._decided(call, ("approval",), lambda ref: Decision(ref, "approve", arguments=edited))
        values = self._scope(call, always)
        return self._decided(call, ("approval",), lambda ref: Decision(ref, "approve", always=values))

    def _scope(self, call: Waiting | str, always: object) -> dict[str, Any] | None:
        """What a standing approval covers, as plain data. Raises ConfigurationError for what does not fit the call."""
        if isinstance(always, bool):
            return {} if always else None
        remedy = "give True, or values of this call's arguments: always={'order': 7}"
        try:
            values: Any = from_json(to_json(always))
        except ValueError:
            raise ConfigurationError(f"always={always!r} is not plain data; {remedy}") from None
        waiting = self._waiting(call)
        if (
            not is_json(values)
            or not values
            or not Standing("", "", values).covers(Admitted("", waiting.arguments, "write"))
        ):
            raise ConfigurationError(
                f"always={always!r} does not fit the call, whose arguments are {waiting.arguments}; {remedy}"
            )
        return values

    def deny(self, call: Waiting | str, reason: str = "") -> RunState:
        """Do not run a waiting call; the model is told why. For an unknown outcome: it is told that."""
        if self._waiting(call).why == "unknown":
            return self._decided(call, ("unknown",), lambda ref: Decision(ref, "tell_model", reason))
        return self._decided(call, ("approval", "external"), lambda ref: Decision(ref, "deny", reason))

    def answer(self, call: Waiting | str, result: object) -> RunState:
        """Give the result of an external call, or of a call whose outcome you found out."""
        text = result if isinstance(result, str) else to_json(result, fallback=str).decode()
        return self._decided(call, ("external", "unknown"), lambda ref: Result(ref, "ok", text))

    def retry(self, call: Waiting | str) -> RunState:
        """Run a call again whose outcome is unknown: it may then take effect twice."""
        return self._decided(call, ("unknown",), lambda ref: Decision(ref, "retry"))

    def decide(
        self,
        call: Waiting | str,
        *,
        approve: bool | None = None,
        reason: str = "",
        retry: bool = False,
        tell_model: bool = False,
        result: object = None,
    ) -> RunState:
        """One door to approve, deny, answer and retry."""
        if (approve is not None) + retry + tell_model + (result is not None) > 1:
            raise ConfigurationError(
                "decide takes one of approve=, retry=, tell_model= and result=, and was given more"
            )
        if approve is not None:
            return self.approve(call) if approve else self.deny(call, reason)
        if retry:
            return self.retry(call)
        if tell_model:
            return self.deny(call, reason)
        return self.answer(call, result)

    def _waiting(self, call: Waiting | str) -> Waiting:
        name = call if isinstance(call, str) else getattr(call, "call", call)
        for waiting in self.waiting:
            if waiting.call == name:
                return waiting
        names = ", ".join(w.call for w in self.waiting) or "none"
        raise ConfigurationError(f"call {name!r} does not wait for anybody; waiting calls: {names}")

    def _decided(self, call: Waiting | str, allowed: tuple[str, ...], entry_for: Callable[[str], Entry]) -> RunState:
        waiting = self._waiting(call)
        if waiting.why not in allowed:
            verbs = _VERBS[waiting.why]
            raise ConfigurationError(f"call {waiting.call!r} waits for {waiting.why}: use {verbs}")
        *path, ref = waiting.call.split("/")
        entry = entry_for(ref)
        for outer in reversed(path):
            entry = Nested(outer, entry)
        return self.apply(entry)

    def at(self, path: tuple[str, ...]) -> RunState:
        """The state of the agent that runs inside these calls, outermost first."""
        state = self
        for ref in path:
            child = state.calls[ref].child
            if child is None:
                raise ConfigurationError(f"no agent runs inside call {ref!r}")
            state = child
        return state

    def model_dump_json(self) -> str:
        """The state as plain JSON: a version and the entries. `model_validate_json` reads it anywhere."""
        head = json.dumps({"version": VERSION, "journal": self.journal, "saved": self.saved})
        body = b",".join(dump_entry(entry) for entry in self.entries)
        return f'{head[:-1]}, "entries": [{body.decode()}]}}'

    @classmethod
    def model_validate_json(cls, text: str | bytes) -> RunState:
        """Read what `model_dump_json` wrote. Runs no code; raises ConfigurationError for anything else (S1)."""
        try:
            data = from_json(text)
        except ValueError as error:
            raise ConfigurationError(f"this is not a saved run state: {error}") from None
        if not is_json(data) or set(data) != {"version", "journal", "saved", "entries"}:
            raise ConfigurationError("this is not a saved run state: expected version, journal, saved and entries")
        if data["version"] != VERSION:
            raise ConfigurationError(f"this run state has version {data['version']!r}; this agentkit reads {VERSION}")
        try:
            return cls.folded(data["journal"], load_entries(data["entries"]), data["saved"])
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ConfigurationError(f"this run state is damaged at entries.{where}: {first['msg']}") from None

    def __repr__(self) -> str:
        return f"RunState(run_id={self.run_id!r}, agent={self.agent!r}, entries={len(self.entries)})"


_VERBS = {
    "approval": "approve or deny",
    "external": "answer or deny",
    "unknown": "retry, answer or deny",
}
