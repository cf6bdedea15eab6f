"""Reading a journal: its entries as trees of nodes, one for each run."""

from __future__ import annotations

from collections.abc import Iterable

from agentkit.chat import CompletionUsage, Usage
from agentkit.journal import (
    Admitted,
    AgentChanged,
    Attempted,
    Completion,
    Decision,
    Ended,
    Entry,
    Input,
    Nested,
    Result,
    Rewound,
    Started,
    Told,
)

from .node import Node


def runs_of(entries: Iterable[tuple[Entry, float | None]]) -> list[Node]:
    """The runs of a journal, oldest first. Times are those at which the entries were written into the store."""
    reader = _Reader()
    for entry, at in entries:
        reader.read(entry, at)
    return reader.runs


class _Reader:
    """Reads one agent's journal; an agent that runs as a tool has a reader of its own inside its call."""

    def __init__(self) -> None:
        self.runs: list[Node] = []
        self._speaker = Node("")
        self._turn = 0
        self._calls: dict[str, Node] = {}
        self._inner: dict[str, _Reader] = {}

    def read(self, entry: Entry, at: float | None) -> None:
        """One entry."""
        match entry:
            case Input(run_id, agent, _):
                self._speaker = Node(f"invoke_agent {agent}", at, about={"agentkit.run.id": run_id})
                self.runs.append(self._speaker)
            case Nested(call, inner):
                self._nested(call, inner, at)
            case Completion():
                self._completion(entry, at)
            case AgentChanged(agent):
                self._speaker = Node(f"invoke_agent {agent}", at)
                self.runs[-1].children.append(self._speaker)
            case Admitted() | Started() | Result() | Decision():
                self._call(entry, at)
            case Ended(stopped_by):
                if stopped_by:
                    self.runs[-1].notes.append(f"concluded by {stopped_by}")
                self._sum(at)
            case _:
                self._add(_mark(entry, at))

    def _add(self, node: Node) -> Node:
        self._speaker.children.append(node)
        return node

    def _completion(self, entry: Completion, at: float | None) -> None:
        self._add(Node("chat", at, notes=[entry.finish_reason or ""], about=_spent(entry.usage)))
        for ordinal, call in enumerate(entry.message.calls):
            node = self._add(Node(f"execute_tool {call.name}", notes=[]))
            self._calls[f"{self._turn}.{ordinal}"] = node
        self._turn += 1
        self._sum(at)

    def _call(self, entry: Admitted | Started | Result | Decision, at: float | None) -> None:
        node = self._calls.get(entry.call, Node(""))
        match entry:
            case Admitted(wants="approval"):
                node.notes.append("needs approval")
            case Started(_, attempt):
                node.start = at
                node.notes += [f"attempt {attempt}"] if attempt > 1 else []
            case Result(_, status):
                node.start = node.start if node.start is not None else at
                node.error = "" if status == "ok" else status
            case Decision(_, verdict):
                node.notes.append({"approve": "approved", "deny": "denied"}.get(verdict, verdict))
            case _:
                pass

    def _nested(self, call: str, entry: Entry, at: float | None) -> None:
        inner = self._inner.setdefault(call, _Reader())
        inner.read(entry, at)
        node = self._calls.get(call)
        if node is not None:
            node.children = inner.runs

    def _sum(self, at: float | None) -> None:
        """The run so far: its tokens, and how long it took."""
        if not self.runs:
            return
        run = self.runs[-1]
        counts = [n.tokens for n, depth in run.walk() if depth and n.name == "chat" and n.tokens is not None]
        run.about["gen_ai.usage.input_tokens"] = sum(given for given, _ in counts)
        run.about["gen_ai.usage.output_tokens"] = sum(made for _, made in counts)
        if run.start is not None and at is not None:
            run.seconds = at - run.start


def _mark(entry: Entry, at: float | None) -> Node:
    match entry:
        case Attempted(error, _, usage):
            return Node("chat", at, error=error, about=_spent(usage))
        case Told(why, text):
            return Node(f"told: {why}", at, notes=[text.splitlines()[0]])
        case Rewound(to):
            return Node(f"rewound to entry {to}", at)
        case _:
            return Node(entry.kind, at)


def _spent(usage: CompletionUsage | None) -> dict[str, object]:
    if usage is None:
        return {}
    total = Usage().plus(usage)
    return {"gen_ai.usage.input_tokens": total.prompt_tokens, "gen_ai.usage.output_tokens": total.completion_tokens}
