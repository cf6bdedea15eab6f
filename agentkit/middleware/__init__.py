"""Middleware: ready-made layers around runs, model requests and tool calls."""

from .tracefile import TraceFile
from .tracing import Tracing

__all__ = ["TraceFile", "Tracing"]
