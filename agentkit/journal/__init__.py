"""The journal: what happened, and the state it leads to."""

from .call import Call, Phase, Waiting, idempotency_key
from .entry import (
    Admitted,
    AgentChanged,
    Attempted,
    Compacted,
    Completion,
    Decision,
    Effect,
    Ended,
    Entry,
    Input,
    Nested,
    Result,
    Resumed,
    Rewound,
    Started,
    Status,
    Told,
    Verdict,
    Why,
    dump_entry,
    load_entry,
)
from .fold import fingerprint
from .history import mended
from .postgres import PostgresStore
from .session import MemoryStore, Session
from .signing import sign, verify
from .spending import usage_by_agent
from .sqlite import SQLiteStore
from .state import RunState
from .store import Ownership, Store
from .trail import Trail

__all__ = [
    "Admitted",
    "AgentChanged",
    "Attempted",
    "Call",
    "Compacted",
    "Completion",
    "Decision",
    "Effect",
    "Ended",
    "Entry",
    "Input",
    "MemoryStore",
    "Nested",
    "Ownership",
    "Phase",
    "PostgresStore",
    "Result",
    "Resumed",
    "Rewound",
    "RunState",
    "SQLiteStore",
    "Session",
    "Started",
    "Status",
    "Store",
    "Told",
    "Trail",
    "Verdict",
    "Waiting",
    "Why",
    "dump_entry",
    "fingerprint",
    "idempotency_key",
    "load_entry",
    "mended",
    "sign",
    "usage_by_agent",
    "verify",
]
