"""Middleware: ready-made layers around runs, model requests and tool calls."""

from .budget import Budget
from .cache import Cache
from .compaction import Compaction
from .guardrails import Guardrails
from .prices import Price, cost, cost_of
from .redact import Redact
from .tracefile import TraceFile
from .tracing import Tracing
from .untrusted import Untrusted, after_untrusted

__all__ = [
    "Budget",
    "Cache",
    "Compaction",
    "Guardrails",
    "Price",
    "Redact",
    "TraceFile",
    "Tracing",
    "Untrusted",
    "after_untrusted",
    "cost",
    "cost_of",
]
