"""Node: one piece of a run's work and what happened inside it, wherever it was read from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Node:
    """A span of a trace file, or an entry of a journal. start: seconds since 1970; seconds: how long, if known."""

    name: str
    start: float | None = None
    seconds: float | None = None
    error: str = ""
    notes: list[str] = field(default_factory=list[str])
    about: dict[str, object] = field(default_factory=dict[str, object])
    children: list[Node] = field(default_factory=list["Node"])

    @property
    def tokens(self) -> tuple[int, int] | None:
        """Input and output tokens, where they are known."""
        given, made = (self.about.get(f"gen_ai.usage.{kind}_tokens") for kind in ("input", "output"))
        return (given, made) if isinstance(given, int) and isinstance(made, int) else None

    @property
    def id(self) -> str:
        """The run's id, of a run; empty where there is none."""
        return str(self.about.get("agentkit.run.id", ""))

    def walk(self, depth: int = 0) -> Iterator[tuple[Node, int]]:
        """This node and all inside, each before what is inside it, with its depth."""
        yield self, depth
        for child in self.children:
            yield from child.walk(depth + 1)

    @property
    def end(self) -> float | None:
        """When it ended, as far as that is known."""
        ends = [n.start + (n.seconds or 0) for n, _ in self.walk() if n.start is not None]
        return max(ends, default=None)


def seconds_text(seconds: float | None) -> str:
    """A duration as a person reads it."""
    if seconds is None:
        return ""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s" if seconds < 100 else f"{seconds:.0f} s"


def tokens_text(node: Node) -> str:
    """Tokens in and out."""
    return f"{node.tokens[0]} + {node.tokens[1]} tokens" if node.tokens is not None else ""
