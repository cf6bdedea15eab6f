"""What each agent of a run spent, read off the journal."""

from __future__ import annotations

from collections.abc import Sequence

from agentkit.chat import Usage

from .entry import AgentChanged, Attempted, Compacted, Completion, Entry, Input, Nested, Rewound
from .fold import spent


def usage_by_agent(entries: Sequence[Entry]) -> dict[str, Usage]:
    """The usage of the newest run by the name of the agent that asked, agents inside others by their own."""
    return _read(entries)[0]


def _read(entries: Sequence[Entry]) -> tuple[dict[str, Usage], dict[tuple[str, ...], str]]:
    found: dict[str, Usage] = {}
    speaks: dict[tuple[str, ...], str] = {}  # who speaks inside these calls
    for entry in entries:
        path: tuple[str, ...] = ()
        while isinstance(entry, Nested):
            path, entry = (*path, entry.call), entry.entry
        if isinstance(entry, Input):
            found, speaks = (found, speaks) if path else ({}, {})
            speaks[path] = entry.agent
        elif isinstance(entry, AgentChanged):
            speaks[path] = entry.agent
        elif isinstance(entry, Rewound):
            found, speaks = _read(entries[: entry.to])
        elif isinstance(entry, Completion | Attempted | Compacted):
            name = speaks.get(path, "")
            found[name] = spent(found.get(name, Usage()), entry)
    return {name: usage for name, usage in found.items() if usage.requests}, speaks
