"""The server's own OpenAPI document, made from the types that check its requests and write its answers."""

from __future__ import annotations

from functools import lru_cache

from agentkit.chat import Json


@lru_cache
def description() -> Json:
    """x"""
    return {}
