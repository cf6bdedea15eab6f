"""A journal as people read it: what was said, and each turn of the model with its calls."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from agentkit.chat import AssistantMessage, Json, Message, ToolMessage, UserMessage, joined
from agentkit.journal import Call, Completion, Entry, Input, Rewound, RunState, Told, Waiting


class Transcript:
    """The items of a conversation, oldest first, and the state they lead to."""

    def __init__(self, journal: str, entries: Sequence[Entry]) -> None:
        self.items: list[Json] = []
        self.agent = ""  # the one that was asked last
        self.state = RunState(journal=journal, saved=len(entries))
        self._calls: dict[str, Call] = {}  # all of the journal
        for position, entry in enumerate(entries):
            self.state = self.state.apply(entry)
            self._calls.update(self.state.calls)
            self._add(entry, entries[:position] if isinstance(entry, Rewound) else ())

    def _add(self, entry: Entry, before: Sequence[Entry]) -> None:
        match entry:
            case Input(messages=messages, agent=agent):
                self.agent = agent
                self.items += [_said(message) for message in messages if not isinstance(message, ToolMessage)]
            case Completion(message=message, usage=usage):
                turn: Json = {"kind": "turn", "turn": self.state.turn - 1, "agent": self.state.agent}
                told = None if usage is None else usage.to_json()
                said: Json = {
                    "text": message.text or message.refusal or "",
                    "reasoning": message.reasoning,
                    "usage": told,
                }
                self.items.append({**turn, **said, "calls": list(self.state.calls)})
            case Told(text=text):
                self.items.append({"kind": "note", "text": text})
            case Rewound(to=to):
                past = Transcript("", before[:to])
                self.items, self.agent = past.items, past.agent
            case _:
                pass

    def told(self) -> list[Json]:
        """The items, with their calls."""
        return [
            {**item, "calls": [self._call(ref) for ref in item["calls"]]} if "calls" in item else item
            for item in self.items
        ]

    def _call(self, ref: str) -> Json:
        call, open_ = self._calls[ref], ref in self.state.calls
        done = call.phase == "done" or not open_
        told: Json = {"call": ref, "tool": call.name, "arguments": call.arguments, "attempts": call.attempt}
        effect = call.admitted.effect if call.admitted is not None else None
        return {**told, "effect": effect, "status": _status(call, open_), "result": call.content if done else None}

    @property
    def status(self) -> str:
        """How the conversation stands: empty, waiting, done, or interrupted."""
        if not self.state.run_id:
            return "empty"
        if self.state.waiting:
            return "waiting"
        return "done" if self.state.ended else "interrupted"

    @property
    def waiting(self) -> list[Json]:
        """The calls that wait for a decision, each with the digest that the decision names."""
        return [self._waiting(call) for call in self.state.waiting]

    def _waiting(self, waiting: Waiting) -> Json:
        *path, ref = waiting.call.split("/")
        admitted = self.state.at(tuple(path)).calls[ref].admitted
        told: Json = {"call": waiting.call, "tool": waiting.tool, "arguments": waiting.arguments, "why": waiting.why}
        effect = admitted.effect if admitted is not None else None
        return {**told, "effect": effect, "expires": waiting.expires, "digest": digest(waiting)}


def digest(waiting: Waiting) -> str:
    """What a decision is for: this call of this tool with exactly these arguments (64 hex digits, S3)."""
    text = "\0".join((waiting.call, waiting.why, waiting.tool, waiting.arguments))
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _said(message: Message) -> Json:
    text = joined(getattr(message, "content", None))
    if isinstance(message, AssistantMessage):
        return {"kind": "turn", "turn": None, "agent": None, "text": text, "reasoning": "", "usage": None, "calls": []}
    return {"kind": "user" if isinstance(message, UserMessage) else "note", "text": text}


def _status(call: Call, open_: bool) -> str:
    """The status of its result, or how far it got."""
    if call.result is not None:
        return call.result.status
    verdict = call.decision.verdict if call.decision is not None else ""
    if verdict == "deny":
        return "denied"
    if verdict == "tell_model" or call.phase == "unknown":
        return "unknown"
    return call.phase if open_ else "cancelled"
